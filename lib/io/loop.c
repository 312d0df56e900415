/*
 * loop.c - the turns of the event loop: wait, watches, timers, deferrals, log.
 *
 * libevent does the waiting (epoll) and the signals. The outer loop is ours, so that deferrals run
 * at a known point and the clock is read once a turn. EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST is not
 * used: it puts removals off until the next wait, and a socket that was handed to another process
 * and closed here meanwhile would stay in the epoll set for good, reporting events that nobody can
 * take out.
 *
 * Owner: the process. Errors: only loop_init() fails.
 */
#include "io/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop_private.h"

#define IO_MAGIC     0x4c50494fu
#define SIGNAL_MAGIC 0x4c505347u

/* Two events, because changing the kind of one would cost a removal and an addition. */
struct loop_io {
	unsigned magic;
	unsigned events; /* wanted now */
	unsigned epoch;  /* of the loop it belongs to */
	loop_io_fn fn;
	void *arg;
	struct event reading, writing;
	unsigned again; /* events to call with in the next turn */
	struct loop_defer kick;
};

struct loop_signal {
	unsigned magic;
	unsigned epoch;
	loop_fn fn;
	void *arg;
	struct event event;
};

static struct {
	struct event_base *base;
	struct event wake; /* ends the wait when a timer is due */
	TAILQ_HEAD(loop_defers, loop_defer) defers;
	unsigned epoch; /* changes in a forked child: what its parent made is dead there */
	uint64_t turns;
	bool in_turn, awake, stop, forgetting;
} loop = {.defers = TAILQ_HEAD_INITIALIZER(loop.defers)};

static void
on_wake(evutil_socket_t fd, short events, void *arg)
{
	(void)fd, (void)events, (void)arg;
}

static void
on_complaint(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN && !loop.forgetting)
		log_warn("loop.libevent", LZ("error", text));
}

static void
on_fatal(int code)
{
	(void)code;
	mem_die(__FILE__, __LINE__, "libevent");
}

static int
base_new(struct err *e)
{
	struct event_config *config = event_config_new();
	int rc = -1;

	/* The loop of a process must not depend on its environment, nor fall back to poll. */
	if (!config ||
	    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) <
		0 ||
	    event_config_avoid_method(config, "poll") < 0 ||
	    event_config_avoid_method(config, "select") < 0 ||
	    !(loop.base = event_base_new_with_config(config))) {
		err_sys(e, "event loop");
		goto out;
	}
	evtimer_assign(&loop.wake, loop.base, on_wake, NULL);
	rc = 0;
out:
	if (config)
		event_config_free(config);
	return rc;
}

int
loop_init(struct err *e)
{
	struct sigaction sa = {.sa_handler = SIG_IGN};

	if (loop.base)
		return 0;
	event_set_log_callback(on_complaint);
	event_set_fatal_callback(on_fatal);
	if (base_new(e) < 0)
		return -1;
	/* A peer that went away is an error of write(), never a signal. */
	sigaction(SIGPIPE, &sa, NULL);
	loop_guard_init();
	return 0;
}

int
loop_init_forked(struct err *e)
{
	struct loop_defer *d;

	if (loop.base) {
		/* The epoll set is still shared with the parent: taking watches out of it would
		 * take them out of the parent's. event_reinit() closes it untouched and begins a
		 * new one; its answer does not matter (a descriptor that is closed already cannot
		 * be watched again), as all goes. */
		loop.forgetting = true;
		event_reinit(loop.base);
		event_base_free(loop.base);
		loop.base = NULL;
		loop.forgetting = false;
	}
	while ((d = TAILQ_FIRST(&loop.defers)))
		loop_defer_cancel(d);
	loop_timers_forget();
	loop.epoch++;
	loop.in_turn = loop.awake = loop.stop = false;
	return loop_init(e);
}

/* ---- turns ---- */

/* The wait is over: the first callback of a turn finds the clock set. */
static void
awake(void)
{
	if (loop.awake)
		return;
	loop.awake = true;
	clock_turn();
	loop_guard_begin();
}

