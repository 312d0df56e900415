/* path_test.c - paths, queries and segments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "webd/path.h"

static struct arena arena;

static void
assert_path(const char *in, const char *out)
{
	struct str got;

	assert_int_equal(path_normal(str_z(in), &arena, &got), out ? 0 : -1);
	if (out)
		assert_true(str_eq_z(got, out));
}

static void
one_form(void **state)
{
	(void)state;
	assert_path("/", "/");
	assert_path("/a/b-._~c/", "/a/b-._~c/");
	assert_path("/%61%2D%2e%5f%7E", "/a-._~");
	assert_path("/a%2fb", "/a%2Fb");
	assert_path("/a%c3%A9", "/a%C3%A9");
	assert_path("/...", "/...");
	assert_path("/.well-known/x", "/.well-known/x");
}

static void
none_leads_upwards(void **state)
{
	static const char *const bad[] = {"", "a", "*", "//", "//a", "/a//b", "/.", "/..", "/./a",
	    "/../a", "/a/..", "/a/../b", "/%2e", "/%2E%2e", "/a/.%2e/b", "/%", "/%4", "/%zz",
	    "/%00", "/%0a", "/%7f", "/a\\b", "/a\nb"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_path(bad[i], NULL);
}

static void
assert_parameter(const char *query, const char *name, const char *value)
{
	struct str got;

	assert_int_equal(path_parameter(str_z(query), name, &arena, &got), value != NULL);
	if (value)
		assert_true(str_eq_z(got, value));
}

static void
parameters(void **state)
{
	(void)state;
	assert_parameter("", "a", NULL);
	assert_parameter("a", "a", "");
	assert_parameter("a=", "a", "");
	assert_parameter("a=b", "a", "b");
	assert_parameter("x=1&a=b+c%26&a=2", "a", "b c&");
	assert_parameter("x=1&%61=b", "a", "b");
	assert_parameter("aa=1", "a", NULL);
	assert_parameter("a=%zz", "a", NULL);
	assert_parameter("a=%ff", "a", NULL);
	assert_parameter("a=%00", "a", NULL);
	assert_parameter("a=b=c", "a", "b=c");
}

static void
assert_segment(const char *path, size_t i, const char *value)
{
	struct str got;

	assert_int_equal(path_segment(str_z(path), i, &arena, &got), value != NULL);
	if (value)
		assert_true(str_eq_z(got, value));
}

static void
segments(void **state)
{
	(void)state;
	assert_segment("", 0, NULL);
	assert_segment("a", 0, "a");
	assert_segment("a", 1, NULL);
	assert_segment("a/b%2Fc/", 1, "b/c");
	assert_segment("a/b/", 2, "");
	assert_segment("a/b/", 3, NULL);
	assert_segment("%FF", 0, NULL);
	assert_segment("%C3%A9", 0, "\xc3\xa9");
	assert_segment("a%0Ab", 0, NULL);
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_form),
	    cmocka_unit_test(none_leads_upwards),
	    cmocka_unit_test(parameters),
	    cmocka_unit_test(segments),
	};

	arena_init(&arena);
	return cmocka_run_group_tests(tests, NULL, teardown);
}
