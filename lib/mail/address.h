/*
 * address.h - mail addresses as SMTP knows them (RFC 5321 4.1.2, RFC 6531 3.3), and addresses of
 * ours.
 *
 * Lists in header fields, with names and groups, are in addrlist.h. All results are in the caller's
 * arena. Errors are E_INVAL, or E_LIMIT where RFC 5321 4.5.3.1 sets a length, with a text fit for
 * an SMTP reply.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define ADDRESS_LOCAL_MAX  64u  /* RFC 5321 4.5.3.1.1 */
#define ADDRESS_DOMAIN_MAX 255u /* RFC 5321 4.5.3.1.2 */
#define ADDRESS_PATH_MAX   256u /* RFC 5321 4.5.3.1.3, with its brackets */

#define ADDRESS_UTF8 0x01u /* non-ASCII is allowed: SMTPUTF8 was given */
#define ADDRESS_NULL 0x02u /* "<>" is allowed: the reverse-path */
#define ADDRESS_POSTMASTER                                                    \
	0x04u /* "<Postmaster>" without a domain is allowed: the forward-path \
	       */

struct address {
	struct str
	    text; /* local@domain, the local part quoted where it must be; empty: the null path */
	struct str local; /* without quotes, case as given */
	struct str
	    domain;   /* lower case, NFC; empty after "<Postmaster>"; a literal with its brackets */
	bool literal; /* the domain is "[192.0.2.1]" or "[IPv6:…]" */
	bool utf8;    /* something in it is not ASCII: needs SMTPUTF8 on the way */
};

/* Takes a Path, "<…>" with its source route dropped (RFC 5321 appendix C), from the front of *in
 * and moves *in behind it. flags: ADDRESS_ bits. */
int
address_path(struct str *in, unsigned flags, struct arena *a, struct address *out, struct err *e);

/* All of s is a Mailbox, without brackets. */
int
address_parse(struct str s, unsigned flags, struct arena *a, struct address *out, struct err *e);

/* A Domain alone (what the operator adds, HELO): lower case and NFC into *out. Literals are
 * refused. */
int address_domain(struct str s, unsigned flags, struct arena *a, struct str *out, struct err *e);

/* The one form in which addresses of ours are compared and kept ("user" everywhere): as
 * address_parse() with ADDRESS_UTF8, the local part in lower case too. */
int address_canonical(struct str s, struct arena *a, struct str *out, struct err *e);

/* Splits "user+tag" at the first sep; *tag is STR_NONE when there is none. Never leaves *user
 * empty. */
void address_split_tag(struct str local, char sep, struct str *user, struct str *tag);

/* Splits "local@domain" at the last '@'; false when there is none. */
bool address_split(struct str address, struct str *local, struct str *domain);

/* What stands behind the last '@'; empty where there is none. */
struct str address_host(struct str address);

#define ADDRESS_HOME_SIZE (ADDRESS_DOMAIN_MAX + 1 + ADDRESS_LOCAL_MAX + 1)
/* "<domain>/<local>" of a user address, for the file system. Refuses (E_INVAL) what would not be
 * one plain name each: '/', NUL, control characters, a leading '.', a literal domain, an address
 * that is not canonical. */
int address_home(struct str user, char out[ADDRESS_HOME_SIZE], struct err *e);
