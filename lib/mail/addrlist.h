/*
 * addrlist.h - address lists of header fields (RFC 5322 3.4 with the obsolete forms of 4.4), as
 * IMAP's ENVELOPE wants them.
 *
 * Takes any octets: what is no address is passed over. Encoded words are left as they are
 * (rfc2047.h).
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

#define ADDRLIST_MAX 10000u /* the rest of a longer list is dropped */

/* A group is two markers around its members: at the start mailbox is the group's name and host is
 * STR_NONE, at the end both are STR_NONE (RFC 9051 7.5.2). Only host tells: a mailbox always has
 * one, be it empty. */
struct addr {
	struct str name; /* display name without quotes, or the comment behind an old address; else
			    STR_NONE */
	struct str adl;  /* source route "@a,@b"; else STR_NONE */
	struct str mailbox; /* local part, without quotes */
	struct str host;
};

struct addrlist {
	struct addr *v;
	size_t n;
};

/* value: the field's value, folded or not. Strings borrow from value where they can, else are in a.
 */
void addrlist_parse(struct str value, struct arena *a, struct addrlist *out);
