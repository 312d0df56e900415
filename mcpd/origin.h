/*
 * origin.h - what mail has said in an agent session: addresses and names of hosts in its text, and
 * to whom else it went, so that a recipient which came from there is shown as such when a human is
 * asked (Approval's `origins`; docs/adr/0032-agents-and-approvals.md).
 *
 * Each value is kept with the first email that said it. Bounded: once full, whatever is asked for
 * and not known counts as said by the email that did not fit, so that flooding hides nothing.
 */
#pragma once

#include "base/str.h"

#define ORIGIN_VALUES_MAX 4096u
#define ORIGIN_EMAIL_SIZE 32u

struct origins;

struct origin {
	char email[ORIGIN_EMAIL_SIZE]; /* its JMAP id */
	const char *where;             /* "body", "subject", "name", "attachment", "to", "cc" … */
};

struct origins *origins_new(void);
void origins_free(struct origins **o); /* NULL inside is fine */

/* Text that an agent was given. where is a constant. */
void origins_see(struct origins *o, struct str text, struct str email, const char *where);
/* Which mail said this address, or anything of its host; NULL: none. */
const struct origin *origins_find(const struct origins *o, struct str address);
