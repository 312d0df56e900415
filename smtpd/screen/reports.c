/* reports.c - the life of DMARC reports in gk-screen: counting, writing down, the thread. See
 * reports.h. */
#include "smtpd/screen/reports.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/pool.h"
#include "mail/header.h"
#include "smtpd/screen/reports_in.h"
#include "svc/svc.h"

#define FLUSH_MS   5000u /* counts not written down that a crash may lose */
#define FLUSH_ROWS 2000u
#define BACKLOG    64u

struct reports reports;

/* ---- jobs ---- */

static void
job_work(void *arg)
{
	struct report_job *j = arg;

	j->rc = j->work(j, &j->err);
}

static void
job_done(void *arg)
{
	struct report_job *j = arg;

	j->done(j);
}

int
report_job_run(struct report_job *j, struct err *e)
{
	if (reports.store == NULL)
		return err_set(e, E_TEMP, "no store of reports");
	return pool_submit(reports.pool, job_work, job_done, j, e);
}

/* ---- counts into the store ---- */

struct flush {
	struct report_job job;
	struct report_notes notes;
	int64_t now;
	uint64_t every, dropped;
};

static int
flush_work(struct report_job *j, struct err *e)
{
	struct flush *f = (struct flush *)j;

	return report_store_add(reports.store, &f->notes, f->now, f->every, &f->dropped, e);
}

static void
tell_dropped(uint64_t dropped)
{
	if (dropped > 0)
		log_warn("dmarc.not_counted", LU("messages", dropped));
}

static void
flush_done(struct report_job *j)
{
	struct flush *f = (struct flush *)j;

	reports.flushing = NULL;
	if (j->rc < 0)
		log_error("dmarc.store_failed", LZ("what", "counts"), LE(&j->err));
	tell_dropped(f->dropped);
	report_notes_free(&f->notes);
	free(f);
}

static void
flush(void *arg)
{
	struct flush *f;
	struct err e;

	(void)arg;
	if (reports.flushing != NULL || reports.notes.policies == NULL)
		return;
	f = mem_alloc(sizeof(*f));
	f->job = (struct report_job){.work = flush_work, .done = flush_done};
	f->notes = reports.notes;
	f->now = clock_wall();
	f->every = reports.every;
	if (report_job_run(&f->job, &e) < 0) {
		/* They stay where they are until there is room. */
		free(f);
		loop_timer_set(reports.flush, FLUSH_MS);
		return;
	}
	reports.flushing = f;
	reports.notes = (struct report_notes){0};
}

/* A report to us is not reported on: it would be answered for ever. Only one that proves where it
 * is from is left out, so that nobody can hide mail in this way. */
static bool
carries_report(const struct check_result *r, struct str header)
{
	static const struct str subject = STR_INIT("Report Domain:"); /* RFC 9990 3.5.2 */

	return r->dmarc.result == DMARC_PASS &&
	       str_istarts(header_value(header, STR("Subject")), subject) &&
	       report_is_addressed(header, reports.addresses, reports.naddresses);
}

void
reports_note(
    const struct check_query *q, const struct check_result *r, struct facts *f, struct str header)
{
	if (reports.store == NULL || r->dmarc.policy_domain.n == 0 || carries_report(r, header))
		return;
	if (reports.counts)
		report_note(&reports.notes, q, r);
	if (reports.failures)
		reports_failure(q, r, f, header);
	if (reports.notes.n >= FLUSH_ROWS)
		flush(NULL);
	if (reports.notes.policies != NULL && !loop_timer_pending(reports.flush))
		loop_timer_set(reports.flush, FLUSH_MS);
}

void
reports_flush(void)
{
	flush(NULL);
}

/* ---- configuration ---- */

bool
reports_is_ours(struct str address)
{
	for (size_t i = 0; i < reports.naddresses; i++)
		if (str_ieq(reports.addresses[i], address))
			return true;
	return false;
}

