/*
 * reports_send.c - reports whose turn has come, one after another: who may get it, the plan on
 * disk, a message to each, and on to the next. See reports_in.h.
 *
 * Each step ends in the next one's call. What fails for now is put off (report_store_later); the
 * plan stays, so the same messages are tried again under the same ids.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "mail/envelope.h"
#include "smtpd/screen/lookup.h"
#include "smtpd/screen/reports_in.h"
#include "svc/build.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define LOOK_MS      60000u
#define DNS_RETRY_S  3600
#define DNS_TRIES    24u
#define POST_RETRY_S 60
#define TRIM_EVERY_S 3600
#define XML_MAX      (16u << 20)

struct sending {
	struct report_job job; /* one at a time */
	struct arena arena;
	struct report_due due;
	int64_t now, next;
	bool trim;
	uint64_t every, spread, keep;
	/* Who may get it. */
	struct facts facts;
	struct lookup *lookup;
	struct dmarc_record record;
	struct report_to to[REPORT_TO_MAX];
	size_t nto;
	/* The message to due.mailings[at]. */
	size_t at;
	struct report_mail mail;
	struct buf message;
	uint32_t return_path;
	size_t rows;
	bool ours; /* it comes back to us, and is kept at once */
	uint64_t call;
};

static void find(void *arg);
static void build(struct sending *s);
static void forget(struct sending *s);

static int64_t trimmed;

static void
finish(struct sending *s, uint64_t wait_ms)
{
	lookup_free(&s->lookup);
	buf_free(&s->message);
	arena_free(&s->arena);
	free(s);
	reports.sending = NULL;
	if (reports.stopping)
		return;
	loop_timer_set(reports.look, reports.again ? 1 : wait_ms);
	reports.again = false;
}

/* Runs work in the thread, then done. */
static void
run(struct sending *s, int (*work)(struct report_job *, struct err *),
    void (*done)(struct report_job *))
{
	struct err e;

	s->job = (struct report_job){.work = work, .done = done};
	if (report_job_run(&s->job, &e) < 0)
		finish(s, LOOK_MS);
}

/* True when the step failed, or nothing may follow any more; s is gone then. */
static bool
is_over(struct sending *s, const char *what)
{
	if (s->job.rc < 0)
		log_error("dmarc.store_failed", LZ("what", what), LE(&s->job.err));
	if (s->job.rc >= 0 && !reports.stopping)
		return false;
	finish(s, LOOK_MS);
	return true;
}

/* ---- putting off, and forgetting ---- */

static int
later_work(struct report_job *j, struct err *e)
{
	struct sending *s = (struct sending *)j;

	return report_store_later(reports.store, s->due.id, s->next, e);
}

static void
finish_done(struct report_job *j)
{
	struct sending *s = (struct sending *)j;

	if (!is_over(s, "progress"))
		finish(s, 1);
}

static void
later(struct sending *s, int64_t seconds, const struct err *why)
{
	log_warn("dmarc.report_waits", LS("domain", s->due.domain), LU("tries", s->due.tries + 1),
	    LE(why));
	s->next = clock_wall() + seconds;
	run(s, later_work, finish_done);
}

static int
forget_work(struct report_job *j, struct err *e)
{
	struct sending *s = (struct sending *)j;

	return report_store_forget(reports.store, s->due.id, e);
}

static void
forget(struct sending *s)
{
	run(s, forget_work, finish_done);
}

/* ---- messages ---- */

uint64_t
report_post(const struct report_post *p, ipc_reply_fn fn, void *arg, struct err *e)
{
	struct envelope_rcpt rcpt = {.address = p->to, .notify = NOTIFY_NEVER};
	struct envelope env = {.mid = p->mid,
	    .arrived = clock_wall_us(),
	    .sender = reports.sender,
	    .actor = STR("dmarc"),
	    .flags = p->flags,
	    .return_path = p->return_path,
	    .rcpts = &rcpt,
	    .nrcpts = 1};
	bool inlined = p->octets.n <= IPC_INLINE_MAX;
	struct buf envelope;
	struct ipc_out m;
	int fd = -1;

	buf_init(&envelope, ENVELOPE_MAX);
	if (envelope_encode(&env, &envelope, e) < 0 ||
	    (!inlined && (fd = file_memory("report", p->octets.p, p->octets.n, e)) < 0)) {
		buf_free(&envelope);
		return 0;
	}
	ipc_begin(&m, inlined ? MSG_SPOOL_PUT : MSG_SPOOL_COMMIT);
	ipc_put_str(&m, buf_view(&envelope));
	if (inlined) {
		ipc_put_str(&m, p->octets);
	} else {
		ipc_put_u64(&m, p->octets.n);
		ipc_put_fd(&m, fd);
	}
	buf_free(&envelope);
	return ipc_call(reports.queue, &m, fn, arg);
}