static void
wait_for_events(uint64_t ms)
{
	/* NONBLOCK alone would go on for as long as something is ready. */
	int flags = EVLOOP_ONCE | EVLOOP_NONBLOCK;

	if (ms > 0) {
		flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
		if (ms != UINT64_MAX) {
			struct timeval tv = {.tv_sec = (time_t)(ms / 1000),
			    .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

			event_add(&loop.wake, &tv);
		} else
			event_del(&loop.wake);
	}
	assume(event_base_loop(loop.base, flags) >= 0);
}

static void
run_deferrals(void)
{
	struct loop_defer *d;

	while ((d = TAILQ_FIRST(&loop.defers))) {
		loop_defer_cancel(d);
		d->fn(d->arg); /* may free d */
	}
}

static void
turn(uint64_t wait)
{
	uint64_t due;

	assume(loop.base && !loop.in_turn);
	loop.in_turn = true;
	loop.awake = false;
	loop.turns++;
	clock_turn();
	due = loop_timers_wait();
	if (due < wait)
		wait = due;
	if (!TAILQ_EMPTY(&loop.defers))
		wait = 0;
	wait_for_events(wait);
	awake();
	loop_timers_run();
	run_deferrals();
	log_flush();
	loop_guard_end();
	loop.in_turn = false;
}

void
loop_run(void)
{
	while (!loop.stop)
		turn(UINT64_MAX);
	loop.stop = false;
}

void
loop_stop(void)
{
	loop.stop = true;
}

void
loop_once(uint64_t wait_ms)
{
	turn(wait_ms);
}

uint64_t
loop_turn_number(void)
{
	return loop.turns;
}

/* ---- watches ---- */

static void
on_readable(evutil_socket_t fd, short events, void *arg)
{
	struct loop_io *w = arg;

	(void)fd, (void)events;
	OBJ(w, IO_MAGIC);
	awake();
	w->fn(w->arg, LOOP_READ); /* may free w */
}

static void
on_writable(evutil_socket_t fd, short events, void *arg)
{
	struct loop_io *w = arg;

	(void)fd, (void)events;
	OBJ(w, IO_MAGIC);
	awake();
	w->fn(w->arg, LOOP_WRITE); /* may free w */
}

static void kick(void *arg);

struct loop_io *
loop_io_new(int fd, unsigned events, loop_io_fn fn, void *arg)
{
	struct loop_io *w = mem_alloc(sizeof(*w));

	assume(loop.base && fd >= 0);
	w->magic = IO_MAGIC;
	w->epoch = loop.epoch;
	w->fn = fn;
	w->arg = arg;
	loop_defer_init(&w->kick, kick, w);
	event_assign(&w->reading, loop.base, fd, EV_READ | EV_PERSIST, on_readable, w);
	event_assign(&w->writing, loop.base, fd, EV_WRITE | EV_PERSIST, on_writable, w);
	loop_io_want(w, events);
	return w;
}

static void
watch(struct event *ev, bool on)
{
	/* Fails only for what cannot be watched (a plain file) or lack of memory: our own mistake.
	 */
	if (on)
		assume(event_add(ev, NULL) == 0);
	else
		event_del(ev);
}

void
loop_io_want(struct loop_io *w, unsigned events)
{
	unsigned changed;

	OBJ(w, IO_MAGIC);
	if (w->epoch != loop.epoch)
		return;
	changed = w->events ^ events;
	w->events = events;
	if (changed & LOOP_READ)
		watch(&w->reading, events & LOOP_READ);
	if (changed & LOOP_WRITE)
		watch(&w->writing, events & LOOP_WRITE);
}

/* From the end of the turn: made active within libevent's dispatch, it would run in that same one.
 */
static void
kick(void *arg)
{
	struct loop_io *w = arg;

	OBJ(w, IO_MAGIC);
	if (w->again & LOOP_READ)
		event_active(&w->reading, EV_READ, 0);
	if (w->again & LOOP_WRITE)
		event_active(&w->writing, EV_WRITE, 0);
	w->again = 0;
}

void
loop_io_again(struct loop_io *w, unsigned events)
{
	OBJ(w, IO_MAGIC);
	if (w->epoch != loop.epoch)
		return;
	w->again |= events;
	loop_defer(&w->kick);
}

void
loop_io_free(struct loop_io **w)
{
	if (!*w)
		return;
	OBJ(*w, IO_MAGIC);
	if ((*w)->epoch == loop.epoch) {
		event_del(&(*w)->reading);
		event_del(&(*w)->writing);
		loop_defer_cancel(&(*w)->kick);
	}
	(*w)->magic = 0;
	free(*w);
	*w = NULL;
}

/* ---- signals ---- */

static void
on_signal(evutil_socket_t fd, short events, void *arg)
{
	struct loop_signal *s = arg;

	(void)fd, (void)events;
	OBJ(s, SIGNAL_MAGIC);
	awake();
	s->fn(s->arg);
}

struct loop_signal *
loop_signal_new(int signo, loop_fn fn, void *arg)
{
	struct loop_signal *s = mem_alloc(sizeof(*s));

	assume(loop.base);
	s->magic = SIGNAL_MAGIC;
	s->epoch = loop.epoch;
	s->fn = fn;
	s->arg = arg;
	evsignal_assign(&s->event, loop.base, signo, on_signal, s);
	assume(event_add(&s->event, NULL) == 0);
	return s;
}

void
loop_signal_free(struct loop_signal **s)
{
	if (!*s)
		return;
	OBJ(*s, SIGNAL_MAGIC);
	if ((*s)->epoch == loop.epoch)
		event_del(&(*s)->event);
	(*s)->magic = 0;
	free(*s);
	*s = NULL;
}

/* ---- deferrals ---- */

void
loop_defer_init(struct loop_defer *d, loop_fn fn, void *arg)
{
	*d = (struct loop_defer){.fn = fn, .arg = arg};
}

void
loop_defer(struct loop_defer *d)
{
	if (d->queued)
		return;
	d->queued = true;
	TAILQ_INSERT_TAIL(&loop.defers, d, link);
}

void
loop_defer_cancel(struct loop_defer *d)
{
	if (!d->queued)
		return;
	d->queued = false;
	TAILQ_REMOVE(&loop.defers, d, link);
}
