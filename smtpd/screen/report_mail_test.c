/* report_mail_test.c - the messages that carry reports, as their readers find them. */
#include "smtpd/screen/report_mail.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/header.h"
#include "smtpd/screen/reports_in.h"

#define XML_MAX (1u << 20)

static struct arena arena;

static const struct report_mail mail = {.mid = STR_INIT("01j9z3k5v7m2q4r8t6wx"),
    .host = STR_INIT("mx.example.com"),
    .from = STR_INIT("dmarc-reports@mx.example.com"),
    .to = STR_INIT("r@a.example"),
    .now = 1700090000};

static bool
has(struct str s, const char *z)
{
	return str_find(s, str_z(z)) < s.n;
}

/* An aggregate report of one row, as a message. */
static struct str
aggregate(struct buf *out)
{
	struct report_row row = {.source = STR("192.0.2.1"),
	    .count = 3,
	    .disposition = STR("none"),
	    .dkim = STR("pass"),
	    .spf = STR("fail"),
	    .header_from = STR("a.example")};
	struct report r = {.organization = STR("mx.example.com"),
	    .email = STR("x@mx.example.com"),
	    .id = STR("01j9z3k5v7m2q4r8t6wy"),
	    .begin = 1700000000,
	    .end = 1700086399,
	    .domain = STR("a.example"),
	    .p = STR("none"),
	    .rows = &row,
	    .n = 1};
	struct buf xml, packed;
	uint32_t return_path;

	buf_init(&xml, XML_MAX);
	buf_init(&packed, XML_MAX);
	buf_init(out, XML_MAX);
	report_write(&r, &xml);
	assert_int_equal(report_gzip(buf_view(&xml), &packed), 0);
	report_mail_aggregate(&mail, &r, buf_view(&packed), out, &return_path);
	assert_false(out->over);
	buf_free(&xml);
	buf_free(&packed);
	return str_from(buf_view(out), return_path);
}

static void
test_an_aggregate_report_is_found_again(void **state)
{
	struct report r;
	struct str m, header;
	struct buf b;
	struct err e;

	(void)state;
	m = aggregate(&b);
	header = str_sub(m, 0, header_length(m));
	assert_true(str_starts(buf_view(&b), STR("Return-Path: <>\r\n")));
	assert_true(str_eq_z(header_unfold(header_value(header, STR("Subject")), &arena),
	    "Report Domain: a.example Submitter: mx.example.com Report-ID: "
	    "<01j9z3k5v7m2q4r8t6wy>"));
	assert_true(has(m, "filename=\"mx.example.com!a.example!1700000000!1700086399!"
			   "01j9z3k5v7m2q4r8t6wy.xml.gz\""));
	assert_true(has(m, "\r\nContent-Type: application/gzip\r\n"));
	assert_true(has(header, "Auto-Submitted: auto-generated\r\n"));
	for (struct str rest = m, line; rest.n > 0;) {
		str_cut(&rest, '\n', &line);
		assert_true(line.n <= 999);
	}
	assert_int_equal(report_find(m, &arena, &r, &e), 0);
	assert_true(str_eq_z(r.domain, "a.example"));
	assert_int_equal(r.rows[0].count, 3);
	buf_free(&b);
	arena_reset(&arena);
}

static void
test_every_cut_of_it_is_an_error(void **state)
{
	struct report r;
	struct str m;
	struct buf b;
	struct err e;

	(void)state;
	m = aggregate(&b);
	/* The last line of base64 and the closing delimiter may go. */
	for (size_t n = 0; n + 200 < m.n; n++) {
		char *cut = mem_dup(m.p, n);

		assert_int_equal(report_find(str_of(cut, n), &arena, &r, &e), -1);
		free(cut);
		arena_reset(&arena);
	}
	buf_free(&b);
}

