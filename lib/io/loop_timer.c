/*
 * loop_timer.c - the timers of the loop: a binary heap ordered by deadline, on the clock of
 * clock.h.
 *
 * Not libevent's timers, because those read the system's clock themselves and a test could not move
 * it. Owner: the loop. Errors: none; running out of memory ends the process.
 */
#include "io/loop_private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define TIMER_MAGIC 0x54494d52u

struct loop_timer {
	unsigned magic;
	loop_fn fn;
	void *arg;
	uint64_t deadline; /* by clock_ms() */
	uint64_t seq;      /* order of setting: ties run first set, first run */
	size_t at;         /* place in the heap, from 1; 0 = not pending */
};

/* heap[1] is due first; the children of i are 2i and 2i + 1. heap[0] is unused. */
static struct {
	struct loop_timer **heap;
	size_t n, cap;
	uint64_t seq;
} timers;

static bool
before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->deadline != b->deadline ? a->deadline < b->deadline : a->seq < b->seq;
}

static void
put(struct loop_timer *t, size_t at)
{
	timers.heap[at] = t;
	t->at = at;
}

static void
sift_up(struct loop_timer *t, size_t at)
{
	for (; at > 1 && before(t, timers.heap[at / 2]); at /= 2)
		put(timers.heap[at / 2], at);
	put(t, at);
}

static void
sift_down(struct loop_timer *t, size_t at)
{
	size_t child;

	for (; (child = at * 2) <= timers.n; at = child) {
		if (child < timers.n && before(timers.heap[child + 1], timers.heap[child]))
			child++;
		if (!before(timers.heap[child], t))
			break;
		put(timers.heap[child], at);
	}
	put(t, at);
}

struct loop_timer *
loop_timer_new(loop_fn fn, void *arg)
{
	struct loop_timer *t = mem_alloc(sizeof(*t));

	t->magic = TIMER_MAGIC;
	t->fn = fn;
	t->arg = arg;
	return t;
}

void
loop_timer_stop(struct loop_timer *t)
{
	struct loop_timer *last;
	size_t at;

	OBJ(t, TIMER_MAGIC);
	if ((at = t->at) == 0)
		return;
	t->at = 0;
	last = timers.heap[timers.n--];
	if (last == t)
		return;
	/* The last one fills the hole, then finds its place in whichever direction it is. */
	if (at > 1 && before(last, timers.heap[at / 2]))
		sift_up(last, at);
	else
		sift_down(last, at);
}

void
loop_timer_set(struct loop_timer *t, uint64_t ms)
{
	uint64_t now = clock_ms();

	loop_timer_stop(t);
	t->deadline = ms < UINT64_MAX - now ? now + ms : UINT64_MAX;
	t->seq = ++timers.seq;
	if (timers.n + 1 >= timers.cap) {
		timers.cap = timers.cap ? timers.cap * 2 : 64;
		timers.heap = mem_grow(timers.heap, timers.cap, sizeof(struct loop_timer *));
	}
	sift_up(t, ++timers.n);
}

bool
loop_timer_pending(const struct loop_timer *t)
{
	OBJ(t, TIMER_MAGIC);
	return t->at != 0;
}

void
loop_timer_free(struct loop_timer **t)
{
	if (!*t)
		return;
	loop_timer_stop(*t);
	(*t)->magic = 0;
	free(*t);
	*t = NULL;
}

uint64_t
loop_timers_wait(void)
{
	uint64_t now = clock_ms();

	if (timers.n == 0)
		return UINT64_MAX;
	return timers.heap[1]->deadline > now ? timers.heap[1]->deadline - now : 0;
}

void
loop_timers_run(void)
{
	uint64_t now = clock_ms(), last = timers.seq;

	while (timers.n > 0) {
		struct loop_timer *t = timers.heap[1];

		if (t->deadline > now || t->seq > last)
			break;
		loop_timer_stop(t);
		t->fn(t->arg); /* may free t */
	}
}

void
loop_timers_forget(void)
{
	for (size_t i = 1; i <= timers.n; i++)
		timers.heap[i]->at = 0;
	timers.n = 0;
}
