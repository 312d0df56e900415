/*
 * checkpoint.c - makes durable what was delivered, for the queue to forget its segments.
 *
 * Durability point: the answer. It covers every delivery answered before the call arrived. The
 * descriptor was opened before this process's first write and is kept, so that an error of
 * write-back since then is told here (INVARIANTS 5).
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "delivery/local/local.h"
#include "io/file.h"

struct run {
	struct local *l;
	struct ipc_chan *queue;
	uint64_t id, us;
	int rc;
	struct err e;
};

/* In a thread. */
static void
work(void *arg)
{
	struct run *r = arg;
	uint64_t t = clock_us();

	r->rc = file_sync_all(r->l->sync, "local.checkpoint", &r->e);
	r->us = clock_us() - t;
}

static void
done(void *arg)
{
	struct run *r = arg;

	if (r->rc == 0) {
		log_debug("local.checkpoint", LU("ms", r->us / 1000));
		ipc_reply_ok(r->queue, r->id, MSG_CHECKPOINT_R);
	} else {
		/* Whatever the code: to the queue this says that a sync has failed. */
		r->e.code = E_IO;
		log_error("local.checkpoint_failed", LE(&r->e));
		ipc_reply_error(r->queue, r->id, &r->e);
	}
	free(r);
}

void
checkpoint_run(struct local *l, struct ipc_chan *c, struct ipc_in *m)
{
	struct run *r;

	if (ipc_end(m) < 0)
		return;
	r = mem_alloc(sizeof(*r));
	r->l = l;
	r->queue = c;
	r->id = m->id;
	if (pool_submit(l->pool, work, done, r, &r->e) < 0) {
		r->e.code = E_TEMP;
		ipc_reply_error(c, r->id, &r->e);
		free(r);
	}
}
