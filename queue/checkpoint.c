/*
 * checkpoint.c - what was delivered is made durable in the Maildirs, then the segments it came from
 * may go.
 *
 * gk-local does it (syncfs, on a descriptor it opened before its first write). Checkpoints are
 * numbered; a delivery that was told while number n was the last begun is durable when n + 1
 * succeeds. Segments go strictly from the oldest, so that a result never goes before the message it
 * is about. When syncfs fails, nothing since the last success counts (INVARIANTS 5): those messages
 * are delivered again, from the journal to new files.
 *
 * An error of write-back is kept by the kernel until a syncfs was told of it, also over a restart
 * of gk-local; it would be missed only where another program asked in between.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/queue.h"
#include "svc/metrics.h"
#include "svc/svc.h"

static void checkpoint_start(struct queue *q);

void
checkpoint_wants(struct queue *q, struct message *m)
{
	m->settles = q->checkpoint.wanted = q->checkpoint.started + 1;
	metric_set(METRIC_QUEUE_UNDURABLE, 1);
}

/* ---- segments that may go ---- */

static bool
is_free(const struct queue *q, const struct message *m)
{
	return message_is_done(m) && m->unwritten == 0 && m->settles <= q->checkpoint.done &&
	       m->running == 0 && !(m->flags & MESSAGE_MOVING);
}

static void
remove_oldest(struct queue *q, struct segment *s)
{
	struct message *m;

	while ((m = TAILQ_FIRST(&s->messages)) != NULL) {
		past_add(q, m);
		message_forget(&q->messages, m);
	}
	journal_remove_oldest(q->journal, NULL, NULL);
}

static bool
segment_is_free(const struct queue *q, const struct segment *s)
{
	const struct message *m;

	if (journal_is_current(q->journal, s))
		return false;
	TAILQ_FOREACH (m, &s->messages, in_segment)
		if (!is_free(q, m) || (m->flags & MESSAGE_LINGERS))
			return false;
	return true;
}

/* The names in .incoming of large messages that nothing can ask for again: delivered durably, with
 * a durable record of that. Until then a replay may need them. */
static void
drop_large(struct queue *q)
{
	struct message *m, *next;
	struct ipc_out out;

	for (m = TAILQ_FIRST(&q->messages.large); m; m = next) {
		next = TAILQ_NEXT(m, in_line);
		if (!is_free(q, m) || m->settles > q->checkpoint.recorded)
			continue;
		message_dropped(&q->messages, m);
		ipc_begin(&out, MSG_LARGE_DROP);
		ipc_put_z(&out, m->mid);
		ipc_send(svc_channel(PEER_LOCAL), &out);
	}
}

static void
sweep(void *arg)
{
	struct queue *q = arg;
	struct segment *s;

	if (!cut_holds(q)) {
		drop_large(q);
		while ((s = journal_oldest(q->journal)) != NULL && segment_is_free(q, s))
			remove_oldest(q, s);
	}
	metric_set(METRIC_QUEUE_SEGMENTS, (int64_t)journal_count(q->journal));
	if (!svc_draining())
		move_some(q);
}

void
checkpoint_sweep(struct queue *q)
{
	loop_defer(&q->checkpoint.sweep);
}

/* ---- a failed one ---- */

void
checkpoint_replay(struct queue *q, struct message *m)
{
	struct buf payload;

	if (!message_replay(&q->messages, m))
		return;
	buf_init(&payload, 256);
	record_put_mid(&payload, str_z(m->mid));
	result_append(q, m, RECORD_REPLAY, buf_view(&payload));
	buf_free(&payload);
	schedule_message(q, m, 1000);
}

static void
replay_undurable(struct queue *q)
{
	struct message *m, *next;
	size_t n = 0;

	HASH_ITER (hh, q->messages.by_mid, m, next) {
		if (m->settles <= q->checkpoint.done || !m->segment)
			continue;
		checkpoint_replay(q, m);
		n++;
	}
	log_error("queue.replay", LU("messages", n));
}

/* ---- one checkpoint ---- */

/* From here on lost power repeats no delivery that the checkpoint covers. */
static void
recorded(void *arg, const struct journal_place *place, const struct err *e)
{
	struct queue *q = arg;

	(void)place;
	if (!e) {
		q->checkpoint.recorded = q->checkpoint.recording;
		checkpoint_sweep(q);
	}
	q->checkpoint.recording = 0;
	q->checkpoint.over = q->checkpoint.final;
}

static void
write_record(struct queue *q)
{
	struct checkpoint *c = &q->checkpoint;

	/* One at a time: a later one covers what this would have. */
	if (c->recording != 0 && !c->final)
		return;
	c->recording = c->done;
	record_put_numbers(journal_begin(q->journal, RECORD_CHECKPOINT), c->seq, 0);
	journal_end(q->journal, c->final ? JOURNAL_NOW : JOURNAL_SOON, recorded, q);
}

static void
checkpoint_done(void *arg, struct ipc_in *in, const struct err *e)
{
	struct queue *q = arg;
	struct checkpoint *c = &q->checkpoint;

	c->running = false;
	if (!e && ipc_end(in) == 0) {
		c->done = c->started;
		metric_set(METRIC_QUEUE_UNDURABLE, c->wanted > c->done);
		metric_observe(METRIC_QUEUE_CHECKPOINT_SECONDS, clock_us() - c->began);
		write_record(q);
		checkpoint_sweep(q);
		return;
	}
	if (e && (e->code == E_IO || e->code == E_NOSPACE)) {
		log_error("queue.checkpoint_failed", LE(e));
		replay_undurable(q);
	} else if (e) {
		log_debug("queue.checkpoint_later", LE(e));
	}
	c->over = c->final;
}

static void
checkpoint_start(struct queue *q)
{
	struct checkpoint *c = &q->checkpoint;
	struct ipc_out m;

	c->started++;
	c->seq = journal_next_seq(q->journal);
	c->began = clock_us();
	c->running = true;
	ipc_begin(&m, MSG_CHECKPOINT);
	ipc_call(svc_channel(PEER_LOCAL), &m, checkpoint_done, q);
}

static void
tick(void *arg)
{
	struct queue *q = arg;
	struct checkpoint *c = &q->checkpoint;

	loop_timer_set(c->timer, q->o.checkpoint_ms);
	if (!c->running && !svc_draining()) {
		if (c->wanted > c->done)
			checkpoint_start(q);
		else
			checkpoint_sweep(q);
	}
}

void
checkpoint_now(struct queue *q)
{
	struct checkpoint *c = &q->checkpoint;

	if (c->running || svc_draining())
		return;
	if (c->wanted > c->done)
		checkpoint_start(q);
	else if (c->recorded < c->done)
		write_record(q);
}

void
checkpoint_init(struct queue *q)
{
	struct checkpoint *c = &q->checkpoint;

	*c = (struct checkpoint){.wanted = 1};
	c->timer = loop_timer_new(tick, q);
	loop_defer_init(&c->sweep, sweep, q);
	loop_timer_set(c->timer, q->o.checkpoint_ms);
}

/* Called while draining, again and again, until all is in place for the last one. */
void
checkpoint_final(struct queue *q)
{
	if (q->checkpoint.running || q->checkpoint.final)
		return;
	q->checkpoint.final = true;
	checkpoint_start(q);
}
