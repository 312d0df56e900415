/*
 * schedule_test.c - the order in which messages are tried, the waits between, and how destinations
 * fare.
 */
#include "queue/fixture.h"

static struct told told;

static int
fresh(void **state)
{
	told = (struct told){0};
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

/* Appends and schedules what is in the journal by restarting from it. */
static void
restart(void)
{
	struct err e = {0};

	fixture_settle();
	fixture_kill();
	if (fixture_open("boot1", false, &e) < 0)
		fail_msg("%s", e.text);
}

static struct destination *
destination(const char *key)
{
	struct destination *d;

	HASH_FIND(hh, fixture.schedule.remotes, key, strlen(key), d);
	return d;
}

static void
retry_is_within_a_tenth(void **state)
{
	struct job *j;
	uint64_t now;

	(void)state;
	fixture_append(1, 10, &told);
	restart();
	j = fixture_find(1)->jobs;
	assert_non_null(j);
	for (int i = 0; i < 200; i++) {
		j->attempts = 0;
		now = clock_ms();
		schedule_retry(&fixture, j);
		assert_int_equal(j->state, JOB_WAITS);
		assert_in_range(j->timer.due - now, 900, 1102);
		assert_int_equal(j->attempts, 1);
	}
}

/* The last attempt is when the time is over. */
static void
no_wait_beyond_the_lifetime(void **state)
{
	struct job *j;

	(void)state;
	fixture_append(1, 10, &told);
	restart();
	j = fixture_find(1)->jobs;
	j->attempts = 30;
	fixture.o.lifetime = 5000;
	schedule_retry(&fixture, j);
	assert_in_range(j->timer.due - clock_ms(), 1, 5001);
}

/* RFC 4865: nothing, and no order to try now, sends it before its time. */
static void
what_is_to_wait_waits(void **state)
{
	struct message *m;

	(void)state;
	fixture_append(1, 10, &told);
	restart();
	m = fixture_find(1);
	assert_int_equal(m->release, 0);
	assert_int_equal(m->jobs->state, JOB_READY);
	m->release = clock_wall_us() + 3600000000;
	schedule_job(&fixture, m->jobs, 0);
	assert_int_equal(m->jobs->state, JOB_WAITS);
	assert_in_range(m->jobs->timer.due - clock_ms(), 3599000, 3600002);
	/* Its lifetime begins with that. */
	m->arrived -= 6ll * 86400 * 1000000;
	assert_false(schedule_is_late(m, fixture.o.lifetime));
	clock_advance(3600000);
	assert_int_equal(schedule_embargo(m), 0);
	schedule_job(&fixture, m->jobs, 0);
	assert_int_equal(m->jobs->state, JOB_READY);
}

static void
earliest_comes_first(void **state)
{
	struct heap h = {0};
	struct heap_item items[200] = {0};
	uint64_t before = 0;
	unsigned seed = 1, left = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		seed = seed * 1103515245 + 12345;
		heap_put(&h, &items[i], (seed >> 16) % 5000);
	}
	for (unsigned i = 0; i < 200; i += 3)
		heap_take(&h, &items[i]);
	for (unsigned i = 1; i < 200; i += 6)
		heap_put(&h, &items[i], i);
	while (heap_first(&h)) {
		assert_true(heap_first(&h)->due >= before);
		before = heap_first(&h)->due;
		heap_take(&h, heap_first(&h));
		left++;
	}
	assert_int_equal(left, 133);
	heap_done(&h);
}

static void
held_and_done_are_not_tried(void **state)
{
	struct message *held, *done;

	(void)state;
	fixture_append(1, 10, &told);
	fixture_append(2, 10, &told);
	restart();
	held = fixture_find(1);
	done = fixture_find(2);
	held->flags |= MESSAGE_HELD;
	schedule_stop(&fixture, held);
	schedule_message(&fixture, held, 0);
	assert_int_equal(held->jobs->state, JOB_IDLE);
	for (uint32_t i = 0; i < 3; i++)
		message_set(&fixture.messages, done, i, OUTCOME_OK);
	schedule_message(&fixture, done, 0);
	schedule_forget(&fixture, done);
	assert_null(done->jobs);
	assert_int_equal(fixture.messages.waiting, 1);
	assert_int_equal(fixture.schedule.jobs, 1);
}

/* Mailboxes here are one destination, each domain elsewhere another. */
static void
a_job_for_each_destination(void **state)
{
	struct str here = STR("alice@example.test"),
		   both[] = {STR("bob@example.test"), STR("x@one.test")}, other = STR("y@one.test"),
		   two = STR("z@two.test");
	struct envelope_rcpt rcpts[] = {
	    {.address = here, .targets = &here, .ntargets = 1, .nlocal = 1},
	    {.address = STR("all@example.test"), .targets = both, .ntargets = 2, .nlocal = 1},
	    {.address = other, .targets = &other, .ntargets = 1},
	    {.address = two, .targets = &two, .ntargets = 1}};
	struct message *m;
	size_t n = 0;

	(void)state;
	fixture_append_to(1, 10, STR("a@b.test"), rcpts, 4, &told);
	restart();
	m = fixture_find(1);
	for (struct job *j = m->jobs; j; j = j->next)
		n++;
	assert_int_equal(n, 3);
	assert_int_equal(fixture.schedule.local->jobs, 1);
	assert_int_equal(destination("one.test")->jobs, 1);
	assert_int_equal(destination("two.test")->jobs, 1);
	schedule_message(&fixture, m, 0);
	assert_int_equal(fixture.schedule.jobs, 3);
	schedule_forget(&fixture, m);
	assert_null(destination("one.test"));
	assert_int_equal(fixture.schedule.jobs, 0);
}

