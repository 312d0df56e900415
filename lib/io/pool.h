/*
 * pool.h - a few threads beside the loop for what blocks: syncs and password hashing.
 *
 * work() runs in a thread and touches only what its argument owns; done() runs in the loop
 * afterwards. Threads start with the pool, all signals blocked; those of pools made between
 * pool_hold() and pool_release() at the latter. A daemon's start() is called between the two, so
 * that its threads begin inside the sandbox: Landlock holds for the thread that enters it and for
 * those that it starts, not for its siblings.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

struct pool;

/* threads: how many; backlog: how many jobs may wait for one. NULL with *e set when the system has
 * no thread left. */
struct pool *pool_new(unsigned threads, size_t backlog, struct err *e);
/* Jobs given meanwhile wait. */
void pool_hold(void);
int pool_release(struct err *e);
/* -1 and E_LIMIT when the backlog is full. */
int
pool_submit(struct pool *p, void (*work)(void *), void (*done)(void *), void *arg, struct err *e);
size_t pool_waiting(const struct pool *p);
/* Waits for running jobs and calls their done(); those not begun are dropped without. Not from
 * inside a done(). */
void pool_free(struct pool **p);