static int
sent_work(struct report_job *j, struct err *e)
{
	struct sending *s = (struct sending *)j;

	return report_store_sent(reports.store, s->due.mailings[s->at].id, e);
}

static void
sent_done(struct report_job *j)
{
	struct sending *s = (struct sending *)j;

	if (is_over(s, "progress"))
		return;
	s->at++;
	build(s);
}

static void
posted(void *arg, struct ipc_in *m, const struct err *e)
{
	struct sending *s = arg;
	const struct report_mailing *to = &s->due.mailings[s->at];
	struct err own;

	s->call = 0;
	if (m != NULL && ipc_end(m) < 0) {
		(void)err_set(&own, E_PROTO, "the queue's answer makes no sense");
		later(s, POST_RETRY_S, &own);
		return;
	}
	/* It exists: taken before a crash of ours. */
	if (m == NULL && e->code != E_EXISTS) {
		later(s, POST_RETRY_S, e);
		return;
	}
	metric_add(METRIC_DMARC_SENT, 1);
	log_info("dmarc.report_sent", LZ("mid", s->mail.mid.p), LS("domain", s->due.domain),
	    LS("to", to->address), LS("report", s->due.report_id), LU("octets", s->message.n));
	run(s, sent_work, sent_done);
}

static void
post(struct sending *s)
{
	struct report_post p = {.mid = s->mail.mid,
	    .to = s->mail.to,
	    .octets = buf_view(&s->message),
	    .return_path = s->return_path};
	const struct report_mailing *to = &s->due.mailings[s->at];
	struct err e;

	if (to->max > 0 && s->message.n > to->max) {
		log_info("dmarc.report_too_large", LS("domain", s->due.domain),
		    LS("to", to->address), LU("octets", s->message.n), LU("limit", to->max));
		run(s, sent_work, sent_done);
		return;
	}
	if ((s->call = report_post(&p, posted, s, &e)) == 0)
		later(s, POST_RETRY_S, &e);
}

/* As many rows as fit into a message of REPORT_MAIL_MAX, those of most messages first. */
static void
compose(struct sending *s, struct report *r)
{
	struct buf xml, packed;

	buf_init(&xml, XML_MAX);
	buf_init(&packed, XML_MAX);
	for (;; r->n /= 2) {
		buf_reset(&xml);
		buf_reset(&packed);
		buf_reset(&s->message);
		report_write(r, &xml);
		if (!xml.over && report_gzip(buf_view(&xml), &packed) == 0)
			report_mail_aggregate(
			    &s->mail, r, buf_view(&packed), &s->message, &s->return_path);
		if (r->n == 0 || (s->message.n > 0 && !s->message.over))
			break;
	}
	s->rows = r->n;
	buf_free(&xml);
	buf_free(&packed);
}

static int
build_work(struct report_job *j, struct err *e)
{
	struct sending *s = (struct sending *)j;
	struct report_source source = {s->mail.host, true, s->mail.now};
	struct report r;

	if (report_store_rows(reports.store, &s->due, &s->arena, &r, e) < 0)
		return -1;
	r.organization = s->mail.host;
	r.email = s->mail.from;
	r.generator = arena_printf(&s->arena, "GK Mail %s", build_version());
	s->rows = r.n;
	if (r.n == 0)
		return 0;
	compose(s, &r);
	return s->ours ? report_store_keep(reports.store, &r, &source, e) : 0;
}

static void
build_done(struct report_job *j)
{
	struct sending *s = (struct sending *)j;

	if (is_over(s, "report"))
		return;
	if (s->rows == 0)
		forget(s);
	else
		post(s);
}

