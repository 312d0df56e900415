/* reports_ctl.c - gkmail dmarc: lists out of the store, and sending at once. See reports.h. */
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "smtpd/screen/reports_in.h"

struct question {
	struct report_job job;
	LIST_ENTRY(question) link;
	struct ipc_chan *chan; /* NULL: it went away */
	uint64_t id;
	enum ipc_type type;
	struct arena arena;
	struct str domain;
	uint64_t number; /* since, or behind which row */
	uint64_t skip;
	struct report_list list;
	int fd; /* of a copy */
	int64_t now;
	uint64_t every;
};

static LIST_HEAD(, question) questions = LIST_HEAD_INITIALIZER(questions);

static int
work(struct report_job *j, struct err *e)
{
	struct question *q = (struct question *)j;
	struct report_store *s = reports.store;

	if (q->type == MSG_DB_COPY)
		return report_store_copy(s, &q->fd, e);
	if (q->type == MSG_DMARC_LIST)
		return report_store_list(s, q->domain, (int64_t)q->number, &q->arena, &q->list, e);
	if (q->type == MSG_DMARC_SOURCES)
		return report_store_sources(
		    s, q->domain, (int64_t)q->number, q->skip, &q->arena, &q->list, e);
	if (q->type == MSG_DMARC_SEND && report_store_roll(s, q->now, q->every, 0, true, e) < 0)
		return -1;
	return report_store_waiting(s, (int64_t)q->number, &q->arena, &q->list, e);
}

static void
answer(struct question *q)
{
	struct ipc_out m;

	if (q->job.rc < 0) {
		ipc_reply_error(q->chan, q->id, &q->job.err);
		return;
	}
	if (q->type == MSG_DB_COPY) {
		ipc_begin(&m, MSG_DB_COPY_R);
		ipc_put_fd(&m, q->fd);
		q->fd = -1;
		ipc_reply(q->chan, q->id, &m);
		return;
	}
	ipc_begin(&m, q->type == MSG_DMARC_LIST      ? MSG_DMARC_LIST_R
		      : q->type == MSG_DMARC_SOURCES ? MSG_DMARC_SOURCES_R
		      : q->type == MSG_DMARC_SEND    ? MSG_DMARC_SEND_R
						     : MSG_DMARC_WAITING_R);
	ipc_put_u32(&m, q->list.more);
	ipc_put_list(&m, q->list.v, q->list.n);
	ipc_reply(q->chan, q->id, &m);
}

static void
done(struct report_job *j)
{
	struct question *q = (struct question *)j;

	LIST_REMOVE(q, link);
	if (q->chan != NULL)
		answer(q);
	if (q->type == MSG_DMARC_SEND && j->rc == 0 && !reports.stopping)
		reports_look();
	file_close(&q->fd);
	arena_free(&q->arena);
	free(q);
}

static void
ask(struct question *q)
{
	struct err e;

	q->job = (struct report_job){.work = work, .done = done};
	LIST_INSERT_HEAD(&questions, q, link);
	if (report_job_run(&q->job, &e) < 0) {
		q->job.rc = -1;
		q->job.err = e;
		done(&q->job);
	}
}

bool
reports_message(struct ipc_chan *c, struct ipc_in *m)
{
	struct question *q;

	if (m->type != MSG_DMARC_LIST && m->type != MSG_DMARC_SOURCES &&
	    m->type != MSG_DMARC_WAITING && m->type != MSG_DMARC_SEND && m->type != MSG_DB_COPY)
		return false;
	q = mem_alloc(sizeof(*q));
	arena_init(&q->arena);
	q->chan = c;
	q->id = m->id;
	q->fd = -1;
	q->type = m->type;
	q->now = clock_wall();
	q->every = reports.every;
	if (q->type == MSG_DMARC_LIST || q->type == MSG_DMARC_SOURCES)
		q->domain = arena_dup(&q->arena, ipc_get_str(m));
	if (q->type != MSG_DMARC_SEND && q->type != MSG_DB_COPY)
		q->number = ipc_get_u64(m);
	if (q->type == MSG_DMARC_SOURCES)
		q->skip = ipc_get_u64(m);
	if (ipc_end(m) < 0 || q->number > INT64_MAX || q->skip > INT64_MAX) {
		arena_free(&q->arena);
		free(q);
		return true;
	}
	/* What is counted in memory belongs to it. */
	if (q->type == MSG_DMARC_SEND || q->type == MSG_DMARC_WAITING || q->type == MSG_DB_COPY)
		reports_flush();
	ask(q);
	return true;
}

void
reports_forget(struct ipc_chan *c)
{
	struct question *q;

	LIST_FOREACH (q, &questions, link)
		if (q->chan == c)
			q->chan = NULL;
}
