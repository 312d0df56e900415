/* check_test.c - whole messages with a DNS of a few lines: verdicts, and what is said about them.
 */
#include "smtpd/screen/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
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
	const struct check_query *how; /* what is not as usual: NULL for none */
	size_t step;                   /* octets of a piece; 0: 7 */
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

	if (x->how != NULL) {
		q.helo = x->how->helo;
		q.now = x->how->now;
		q.iprev = x->how->iprev;
		q.junk_score = x->how->junk_score;
		q.refuse_spf_fail = x->how->refuse_spf_fail;
	}
	q.peer.ss_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, x->peer ? x->peer : "192.0.2.1", &v4->sin_addr), 1);
	x->c = check_new(&q);
	for (size_t i = 0, step = x->step > 0 ? x->step : 7; i < m.n; i += step)
		check_feed(x->c, str_sub(m, i, step));
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
		struct run x = {rows[i].sender, rows[i].from, rows[i].peer, rows[i].enforce, NULL,
		    NULL, NULL, 0};

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
	    "a@example.org", MESSAGE("a@example.org"), NULL, ENFORCE_REJECT, NULL, NULL, NULL, 0};
	struct run odd = {"\"a b\"@example.org", MESSAGE("a@x.calm.example"), "203.0.113.9",
	    ENFORCE_REJECT, NULL, NULL, NULL, 0};

	(void)state;
	run(&x);
	assert_true(str_starts(x.r->fields,
	    STR("Authentication-Results: mx.example.com;\r\n\tspf=pass "
		"smtp.mailfrom=a@example.org;\r\n"
		"\tdkim=none;\r\n\tdmarc=pass header.from=example.org polrec.p=reject\r\n"
		"X-Spam-Status: No, score=2 required=0\r\n\ttests=NO_DATE,NO_MESSAGE_ID\r\n")));
	check_free(&x.c);
	run(&odd);
	assert_true(str_starts(odd.r->fields,
	    STR("Authentication-Results: mx.example.com;\r\n"
		"\tspf=fail smtp.mailfrom=\"\\\"a b\\\"@example.org\";\r\n"
		"\tdkim=none;\r\n\tdmarc=fail header.from=x.calm.example polrec.p=quarantine\r\n"
		"\tpolrec.domain=calm.example\r\n"
		"X-Spam-Status: Yes, score=7 required=0\r\n\ttests=SPF_FAIL,DMARC_FAIL,NO_DATE,"
		"NO_MESSAGE_ID\r\nX-Spam-Flag: YES\r\n")));
	check_free(&odd.c);
}

/* A message of `header`, checked as q says; the result is x's. */
static enum check_verdict
run_as(struct run *x, const struct check_query *how, const char *header)
{
	x->how = how;
	x->message = header;
	return run(x);
}

static void
test_policy_options(void **state)
{
	const struct check_query refuse = {.refuse_spf_fail = true, .helo = STR("a.example")};
	struct run x = {
	    .sender = "a@example.org", .peer = "203.0.113.9", .enforce = ENFORCE_REJECT};

	(void)state;
	/* A list's message of a domain that asks for refusal is junk (RFC 9989 7.4). */
	x.sender = "bounce@list.example";
	assert_int_equal(
	    run_as(&x, NULL, "List-Id: <l.list.example>\r\n" MESSAGE("a@example.org")), CHECK_JUNK);
	assert_int_equal(x.r->reason, SCREEN_BY_DMARC);
	check_free(&x.c);
	/* SPF alone refuses only where that is configured. */
	x.sender = "a@example.org";
	assert_int_equal(run_as(&x, NULL, MESSAGE("a@other.example")), CHECK_ACCEPT);
	check_free(&x.c);
	assert_int_equal(run_as(&x, &refuse, MESSAGE("a@other.example")), CHECK_REJECT);
	assert_int_equal(x.r->reason, SCREEN_BY_SPF);
	assert_true(str_starts(x.r->text, STR("SPF: example.org does not let")));
	check_free(&x.c);
	x.sender = "a@temp.example";
	assert_int_equal(run_as(&x, &refuse, MESSAGE("a@other.example")), CHECK_DEFER);
	assert_int_equal(x.r->reason, SCREEN_BY_SPF);
	check_free(&x.c);
}

#define DATED "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@x>\r\n"

