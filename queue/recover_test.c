/*
 * recover_test.c - what the journal makes of the table of messages: after a crash of the process,
 * after lost power, on request.
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
restart(const char *boot, bool forced)
{
	struct err e = {0};

	fixture_kill();
	if (fixture_open(boot, forced, &e) < 0)
		fail_msg("%s", e.text);
}

static void
put_checkpoint(uint64_t seq)
{
	struct told t = {0};

	record_put_numbers(journal_begin(fixture.journal, RECORD_CHECKPOINT), seq, 0);
	journal_end(fixture.journal, JOURNAL_NOW, fixture_told, &t);
	fixture_settle();
	assert_int_equal(t.ok, 1);
}

/* Messages 1 and 2; of 1 two targets are delivered, of 2 all. */
static void
two_messages(void)
{
	struct told t = {0};

	fixture_append(1, 500, &t);
	fixture_append(2, 700, &t);
	fixture_settle();
	fixture_result(1, 0, OUTCOME_OK, &t);
	fixture_result(1, 2, OUTCOME_OK, &t);
	fixture_result(2, 0, OUTCOME_OK, &t);
	fixture_result(2, 1, OUTCOME_FAILED, &t);
	fixture_result(2, 2, OUTCOME_OK, &t);
	fixture_settle();
	assert_int_equal(t.ok, 7);
}

static void
results_are_believed_after_a_crash(void **state)
{
	(void)state;
	two_messages();
	restart("boot1", false);
	fixture_check(1, 500);
	assert_int_equal(fixture_find(1)->nwaiting, 1);
	assert_int_equal(fixture_find(1)->outcomes[1], OUTCOME_WAITING);
	assert_false(fixture_find(1)->flags & MESSAGE_REPLAY);
	assert_true(message_is_done(fixture_find(2)));
	assert_int_equal(fixture.messages.waiting, 1);
	assert_int_equal(fixture.messages.octets, 500);
	/* Only what waits is in the schedule; what is done stays until its segment goes. */
	assert_int_equal(fixture_find(1)->jobs->state, JOB_READY);
	assert_null(fixture_find(2)->jobs);
	assert_int_equal(fixture_find(2)->settles, 1);
}

static void
deliveries_run_again_after_lost_power(void **state)
{
	struct told t = {0};

	(void)state;
	two_messages();
	/* Of this one nothing was told; it may have a name all the same. */
	fixture_append(3, 100, &t);
	fixture_settle();
	restart("boot2", false);
	assert_int_equal(fixture_find(1)->nwaiting, 3);
	assert_true(fixture_find(1)->flags & MESSAGE_REPLAY);
	assert_true(fixture_find(3)->flags & MESSAGE_REPLAY);
	/* What failed for good has failed: only deliveries can be lost. */
	assert_int_equal(fixture_find(2)->nwaiting, 2);
	assert_int_equal(fixture_find(2)->outcomes[1], OUTCOME_FAILED);
	assert_true(fixture_find(2)->flags & MESSAGE_REPLAY);
}

static void
checkpoint_covers_what_came_before_it(void **state)
{
	struct told t = {0};
	uint64_t boundary;

	(void)state;
	two_messages();
	boundary = journal_next_seq(fixture.journal);
	fixture_append(3, 100, &t);
	fixture_settle();
	fixture_result(3, 0, OUTCOME_OK, &t);
	fixture_settle();
	put_checkpoint(boundary);
	restart("boot2", false);
	assert_int_equal(fixture_find(1)->nwaiting, 1);
	assert_true(message_is_done(fixture_find(2)));
	assert_int_equal(fixture_find(3)->nwaiting, 3);
	assert_true(fixture_find(3)->flags & MESSAGE_REPLAY);
}

