/* scram_client_test.c - RFC 7677's example, and servers that do not keep to the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "delivery/remote/scram_client.h"

#define FIRST \
	"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

static struct arena a;
static struct scram_client c;
static struct err err;
static struct str out;

static int
set_up(void **state)
{
	(void)state;
	arena_init(&a);
	(void)scram_client_first(&c, STR("user"), STR("pencil"), STR("rOprNGfwEbeRWgbNEkqO"), &a);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scram_client_done(&c);
	arena_free(&a);
	return 0;
}

static void
the_example_of_rfc_7677(void **state)
{
	struct str first;

	(void)state;
	first = scram_client_first(&c, STR("user"), STR("pencil"), STR("rOprNGfwEbeRWgbNEkqO"), &a);
	assert_true(str_eq_z(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
	assert_int_equal(scram_client_final(&c, STR(FIRST), &out, &err), 0);
	assert_true(str_eq_z(out, "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
	assert_int_equal(
	    scram_client_check(&c, STR("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), &err), 0);
}

static void
nonces_are_fresh_and_names_escaped(void **state)
{
	struct scram_client d;
	struct str one, two;

	(void)state;
	one = scram_client_first(&c, STR("a=b,c"), STR("x"), STR_NONE, &a);
	two = scram_client_first(&d, STR("a=b,c"), STR("x"), STR_NONE, &a);
	assert_true(str_starts(one, STR("n,,n=a=3Db=2Cc,r=")));
	assert_false(str_eq(one, two));
}

static void
a_server_that_breaks_the_rules_is_refused(void **state)
{
	static const char *const bad[] = {"", "r=", "r=other,s=QQ==,i=4096",
	    "r=rOprNGfwEbeRWgbNEkqO,s=QQ==,i=4096",
	    "r=rOprNGfwEbeRWgbNEkqOx,i=4096,s=QQ==", "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",
	    "r=rOprNGfwEbeRWgbNEkqOx,s=!!,i=4096", "r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i=4095",
	    "r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i=100001", "r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i=-1",
	    "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=QQ==,i=4096"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(scram_client_final(&c, str_z(bad[i]), &out, &err), -1);
	assert_int_equal(scram_client_final(&c, STR(FIRST), &out, &err), 0);
	assert_int_equal(
	    scram_client_check(&c, STR("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), &err),
	    -1);
	assert_int_equal(scram_client_check(&c, STR("v="), &err), -1);
	assert_int_equal(scram_client_check(&c, STR("e=other-error"), &err), -1);
}

/* The answer repeats the nonce, and has to fit a line. */
static void
the_answer_is_bounded(void **state)
{
	char text[4096];
	int n = 20;

	(void)state;
	for (; n < 3900; n += 100) {
		snprintf(text, sizeof(text), "r=rOprNGfwEbeRWgbNEkqO%0*d,s=QQ==,i=4096", n, 0);
		if (scram_client_final(&c, str_z(text), &out, &err) < 0)
			break;
		assert_true(out.n <= SCRAM_CLIENT_FINAL_MAX);
	}
	assert_true(n > 900 && n < 1200);
	assert_non_null(strstr(err.text, "a nonce of"));
}

/* Cut anywhere, the server's first message is none or means fewer iterations. */
static void
a_part_of_a_message_is_none(void **state)
{
	const struct str whole = STR(FIRST);

	(void)state;
	for (size_t n = 0; n < whole.n; n++) {
		char *copy = mem_dup(whole.p, n);

		assert_int_equal(scram_client_final(&c, str_of(copy, n), &out, &err), -1);
		free(copy);
	}
}

static void
only_ascii_is_used_as_it_stands(void **state)
{
	(void)state;
	assert_true(scram_client_can(STR("a pass-word~")));
	assert_false(scram_client_can(STR("p\xc3\xa4ss")));
	assert_false(scram_client_can(STR("a\tb")));
	assert_false(scram_client_can(STR("")));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_example_of_rfc_7677),
	    TEST(nonces_are_fresh_and_names_escaped),
	    TEST(a_server_that_breaks_the_rules_is_refused),
	    TEST(the_answer_is_bounded),
	    TEST(a_part_of_a_message_is_none),
	    TEST(only_ascii_is_used_as_it_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
