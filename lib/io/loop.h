/*
 * loop.h - the event loop of a process: one, single-threaded, libevent behind this page.
 *
 * Callbacks run one at a time. A turn over 1 s is logged (loop.slow), one over 30 s aborts the
 * process: a daemon that hangs is worse than one that restarts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"

struct loop_io;
struct loop_timer;
struct loop_signal;

#define LOOP_READ  1u
#define LOOP_WRITE 2u

typedef void (*loop_io_fn)(void *arg, unsigned events);
typedef void (*loop_fn)(void *arg);

/* Also has SIGPIPE ignored and takes SIGALRM for itself. A second call does nothing. */
int loop_init(struct err *e);
/* Forgets the parent's loop in a forked child and begins anew, without touching the parent's: no
 * watch, signal, timer or deferral survives. What the parent made may still be freed. Called inside
 * one of the parent's callbacks, the child must never return from that: it runs its own loop there
 * and exits. */
int loop_init_forked(struct err *e);
void loop_run(void); /* until loop_stop() */
void loop_stop(void);
/* Runs one turn, waiting at most wait_ms for something to happen (tests). */
void loop_once(uint64_t wait_ms);
/* The turn under way may take as long as it takes: a daemon's start, which reads a journal. */
void loop_be_patient(void);
/* fn is called after each turn that took over a second, for metrics; also in forked children. */
void loop_on_slow(void (*fn)(uint64_t ms));

/* Watches fd for events (LOOP_READ | LOOP_WRITE; 0 = nothing yet), level-triggered. fn is called
 * with one of the two at a time. Never owns fd; free the watch before closing it. */
struct loop_io *loop_io_new(int fd, unsigned events, loop_io_fn fn, void *arg);
void loop_io_want(struct loop_io *w, unsigned events);
/* Calls fn with events in the next turn, though the descriptor may not be ready: something is held
 * back above it. */
void loop_io_again(struct loop_io *w, unsigned events);
void loop_io_free(struct loop_io **w);

struct loop_timer *loop_timer_new(loop_fn fn, void *arg);
void loop_timer_set(
    struct loop_timer *t, uint64_t ms); /* once, ms from now; replaces an earlier setting */
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_pending(const struct loop_timer *t);
void loop_timer_free(struct loop_timer **t);

struct loop_signal *loop_signal_new(int signo, loop_fn fn, void *arg);
void loop_signal_free(struct loop_signal **s);

/*
 * Runs fn(arg) once, at the end of the current turn: where batches are flushed. A deferral is
 * embedded in its owner, may be asked for any number of times a turn, and is taken back with
 * loop_defer_cancel() before the owner is freed. Deferrals asked for by deferrals still run before
 * the loop waits again.
 */
struct loop_defer {
	loop_fn fn;
	void *arg;
	TAILQ_ENTRY(loop_defer) link;
	bool queued;
};

void loop_defer_init(struct loop_defer *d, loop_fn fn, void *arg);
void loop_defer(struct loop_defer *d);
void loop_defer_cancel(struct loop_defer *d);
