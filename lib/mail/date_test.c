/* date_test.c - dates of mail. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/date.h"

static void
test_rfc5322(void **state)
{
	static const struct {
		const char *in;
		int64_t utc;
		int32_t zone;
	} good[] = {
	    {"Tue, 1 Jul 2003 10:52:37 +0200", 1057049557, 120},
	    {"1 Jul 2003 10:52:37 +0200", 1057049557, 120},
	    {"tue,1 jul 2003 (a (nested) comment) 10:52:37 +0200 (CEST)", 1057049557, 120},
	    {"Tue,\r\n 1\r\n Jul\r\n 2003 10:52 +0200", 1057049520, 120},
	    {"21 Nov 97 09:55:06 GMT", 880106106, 0},
	    {"21 Nov 97 09:55:06 EST", 880106106 + 5 * 3600, -300},
	    {"21 Nov 97 09:55:06 PDT", 880106106 + 7 * 3600, -420},
	    {"21 Nov 97 09:55:06 Z", 880106106, 0},
	    {"21 Nov 97 09:55:06", 880106106, 0},
	    {"1 Jan 1970 00:00:00 +0000", 0, 0},
	    {"31 Dec 1969 23:59:59 +0000", -1, 0},
	    {"29 Feb 2000 00:00:60 +0000", 951782460, 0},
	    {"1 Jan 103 00:00:00 +0000", 1041379200, 0},
	    {"1 Jan 49 00:00:00 +0000", 2493072000, 0},
	    {"1 Jan 50 00:00:00 +0000", -631152000, 0},
	    {"Tue Jul  1 10:52:37 2003", 1057056757, 0},
	    {"Tue Jul  1 10:52:37 EDT 2003", 1057056757 + 4 * 3600, -240},
	    {"1-Jul-2003 10:52:37 +0200", 1057049557, 120},
	    {"1 July 2003 10:52:37.123 +0200", 1057049557, 120},
	};
	struct date d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (date_parse(str_z(good[i].in), &d) < 0)
			fail_msg("refused: %s", good[i].in);
		if (d.utc != good[i].utc || d.zone != good[i].zone)
			fail_msg("%s: %lld %d", good[i].in, (long long)d.utc, d.zone);
	}
}

static void
test_bad(void **state)
{
	static const char *const bad[] = {"", "Tue", "1 Jul 2003", "32 Jul 2003 10:00:00 +0000",
	    "0 Jul 2003 10:00:00", "29 Feb 2001 10:00:00 +0000", "31 Apr 2001 10:00:00",
	    "1 Foo 2003 10:00:00", "1 Jul 2003 24:00:00", "1 Jul 2003 10:60:00",
	    "1 Jul 2003 10:00:61", "1 Jul 20033 10:00:00", "1 Jul 2003 (open 10:00:00",
	    "1 Jul 3 10:00:00", "1 Jul 0 10:00:00", "1 Jul 0000 10:00:00", "-1 Jul 2003 10:00:00"};
	struct date d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (date_parse(str_z(bad[i]), &d) == 0)
			fail_msg("taken: %s", bad[i]);
}

static void
test_imap(void **state)
{
	static const char *const good[] = {"17-Jul-1996 02:44:25 -0700",
	    " 7-Jul-1996 02:44:25 +0000", "31-Dec-1969 23:59:59 +1400",
	    "29-Feb-2024 12:00:00 -0030"};
	static const char *const bad[] = {"", "7-Jul-1996 02:44:25 +0000",
	    "17-Jul-96 02:44:25 +0000", "17-Jul-1996 02:44:25", "17-Jul-1996 02:44:25 GMT00",
	    "17-Foo-1996 02:44:25 +0000", "32-Jul-1996 02:44:25 +0000",
	    "17-Jul-1996 02:44:25 +0060", "17/Jul/1996 02:44:25 +0000",
	    "17-Jul-1996  2:44:25 +0000", "17-Jul-1996 02:44:25 +0000 "};
	char text[DATE_IMAP_SIZE];
	struct date d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(date_imap_parse(str_z(good[i]), &d), 0);
		assert_string_equal(date_imap(d.utc, d.zone, text), good[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (date_imap_parse(str_z(bad[i]), &d) == 0)
			fail_msg("taken: %s", bad[i]);
	assert_string_equal(date_rfc3339(0, 0, text), "1970-01-01T00:00:00Z");
	assert_string_equal(date_rfc3339(951782400, 330, text), "2000-02-29T05:30:00+05:30");
	assert_string_equal(date_rfc3339(951782400, -90, text), "2000-02-28T22:30:00-01:30");
	assert_string_equal(date_rfc3339(INT64_MAX / 2, 0, text), "");
	assert_string_equal(date_imap(INT64_MAX / 2, 0, text), " 1-Jan-1970 00:00:00 +0000");
}

static void
test_days(void **state)
{
	struct date d;
	int64_t day;

	(void)state;
	assert_int_equal(date_day_parse(STR("1-Feb-1994"), &day), 0);
	assert_int_equal(day, 8797);
	assert_int_equal(date_day_parse(STR("01-feb-1994"), &day), 0);
	assert_int_equal(day, 8797);
	assert_int_equal(date_day_parse(STR("1-Feb-94"), &day), -1);
	assert_int_equal(date_day_parse(STR("30-Feb-1994"), &day), -1);
	assert_int_equal(date_day_parse(STR("1-February-1994"), &day), -1);
	/* The day where it was written, not the day in UTC. */
	assert_int_equal(date_parse(STR("1 Feb 1994 00:30:00 +0200"), &d), 0);
	assert_int_equal(date_day(d), 8797);
	assert_int_equal(date_day((struct date){-1, 0}), -1);
}

