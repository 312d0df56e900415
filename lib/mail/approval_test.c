/* approval_test.c - what is approved: known digests, and that every difference makes another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/mem.h"
#include "mail/approval.h"

#define OCTETS "From: a@x.test\r\nSubject: hello\r\n\r\nText\r\n"

static struct envelope_rcpt rcpts[] = {
    {.address = STR_INIT("carol@y.test")}, {.address = STR_INIT("bob@x.test")}};

static struct approval
example(void)
{
	struct approval a = {.user = STR("a@x.test"),
	    .session = STR("0123456789abcdef"),
	    .sender = STR("a@x.test"),
	    .rcpts = rcpts,
	    .nrcpts = 2,
	    .size = sizeof(OCTETS) - 1};

	approval_octets(STR(OCTETS), a.octets);
	return a;
}

static const char *
digest(const struct approval *a)
{
	static char hex[4][2 * APPROVAL_DIGEST + 1];
	static unsigned next;
	unsigned char out[APPROVAL_DIGEST];
	char *text = hex[next++ % 4];
	struct err e;

	assert_int_equal(approval_digest(a, out, &e), 0);
	return sodium_bin2hex(text, sizeof(hex[0]), out, sizeof(out));
}

/* Made once with hashlib.blake2b(digest_size=32) of Python over the encoding of approval.h. */
static void
test_vectors(void **state)
{
	struct approval a = example(), none = {.user = STR("")};
	unsigned char out[APPROVAL_DIGEST];
	char hex[2 * APPROVAL_DIGEST + 1];

	(void)state;
	assert_string_equal(
	    digest(&a), "b95f426bc84850a8ebdf01f8f37634edd555f258429f325c8b48c7dd35718306");
	assert_string_equal(
	    digest(&none), "a90ef04e56d2c76239a659cb304e11bde2667d07bc7698dd5d22ec23ca83f286");
	approval_action(STR("a@x.test"), STR("0123456789abcdef"), STR("delete e1"), out);
	assert_string_equal(sodium_bin2hex(hex, sizeof(hex), out, sizeof(out)),
	    "e6bdfac0b8fdd999754b588692b15cb087a3594a19e5d1a968de524a3034ad6d");
}

static void
test_order_does_not_matter(void **state)
{
	struct envelope_rcpt turned[] = {rcpts[1], rcpts[0]};
	struct approval a = example(), b = example();

	(void)state;
	b.rcpts = turned;
	assert_string_equal(digest(&a), digest(&b));
}

static void
test_all_else_does(void **state)
{
	struct envelope_rcpt more[] = {rcpts[0], rcpts[1], {.address = STR("eve@z.test")}};
	struct envelope_rcpt option[] = {rcpts[0], rcpts[1]};
	struct approval a = example(), b;
	char was[2 * APPROVAL_DIGEST + 1];

	(void)state;
	memcpy(was, digest(&a), sizeof(was));
	option[1].notify = NOTIFY_NEVER;
#define DIFFERS(change)                                   \
	do {                                              \
		b = example();                            \
		change;                                   \
		assert_string_not_equal(was, digest(&b)); \
	} while (0)
	DIFFERS(b.user = STR("b@x.test"));
	DIFFERS(b.session = STR("0123456789abcdee"));
	DIFFERS(b.sender = STR("b@x.test"));
	DIFFERS(b.envid = STR("q"));
	DIFFERS(b.ret = RET_FULL);
	DIFFERS((b.rcpts = more, b.nrcpts = 3));
	DIFFERS(b.nrcpts = 1);
	DIFFERS(b.rcpts = option);
	DIFFERS(b.hold = 1);
	DIFFERS(b.size++);
	DIFFERS(b.octets[0] ^= 1);
	/* Strings do not run into one another. */
	DIFFERS((b.user = STR("a@x.test0"), b.session = STR("123456789abcdef")));
}

static void
test_too_large(void **state)
{
	static char big[ENVELOPE_MAX];
	struct approval a = example();
	unsigned char out[APPROVAL_DIGEST];
	struct err e;

	(void)state;
	memset(big, 'a', sizeof(big));
	a.sender = str_of(big, sizeof(big));
	assert_int_equal(approval_digest(&a, out, &e), -1);
	assert_int_equal(e.code, E_LIMIT);
}

#define TOP      "Return-Path: <a@x.test>\r\n"
#define RECEIVED "Received: from mailbox (a)\r\n\tby x.test; now\r\n"
#define SIGNED   "DKIM-Signature: v=1;\r\n b=abc\r\n"

static int
prefix(const char *text, size_t *n)
{
	struct err e;
	struct str s = str_z(text);

	return approval_prefix(s, STR("a@x.test"),
	    str_starts(s, STR("Return-Path")) ? (uint32_t)str_chr(s, '\n') + 1 : 0, n, &e);
}

static void
test_prefix(void **state)
{
	size_t n = 0;

	(void)state;
	assert_int_equal(prefix(TOP SIGNED RECEIVED OCTETS, &n), 0);
	assert_int_equal(n, sizeof(TOP SIGNED RECEIVED) - 1);
	assert_int_equal(prefix(RECEIVED OCTETS, &n), 0);
	assert_int_equal(n, sizeof(RECEIVED) - 1);
	assert_int_equal(prefix(OCTETS, &n), 0);
	assert_int_equal(n, 0);
	/* Nothing else belongs on top: it counts as octets, whose digest it changes. */
	assert_int_equal(prefix(TOP RECEIVED "Bcc: eve@z.test\r\n" OCTETS, &n), 0);
	assert_int_equal(n, sizeof(TOP RECEIVED) - 1);
	assert_int_equal(prefix(TOP "Received-SPF: pass\r\n" OCTETS, &n), 0);
	assert_int_equal(n, sizeof(TOP) - 1);
	assert_int_equal(prefix(TOP RECEIVED "\r\n" OCTETS, &n), 0);
	assert_int_equal(n, sizeof(TOP RECEIVED) - 1);
	/* Another's Return-Path. */
	assert_int_equal(prefix("Return-Path: <b@x.test>\r\n" OCTETS, &n), -1);
	assert_int_equal(prefix("Return-Path: <a@x.test>x\r\n" OCTETS, &n), -1);
	assert_int_equal(prefix("", &n), 0);
}

static void
test_prefix_is_bounded(void **state)
{
	struct buf b;
	struct err e;
	size_t n;

	(void)state;
	buf_init(&b, 1u << 20);
	while (b.n <= APPROVAL_PREFIX_MAX)
		buf_puts(&b, RECEIVED);
	assert_int_equal(approval_prefix(buf_view(&b), STR(""), 0, &n, &e), -1);
	assert_int_equal(e.code, E_LIMIT);
	buf_free(&b);
}

/* Cut anywhere, it is never more than what is there. */
static void
test_every_cut(void **state)
{
	static const char all[] = TOP SIGNED RECEIVED OCTETS;
	struct err e;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		if (approval_prefix(str_of(all, i), STR("a@x.test"), sizeof(TOP) - 1, &n, &e) == 0)
			assert_true(n <= i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_order_does_not_matter),
	    cmocka_unit_test(test_all_else_does),
	    cmocka_unit_test(test_too_large),
	    cmocka_unit_test(test_prefix),
	    cmocka_unit_test(test_prefix_is_bounded),
	    cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