static struct job *
next_of(struct destination *d)
{
	struct fair_item *i = fair_next(&d->ready);

	return i ? (struct job *)((char *)i - offsetof(struct job, turn)) : NULL;
}

/* Who has a thousand messages does not delay who has one. */
static void
senders_take_turns(void **state)
{
	struct destination *d;
	struct job *j;
	size_t turns = 0;

	(void)state;
	for (unsigned i = 1; i <= 100; i++)
		fixture_abroad(i, STR("bulk@example.test"), STR("x@one.test"), &told);
	fixture_abroad(101, STR("alice@example.test"), STR("x@one.test"), &told);
	restart();
	d = destination("one.test");
	assert_int_equal(d->ready.n, 101);
	while ((j = next_of(d)) != NULL) {
		fair_take(&d->ready, &j->turn);
		j->state = JOB_IDLE;
		turns++;
		if (strcmp(j->m->mid, "00000000000000000101") == 0)
			break;
	}
	assert_non_null(j);
	assert_true(turns <= 2);
}

static void
a_window_grows_and_falls(void **state)
{
	struct destination *d = destination_new(DEST_REMOTE, STR("one.test"), 5);

	(void)state;
	for (int i = 0; i < 5; i++)
		destination_worked(d, 20);
	assert_in_range((size_t)(d->window * 100), 580, 600);
	for (int i = 0; i < 1000; i++)
		destination_worked(d, 20);
	assert_int_equal((size_t)d->window, 20);
	assert_false(destination_failed(d, STR("4.4.1 no")));
	assert_int_equal((size_t)d->window, 19);
	destination_worked(d, 20);
	assert_true(d->failures == 0 && d->error == NULL);
	destination_free(&d);
}

/* As many failures in a row as its window has room for; then one is enough. */
static void
a_destination_dies(void **state)
{
	struct destination *d = destination_new(DEST_REMOTE, STR("one.test"), 5);
	int n = 1;

	(void)state;
	while (!destination_failed(d, STR("4.4.1 no")))
		n++;
	assert_in_range(n, 3, 5);
	assert_true(d->dead);
	/* Those under way say the same. */
	assert_false(destination_failed(d, STR("4.4.1 no")));
	assert_int_equal(d->died, 1);
	destination_probe(d);
	assert_true(destination_failed(d, STR("4.4.1 still no")));
	assert_int_equal(d->died, 2);
	assert_string_equal(d->error->text, "4.4.1 still no");
	destination_probe(d);
	destination_worked(d, 20);
	assert_int_equal(d->died, 0);
	assert_int_equal((size_t)d->window, 2);
	destination_free(&d);
}

/* Its messages wait untried; what has waited too long is told so. */
static void
the_dead_are_left_alone(void **state)
{
	struct destination *d;
	struct message *old;

	(void)state;
	for (unsigned i = 1; i <= 10; i++)
		fixture_abroad(i, STR("a@example.test"), STR("x@one.test"), &told);
	restart();
	d = destination("one.test");
	old = fixture_find(3);
	old->arrived -= (int64_t)fixture.o.lifetime * 1000;
	while (!d->dead)
		schedule_fared(&fixture, d, STR("4.4.1 no"));
	assert_int_equal(fixture.schedule.ndead, 1);
	assert_in_range(d->timer.due - clock_ms(), 800, 1102);
	assert_int_equal(d->ready.n, 9);
	assert_true(old->jobs->late && old->jobs->state == JOB_WAITS);
	schedule_fared(&fixture, d, STR_NONE);
	assert_false(d->dead);
	assert_int_equal(fixture.schedule.ndead, 0);
}

static void
words_are_shared(void **state)
{
	struct words *one = words_new(STR("4.4.1 no")), *a = NULL, *b = NULL;

	(void)state;
	words_set(&a, STR("4.4.1 no"), one);
	words_set(&b, STR("4.4.1 other"), one);
	assert_ptr_equal(a, one);
	assert_ptr_not_equal(b, one);
	words_drop(&one);
	assert_string_equal(a->text, "4.4.1 no");
	words_drop(&a);
	words_drop(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(waits_double_up_to_the_longest),
	    cmocka_unit_test_setup_teardown(retry_is_within_a_tenth, fresh, end),
	    cmocka_unit_test_setup_teardown(no_wait_beyond_the_lifetime, fresh, end),
	    cmocka_unit_test_setup_teardown(what_is_to_wait_waits, fresh, end),
	    cmocka_unit_test(earliest_comes_first),
	    cmocka_unit_test_setup_teardown(held_and_done_are_not_tried, fresh, end),
	    cmocka_unit_test_setup_teardown(a_job_for_each_destination, fresh, end),
	    cmocka_unit_test_setup_teardown(senders_take_turns, fresh, end),
	    cmocka_unit_test(a_window_grows_and_falls),
	    cmocka_unit_test(a_destination_dies),
	    cmocka_unit_test_setup_teardown(the_dead_are_left_alone, fresh, end),
	    cmocka_unit_test(words_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
