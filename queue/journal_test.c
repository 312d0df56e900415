/*
 * journal_test.c - batches, torn tails, damage, syncs that fail, disks that are full.
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
reopen(const char *boot)
{
	struct err e = {0};

	fixture_kill();
	if (fixture_open(boot, false, &e) < 0)
		fail_msg("%s", e.text);
}

static void
one_turn_shares_one_batch(void **state)
{
	struct told t[20] = {0};

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		fixture_append(i, 1000, &t[i]);
	fixture_settle();
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(t[i].ok, 1);
		assert_ptr_equal(t[i].place.segment, t[0].place.segment);
	}
	reopen("boot1");
	for (unsigned i = 0; i < 20; i++)
		fixture_check(i, 1000);
	assert_int_equal(fixture.messages.waiting, 20);
	assert_int_equal(fixture.messages.octets, 20000);
}

static void
batches_begin_on_blocks(void **state)
{
	struct told a = {0}, b = {0};

	(void)state;
	fixture_append(1, 10, &a);
	fixture_settle();
	fixture_append(2, 10, &b);
	fixture_settle();
	assert_int_equal((a.place.off - RECORD_HEADER) % SEGMENT_BLOCK, 0);
	assert_int_equal((b.place.off - RECORD_HEADER) % SEGMENT_BLOCK, 0);
	assert_true(b.place.off > a.place.off);
}

static void
segments_roll_and_are_read_back(void **state)
{
	struct told t = {0};

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		fixture_append(i, 100000 + i, &t);
		if (i % 7 == 0)
			fixture_settle();
	}
	fixture_settle();
	assert_int_equal(t.ok, 40);
	assert_true(journal_count(fixture.journal) >= 4);
	reopen("boot1");
	for (unsigned i = 0; i < 40; i++)
		fixture_check(i, 100000 + i);
}

static void
largest_message_fits(void **state)
{
	struct told t = {0};

	(void)state;
	fixture_append(1, MESSAGE_SMALL, &t);
	fixture_append(2, MESSAGE_SMALL, &t);
	fixture_settle();
	assert_int_equal(t.ok, 2);
	reopen("boot1");
	fixture_check(1, MESSAGE_SMALL);
	fixture_check(2, MESSAGE_SMALL);
}

static int
no_reading(enum file_op op, const char *name)
{
	(void)name;
	return op == FILE_READ ? EIO : 0;
}

static char *
both_parts(struct message *m, size_t *n)
{
	struct envelope env;
	struct str raw, octets;
	struct arena a;
	char *p;

	arena_init(&a);
	assert_int_equal(message_envelope(m, &a, &env, &raw, NULL), 0);
	assert_int_equal(message_read(m, (size_t)m->size, &a, &octets, NULL), 0);
	p = mem_alloc(raw.n + octets.n);
	memcpy(p, raw.p, raw.n);
	memcpy(p + raw.n, octets.p, octets.n);
	*n = raw.n + octets.n;
	arena_free(&a);
	return p;
}

static void
kept_messages_are_not_read_again(void **state)
{
	struct told t = {0};
	struct message *m;
	struct envelope env;
	struct arena a;
	size_t n;
	char *p;

	(void)state;
	fixture_append(1, 5000, &t);
	fixture_settle();
	reopen("boot1");
	m = fixture_find(1);
	assert_int_equal(message_kept(m).n, 0);
	p = both_parts(m, &n);
	message_keep(&fixture.messages, m, p, n);
	assert_int_equal(message_kept(m).n, 5000);
	file_fault = no_reading;
	fixture_check(1, 5000);
	/* An attempt that failed: it is not held for the wait. */
	schedule_message(&fixture, m, 1000);
	schedule_retry(&fixture, m->jobs);
	assert_int_equal(fixture.messages.kept, 0);
	arena_init(&a);
	assert_int_equal(message_envelope(m, &a, &env, NULL, NULL), -1);
	file_fault = NULL;
	fixture_check(1, 5000);
	/* So much and no more. */
	fixture.messages.kept = MESSAGE_KEPT - 5000;
	p = both_parts(m, &n);
	message_keep(&fixture.messages, m, p, n);
	assert_int_equal(message_kept(m).n, 0);
	fixture.messages.kept = 0;
	arena_free(&a);
}

