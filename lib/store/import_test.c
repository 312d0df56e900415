/* import_test.c - what comes from elsewhere is there once, whatever happens. */
#include <errno.h>

#include "io/file.h"
#include "store/home_test_in.h"
#include "store/import.h"

#define MSG(n) "Subject: " n "\r\n\r\nbody\r\n"

static const struct str keywords[] = {STR_INIT("$Forwarded"), STR_INIT("bad keyword")};

/* Keys are sixteen of one letter. */
static struct import_message
message(const char *mailbox, const char *key, const char *octets)
{
	static char keys[26][IMPORT_KEY];
	char *k = keys[key[0] - 'a'];

	memset(k, key[0], IMPORT_KEY);
	return (struct import_message){.key = str_of(k, IMPORT_KEY),
	    .to = home_find(home, str_z(mailbox)),
	    .octets = str_z(octets),
	    .set = {.flags = FLAG_SEEN, .keywords = keywords, .nkeywords = ARRAY_LEN(keywords)},
	    .date = 1700000000};
}

static struct import_result
import(const struct import_message *v, size_t n)
{
	struct import_result r;

	assert_int_equal(import_messages(home, v, n, &me, &r, &err), 0);
	return r;
}

static uint32_t
count(const char *mailbox)
{
	struct mailbox *mb = home_find(home, str_z(mailbox));

	assert_int_equal(mailbox_load(mb, &err), 0);
	return mb->exists;
}

static void
each_once(void **state)
{
	const struct import_message v[] = {message("INBOX", "a", MSG("1")),
	    message("Sent", "b", MSG("1")), message("INBOX", "c", MSG("1")),
	    message("INBOX", "c", MSG("1"))};
	struct import_result r = import(v, 4);
	const struct message *m;
	struct mailbox *mb;

	(void)state;
	assert_int_equal(r.added, 3);
	assert_int_equal(r.there, 1);
	mb = home_find(home, STR("INBOX"));
	assert_int_equal(count("INBOX"), 2);
	m = &mb->messages[0];
	assert_int_equal(m->date, 1700000000);
	assert_int_equal(m->flags, FLAG_SEEN);
	assert_true(str_eq_z(mailbox_flags_text(mb, m, &scratch), "\\Seen $Forwarded"));

	reopen_home();
	r = import((struct import_message[]){message("INBOX", "a", MSG("1"))}, 1);
	assert_int_equal(r.there, 1);
	assert_int_equal(count("INBOX"), 2);
}

static void
what_was_removed_stays_away(void **state)
{
	const struct import_message a = message("INBOX", "a", MSG("1"));
	uint32_t uid;

	(void)state;
	(void)import(&a, 1);
	uid = home_find(home, STR("INBOX"))->uidnext - 1;
	assert_int_equal(mailbox_load(a.to, &err), 0);
	assert_int_equal(mailbox_remove(a.to, &uid, 1, &me, &err), 0);
	assert_int_equal(home_flush(home, &err), 0);
	reopen_home();
	(void)import((struct import_message[]){message("INBOX", "a", MSG("1"))}, 1);
	assert_int_equal(count("INBOX"), 0);
}

/* As after a kill between the names and the commit. */
static void
lose_the_index(void)
{
	home_close(&home);
	assert_int_equal(unlink("db/index.db"), 0);
	(void)unlink("db/index.db-wal");
	open_home();
}

static void
names_without_rows_are_known(void **state)
{
	struct import_message v[] = {
	    message("INBOX", "a", MSG("1")), message("INBOX", "b", MSG("2"))};
	struct import_result r = import(v, 2);
	struct mailbox *mb;

	(void)state;
	assert_int_equal(r.added, 2);
	lose_the_index();
	v[0] = message("INBOX", "a", MSG("1"));
	v[1] = message("INBOX", "b", MSG("2"));
	r = import(v, 2);
	assert_int_equal(r.added, 2);
	assert_int_equal(count("INBOX"), 2);
	/* What a name does not say is there again. */
	mb = home_find(home, STR("INBOX"));
	assert_true(
	    str_eq_z(mailbox_flags_text(mb, &mb->messages[1], &scratch), "\\Seen $Forwarded"));
	r = import(v, 2);
	assert_int_equal(r.there, 2);
}

static void
quota_stops_between_two(void **state)
{
	const struct import_message v[] = {message("INBOX", "a", MSG("1")),
	    message("INBOX", "b", MSG("2")), message("INBOX", "c", MSG("3"))};
	struct import_result r;

	(void)state;
	home_set_quota(home, 2 * v[0].octets.n);
	r = import(v, 3);
	assert_int_equal(r.added, 2);
	assert_int_equal(import_messages(home, v + 2, 1, &me, &r, &err), -1);
	assert_int_equal(err.code, E_QUOTA);
	home_set_quota(home, 0);
	r = import(v + 2, 1);
	assert_int_equal(r.added, 1);
	assert_int_equal(count("INBOX"), 3);
}

static int
fail_sync(enum file_op op, const char *name)
{
	return op == FILE_SYNC_ALL && strcmp(name, "store.import") == 0 ? EIO : 0;
}

static int syncs;

static int
count_syncs(enum file_op op, const char *name)
{
	syncs += (op == FILE_SYNC || op == FILE_SYNC_ALL) &&
		 (strcmp(name, "store.import") == 0 || strcmp(name, "store.append") == 0);
	return 0;
}

static void
a_sync_that_fails_leaves_nothing(void **state)
{
	const struct import_message v[] = {
	    message("INBOX", "a", MSG("1")), message("INBOX", "b", MSG("2"))};
	struct import_result r;

	(void)state;
	file_fault = fail_sync;
	assert_int_equal(import_messages(home, v, 2, &me, &r, &err), -1);
	file_fault = count_syncs;
	assert_int_equal(err.code, E_IO);
	assert_int_equal(count("INBOX"), 0);
	assert_int_equal(rmdir("Maildir/tmp"), 0);
	assert_int_equal(mkdir("Maildir/tmp", 0700), 0);
	/* One for all of them. */
	syncs = 0;
	r = import(v, 2);
	file_fault = NULL;
	assert_int_equal(r.added, 2);
	assert_int_equal(syncs, 1);
}

static int
add_key(void *arg, struct str key, struct err *e)
{
	(void)e;
	assert_int_equal(key.n, IMPORT_KEY);
	(*(int *)arg)++;
	return 0;
}

static void
keys_are_told(void **state)
{
	const struct import_message v[] = {
	    message("INBOX", "a", MSG("1")), message("INBOX", "b", MSG("2"))};
	int n = 0;

	(void)state;
	(void)import(v, 2);
	assert_int_equal(import_keys(home, add_key, &n, &err), 0);
	assert_int_equal(n, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(each_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_was_removed_stays_away, setup, teardown),
	    cmocka_unit_test_setup_teardown(names_without_rows_are_known, setup, teardown),
	    cmocka_unit_test_setup_teardown(quota_stops_between_two, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_sync_that_fails_leaves_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(keys_are_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
