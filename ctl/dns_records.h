/*
 * dns_records.h - the records that a domain needs so that the world takes its mail, and what of
 * them is served.
 */
#pragma once

#include "ctl/ctl.h"
#include "ctl/zone.h"

struct want {
	const char *what; /* "MX", "SPF" … */
	const char *why;  /* a comment above it in the zone file; NULL: as for the one before */
	struct str name;
	enum dns_type type;
	struct str text; /* the right side as dns lookup prints it; of TXT the text */
	bool needed;     /* mail suffers without it */
	bool elsewhere;  /* in somebody else's zone, or not known here: only advice */
	/* Is it there? NULL: the same text. */
	bool (*there)(const struct want *w, const struct dns_answer *r);
};

#define WANTS_MAX 64u

struct wants {
	struct want v[WANTS_MAX];
	size_t n;
	struct str domain, host;
	const char *tlsa_problem; /* why there is no TLSA record; NULL */
};

/* What the world serves, held against what should be. */
struct dns_found {
	const char *what, *status; /* "MX", "missing" */
	struct str name, why, record;
	bool ok;
	bool bad; /* where it is not ok: mail suffers */
};

typedef void (*dns_check_fn)(void *arg, const struct dns_found *f);
/* Each record of each of our domains (dns_check.c). */
int dns_check_each(dns_check_fn fn, void *arg, struct err *e);

/* As lines of a zone file (dns_check.c). */
int dns_print(struct str domain, struct err *e);
/* Those of a domain with this configuration and these keys. */
int dns_records(struct str domain, struct wants *out, struct err *e);
