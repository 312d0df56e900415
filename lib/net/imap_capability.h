/*
 * imap_capability.h - the extensions of IMAP that the suite speaks.
 *
 * One list for the front and the owner: clients that ask only before login (imaplib) learn of all.
 */
#pragma once

#define IMAP_CAPABILITIES                                                             \
	"IMAP4rev1 LITERAL+ IDLE NAMESPACE UIDPLUS MOVE UNSELECT ID ENABLE CHILDREN " \
	"LIST-EXTENDED "                                                              \
	"LIST-STATUS SPECIAL-USE STATUS=SIZE QUOTA QUOTA=RES-STORAGE CONDSTORE QRESYNC OBJECTID"