static void
results_after_lost_power_are_believed_again(void **state)
{
	struct told t = {0};

	(void)state;
	two_messages();
	restart("boot2", false);
	for (unsigned i = 0; i < 3; i++)
		fixture_result(1, i, OUTCOME_OK, &t);
	fixture_settle();
	/* The process dies in the middle of the replay: what it has replayed stays. */
	restart("boot2", false);
	assert_true(message_is_done(fixture_find(1)));
	assert_int_equal(fixture_find(2)->nwaiting, 2);
	assert_true(fixture_find(2)->flags & MESSAGE_REPLAY);
}

static void
unknown_boot_counts_as_lost_power(void **state)
{
	(void)state;
	restart("", false);
	two_messages();
	restart("", false);
	assert_int_equal(fixture_find(1)->nwaiting, 3);
}

static void
replay_can_be_asked_for(void **state)
{
	(void)state;
	two_messages();
	put_checkpoint(journal_next_seq(fixture.journal));
	restart("boot1", true);
	assert_int_equal(fixture_find(1)->nwaiting, 3);
	assert_int_equal(fixture_find(2)->nwaiting, 2);
}

static void
operators_word_is_kept(void **state)
{
	struct told t = {0};

	(void)state;
	for (unsigned i = 1; i <= 3; i++)
		fixture_append(i, 100, &t);
	fixture_settle();
	fixture_record(RECORD_HOLD, 1, &t);
	fixture_record(RECORD_HOLD, 2, &t);
	fixture_record(RECORD_RELEASE, 2, &t);
	fixture_record(RECORD_DELETE, 3, &t);
	fixture_settle();
	restart("boot1", false);
	assert_true(fixture_find(1)->flags & MESSAGE_HELD);
	assert_int_equal(fixture_find(1)->jobs->state, JOB_IDLE);
	assert_false(fixture_find(2)->flags & MESSAGE_HELD);
	assert_true(message_is_done(fixture_find(3)));
	/* A deleted message does not come back with the power either. */
	restart("boot2", false);
	assert_true(message_is_done(fixture_find(3)));
}

static void
bounce_is_born_with_its_result(void **state)
{
	struct record_result r = {1, OUTCOME_FAILED, STR("5.1.1 no such user")};
	struct envelope_rcpt rcpt = {.address = STR("carol@example.test"), .notify = NOTIFY_NEVER};
	struct envelope env = {.arrived = 1, .actor = STR("bounce"), .rcpts = &rcpt, .nrcpts = 1};
	struct record_message rm = {.size = 5, .ntargets = 1, .arrived = 1};
	char mid[ID_SIZE], about[ID_SIZE];
	struct told t = {0};
	struct buf raw, payload;
	struct arena a;
	struct str octets;

	(void)state;
	fixture_append(1, 100, &t);
	fixture_settle();
	buf_init(&raw, ENVELOPE_MAX);
	buf_init(&payload, 1 << 20);
	env.mid = rm.mid = fixture_mid(9, mid);
	envelope_encode(&env, &raw, NULL);
	rm.envelope = buf_view(&raw);
	record_put_message(&payload, &rm);
	buf_puts(&payload, "hello");
	record_put_result(journal_begin(fixture.journal, RECORD_RESULT), fixture_mid(1, about), &r,
	    1, buf_view(&payload));
	journal_end(fixture.journal, JOURNAL_NOW, fixture_told, &t);
	fixture_settle();
	restart("boot1", false);
	assert_int_equal(fixture_find(1)->outcomes[1], OUTCOME_FAILED);
	assert_non_null(fixture_find(9));
	arena_init(&a);
	assert_int_equal(message_envelope(fixture_find(9), &a, &env, NULL, NULL), 0);
	assert_int_equal(message_read(fixture_find(9), 100, &a, &octets, NULL), 0);
	assert_true(str_eq_z(octets, "hello"));
	arena_free(&a);
	buf_free(&raw);
	buf_free(&payload);
}

