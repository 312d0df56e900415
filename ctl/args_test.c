/* args_test.c - options out of arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ctl/ctl.h"

static char *words[32];
static const struct verb verb = {"user", "add", "ADDRESS", "", "", NULL};

static void
given(const char *const *v, int n)
{
	for (int i = 0; i < n; i++)
		words[i] = (char *)(uintptr_t)v[i];
	ctl.args = words;
	ctl.nargs = n;
	ctl.verb = &verb;
}

#define GIVEN(...)                                                 \
	do {                                                       \
		static const char *const given_[] = {__VA_ARGS__}; \
		given(given_, (int)ARRAY_LEN(given_));             \
	} while (0)

static void
options_are_taken_out_wherever_they_stand(void **state)
{
	struct err e;

	(void)state;
	GIVEN("a", "--quota", "1GiB", "--force", "b", "--name=x=y");
	assert_true(args_flag("--force"));
	assert_false(args_flag("--force"));
	assert_string_equal(args_value("--quota"), "1GiB");
	assert_string_equal(args_value("--name"), "x=y");
	assert_null(args_value("--quota"));
	assert_int_equal(args_end(2, 2, &e), 0);
	assert_string_equal(ctl.args[0], "a");
	assert_string_equal(ctl.args[1], "b");
}

static void
an_option_may_come_often(void **state)
{
	(void)state;
	GIVEN("--user", "a:b", "--user=c:d", "--users", "3");
	assert_string_equal(args_value("--user"), "a:b");
	assert_string_equal(args_value("--user"), "c:d");
	assert_null(args_value("--user"));
	assert_string_equal(args_value("--users"), "3");
	assert_int_equal(ctl.nargs, 0);
}

static void
two_dashes_end_the_options(void **state)
{
	struct err e;

	(void)state;
	GIVEN("--", "--force", "-x");
	assert_false(args_flag("--force"));
	assert_int_equal(args_end(2, 2, &e), 0);
	assert_string_equal(ctl.args[0], "--force");
}

static void
wrong_use_says_what_is_wrong(void **state)
{
	static const struct verb other = {
	    "alias", "add", "[--level LEVEL] ADDRESS [--x Y Z] TARGET ...", "", "", NULL};
	struct err e;

	(void)state;
	arena_init(&ctl.arena);
	GIVEN("a", "b");
	assert_int_equal(args_end(1, 1, &e), -1);
	assert_string_equal(e.text, "b is one argument too many");
	assert_true(args_is_wrong_use(&e));
	GIVEN("-");
	assert_int_equal(args_end(1, 1, &e), 0);
	ctl.nargs = 0;
	assert_int_equal(args_end(1, 1, &e), -1);
	assert_string_equal(e.text, "ADDRESS is missing");
	GIVEN("a");
	ctl.verb = &other;
	assert_int_equal(args_end(2, -1, &e), -1);
	assert_string_equal(e.text, "TARGET is missing");
	GIVEN("--level");
	ctl.verb = &other;
	assert_null(args_value("--level"));
	assert_int_equal(args_end(0, -1, &e), -1);
	assert_string_equal(e.text, "--level needs a value behind it");
	GIVEN("--levl", "x");
	ctl.verb = &other;
	assert_int_equal(args_end(0, -1, &e), -1);
	assert_string_equal(e.text, "there is no option --levl here; did you mean --level?");
	GIVEN("--nothing-like-it");
	assert_int_equal(args_end(0, -1, &e), -1);
	assert_string_equal(e.text, "there is no option --nothing-like-it here");
	arena_free(&ctl.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(options_are_taken_out_wherever_they_stand),
	    cmocka_unit_test(an_option_may_come_often),
	    cmocka_unit_test(two_dashes_end_the_options),
	    cmocka_unit_test(wrong_use_says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