static void
test_scores(void **state)
{
	static const struct {
		const char *header, *helo, *reasons;
		enum screen_iprev iprev;
		unsigned score;
	} rows[] = {
	    {DATED "From: a@example.org\r\n\r\n", "mail.example.net", "", IPREV_PASS, 0},
	    {"From: a@example.org\r\n\r\n", "mail.example.net", "NO_DATE,NO_MESSAGE_ID",
		IPREV_UNKNOWN, 2},
	    {DATED "\r\n", "mail.example.net", "FROM_MISSING", IPREV_PASS, 3},
	    {DATED "From: a@example.org\r\n\r\n", "mx.EXAMPLE.com.", "HELO_OURS", IPREV_PASS, 4},
	    {DATED "From: a@example.org\r\n\r\n", "friend", "NO_CLIENT_NAME,HELO_ODD", IPREV_FAIL,
		4},
	    {DATED "From: a@example.org\r\n\r\n", "[192.0.2.1]", "HELO_LITERAL", IPREV_PASS, 1},
	    {DATED "From: \"boss@bank.example\" <a@example.org>\r\n\r\n", "mail.example.net",
		"FROM_NAME", IPREV_PASS, 3},
	    {DATED "From: =?utf-8?q?boss=40bank.example?= <a@example.org>\r\n\r\n",
		"mail.example.net", "FROM_NAME", IPREV_PASS, 3},
	    {DATED "From: \"a@mail.example.org\" <a@example.org>\r\n\r\n", "mail.example.net", "",
		IPREV_PASS, 0},
	    {DATED "From: \"a @ b.c, @home\" <a@example.org>\r\n\r\n", "mail.example.net", "",
		IPREV_PASS, 0},
	    {"Date: tomorrow\r\nMessage-ID: <1@x>\r\nFrom: a@example.org\r\n\r\n",
		"mail.example.net", "ODD_DATE", IPREV_PASS, 1},
	    {"Date: Sun, 22 Nov 2020 12:00:00 +0000\r\nMessage-ID: <1@x>\r\n"
	     "From: a@example.org\r\n\r\n",
		"mail.example.net", "ODD_DATE", IPREV_PASS, 1},
	    /* Spoofed, without a policy, by a host without a name: junk. */
	    {DATED "From: a@none.example\r\n\r\n", "mail.example.net", "DMARC_FAIL,NO_CLIENT_NAME",
		IPREV_FAIL, 4},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct check_query how = {.helo = str_z(rows[i].helo),
		    .iprev = rows[i].iprev,
		    .now = 1795348800,
		    .junk_score = 3};
		struct run x = {.sender = "a@example.org"};
		enum check_verdict v = run_as(&x, &how, rows[i].header);

		assert_true(str_eq_z(x.r->reasons, rows[i].reasons));
		assert_int_equal(x.r->score, rows[i].score);
		assert_int_equal(v, rows[i].score >= 3 ? CHECK_JUNK : CHECK_ACCEPT);
		check_free(&x.c);
	}
}

/* Ten signatures with values of quotes and backslashes, as long as they may be. */
static void
test_fields_stay_in_bounds(void **state)
{
	static char odd[600];
	struct buf b;
	struct run x = {.sender = odd};
	struct str rest, line;

	(void)state;
	memset(odd, '"', sizeof(odd) - 1);
	buf_init(&b, 100000);
	for (unsigned i = 0; i < 20; i++)
		buf_printf(&b, "DKIM-Signature: v=1; a=%s; d=%s; s=%s; h=from; bh=AAAA; b=AAAA\r\n",
		    odd, odd, odd);
	buf_printf(&b, "From: a@example.org\r\n\r\n");
	x.message = b.p;
	run(&x);
	assert_true(x.r->fields.n <= RESULTS_MAX);
	for (rest = x.r->fields; rest.n > 0;) {
		assert_true(str_cut(&rest, '\n', &line));
		assert_true(line.n <= 998);
	}
	check_free(&x.c);
	buf_free(&b);
}

/* The header ends where it ends, wherever the pieces do. */
static void
test_pieces(void **state)
{
	static const char *const messages[] = {
	    MESSAGE("a@example.org") "From: x@evil.example\r\n\r\n",
	    "From: a@example.org\r\n\r\nFrom: x@evil.example\r\n",
	    "From: a@example.org\r\n\r\n\r\n\r\nFrom: x@evil.example\r\n",
	    "From: a@example.org\r\n", "From: a@example.org"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		for (size_t step = 1; step <= strlen(messages[i]) + 1; step++) {
			struct run x = {.sender = "a@example.org",
			    .message = messages[i],
			    .enforce = ENFORCE_REJECT,
			    .step = step};

			assert_int_equal(run(&x), CHECK_ACCEPT);
			assert_true(str_eq_z(x.r->author, "example.org"));
			assert_int_equal(x.r->dmarc.result, DMARC_PASS);
			check_free(&x.c);
		}
	}
}

/* Each of these took seconds, or is past what the library takes. The message is judged all the
 * same.
 */
static void
test_endless_headers(void **state)
{
	static const struct {
		unsigned signatures, names, fields;
		const char *dkim;
	} rows[] = {{10, 4266, 21000, "more than 1000 header fields"},
	    {10, 8000, 900, "dkim=permerror"}, {1, 80000, 900, "dkim=permerror"},
	    {0, 0, 300000, "a header over"}, {0, 0, 900, "dkim=none"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run x = {.sender = "a@example.org", .step = 65536};
		struct buf b;

		buf_init(&b, 4u << 20);
		for (unsigned s = 0; s < rows[i].signatures; s++) {
			buf_puts(
			    &b, "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=t; h=from");
			for (unsigned n = 0; n < rows[i].names; n++)
				buf_puts(&b, ":zz");
			buf_puts(&b, "; bh=AAAA; b=AAAA\r\n");
		}
		buf_puts(&b, "From: a@example.org\r\n");
		for (unsigned n = 0; n < rows[i].fields; n++)
			buf_puts(&b, "a:b\r\n");
		buf_puts(&b, "\r\nbody\r\n");
		assert_false(b.over);
		x.message = b.p;
		assert_int_equal(run(&x), CHECK_ACCEPT);
		assert_true(str_find(x.r->fields, str_z(rows[i].dkim)) < x.r->fields.n);
		assert_true(str_find(x.r->fields, STR("spf=pass")) < x.r->fields.n);
		check_free(&x.c);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_results_field),
	    cmocka_unit_test(test_policy_options),
	    cmocka_unit_test(test_scores),
	    cmocka_unit_test(test_fields_stay_in_bounds),
	    cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_endless_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
