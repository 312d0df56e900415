/* check_test.c - each way in which a home may differ from itself is told, and mended. */
#include "store/check.h"

#include "store/home_test_in.h"
#include "store/model.h"

#define TEXT "Subject: x\r\n\r\nbody\r\n"
#define IDS  3u

static struct {
	unsigned n;
	char last[512];
} told;

static void
say(void *arg, struct str mailbox, struct str text)
{
	(void)arg;
	told.n++;
	(void)snprintf(
	    told.last, sizeof told.last, STR_FMT ": " STR_FMT, STR_ARG(mailbox), STR_ARG(text));
}

static struct home_report
check(bool mend)
{
	struct home_report r = {.say = say};

	told.n = 0;
	assert_int_equal(home_check(home, mend, &r, &err), 0);
	assert_int_equal(told.n, r.found);
	return r;
}

static void
all_is_well(uint64_t messages)
{
	struct home_report r = check(false);

	if (r.found != 0)
		print_message("%s\n", told.last);
	assert_int_equal(r.found, 0);
	assert_int_equal(r.messages, messages);
}

/* Found by a check that changes nothing, and mended for good. */
static struct home_report
found_and_mended(const char *what, uint64_t left)
{
	struct home_report r = check(false);

	assert_int_equal(r.mended, 0);
	if (r.found == 0 || strstr(told.last, what) == NULL)
		fail_msg("%s, not %s", told.last, what);
	assert_int_equal(check(false).found, r.found);
	r = check(true);
	assert_int_equal(r.mended, r.found);
	if (r.rebuild)
		reopen_home();
	(void)box("INBOX");
	all_is_well(left);
	return r;
}

static int
with_mail(void **state)
{
	if (setup(state) < 0)
		return -1;
	for (unsigned i = 0; i < IDS; i++) {
		char id[ID_SIZE];

		id_new(id);
		arrive(1700000000 + i, id, TEXT);
	}
	home_delivered(home);
	return home_mirror(home, &err) < 0 ? -1 : 0;
}

/* The name of a file in cur/. */
static void
a_file(char out[600])
{
	DIR *d = opendir("Maildir/cur");
	struct dirent *de;

	out[0] = '\0';
	while ((de = readdir(d)) != NULL)
		if (de->d_name[0] != '.')
			(void)snprintf(out, 600, "Maildir/cur/%s", de->d_name);
	closedir(d);
	assert_true(out[0] != '\0');
}

static void
a_whole_home_is_well(void **state)
{
	(void)state;
	all_is_well(IDS);
	assert_int_equal(check(true).found, 0);
	reopen_home();
	all_is_well(IDS);
}

static void
a_missing_file(void **state)
{
	char path[600];

	(void)state;
	a_file(path);
	assert_int_equal(unlink(path), 0);
	(void)found_and_mended("no file", IDS - 1);
}

static void
a_file_that_nobody_knows(void **state)
{
	(void)state;
	write_file_at("Maildir/cur/1700000009.stranger.host:2,S", TEXT);
	(void)found_and_mended("no message has the file", IDS + 1);
}

static void
a_name_with_other_flags(void **state)
{
	char path[600], other[610];

	(void)state;
	a_file(path);
	(void)snprintf(other, sizeof other, "%sF", path);
	assert_int_equal(rename(path, other), 0);
	(void)found_and_mended("another name", IDS);
	assert_int_equal(box("INBOX")->n, IDS);
}

static void
counters_that_are_wrong(void **state)
{
	uint64_t octets;

	(void)state;
	octets = home_octets(home);
	box("INBOX")->exists += 2;
	box("INBOX")->octets += 5;
	home->octets += 5;
	home->messages += 2;
	(void)found_and_mended("counters", IDS);
	assert_int_equal(home_octets(home), octets);
	assert_int_equal(home_messages(home), IDS);
}

static void
a_lost_uid_list(void **state)
{
	(void)state;
	assert_int_equal(unlink("db/uidlist"), 0);
	(void)found_and_mended("uid list", IDS);
	assert_int_equal(access("db/uidlist", F_OK), 0);
}

/* Rows that nothing explains: the index is made anew, and the UIDs are those of the uid list. */
static void
an_index_not_to_be_trusted(void **state)
{
	uint32_t uids[IDS], validity = box("INBOX")->uidvalidity;

	(void)state;
	for (size_t i = 0; i < IDS; i++)
		uids[i] = box("INBOX")->messages[i].uid;
	box("INBOX")->uidnext = uids[IDS - 1];
	assert_true(found_and_mended("UIDNEXT", IDS).rebuild);
	assert_int_equal(access("db/index.db.damaged", F_OK), 0);
	assert_int_equal(access("db/rebuild", F_OK), -1);
	assert_int_equal(box("INBOX")->uidvalidity, validity);
	for (size_t i = 0; i < IDS; i++)
		assert_int_equal(box("INBOX")->messages[i].uid, uids[i]);
}

/* A file cut by a power failure is told, not touched. */
static void
a_file_that_is_not_whole(void **state)
{
	struct home_report r;
	char path[600];

	(void)state;
	a_file(path);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 5), 0);
	r = check(true);
	assert_int_equal(r.found, 1);
	assert_int_equal(r.mended, 0);
	assert_non_null(strstr(told.last, "not whole"));
	assert_int_equal(access(path, F_OK), 0);
}

static void
caches_are_forgotten(void **state)
{
	struct home_report r = {.say = say};
	struct str text;

	(void)state;
	assert_int_equal(mailbox_cached(box("INBOX"), box("INBOX")->messages[0].uid, CACHE_BODY,
			     &scratch, &text, &err),
	    0);
	assert_int_equal(home_reindex(home, &r, &err), 0);
	assert_int_equal(r.messages, IDS);
	assert_int_equal(index_cache_get(home->index, box("INBOX")->id,
			     box("INBOX")->messages[0].uid, CACHE_BODY, 0, &scratch, &text, &err),
	    0);
	assert_null(text.p);
	all_is_well(IDS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, with_mail, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_whole_home_is_well),
	    TEST(a_missing_file),
	    TEST(a_file_that_nobody_knows),
	    TEST(a_name_with_other_flags),
	    TEST(counters_that_are_wrong),
	    TEST(a_lost_uid_list),
	    TEST(an_index_not_to_be_trusted),
	    TEST(a_file_that_is_not_whole),
	    TEST(caches_are_forgotten),
	};

	if (loop_init(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
