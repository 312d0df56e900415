/*
 * resolve.h - from an address to the mailboxes it leads to, and to addresses at other hosts.
 *
 * In this order: a user; an alias; the same without its tag; postmaster and abuse (RFC 5321 4.5.1,
 * RFC 2142); the catch-all of the domain. Aliases lead on to aliases, within bounds.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db.h"
#include "ipc/msg.h"

#define RESOLVE_DEPTH   16u  /* aliases in a row */
#define RESOLVE_ALIASES 256u /* aliases looked into for one address */
#define RESOLVE_TARGETS 100u /* mailboxes, and addresses at other hosts */

struct resolve_rules {
	char separator;        /* of tags; NUL: none */
	struct str host;       /* server.host_name: its postmaster is ours too */
	struct str postmaster; /* auth.postmaster; empty: the first user */
};

struct resolved {
	enum rcpt_verdict
	    verdict;         /* RCPT_OK, RCPT_NO_USER, RCPT_RELAY (not our domain), RCPT_LOOP */
	struct str *targets; /* each once: user addresses, then addresses at other hosts */
	size_t n, nlocal;
	bool loop; /* a circle was met, whether or not something else was found */
	bool over; /* a bound was met */
};

/* address is canonical. */
int resolve(struct db *db, struct str address, const struct resolve_rules *rules, struct arena *a,
    struct resolved *out, struct err *e);
/* Is the address at this server itself, which is no mail domain? Mail for it would come back to us.
 */
bool resolve_is_host(struct str address, const struct resolve_rules *rules);
/* An address at another host as it is sent to: the local part as it was given, the domain as
 * A-labels in lower case (RFC 5891 5.4). E_INVAL where it cannot be one. */
int resolve_foreign(struct str given, struct arena *a, struct str *out, struct err *e);
/* The same as resolve() for an alias by its name, which may be a catch-all. */
int resolve_alias(struct db *db, struct str alias, const struct resolve_rules *rules,
    struct arena *a, struct resolved *out, struct err *e);
