/* http_range_test.c - what a Range asks for (RFC 9110 14.1.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/http_range.h"

static void
test_ranges(void **state)
{
	static const struct {
		const char *value;
		uint64_t length;
		enum http_range is;
		uint64_t from, n;
	} rows[] = {
	    {"bytes=0-499", 10000, HTTP_RANGE_PART, 0, 500},
	    {"bytes=500-999", 10000, HTTP_RANGE_PART, 500, 500},
	    {"bytes=-500", 10000, HTTP_RANGE_PART, 9500, 500},
	    {"bytes=9500-", 10000, HTTP_RANGE_PART, 9500, 500},
	    {"bytes=0-", 10000, HTTP_RANGE_PART, 0, 10000},
	    {"Bytes = 0-0", 10000, HTTP_RANGE_PART, 0, 1},
	    {"bytes=-1", 1, HTTP_RANGE_PART, 0, 1},
	    {"bytes=9999-9999", 10000, HTTP_RANGE_PART, 9999, 1},
	    {"bytes=9999-99999999999999999999999999", 10000, HTTP_RANGE_PART, 9999, 1},
	    {"bytes=-99999999999999999999999999", 10000, HTTP_RANGE_PART, 0, 10000},
	    {"bytes=10000-", 10000, HTTP_RANGE_BEYOND, 0, 0},
	    {"bytes=99999999999999999999999999-", 10000, HTTP_RANGE_BEYOND, 0, 0},
	    {"bytes=0-0", 0, HTTP_RANGE_BEYOND, 0, 0},
	    {"bytes=-5", 0, HTTP_RANGE_BEYOND, 0, 0},
	    {"bytes=-0", 10000, HTTP_RANGE_BEYOND, 0, 0},
	    {"", 10000, HTTP_RANGE_NONE, 0, 0},
	    {"bytes", 10000, HTTP_RANGE_NONE, 0, 0},
	    {"bytes=", 10000, HTTP_RANGE_NONE, 0, 0},
	    {"bytes=-", 10000, HTTP_RANGE_NONE, 0, 0},
	    {"bytes=5-4", 10000, HTTP_RANGE_NONE, 0, 0},
	    {"bytes=0-1,5-6", 10000, HTTP_RANGE_NONE, 0, 0},
	    {"bytes=0-1-2", 10000, HTTP_RANGE_NONE, 0, 0},
	    {"bytes=+1-2", 10000, HTTP_RANGE_NONE, 0, 0},
	    {"bytes=0x1-2", 10000, HTTP_RANGE_NONE, 0, 0},
	    {"bytes=--1", 10000, HTTP_RANGE_NONE, 0, 0},
	    {"lines=0-1", 10000, HTTP_RANGE_NONE, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t from = 0, n = 0;

		assert_int_equal(
		    http_range_read(str_z(rows[i].value), rows[i].length, &from, &n), rows[i].is);
		assert_int_equal(from, rows[i].from);
		assert_int_equal(n, rows[i].n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranges)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
