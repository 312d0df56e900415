/* Unit tests of trace_head.c: what is believed of the top of a header, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mailboxd/jmap/trace_head.h"

static struct arena arena;

static int
up(void **state)
{
	(void)state;
	arena_init(&arena);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void
is(struct str got, const char *want)
{
	assert_string_equal(arena_dupz(&arena, got), want);
}

static const char strange[] =
    "Return-Path: <bob@far.test>\r\n"
    "Authentication-Results: mx.test;\r\n\tiprev=pass policy.iprev=192.0.2.7;\r\n"
    "\tspf=pass smtp.mailfrom=bob@far.test;\r\n"
    "\tdkim=fail reason=\"bad ; signature\" header.d=far.test header.s=s1;\r\n"
    "\tdmarc=pass header.from=\"far;.test\" polrec.p=reject\r\n"
    "X-Spam-Status: Yes, score=7 required=5\r\n\ttests=a,b\r\n"
    "Received: from far.example (mail.far.test [192.0.2.7])\r\n"
    "\tby mx.test (GK Mail) with ESMTPS id 0abc\r\n\tfor <alice@x.test>\r\n"
    "\ttls TLS_AES_256_GCM_SHA384 (TLSv1.3);\r\n\tSun, 22 Nov 2026 12:00:00 +0000\r\n"
    "Authentication-Results: mx.test; spf=fail\r\n"
    "Received: from liar by mx.test (GK Mail) with ESMTP id 1;\r\n\tSun, 1 Nov 2026 12:00:00 "
    "+0000\r\n"
    "Subject: hi\r\n\r\nText";

static void
test_stranger(void **state)
{
	struct trace_head h;

	(void)state;
	trace_head_read(STR(strange), STR("MX.test"), &arena, &h);
	assert_true(h.ours);
	is(h.sender, "bob@far.test");
	is(h.received.helo, "far.example");
	is(h.received.name, "mail.far.test");
	is(h.received.address, "192.0.2.7");
	is(h.received.protocol, "ESMTPS");
	is(h.received.id, "0abc");
	is(h.received.rcpt, "alice@x.test");
	is(h.received.suite, "TLS_AES_256_GCM_SHA384");
	is(h.received.version, "TLSv1.3");
	assert_int_equal(h.received.date, 1795348800);
	assert_false(h.received.local);
	assert_int_equal(h.nresults, 4);
	is(h.results[0].method, "iprev");
	is(h.results[1].result, "pass");
	is(h.results[1].value, "bob@far.test");
	is(h.results[2].reason, "bad ; signature");
	is(h.results[2].property, "header.d");
	is(h.results[3].method, "dmarc");
	is(h.results[3].value, "far;.test");
	assert_true(h.screened && h.junk);
	is(h.score, "7");
	is(h.required, "5");
	is(h.tests, "a,b");
}

static void
test_from_here(void **state)
{
	struct trace_head h;

	(void)state;
	trace_head_read(
	    STR("Return-Path: <>\r\nReceived: by mx.test (GK Mail, from a program of "
		"alice@x.test)\r\n\tid 7;\r\n\tSun, 22 Nov 2026 12:00:00 +0000\r\n\r\n"),
	    STR("mx.test"), &arena, &h);
	assert_true(h.ours && h.received.local);
	is(h.received.account, "alice@x.test");
	is(h.received.id, "7");
	is(h.sender, "");
	trace_head_read(STR("Received: by mx.test (GK Mail, from a mailbox here) id 8;\r\n\r\n"),
	    STR("mx.test"), &arena, &h);
	assert_true(h.ours && h.received.local && h.received.account.n == 0);
}

/* Another's Received first: nothing of it is ours. Nor where there is none, or of another name. */
static void
test_not_ours(void **state)
{
	static const char *const heads[] = {"", "Subject: x\r\n\r\n",
	    "Authentication-Results: mx.test; spf=pass\r\n\r\n",
	    "Authentication-Results: mx.test; spf=pass\r\nReceived: from a by other.test id "
	    "1;\r\n\r\n",
	    "Received: garbage\r\n\r\n", "Received: (\r\n\r\n", "Received: by\r\n\r\n"};
	struct trace_head h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		trace_head_read(str_z(heads[i]), STR("mx.test"), &arena, &h);
		assert_false(h.ours);
		assert_int_equal(h.nresults, 0);
		assert_false(h.screened);
	}
	trace_head_read(STR(strange), STR(""), &arena, &h);
	assert_false(h.ours);
}

/* Cut anywhere, it is read as far as it goes. */
static void
test_every_cut(void **state)
{
	struct trace_head h;
	char *copy;

	(void)state;
	for (size_t n = 0; n <= sizeof(strange) - 1; n++) {
		copy = mem_dup(strange, n);
		trace_head_read(str_of(copy, n), STR("mx.test"), &arena, &h);
		assert_true(h.nresults <= 4);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_stranger, up, down),
	    cmocka_unit_test_setup_teardown(test_from_here, up, down),
	    cmocka_unit_test_setup_teardown(test_not_ours, up, down),
	    cmocka_unit_test_setup_teardown(test_every_cut, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