/* ---- damage ---- */

/* How many records of octets verify, from the first block on. */
static unsigned
count_records(const struct segment *s, const unsigned char *octets, size_t n, unsigned *messages)
{
	struct segment_cursor c;
	struct record r;
	uint64_t at;
	unsigned count = 0;

	*messages = 0;
	segment_cursor_init(&c, -1, n);
	buf_put(&c.window, octets + SEGMENT_BLOCK, n - SEGMENT_BLOCK);
	while (segment_next(&c, s->key, &r, &at, NULL) > 0) {
		count++;
		*messages += r.type == RECORD_MESSAGE;
	}
	segment_cursor_done(&c);
	return count;
}

/* Two batches: three messages that were answered, then four more under way. */
static unsigned char *
two_batches(struct told *t, size_t *first_end, size_t *end)
{
	struct segment *s;
	unsigned char *octets;

	for (unsigned i = 0; i < 3; i++)
		fixture_append(i, 300, t);
	fixture_settle();
	s = t->place.segment;
	*first_end = s->used;
	for (unsigned i = 3; i < 7; i++)
		fixture_append(i, 300, t);
	fixture_settle();
	*end = s->used;
	octets = mem_alloc(FIXTURE_SEGMENT);
	assert_int_equal(file_pread(s->fd, octets, FIXTURE_SEGMENT, 0, NULL), 0);
	return octets;
}

static void
tail_torn_at_every_byte(void **state)
{
	struct told t = {0};
	size_t first_end, last;
	unsigned char *octets, *torn;
	unsigned messages, before = 0;

	(void)state;
	octets = two_batches(&t, &first_end, &last);
	torn = mem_alloc(last);
	for (size_t cut = first_end; cut <= last; cut++) {
		memcpy(torn, octets, cut);
		memset(torn + cut, 0, last - cut);
		count_records(t.place.segment, torn, last, &messages);
		/* All that was answered, and of the rest a beginning; never less for more octets.
		 */
		assert_in_range(messages, 3, 7);
		assert_true(messages >= before);
		before = messages;
	}
	assert_int_equal(before, 7);
	free(torn);
	free(octets);
}

static void
every_flipped_bit_ends_the_segment_there(void **state)
{
	struct told t = {0};
	size_t first_end, last;
	unsigned char *octets;
	unsigned messages, whole, records;

	(void)state;
	octets = two_batches(&t, &first_end, &last);
	whole = count_records(t.place.segment, octets, last, &messages);
	for (size_t i = first_end; i < last; i += 3) {
		octets[i] ^= (unsigned char)(1u << (i % 8));
		records = count_records(t.place.segment, octets, last, &messages);
		assert_true(records < whole);
		assert_in_range(messages, 3, 7);
		octets[i] ^= (unsigned char)(1u << (i % 8));
	}
	assert_int_equal(count_records(t.place.segment, octets, last, &messages), whole);
	free(octets);
}

static void
records_of_an_earlier_life_do_not_verify(void **state)
{
	struct told t = {0};
	struct segment *s, *again;
	unsigned char *octets = mem_alloc(FIXTURE_SEGMENT);
	unsigned messages;
	int fd;

	(void)state;
	fixture_append(1, 300, &t);
	fixture_settle();
	s = t.place.segment;
	fd = dup(s->fd);
	again = segment_recycle(
	    fixture.journal_dir, s->number, fd, s->ready, 77, FIXTURE_SEGMENT, "boot1", NULL);
	assert_non_null(again);
	assert_int_equal(file_pread(again->fd, octets, FIXTURE_SEGMENT, 0, NULL), 0);
	assert_int_equal(count_records(again, octets, FIXTURE_SEGMENT, &messages), 0);
	segment_free(&again);
	free(octets);
}

