/*
 * loop_test.c - turns, watches, timers on a moved clock, deferrals, signals, forked loops, the
 * guard.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/loop.h"
#include "io/loop_private.h"

static char trace[64];
static size_t ntrace;

static void
note(void *arg)
{
	trace[ntrace++] = *(const char *)arg;
	trace[ntrace] = 0;
}

static int
fresh(void **state)
{
	struct err e;

	(void)state;
	ntrace = 0;
	trace[0] = 0;
	return loop_init(&e);
}

/* ---- timers ---- */

static void
timers_run_in_order_of_deadline(void **state)
{
	static const char names[] = "cadbe";
	static const uint64_t ms[] = {300, 100, 400, 200, 400};
	struct loop_timer *t[5];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		t[i] = loop_timer_new(note, (void *)&names[i]);
		loop_timer_set(t[i], ms[i]);
	}
	clock_advance(350);
	loop_once(0);
	assert_string_equal(trace, "abc");
	assert_false(loop_timer_pending(t[0]));
	assert_true(loop_timer_pending(t[2]));
	clock_advance(100);
	loop_once(0);
	assert_string_equal(trace, "abcde");
	for (size_t i = 0; i < 5; i++)
		loop_timer_free(&t[i]);
}

static void
a_stopped_timer_stays_silent(void **state)
{
	struct loop_timer *t[40];
	char names[40];

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		names[i] = (char)('A' + i);
		t[i] = loop_timer_new(note, &names[i]);
		loop_timer_set(t[i], 10 + i * 7 % 40);
	}
	for (size_t i = 0; i < 40; i++)
		if (i % 2)
			loop_timer_stop(t[i]);
	clock_advance(1000);
	loop_once(0);
	assert_int_equal(ntrace, 20);
	for (size_t i = 0; i < 40; i++) {
		assert_false(loop_timer_pending(t[i]));
		loop_timer_free(&t[i]);
	}
}

static struct loop_timer *again;

static void
set_again(void *arg)
{
	note(arg);
	loop_timer_set(again, 0);
}

static void
free_again(void *arg)
{
	note(arg);
	loop_timer_free(&again);
}

static void
a_timer_set_again_with_0_ms_waits_for_the_next_turn(void **state)
{
	(void)state;
	again = loop_timer_new(set_again, "x");
	loop_timer_set(again, 0);
	loop_once(0);
	assert_string_equal(trace, "x");
	loop_once(100);
	assert_string_equal(trace, "xx");
	loop_timer_free(&again);
}

static void
a_timer_may_free_itself(void **state)
{
	(void)state;
	again = loop_timer_new(free_again, "x");
	loop_timer_set(again, 1);
	loop_once(1000);
	assert_string_equal(trace, "x");
	assert_null(again);
}

static void
waiting_ends_with_the_timer(void **state)
{
	struct loop_timer *t = loop_timer_new(note, "t");
	uint64_t before = clock_us();

	(void)state;
	loop_timer_set(t, 20);
	while (ntrace == 0)
		loop_once(10000);
	assert_in_range(clock_us() - before, 18000, 5000000);
	loop_timer_free(&t);
}

/* ---- watches ---- */

struct watched {
	struct loop_io *io;
	unsigned seen, calls;
	bool free_it;
};

static void
on_io(void *arg, unsigned events)
{
	struct watched *w = arg;

	w->seen |= events;
	w->calls++;
	if (w->free_it)
		loop_io_free(&w->io);
}

static void
watches_are_level_triggered_and_change(void **state)
{
	struct watched w = {0};
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	w.io = loop_io_new(sv[0], 0, on_io, &w);
	assert_int_equal(write(sv[1], "x", 1), 1);
	loop_once(0);
	assert_int_equal(w.seen, 0);
	loop_io_want(w.io, LOOP_READ);
	loop_once(0);
	loop_once(0);
	assert_int_equal(w.seen, LOOP_READ);
	assert_int_equal(w.calls, 2);
	loop_io_want(w.io, LOOP_READ | LOOP_WRITE);
	loop_once(0);
	assert_int_equal(w.seen, LOOP_READ | LOOP_WRITE);
	assert_int_equal(w.calls, 4);
	loop_io_want(w.io, 0);
	loop_once(0);
	assert_int_equal(w.calls, 4);
	loop_io_again(w.io, LOOP_READ);
	loop_once(1000);
	loop_once(1000);
	assert_int_equal(w.calls, 5);
	loop_once(0);
	assert_int_equal(w.calls, 5);
	loop_io_free(&w.io);
	close(sv[0]);
	close(sv[1]);
}