/* As committed() does in spool.c. */
static void
place_all(unsigned n, struct told *t, size_t size)
{
	for (unsigned i = 0; i < n; i++) {
		struct message *m = fixture_find(i);
		char mid[ID_SIZE];
		struct record_message rm = {
		    .mid = fixture_mid(i, mid), .size = size, .ntargets = 3};
		unsigned char p[8];

		/* The envelope's length stands before it in the record. */
		assert_int_equal(file_pread(t[i].place.segment->fd, p, 4,
				     (off_t)(t[i].place.off + record_envelope_at(&rm) - 4), NULL),
		    0);
		rm.envelope = str_of("", ((size_t)p[2] << 8) + p[3]);
		message_place(m, t[i].place.segment, t[i].place.off, &rm);
	}
}

static void
moved_message_leaves_its_segment(void **state)
{
	struct told t[40] = {0};
	size_t before, after;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		fixture_append(i, 200000, &t[i]);
		fixture_settle();
	}
	place_all(40, t, 200000);
	before = journal_count(fixture.journal);
	/* All but the first are delivered, durably: the journal is kept for one message. */
	fixture.checkpoint.done = 1;
	message_set(&fixture.messages, fixture_find(0), 1, OUTCOME_OK);
	fixture_find(0)->flags |= MESSAGE_HELD;
	for (unsigned i = 1; i < 40; i++)
		for (uint32_t k = 0; k < 3; k++)
			message_set(&fixture.messages, fixture_find(i), k, OUTCOME_OK);
	checkpoint_init(&fixture);
	fixture.checkpoint.done = 1;
	checkpoint_sweep(&fixture);
	for (int i = 0; i < 100; i++)
		loop_once(2);
	after = journal_count(fixture.journal);
	assert_true(before > 5);
	assert_true(after < before);
	fixture_check(0, 200000);
	loop_timer_free(&fixture.checkpoint.timer);
	loop_defer_cancel(&fixture.checkpoint.sweep);
	restart("boot2", false);
	/* Its delivery was durable when it moved: not even lost power repeats it. */
	fixture_check(0, 200000);
	assert_int_equal(fixture_find(0)->nwaiting, 2);
	assert_int_equal(fixture_find(0)->outcomes[1], OUTCOME_SETTLED);
	assert_true(fixture_find(0)->flags & MESSAGE_HELD);
	assert_null(fixture_find(1));
}

/* A segment's octets changed behind our back: nothing is thrown away by itself. */
static void
damaged_header_stops_the_start(void **state)
{
	struct told t = {0};
	unsigned char p[SEGMENT_BLOCK];
	struct err e = {0};
	int fd;

	(void)state;
	fixture_append(1, 100, &t);
	fixture_settle();
	fd = file_open(fixture.journal_dir, "0000000000000001.seg", O_RDWR, 0, NULL);
	assert_int_equal(file_pread(fd, p, sizeof(p), 0, NULL), 0);
	p[30] ^= 1;
	assert_int_equal(file_pwrite(fd, p, sizeof(p), 0, NULL), 0);
	fixture_kill();
	assert_int_equal(fixture_open("boot1", false, &e), -1);
	assert_int_equal(e.code, E_IO);
	p[30] ^= 1;
	assert_int_equal(file_pwrite(fd, p, sizeof(p), 0, NULL), 0);
	file_close(&fd);
	restart("boot1", false);
	fixture_check(1, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(results_are_believed_after_a_crash, fresh, end),
	    cmocka_unit_test_setup_teardown(deliveries_run_again_after_lost_power, fresh, end),
	    cmocka_unit_test_setup_teardown(checkpoint_covers_what_came_before_it, fresh, end),
	    cmocka_unit_test_setup_teardown(
		results_after_lost_power_are_believed_again, fresh, end),
	    cmocka_unit_test_setup_teardown(unknown_boot_counts_as_lost_power, fresh, end),
	    cmocka_unit_test_setup_teardown(replay_can_be_asked_for, fresh, end),
	    cmocka_unit_test_setup_teardown(operators_word_is_kept, fresh, end),
	    cmocka_unit_test_setup_teardown(bounce_is_born_with_its_result, fresh, end),
	    cmocka_unit_test_setup_teardown(moved_message_leaves_its_segment, fresh, end),
	    cmocka_unit_test_setup_teardown(damaged_header_stops_the_start, fresh, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