static void
unfinished_segment_is_removed(void **state)
{
	struct told t = {0};
	int fd;

	(void)state;
	fixture_append(1, 300, &t);
	fixture_settle();
	fd = file_open(fixture.journal_dir, "0000000000000099.seg", O_WRONLY | O_CREAT, 0600, NULL);
	assert_true(fd >= 0);
	file_close(&fd);
	reopen("boot1");
	fixture_check(1, 300);
	assert_int_equal(faccessat(fixture.journal_dir, "0000000000000099.seg", F_OK, 0), -1);
}

/* ---- faults ---- */

static atomic_int fail_op = -1, fail_errno, fail_times;

static int
fault(enum file_op op, const char *name)
{
	(void)name;
	if ((int)op != fail_op || fail_times <= 0)
		return 0;
	fail_times--;
	return fail_errno;
}

static void
fail_next(enum file_op op, int code, int times)
{
	/* The spare segment is there: no other thread meets the fault. */
	fixture_settle();
	fail_op = (int)op;
	fail_errno = code;
	fail_times = times;
	file_fault = fault;
}

static void
failed_sync_fails_its_batch_and_ends_its_segment(void **state)
{
	struct told good = {0}, bad = {0}, later = {0};
	struct message *m;

	(void)state;
	fixture_append(1, 300, &good);
	fixture_settle();
	fail_next(FILE_SYNC, EIO, 1);
	m = fixture_append(2, 300, &bad);
	fixture_settle();
	assert_int_equal(bad.ok, 0);
	assert_int_equal(bad.failed, 1);
	assert_int_equal(bad.code, E_IO);
	assert_true(good.place.segment->broken);
	message_forget(&fixture.messages, m);
	/* The sync would succeed now; the segment is not asked again (INVARIANTS 5). */
	fixture_append(3, 300, &later);
	fixture_settle();
	assert_int_equal(later.ok, 1);
	assert_ptr_not_equal(later.place.segment, good.place.segment);
	/* The octets of the failed batch are in the file and verify, but the CUT says that they do
	 * not count. */
	reopen("boot1");
	fixture_check(1, 300);
	fixture_check(3, 300);
	assert_null(fixture_find(2));
}

static void
failed_write_is_a_failed_batch(void **state)
{
	struct told t = {0};

	(void)state;
	fail_next(FILE_WRITE, EIO, 1);
	fixture_append(1, 300, &t);
	fixture_settle();
	assert_int_equal(t.failed, 1);
	fixture_append(2, 300, &t);
	fixture_settle();
	assert_int_equal(t.ok, 1);
	assert_int_equal(t.place.segment->number, 2);
}

static int
no_batch(enum file_op op, const char *name)
{
	return op == FILE_SYNC && strcmp(name, "queue.batch") == 0 ? EIO : 0;
}

/* Each failure costs a segment of the disk, and its descriptor. */
static void
disk_that_fails_on_is_left_alone(void **state)
{
	struct told t = {0};
	unsigned n = 0;

	(void)state;
	fixture_settle();
	file_fault = no_batch;
	for (; n < 100; n++) {
		fixture_append(n, 300, &t);
		loop_once(5);
	}
	for (int i = 0; i < 2000 && t.failed == 0; i++) /* the disk's thread may be late */
		loop_once(5);
	assert_in_range(t.failed, 1, 99);
	assert_in_range(journal_count(fixture.journal), 2, 4);
	file_fault = NULL;
	clock_advance(2000);
	for (int i = 0; i < 500 && t.ok == 0; i++)
		loop_once(5);
	assert_int_equal(t.ok + t.failed, 100);
	fixture_append(n, 300, &t);
	fixture_settle();
	assert_int_equal(t.ok + t.failed, 101);
}