static void
test_what_carries_no_report(void **state)
{
	static const char *const none[] = {"", "Subject: x\r\n\r\nhello\r\n",
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n"};
	static const char *const bad[] = {"Content-Type: application/gzip\r\n\r\nhello",
	    "Content-Type: text/xml\r\n\r\n<html/>",
	    "Content-Type: application/octet-stream; name=\"a.ZIP\"\r\n\r\nPK\3\4"};
	struct report r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		assert_int_equal(report_find(str_z(none[i]), &arena, &r, &e), -1);
		assert_int_equal(e.code, E_NOTFOUND);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(report_find(str_z(bad[i]), &arena, &r, &e), -1);
		assert_int_equal(e.code, E_PROTO);
	}
	arena_reset(&arena);
}

static void
test_addressed_to_us(void **state)
{
	static const struct str ours[] = {STR_INIT("dmarc@a.example"), STR_INIT("r@b.example")};

	(void)state;
	assert_true(report_is_addressed(STR("To: DMARC <dmarc@A.example>\r\n"), ours, 2));
	assert_true(report_is_addressed(STR("To: x@y.z,\r\n r@b.example\r\n"), ours, 2));
	assert_true(report_is_addressed(STR("From: a\r\nCC: r@b.example\r\n\r\n"), ours, 2));
	assert_false(report_is_addressed(STR("To: x@y.z\r\n\r\nTo: r@b.example\r\n"), ours, 2));
	assert_false(report_is_addressed(STR("From: r@b.example\r\n"), ours, 2));
	assert_false(report_is_addressed(STR("To: r@b.example\r\n"), ours, 0));
}

static void
test_a_failure_report(void **state)
{
	struct dkim_signature s = {
	    .result = DKIM_FAIL, .domain = STR("a.example"), .selector = STR("s1")};
	struct check_query q = {.sender = STR("x@a.example\r\nEvil: 1"), .now = 1700000000};
	struct check_result r = {.verdict = CHECK_REJECT,
	    .fields = STR("Authentication-Results: mx.example.com; dmarc=fail\r\n"
			  "X-Spam: no\r\n"),
	    .author = STR("a.example"),
	    .signatures = &s,
	    .nsignatures = 1};
	struct report_failure f = {.q = &q,
	    .r = &r,
	    .header = STR("From: a@a.example\r\nSubject: secret\r\n\r\n"),
	    .spf_record = STR("v=spf1 \"-all"),
	    .incidents = 4};
	uint32_t return_path;
	struct buf b;
	struct str m;

	(void)state;
	r.spf.domain = STR("a.example");
	q.peer.ss_family = AF_INET;
	((struct sockaddr_in *)&q.peer)->sin_addr.s_addr = htonl(0xc0000201);
	buf_init(&b, XML_MAX);
	report_mail_failure(&mail, &f, &b, &return_path);
	m = buf_view(&b);
	assert_true(has(m, "report-type=feedback-report"));
	assert_true(has(m, "Feedback-Type: auth-failure\r\n"));
	assert_true(has(m, "Auth-Failure: dmarc\r\n"));
	assert_true(has(m, "Identity-Alignment: dkim, spf\r\n"));
	assert_true(has(m, "Delivery-Result: reject\r\n"));
	assert_true(has(m, "Authentication-Results: mx.example.com; dmarc=fail\r\n"));
	assert_false(has(m, "X-Spam"));
	assert_false(has(m, "\r\nEvil:"));
	assert_true(has(m, "Source-IP: 192.0.2.1\r\n"));
	assert_true(has(m, "Reported-Domain: a.example\r\n"));
	assert_true(has(m, "DKIM-Selector: s1\r\n"));
	assert_true(has(m, "SPF-DNS: txt : a.example : \"v=spf1 \\\"-all\"\r\n"));
	assert_true(has(m, "Incidents: 4\r\n"));
	assert_true(has(m, "Content-Type: text/rfc822-headers\r\n\r\nFrom: a@a.example\r\n"));
	assert_true(str_ends(m, STR("Subject: secret\r\n\r\n--=_0-01j9z3k5v7m2q4r8t6wx--\r\n")));
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_aggregate_report_is_found_again),
	    cmocka_unit_test(test_every_cut_of_it_is_an_error),
	    cmocka_unit_test(test_what_carries_no_report),
	    cmocka_unit_test(test_addressed_to_us),
	    cmocka_unit_test(test_a_failure_report),
	};

	arena_init(&arena);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
