/* sts_text_test.c - records, policies, and what they match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "delivery/remote/sts_text.h"

static struct err err;

static void
records_have_an_id(void **state)
{
	static const struct {
		const char *txt, *id;
	} good[] = {{"v=STSv1; id=20160831085700Z;", "20160831085700Z"}, {"v=STSv1;id=1", "1"},
	    {"v=STSv1 ;\tx=y; id=a ; id=b;", "a"},
	    {"v=STSv1; id=12345678901234567890123456789012", "12345678901234567890123456789012"}};
	static const char *const bad[] = {"v=STSv1;", "v=STSv1; id=", "v=STSv1; id=a-b",
	    "v=STSv1; id=123456789012345678901234567890123", "v=STSv1; ID=1", "v=STSv1"};
	static const char *const others[] = {"", "v=STSv10; id=1", "v=spf1 -all", "V=STSv1; id=1",
	    "id=1; v=STSv1", "v=STSv1.; id=1"};
	struct str id;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(sts_is_record(str_z(good[i].txt)));
		assert_int_equal(sts_record_id(str_z(good[i].txt), &id, &err), 0);
		assert_true(str_eq_z(id, good[i].id));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sts_record_id(str_z(bad[i]), &id, &err), -1);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(sts_is_record(str_z(others[i])));
}

#define EXAMPLE                                                           \
	"version: STSv1\r\nmode: enforce\r\nmx: mail.Example.com\r\nmx: " \
	"*.example.net\r\nmax_age: 604800\r\n"

static void
a_policy_is_read(void **state)
{
	struct sts_policy p;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(sts_policy_parse(STR(EXAMPLE), &a, &p, &err), 0);
	assert_int_equal(p.mode, STS_ENFORCE);
	assert_int_equal(p.max_age, 604800);
	assert_int_equal(p.nmx, 2);
	assert_true(str_eq_z(p.mx[0], "mail.example.com"));
	assert_true(str_eq_z(p.mx[1], "*.example.net"));
	/* Unknown fields, bare LF, blanks, repeated fields, an age past a year, no last line end.
	 */
	assert_int_equal(
	    sts_policy_parse(STR("mode:none  \nversion:  STSv1\nx-y: z: w\n\nmode: enforce\n"
				 "max_age: 9999999999"),
		&a, &p, &err),
	    0);
	assert_int_equal(p.mode, STS_NONE);
	assert_int_equal(p.max_age, STS_AGE_MAX);
	arena_free(&a);
}

static void
what_is_no_policy_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {{"", "no version"}, {"version: STSv2\n", "a version other than STSv1"},
	    {"version: STSv1\nmode: enforce\nmax_age: 1\n", "no mx"},
	    {"version: STSv1\nmode: strict\n", "an unknown mode"},
	    {"version: STSv1\nmode: Enforce\n", "an unknown mode"},
	    {"version: STSv1\nmode: none\n", "no max_age"},
	    {"version: STSv1\nmax_age: 1\nmx: a.test\n", "no mode"},
	    {"version: STSv1\nmax_age: -1\n", "a max_age that is no number"},
	    {"version: STSv1\nmax_age: 10000000000\n", "a max_age that is no number"},
	    {"version: STSv1\nmx: *\n", "an mx that is no host name"},
	    {"version: STSv1\nmx: *.*.test\n", "an mx that is no host name"},
	    {"version: STSv1\nmx: a_b.test/\n", "an mx that is no host name"},
	    {"version: STSv1\nmx:\n", "an mx that is no host name"},
	    {"<html>\n", "a line without a colon"}};
	struct sts_policy p;
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(sts_policy_parse(str_z(bad[i].text), &a, &p, &err), -1);
		assert_string_equal(err.text, bad[i].why);
	}
	arena_free(&a);
}

/* A policy that was cut off anywhere is none, or (behind its last needed line) the whole. */
static void
a_part_of_a_policy_is_none(void **state)
{
	const struct str whole = STR(EXAMPLE);
	struct sts_policy p;
	struct arena a;
	size_t good = 0;

	(void)state;
	arena_init(&a);
	for (size_t n = 0; n <= whole.n; n++) {
		char *copy = mem_dup(whole.p, n);

		/* Its last line may end early: "max_age: 60" is a shorter life, never other hosts.
		 */
		if (sts_policy_parse(str_of(copy, n), &a, &p, &err) == 0) {
			good++;
			assert_int_equal(p.nmx, 2);
			assert_true(p.max_age <= 604800);
		}
		free(copy);
	}
	assert_int_equal(good, strlen("604800\r\n"));
	arena_free(&a);
}

static void
too_many_hosts_are_no_policy(void **state)
{
	char text[8192] = "version: STSv1\nmode: enforce\nmax_age: 1\n";
	struct sts_policy p;
	struct arena a;

	(void)state;
	arena_init(&a);
	for (unsigned i = 0; i < STS_MX_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "mx: m%u.test\n", i);
	assert_int_equal(sts_policy_parse(str_z(text), &a, &p, &err), 0);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "mx: last.test\n");
	assert_int_equal(sts_policy_parse(str_z(text), &a, &p, &err), -1);
	assert_string_equal(err.text, "more than 128 mx");
	arena_free(&a);
}

static void
a_star_is_one_label(void **state)
{
	struct sts_policy p;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(sts_policy_parse(STR(EXAMPLE), &a, &p, &err), 0);
	assert_true(sts_policy_matches(&p, STR("MAIL.example.com")));
	assert_true(sts_policy_matches(&p, STR("mail.example.com.")));
	assert_true(sts_policy_matches(&p, STR("a.example.net")));
	assert_false(sts_policy_matches(&p, STR("example.net")));
	assert_false(sts_policy_matches(&p, STR("a.b.example.net")));
	assert_false(sts_policy_matches(&p, STR("xexample.net")));
	assert_false(sts_policy_matches(&p, STR("x.mail.example.com")));
	assert_false(sts_policy_matches(&p, STR("")));
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_have_an_id),
	    cmocka_unit_test(a_policy_is_read),
	    cmocka_unit_test(what_is_no_policy_is_refused),
	    cmocka_unit_test(a_part_of_a_policy_is_none),
	    cmocka_unit_test(too_many_hosts_are_no_policy),
	    cmocka_unit_test(a_star_is_one_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
