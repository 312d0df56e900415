/*
 * dkim_verify.h - the DKIM signatures of a message (RFC 6376, RFC 8301, RFC 8463), by libopendkim.
 *
 * A signature counts as passed only when the library verified it, its body hash matches, it reports
 * no error, and it is one that we accept: not rsa-sha1, no RSA key under 1,024 bits (RFC 8301 3),
 * no l= (text could be appended). The library alone would say yes to some of these. That a domain
 * calls its key a test (t=y) changes nothing.
 *
 * Keys come from facts (sender/facts.h): DKIM_WAIT means that some were wished for.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "sender/facts.h"

#define DKIM_SIGNATURES_MAX 10u /* looked at, from the top; the others are not */

/* RFC 8601 2.7.1 */
enum dkim_result {
	DKIM_WAIT,
	DKIM_NONE,
	DKIM_PASS,
	DKIM_FAIL,
	DKIM_POLICY, /* it verifies, and we do not accept it */
	DKIM_NEUTRAL,
	DKIM_TEMPERROR,
	DKIM_PERMERROR
};

struct dkim_signature {
	enum dkim_result result;
	struct str domain, selector, algorithm;
	struct str identifier; /* the first octets of b=, for header.b (RFC 6008) */
	struct str problem;    /* words; empty when it passed */
};

struct dkim_verifier;

/* id: for the library's log only. NULL when it has no memory or was built otherwise. */
struct dkim_verifier *dkim_verifier_new(const char *id);
/* The message in pieces, header first, with CRLF line ends. An error (E_INVAL: no message) ends it.
 */
int dkim_verifier_feed(struct dkim_verifier *v, struct str octets, struct err *e);
/* After the last piece, and again when facts have come. DKIM_WAIT, DKIM_NONE without signatures, or
 * DKIM_PASS when one of them passed, else DKIM_FAIL. *out: all that were looked at, in the arena.
 */
enum dkim_result dkim_verifier_end(struct dkim_verifier *v, struct facts *f, struct arena *a,
    const struct dkim_signature **out, size_t *n);
void dkim_verifier_free(struct dkim_verifier **v);

/* "pass" (RFC 8601 2.7.1) */
const char *dkim_result_name(enum dkim_result r);
