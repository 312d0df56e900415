/* command_test.c - command lines: what is taken, what is refused, and every split of the input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/envelope.h"
#include "smtpd/command.h"

static enum command_result
parse(const char *line, struct command *c)
{
	return command_parse(str_z(line), c);
}

static void
assert_str(struct str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p ? got.p : "", want, got.n);
}

static void
verbs_ignore_case(void **state)
{
	struct command c;

	(void)state;
	assert_int_equal(parse("ehlo  there ", &c), COMMAND_OK);
	assert_int_equal(c.verb, VERB_EHLO);
	assert_str(c.arg, "there");
	assert_int_equal(parse("sTaRtTlS", &c), COMMAND_OK);
	assert_int_equal(c.verb, VERB_STARTTLS);
	assert_int_equal(parse("FROB x", &c), COMMAND_OK);
	assert_int_equal(c.verb, VERB_UNKNOWN);
	assert_int_equal(parse("", &c), COMMAND_OK);
	assert_int_equal(c.verb, VERB_UNKNOWN);
	assert_int_equal(parse("GET / HTTP/1.1", &c), COMMAND_OK);
	assert_int_equal(c.verb, VERB_HTTP);
	assert_int_equal(parse("MAILFROM:<a@b>", &c), COMMAND_OK);
	assert_int_equal(c.verb, VERB_UNKNOWN);
}

static void
arguments_are_asked_for(void **state)
{
	static const char *const bad[] = {"EHLO", "HELO ", "DATA now", "RSET x", "QUIT x",
	    "STARTTLS x", "VRFY", "EXPN", "BDAT", "BDAT x", "BDAT -1", "BDAT 1 FIRST",
	    "BDAT 99999999999999999999", "BDAT 1 LAST x", "AUTH", "AUTH PLAIN a b", "AUTH A:B",
	    "AUTH AAAAAAAAAAAAAAAAAAAAA", "MAIL", "MAIL TO:<a@b>", "RCPT FROM:<a@b>"};
	struct command c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse(bad[i], &c), COMMAND_BAD_SYNTAX);
}

static void
paths(void **state)
{
	static const struct {
		const char *line, *path;
	} good[] = {
	    {"MAIL FROM:<>", ""},
	    {"MAIL FROM:<a@b>", "a@b"},
	    {"mail from: <a@b>", "a@b"},
	    {"MAIL FROM:<@x,@y.z:a@b>", "a@b"},
	    {"MAIL FROM:<\"a>b\"@c>", "\"a>b\"@c"},
	    {"MAIL FROM:<\"a\\\">b\"@c>", "\"a\\\">b\"@c"},
	    {"RCPT TO:<Postmaster>", "Postmaster"},
	    {"RCPT TO:<\"@elsewhere:\"@here>", "\"@elsewhere:\"@here"},
	};
	static const char *const bad[] = {"MAIL FROM:a@b", "MAIL FROM:<a@b", "MAIL FROM:<a@b>x",
	    "MAIL FROM:<a@b>>", "MAIL FROM:<<a@b>", "MAIL FROM:", "RCPT TO:<@x>", "RCPT TO:<@x:>",
	    "RCPT TO:<@x y:a@b>", "RCPT TO:<\"a@b>", "RCPT TO:<a\001b@c>"};
	struct command c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(parse(good[i].line, &c), COMMAND_OK);
		assert_str(c.path, good[i].path);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse(bad[i], &c), COMMAND_BAD_PATH);
}

static void
long_paths_are_refused(void **state)
{
	char line[400] = "RCPT TO:<";
	struct command c;

	(void)state;
	memset(line + 9, 'a', COMMAND_PATH_MAX);
	memcpy(line + 9 + COMMAND_PATH_MAX, ">", 2);
	assert_int_equal(parse(line, &c), COMMAND_OK);
	memcpy(line + 9 + COMMAND_PATH_MAX, "a>", 3);
	assert_int_equal(parse(line, &c), COMMAND_BAD_PATH);
}

static void
mail_parameters(void **state)
{
	struct command c;

	(void)state;
	assert_int_equal(parse("MAIL FROM:<a@b> SIZE=123 BODY=8bitmime SMTPUTF8 RET=full "
			       "ENVID=QQ+2B1  AUTH=<>",
			     &c),
	    COMMAND_OK);
	assert_int_equal(c.params,
	    PARAM_SIZE | PARAM_BODY | PARAM_SMTPUTF8 | PARAM_RET | PARAM_ENVID | PARAM_AUTH);
	assert_int_equal(c.size, 123);
	assert_true(c.eightbit);
	assert_true(c.ret_full);
	assert_str(c.envid, "QQ+2B1");
	assert_int_equal(parse("MAIL FROM:<a@b> HOLDFOR=60", &c), COMMAND_OK);
	assert_int_equal(c.hold_for, 60);
	assert_int_equal(c.hold_until, 0);
	assert_int_equal(parse("MAIL FROM:<a@b> HOLDUNTIL=2023-11-14T22:13:20Z", &c), COMMAND_OK);
	assert_int_equal(c.hold_until, 1700000000);
	assert_int_equal(parse("MAIL FROM:<a@b> BODY=7BIT RET=HDRS", &c), COMMAND_OK);
	assert_false(c.eightbit);
	assert_false(c.ret_full);
}

static void
rcpt_parameters(void **state)
{
	struct command c;

	(void)state;
	assert_int_equal(
	    parse("RCPT TO:<a@b> NOTIFY=SUCCESS,delay ORCPT=rfc822;a+2Bx@b", &c), COMMAND_OK);
	assert_int_equal(c.notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
	assert_str(c.orcpt, "rfc822;a+2Bx@b");
	assert_int_equal(parse("RCPT TO:<a@b> NOTIFY=NEVER", &c), COMMAND_OK);
	assert_int_equal(c.notify, NOTIFY_NEVER);
}

static void
bad_parameters(void **state)
{
	static const char *const bad[] = {"MAIL FROM:<a@b> SIZE=", "MAIL FROM:<a@b> SIZE=1x",
	    "MAIL FROM:<a@b> SIZE=1 SIZE=2", "MAIL FROM:<a@b> BODY=9BIT",
	    "MAIL FROM:<a@b> SMTPUTF8=1", "MAIL FROM:<a@b> RET=ALL",
	    "MAIL FROM:<a@b> ENVID=", "MAIL FROM:<a@b> ENVID=a+2b", "MAIL FROM:<a@b> ENVID=a=b",
	    "MAIL FROM:<a@b> ENVID=a+2", "MAIL FROM:<a@b> SIZE",
	    "MAIL FROM:<a@b> HOLDFOR=", "MAIL FROM:<a@b> HOLDFOR=1x",
	    "MAIL FROM:<a@b> HOLDFOR=1000000000", "MAIL FROM:<a@b> HOLDUNTIL=tomorrow",
	    "MAIL FROM:<a@b> HOLDFOR=1 HOLDUNTIL=2030-01-01T00:00:00Z",
	    "MAIL FROM:<a@b> SIZE=99999999999999999999",
	    "RCPT TO:<a@b> NOTIFY=", "RCPT TO:<a@b> NOTIFY=NEVER,DELAY",
	    "RCPT TO:<a@b> NOTIFY=SUCCESS,,DELAY", "RCPT TO:<a@b> ORCPT=a@b",
	    "RCPT TO:<a@b> ORCPT=;a@b", "RCPT TO:<a@b> ORCPT=rfc822;"};
	static const char *const unknown[] = {"MAIL FROM:<a@b> FOO", "MAIL FROM:<a@b> NOTIFY=NEVER",
	    "RCPT TO:<a@b> SIZE=1", "RCPT TO:<a@b> =", "MAIL FROM:<a@b> XREALNAME=x"};
	struct command c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse(bad[i], &c), COMMAND_BAD_PARAM);
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		assert_int_equal(parse(unknown[i], &c), COMMAND_UNKNOWN_PARAM);
}

static void
chunks(void **state)
{
	struct command c;

	(void)state;
	assert_int_equal(parse("BDAT 86 LAST", &c), COMMAND_OK);
	assert_int_equal(c.size, 86);
	assert_true(c.last);
	assert_int_equal(parse("bdat 0", &c), COMMAND_OK);
	assert_int_equal(c.size, 0);
	assert_false(c.last);
}

static void
auth_takes_an_initial_response(void **state)
{
	struct command c;

	(void)state;
	assert_int_equal(parse("AUTH PLAIN AGEAYg==", &c), COMMAND_OK);
	assert_str(c.mech, "PLAIN");
	assert_true(c.has_initial);
	assert_str(c.initial, "AGEAYg==");
	assert_int_equal(parse("AUTH SCRAM-SHA-256-PLUS", &c), COMMAND_OK);
	assert_false(c.has_initial);
}

static void
lines_end_in_crlf_only(void **state)
{
	static const char *const bad[] = {"NOOP\n", "\n", "NO\rOP\r\n", "NOOP\r\r\n", "\rNOOP\r\n"};
	struct str line;
	size_t used;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(command_line(str_z(bad[i]), false, &line, &used), LINE_BAD);
		assert_int_equal(used, strlen(bad[i]));
	}
	assert_int_equal(command_line(str_of("NO\0OP\r\n", 7), false, &line, &used), LINE_BAD);
	assert_int_equal(command_line(STR("NOOP\r\nRSET\r\n"), false, &line, &used), LINE_DONE);
	assert_int_equal(used, 6);
	assert_str(line, "NOOP");
	assert_int_equal(command_line(STR("\r\n"), false, &line, &used), LINE_DONE);
	assert_int_equal(line.n, 0);
}

/* A line is the same however it comes in: nothing is decided before its LF is there. */
static void
every_split(void **state)
{
	const struct str all = STR("RCPT TO:<\"x>y\"@example.test> NOTIFY=DELAY\r\n");
	struct str line;
	size_t used;

	(void)state;
	for (size_t n = 0; n < all.n; n++)
		assert_int_equal(command_line(str_sub(all, 0, n), false, &line, &used), LINE_MORE);
	assert_int_equal(command_line(all, false, &line, &used), LINE_DONE);
	for (size_t n = 0; n <= line.n; n++) {
		struct command c;
		(void)command_parse(str_sub(line, 0, n), &c);
	}
}

