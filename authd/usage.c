/*
 * usage.c - see usage.h.
 */
#include "authd/usage.h"

#include "authd/quota.h"
#include "authd/writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"

struct batch {
	struct arena a;
	struct accounts_usage *u;
	size_t n;
	struct err e;
	int rc;
};

static struct loop_timer *timer;
static bool writing; /* one batch at a time */

static void
work(void *arg, struct db *db)
{
	struct batch *b = arg;

	b->rc = accounts_usage_save(db, b->u, b->n, &b->e);
}

static void
done(void *arg)
{
	struct batch *b = arg;

	writing = false;
	/* Not tried again: the next change or count of the mailbox brings it. */
	if (b->rc < 0)
		log_warn("auth.usage", LE(&b->e));
	arena_free(&b->a);
	free(b);
}

bool
usage_save(void)
{
	struct batch *b;
	struct err e;

	if (writing)
		return false;
	b = mem_alloc(sizeof(*b));
	arena_init(&b->a);
	b->n = quota_take_dirty(&b->a, USAGE_BATCH, &b->u);
	if (b->n > 0 && writer_submit(work, done, b, &e) == 0) {
		writing = true;
		return false;
	}
	if (b->n > 0)
		log_warn("auth.usage", LE(&e));
	arena_free(&b->a);
	free(b);
	return true;
}

static void
tick(void *arg)
{
	(void)arg;
	usage_save();
	loop_timer_set(timer, USAGE_SAVE_MS);
}

void
usage_init(void)
{
	timer = loop_timer_new(tick, NULL);
	loop_timer_set(timer, USAGE_SAVE_MS);
}

void
usage_done(void)
{
	loop_timer_free(&timer);
}
