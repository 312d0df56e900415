/* answers_test.c - good answers are remembered, and forgotten in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "smtpd/answers.h"

static const struct str user = STR_INIT("alice@x.test"), none = STR_INIT("");
static const struct str bob = STR_INIT("bob@x.test");
static struct str targets[] = {STR_INIT("bob@x.test"), STR_INIT("carol@y.test")};
static const struct envelope_rcpt to_bob = {
    .address = STR_INIT("bob@x.test"), .targets = targets, .ntargets = 2, .nlocal = 1};

static bool
known(struct str who, struct str address, uint64_t size)
{
	struct envelope_rcpt r = {.address = address};
	struct arena a;
	bool yes;

	arena_init(&a);
	yes = answers_rcpt(who, size, &a, &r);
	if (yes) {
		assert_int_equal(r.ntargets, 2);
		assert_int_equal(r.nlocal, 1);
		assert_true(str_eq(r.targets[0], targets[0]) && str_eq(r.targets[1], targets[1]));
	}
	arena_free(&a);
	return yes;
}

static void
an_answer_is_for_its_question(void **state)
{
	(void)state;
	answers_forget();
	answers_add_rcpt(user, 1000, &to_bob);
	assert_true(known(user, bob, 1000));
	assert_true(known(user, bob, 0));
	assert_false(known(user, bob, 1001));
	assert_false(known(none, bob, 1000));
	assert_false(known(user, user, 1000));
	assert_false(answers_sender(user, bob));
	answers_add_sender(user, bob);
	assert_true(answers_sender(user, bob));
	assert_false(answers_sender(bob, user));
}

static void
it_does_not_last(void **state)
{
	(void)state;
	answers_forget();
	answers_add_rcpt(user, 0, &to_bob);
	answers_add_sender(user, bob);
	clock_advance(ANSWERS_TTL_MS / 2);
	assert_true(known(user, bob, 0));
	clock_advance(ANSWERS_TTL_MS);
	assert_false(known(user, bob, 0));
	assert_false(answers_sender(user, bob));
	answers_add_rcpt(user, 0, &to_bob);
	answers_forget();
	assert_false(known(user, bob, 0));
}

static void
only_so_many(void **state)
{
	(void)state;
	answers_forget();
	for (unsigned i = 0; i <= ANSWERS_MAX; i++) {
		char z[32];

		answers_add_sender(
		    user, str_of(z, (size_t)snprintf(z, sizeof(z), "u%u@x.test", i)));
	}
	assert_false(answers_sender(user, STR("u0@x.test")));
	assert_true(answers_sender(user, STR("u1@x.test")));
	answers_forget();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_is_for_its_question),
	    cmocka_unit_test(it_does_not_last),
	    cmocka_unit_test(only_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
