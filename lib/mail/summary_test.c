/* Unit tests of summary.c: what it answers is what the header answers, or "unknown". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/summary.h"

static struct arena a;
static struct buf out;

static int
setup(void **state)
{
	(void)state;
	arena_init(&a);
	buf_init(&out, 1u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&a);
	buf_free(&out);
	return 0;
}

static struct str
summary(const char *header)
{
	buf_reset(&out);
	summary_write(str_z(header), &out);
	assert_true(out.n <= SUMMARY_MAX);
	return buf_view(&out);
}

static enum summary_answer
find(struct str s, enum summary_field f, const char *text)
{
	struct needle nd;

	assert_int_equal(needle_init(&nd, str_z(text), &a), 0);
	return summary_find(s, f, &nd);
}

static const char message[] = "Received: from x\r\n"
			      "From: \"Ann Example\" <Ann@Example.test>\r\n"
			      "To: bob@b.test,\r\n carol@c.test\r\n"
			      "Subject: =?utf-8?q?Caf=C3=A9?=\r\n au LAIT\r\n"
			      "Date: Thu, 01 Jan 1970 23:30:00 -0200\r\n"
			      "Message-ID: <One@x>\r\n"
			      "\r\n"
			      "Cc: not@header\r\n";

static void
fields_are_found_without_regard_to_case(void **state)
{
	struct str s = summary(message);

	(void)state;
	assert_int_equal(find(s, SUMMARY_FROM, "ann example"), SUMMARY_YES);
	assert_int_equal(find(s, SUMMARY_FROM, "ANN@EXAMPLE"), SUMMARY_YES);
	assert_int_equal(find(s, SUMMARY_FROM, "bob"), SUMMARY_NO);
	assert_int_equal(find(s, SUMMARY_TO, "carol@"), SUMMARY_YES);
	assert_int_equal(find(s, SUMMARY_SUBJECT, "CAF\xc3\x89 au lait"), SUMMARY_YES);
	assert_int_equal(find(s, SUMMARY_MESSAGE_ID, "<one@x>"), SUMMARY_YES);
}

static void
an_empty_needle_asks_for_the_field(void **state)
{
	struct str s = summary(message);

	(void)state;
	assert_int_equal(find(s, SUMMARY_SUBJECT, ""), SUMMARY_YES);
	assert_int_equal(find(s, SUMMARY_CC, ""), SUMMARY_NO);
	assert_int_equal(find(summary("Subject:\r\n\r\n"), SUMMARY_SUBJECT, ""), SUMMARY_YES);
	assert_int_equal(find(summary("Subject:\r\n\r\n"), SUMMARY_SUBJECT, "x"), SUMMARY_NO);
}

static void
every_field_of_a_name_counts(void **state)
{
	struct str s = summary("To: one@x\r\nTo: two@x\r\n\r\n");

	(void)state;
	assert_int_equal(find(s, SUMMARY_TO, "one"), SUMMARY_YES);
	assert_int_equal(find(s, SUMMARY_TO, "two"), SUMMARY_YES);
}

static void
the_day_is_that_of_the_first_date(void **state)
{
	int64_t day = -1;

	(void)state;
	assert_int_equal(summary_day(summary(message), &day), SUMMARY_YES);
	assert_int_equal(day, 0);
	assert_int_equal(
	    summary_day(summary("Date: 1 Jan 1969 00:00 +0000\r\n\r\n"), &day), SUMMARY_YES);
	assert_int_equal(day, -365);
	assert_int_equal(
	    summary_day(summary("Date: soon\r\nDate: 1 Jan 1970 00:00 +0000\r\n\r\n"), &day),
	    SUMMARY_NO);
	assert_int_equal(summary_day(summary("Subject: x\r\n\r\n"), &day), SUMMARY_NO);
	assert_int_equal(summary_day(STR(""), &day), SUMMARY_NO);
}

static void
a_long_field_is_unknown_and_others_are_not(void **state)
{
	char header[8000];
	struct str s;

	(void)state;
	(void)snprintf(header, sizeof header, "Subject: %05000d\r\nFrom: ann@x\r\n\r\n", 7);
	s = summary(header);
	assert_int_equal(find(s, SUMMARY_SUBJECT, "7"), SUMMARY_UNKNOWN);
	assert_int_equal(find(s, SUMMARY_FROM, "ann"), SUMMARY_YES);
	assert_int_equal(find(s, SUMMARY_FROM, "bob"), SUMMARY_NO);
}

static void
too_many_fields_make_all_unknown_that_was_not_found(void **state)
{
	struct buf header;
	struct str s;
	int64_t day;

	(void)state;
	buf_init(&header, 1u << 20);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(buf_printf(&header, "To: user%04d@x.test\r\n", i), 0);
	(void)buf_puts(&header, "Date: 1 Jan 1970 00:00 +0000\r\n\r\n");
	s = summary(header.p);
	assert_int_equal(find(s, SUMMARY_TO, "user0001@"), SUMMARY_YES);
	assert_int_equal(find(s, SUMMARY_TO, "user1999@"), SUMMARY_UNKNOWN);
	assert_int_equal(find(s, SUMMARY_SUBJECT, ""), SUMMARY_UNKNOWN);
	assert_int_equal(summary_day(s, &day), SUMMARY_UNKNOWN);
	buf_free(&header);
}

/* What is on disk may be damaged. */
static void
any_octets_can_be_asked(void **state)
{
	struct str s = summary(message);
	int64_t day;

	(void)state;
	for (size_t n = 0; n <= s.n; n++) {
		char *copy = mem_dup(s.p, n);

		(void)find(str_of(copy, n), SUMMARY_SUBJECT, "lait");
		(void)summary_day(str_of(copy, n), &day);
		free(copy);
	}
}

static void
names_of_fields(void **state)
{
	(void)state;
	assert_int_equal(summary_field(STR("SUBJECT")), SUMMARY_SUBJECT);
	assert_int_equal(summary_field(STR("message-id")), SUMMARY_MESSAGE_ID);
	assert_int_equal(summary_field(STR("X-Other")), SUMMARY_COUNT);
	assert_int_equal(summary_field(STR("")), SUMMARY_COUNT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(fields_are_found_without_regard_to_case),
	    TEST(an_empty_needle_asks_for_the_field),
	    TEST(every_field_of_a_name_counts),
	    TEST(the_day_is_that_of_the_first_date),
	    TEST(a_long_field_is_unknown_and_others_are_not),
	    TEST(too_many_fields_make_all_unknown_that_was_not_found),
	    TEST(any_octets_can_be_asked),
	    TEST(names_of_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