static void
both_sides_of_the_line_limits(void **state)
{
	static char in[COMMAND_AUTH_LINE_MAX + 3];
	struct str line;
	size_t used;

	(void)state;
	memset(in, 'x', sizeof(in));
	assert_int_equal(
	    command_line(str_of(in, COMMAND_LINE_MAX - 1), false, &line, &used), LINE_MORE);
	assert_int_equal(
	    command_line(str_of(in, COMMAND_LINE_MAX), false, &line, &used), LINE_TOO_LONG);
	assert_int_equal(used, COMMAND_LINE_MAX - 1);
	memcpy(in + COMMAND_LINE_MAX - 2, "\r\n", 2);
	assert_int_equal(command_line(str_of(in, sizeof(in)), false, &line, &used), LINE_DONE);
	assert_int_equal(used, COMMAND_LINE_MAX);
	memset(in, 'x', sizeof(in));
	memcpy(in, "auth ", 5);
	assert_int_equal(
	    command_line(str_of(in, COMMAND_AUTH_LINE_MAX - 1), false, &line, &used), LINE_MORE);
	assert_int_equal(
	    command_line(str_of(in, COMMAND_AUTH_LINE_MAX), false, &line, &used), LINE_TOO_LONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verbs_ignore_case),
	    cmocka_unit_test(arguments_are_asked_for),
	    cmocka_unit_test(paths),
	    cmocka_unit_test(long_paths_are_refused),
	    cmocka_unit_test(mail_parameters),
	    cmocka_unit_test(rcpt_parameters),
	    cmocka_unit_test(bad_parameters),
	    cmocka_unit_test(chunks),
	    cmocka_unit_test(auth_takes_an_initial_response),
	    cmocka_unit_test(lines_end_in_crlf_only),
	    cmocka_unit_test(every_split),
	    cmocka_unit_test(both_sides_of_the_line_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
