/*
 * reports_fail.c - failure reports (RFC 9991): a message of one author's domain failed, and its
 * policy asks to be told. Header only. See reports_in.h.
 *
 * Not kept on disk: what a crash takes is lost. At most REPORTS_PER_HOUR about one domain, and
 * ALL_PER_HOUR in all; the others are counted in "Incidents" of the next.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "smtpd/screen/lookup.h"
#include "smtpd/screen/reports_in.h"
#include "svc/svc.h"

#define HOUR_MS          3600000u
#define REPORTS_PER_HOUR 5u
#define ALL_PER_HOUR     100u
#define DOMAINS_MAX      1000u /* watched in an hour */
#define UNDER_WAY_MAX    20u

/* About whom there were reports in this hour. */
struct subject {
	UT_hash_handle hh;
	unsigned sent, incidents;
	struct str domain; /* behind it */
};

struct failure {
	LIST_ENTRY(failure) link;
	struct arena arena;
	struct facts facts;
	struct lookup *lookup;
	struct str policy_domain;
	struct dmarc_record record;
	struct report_mail mail; /* but for its id and address */
	struct report_to to[REPORT_TO_MAX];
	size_t n;
	/* Copies of what the check has. */
	struct check_query q;
	struct check_result r;
	struct report_failure f;
};

static struct {
	uint64_t began; /* this hour */
	unsigned sent;
	struct subject *subjects;
	LIST_HEAD(, failure) failures;
	unsigned under_way;
} state;

static void
forget_subjects(void)
{
	struct subject *s, *next;

	HASH_ITER (hh, state.subjects, s, next) {
		HASH_DEL(state.subjects, s);
		free(s);
	}
	state.sent = 0;
	state.began = clock_ms();
}

/* The domain's count, or NULL where there is no room. */
static struct subject *
subject_of(struct str domain)
{
	struct subject *s;

	if (state.began == 0 || clock_ms() - state.began >= HOUR_MS)
		forget_subjects();
	HASH_FIND(hh, state.subjects, domain.p, domain.n, s);
	if (s != NULL || HASH_COUNT(state.subjects) >= DOMAINS_MAX)
		return s;
	s = mem_alloc(sizeof(*s) + domain.n);
	memcpy(s + 1, domain.p, domain.n);
	s->domain = str_of(s + 1, domain.n);
	HASH_ADD_KEYPTR(hh, state.subjects, s->domain.p, s->domain.n, s);
	return s;
}

static bool
is_signature_bad(const struct check_result *r)
{
	for (size_t i = 0; i < r->nsignatures; i++)
		if (r->signatures[i].result != DKIM_PASS)
			return true;
	return false;
}

/* What fo= asks to be told of (RFC 9989 4.7). Failures of DKIM or SPF alone have reports of their
 * own (RFC 6651, RFC 6652); here they count when DMARC has failed with them. */
static bool
is_asked(const struct check_result *r)
{
	unsigned fo = r->dmarc.record.fo;

	if (r->dmarc.result == DMARC_PASS)
		return fo & DMARC_FO_1 && !(r->dmarc.spf_aligned && r->dmarc.dkim_aligned);
	return r->dmarc.result == DMARC_FAIL &&
	       (fo & (DMARC_FO_0 | DMARC_FO_1) || (fo & DMARC_FO_D && is_signature_bad(r)) ||
		   (fo & DMARC_FO_S && r->spf.result != SPF_PASS));
}

/* No report about reports, nor about what nobody can answer to; and none to a public suffix
 * (RFC 9991 2). */
static bool
is_reportable(const struct check_query *q, const struct check_result *r, struct str header)
{
	struct str kind = header_value(header, STR("Content-Type"));
	struct str automatic = header_value(header, STR("Auto-Submitted"));

	return r->dmarc.record.nruf > 0 && r->dmarc.record.psd != DMARC_PSD_Y && q->sender.n > 0 &&
	       !str_istarts(kind, STR("multipart/report")) &&
	       (automatic.n == 0 || str_ieq_z(automatic, "no")) && is_asked(r);
}

static struct str
spf_record(struct facts *f, struct str domain, struct arena *a)
{
	const struct fact *txt = domain.n > 0 ? facts_get(f, domain, FACT_TXT) : NULL;

	for (size_t i = 0; txt != NULL && i < txt->n; i++)
		if (str_istarts(txt->records[i], STR("v=spf1")))
			return arena_dup(a, txt->records[i]);
	return STR_NONE;
}

static void
failure_free(struct failure *x)
{
	LIST_REMOVE(x, link);
	state.under_way--;
	lookup_free(&x->lookup);
	arena_free(&x->arena);
	free(x);
}

static void
posted(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	if (m == NULL)
		log_warn("dmarc.failure_report_lost", LE(e));
	else
		(void)ipc_end(m);
}

