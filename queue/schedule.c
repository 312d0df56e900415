/*
 * schedule.c - when each message is tried: a heap by due time, so many at once, and waits that
 * double.
 *
 * A message is in the heap, or running, or held, or done.
 */
#include <sodium.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "queue/queue.h"

static void
place(struct schedule *s, size_t i, struct message *m)
{
	s->heap[i] = m;
	m->heap = i;
}

static void
sift_up(struct schedule *s, size_t i)
{
	struct message *m = s->heap[i];

	for (; i > 0 && m->due < s->heap[(i - 1) / 2]->due; i = (i - 1) / 2)
		place(s, i, s->heap[(i - 1) / 2]);
	place(s, i, m);
}

static void
sift_down(struct schedule *s, size_t i)
{
	struct message *m = s->heap[i];
	size_t child;

	while ((child = 2 * i + 1) < s->n) {
		if (child + 1 < s->n && s->heap[child + 1]->due < s->heap[child]->due)
			child++;
		if (m->due <= s->heap[child]->due)
			break;
		place(s, i, s->heap[child]);
		i = child;
	}
	place(s, i, m);
}

static void
run(void *arg)
{
	struct queue *q = arg;
	struct schedule *s = &q->schedule;
	uint64_t now = clock_ms();

	while (s->n > 0 && s->heap[0]->due <= now && s->running < q->o.concurrency && !s->stopped) {
		struct message *m = s->heap[0];

		schedule_remove(q, m);
		s->running++;
		m->flags |= MESSAGE_RUNNING;
		deliver_start(q, m);
	}
	loop_timer_stop(s->timer);
	if (s->n > 0 && s->running < q->o.concurrency && !s->stopped)
		loop_timer_set(s->timer, s->heap[0]->due > now ? s->heap[0]->due - now : 0);
}

void
schedule_init(struct queue *q)
{
	q->schedule = (struct schedule){0};
	q->schedule.timer = loop_timer_new(run, q);
	loop_defer_init(&q->schedule.run, run, q);
}

void
schedule_done(struct queue *q)
{
	loop_timer_free(&q->schedule.timer);
	loop_defer_cancel(&q->schedule.run);
	free(q->schedule.heap);
}

void
schedule_add(struct queue *q, struct message *m, uint64_t ms)
{
	struct schedule *s = &q->schedule;

	OBJ(m, MESSAGE_MAGIC);
	schedule_remove(q, m);
	if (message_is_done(m) || (m->flags & (MESSAGE_HELD | MESSAGE_RUNNING | MESSAGE_DELETED)))
		return;
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->heap = mem_grow(s->heap, s->cap, sizeof(struct message *));
	}
	m->due = clock_ms() + ms;
	place(s, s->n, m);
	sift_up(s, s->n++);
	loop_defer(&s->run);
}

void
schedule_remove(struct queue *q, struct message *m)
{
	struct schedule *s = &q->schedule;
	struct message *last;
	size_t i = m->heap;

	if (i == SIZE_MAX)
		return;
	assume(i < s->n && s->heap[i] == m);
	m->heap = SIZE_MAX;
	if (i == --s->n)
		return;
	/* The last one takes its place, and finds its own from there. */
	last = s->heap[s->n];
	place(s, i, last);
	sift_down(s, i);
	sift_up(s, last->heap);
}

uint64_t
schedule_backoff(const struct queue_options *o, uint32_t attempts)
{
	uint64_t ms = o->retry_first;

	for (uint32_t i = 1; i < attempts && ms < o->retry_max; i++)
		ms *= 2;
	return num_min(ms, num_max(o->retry_max, o->retry_first));
}

void
schedule_retry(struct queue *q, struct message *m)
{
	uint64_t ms = schedule_backoff(&q->o, ++m->attempts);

	/* What could not be delivered at once need not be held in memory for the wait. */
	message_close(&q->messages, m);
	/* A tenth either way, so that what failed together does not come back together. */
	ms = ms - ms / 10 + randombytes_uniform((uint32_t)num_min(ms / 5, (uint64_t)INT32_MAX) + 1);
	schedule_add(q, m, ms);
}

void
schedule_ended(struct queue *q)
{
	assume(q->schedule.running > 0);
	q->schedule.running--;
	loop_defer(&q->schedule.run);
}
