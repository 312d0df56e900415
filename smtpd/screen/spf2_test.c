/* spf2_test.c - libspf2 asks our facts, and answers as our evaluator does. */
#include "smtpd/screen/spf2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "sender/sender_test.h"

static struct arena arena;

static enum spf_result
check(struct zone *z, const char *ip, const char *sender, struct spf_answer *out)
{
	struct spf_query q = {.helo = STR("mail.example.org"),
	    .sender = str_z(sender),
	    .receiver = STR("mx.example.com")};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&q.peer;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&q.peer;
	struct facts f;

	arena_free(&arena);
	facts_init(&f, &arena);
	q.peer.ss_family = inet_pton(AF_INET, ip, &v4->sin_addr) == 1 ? AF_INET : AF_INET6;
	if (q.peer.ss_family == AF_INET6)
		assert_int_equal(inet_pton(AF_INET6, ip, &v6->sin6_addr), 1);
	while (spf2_check(&q, &f, out) == SPF_WAIT)
		zone_answer(z, &f);
	return out->result;
}

static void
test_answers_come_from_facts(void **state)
{
	struct zone z = {.lines = "example.org TXT v=spf1 a mx include:b.example.org ?all\n"
				  "example.org A 192.0.2.1\nexample.org MX mx.example.org\n"
				  "example.org AAAA 2001:db8::1\nmx.example.org A 192.0.2.2\n"
				  "b.example.org TXT v=spf1 ip4:198.51.100.7 -all\n"
				  "mail.example.org TXT v=spf1 ip4:192.0.2.9 -all"};
	struct spf_answer out;

	(void)state;
	assert_int_equal(check(&z, "192.0.2.1", "a@example.org", &out), SPF_PASS);
	assert_true(str_eq_z(out.domain, "example.org"));
	assert_int_equal(check(&z, "192.0.2.2", "a@example.org", &out), SPF_PASS);
	assert_int_equal(check(&z, "2001:db8::1", "a@example.org", &out), SPF_PASS);
	assert_int_equal(check(&z, "::ffff:192.0.2.1", "a@example.org", &out), SPF_PASS);
	assert_int_equal(check(&z, "198.51.100.7", "a@example.org", &out), SPF_PASS);
	assert_int_equal(check(&z, "192.0.2.9", "a@example.org", &out), SPF_NEUTRAL);
	assert_int_equal(check(&z, "192.0.2.9", "", &out), SPF_PASS);
	assert_true(str_eq_z(out.domain, "mail.example.org"));
	assert_int_equal(check(&z, "192.0.2.9", "a@other.example", &out), SPF_NONE);
	/* The library's free ride for loopback is not taken. */
	assert_int_equal(check(&z, "127.0.0.1", "", &out), SPF_FAIL);
	arena_free(&arena);
}

static void
test_errors_have_words(void **state)
{
	struct zone z = {.lines = "a.example.org FAIL TXT\nb.example.org TXT v=spf1 moo -all"};
	struct spf_answer out;

	(void)state;
	assert_int_equal(check(&z, "192.0.2.1", "a@a.example.org", &out), SPF_TEMPERROR);
	assert_true(out.problem.n > 0);
	assert_int_equal(check(&z, "192.0.2.1", "a@b.example.org", &out), SPF_PERMERROR);
	assert_true(out.problem.n > 0);
	arena_free(&arena);
}

static void
test_a_nul_hides_nothing(void **state)
{
	static const char record[] = "v=spf1 +all\0 -all";
	struct str one = {record, sizeof(record) - 1};
	struct spf_query q = {.helo = STR("h.example"), .sender = STR("a@example.org")};
	struct spf_answer out;
	struct facts f;

	(void)state;
	q.peer.ss_family = AF_INET;
	facts_init(&f, &arena);
	((struct sockaddr_in *)&q.peer)->sin_addr.s_addr = htonl(0xc0000201);
	facts_put(&f, STR("example.org"), FACT_TXT, FACT_FOUND, &one, 1);
	assert_int_equal(spf2_check(&q, &f, &out), SPF_PERMERROR);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers_come_from_facts),
	    cmocka_unit_test(test_errors_have_words),
	    cmocka_unit_test(test_a_nul_hides_nothing),
	};

	arena_init(&arena);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
