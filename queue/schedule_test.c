/*
 * schedule_test.c - the order in which messages are tried, the waits between.
 */
#include "queue/fixture.h"

static int
fresh(void **state)
{
	return fixture_setup(state) || fixture_open("boot1", false, NULL) < 0;
}

static int
end(void **state)
{
	fixture_kill();
	return fixture_teardown(state);
}

static void
waits_double_up_to_the_longest(void **state)
{
	struct queue_options o = {.retry_first = 60000, .retry_max = 3600000};

	(void)state;
	assert_int_equal(schedule_backoff(&o, 1), 60000);
	assert_int_equal(schedule_backoff(&o, 2), 120000);
	assert_int_equal(schedule_backoff(&o, 6), 1920000);
	assert_int_equal(schedule_backoff(&o, 7), 3600000);
	assert_int_equal(schedule_backoff(&o, 4000000), 3600000);
	o.retry_max = 1000;
	assert_int_equal(schedule_backoff(&o, 3), 60000);
}

static void
retry_is_within_a_tenth(void **state)
{
	struct told t = {0};
	struct message *m = fixture_append(1, 10, &t);
	uint64_t now;

	(void)state;
	for (int i = 0; i < 200; i++) {
		m->attempts = 0;
		now = clock_ms();
		schedule_retry(&fixture, m);
		assert_in_range(m->due - now, 900, 1100);
		assert_int_equal(m->attempts, 1);
	}
	schedule_remove(&fixture, m);
}

/* The heap gives messages by due time, whatever was put in and taken out between. */
static void
earliest_comes_first(void **state)
{
	struct told t = {0};
	struct schedule *s = &fixture.schedule;
	struct message *m[200];
	uint64_t before = 0;
	unsigned seed = 1, left = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		m[i] = fixture_append(i, 10, &t);
		seed = seed * 1103515245 + 12345;
		schedule_add(&fixture, m[i], (seed >> 16) % 5000);
	}
	for (unsigned i = 0; i < 200; i += 3)
		schedule_remove(&fixture, m[i]);
	for (unsigned i = 1; i < 200; i += 6)
		schedule_add(&fixture, m[i], i);
	while (s->n > 0) {
		assert_true(s->heap[0]->due >= before);
		before = s->heap[0]->due;
		schedule_remove(&fixture, s->heap[0]);
		left++;
	}
	assert_int_equal(left, 133);
}

static void
held_and_done_are_not_tried(void **state)
{
	struct told t = {0};
	struct message *held = fixture_append(1, 10, &t), *done = fixture_append(2, 10, &t);

	(void)state;
	held->flags |= MESSAGE_HELD;
	schedule_add(&fixture, held, 0);
	for (uint32_t i = 0; i < 3; i++)
		message_set(&fixture.messages, done, i, OUTCOME_OK);
	schedule_add(&fixture, done, 0);
	assert_int_equal(fixture.schedule.n, 0);
	assert_int_equal(fixture.messages.waiting, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(waits_double_up_to_the_longest),
	    cmocka_unit_test_setup_teardown(retry_is_within_a_tenth, fresh, end),
	    cmocka_unit_test_setup_teardown(earliest_comes_first, fresh, end),
	    cmocka_unit_test_setup_teardown(held_and_done_are_not_tried, fresh, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
