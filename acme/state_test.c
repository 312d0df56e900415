/* state_test.c - what a restart must not forget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "acme/state.h"

static void
test_parse(void **state)
{
	const struct str good = STR(
	    "{\"version\":1,\"failures\":3,\"failed\":1800000000,\"retry\":60,\"error\":\"no\"}");
	struct state s;

	(void)state;
	state_parse(good, &s);
	assert_int_equal(s.failures, 3);
	assert_int_equal(s.failed, 1800000000);
	assert_int_equal(s.retry, 60);
	assert_string_equal(s.error, "no");
	for (size_t n = 0; n < good.n; n++) {
		state_parse(str_sub(good, 0, n), &s);
		assert_int_equal(s.failures, 0);
	}
	state_parse(STR("{\"version\":2,\"failures\":3,\"failed\":1,\"retry\":0}"), &s);
	assert_int_equal(s.failures, 0);
	state_parse(STR("{\"version\":1,\"failures\":-3,\"failed\":1,\"retry\":0}"), &s);
	assert_int_equal(s.failures, 0);
}

/* The clock was a day ahead when it failed, and was set right. */
static void
test_clock_set_back(void **state)
{
	struct state s = {.failures = 1, .failed = 1800086400};

	(void)state;
	state_heed(&s, 1800000000);
	assert_int_equal(s.failed, 1800000000);
	state_heed(&s, 1800000060);
	assert_int_equal(s.failed, 1800000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_clock_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
