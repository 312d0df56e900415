/* check.c - one message through SPF, DKIM and DMARC. See check.h. */
#include "smtpd/screen/check.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/header.h"
#include "smtpd/dkim/dkim_input.h"
#include "smtpd/screen/score.h"
#include "smtpd/screen/spf2.h"

#define TEXT_MAX 400u

struct check {
	struct arena arena;
	struct facts facts;
	struct check_query q;
	struct check_result r;
	struct dkim_verifier *dkim;
	struct buf header; /* until its end has come, then its octets */
	size_t line;       /* of it, where the last line begins */
	bool header_whole, author_known, dkim_done;
};

const char *
check_verdict_name(enum check_verdict v)
{
	static const char *const names[] = {[CHECK_WAIT] = "wait",
	    [CHECK_ACCEPT] = "accept",
	    [CHECK_JUNK] = "junk",
	    [CHECK_REJECT] = "reject",
	    [CHECK_DEFER] = "defer"};

	return names[v];
}

struct check *
check_new(const struct check_query *q)
{
	struct check *c = mem_alloc(sizeof(*c));

	arena_init(&c->arena);
	facts_init(&c->facts, &c->arena);
	buf_init(&c->header, DKIM_HEADER_MAX);
	c->q = *q;
	c->q.mid = arena_dup(&c->arena, q->mid);
	c->q.helo = arena_dup(&c->arena, q->helo);
	c->q.sender = arena_dup(&c->arena, q->sender);
	c->q.host = arena_dup(&c->arena, q->host);
	c->q.client = arena_dup(&c->arena, q->client);
	c->dkim = dkim_verifier_new(c->q.mid.p);
	assume(c->dkim != NULL);
	return c;
}

void
check_free(struct check **c)
{
	if (*c == NULL)
		return;
	dkim_verifier_free(&(*c)->dkim);
	buf_free(&(*c)->header);
	arena_free(&(*c)->arena);
	free(*c);
	*c = NULL;
}

struct facts *
check_facts(struct check *c)
{
	return &c->facts;
}

const struct check_query *
check_asked(const struct check *c)
{
	return &c->q;
}

struct str
check_header(const struct check *c)
{
	return buf_view(&c->header);
}

/* Is the last line whole and empty? */
static bool
ends_empty(struct str s)
{
	if (str_ends(s, STR("\r\n")))
		s.n -= 2;
	else if (str_ends(s, STR("\n")))
		s.n -= 1;
	else
		return false;
	return s.n == 0 || s.p[s.n - 1] == '\n';
}

/* Only the line under way is looked at again, so that a header that comes octet by octet costs no
 * more. */
static void
feed_header(struct check *c, struct str octets)
{
	size_t had = c->header.n, n, lf;

	octets = str_sub(octets, 0, DKIM_HEADER_MAX - had);
	buf_str(&c->header, octets);
	n = c->line + header_length(str_from(buf_view(&c->header), c->line));
	c->header_whole =
	    n < c->header.n || c->header.n == DKIM_HEADER_MAX || ends_empty(buf_view(&c->header));
	c->header.n = n;
	if ((lf = str_rchr(octets, '\n')) < octets.n)
		c->line = had + lf + 1;
}

void
check_feed(struct check *c, struct str octets)
{
	struct err e;

	if (!c->header_whole)
		feed_header(c, octets);
	if (c->r.dkim_problem.n == 0 && dkim_verifier_feed(c->dkim, octets, &e) < 0)
		c->r.dkim_problem = arena_dup(&c->arena, str_z(e.text));
}

/* RFC 9989 7.4: no mail is refused for its author's policy alone, because mailing lists break what
 * authenticated their authors. What says that it comes from one (RFC 2919, RFC 2369) is junk. */
static bool
is_from_list(const struct check *c)
{
	struct header_field f;

	return header_find(buf_view(&c->header), STR("List-Id"), &f) ||
	       header_find(buf_view(&c->header), STR("List-Post"), &f);
}

/* What the author's domain asks for, as far as it is followed here (RFC 9989 5.4). */
static enum check_verdict
follow_policy(struct check *c)
{
	struct check_result *r = &c->r;
	enum dmarc_policy p = r->dmarc.policy;

	if (r->dmarc.result != DMARC_FAIL || c->q.enforce == ENFORCE_NONE || p <= DMARC_ACCEPT)
		return CHECK_ACCEPT;
	if (p == DMARC_QUARANTINE || c->q.enforce == ENFORCE_QUARANTINE || is_from_list(c))
		return CHECK_JUNK;
	r->text = arena_printf(&c->arena,
	    "Refused by the DMARC policy of " STR_FMT ": SPF and DKIM do not pass for it",
	    STR_ARG(r->dmarc.policy_domain));
	return CHECK_REJECT;
}

