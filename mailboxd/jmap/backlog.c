/*
 * backlog.c - see backlog.h.
 *
 * There is no list of what is to be done: an email without a thread is one that is left, whoever
 * crashed meanwhile. Emails come and go between slices; the model begins anew at its newest then,
 * which costs little where nearly all are done.
 */
#include "mailboxd/jmap/backlog.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "mailboxd/jmap/model.h"
#include "store/mailbox.h"

#define SLICE_US 2500u
#define PAUSE_MS 5u    /* between slices: a third of a processor at most */
#define ROWS     1000u /* of so many of the newest emails */
#define NEW_ROWS 20u   /* the same when that was done before */

/* After a request: the one that follows comes first. */
unsigned jmap_backlog_after_ms = 20;

struct jmap_backlog {
	struct jmap *jmap;
	struct loop_timer *timer;
	struct arena arena;
	bool busy;
	uint64_t began_us;
	uint64_t generation; /* of the model when the round began */
	size_t rows, want;   /* looked at in this round, to be looked at */
	bool has_found;      /* threads */
};

/* ---- slices ---- */

/* Threads. 1: all are known. */
static int
find_threads(struct jmap_backlog *b, struct jmap_model *m, struct err *e)
{
	if (jmap_model_threads_are_known(m))
		return 1;
	b->has_found = true;
	return jmap_model_thread_all(m, SLICE_US, e);
}

/* The row of one. What cannot be read is left to who asks. */
static int
make_row(struct jmap_backlog *b, struct jmap_model *m, const struct jmap_email *em)
{
	const struct jmap_place *p = jmap_email_places(em);
	struct err e = {0};
	struct str text;
	int rc = mailbox_cached(
	    jmap_model_mailbox(m, p->box), p->uid, CACHE_EMAIL, &b->arena, &text, &e);

	arena_reset(&b->arena);
	return rc < 0 && home_has_failed(b->jmap->home) ? -1 : 0;
}

static int
make_rows(struct jmap_backlog *b, struct jmap_model *m)
{
	uint64_t until = clock_us() + SLICE_US;
	struct jmap_email *const *v;
	size_t n;

	for (; v = jmap_model_all(m, &n), b->rows < num_min(n, b->want); b->rows++) {
		if (clock_us() >= until)
			return 0;
		if (make_row(b, m, v[n - 1 - b->rows]) < 0)
			return -1;
	}
	b->want = NEW_ROWS;
	return 1;
}

static void
end(struct jmap_backlog *b)
{
	b->busy = false;
	log_debug("jmap.backlog", LS("user", b->jmap->user), LU("threads", b->has_found),
	    LU("us", clock_us() - b->began_us));
	/* Who is parked hears that counts have changed. */
	if (b->has_found && b->jmap->host.changed != NULL)
		b->jmap->host.changed(b->jmap->host.arg);
}

static void
run_slice(struct jmap_backlog *b)
{
	struct err e = {0};
	struct jmap_model *m;
	int rc;

	/* What waits for threads looks for them itself. */
	if (b->jmap->running > 0) {
		loop_timer_set(b->timer, PAUSE_MS);
		return;
	}
	if (jmap_emails_load(b->jmap, &e) == 0) {
		loop_timer_set(b->timer, PAUSE_MS);
		return;
	}
	m = jmap_emails(b->jmap, &e);
	rc = m == NULL ? -1 : find_threads(b, m, &e);
	if (rc == 1)
		rc = home_threads_done(b->jmap->home, true, &e) < 0 ? -1 : make_rows(b, m);
	if (rc < 0) {
		log_warn("jmap.backlog", LS("user", b->jmap->user), LE(&e));
		b->busy = false;
	} else if (rc == 1) {
		end(b);
	} else {
		loop_timer_set(b->timer, PAUSE_MS);
	}
}

/* The room kept for what must go on when the disk is full is not for what can be made again. */
static void
slice(void *arg)
{
	bool (*full)(void) = file_full;

	file_full = NULL;
	run_slice(arg);
	file_full = full;
}

/* ---- from outside ---- */

static struct jmap_backlog *new (struct jmap *j)
{
	struct jmap_backlog *b = mem_alloc(sizeof *b);

	b->jmap = j;
	b->timer = loop_timer_new(slice, b);
	arena_init(&b->arena);
	b->want = ROWS;
	return b;
}

static void
begin(struct jmap_backlog *b)
{
	b->busy = true;
	b->has_found = false;
	b->rows = 0;
	b->began_us = clock_us();
	loop_timer_set(b->timer, jmap_backlog_after_ms);
}

static struct jmap_backlog *
get(struct jmap *j)
{
	if (j->backlog == NULL)
		j->backlog = new (j);
	return j->backlog;
}

void
jmap_backlog_look(struct jmap *j)
{
	struct jmap_backlog *b;

	if (j->model == NULL)
		return;
	b = get(j);
	if (b->busy || b->generation == jmap_model_generation(j->model))
		return;
	b->generation = jmap_model_generation(j->model);
	begin(b);
}

void
jmap_backlog_resume(struct jmap *j)
{
	if (home_threads_left(j->home))
		begin(get(j));
}

bool
jmap_backlog_is_busy(const struct jmap *j)
{
	return j->backlog != NULL && j->backlog->busy;
}

void
jmap_backlog_free(struct jmap_backlog **bp)
{
	struct jmap_backlog *b = *bp;

	if (b == NULL)
		return;
	loop_timer_free(&b->timer);
	arena_free(&b->arena);
	free(b);
	*bp = NULL;
}