static void
ask_again(void *arg, unsigned events)
{
	struct watched *w = arg;

	on_io(w, events);
	if (w->io)
		loop_io_again(w->io, events);
}

static void
again_means_the_next_turn(void **state)
{
	struct watched w = {0};
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	w.io = loop_io_new(sv[0], 0, ask_again, &w);
	loop_io_again(w.io, LOOP_READ);
	loop_once(1000);
	for (unsigned i = 1; i < 4; i++) {
		loop_once(1000);
		assert_int_equal(w.calls, i);
	}
	w.free_it = true;
	loop_once(1000);
	assert_null(w.io);
	loop_once(0);
	assert_int_equal(w.calls, 4);
	close(sv[0]);
	close(sv[1]);
}

static void
a_watch_may_free_itself_between_its_two_events(void **state)
{
	struct watched w = {.free_it = true};
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	assert_int_equal(write(sv[1], "x", 1), 1);
	w.io = loop_io_new(sv[0], LOOP_READ | LOOP_WRITE, on_io, &w);
	loop_once(0);
	assert_int_equal(w.calls, 1);
	assert_null(w.io);
	close(sv[0]);
	close(sv[1]);
}

/* The trap of batched epoll changes (loop.c, head). */
static void
a_socket_that_lives_on_elsewhere_is_out_of_the_set(void **state)
{
	struct watched w = {0};
	int sv[2], kept;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	w.io = loop_io_new(sv[0], LOOP_READ, on_io, &w);
	loop_once(0);
	kept = dup(sv[0]);
	loop_io_free(&w.io);
	close(sv[0]);
	assert_int_equal(write(sv[1], "x", 1), 1);
	for (int i = 0; i < 3; i++)
		loop_once(0);
	assert_int_equal(w.calls, 0);
	close(kept);
	close(sv[1]);
}

/* ---- deferrals ---- */

static struct loop_defer first, second;

static void
defer_second(void *arg)
{
	note(arg);
	loop_defer(&second);
}

static void
cancel_second(void *arg)
{
	note(arg);
	loop_defer_cancel(&second);
}

static void
deferrals_run_once_and_to_the_end(void **state)
{
	(void)state;
	loop_defer_init(&first, defer_second, "1");
	loop_defer_init(&second, note, "2");
	loop_defer(&first);
	loop_defer(&first);
	loop_once(10000); /* does not wait */
	assert_string_equal(trace, "12");
	loop_once(0);
	assert_string_equal(trace, "12");
}

static void
a_deferral_is_taken_back(void **state)
{
	(void)state;
	loop_defer_init(&first, cancel_second, "1");
	loop_defer_init(&second, note, "2");
	loop_defer(&first);
	loop_defer(&second);
	loop_once(0);
	assert_string_equal(trace, "1");
	loop_defer_cancel(&second);
}

static void
stop_it(void *arg)
{
	note(arg);
	loop_stop();
}

static void
the_loop_runs_until_stopped(void **state)
{
	struct loop_timer *t = loop_timer_new(stop_it, "s");

	(void)state;
	loop_timer_set(t, 1);
	loop_run();
	assert_string_equal(trace, "s");
	loop_timer_free(&t);
}

/* ---- signals, forks, the guard ---- */

static void
signals_arrive_in_the_loop(void **state)
{
	struct loop_signal *s = loop_signal_new(SIGUSR1, note, "u");

	(void)state;
	raise(SIGUSR1);
	loop_once(1000);
	assert_string_equal(trace, "u");
	loop_signal_free(&s);
}

