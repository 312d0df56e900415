/* hold_test.c - whose homes wait for a replay, and until when. */
#include "queue/fixture.h"

static int
fresh(void **state)
{
	return fixture_setup(state) || fixture_open("boot1", false, NULL) < 0;
}

static void
finish(void)
{
	hold_done(&fixture);
	fixture_kill();
}

static int
end(void **state)
{
	finish();
	return fixture_teardown(state);
}

static void
restart(const char *boot, bool forced)
{
	struct err e = {0};

	finish();
	if (fixture_open(boot, forced, &e) < 0)
		fail_msg("%s", e.text);
	hold_init(&fixture);
}

static bool
alice(void)
{
	return hold_has(&fixture, STR("alice@example.test"));
}

static bool
bob(void)
{
	return hold_has(&fixture, STR("bob@example.test"));
}

/* Delivered to alice alone; bob's targets wait. */
static void
one_message(void)
{
	struct told t = {0};

	fixture_append(1, 500, &t);
	fixture_settle();
	fixture_result(1, 0, OUTCOME_OK, &t);
	fixture_settle();
	assert_int_equal(t.ok, 2);
}

static void
a_crash_holds_nobody(void **state)
{
	(void)state;
	one_message();
	restart("boot1", false);
	assert_false(alice());
	assert_false(bob());
}

/* The result of a delivery may be what was lost: who waits is held too. */
static void
lost_power_holds_all_who_wait(void **state)
{
	(void)state;
	one_message();
	restart("boot2", false);
	assert_true(alice());
	assert_true(bob());
	assert_false(hold_has(&fixture, STR("carol@example.test")));
	assert_true(fixture_find(1)->flags & MESSAGE_REPLAY);
}

static void
a_forced_replay_holds(void **state)
{
	(void)state;
	one_message();
	restart("boot1", true);
	assert_true(alice());
}

static void
deliver(unsigned n)
{
	struct message *m = fixture_find(n);

	for (uint32_t i = 0; i < m->ntargets; i++)
		message_set(&fixture.messages, m, i, OUTCOME_OK);
	checkpoint_wants(&fixture, m);
}

static void
released_by_the_record_of_a_checkpoint(void **state)
{
	(void)state;
	one_message();
	restart("boot2", false);
	hold_review(&fixture);
	assert_true(alice());
	fixture.checkpoint.running = true; /* there is no gk-local here to begin one with */
	deliver(1);
	hold_review(&fixture);
	assert_true(alice());
	fixture.checkpoint.done = 1;
	hold_review(&fixture);
	assert_true(alice());
	fixture.checkpoint.recorded = 1;
	hold_review(&fixture);
	assert_false(alice());
	assert_false(bob());
	assert_null(fixture.holds);
}

static void
every_message_of_a_user_counts(void **state)
{
	struct told t = {0};

	(void)state;
	one_message();
	fixture_append(2, 300, &t);
	fixture_settle();
	restart("boot2", false);
	fixture.checkpoint.running = true;
	deliver(1);
	fixture.checkpoint.recorded = fixture.checkpoint.done = 1;
	hold_review(&fixture);
	assert_true(alice());
	deliver(2);
	hold_review(&fixture);
	assert_false(alice());
}

/* What fails may fail for days: the rest of the mail is not out of reach for so long. */
static void
a_failed_attempt_holds_no_longer(void **state)
{
	(void)state;
	one_message();
	restart("boot2", false);
	fixture.checkpoint.running = true;
	fixture_find(1)->jobs->attempts = 1;
	hold_review(&fixture);
	assert_true(alice()); /* what else was delivered of it is not durable yet */
	fixture.checkpoint.recorded = fixture.checkpoint.done = 1;
	hold_review(&fixture);
	assert_false(alice());
}

static void
what_the_operator_holds_does_not_hold(void **state)
{
	(void)state;
	one_message();
	restart("boot2", false);
	fixture.checkpoint.running = true;
	fixture.checkpoint.recorded = 1;
	fixture_find(1)->flags |= MESSAGE_HELD;
	hold_review(&fixture);
	assert_false(alice());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_crash_holds_nobody, fresh, end),
	    cmocka_unit_test_setup_teardown(lost_power_holds_all_who_wait, fresh, end),
	    cmocka_unit_test_setup_teardown(a_forced_replay_holds, fresh, end),
	    cmocka_unit_test_setup_teardown(released_by_the_record_of_a_checkpoint, fresh, end),
	    cmocka_unit_test_setup_teardown(every_message_of_a_user_counts, fresh, end),
	    cmocka_unit_test_setup_teardown(a_failed_attempt_holds_no_longer, fresh, end),
	    cmocka_unit_test_setup_teardown(what_the_operator_holds_does_not_hold, fresh, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
