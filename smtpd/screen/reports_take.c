/* reports_take.c - messages to dmarc.report_address: kept while they come, read by the thread. See
 * reports.h. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/header.h"
#include "smtpd/dkim/dkim_input.h"
#include "smtpd/screen/reports_in.h"
#include "svc/metrics.h"

#define MESSAGE_MAX (16u << 20) /* base64 of REPORT_PACKED_MAX, and more */

struct report_arrival {
	struct report_job job;
	struct buf octets;
	enum {
		HEADER, /* not known yet whether it is wanted */
		WANTED,
		UNWANTED
	} state;
	/* For the thread. */
	struct arena arena;
	struct report_source source;
	struct report report;
	bool known;
};

struct report_arrival *
report_arrival_new(void)
{
	struct report_arrival *a;

	if (reports.naddresses == 0 || reports.store == NULL)
		return NULL;
	a = mem_alloc(sizeof(*a));
	buf_init(&a->octets, MESSAGE_MAX);
	arena_init(&a->arena);
	return a;
}

void
report_arrival_free(struct report_arrival **a)
{
	if (*a == NULL)
		return;
	buf_free(&(*a)->octets);
	arena_free(&(*a)->arena);
	free(*a);
	*a = NULL;
}

static void
decide(struct report_arrival *a, bool end)
{
	struct str all = buf_view(&a->octets);
	size_t n = header_length(all);

	if (n == all.n && !end && n < DKIM_HEADER_MAX && !str_ends(all, STR("\r\n\r\n")))
		return;
	a->state = report_is_addressed(str_sub(all, 0, n), reports.addresses, reports.naddresses)
		       ? WANTED
		       : UNWANTED;
}

void
report_arrival_feed(struct report_arrival *a, struct str octets)
{
	if (a == NULL || a->state == UNWANTED)
		return;
	if (buf_str(&a->octets, octets) < 0)
		a->state = UNWANTED;
	else if (a->state == HEADER)
		decide(a, false);
	if (a->state == UNWANTED) {
		buf_free(&a->octets);
		buf_init(&a->octets, MESSAGE_MAX);
	}
}

/* Reads it, and keeps it. */
static int
work(struct report_job *j, struct err *e)
{
	struct report_arrival *a = (struct report_arrival *)j;
	int got;

	if (report_find(buf_view(&a->octets), &a->arena, &a->report, e) < 0)
		return -1;
	if ((got = report_store_keep(reports.store, &a->report, &a->source, e)) < 0)
		return err_wrap(e, "store");
	a->known = got == 0;
	return 0;
}

static void
done(struct report_job *j)
{
	struct report_arrival *a = (struct report_arrival *)j;

	if (j->rc == 0 || j->err.code != E_NOTFOUND)
		metric_add(j->rc == 0 ? METRIC_DMARC_READ : METRIC_DMARC_REFUSED, 1);
	if (j->rc == 0)
		log_info("dmarc.report_in", LS("domain", a->report.domain),
		    LS("org", a->report.organization), LS("report", a->report.id),
		    LS("from", a->source.from), LU("verified", a->source.verified),
		    LU("rows", a->report.n), LU("known", a->known));
	else if (j->err.code != E_NOTFOUND)
		log_warn("dmarc.report_refused", LS("from", a->source.from), LE(&j->err));
	report_arrival_free(&a);
}

void
report_arrival_end(struct report_arrival **ap, const struct check_result *r)
{
	struct report_arrival *a = *ap;
	struct err e;

	*ap = NULL;
	if (a == NULL)
		return;
	if (a->state == HEADER)
		decide(a, true);
	if (a->state == UNWANTED) {
		report_arrival_free(&a);
		return;
	}
	a->job = (struct report_job){.work = work, .done = done};
	a->source = (struct report_source){.from = arena_dup(&a->arena, r->author),
	    .verified = r->dmarc.result == DMARC_PASS,
	    .now = clock_wall()};
	if (report_job_run(&a->job, &e) < 0) {
		log_warn("dmarc.report_refused", LS("from", a->source.from), LE(&e));
		report_arrival_free(&a);
	}
}
