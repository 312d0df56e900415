/*
 * loop_guard.c - watches how long a turn of the loop takes.
 *
 * A turn over a second is logged when it ends. One that does not end within loop_guard_limit
 * seconds aborts the process, from SIGALRM. That costs next to nothing: the alarm is set by the
 * first turn that finds none under way, and when it goes off it looks whether a turn is running and
 * since when. So a busy process makes one system call in 30 s for it, and a sleeping one is woken
 * once, not periodically.
 */
#include "io/loop_private.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define SLOW_US 1000000u

unsigned loop_guard_limit = 30;

/* Written by the loop, read by the handler, in one thread. */
static volatile uint64_t began; /* clock_us() at the start of the turn; 0 = the loop waits */
static volatile sig_atomic_t armed;
static void (*slow_fn)(uint64_t ms);

static void
on_alarm(int signo)
{
	static const char word[] = "loop: a turn does not end: abort\n";
	uint64_t since = began, age;

	(void)signo;
	if (since == 0) {
		armed = 0;
		return;
	}
	age = (clock_us() - since) / 1000000;
	if (age < loop_guard_limit) {
		alarm(loop_guard_limit - (unsigned)age);
		return;
	}
	if (write(STDERR_FILENO, word, sizeof(word) - 1) < 0)
		armed = 0; /* nobody to tell */
	abort();
}

void
loop_guard_init(void)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	/* An alarm is not inherited by a forked child, the handler is. */
	armed = 0;
	began = 0;
	sigaction(SIGALRM, &sa, NULL);
}

void
loop_guard_begin(void)
{
	began = clock_us();
	if (!armed) {
		armed = 1;
		alarm(loop_guard_limit);
	}
}

void
loop_guard_end(void)
{
	uint64_t us = began != 0 ? clock_us() - began : 0;

	began = 0;
	if (us < SLOW_US)
		return;
	log_warn("loop.slow", LU("ms", us / 1000));
	if (slow_fn != NULL)
		slow_fn(us / 1000);
}

void
loop_be_patient(void)
{
	began = 0;
}

void
loop_on_slow(void (*fn)(uint64_t ms))
{
	slow_fn = fn;
}
