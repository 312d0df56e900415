/* token_test.c - whose a token is, and when it is nobody's any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "authd/token.h"
#include "base/clock.h"

static unsigned char a[TOKEN_SIZE], b[TOKEN_SIZE];

static int
setup(void **state)
{
	(void)state;
	assert_true(sodium_init() >= 0);
	token_done();
	token_issue(STR("alice@x.test"), false, a);
	token_issue(STR("root@host.test"), true, b);
	return 0;
}

static bool
is(const unsigned char *token, const char *whose, bool trust)
{
	struct str user;
	bool trusted;

	return token_find(str_of(token, TOKEN_SIZE), &user, &trusted) && str_eq_z(user, whose) &&
	       trusted == trust;
}

static void
test_whose(void **state)
{
	struct str user;
	bool trusted;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(is(a, "alice@x.test", false));
		assert_true(is(b, "root@host.test", true));
	}
	assert_false(token_find(STR(""), &user, &trusted));
	assert_false(token_find(str_of(a, TOKEN_SIZE - 1), &user, &trusted));
	a[31] ^= 1;
	assert_false(token_find(str_of(a, TOKEN_SIZE), &user, &trusted));
}

static void
test_ends(void **state)
{
	(void)state;
	token_end(str_of(b, TOKEN_SIZE));
	assert_false(is(b, "root@host.test", true));
	assert_true(is(a, "alice@x.test", false));
	token_revoke(STR("bob@x.test"));
	assert_true(is(a, "alice@x.test", false));
	token_revoke(STR("alice@x.test"));
	assert_false(is(a, "alice@x.test", false));
}

static void
test_time(void **state)
{
	(void)state;
	/* The clock goes on by itself meanwhile. */
	clock_advance(TOKEN_MS / 2);
	assert_true(is(a, "alice@x.test", false));
	clock_advance(TOKEN_MS / 2);
	assert_false(is(a, "alice@x.test", false));
}

static void
test_bound(void **state)
{
	unsigned char c[TOKEN_SIZE];

	(void)state;
	for (unsigned i = 0; i < TOKEN_MAX; i++)
		token_issue(STR("mallory@x.test"), false, c);
	assert_false(is(a, "alice@x.test", false));
	assert_true(is(c, "mallory@x.test", false));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_whose, setup),
	    cmocka_unit_test_setup(test_ends, setup),
	    cmocka_unit_test_setup(test_time, setup),
	    cmocka_unit_test_setup(test_bound, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
