/* plan_test.c - when a certificate is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/plan.h"

#define DAY 86400

static void
test_renewal(void **state)
{
	struct plan p = {.good = true, .from = 1000, .until = 1000 + 90 * DAY};

	(void)state;
	assert_int_equal(plan_next(&p), 1000 + 60 * DAY);
	p.chance = 999; /* no more than a fiftieth of the life earlier */
	assert_in_range(plan_next(&p), 1000 + 58 * DAY, 1000 + 60 * DAY);
	p.chance = 0;
	p.until = 1000 + 6 * DAY;
	assert_int_equal(plan_next(&p), 1000 + 4 * DAY);
	p.good = false; /* other names are wanted: now */
	assert_int_equal(plan_next(&p), 0);
}

static void
test_failures(void **state)
{
	struct plan p = {.failed = 5000};
	int64_t before = 0;

	(void)state;
	for (p.failures = 1; p.failures < 20; p.failures++) {
		int64_t wait = plan_next(&p) - 5000;

		assert_true(wait >= before && wait >= 60 && wait <= 43200);
		before = wait;
	}
	assert_int_equal(before, 43200);
	/* The authority's word counts where it is longer, and a renewal is never before its time.
	 */
	p.retry = 100000;
	assert_int_equal(plan_next(&p), 105000);
	p.good = true;
	p.until = 900000;
	assert_int_equal(plan_next(&p), 600000);
	p.failed = 599990;
	p.failures = 1;
	p.retry = 0;
	assert_int_equal(plan_next(&p), 600050);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_renewal),
	    cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