static void
send_one(struct failure *x, const struct report_to *to)
{
	struct report_post p = {0};
	char mid[ID_SIZE];
	struct buf b;
	struct err e;

	id_new(mid);
	buf_init(&b, REPORT_MAIL_MAX);
	x->mail.mid = p.mid = str_z(mid);
	x->mail.to = p.to = to->address;
	report_mail_failure(&x->mail, &x->f, &b, &p.return_path);
	p.octets = buf_view(&b);
	p.flags = str_is_ascii(p.octets) ? 0 : ENVELOPE_8BITMIME;
	if (b.over || (to->max > 0 && b.n > to->max)) {
		log_info("dmarc.report_too_large", LS("domain", x->policy_domain),
		    LS("to", to->address), LU("octets", b.n));
	} else if (report_post(&p, posted, NULL, &e) == 0) {
		log_warn("dmarc.failure_report_lost", LE(&e));
	} else {
		log_info("dmarc.failure_report", LZ("mid", mid), LS("domain", x->r.author),
		    LS("to", to->address), LU("incidents", x->f.incidents));
	}
	buf_free(&b);
}

static void
find(void *arg)
{
	struct failure *x = arg;
	struct report_to_query q = {.policy_domain = x->policy_domain,
	    .failure = true,
	    .uris = x->record.ruf,
	    .n = x->record.nruf};

	lookup_free(&x->lookup);
	if (report_to_find(&q, &x->facts, x->to, &x->n) == REPORT_TO_WAIT) {
		x->lookup = lookup_new(reports.dns, &x->facts, find, x);
		return;
	}
	for (size_t i = 0; i < x->n; i++)
		send_one(x, &x->to[i]);
	failure_free(x);
}

static struct dkim_signature *
copy_signatures(const struct check_result *r, struct arena *a)
{
	struct dkim_signature *v = arena_array(a, r->nsignatures + 1, sizeof(*v));

	for (size_t i = 0; i < r->nsignatures; i++)
		v[i] = (struct dkim_signature){.result = r->signatures[i].result,
		    .domain = arena_dup(a, r->signatures[i].domain),
		    .selector = arena_dup(a, r->signatures[i].selector)};
	return v;
}

/* The check goes before the DNS has answered: what the report says is copied. */
static void
copy(struct failure *x, const struct check_query *q, const struct check_result *r, struct facts *f,
    struct str header)
{
	struct arena *a = &x->arena;

	x->q = (struct check_query){
	    .peer = q->peer, .sender = arena_dup(a, q->sender), .now = clock_wall()};
	x->r = (struct check_result){.verdict = r->verdict,
	    .fields = arena_dup(a, r->fields),
	    .author = arena_dup(a, r->author),
	    .signatures = copy_signatures(r, a),
	    .nsignatures = r->nsignatures};
	x->r.spf.result = r->spf.result;
	x->r.spf.domain = arena_dup(a, r->spf.domain);
	x->r.dmarc.spf_aligned = r->dmarc.spf_aligned;
	x->r.dmarc.dkim_aligned = r->dmarc.dkim_aligned;
	x->policy_domain = arena_dup(a, r->dmarc.policy_domain);
	(void)dmarc_record_parse(arena_dup(a, r->dmarc.record.text), a, &x->record);
	x->f.q = &x->q;
	x->f.r = &x->r;
	x->f.header = arena_dup(a, str_sub(header, 0, REPORT_HEADER_MAX));
	x->f.spf_record = spf_record(f, r->spf.domain, a);
	x->mail = (struct report_mail){.host = arena_dup(a, reports.host),
	    .from = arena_dup(a, reports.from),
	    .sender = arena_dup(a, reports.sender),
	    .now = x->q.now};
}

void
reports_failure(
    const struct check_query *q, const struct check_result *r, struct facts *f, struct str header)
{
	struct subject *s;
	struct failure *x;

	if (!is_reportable(q, r, header) || (s = subject_of(r->dmarc.policy_domain)) == NULL)
		return;
	s->incidents++;
	if (s->sent >= REPORTS_PER_HOUR || state.sent >= ALL_PER_HOUR ||
	    state.under_way >= UNDER_WAY_MAX)
		return;
	x = mem_alloc(sizeof(*x));
	arena_init(&x->arena);
	facts_init(&x->facts, &x->arena);
	copy(x, q, r, f, header);
	x->f.incidents = s->incidents;
	s->incidents = 0;
	s->sent++;
	state.sent++;
	state.under_way++;
	LIST_INSERT_HEAD(&state.failures, x, link);
	find(x);
}

void
reports_fail_stop(void)
{
	while (!LIST_EMPTY(&state.failures))
		failure_free(LIST_FIRST(&state.failures));
	forget_subjects();
}
