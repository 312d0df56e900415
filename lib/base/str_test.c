/* str_test.c - borrowed strings. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

static void
test_compare(void **state)
{
	(void)state;
	assert_true(str_eq(STR_NONE, STR("")));
	assert_true(str_ieq(STR("HeLo"), STR("hElO")));
	assert_false(str_eq(STR("a"), STR("ab")));
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("b"), STR("ab")) > 0);
	assert_true(str_istarts(STR("MAIL FROM:"), STR("mail ")));
	assert_true(str_ends(STR("a@x.test"), STR(".test")));
	assert_false(str_ends(STR("t"), STR(".test")));
}

static void
test_find_and_cut(void **state)
{
	struct str s = STR("a=b=c"), head;

	(void)state;
	assert_int_equal(str_chr(s, '='), 1);
	assert_int_equal(str_rchr(s, '='), 3);
	assert_int_equal(str_chr(s, 'x'), s.n);
	assert_int_equal(str_find(s, STR("b=")), 2);
	assert_int_equal(str_find(s, STR("zz")), s.n);
	assert_true(str_cut(&s, '=', &head));
	assert_true(str_eq(head, STR("a")));
	assert_true(str_cut(&s, '=', &head));
	assert_false(str_cut(&s, '=', &head));
	assert_true(str_eq(head, STR("c")));
	assert_int_equal(s.n, 0);
}

static void
test_cuts_stay_inside(void **state)
{
	(void)state;
	assert_int_equal(str_sub(STR("abc"), 2, 9).n, 1);
	assert_int_equal(str_sub(STR("abc"), 9, 9).n, 0);
	assert_int_equal(str_from(STR("abc"), 3).n, 0);
	assert_true(str_eq(str_trim(STR(" \t a b\r\n")), STR("a b")));
	assert_int_equal(str_trim(STR("   ")).n, 0);
}

static void
test_cz_refuses(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(str_cz(STR("abc"), out, sizeof(out)), 0);
	assert_string_equal(out, "abc");
	assert_int_equal(str_cz(STR("abcd"), out, sizeof(out)), -1);
	assert_int_equal(str_cz(STR("a\0b"), out, sizeof(out)), -1);
}

static void
test_utf8(void **state)
{
	(void)state;
	assert_true(str_is_utf8(STR("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xa7")));
	assert_false(str_is_utf8(STR("\xc0\xaf")));         /* overlong */
	assert_false(str_is_utf8(STR("\xe0\x80\xaf")));     /* overlong */
	assert_false(str_is_utf8(STR("\xed\xa0\x80")));     /* surrogate */
	assert_false(str_is_utf8(STR("\xf4\x90\x80\x80"))); /* past U+10FFFF */
	assert_false(str_is_utf8(STR("\xe2\x82")));         /* cut */
	assert_false(str_is_utf8(STR("a\0b")));
	assert_true(str_is_ascii(STR("abc")));
	assert_false(str_is_ascii(STR("\xc3\xa9")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_compare),
	    cmocka_unit_test(test_find_and_cut),
	    cmocka_unit_test(test_cuts_stay_inside),
	    cmocka_unit_test(test_cz_refuses),
	    cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
