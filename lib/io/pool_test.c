/*
 * pool_test.c - work done beside the loop, its reports in the loop, a full backlog, an early end.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/loop.h"
#include "io/pool.h"

struct task {
	struct pool *pool;
	pthread_t by;
	int again; /* times to submit itself once more */
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int worked;
static int reported;

static void
work(void *arg)
{
	struct task *t = arg;

	t->by = pthread_self();
	worked++;
}

static void
work_behind_gate(void *arg)
{
	worked++;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	((struct task *)arg)->by = pthread_self();
}

static void
done(void *arg)
{
	struct task *t = arg;

	assert_false(pthread_equal(t->by, pthread_self()));
	reported++;
	if (t->again-- > 0)
		assert_int_equal(pool_submit(t->pool, work, done, t, NULL), 0);
}

static int
fresh(void **state)
{
	(void)state;
	worked = reported = 0;
	return loop_init(NULL);
}

static void
every_job_is_worked_and_reported(void **state)
{
	struct task tasks[200];
	struct pool *p = pool_new(3, 1000, NULL);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < 200; i++) {
		tasks[i] = (struct task){.pool = p, .again = i % 10 == 0};
		assert_int_equal(pool_submit(p, work, done, &tasks[i], NULL), 0);
	}
	while (reported < 220)
		loop_once(1000);
	assert_int_equal(worked, 220);
	assert_int_equal(pool_waiting(p), 0);
	pool_free(&p);
	assert_null(p);
}

static void
a_full_backlog_refuses(void **state)
{
	struct task tasks[4] = {{0}};
	struct err e = {0};
	struct pool *p = pool_new(1, 2, NULL);

	(void)state;
	pthread_mutex_lock(&gate);
	assert_int_equal(pool_submit(p, work_behind_gate, done, &tasks[0], &e), 0);
	while (worked == 0)
		sched_yield();
	assert_int_equal(pool_submit(p, work, done, &tasks[1], &e), 0);
	assert_int_equal(pool_submit(p, work, done, &tasks[2], &e), 0);
	assert_int_equal(pool_waiting(p), 2);
	assert_int_equal(pool_submit(p, work, done, &tasks[3], &e), -1);
	assert_int_equal(e.code, E_LIMIT);
	pthread_mutex_unlock(&gate);
	while (reported < 3)
		loop_once(1000);
	pool_free(&p);
}

static void
freeing_reports_what_ran_and_drops_the_rest(void **state)
{
	struct task tasks[3] = {{0}};
	struct pool *p = pool_new(1, 10, NULL);

	(void)state;
	pthread_mutex_lock(&gate);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pool_submit(p, work_behind_gate, done, &tasks[i], NULL), 0);
	while (worked == 0)
		sched_yield();
	pthread_mutex_unlock(&gate);
	pool_free(&p);
	assert_int_equal(reported, worked);
	assert_in_range(reported, 1, 3);
}

static void
a_held_pool_begins_when_released(void **state)
{
	struct pool *p, *never;
	struct task t = {0};

	(void)state;
	pool_hold();
	p = pool_new(2, 10, NULL);
	never = pool_new(1, 10, NULL);
	assert_int_equal(pool_submit(p, work, done, &t, NULL), 0);
	assert_int_equal(pool_submit(never, work, done, &t, NULL), 0);
	loop_once(20);
	assert_int_equal(worked, 0);
	assert_int_equal(pool_waiting(p), 1);
	pool_free(&never);
	assert_int_equal(pool_release(NULL), 0);
	for (int i = 0; i < 200 && reported == 0; i++)
		loop_once(20);
	assert_int_equal(worked, 1);
	assert_int_equal(reported, 1);
	pool_free(&p);
	p = pool_new(1, 10, NULL);
	assert_int_equal(pool_submit(p, work, done, &t, NULL), 0);
	for (int i = 0; i < 200 && reported == 1; i++)
		loop_once(20);
	assert_int_equal(reported, 2);
	pool_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(every_job_is_worked_and_reported, fresh),
	    cmocka_unit_test_setup(a_full_backlog_refuses, fresh),
	    cmocka_unit_test_setup(freeing_reports_what_ran_and_drops_the_rest, fresh),
	    cmocka_unit_test_setup(a_held_pool_begins_when_released, fresh),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
