/* folder_test.c - names of mailboxes and their directories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/folder.h"

static struct buf out;

static bool
is_normal(const char *in, const char *want)
{
	struct err e = {0};

	if (folder_normalize(str_z(in), &out, &e) < 0) {
		print_message("%s\n", e.text);
		return false;
	}
	return str_eq_z(buf_view(&out), want);
}

static void
names_get_one_form(void **state)
{
	(void)state;
	assert_true(is_normal("inbox", "INBOX"));
	assert_true(is_normal("InBoX/sub", "INBOX/sub"));
	assert_true(is_normal("inboxes", "inboxes"));
	assert_true(is_normal("a/inbox", "a/inbox"));
	assert_true(is_normal("Archive/2024", "Archive/2024"));
	/* NFD becomes NFC. */
	assert_true(is_normal("Entwu\xcc\x88rfe", "Entw\xc3\xbcrfe"));
	assert_true(is_normal("\xe5\x8f\xb0\xe5\x8c\x97", "\xe5\x8f\xb0\xe5\x8c\x97"));
}

static void
hostile_names_are_refused(void **state)
{
	static const char *const bad[] = {"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "a/./b",
	    "a\nb", "a\x7f", "a\xc2\x85", "\xff", "a\xe2\x80\xa8", "\xed\xa0\x80",
	    "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"};
	char big[FOLDER_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(folder_normalize(str_z(bad[i]), &out, NULL), -1);
	assert_int_equal(folder_normalize(str_of("a\0b", 3), &out, NULL), -1);
	memset(big, 'x', sizeof big);
	assert_int_equal(folder_normalize(str_of(big, FOLDER_COMPONENT_MAX), &out, NULL), 0);
	assert_int_equal(folder_normalize(str_of(big, FOLDER_COMPONENT_MAX + 1), &out, NULL), -1);
	assert_int_equal(folder_normalize(str_of(big, sizeof big), &out, NULL), -1);
	/* What would not fit a directory entry once encoded. */
	memset(big, '.', sizeof big);
	assert_int_equal(folder_normalize(str_of(big, 100), &out, NULL), -1);
}

static void
directories_read_back(void **state)
{
	static const char *const names[][2] = {{"a", "Maildir/.a"}, {"a/b.c", "Maildir/.a.b%2Ec"},
	    {"100%", "Maildir/.100%25"}, {"...", "Maildir/.%2E%2E%2E"},
	    {"INBOX/x", "Maildir/.INBOX.x"}, {"%2E", "Maildir/.%252E"}};
	char dir[FOLDER_DIR_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(folder_dir(str_z(names[i][0]), dir, NULL), 0);
		assert_string_equal(dir, names[i][1]);
		assert_int_equal(folder_of_dir(str_z(dir + 8), &out), 0);
		assert_true(str_eq_z(buf_view(&out), names[i][0]));
	}
	assert_int_equal(folder_dir(STR("INBOX"), dir, NULL), 0);
	assert_string_equal(dir, "Maildir");
}

static void
foreign_directories_are_passed_over(void **state)
{
	static const char *const bad[] = {".", "..", "cur", ".a..b", ".a.", ".100%", ".%2e", ".%41",
	    ".INBOX", ".inbox", ".Entwu\xcc\x88rfe", ".a\xff"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(folder_of_dir(str_z(bad[i]), &out), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_get_one_form),
	    cmocka_unit_test(hostile_names_are_refused),
	    cmocka_unit_test(directories_read_back),
	    cmocka_unit_test(foreign_directories_are_passed_over),
	};
	int rc;

	buf_init(&out, FOLDER_NAME_MAX);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	buf_free(&out);
	return rc;
}
