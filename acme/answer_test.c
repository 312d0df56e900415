/* answer_test.c - what an ACME server says, well and badly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "acme/answer.h"
#include "base/mem.h"
#include "svc/acme.h"

static struct provider origin;
static struct arena arena;
static struct err e;

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena);
	return provider_parse(STR("https://ca.test:14000/dir"), &origin);
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void
test_path(void **state)
{
	(void)state;
	assert_true(
	    str_eq_z(acme_path(&origin, STR("https://ca.test:14000/a?b=c%20d")), "/a?b=c%20d"));
	assert_true(str_eq_z(acme_path(&origin, STR("HTTPS://CA.test:14000/")), "/"));
	static const char *const wrong[] = {"", "https://", "http://ca.test:14000/a",
	    "https://ca.test/a", "https://ca.test:14001/a", "https://other.test:14000/a",
	    "https://ca.test:14000", "https://user@ca.test:14000/a", "https://ca.test:14000/a b",
	    "https://ca.test:14000/a#b", "https://ca.test:14000@other.test/a",
	    "https://ca.test:14000/a\r\nX: y", "//ca.test:14000/a"};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(acme_path(&origin, str_z(wrong[i])).n, 0);
	assert_int_equal(provider_parse(STR("https://ca.test/dir"), &origin), 0);
	assert_true(str_eq_z(acme_path(&origin, STR("https://ca.test:443/a")), "/a"));
	assert_true(str_eq_z(acme_path(&origin, STR("https://ca.test/a")), "/a"));
	set_up(NULL);
}

#define U "https://ca.test:14000"

static void
test_directory(void **state)
{
	struct answer_directory d;
	struct str good =
	    STR("{\"newNonce\":\"" U "/n\",\"newAccount\":\"" U "/a\",\"newOrder\":\"" U
		"/o\",\"meta\":{\"externalAccountRequired\":true}}");

	(void)state;
	assert_int_equal(answer_directory(good, &origin, &arena, &d, &e), 0);
	assert_true(str_eq_z(d.order, U "/o"));
	assert_true(d.binding);
	/* Every cut of it is refused. */
	for (size_t n = 0; n < good.n; n++)
		assert_int_equal(
		    answer_directory(str_sub(good, 0, n), &origin, &arena, &d, &e), -1);
	assert_int_equal(answer_directory(STR("[]"), &origin, &arena, &d, &e), -1);
	assert_int_equal(
	    answer_directory(STR("{\"newNonce\":\"https://b.test/n\"}"), &origin, &arena, &d, &e),
	    -1);
	assert_int_equal(e.code, E_PROTO);
}

static void
test_order(void **state)
{
	struct answer_order o;

	(void)state;
	assert_int_equal(answer_order(STR("{\"status\":\"ready\",\"finalize\":\"" U
					  "/f\",\"authorizations\":[\"" U "/1\",\"" U "/2\"]}"),
			     &origin, &arena, &o, &e),
	    0);
	assert_int_equal(o.status, ANSWER_READY);
	assert_int_equal(o.n, 2);
	assert_int_equal(
	    answer_order(STR("{\"status\":\"new\",\"finalize\":\"" U "/f\",\"authorizations\":[\"" U
			     "/1\"],\"error\":{\"type\":"
			     "\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\"}}"),
		&origin, &arena, &o, &e),
	    0);
	assert_int_equal(o.status, ANSWER_OTHER);
	assert_true(str_eq_z(o.problem.type, "caa"));
	/* Valid without a certificate; no authorization; one at another host. */
	assert_int_equal(answer_order(STR("{\"status\":\"valid\",\"finalize\":\"" U
					  "/f\",\"authorizations\":[\"" U "/1\"]}"),
			     &origin, &arena, &o, &e),
	    -1);
	assert_int_equal(answer_order(STR("{\"status\":\"ready\",\"finalize\":\"" U
					  "/f\",\"authorizations\":[]}"),
			     &origin, &arena, &o, &e),
	    -1);
	assert_int_equal(answer_order(STR("{\"status\":\"ready\",\"finalize\":\"" U
					  "/f\",\"authorizations\":[\"https://b.test/1\"]}"),
			     &origin, &arena, &o, &e),
	    -1);
}

static void
test_authorization(void **state)
{
	struct answer_authorization z;
	struct str text =
	    STR("{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},"
		"\"challenges\":[{\"type\":\"dns-01\",\"url\":\"" U
		"/1\",\"token\":\"x\"},{\"type\":\"http-01\",\"status\":\"pending\",\"url\":\"" U
		"/2\",\"token\":\"tok-_1\"},{\"type\":\"odd-01\",\"url\":\"" U
		"/3\",\"token\":\"../../x\"}]}");

	(void)state;
	assert_int_equal(answer_authorization(text, &origin, STR("http-01"), &arena, &z, &e), 0);
	assert_true(str_eq_z(z.token, "tok-_1"));
	assert_true(str_eq_z(z.url, U "/2"));
	assert_true(str_eq_z(z.name, "a.test"));
	assert_int_equal(
	    answer_authorization(text, &origin, STR("tls-alpn-01"), &arena, &z, &e), 0);
	assert_int_equal(z.url.n, 0);
	/* A token that is none. */
	assert_int_equal(answer_authorization(text, &origin, STR("odd-01"), &arena, &z, &e), -1);
}

static void
test_problem(void **state)
{
	struct answer_problem p;

	(void)state;
	answer_problem(STR("{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"detail\":\"old\"}"),
	    &arena, &p);
	assert_true(str_eq_z(p.type, "badNonce"));
	assert_true(str_eq_z(p.detail, "old"));
	answer_problem(STR("<html>"), &arena, &p);
	assert_int_equal(p.type.n + p.detail.n, 0);
	answer_problem(STR("{\"type\":\"about:blank\",\"subproblems\":[{\"detail\":\"no A\","
			   "\"identifier\":{\"value\":\"a.test\"}}]}"),
	    &arena, &p);
	assert_true(str_eq_z(p.detail, "a.test: no A"));
}

static void
test_retry(void **state)
{
	/* 2026-11-23 12:00:00 UTC */
	const int64_t now = 1795435200;

	(void)state;
	assert_int_equal(answer_retry(STR("120"), now), 120);
	assert_int_equal(answer_retry(STR("99999999999"), now), ANSWER_RETRY_MAX);
	assert_int_equal(answer_retry(STR("Mon, 23 Nov 2026 12:01:00 GMT"), now), 60);
	assert_int_equal(answer_retry(STR("Mon, 23 Nov 2020 12:01:00 GMT"), now), 0);
	assert_int_equal(answer_retry(STR("Mon, 23 Nov 2926 12:01:00 GMT"), now), ANSWER_RETRY_MAX);
	assert_int_equal(answer_retry(STR("soon"), now), 0);
	assert_int_equal(answer_retry(STR("-1"), now), 0);
	assert_int_equal(answer_retry(STR_NONE, now), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_path),
	    cmocka_unit_test(test_directory),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_authorization),
	    cmocka_unit_test(test_problem),
	    cmocka_unit_test(test_retry),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
