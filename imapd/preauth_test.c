/* Commands before login. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "imapd/preauth.h"

static struct arena arena;
static struct preauth got;
static struct err err;

static int
parse(const char *z)
{
	arena_reset(&arena);
	return preauth_parse(str_z(z), &arena, &got, &err);
}

static void
commands(void **state)
{
	static const struct {
		const char *text;
		enum preauth_verb verb;
	} good[] = {
	    {"a CAPABILITY", PREAUTH_CAPABILITY},
	    {"a capability ", PREAUTH_CAPABILITY},
	    {"a NOOP", PREAUTH_NOOP},
	    {"a LOGOUT", PREAUTH_LOGOUT},
	    {"a ID NIL", PREAUTH_ID},
	    {"a STARTTLS", PREAUTH_STARTTLS},
	    {"a LOGIN x y", PREAUTH_LOGIN},
	    {"a AUTHENTICATE PLAIN", PREAUTH_AUTHENTICATE},
	    {"a AUTHENTICATE PLAIN =", PREAUTH_AUTHENTICATE},
	};
	static const char *const bad[] = {"", "a", "a ", "+ NOOP", "a SELECT INBOX", "a NOOP x",
	    "a LOGIN", "a LOGIN x", "a LOGIN x y z", "a LOGIN \"x y", "a LOGIN {9}\r\nx y",
	    "a AUTHENTICATE", "a AUTHENTICATE (", "a LOGIN {2}\r\nx\0 y"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(parse(good[i].text), 0);
		assert_int_equal(got.verb, good[i].verb);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (parse(bad[i]) == 0)
			fail_msg("%s: taken", bad[i]);
}

static void
credentials(void **state)
{
	(void)state;
	assert_int_equal(parse("a LOGIN \"al\\\"ice\" {3+}\r\np w"), 0);
	assert_true(str_eq_z(got.user, "al\"ice"));
	assert_true(str_eq_z(got.password, "p w"));
	assert_int_equal(parse("a LOGIN \"\" \"\""), 0);
	assert_int_equal(got.password.n, 0);
	assert_int_equal(parse("a AUTHENTICATE PLAIN AGEAYg=="), 0);
	assert_true(got.has_initial && str_eq_z(got.initial, "AGEAYg=="));
	assert_int_equal(parse("a AUTHENTICATE SCRAM-SHA-256-PLUS"), 0);
	assert_true(!got.has_initial && str_eq_z(got.mech, "SCRAM-SHA-256-PLUS"));
	/* The tag goes into the answer even when the rest makes no sense. */
	assert_int_equal(parse("t7 XYZZY"), -1);
	assert_true(str_eq_z(got.tag, "t7"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commands),
	    cmocka_unit_test(credentials),
	};

	arena_init(&arena);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return rc;
}
