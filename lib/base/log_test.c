/* log_test.c - lines as operators and their tools read them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/log.h"

static int fds[2];
static char line[4096];

static const char *
written(void)
{
	ssize_t n;

	log_flush();
	n = read(fds[0], line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	return line;
}

static void
begin(enum log_format format)
{
	assert_int_equal(pipe(fds), 0);
	log_init("smtpd", fds[1], format, LOG_LEVEL_INFO);
}

static void
end(void)
{
	log_init("test", 2, LOG_TEXT, LOG_LEVEL_INFO);
	close(fds[0]);
	close(fds[1]);
}

static void
test_text(void **state)
{
	(void)state;
	begin(LOG_TEXT);
	log_info("smtp.reject", LZ("reason", "relay"), LS("to", STR("a b\n\"\x1b")), LU("ms", 41));
	assert_string_equal(written() + 24,
	    " info smtpd smtp.reject reason=relay to=\"a b\\x0a\\\"\\x1b\" ms=41\n");
	end();
}

static void
test_json(void **state)
{
	(void)state;
	begin(LOG_JSON);
	log_warn("smtp.reject", LS("to", STR("a\"\xff\n")), LI("n", -5));
	assert_non_null(strstr(written(), "\"level\":\"warn\",\"daemon\":\"smtpd\",\"pid\":"));
	assert_non_null(
	    strstr(line, "\"event\":\"smtp.reject\",\"to\":\"a\\\"\\u00ff\\u000a\",\"n\":-5}\n"));
	end();
}

static void
test_levels_and_length(void **state)
{
	char big[2000];

	(void)state;
	memset(big, 'x', sizeof(big));
	begin(LOG_TEXT);
	log_debug("quiet", LU("n", 1));
	log_info("loud", LS("v", str_of(big, sizeof(big))));
	assert_null(strstr(written(), "quiet"));
	assert_true(strlen(line) < 600);
	assert_non_null(strstr(line, "xxx..."));
	end();
}

static void
test_err(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(err_set(&e, E_QUOTA, "full"), -1);
	assert_int_equal(err_wrap(&e, "mailbox %s", "INBOX"), -1);
	assert_string_equal(e.text, "mailbox INBOX: full");
	assert_int_equal(e.code, E_QUOTA);
	assert_false(err_is_temporary(&e));
	for (int i = 0; i < 100; i++)
		err_wrap(&e, "again and again");
	assert_true(strlen(e.text) < ERR_TEXT_MAX);
	assert_int_equal(err_set(NULL, E_IO, "nobody cares"), -1);
}

static void
test_times_and_ids(void **state)
{
	char a[ID_SIZE], b[ID_SIZE], text[CLOCK_RFC5322_SIZE];

	(void)state;
	assert_string_equal(clock_rfc3339(1767225599999000, text), "2025-12-31T23:59:59.999Z");
	assert_string_equal(clock_rfc5322(1767225599, text), "Wed, 31 Dec 2025 23:59:59 +0000");
	id_new(a);
	clock_advance(2);
	id_new(b);
	assert_true(id_valid(str_z(a)));
	assert_true(strcmp(a, b) < 0);
	assert_false(id_valid(STR("../../../../../etc/x")));
	assert_false(id_valid(STR("short")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_levels_and_length),
	    cmocka_unit_test(test_err),
	    cmocka_unit_test(test_times_and_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
