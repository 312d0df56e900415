/*
 * check.h - what SPF, DKIM and DMARC say about one message, and what follows from it.
 *
 * No I/O: the message is fed in, check_run() says CHECK_WAIT while facts are wished for
 * (sender/facts.h).
 */
#pragma once

#include "sender/dmarc.h"
#include "sender/facts.h"
#include "sender/spf.h"
#include "smtpd/dkim/dkim_verify.h"
#include "smtpd/screen/author.h"

/* How far a policy of the author's domain is followed: dmarc.enforce. */
enum check_enforce {
	ENFORCE_NONE,       /* only told, in Authentication-Results */
	ENFORCE_QUARANTINE, /* reject too is taken for quarantine */
	ENFORCE_REJECT
};

/* screen.spf_engine */
enum check_spf {
	CHECK_SPF_OWN,
	CHECK_SPF_LIBSPF2
};

struct check_query {
	struct str mid;
	struct sockaddr_storage peer;
	struct str helo;
	struct str sender; /* of MAIL FROM */
	struct str host;   /* ours: authserv-id, and %{r} of SPF */
	int64_t now;
	enum check_enforce enforce;
	enum check_spf spf_engine;
};

enum check_verdict {
	CHECK_WAIT,
	CHECK_ACCEPT,
	CHECK_JUNK,
	CHECK_REJECT,
	CHECK_DEFER
};

struct check_result {
	enum check_verdict verdict;
	struct str text;   /* for a reply that refuses: without code, one line of printable ASCII */
	struct str fields; /* Authentication-Results, with CRLF */
	struct author_cut cuts[AUTHOR_CUTS_MAX]; /* octets of the message to leave out */
	size_t ncuts;
	struct spf_answer spf;
	const struct dkim_signature *signatures;
	size_t nsignatures;
	struct str author; /* empty: none that DMARC could use */
	struct dmarc_answer dmarc;
};

struct check;

/* The query's strings are copied. */
struct check *check_new(const struct check_query *q);
/* The message in pieces, as it came, with CRLF line ends. -1: E_LIMIT, a header past all measure.
 */
int check_feed(struct check *c, struct str octets, struct err *e);
/* After the last piece, and again when facts have come. The result lives as long as c. */
enum check_verdict check_run(struct check *c, const struct check_result **out);
struct facts *check_facts(struct check *c);
void check_free(struct check **c);

const char *check_verdict_name(enum check_verdict v);

/* results.c: Authentication-Results (RFC 8601), whole, with CRLF, at most a few kilobytes: values
 * that come from the message are quoted and cut. */
struct str results_make(const struct check_query *q, const struct check_result *r, struct arena *a);
