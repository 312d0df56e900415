/* trace_test.c - the lines on top of a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "smtpd/trace.h"

static const struct trace usual = {
    .sender = STR_INIT("a@x.test"),
    .helo = STR_INIT("client.x.test"),
    .peer = STR_INIT("192.0.2.7"),
    .host = STR_INIT("mail.example.test"),
    .mid = STR_INIT("01hzzzzzzzzzzzzzzzzz"),
    .esmtp = true,
    .now = 1700000000,
};

static void
expect(const struct trace *t, const char *want)
{
	struct arena a;
	uint32_t rp;
	struct str got;

	arena_init(&a);
	got = trace_make(t, &a, &rp);
	assert_string_equal(got.p, want);
	assert_int_equal(rp, strstr(want, "\r\n") + 2 - want);
	arena_free(&a);
}

static void
plain_esmtp(void **state)
{
	struct trace t = usual;

	(void)state;
	t.rcpt = STR("bob@example.test");
	expect(&t, "Return-Path: <a@x.test>\r\n"
		   "Received: from client.x.test (unknown [192.0.2.7])\r\n"
		   "\tby mail.example.test (GK Mail) with ESMTP id 01hzzzzzzzzzzzzzzzzz\r\n"
		   "\tfor <bob@example.test>;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n");
}

/* What need not be UTF-8 is not. */
static void
a_domain_stands_as_the_dns_knows_it(void **state)
{
	struct trace t = usual;

	(void)state;
	t.rcpt = STR("bob@b\xc3\xbc"
		     "cher.test");
	expect(&t, "Return-Path: <a@x.test>\r\n"
		   "Received: from client.x.test (unknown [192.0.2.7])\r\n"
		   "\tby mail.example.test (GK Mail) with ESMTP id 01hzzzzzzzzzzzzzzzzz\r\n"
		   "\tfor <bob@xn--bcher-kva.test>;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n");
	t.rcpt = STR("b\xc3\xbc@b\xc3\xbc"
		     "cher.test");
	expect(&t, "Return-Path: <a@x.test>\r\n"
		   "Received: from client.x.test (unknown [192.0.2.7])\r\n"
		   "\tby mail.example.test (GK Mail) with ESMTP id 01hzzzzzzzzzzzzzzzzz\r\n"
		   "\tfor <b\xc3\xbc@b\xc3\xbc"
		   "cher.test>;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n");
}

static void
submission_under_tls(void **state)
{
	struct trace t = usual;

	(void)state;
	t.sender = STR("");
	t.peer = STR("2001:db8::1");
	t.client = STR("six.x.test");
	t.tls = STR("TLSv1.3 TLS_AES_256_GCM_SHA384");
	t.authed = t.add_date = t.add_message_id = t.no_header = true;
	expect(&t,
	    "Return-Path: <>\r\n"
	    "Received: from client.x.test (six.x.test [IPv6:2001:db8::1])\r\n"
	    "\tby mail.example.test (GK Mail) with ESMTPSA id 01hzzzzzzzzzzzzzzzzz\r\n"
	    "\ttls TLS_AES_256_GCM_SHA384 (TLSv1.3);\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n"
	    "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
	    "Message-ID: <01hzzzzzzzzzzzzzzzzz@mail.example.test>\r\n\r\n");
}

static void
protocols(void **state)
{
	struct trace t = usual;

	(void)state;
	assert_string_equal(trace_protocol(&t), "ESMTP");
	t.authed = true;
	assert_string_equal(trace_protocol(&t), "ESMTPA");
	t.utf8 = true;
	assert_string_equal(trace_protocol(&t), "UTF8SMTPA");
	t.tls = STR("TLSv1.2 x");
	assert_string_equal(trace_protocol(&t), "UTF8SMTPSA");
	t.esmtp = false;
	assert_string_equal(trace_protocol(&t), "SMTP");
}

