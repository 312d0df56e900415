/* check_test.c - whole messages with a DNS of a few lines: verdicts, and what is said about them.
 */
#include "smtpd/screen/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "sender/sender_test.h"

#define MESSAGE(from) "From: " from "\r\nSubject: hello\r\n\r\nHello.\r\n"
#define ZONE                                                                  \
	"example.org TXT v=spf1 ip4:192.0.2.1 -all\n"                         \
	"_dmarc.example.org TXT v=DMARC1; p=reject\n"                         \
	"_dmarc.calm.example TXT v=DMARC1; p=quarantine\n"                    \
	"_dmarc.none.example TXT v=DMARC1; p=none\n"                          \
	"_dmarc.lost.example FAIL TXT\nlost.example TXT v=spf1 -all\n"        \
	"temp.example FAIL TXT\n_dmarc.temp.example TXT v=DMARC1; p=reject\n" \
	"mail.example.net TXT v=spf1 ip4:192.0.2.1 -all"

struct run {
	const char *sender, *message, *peer;
	enum check_enforce enforce;
	struct check *c;
	const struct check_result *r;
};

static enum check_verdict
run(struct run *x)
{
	struct check_query q = {.mid = STR("m1"),
	    .helo = STR("mail.example.net"),
	    .sender = str_z(x->sender),
	    .host = STR("mx.example.com"),
	    .enforce = x->enforce};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&q.peer;
	struct zone z = {.lines = ZONE};
	struct str m = str_z(x->message);
	enum check_verdict v;
	struct err e;

	q.peer.ss_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, x->peer ? x->peer : "192.0.2.1", &v4->sin_addr), 1);
	x->c = check_new(&q);
	for (size_t i = 0; i < m.n; i += 7)
		assert_int_equal(check_feed(x->c, str_sub(m, i, 7), &e), 0);
	while ((v = check_run(x->c, &x->r)) == CHECK_WAIT)
		zone_answer(&z, check_facts(x->c));
	return v;
}

static void
test_verdicts(void **state)
{
	static const struct {
		const char *sender, *from, *peer;
		enum check_enforce enforce;
		enum check_verdict verdict;
		const char *dmarc;
	} rows[] = {
	    {"a@example.org", MESSAGE("a@example.org"), NULL, ENFORCE_REJECT, CHECK_ACCEPT, "pass"},
	    {"a@example.org", MESSAGE("a@example.org"), "203.0.113.9", ENFORCE_REJECT, CHECK_REJECT,
		"fail"},
	    {"x@evil.example", MESSAGE("a@example.org"), NULL, ENFORCE_REJECT, CHECK_REJECT,
		"fail"},
	    {"x@evil.example", MESSAGE("a@example.org"), NULL, ENFORCE_QUARANTINE, CHECK_JUNK,
		"fail"},
	    {"x@evil.example", MESSAGE("a@example.org"), NULL, ENFORCE_NONE, CHECK_ACCEPT, "fail"},
	    {"x@evil.example", MESSAGE("a@calm.example"), NULL, ENFORCE_REJECT, CHECK_JUNK, "fail"},
	    {"x@evil.example", MESSAGE("a@none.example"), NULL, ENFORCE_REJECT, CHECK_ACCEPT,
		"fail"},
	    {"x@evil.example", MESSAGE("a@other.example"), NULL, ENFORCE_REJECT, CHECK_ACCEPT,
		"none"},
	    {"x@evil.example", MESSAGE("a@lost.example"), NULL, ENFORCE_REJECT, CHECK_DEFER,
		"temperror"},
	    {"x@evil.example", MESSAGE("a@lost.example"), NULL, ENFORCE_NONE, CHECK_ACCEPT,
		"temperror"},
	    {"a@temp.example", MESSAGE("a@temp.example"), NULL, ENFORCE_REJECT, CHECK_DEFER,
		"temperror"},
	    /* A bounce: HELO stands for the null path. */
	    {"", MESSAGE("mailer-daemon@example.org"), NULL, ENFORCE_REJECT, CHECK_REJECT, "fail"},
	    {"a@example.org", "Subject: no author\r\n\r\nx\r\n", NULL, ENFORCE_REJECT, CHECK_ACCEPT,
		"none"},
	    {"a@example.org", MESSAGE("a@example.org, b@other.example"), NULL, ENFORCE_REJECT,
		CHECK_ACCEPT, "none"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run x = {
		    rows[i].sender, rows[i].from, rows[i].peer, rows[i].enforce, NULL, NULL};

		assert_string_equal(
		    check_verdict_name(run(&x)), check_verdict_name(rows[i].verdict));
		assert_string_equal(dmarc_result_name(x.r->dmarc.result), rows[i].dmarc);
		assert_int_equal(x.r->text.n > 0,
		    rows[i].verdict == CHECK_REJECT || rows[i].verdict == CHECK_DEFER);
		check_free(&x.c);
	}
}

static void
test_results_field(void **state)
{
	struct run x = {
	    "a@example.org", MESSAGE("a@example.org"), NULL, ENFORCE_REJECT, NULL, NULL};
	struct run odd = {"\"a b\"@example.org", MESSAGE("a@x.calm.example"), "203.0.113.9",
	    ENFORCE_REJECT, NULL, NULL};

	(void)state;
	run(&x);
	assert_true(str_eq_z(x.r->fields,
	    "Authentication-Results: mx.example.com;\r\n\tspf=pass smtp.mailfrom=a@example.org;\r\n"
	    "\tdkim=none;\r\n\tdmarc=pass header.from=example.org polrec.p=reject\r\n"));
	check_free(&x.c);
	run(&odd);
	assert_true(str_eq_z(odd.r->fields,
	    "Authentication-Results: mx.example.com;\r\n"
	    "\tspf=fail smtp.mailfrom=\"\\\"a b\\\"@example.org\";\r\n"
	    "\tdkim=none;\r\n\tdmarc=fail header.from=x.calm.example polrec.p=quarantine"
	    " polrec.domain=calm.example\r\n"));
	check_free(&odd.c);
}

static void
test_nobody_else_speaks_in_our_name(void **state)
{
	struct run x = {"a@example.org",
	    "Authentication-Results: mx.example.com; dkim=pass\r\n" MESSAGE("a@example.org"), NULL,
	    ENFORCE_REJECT, NULL, NULL};

	(void)state;
	assert_int_equal(run(&x), CHECK_ACCEPT);
	assert_int_equal(x.r->ncuts, 1);
	assert_int_equal(x.r->cuts[0].offset, 0);
	assert_int_equal(
	    x.r->cuts[0].length, strlen("Authentication-Results: mx.example.com; dkim=pass\r\n"));
	check_free(&x.c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_results_field),
	    cmocka_unit_test(test_nobody_else_speaks_in_our_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
