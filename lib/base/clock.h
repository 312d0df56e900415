/*
 * clock.h - the only clock. Tests move it.
 */
#pragma once

#include <stdint.h>
#include <time.h>

/* Monotonic milliseconds, for timeouts and measuring; cached for a loop turn (clock_turn). */
uint64_t clock_ms(void);
/* Monotonic microseconds, never cached. */
uint64_t clock_us(void);
/* Wall clock: seconds and microseconds since the epoch, UTC. */
int64_t clock_wall(void);
int64_t clock_wall_us(void);
/* Called by the loop at the start of each turn. */
void clock_turn(void);
/* Moves both clocks forward, for tests. */
void clock_advance(uint64_t ms);

#define CLOCK_RFC3339_SIZE 25
/* "2026-01-31T12:00:00.123Z"; us is a wall clock time in microseconds. */
const char *clock_rfc3339(int64_t us, char out[CLOCK_RFC3339_SIZE]);

#define CLOCK_RFC5322_SIZE 32
/* "Sat, 31 Jan 2026 12:00:00 +0000" in UTC (RFC 5322 3.3). */
const char *clock_rfc5322(int64_t s, char out[CLOCK_RFC5322_SIZE]);