static void
full_disk_fails_what_waits_and_passes(void **state)
{
	struct told t = {0};
	unsigned n = 0;

	(void)state;
	fail_next(FILE_RESERVE, ENOSPC, 1000);
	/* The segment and the spare that is there already are filled; then nothing can be made. */
	for (; n < 40 && t.failed == 0; n++) {
		fixture_append(n, 200000, &t);
		fixture_settle();
	}
	assert_in_range(n, 5, 20);
	assert_int_equal(t.code, E_NOSPACE);
	fail_times = 0;
	clock_advance(2000);
	t = (struct told){0};
	fixture_append(n, 200000, &t);
	for (int i = 0; i < 500 && t.ok == 0; i++)
		loop_once(5);
	assert_int_equal(t.ok, 1);
}

/* With the disk full at start the spare of the process before serves. */
static void
full_disk_does_not_keep_from_starting(void **state)
{
	struct told t = {0};
	struct err e = {0};

	(void)state;
	fixture_append(1, 300, &t);
	fixture_settle();
	fixture_kill();
	fail_op = FILE_RESERVE;
	fail_errno = ENOSPC;
	fail_times = 1000;
	file_fault = fault;
	assert_int_equal(fixture_open("boot1", false, &e), 0);
	fixture_check(1, 300);
	fixture_append(2, 300, &t);
	for (int i = 0; i < 200 && t.ok < 2; i++)
		loop_once(5);
	assert_int_equal(t.ok, 2);
	/* Not even a spare: it starts, and what comes waits for room. */
	fixture_kill();
	assert_int_equal(fixture_open("boot1", false, &e), 0);
	fixture_check(2, 300);
	fixture_append(3, 300, &t);
	for (int i = 0; i < 500 && t.failed == 0; i++)
		loop_once(5);
	assert_int_equal(t.code, E_NOSPACE);
	fail_times = 0;
	clock_advance(2000);
	fixture_append(4, 300, &t);
	for (int i = 0; i < 500 && t.ok < 3; i++)
		loop_once(5);
	assert_int_equal(t.ok, 3);
}

static void
removed_segment_is_used_again(void **state)
{
	struct told t = {0};
	struct segment *s;
	struct message *m;
	uint64_t number;

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		fixture_append(i, 200000, &t);
		fixture_settle();
	}
	s = journal_oldest(fixture.journal);
	number = s->number;
	for (unsigned i = 0; i < 12; i++)
		if ((m = fixture_find(i)) != NULL && m->segment == NULL)
			message_forget(&fixture.messages, m);
	journal_remove_oldest(fixture.journal, NULL, NULL);
	fixture_settle();
	assert_int_not_equal(journal_oldest(fixture.journal)->number, number);
	reopen("boot1");
	assert_null(fixture_find(0));
	assert_non_null(fixture_find(11));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_turn_shares_one_batch, fresh, end),
	    cmocka_unit_test_setup_teardown(batches_begin_on_blocks, fresh, end),
	    cmocka_unit_test_setup_teardown(segments_roll_and_are_read_back, fresh, end),
	    cmocka_unit_test_setup_teardown(largest_message_fits, fresh, end),
	    cmocka_unit_test_setup_teardown(kept_messages_are_not_read_again, fresh, end),
	    cmocka_unit_test_setup_teardown(tail_torn_at_every_byte, fresh, end),
	    cmocka_unit_test_setup_teardown(every_flipped_bit_ends_the_segment_there, fresh, end),
	    cmocka_unit_test_setup_teardown(records_of_an_earlier_life_do_not_verify, fresh, end),
	    cmocka_unit_test_setup_teardown(unfinished_segment_is_removed, fresh, end),
	    cmocka_unit_test_setup_teardown(
		failed_sync_fails_its_batch_and_ends_its_segment, fresh, end),
	    cmocka_unit_test_setup_teardown(failed_write_is_a_failed_batch, fresh, end),
	    cmocka_unit_test_setup_teardown(disk_that_fails_on_is_left_alone, fresh, end),
	    cmocka_unit_test_setup_teardown(full_disk_fails_what_waits_and_passes, fresh, end),
	    cmocka_unit_test_setup_teardown(full_disk_does_not_keep_from_starting, fresh, end),
	    cmocka_unit_test_setup_teardown(removed_segment_is_used_again, fresh, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
