/*
 * round.c - running daemons are asked to go on with master.conf and the files that were put before
 * it; when all have answered, one refusal counts for all. Reload, keys and certificates exclude
 * each other, so there is one round at a time.
 */
#include "master/master.h"

static struct {
	unsigned waiting;
	bool failed;
	struct err e;
	void (*done)(const struct err *e);
} now;

static void
one_less(void)
{
	struct err e = now.e;

	if (--now.waiting == 0)
		now.done(now.failed ? &e : NULL);
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	struct process *p = arg;

	/* One that died meanwhile starts again with what is new: not a refusal. */
	if (m != NULL) {
		ipc_end(m);
	} else if (e->code != E_CLOSED) {
		now.failed = true;
		now.e = *e;
		err_wrap(&now.e, "gk-%s", p->service->name);
	}
	one_less();
}

static void
restored(void *arg, struct ipc_in *m, const struct err *e)
{
	struct process *p = arg;

	if (m != NULL)
		ipc_end(m);
	else
		log_error("master.restore", LZ("process", p->service->name), LE(e));
}

void
round_begin(void (*done)(const struct err *e))
{
	now.waiting = 1; /* ourselves, until all are asked */
	now.failed = false;
	now.done = done;
}

void
round_ask(struct process *p)
{
	now.waiting++;
	setup_config(p, master.conf, answered, p);
}

void
round_end(void)
{
	one_less();
}

void
round_restore(struct process *p)
{
	setup_config(p, master.conf, restored, p);
}
