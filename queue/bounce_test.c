/*
 * bounce_test.c - who is told, and what a notification looks like.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/bounce.h"

static struct envelope env;
static struct envelope_rcpt rcpt;
static struct bounce_item item;
static struct bounce b;
static struct buf out;
static uint32_t flags, top;

static int
fresh(void **state)
{
	(void)state;
	rcpt = (struct envelope_rcpt){.address = STR("sales@example.test")};
	env = (struct envelope){.sender = STR("alice@example.test"),
	    .arrived = 1769860800000000, /* 2026-01-31 12:00:00 UTC */
	    .return_path = 37,
	    .rcpts = &rcpt,
	    .nrcpts = 1};
	item = (struct bounce_item){
	    .rcpt = &rcpt, .target = STR("bob@example.test"), .text = STR("5.1.1 no such user")};
	b = (struct bounce){.env = &env,
	    .items = &item,
	    .n = 1,
	    .original = STR("Return-Path: <alice@example.test>\r\n"
			    "\r\n"),
	    .now = 1769860860,
	    .host = "mx.example.test"};
	b.original = STR(
	    "Return-Path: <alice@example.test>   \r\nSubject: hi\r\nX-Y: z\r\n\r\nthe body\r\n");
	env.return_path = 38;
	b.size = b.original.n;
	buf_init(&out, BOUNCE_MAX);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

static void
write_it(void)
{
	assert_int_equal(bounce_write(&b, STR("01hzzzzzzzzzzzzzzzzz"), &out, &flags, &top), 0);
}

static bool
has(const char *text)
{
	return str_find(buf_view(&out), str_z(text)) < out.n;
}

