/*
 * folder.h - names of mailboxes: the one normal form, and the Maildir++ directory of each.
 *
 * Pure functions. A mailbox "a/b" lives in "Maildir/.a.b"; names are UTF-8 in NFC on disk and
 * inside the store, whatever a client's protocol writes instead.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define FOLDER_NAME_MAX      1000 /* octets of a whole mailbox name, NUL not counted */
#define FOLDER_COMPONENT_MAX 200
#define FOLDER_DEPTH_MAX     16
#define FOLDER_DIR_SIZE      264 /* "Maildir/" + a directory name + NUL */

/*
 * Checks a mailbox name as a user gave it (UTF-8, '/' between levels) and puts it into the one form
 * that is stored: NFC, a first component "inbox" in any case as "INBOX". E_INVAL says why not:
 * empty, not UTF-8, control characters, "." or "..", a leading, trailing or double '/', too long or
 * too deep, or a name whose directory would not fit.
 */
int folder_normalize(struct str name, struct buf *out, struct err *e);
/* The directory of a normal name: "INBOX" is "Maildir", "a/b.c" is "Maildir/.a.b%2Ec" ('.' and '%'
 * in a component are written %2E and %25). */
int folder_dir(struct str name, char out[FOLDER_DIR_SIZE], struct err *e);
/* The mailbox name of a directory entry ".a.b%2Ec"; -1 for what folder_dir never writes. */
int folder_of_dir(struct str entry, struct buf *out);
