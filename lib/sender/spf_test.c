/* spf_test.c - what the public suite does not ask: limits of work and memory, order of questions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "sender/sender_test.h"
#include "sender/spf.h"

static struct arena arena;

static enum spf_result
check(struct zone *z, const char *ip, const char *sender, struct spf_answer *out)
{
	struct spf_query q = {.helo = STR("mail.example.org"), .sender = str_z(sender)};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&q.peer;
	struct facts f;

	arena_init(&arena);
	facts_init(&f, &arena);
	q.peer.ss_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, ip, &v4->sin_addr), 1);
	while (spf_check(&q, &f, out) == SPF_WAIT)
		zone_answer(z, &f);
	return out->result;
}

static void
test_pass_says_which_mechanism(void **state)
{
	struct zone z = {.lines =
			     "example.org TXT v=spf1 ip4:192.0.2.0/24 include:b.example.org -all\n"
			     "b.example.org TXT v=spf1 ip4:198.51.100.7 -all"};
	struct spf_answer out;

	(void)state;
	assert_int_equal(check(&z, "192.0.2.200", "a@example.org", &out), SPF_PASS);
	assert_true(str_eq_z(out.mechanism, "ip4:192.0.2.0/24"));
	assert_int_equal(z.asked, 1);
	arena_free(&arena);
	assert_int_equal(check(&z, "198.51.100.7", "a@example.org", &out), SPF_PASS);
	assert_true(str_eq_z(out.mechanism, "include:b.example.org"));
	arena_free(&arena);
	assert_int_equal(check(&z, "203.0.113.1", "a@example.org", &out), SPF_FAIL);
	assert_true(str_eq_z(out.mechanism, "-all"));
	assert_true(str_eq_z(out.domain, "example.org"));
	arena_free(&arena);
}

static void
test_null_sender_is_helo(void **state)
{
	struct zone z = {.lines = "mail.example.org TXT v=spf1 ip4:192.0.2.1 -all"};
	struct spf_answer out;

	(void)state;
	assert_int_equal(check(&z, "192.0.2.1", "", &out), SPF_PASS);
	assert_true(str_eq_z(out.domain, "mail.example.org"));
	arena_free(&arena);
}

static void
test_hosts_of_an_mx_are_asked_for_at_once(void **state)
{
	struct zone z = {
	    .lines =
		"example.org TXT v=spf1 mx -all\nexample.org MX a.example.org\n"
		"example.org MX b.example.org\nexample.org MX c.example.org\n"
		"a.example.org A 192.0.2.1\nb.example.org A 192.0.2.2\nc.example.org A 192.0.2.3"};
	struct spf_answer out;

	(void)state;
	assert_int_equal(check(&z, "192.0.2.3", "a@example.org", &out), SPF_PASS);
	assert_int_equal(z.rounds, 3);
	arena_free(&arena);
}

static void
test_errors_say_what_is_wrong(void **state)
{
	struct zone z = {
	    .lines = "a.example.org TXT v=spf1 ip4:192.0.2.300 -all\nb.example.org FAIL TXT\n"
		     "c.example.org TXT v=spf1 include:d.example.org -all"};
	struct spf_answer out;

	(void)state;
	assert_int_equal(check(&z, "192.0.2.1", "a@a.example.org", &out), SPF_PERMERROR);
	assert_true(
	    str_eq_z(out.problem, "a.example.org: no valid address in \"ip4:192.0.2.300\""));
	arena_free(&arena);
	assert_int_equal(check(&z, "192.0.2.1", "a@b.example.org", &out), SPF_TEMPERROR);
	assert_true(str_eq_z(out.problem, "no answer for TXT of b.example.org"));
	arena_free(&arena);
	assert_int_equal(check(&z, "192.0.2.1", "a@c.example.org", &out), SPF_PERMERROR);
	assert_true(str_eq_z(out.problem, "d.example.org has no SPF record"));
	arena_free(&arena);
}

/* A record of 64 KB, each term of which needs work, included in a loop, costs bounded memory and a
 * bounded number of questions. */
static void
test_a_bomb_is_bounded(void **state)
{
	struct spf_answer out;
	struct zone z = {0};
	struct buf b;

	(void)state;
	buf_init(&b, 200000);
	for (unsigned d = 0; d < 2; d++) {
		buf_printf(&b, "%sb%u.example.org TXT v=spf1 include:b%u.example.org",
		    d ? "\n" : "", d, !d);
		for (unsigned i = 0; i < 3000; i++)
			buf_printf(&b, " exists:%%{p}.%u.example", i);
	}
	z.lines = b.p;
	assert_int_equal(check(&z, "192.0.2.1", "a@b0.example.org", &out), SPF_PERMERROR);
	assert_true(z.asked < 20);
	assert_true(arena.used < 2000000);
	arena_free(&arena);
	buf_free(&b);
}

static void
test_macro_results_are_bounded(void **state)
{
	char lines[4000], macros[2000] = "";
	struct zone z = {.lines = lines};
	struct spf_answer out;

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		memcpy(macros + 4 * i, "%{s}", 5);
	assert_true(snprintf(lines, sizeof(lines),
			"example.org TXT v=spf1 -all exp=e.example.org\ne.example.org TXT %s",
			macros) < 4000);
	assert_int_equal(check(&z, "192.0.2.1", "averylonglocalpart@example.org", &out), SPF_FAIL);
	assert_true(out.explanation.n <= 4096);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pass_says_which_mechanism),
	    cmocka_unit_test(test_null_sender_is_helo),
	    cmocka_unit_test(test_hosts_of_an_mx_are_asked_for_at_once),
	    cmocka_unit_test(test_errors_say_what_is_wrong),
	    cmocka_unit_test(test_a_bomb_is_bounded),
	    cmocka_unit_test(test_macro_results_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