static void
take_conf(void)
{
	const struct conf *c = svc_conf();
	struct arena *a = &reports.conf;
	const struct str *v;
	size_t n;

	arena_reset(a);
	reports.counts = conf_bool(c, CONF_DMARC_REPORTS);
	reports.failures = conf_bool(c, CONF_DMARC_FAILURE_REPORTS);
	reports.every = conf_num(c, CONF_DMARC_REPORT_EVERY) / 1000;
	reports.keep = conf_num(c, CONF_DMARC_REPORT_KEEP) / 1000;
	reports.host = arena_dup(a, conf_str(c, CONF_SERVER_HOST_NAME));
	reports.sender = arena_dup(a, conf_str(c, CONF_DMARC_REPORT_FROM));
	reports.from = reports.sender;
	if (reports.from.n == 0)
		reports.from = arena_printf(a, "dmarc-reports@" STR_FMT, STR_ARG(reports.host));
	v = conf_list(c, CONF_DMARC_REPORT_ADDRESS, &n);
	reports.naddresses = n < REPORT_ADDRESSES_MAX ? n : REPORT_ADDRESSES_MAX;
	reports.addresses = arena_array(a, n + 1, sizeof(*reports.addresses));
	for (size_t i = 0; i < reports.naddresses; i++)
		reports.addresses[i] = arena_dup(a, v[i]);
}

static void
look(void *arg)
{
	(void)arg;
	reports_look();
}

/* A file that is damaged is put aside: statistics are no reason to stop. */
static struct report_store *
open_store(struct err *e)
{
	struct report_store *s = report_store_open(REPORT_STORE_FILE, e);

	if (s != NULL || e->code != E_PROTO)
		return s;
	log_error("dmarc.store_damaged", LZ("file", "screen/" REPORT_STORE_FILE ".damaged"), LE(e));
	if (file_rename(AT_FDCWD, REPORT_STORE_FILE, AT_FDCWD, REPORT_STORE_FILE ".damaged", e) <
		0 ||
	    file_unlink(AT_FDCWD, REPORT_STORE_FILE "-wal", e) < 0)
		return NULL;
	return report_store_open(REPORT_STORE_FILE, e);
}

int
reports_start(struct dns *dns, struct ipc_chan *queue, struct err *e)
{
	struct err why;

	arena_init(&reports.conf);
	take_conf();
	reports.dns = dns;
	reports.queue = queue;
	reports.store = open_store(&why);
	if (reports.store == NULL) {
		log_error("dmarc.no_store", LZ("file", "screen/" REPORT_STORE_FILE), LE(&why));
		return 0;
	}
	if ((reports.pool = pool_new(1, BACKLOG, e)) == NULL)
		return -1;
	reports.flush = loop_timer_new(flush, NULL);
	reports.look = loop_timer_new(look, NULL);
	loop_timer_set(reports.look, 1000);
	return 0;
}

int
reports_reload(struct err *e)
{
	(void)e;
	take_conf();
	return 0;
}

/* What the thread did not come to. */
static void
write_rest(void)
{
	struct report_notes *all[] = {
	    reports.flushing != NULL ? &reports.flushing->notes : NULL, &reports.notes};
	uint64_t dropped;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i] == NULL)
			continue;
		if (report_store_add(
			reports.store, all[i], clock_wall(), reports.every, &dropped, &e) < 0)
			log_error("dmarc.store_failed", LZ("what", "counts"), LE(&e));
		else
			tell_dropped(dropped);
		report_notes_free(all[i]);
	}
	free(reports.flushing);
	reports.flushing = NULL;
}

void
reports_stop(void)
{
	if (reports.store == NULL)
		return;
	reports.stopping = true;
	reports_send_stop(false);
	reports_fail_stop();
	pool_free(&reports.pool);
	reports_send_stop(true);
	write_rest();
	report_store_close(&reports.store);
	loop_timer_free(&reports.flush);
	loop_timer_free(&reports.look);
	arena_free(&reports.conf);
}
