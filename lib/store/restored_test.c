/*
 * restored_test.c - a home out of a backup: the copy of the index is whole while the home is open,
 * and nothing that was told after it was taken is told again.
 */
#include "store/home_test_in.h"

#define MSG "Subject: kept\r\n\r\nbody\r\n"

static uint32_t
add(const char *mailbox)
{
	return append(box(mailbox), MSG, 0);
}

/* To db/index.db of the home once it is closed: what gkmail restore does. */
static void
put_back(int copy)
{
	int fd = open("db/index.db", O_WRONLY | O_TRUNC);
	char piece[4096];
	ssize_t k;

	assert_true(fd >= 0);
	assert_int_equal(lseek(copy, 0, SEEK_SET), 0);
	while ((k = read(copy, piece, sizeof piece)) > 0)
		assert_int_equal(write(fd, piece, (size_t)k), k);
	close(fd);
	close(copy);
	(void)unlink("db/index.db-wal");
	write_file_at("db/restored", "");
}

static void
no_number_comes_back(void **state)
{
	uint32_t uid, later = 0, validity = box("INBOX")->uidvalidity, next;
	uint64_t modseq, epoch = home_epoch(home);
	struct mailbox *mb;
	int copy;

	(void)state;
	uid = add("INBOX");
	assert_int_equal(home_copy(home, &copy, &err), 0);
	assert_int_equal(access("db/index.db.copy", F_OK), -1);
	/* What the copy does not have: messages, and a mailbox with a UIDVALIDITY of its own. */
	for (int i = 0; i < 3000; i++)
		later = add("INBOX");
	assert_int_equal(home_create(home, STR("Late"), &me, &mb, &err), 0);
	next = mb->uidvalidity;
	assert_int_equal(home_flush(home, &err), 0);
	modseq = home_modseq(home);
	home_close(&home);
	put_back(copy);
	assert_int_equal(unlink("db/state"), 0);

	open_home();
	assert_int_equal(access("db/restored", F_OK), -1);
	assert_int_equal(box("INBOX")->uidvalidity, validity);
	assert_non_null(mailbox_get(box("INBOX"), uid));
	assert_true(add("INBOX") > later);
	assert_true(home_modseq(home) > modseq && home_epoch(home) > epoch);
	assert_false(home_modseq_is_known(home, modseq));
	/* The folder of what was made later is still there, and is taken in under another number.
	 */
	assert_true(box("Late")->uidvalidity > next);

	/* Once is enough. */
	next = box("INBOX")->uidnext;
	reopen_home();
	assert_int_equal(box("INBOX")->uidnext, next);
}

static void
nothing_is_copied_within_a_change(void **state)
{
	int copy;

	(void)state;
	(void)add("INBOX");
	/* The change is committed first. */
	assert_int_equal(home_copy(home, &copy, &err), 0);
	assert_false(home_is_dirty(home));
	close(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(no_number_comes_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_is_copied_within_a_change, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