/* The message to the next address; after the last the report is done. */
static void
build(struct sending *s)
{
	const struct report_mailing *to = &s->due.mailings[s->at];

	if (s->at >= s->due.n) {
		forget(s);
		return;
	}
	/* The configuration may change while the thread works. */
	s->mail = (struct report_mail){.mid = to->mid,
	    .host = arena_dup(&s->arena, reports.host),
	    .from = arena_dup(&s->arena, reports.from),
	    .sender = arena_dup(&s->arena, reports.sender),
	    .to = to->address,
	    .now = clock_wall()};
	s->ours = reports_is_ours(to->address);
	run(s, build_work, build_done);
}

/* ---- who may get it ---- */

static int
plan_work(struct report_job *j, struct err *e)
{
	struct sending *s = (struct sending *)j;

	return report_store_plan(reports.store, &s->due, s->to, s->nto, &s->arena, e);
}

static void
plan_done(struct report_job *j)
{
	struct sending *s = (struct sending *)j;

	if (!is_over(s, "plan"))
		build(s);
}

static void
found(struct sending *s, bool all)
{
	struct err e;

	if (!all && s->due.tries < DNS_TRIES) {
		(void)err_set(&e, E_TEMP, "no answer from the DNS of those who want it");
		later(s, DNS_RETRY_S, &e);
	} else if (s->nto == 0) {
		log_info("dmarc.report_unwanted", LS("domain", s->due.domain));
		forget(s);
	} else {
		run(s, plan_work, plan_done);
	}
}

static void
find(void *arg)
{
	struct sending *s = arg;
	struct report_to_query q = {
	    .policy_domain = s->due.domain, .uris = s->record.rua, .n = s->record.nrua};
	enum report_to_result got;

	lookup_free(&s->lookup);
	got = report_to_find(&q, &s->facts, s->to, &s->nto);
	if (got == REPORT_TO_WAIT)
		s->lookup = lookup_new(reports.dns, &s->facts, find, s);
	else
		found(s, got == REPORT_TO_DONE);
}

/* ---- what is due ---- */

static int
look_work(struct report_job *j, struct err *e)
{
	struct sending *s = (struct sending *)j;

	if (report_store_roll(reports.store, s->now, s->every, s->spread, false, e) < 0)
		return -1;
	if (s->trim && report_store_trim(reports.store, s->now - (int64_t)s->keep, e) < 0)
		return -1;
	return report_store_due(reports.store, s->now, &s->arena, &s->due, &s->next, e);
}

static void
look_done(struct report_job *j)
{
	struct sending *s = (struct sending *)j;

	if (is_over(s, "reports"))
		return;
	if (j->rc == 0) {
		uint64_t wait = s->next > s->now ? (uint64_t)(s->next - s->now) * 1000 : LOOK_MS;

		finish(s, wait < LOOK_MS ? wait : LOOK_MS);
	} else if (!reports.counts) {
		forget(s); /* counted before dmarc.reports was turned off */
	} else if (s->due.report_id.n > 0) {
		build(s);
	} else if (dmarc_record_parse(s->due.record, &s->arena, &s->record)) {
		find(s);
	} else {
		forget(s);
	}
}

/* Servers do not all write at midnight: each waits a while of its own, of at most an hour. */
static uint64_t
spread_of(uint64_t every, struct str host)
{
	uint64_t most = every / 24 < 3600 ? every / 24 : 3600, sum = 0;

	for (size_t i = 0; i < host.n; i++)
		sum = sum * 31 + (unsigned char)host.p[i];
	return most == 0 ? 0 : sum % most;
}

void
reports_look(void)
{
	struct sending *s;

	if (reports.store == NULL)
		return;
	if (reports.sending != NULL) {
		reports.again = true;
		return;
	}
	s = mem_alloc(sizeof(*s));
	reports.sending = s;
	arena_init(&s->arena);
	facts_init(&s->facts, &s->arena);
	buf_init(&s->message, REPORT_MAIL_MAX);
	s->now = clock_wall();
	s->every = reports.every;
	s->keep = reports.keep;
	s->spread = spread_of(reports.every, reports.host);
	s->trim = s->now - trimmed >= TRIM_EVERY_S;
	if (s->trim)
		trimmed = s->now;
	run(s, look_work, look_done);
}

void
reports_send_stop(bool idle)
{
	struct sending *s = reports.sending;

	if (s == NULL || (!idle && s->lookup == NULL && s->call == 0))
		return;
	if (s->call != 0)
		ipc_cancel(reports.queue, s->call);
	finish(s, 0);
}