static void
who_is_told(void **state)
{
	static const struct {
		uint32_t notify;
		bool failed, delayed, delivered;
	} cases[] = {{NOTIFY_DEFAULT, true, true, false}, {NOTIFY_NEVER, false, false, false},
	    {NOTIFY_FAILURE, true, false, false}, {NOTIFY_SUCCESS, false, false, true},
	    {NOTIFY_DELAY, false, true, false},
	    {NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, true, true, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rcpt.notify = cases[i].notify;
		assert_int_equal(bounce_wanted(&env, &rcpt, BOUNCE_FAILED), cases[i].failed);
		assert_int_equal(bounce_wanted(&env, &rcpt, BOUNCE_DELAYED), cases[i].delayed);
		assert_int_equal(bounce_wanted(&env, &rcpt, BOUNCE_DELIVERED), cases[i].delivered);
	}
	/* RFC 5321 6.1 */
	env.sender = STR_NONE;
	rcpt.notify = NOTIFY_FAILURE;
	assert_false(bounce_wanted(&env, &rcpt, BOUNCE_FAILED));
}

static void
failure_in_full(void **state)
{
	(void)state;
	write_it();
	assert_int_equal(top, sizeof("Return-Path: <>\r\n") - 1);
	assert_true(str_starts(
	    buf_view(&out), STR("Return-Path: <>\r\nDate: Sat, 31 Jan 2026 12:01:00 +0000\r\n")));
	assert_true(has("\r\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.test>\r\n"));
	assert_true(
	    has("\r\nTo: <alice@example.test>\r\n") || has("\r\nTo: alice@example.test\r\n"));
	assert_true(has("\r\nAuto-Submitted: auto-replied\r\n"));
	assert_true(has("multipart/report"));
	assert_true(has("\r\nReporting-MTA: dns; mx.example.test\r\nArrival-Date: Sat, 31 Jan 2026 "
			"12:00:00 +0000\r\n"));
	assert_true(has("\r\n\r\nOriginal-Recipient: rfc822; sales@example.test\r\n"
			"Final-Recipient: rfc822; bob@example.test\r\n"
			"Action: failed\r\nStatus: 5.1.1\r\n"));
	assert_true(has(
	    "Content-Type: message/rfc822\r\n\r\nSubject: hi\r\nX-Y: z\r\n\r\nthe body\r\n\r\n--"));
	assert_false(has("Content-Transfer-Encoding: 8bit\r\n\r\nSubject"));
	assert_int_equal(flags, 0);
}

static void
header_only_when_asked(void **state)
{
	(void)state;
	env.ret = RET_HDRS;
	write_it();
	assert_true(
	    has("Content-Type: text/rfc822-headers\r\n\r\nSubject: hi\r\nX-Y: z\r\n\r\n--"));
	assert_false(has("the body"));
}

static void
header_only_of_a_large_one(void **state)
{
	(void)state;
	b.size = BOUNCE_ORIGINAL + 1;
	write_it();
	assert_true(has("text/rfc822-headers"));
	assert_false(has("the body"));
}

static void
without_the_original(void **state)
{
	(void)state;
	b.original = STR_NONE;
	write_it();
	assert_true(has("text/rfc822-headers\r\n\r\n\r\n--"));
}

static void
what_the_sender_gave_comes_back(void **state)
{
	(void)state;
	env.envid = STR("QQ+2B1");
	rcpt.orcpt = STR("rfc822;Sales+2BEU@example.test");
	write_it();
	assert_true(has("\r\nOriginal-Envelope-Id: QQ+1\r\n"));
	assert_true(has("\r\nOriginal-Recipient: rfc822;Sales+EU@example.test\r\n"));
}

static void
nothing_can_be_smuggled_in(void **state)
{
	(void)state;
	env.envid = STR("a+0D+0ABcc: x@y");
	rcpt.orcpt = STR("rfc822;a+0D+0A+0D+0AEvil: 1");
	item.text = STR("5.1.1 a\r\nEvil: 2");
	write_it();
	assert_false(has("\r\nBcc:"));
	assert_false(has("\nEvil: 1"));
	assert_false(has("\r\nEvil: 2\r\nLast-Attempt"));
}

static void
delay_says_how_long(void **state)
{
	(void)state;
	b.kind = BOUNCE_DELAYED;
	b.until = 1769947200;
	item.text = STR("4.3.1 disk full");
	write_it();
	assert_true(has("\r\nAction: delayed\r\nStatus: 4.3.1\r\n"));
	assert_true(has("\r\nWill-Retry-Until: Sun, 01 Feb 2026 12:00:00 +0000\r\n"));
	assert_false(has("the body"));
}

static void
success_and_lists(void **state)
{
	(void)state;
	b.kind = BOUNCE_DELIVERED;
	item.text = STR("2.0.0");
	item.action = BOUNCE_EXPANDED;
	write_it();
	assert_true(has("\r\nAction: expanded\r\nStatus: 2.0.0\r\n"));
	assert_false(has("the body"));
}

static void
status_without_a_code(void **state)
{
	static const char *const texts[] = {
	    "", "no code", "5", "5.1", "5.1.x nope", "...", "55555.1.1 x"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		buf_reset(&out);
		item.text = str_z(texts[i]);
		write_it();
		assert_true(has("\r\nStatus: 5.0.0\r\n"));
	}
}

static void
utf8_goes_back_as_utf8(void **state)
{
	(void)state;
	env.flags = ENVELOPE_SMTPUTF8;
	item.target = STR("b\xc3\xb6"
			  "b@example.test");
	b.original =
	    STR("Return-Path: <alice@example.test>   \r\nSubject: \xc3\xa9\r\n\r\nbody\r\n");
	b.size = b.original.n;
	write_it();
	assert_true(has("message/global-delivery-status"));
	assert_true(has("Final-Recipient: utf-8; b\xc3\xb6"
			"b@example.test\r\n"));
	assert_true(has("Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n"));
	assert_int_equal(flags, ENVELOPE_8BITMIME | ENVELOPE_SMTPUTF8);
}

static void
largest_fits(void **state)
{
	static struct bounce_item items[BOUNCE_ITEMS];
	static char octets[BOUNCE_ORIGINAL], text[400], address[254], orcpt[2000];

	(void)state;
	memset(octets, 'x', sizeof(octets));
	memset(text, 'y', sizeof(text));
	memset(address, 'a', sizeof(address));
	memset(orcpt, 'o', sizeof(orcpt));
	rcpt.address = str_of(address, sizeof(address));
	rcpt.orcpt = str_of(orcpt, sizeof(orcpt));
	for (size_t i = 0; i < BOUNCE_ITEMS; i++)
		items[i] = (struct bounce_item){.rcpt = &rcpt,
		    .target = str_of(address, sizeof(address)),
		    .text = str_of(text, sizeof(text))};
	b.items = items;
	b.n = BOUNCE_ITEMS;
	b.original = str_of(octets, sizeof(octets));
	b.size = sizeof(octets);
	write_it();
}

/* RFC 3464 2.3.5 and 2.3.6: what another host said, in its own words. */
static void
another_host_is_quoted(void **state)
{
	(void)state;
	item.text = STR("5.1.1 550 5.1.1 <bob@one.test>: no such user");
	item.host = STR("mx1.one.test [192.0.2.1]:25");
	write_it();
	assert_true(has("\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx1.one.test\r\n"));
	assert_true(has("\r\nDiagnostic-Code: smtp; 550 5.1.1 <bob@one.test>: no such user\r\n"));
}

/* What we say of a host is not what it said. */
static void
our_words_are_ours(void **state)
{
	(void)state;
	item.text = STR("4.4.1 connection refused");
	item.host = STR("mx1.one.test [192.0.2.1]:25");
	write_it();
	assert_true(has("\r\nDiagnostic-Code: x-gkmail; 4.4.1 connection refused\r\n"));
}

/* RFC 3461 5.2.2: the next host tells nothing more. */
static void
relayed_is_no_delivery(void **state)
{
	(void)state;
	b.kind = BOUNCE_DELIVERED;
	item.action = BOUNCE_RELAYED;
	item.text = STR("2.0.0 250 2.0.0 taken");
	item.host = STR("mx1.one.test [192.0.2.1]:25");
	write_it();
	assert_true(
	    has("\r\nAction: relayed\r\nStatus: 2.0.0\r\nRemote-MTA: dns; mx1.one.test\r\n"));
	assert_true(has("\r\nDiagnostic-Code: smtp; 250 2.0.0 taken\r\n"));
	assert_true(has("relayed to mx1.one.test, which will tell nothing more about it"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fresh, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {T(who_is_told), T(failure_in_full),
	    T(header_only_when_asked), T(header_only_of_a_large_one), T(without_the_original),
	    T(what_the_sender_gave_comes_back), T(nothing_can_be_smuggled_in),
	    T(delay_says_how_long), T(success_and_lists), T(status_without_a_code),
	    T(utf8_goes_back_as_utf8), T(largest_fits), T(another_host_is_quoted),
	    T(our_words_are_ours), T(relayed_is_no_delivery)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
