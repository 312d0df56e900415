/*
 * check.h - what SPF, DKIM and DMARC say about one message, and what follows from it.
 *
 * No I/O: the message is fed in, check_run() says CHECK_WAIT while facts are wished for
 * (sender/facts.h).
 */
#pragma once

#include "ipc/msg.h"
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
	bool refuse_spf_fail; /* screen.spf_fail */
	uint32_t junk_score;  /* screen.junk_score; 0: none */
	enum screen_iprev iprev;
	struct str client; /* the name of its address, when IPREV_PASS */
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
	enum screen_reason reason;
	struct str text;   /* for a reply that refuses: without code, one line of printable ASCII */
	struct str fields; /* for the top of the message, with CRLF */
	unsigned score;
	struct str reasons; /* score.h */
	struct spf_answer spf;
	const struct dkim_signature *signatures;
	size_t nsignatures;
	struct str dkim_problem; /* no signature could be looked at */
	struct str author;       /* empty: none that DMARC could use */
	struct dmarc_answer dmarc;
};

struct check;

/* The query's strings are copied. */
struct check *check_new(const struct check_query *q);
/* The message in pieces, as it came, with CRLF line ends. */
void check_feed(struct check *c, struct str octets);
/* After the last piece, and again when facts have come. The result lives as long as c. */
enum check_verdict check_run(struct check *c, const struct check_result **out);
struct facts *check_facts(struct check *c);
/* What was asked, and the message's header as far as it was kept. They live as long as c. */
const struct check_query *check_asked(const struct check *c);
struct str check_header(const struct check *c);
void check_free(struct check **c);

const char *check_verdict_name(enum check_verdict v);

/* The longest that result.fields may be: what gk-smtpd takes. */
#define RESULTS_MAX 4096u
/* results.c: Authentication-Results (RFC 8601) and the fields about spam, whole, with CRLF. Values
 * that come from the message are quoted and cut; signatures for which there is no room are left
 * out. */
struct str results_make(const struct check_query *q, const struct check_result *r, struct arena *a);
