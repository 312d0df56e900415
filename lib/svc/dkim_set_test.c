/* dkim_set_test.c - names that may be files, and sets that are whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "svc/dkim_set.h"

static void
test_names(void **state)
{
	static const char *const bad[] = {"", ".", "..", "a..b", ".a", "a.", "A", "a/b", "../x",
	    "a b", "-a", "a-", "a\n", "\xc3\xa9"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(dkim_is_domain(str_z(bad[i])));
		assert_false(dkim_is_selector(str_z(bad[i])));
	}
	assert_true(dkim_is_domain(STR("xn--e1afmkfd.example")));
	assert_true(dkim_is_domain(STR("1.example.org")));
	assert_false(dkim_is_domain(STR("a_b.example")));
	assert_true(dkim_is_selector(STR("2026_11.mail")));
	for (unsigned s = 0; s < DKIM_STATES; s++)
		assert_int_equal(dkim_state_parse(str_z(dkim_state_name((enum dkim_state)s))), s);
	assert_int_equal(dkim_state_parse(STR("pem")), DKIM_STATES);
}

static void
test_sets(void **state)
{
	struct dkim_entry in[] = {
	    {STR("a.example"), STR("s1"), STR("pem"), DKIM_ACTIVE},
	    {STR("b.example"), STR("s2"), STR(""), DKIM_RETIRED},
	};
	struct dkim_entry *out;
	struct arena a;
	struct err e;
	struct buf b;
	size_t n;

	(void)state;
	arena_init(&a);
	buf_init(&b, 4096);
	assert_int_equal(dkim_set_get(buf_view(&b), &a, &out, &n, &e), 0);
	assert_int_equal(n, 0);
	dkim_set_put(&b, &in[0]);
	dkim_set_put(&b, &in[1]);
	assert_int_equal(dkim_set_get(buf_view(&b), &a, &out, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_true(str_eq(out[1].domain, in[1].domain) && out[1].state == DKIM_RETIRED);
	assert_true(str_eq(out[0].pem, STR("pem")) && str_eq(out[0].selector, STR("s1")));
	for (size_t cut = 1; cut < b.n; cut++) {
		int rc = dkim_set_get(str_sub(buf_view(&b), 0, cut), &a, &out, &n, &e);

		assert_true(rc < 0 || n == 1);
	}
	in[0].domain = STR("../etc");
	dkim_set_put(&b, &in[0]);
	assert_int_equal(dkim_set_get(buf_view(&b), &a, &out, &n, &e), -1);
	buf_free(&b);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
