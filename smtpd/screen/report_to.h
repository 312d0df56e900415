/*
 * report_to.h - who may get reports about a domain (RFC 9990 4, RFC 9991 5).
 *
 * A function of facts (sender/facts.h). Addresses inside the organization of the domain that
 * published the policy get them; others only where their domain says so, in TXT at
 * <policy domain>._report._dmarc.<their host>, which may also name another address of the same
 * host. Only mailto: is known.
 */
#pragma once

#include "sender/dmarc.h"

#define REPORT_TO_MAX 5u /* addresses that one report goes to */

struct report_to {
	struct str address; /* host as A-labels */
	uint64_t max;       /* octets of the message; 0: any */
};

enum report_to_result {
	REPORT_TO_WAIT,
	REPORT_TO_LATER, /* no answer for some of it now */
	REPORT_TO_DONE
};

struct report_to_query {
	struct str policy_domain;
	bool failure; /* ruf, not rua */
	const struct dmarc_uri *uris;
	size_t n;
};

/* out: REPORT_TO_MAX of them. Strings are in the facts' arena. */
enum report_to_result
report_to_find(const struct report_to_query *q, struct facts *f, struct report_to *out, size_t *n);
