#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "authd/apppass.h"
#include "authd/cache.h"
#include "base/clock.h"

#define ALICE STR("alice@x.test")

static void
knows_what_it_was_told(void **state)
{
	(void)state;
	cache_init();
	assert_false(cache_knows(ALICE, STR("secret")));
	cache_add(ALICE, STR("secret"));
	assert_true(cache_knows(ALICE, STR("secret")));
	assert_false(cache_knows(ALICE, STR("Secret")));
	assert_false(cache_knows(ALICE, STR("")));
	assert_false(cache_knows(STR("bob@x.test"), STR("secret")));
	/* Where the user ends and the password begins matters. */
	assert_false(cache_knows(STR("alice@x.tes"), STR("tsecret")));
	cache_done();
}

static void
forgets(void **state)
{
	(void)state;
	cache_init();
	cache_add(ALICE, STR("secret"));
	cache_forget(ALICE);
	assert_false(cache_knows(ALICE, STR("secret")));
	cache_add(ALICE, STR("secret"));
	clock_advance(CACHE_MS);
	assert_false(cache_knows(ALICE, STR("secret")));
	cache_forget(STR("nobody"));
	cache_done();
}

static void
is_bounded(void **state)
{
	char user[32];

	(void)state;
	cache_init();
	for (unsigned i = 0; i <= CACHE_USERS; i++) {
		snprintf(user, sizeof(user), "user%u", i);
		cache_add(str_z(user), STR("secret"));
	}
	assert_false(cache_knows(STR("user0"), STR("secret")));
	assert_true(cache_knows(STR("user1"), STR("secret")));
	assert_true(cache_knows(str_z(user), STR("secret")));
	for (int i = 0; i < 5; i++) {
		snprintf(user, sizeof(user), "password %d", i);
		cache_add(ALICE, str_z(user));
	}
	assert_false(cache_knows(ALICE, STR("password 0")));
	assert_true(cache_knows(ALICE, STR("password 1")));
	assert_true(cache_knows(ALICE, STR("password 4")));
	cache_done();
}

static void
app_passwords_are_read_kindly(void **state)
{
	char made[APPPASS_SIZE], out[APPPASS_SIZE], other[APPPASS_SIZE];
	unsigned char one[APPPASS_HASH], two[APPPASS_HASH];

	(void)state;
	apppass_new(made);
	apppass_new(other);
	assert_string_not_equal(made, other);
	assert_int_equal(strlen(made), APPPASS_LEN);
	assert_true(apppass_normal(str_z(made), out));
	assert_string_equal(out, made);
	assert_true(apppass_normal(STR("ABCDEabcde 23456 789AB "), out));
	assert_string_equal(out, "abcde-abcde-23456-789ab");
	assert_false(apppass_normal(STR("abcde-abcde-23456-789a"), out));
	assert_false(apppass_normal(STR("abcde-abcde-23456-789abc"), out));
	assert_false(apppass_normal(STR("abcde-abcde-23456-789a1"), out));
	assert_false(apppass_normal(STR("abcde-abcde-23456-789a\0"), out));
	assert_false(apppass_normal(STR(""), out));
	apppass_hash(made, STR("0123456789abcdef"), one);
	apppass_hash(made, STR("0123456789abcdeg"), two);
	assert_memory_not_equal(one, two, sizeof(one));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_what_it_was_told),
	    cmocka_unit_test(forgets),
	    cmocka_unit_test(is_bounded),
	    cmocka_unit_test(app_passwords_are_read_kindly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
