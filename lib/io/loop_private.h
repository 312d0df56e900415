/*
 * loop_private.h - what the files of the loop share, and lib/io with them. Nobody else includes
 * this.
 */
#pragma once

#include <stdint.h>

#include "io/loop.h"

/* ---- loop.c ---- */

/* Counts turns: tells "again in the same turn" from "in a later one". */
uint64_t loop_turn_number(void);

/* ---- loop_timer.c ---- */

/* Milliseconds until the next timer is due; UINT64_MAX without one. */
uint64_t loop_timers_wait(void);
/* Runs the timers that are due. One set meanwhile waits for the next turn, even with 0 ms. */
void loop_timers_run(void);
/* Takes every timer out (a forked child). */
void loop_timers_forget(void);

/* ---- loop_guard.c ---- */

/* Seconds after which a turn is taken to hang (tests shorten it). */
extern unsigned loop_guard_limit;

void loop_guard_init(void);
/* A turn begins: something happened, callbacks will run. */
void loop_guard_begin(void);
/* It is over; a slow one is logged. */
void loop_guard_end(void);
