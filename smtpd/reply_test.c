/* reply_test.c - every reply is a well-formed line, whatever its argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtpd/reply.h"

static void
every_row_makes_a_line(void **state)
{
	char out[REPLY_MAX];

	(void)state;
	for (int r = 0; r < REPLY_COUNT; r++) {
		size_t n = reply_format((enum reply)r, STR("mail.example.test"), out);
		const char *enhanced = reply_enhanced((enum reply)r);
		int code = reply_code((enum reply)r);

		assert_in_range(n, 6, REPLY_MAX);
		assert_memory_equal(out + n - 2, "\r\n", 2);
		assert_int_equal((out[0] - '0') * 100 + (out[1] - '0') * 10 + (out[2] - '0'), code);
		assert_null(memchr(out, '%', n));
		/* RFC 2034 4: the class of both codes is the same. */
		if (enhanced[0] != '\0')
			assert_int_equal(enhanced[0] - '0', code / 100);
		assert_int_equal(reply_is_refusal((enum reply)r), code >= 400);
	}
}

static void
arguments_cannot_add_lines(void **state)
{
	char out[REPLY_MAX], arg[2 * REPLY_MAX];
	size_t n = reply_format(REPLY_QUEUED, STR("a\r\n250 b"), out);

	(void)state;
	assert_int_equal(n, strlen("250 2.0.0 Queued as a??250 b\r\n"));
	assert_memory_equal(out, "250 2.0.0 Queued as a??250 b\r\n", n);
	memset(arg, 'x', sizeof(arg));
	n = reply_format(REPLY_QUEUED, str_of(arg, sizeof(arg)), out);
	assert_int_equal(n, REPLY_MAX);
	assert_memory_equal(out + n - 2, "\r\n", 2);
}

static void
names_are_for_logs(void **state)
{
	(void)state;
	assert_string_equal(reply_name(REPLY_RELAY), "relay");
	assert_string_equal(reply_name(REPLY_TOO_MANY_ERRORS), "too_many_errors");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_makes_a_line),
	    cmocka_unit_test(arguments_cannot_add_lines),
	    cmocka_unit_test(names_are_for_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