static void
a_hostile_name_stays_a_word(void **state)
{
	struct trace t = usual;
	struct arena a;
	uint32_t rp;
	struct str got;

	(void)state;
	arena_init(&a);
	t.helo = str_of("x)\r\nFrom: (y;\0z", 15);
	got = trace_make(&t, &a, &rp);
	assert_non_null(strstr(got.p, "from x???From:??y??z (unknown [192.0.2.7])\r\n"));
	arena_free(&a);
}

static void
the_longest_fits(void **state)
{
	static char big[TRACE_MAX];
	struct str s = str_of(big, sizeof(big));
	struct trace t = usual;
	struct arena a;
	uint32_t rp;

	(void)state;
	memset(big, 'x', sizeof(big));
	arena_init(&a);
	t.sender = t.helo = t.peer = t.host = t.rcpt = t.tls = s;
	t.add_date = t.add_message_id = t.no_header = true;
	assert_in_range(trace_make(&t, &a, &rp).n, 1, TRACE_MAX);
	t.account = s;
	assert_in_range(trace_make(&t, &a, &rp).n, 1, TRACE_MAX);
	t.account = STR_NONE;
	t.fields = str_sub(s, 0, TRACE_FIELDS_MAX);
	assert_in_range(trace_make(&t, &a, &rp).n, 1, TRACE_MAX);
	arena_free(&a);
}

static void
what_is_added_stands_below(void **state)
{
	struct trace t = usual;
	struct arena a;
	uint32_t rp;

	(void)state;
	arena_init(&a);
	assert_int_equal(trace_added(&t, &a).n, 0);
	t.add_date = t.add_message_id = t.no_header = true;
	assert_true(str_ends(trace_make(&t, &a, &rp), trace_added(&t, &a)));
	assert_true(str_eq_z(trace_added(&t, &a),
	    "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
	    "Message-ID: <01hzzzzzzzzzzzzzzzzz@mail.example.test>\r\n\r\n"));
	arena_free(&a);
}

static void
fields_and_what_are_none(void **state)
{
	static const char *const good[] = {
	    "", "A: b\r\n", "A: b\r\nC:\r\n", "A: b\r\n\tc: d\r\n c\r\nD: e\r\n"};
	static const char *const bad[] = {"A: b", "A: b\n", "A: b\r\n\r\n", " a: b\r\n", "a\r\n",
	    "A b: c\r\n", "A: b\r\n  \r\n", ": b\r\n", "A: b\rc\r\n", "A: b\nc\r\n", "A: \1\r\n",
	    "A: b\r\nc\r\n", "\r\n"};
	static char big[TRACE_FIELDS_MAX + 10];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(trace_are_fields(str_z(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(trace_are_fields(str_z(bad[i])));
	assert_false(trace_are_fields(str_of("A: b\0c\r\n", 8)));
	memset(big, 'x', sizeof(big));
	memcpy(big, "A: ", 3);
	memcpy(big + 998, "\r\n", 2);
	assert_true(trace_are_fields(str_of(big, 1000)));
	memcpy(big + 998, "xx\r\n", 4);
	assert_false(trace_are_fields(str_of(big, 1002)));
	for (size_t i = 0; i + 5 <= sizeof(big); i += 5)
		memcpy(big + i, "A:x\r\n", 5);
	assert_true(trace_are_fields(str_of(big, TRACE_FIELDS_MAX / 5 * 5)));
	assert_false(trace_are_fields(str_of(big, TRACE_FIELDS_MAX / 5 * 5 + 5)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_esmtp),
	    cmocka_unit_test(a_domain_stands_as_the_dns_knows_it),
	    cmocka_unit_test(submission_under_tls),
	    cmocka_unit_test(protocols),
	    cmocka_unit_test(a_hostile_name_stays_a_word),
	    cmocka_unit_test(the_longest_fits),
	    cmocka_unit_test(what_is_added_stands_below),
	    cmocka_unit_test(fields_and_what_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
