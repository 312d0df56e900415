/*
 * facts.h - what DNS has said so far, for evaluators without I/O.
 *
 * SPF, DKIM and DMARC are asked about a sender as functions of facts. Where one is missing the
 * evaluator gets NULL, returns "wait", and the name and type stand in the list of wishes. The
 * caller looks these up, puts in what it hears, and calls the evaluator again from its beginning.
 * So an evaluator has no states of its own, and its limits on questions are plain counters.
 *
 * Everything lies in the caller's arena.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Numbers of RFC 1035 3.2.2 and RFC 3596 2.1. */
enum fact_type {
	FACT_A = 1,
	FACT_PTR = 12,
	FACT_MX = 15,
	FACT_TXT = 16,
	FACT_AAAA = 28
};

enum fact_status {
	FACT_WISHED,   /* not known yet */
	FACT_FOUND,    /* records, one or more */
	FACT_NODATA,   /* the name is there, records of the type are not */
	FACT_NXDOMAIN, /* no such name */
	FACT_FAILED    /* no answer, or a bogus one: temporary */
};

struct fact {
	struct fact *next;
	struct str name; /* lower case, without a dot at its end */
	enum fact_type type;
	enum fact_status status;
	/* One a record: 4 or 16 octets of an address, the strings of a TXT joined, or the name that
	 * a PTR or MX leads to (lower case, no dot at the end; MX by preference). */
	struct str *records;
	size_t n;
};

struct facts {
	struct arena *arena;
	struct fact *first;
	struct fact **last;
	size_t count;
};

#define FACTS_MAX 400u /* questions for one message; what goes beyond fails */

void facts_init(struct facts *f, struct arena *a);
/* NULL: not known, and wished for now. Else a fact whose status is not FACT_WISHED. */
const struct fact *facts_get(struct facts *f, struct str name, enum fact_type type);
/* The answer to a wish (or to a question nobody asked yet). records are copied. */
void facts_put(struct facts *f, struct str name, enum fact_type type, enum fact_status status,
    const struct str *records, size_t n);
/* The wishes, one after another: start with NULL; NULL after the last. */
const struct fact *facts_wish(const struct facts *f, const struct fact *after);
/* Can stand in a question (RFC 1035 2.3.4): labels of 1 to 63 octets, 253 in all. */
bool facts_name_ok(struct str name);
