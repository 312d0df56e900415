/*
 * spf.h - Sender Policy Framework (RFC 7208): may this address send for that domain?
 *
 * An evaluator of our own: see docs/adr for why not a library. It does no I/O (facts.h): SPF_WAIT
 * means that wishes were added, to be looked up before the next call. Every syntax error of a
 * record is found before any of its mechanisms is looked at (4.6); ten terms that ask DNS and two
 * void answers are the limits over all records of a check (4.6.4), MX and PTR hosts are ten each.
 */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

#include "sender/facts.h"

enum spf_result {
	SPF_WAIT,
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR
};

struct spf_query {
	struct sockaddr_storage peer; /* an IPv4-mapped address counts as IPv4 (5) */
	struct str helo;
	struct str sender;   /* of MAIL FROM; empty: the null reverse-path, HELO is checked (2.4) */
	struct str receiver; /* our host name, for %{r} */
	int64_t now;         /* seconds since the epoch, for %{t} */
};

struct spf_answer {
	enum spf_result result;
	struct str domain;    /* the one that was checked */
	struct str mechanism; /* the term that decided, as published; empty: none did */
	struct str
	    explanation; /* of the sender's domain, for a fail (6.2): untrusted ASCII; else empty */
	struct str problem; /* words about a permanent or temporary error */
};

/* check_host() of 4. Strings of the answer are in the facts' arena. */
enum spf_result spf_check(const struct spf_query *q, struct facts *f, struct spf_answer *out);

/* "pass", as Received-SPF and Authentication-Results have it (9.1, RFC 8601 2.7.2). */
const char *spf_result_name(enum spf_result r);
