/* num_test.c - numbers from outside, both sides of every limit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/num.h"

static void
test_parse(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(num_parse(STR("0"), 0, 10, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(num_parse(STR("10"), 0, 10, &v), 0);
	assert_int_equal(num_parse(STR("11"), 0, 10, &v), -1);
	assert_int_equal(v, 10);
	assert_int_equal(num_parse(STR("18446744073709551615"), 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(num_parse(STR("18446744073709551616"), 0, UINT64_MAX, &v), -1);
	assert_int_equal(num_parse(STR(""), 0, 10, &v), -1);
	assert_int_equal(num_parse(STR("-1"), 0, 10, &v), -1);
	assert_int_equal(num_parse(STR("+1"), 0, 10, &v), -1);
	assert_int_equal(num_parse(STR(" 1"), 0, 10, &v), -1);
	assert_int_equal(num_parse(STR("1x"), 0, 10, &v), -1);
}

static void
test_sizes(void **state)
{
	uint64_t v;
	char text[24];

	(void)state;
	assert_int_equal(num_parse_size(STR("50MiB"), &v), 0);
	assert_int_equal(v, 50u << 20);
	assert_string_equal(num_size_text(v, text), "50MiB");
	assert_int_equal(num_parse_size(STR("1000"), &v), 0);
	assert_string_equal(num_size_text(v, text), "1000");
	assert_int_equal(num_parse_size(STR("20000000TiB"), &v), -1);
	assert_int_equal(num_parse_size(STR("5 MiB"), &v), -1);
	assert_int_equal(num_parse_size(STR("MiB"), &v), -1);
}

static void
test_durations(void **state)
{
	uint64_t v;
	char text[24];

	(void)state;
	assert_int_equal(num_parse_duration(STR("90s"), &v), 0);
	assert_int_equal(v, 90000);
	assert_string_equal(num_duration_text(v, text), "90s");
	assert_int_equal(num_parse_duration(STR("120s"), &v), 0);
	assert_string_equal(num_duration_text(v, text), "2m");
	assert_int_equal(num_parse_duration(STR("250ms"), &v), 0);
	assert_string_equal(num_duration_text(v, text), "250ms");
	assert_int_equal(num_parse_duration(STR("5"), &v), -1); /* of what? */
	assert_string_equal(num_duration_text(0, text), "0s");
}

static void
test_octets(void **state)
{
	unsigned char p[8];

	(void)state;
	num_put_u64(p, 0x0102030405060708u);
	assert_int_equal(p[0], 1);
	assert_int_equal(p[7], 8);
	assert_true(num_get_u64(p) == 0x0102030405060708u);
	assert_int_equal(num_get_u32(p), 0x01020304);
	assert_int_equal(num_get_u16(p), 0x0102);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