/* What may be refused at the next attempt is not taken at this one (INVARIANTS 21). */
static enum check_verdict
by_dmarc(struct check *c)
{
	struct check_result *r = &c->r;

	if (r->dmarc.result != DMARC_TEMPERROR || c->q.enforce == ENFORCE_NONE)
		return follow_policy(c);
	if (r->dmarc.policy == DMARC_ACCEPT)
		return CHECK_ACCEPT;
	r->text = STR("The sender cannot be checked now: no answer from the DNS of its domain");
	return CHECK_DEFER;
}

/* RFC 7208 8.4, 8.6. The explanation is the domain's own words, and said to be (6.2). */
static enum check_verdict
by_spf(struct check *c)
{
	struct check_result *r = &c->r;
	struct str why = r->spf.explanation, domain = r->spf.domain;

	if (!c->q.refuse_spf_fail || r->dmarc.result == DMARC_PASS)
		return CHECK_ACCEPT;
	if (r->spf.result == SPF_TEMPERROR) {
		r->text = STR("SPF cannot be checked now: no answer from the DNS of the sender");
		return CHECK_DEFER;
	}
	if (r->spf.result != SPF_FAIL)
		return CHECK_ACCEPT;
	r->text = arena_printf(&c->arena,
	    "SPF: " STR_FMT " does not let your address send for it%s" STR_FMT, STR_ARG(domain),
	    why.n > 0 ? "; it explains: " : "", STR_ARG(str_sub(why, 0, 200)));
	return CHECK_REJECT;
}

static enum check_verdict
because(struct check *c, enum screen_reason reason, enum check_verdict v)
{
	if (v != CHECK_ACCEPT)
		c->r.reason = reason;
	return v;
}

/* What comes from the message or the DNS may hold anything. */
static struct str
printable(struct str s, struct arena *a)
{
	char *p = arena_dupz(a, str_sub(s, 0, TEXT_MAX));

	for (char *c = p; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return str_z(p);
}

static enum check_verdict
judge(struct check *c)
{
	struct check_result *r = &c->r;
	enum check_verdict v;

	r->text = STR_NONE;
	r->reason = SCREEN_BY_NOTHING;
	v = because(c, SCREEN_BY_DMARC, by_dmarc(c));
	if (v == CHECK_ACCEPT)
		v = because(c, SCREEN_BY_SPF, by_spf(c));
	if (v == CHECK_ACCEPT && c->q.junk_score > 0 && r->score >= c->q.junk_score)
		v = because(c, SCREEN_BY_SCORE, CHECK_JUNK);
	r->text = printable(r->text, &c->arena);
	return v;
}

static bool
run_dmarc(struct check *c)
{
	struct check_result *r = &c->r;
	struct dmarc_signature sigs[DKIM_SIGNATURES_MAX] = {0};
	struct dmarc_query q = {.author = r->author,
	    .spf_domain = r->spf.domain, /* of HELO for the null path: RFC 7208 2.4 */
	    .spf = r->spf.result,
	    .signatures = sigs,
	    .nsignatures = r->nsignatures};

	for (size_t i = 0; i < r->nsignatures; i++) {
		sigs[i].domain = r->signatures[i].domain;
		sigs[i].pass = r->signatures[i].result == DKIM_PASS;
		sigs[i].temporary = r->signatures[i].result == DKIM_TEMPERROR;
	}
	return dmarc_check(&q, &c->facts, &r->dmarc) != DMARC_WAIT;
}

static void
find_author(struct check *c)
{
	struct str header = buf_view(&c->header);
	struct err e = {0};

	if (c->author_known)
		return;
	c->author_known = true;
	if (author_domain(header, &c->arena, &c->r.author, &e) < 0) {
		c->r.author = STR_NONE;
		c->r.dmarc = (struct dmarc_answer){
		    .result = DMARC_NONE, .problem = arena_dup(&c->arena, str_z(e.text))};
	}
}

/* False: wait. */
static bool
run_spf(struct check *c)
{
	struct spf_query q = {.peer = c->q.peer,
	    .helo = c->q.helo,
	    .sender = c->q.sender,
	    .receiver = c->q.host,
	    .now = c->q.now};

	return (c->q.spf_engine == CHECK_SPF_LIBSPF2 ? spf2_check : spf_check)(
		   &q, &c->facts, &c->r.spf) != SPF_WAIT;
}

enum check_verdict
check_run(struct check *c, const struct check_result **out)
{
	struct check_result *r = &c->r;
	bool wait = !run_spf(c);

	*out = r;
	find_author(c);
	if (r->dkim_problem.n > 0)
		c->dkim_done = true;
	if (!c->dkim_done)
		c->dkim_done = dkim_verifier_end(c->dkim, &c->facts, &c->arena, &r->signatures,
				   &r->nsignatures) != DKIM_WAIT;
	if (wait || !c->dkim_done)
		return CHECK_WAIT;
	if (r->author.n > 0 && !run_dmarc(c))
		return CHECK_WAIT;
	score_make(&c->q, buf_view(&c->header), r, &c->arena);
	r->verdict = judge(c);
	r->fields = results_make(&c->q, r, &c->arena);
	return r->verdict;
}
