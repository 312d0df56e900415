/* headscan_test.c - what is learned of a header, with every split of the input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "smtpd/headscan.h"

static void
scan(struct headscan *h, struct str in, size_t at)
{
	headscan_init(h, true);
	if (at > in.n) {
		for (size_t i = 0; i < in.n; i++)
			headscan_feed(h, in.p + i, 1);
	} else {
		headscan_feed(h, in.p, at);
		headscan_feed(h, in.p + at, in.n - at);
	}
	headscan_finish(h);
}

#define EACH_SPLIT(h, in)                                                     \
	for (size_t at = 0; at <= (in).n + 1 && (scan(&(h), (in), at), true); \
	     at++, headscan_free(&(h)))

static void
counts_and_values(void **state)
{
	const struct str in =
	    STR("Received: a\r\n\tb\r\nreceived: c\r\nFrom: Al <a@b>,\r\n c@d\r\n"
		"SENDER : e@f\r\nDate: x\r\nMessage-Id: <1@2>\r\n\r\nFrom: body@x\r\n");
	struct headscan h;

	(void)state;
	EACH_SPLIT(h, in)
	{
		assert_int_equal(h.received, 2);
		assert_int_equal(h.from, 1);
		assert_int_equal(h.sender, 1);
		assert_int_equal(h.fields, 6);
		assert_true(h.date && h.message_id);
		assert_false(h.absent);
		assert_int_equal(h.octets, in.n - 14);
		assert_int_equal(h.from_value.n, 18);
		assert_memory_equal(h.from_value.p, " Al <a@b>,\r\n c@d\r\n", 18);
		assert_memory_equal(h.sender_value.p, " e@f\r\n", 6);
	}
}

static void
nothing_is_missed_behind_junk(void **state)
{
	const struct str in =
	    STR("From alice Mon Jan 1\r\n>junk\r\n:x\r\n\xc3\xa9: y\r\nFrom\t: a@b\r\n");
	struct headscan h;

	(void)state;
	EACH_SPLIT(h, in)
	{
		assert_int_equal(h.from, 1);
		assert_int_equal(h.fields, 1);
		assert_false(h.absent);
	}
}

static void
text_without_a_header(void **state)
{
	static const char *const texts[] = {
	    "hello\r\nworld\r\n", "\r\nFrom: a@b\r\n", " From: a@b\r\nFrom: c@d\r\n\r\n", "", "x"};
	struct headscan h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct str in = str_z(texts[i]);

		EACH_SPLIT(h, in)
		{
			assert_true(h.absent);
			assert_int_equal(h.from, 0);
		}
	}
}

static void
two_from_fields_are_two(void **state)
{
	const struct str in = STR("From: a@b\r\nX: y\r\nfROM : c@d\r\n\r\n");
	struct headscan h;

	(void)state;
	EACH_SPLIT(h, in)
	assert_int_equal(h.from, 2);
}

static void
long_names_and_values(void **state)
{
	static char in[HEADSCAN_VALUE_MAX + 100] = "From: ";
	struct headscan h;

	(void)state;
	memset(in + 6, 'x', HEADSCAN_VALUE_MAX);
	scan(&h, str_of(in, 6 + HEADSCAN_VALUE_MAX), 5);
	assert_true(h.overflow);
	headscan_free(&h);
	/* A name that only begins like one that counts. */
	scan(&h, STR("From-Whom-It-May-Concern-And-Then-Some-More: a@b\r\nFromm: x\r\nFro: y\r\n"),
	    3);
	assert_int_equal(h.from, 0);
	assert_int_equal(h.fields, 3);
	headscan_free(&h);
}

static void
endless_junk_is_text(void **state)
{
	static char in[HEADSCAN_JUNK_MAX + 100];
	struct headscan h;

	(void)state;
	memset(in, 'x', sizeof(in));
	headscan_init(&h, false);
	headscan_feed(&h, in, HEADSCAN_JUNK_MAX);
	assert_int_not_equal(h.state, HEADSCAN_DONE);
	headscan_feed(&h, in, 1);
	assert_int_equal(h.state, HEADSCAN_DONE);
	assert_true(h.absent);
	headscan_free(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_and_values),
	    cmocka_unit_test(nothing_is_missed_behind_junk),
	    cmocka_unit_test(text_without_a_header),
	    cmocka_unit_test(two_from_fields_are_two),
	    cmocka_unit_test(long_names_and_values),
	    cmocka_unit_test(endless_junk_is_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