/* The calendar against a plain count, over two cycles of leap years. */
static void
test_calendar(void **state)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char text[DATE_IMAP_SIZE], want[64];
	int64_t day = 0;

	(void)state;
	for (int y = 1970; y < 2410; y++) {
		bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

		for (int m = 0; m < 12; m++) {
			for (int d = 1; d <= lengths[m] + (leap && m == 1); d++, day++) {
				struct date got;

				snprintf(want, sizeof(want), "%2d-%.3s-%04d 00:00:00 +0000", d,
				    names + m * 3, y);
				assert_string_equal(date_imap(day * 86400, 0, text), want);
				assert_int_equal(date_imap_parse(str_z(want), &got), 0);
				assert_int_equal(got.utc, day * 86400);
			}
		}
	}
}

static void
test_rfc3339(void **state)
{
	static const char *const bad[] = {"", "2026-01-31", "2026-01-31T12:00:00",
	    "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-31T24:00:00Z",
	    "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00Zx", "2026-01-31T12:00:00+1:00",
	    "26-01-31T12:00:00Z", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00+24:00"};
	int64_t utc = 0;
	struct date d;

	(void)state;
	assert_int_equal(date_rfc3339_parse(STR("1970-01-01T00:00:00Z"), &d), 0);
	assert_int_equal(d.utc, 0);
	assert_int_equal(date_rfc3339_parse(STR("2023-11-14T22:13:20.999Z"), &d), 0);
	assert_int_equal(d.utc, 1700000000);
	assert_int_equal(date_rfc3339_parse(STR("2023-11-15T00:13:20+02:00"), &d), 0);
	assert_int_equal(d.utc, 1700000000);
	assert_int_equal(d.zone, 120);
	assert_int_equal(date_rfc3339_parse(STR("2024-02-29T00:00:00-00:30"), &d), 0);
	assert_int_equal(d.zone, -30);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(date_rfc3339_parse(str_z(bad[i]), &d), -1);
	assert_int_equal(date_utc_parse(STR("2023-11-14T22:13:20Z"), &utc), 0);
	assert_int_equal(utc, 1700000000);
	assert_int_equal(date_utc_parse(STR("2023-11-15T00:13:20+02:00"), &utc), -1);
	assert_int_equal(date_utc_parse(STR("2023-11-14t22:13:20Z"), &utc), -1);
	assert_int_equal(date_utc_parse(STR("2023-11-14T22:13:20z"), &utc), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rfc5322),
	    cmocka_unit_test(test_bad), cmocka_unit_test(test_imap), cmocka_unit_test(test_days),
	    cmocka_unit_test(test_calendar), cmocka_unit_test(test_rfc3339)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