static int
status_of(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
exit_well(void *arg)
{
	_exit(*(const int *)arg);
}

/* What the child of the next test does, inside the parent's callback. */
static void
live_anew(struct watched *parents, struct loop_timer **timer)
{
	static const int well = 42;
	struct loop_timer *t;
	struct err e;

	if (loop_init_forked(&e) < 0 || loop_timer_pending(*timer))
		_exit(1);
	loop_io_free(&parents->io);
	loop_timer_free(timer);
	t = loop_timer_new(exit_well, (void *)&well);
	loop_timer_set(t, 5);
	loop_run();
	_exit(2);
}

static struct loop_timer *parents_timer;
static pid_t child;

static void
fork_here(void *arg, unsigned events)
{
	struct watched *w = arg;

	on_io(w, events);
	if (child == 0 && (child = fork()) == 0)
		live_anew(w, &parents_timer);
}

static void
a_forked_child_begins_anew_and_leaves_the_parent_alone(void **state)
{
	struct watched w = {0};
	struct loop_signal *s = loop_signal_new(SIGUSR1, note, "u");
	int sv[2], status;
	unsigned before;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	w.io = loop_io_new(sv[0], LOOP_READ, fork_here, &w);
	parents_timer = loop_timer_new(note, "t");
	loop_timer_set(parents_timer, 1000000);
	assert_int_equal(write(sv[1], "x", 1), 1);
	loop_once(1000);
	status = status_of(child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	before = w.calls;
	loop_once(1000);
	assert_int_equal(w.calls, before + 1);
	assert_true(loop_timer_pending(parents_timer));
	raise(SIGUSR1);
	loop_once(1000);
	assert_string_equal(trace, "u");
	loop_signal_free(&s);
	loop_timer_free(&parents_timer);
	loop_io_free(&w.io);
	close(sv[0]);
	close(sv[1]);
}

static void
hang(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void
a_turn_that_hangs_aborts_the_process(void **state)
{
	struct loop_timer *t;
	struct err e;
	int status;

	(void)state;
	if ((child = fork()) == 0) {
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		loop_guard_limit = 1;
		if (loop_init_forked(&e) < 0)
			_exit(1);
		t = loop_timer_new(hang, NULL);
		loop_timer_set(t, 0);
		loop_run();
		_exit(2);
	}
	status = status_of(child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
lose_a_second(void *arg)
{
	note(arg);
	clock_advance(1500);
}

static void
lose_a_second_with_patience(void *arg)
{
	loop_be_patient();
	lose_a_second(arg);
}

static unsigned slow_turns;

static void
count_slow(uint64_t ms)
{
	assert_true(ms >= 1500);
	slow_turns++;
}

static void
a_slow_turn_is_told(void **state)
{
	(void)state;
	loop_on_slow(count_slow);
	loop_defer_init(&first, note, "q");
	loop_defer(&first);
	loop_once(0);
	assert_int_equal(slow_turns, 0);
	loop_defer_init(&first, lose_a_second, "s");
	loop_defer(&first);
	loop_once(0);
	assert_int_equal(slow_turns, 1);
	loop_defer_init(&first, lose_a_second_with_patience, "p");
	loop_defer(&first);
	loop_once(0);
	assert_int_equal(slow_turns, 1);
	loop_on_slow(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(timers_run_in_order_of_deadline, fresh),
	    cmocka_unit_test_setup(a_stopped_timer_stays_silent, fresh),
	    cmocka_unit_test_setup(a_timer_set_again_with_0_ms_waits_for_the_next_turn, fresh),
	    cmocka_unit_test_setup(a_timer_may_free_itself, fresh),
	    cmocka_unit_test_setup(waiting_ends_with_the_timer, fresh),
	    cmocka_unit_test_setup(watches_are_level_triggered_and_change, fresh),
	    cmocka_unit_test_setup(again_means_the_next_turn, fresh),
	    cmocka_unit_test_setup(a_watch_may_free_itself_between_its_two_events, fresh),
	    cmocka_unit_test_setup(a_socket_that_lives_on_elsewhere_is_out_of_the_set, fresh),
	    cmocka_unit_test_setup(deferrals_run_once_and_to_the_end, fresh),
	    cmocka_unit_test_setup(a_deferral_is_taken_back, fresh),
	    cmocka_unit_test_setup(the_loop_runs_until_stopped, fresh),
	    cmocka_unit_test_setup(signals_arrive_in_the_loop, fresh),
	    cmocka_unit_test_setup(a_forked_child_begins_anew_and_leaves_the_parent_alone, fresh),
	    cmocka_unit_test_setup(a_turn_that_hangs_aborts_the_process, fresh),
	    cmocka_unit_test_setup(a_slow_turn_is_told, fresh),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
