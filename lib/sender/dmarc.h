/*
 * dmarc.h - DMARC (RFC 9989): does the author's domain stand behind this message, and what does it
 * ask for when not?
 *
 * No I/O: DMARC_WAIT means that wishes were added to the facts (facts.h), to be looked up before
 * the next call. The organizational domain is found by the DNS tree walk of 4.10, eight questions a
 * domain at most; no public suffix list is used.
 */
#pragma once

#include <stdint.h>

#include "sender/facts.h"
#include "sender/spf.h"

enum dmarc_policy {
	DMARC_UNSET,  /* the tag is not there */
	DMARC_WRONG,  /* its value is none of these */
	DMARC_ACCEPT, /* "none" */
	DMARC_QUARANTINE,
	DMARC_REJECT
};

enum dmarc_psd {
	DMARC_PSD_U,
	DMARC_PSD_Y,
	DMARC_PSD_N
};

#define DMARC_FO_0 0x01u /* failure reports: all mechanisms fail to pass aligned */
#define DMARC_FO_1 0x02u /* any fails to */
#define DMARC_FO_D 0x04u /* a DKIM signature fails */
#define DMARC_FO_S 0x08u /* SPF fails */

#define DMARC_URIS_MAX 20u /* of one tag; the rest is dropped */

struct dmarc_uri {
	struct str uri;
	uint64_t max; /* octets that go there, of the obsolete "!10m" (RFC 7489 6.2); 0: no limit */
};

struct dmarc_record {
	struct str text; /* as published */
	enum dmarc_policy p, sp, np;
	bool strict_dkim, strict_spf, testing;
	enum dmarc_psd psd;
	unsigned fo; /* DMARC_FO_ bits */
	struct dmarc_uri *rua;
	size_t nrua;
	struct dmarc_uri *ruf;
	size_t nruf;
};

/* A DKIM signature that was looked at. */
struct dmarc_signature {
	struct str domain; /* d= */
	bool pass;
	bool temporary; /* it could not be decided */
};

struct dmarc_query {
	struct str author;     /* domain of From, A-labels, lower case (5.3.1) */
	struct str spf_domain; /* of MAIL FROM; HELO does not count (4.4.2) */
	enum spf_result spf;
	const struct dmarc_signature *signatures;
	size_t nsignatures;
};

enum dmarc_result {
	DMARC_WAIT,
	DMARC_NONE, /* no policy, nothing applies */
	DMARC_PASS,
	DMARC_FAIL,
	DMARC_TEMPERROR,
	DMARC_PERMERROR /* a record that is no use */
};

struct dmarc_answer {
	enum dmarc_result result;
	struct dmarc_record record;  /* the one that applies; text is empty without one */
	struct str policy_domain;    /* where it was found */
	struct str organization;     /* organizational domain of the author */
	enum dmarc_policy published; /* p, sp or np, whichever applies: DMARC_ACCEPT and above */
	enum dmarc_policy policy;    /* what is asked for: one step less under t=y (4.7) */
	const char *policy_tag;      /* "p", "sp", "np" */
	bool spf_aligned, dkim_aligned;
	struct str problem; /* words about an error */
};

/* False when text is no DMARC record: another version, or "v" is not its first tag. Syntax errors
 * in the rest are passed over (4.8). */
bool dmarc_record_parse(struct str text, struct arena *a, struct dmarc_record *out);

/* Strings of the answer are in the facts' arena, or borrowed from the query. */
enum dmarc_result
dmarc_check(const struct dmarc_query *q, struct facts *f, struct dmarc_answer *out);

/* The organizational domain of one (4.10.2): DMARC_PASS with *out, DMARC_WAIT, or DMARC_TEMPERROR.
 */
enum dmarc_result dmarc_organization(struct str domain, struct facts *f, struct str *out);

/* "pass" (RFC 8601 2.7.6) and "quarantine". */
const char *dmarc_result_name(enum dmarc_result r);
const char *dmarc_policy_name(enum dmarc_policy p);
