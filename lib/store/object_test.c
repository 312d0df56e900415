/*
 * object_test.c - tests of objects and of what the change log tells of them.
 */
#include "store/object.h"

#include "store/home_test_in.h"

struct seen {
	uint32_t ids[8];
	struct str texts[8];
	size_t n, stop;
};

static bool
see(void *arg, uint32_t id, struct str text)
{
	struct seen *s = arg;

	s->ids[s->n] = id;
	s->texts[s->n++] = arena_dup(&scratch, text);
	return s->n != s->stop;
}

static bool
see_change(void *arg, const struct change *c)
{
	struct seen *s = arg;

	if (c->kind < CHANGE_OBJECT_MADE || c->email != OBJECT_IDENTITY)
		return true;
	s->ids[s->n] = (uint32_t)c->kind * 1000 + c->uid;
	s->texts[s->n++] = arena_dup(&scratch, c->before);
	return true;
}

static uint32_t
put(enum object_kind kind, uint32_t id, const char *text)
{
	assert_int_equal(object_put(home, kind, &id, str_z(text), &me, &err), 0);
	return id;
}

static void
test_put_and_get(void **state)
{
	struct seen s = {0};
	uint32_t a, b, c, gone = 77;
	struct str text;

	(void)state;
	a = put(OBJECT_IDENTITY, 0, "one");
	b = put(OBJECT_SUBMISSION, 0, "other");
	c = put(OBJECT_IDENTITY, 0, "two");
	assert_true(a < b && b < c);
	assert_int_equal(put(OBJECT_IDENTITY, a, "one more"), a);
	reopen_home();
	assert_int_equal(object_get(home, OBJECT_IDENTITY, a, &scratch, &text, &err), 0);
	assert_true(str_eq_z(text, "one more"));
	assert_int_equal(object_get(home, OBJECT_SUBMISSION, a, &scratch, &text, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
	assert_int_equal(object_put(home, OBJECT_IDENTITY, &gone, STR("x"), &me, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
	assert_int_equal(object_each(home, OBJECT_IDENTITY, see, &s, &err), 0);
	assert_int_equal(s.n, 2);
	assert_true(s.ids[0] == a && s.ids[1] == c && str_eq_z(s.texts[1], "two"));
	s = (struct seen){.stop = 1};
	assert_int_equal(object_each(home, OBJECT_IDENTITY, see, &s, &err), 0);
	assert_int_equal(s.n, 1);
}

/* A number is never given again, also when the highest has gone. */
static void
test_remove(void **state)
{
	uint32_t a = put(OBJECT_PUSH, 0, "x");

	(void)state;
	assert_int_equal(object_remove(home, OBJECT_PUSH, a, &me, &err), 0);
	assert_int_equal(object_remove(home, OBJECT_PUSH, a, &me, &err), -1);
	assert_int_equal(err.code, E_NOTFOUND);
	reopen_home();
	assert_true(put(OBJECT_PUSH, 0, "y") > a);
}

static void
test_log(void **state)
{
	uint64_t before = home_modseq(home), latest;
	struct seen s = {0};
	uint32_t a = put(OBJECT_IDENTITY, 0, "one");
	const uint32_t kinds = CHANGE_BIT(CHANGE_OBJECT_MADE) | CHANGE_BIT(CHANGE_OBJECT_GONE);

	(void)state;
	(void)put(OBJECT_IDENTITY, a, "two");
	assert_int_equal(object_remove(home, OBJECT_IDENTITY, a, &me, &err), 0);
	(void)put(OBJECT_VACATION, 0, "v");
	assert_int_equal(change_each(home, before, see_change, &s, &err), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.ids[0], 11000 + a);
	assert_int_equal(s.ids[1], 12000 + a);
	assert_int_equal(s.ids[2], 13000 + a);
	assert_true(str_eq_z(s.texts[1], "one") && str_eq_z(s.texts[2], "two"));
	assert_int_equal(change_latest(home, kinds, OBJECT_IDENTITY, STR_NONE, &latest, &err), 0);
	assert_int_equal(latest, before + 3);
	assert_int_equal(
	    change_latest(home, kinds, OBJECT_VACATION, STR("imap"), &latest, &err), 0);
	assert_int_equal(latest, before + 4);
	assert_int_equal(
	    change_latest(home, kinds, OBJECT_VACATION, STR("jmap"), &latest, &err), 0);
	assert_int_equal(latest, 0);
}

/* ---- db/objects ---- */

#define LONG_TEXT 30000u

static void
lose_index(void)
{
	home_close(&home);
	assert_int_equal(unlink("db/index.db"), 0);
	open_home();
}

/* "-" where there is none. */
static struct str
get(enum object_kind kind, uint32_t id)
{
	struct str text;

	return object_get(home, kind, id, &scratch, &text, &err) == 0 ? text : STR("-");
}

static void
assert_text(enum object_kind kind, uint32_t id, const char *text)
{
	struct str s = get(kind, id);

	if (!str_eq_z(s, text))
		fail_msg("%u is " STR_FMT ", not %s", id, STR_ARG(s), text);
}

/* The index is gone: objects are there as they were last, under their numbers. */
static void
test_index_lost(void **state)
{
	uint32_t a, b, c, d;

	(void)state;
	d = put(OBJECT_KINDS - 1, 0, "the last kind");
	a = put(OBJECT_IDENTITY, 0, "one\nline \xc3\xa9");
	b = put(OBJECT_VACATION, 0, "away");
	(void)put(OBJECT_VACATION, b, "back");
	c = put(OBJECT_PUSH, 0, "gone");
	assert_int_equal(object_remove(home, OBJECT_PUSH, c, &me, &err), 0);
	lose_index();
	assert_text(OBJECT_IDENTITY, a, "one\nline \xc3\xa9");
	assert_text(OBJECT_VACATION, b, "back");
	assert_text(OBJECT_PUSH, c, "-");
	/* Also a second time, of a file that was written whole; no number comes twice. */
	lose_index();
	assert_text(OBJECT_VACATION, b, "back");
	assert_true(put(OBJECT_PUSH, 0, "new") > c);
	lose_index();
	assert_text(OBJECT_IDENTITY, a, "one\nline \xc3\xa9");
	assert_text(OBJECT_KINDS - 1, d, "the last kind");
}

/* Whatever is torn off its end or changed in it: what verifies counts, and the rest is passed over.
 */
static void
test_damaged_file(void **state)
{
	char file[4096];
	uint32_t a, b;
	ssize_t n;
	int fd;

	(void)state;
	a = put(OBJECT_IDENTITY, 0, "first");
	b = put(OBJECT_IDENTITY, 0, "second");
	home_close(&home);
	assert_true((fd = open("db/objects", O_RDONLY)) >= 0);
	assert_true((n = read(fd, file, sizeof file)) > 0);
	close(fd);
	for (ssize_t at = 0; at < 2 * n; at++) {
		struct str first, second;

		assert_true((fd = open("db/objects", O_WRONLY | O_TRUNC)) >= 0);
		if (at < n)
			file[at] ^= 1;
		assert_true(write(fd, file, (size_t)(at < n ? n : at - n)) >= 0);
		if (at < n)
			file[at] ^= 1;
		close(fd);
		assert_int_equal(unlink("db/index.db"), 0);
		open_home();
		first = get(OBJECT_IDENTITY, a);
		second = get(OBJECT_IDENTITY, b);
		assert_true(str_eq_z(first, "first") || str_eq_z(first, "-"));
		assert_true(str_eq_z(second, "second") || str_eq_z(second, "-"));
		/* One changed octet costs one of them, unless it is of the head line, or ends one.
		 */
		if (at > 16 && at < n && file[at] != '\n')
			assert_true(first.n > 1 || second.n > 1);
		home_close(&home);
	}
	open_home();
}

/* A process ends with the last record torn: what changes next does not go behind it. */
static void
test_torn_record(void **state)
{
	uint32_t a, b;
	int fd;

	(void)state;
	a = put(OBJECT_IDENTITY, 0, "one");
	home_close(&home);
	assert_true((fd = open("db/objects", O_WRONLY | O_APPEND)) >= 0);
	assert_int_equal(write(fd, "P 1 9 1000 torn", 15), 15);
	close(fd);
	/* An end that was not in order. */
	assert_int_equal(unlink("db/state"), 0);
	open_home();
	b = put(OBJECT_IDENTITY, 0, "two");
	lose_index();
	assert_text(OBJECT_IDENTITY, a, "one");
	assert_text(OBJECT_IDENTITY, b, "two");
}

/* A home of before that file gets one; and where it is lost, it is made again. */
static void
test_file_missing(void **state)
{
	uint32_t a, b;

	(void)state;
	a = put(OBJECT_IDENTITY, 0, "one");
	home_close(&home);
	assert_int_equal(unlink("db/objects"), 0);
	reopen_home();
	lose_index();
	assert_text(OBJECT_IDENTITY, a, "one");
	assert_int_equal(unlink("db/objects"), 0);
	b = put(OBJECT_IDENTITY, 0, "two");
	lose_index();
	assert_text(OBJECT_IDENTITY, a, "one");
	assert_text(OBJECT_IDENTITY, b, "two");
}

/* It does not grow with every change. */
static void
test_compacted(void **state)
{
	char *text = mem_alloc(LONG_TEXT);
	struct stat st;
	uint32_t a = 0;

	(void)state;
	memset(text, 'x', LONG_TEXT - 1);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(object_put(home, OBJECT_IDENTITY, &a, str_z(text), &me, &err), 0);
		assert_int_equal(home_flush(home, &err), 0);
		assert_int_equal(stat("db/objects", &st), 0);
		assert_true(st.st_size < 6 * LONG_TEXT);
	}
	lose_index();
	assert_text(OBJECT_IDENTITY, a, text);
	free(text);
}

/* All of them have a bound, so that the file has one. */
static void
test_too_many_octets(void **state)
{
	struct str text = str_of(mem_alloc(OBJECT_TEXT_MAX), OBJECT_TEXT_MAX);
	uint32_t id = 0, n = 0;

	(void)state;
	memset((char *)text.p, 'x', text.n);
	while (object_put(home, OBJECT_IDENTITY, &id, text, &me, &err) == 0) {
		id = 0;
		assert_true(++n < 100);
		assert_int_equal(home_flush(home, &err), 0);
	}
	assert_int_equal(err.code, E_LIMIT);
	assert_true(n > 20);
	assert_int_equal(object_remove(home, OBJECT_IDENTITY, 1, &me, &err), 0);
	id = 0;
	assert_int_equal(object_put(home, OBJECT_IDENTITY, &id, text, &me, &err), 0);
	lose_index();
	assert_int_equal(get(OBJECT_IDENTITY, id).n, text.n);
	free((char *)text.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_put_and_get, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_log, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_index_lost, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damaged_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_torn_record, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_file_missing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_compacted, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_too_many_octets, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
