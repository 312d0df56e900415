/* Unit tests of search.c: the table that the page's tests read too, and the rest of dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/file.h"
#include "mail/date.h"
#include "mcpd/search.h"

#define BOXES_MAX 10u

static cJSON *
table(void)
{
	struct arena a;
	struct str text;
	struct err e;
	cJSON *v;

	arena_init(&a);
	assert_int_equal(
	    file_read_all(AT_FDCWD, "tests/data/search_operators.json", 1u << 20, &a, &text, &e),
	    0);
	v = json_parse(text, JSON_VALUES_MAX, &e);
	assert_non_null(v);
	arena_free(&a);
	return v;
}

static void
check(const cJSON *of, int64_t now)
{
	struct search_box boxes[BOXES_MAX];
	struct search s = {.boxes = boxes, .now = now};
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(of, "mailboxes"))
	{
		assume(s.nboxes < BOXES_MAX);
		boxes[s.nboxes++] = (struct search_box){json_str(json_get(m, "id")),
		    json_str(json_get(m, "name")), json_str(json_get(m, "role"))};
	}
	assert_true(json_get(of, "cases")->child != NULL);
	cJSON_ArrayForEach(m, json_get(of, "cases"))
	{
		cJSON *got = search_filter(&s, json_str(json_get(m, "typed")));
		char *text = cJSON_PrintUnformatted(got);

		if (!cJSON_Compare(got, json_get(m, "filter"), true) ||
		    (s.odd.p != NULL) != (json_get(m, "odd") != NULL))
			fail_msg("%s: %s", json_get(m, "typed")->valuestring, text);
		free(text);
		cJSON_Delete(got);
	}
}

static void
test_table(void **state)
{
	cJSON *v = table();
	int64_t now;

	(void)state;
	assert_int_equal(date_utc_parse(json_str(json_get(v, "now")), &now), 0);
	check(v, now);
	check(json_get(v, "hidden"), now);
	cJSON_Delete(v);
}

static void
assert_after(int32_t zone, int64_t now, const char *typed, const char *date)
{
	struct search s = {.zone = zone, .now = now};
	cJSON *got = search_filter(&s, str_z(typed));

	assert_string_equal(json_get(got, "after")->valuestring, date);
	cJSON_Delete(got);
}

/* A day begins where the user is. */
static void
test_zones(void **state)
{
	int64_t late; /* the next day in Paris */

	(void)state;
	assert_int_equal(date_utc_parse(STR("2026-11-22T23:30:00Z"), &late), 0);
	assert_after(60, late, "after:today", "2026-11-22T23:00:00Z");
	assert_after(0, late, "after:today", "2026-11-22T00:00:00Z");
	assert_after(-480, late, "after:today", "2026-11-22T08:00:00Z");
	assert_after(60, late, "after:2026-03-01", "2026-02-28T23:00:00Z");
	assert_after(-480, 0, "after:today", "1969-12-31T08:00:00Z");
}

/* Each day of 800 years follows the one before. */
static void
test_calendar(void **state)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	char typed[32], wanted[64];

	(void)state;
	for (int y = 1600; y < 2400; y += 1)
		for (int m = 1; m <= 12; m++) {
			bool leap = m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
			int last = lengths[m - 1] + leap;

			snprintf(typed, sizeof typed, "after:%04d-%d-%d", y, m, last + 1);
			snprintf(wanted, sizeof wanted, "%04d-%02d-01T00:00:00Z",
			    m == 12 ? y + 1 : y, m == 12 ? 1 : m + 1);
			assert_after(0, 0, typed, wanted);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_zones),
	    cmocka_unit_test(test_calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
