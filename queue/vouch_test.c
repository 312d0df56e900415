/* vouch_test.c - what gk-queue computes of an agent's message, against what its owner froze. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/approval.h"
#include "queue/vouch.h"

#define FROZEN "From: alice@x.test\r\nTo: bob@x.test\r\nDate: now\r\n\r\nText\r\n"
#define PATH   "Return-Path: <alice@x.test>\r\n"
#define TOP    "DKIM-Signature: v=1;\r\n b=x\r\nReceived: from mailbox\r\n\tby x.test; now\r\n"
#define SID    STR("0123456789abcdef")

static struct str targets[] = {STR_INIT("bob@x.test")};
static struct envelope_rcpt rcpts[2] = {
    {.address = STR_INIT("bob@x.test"), .targets = targets, .ntargets = 1, .nlocal = 1},
    {.address = STR_INIT("eve@x.test"), .targets = targets, .ntargets = 1, .nlocal = 1}};

static struct envelope
stored(void)
{
	return (struct envelope){.sender = STR("alice@x.test"),
	    .user = STR("alice@x.test"),
	    .return_path = sizeof(PATH) - 1,
	    .rcpts = rcpts,
	    .nrcpts = 1};
}

/* What the owner has shown to a human. */
static void
shown(unsigned char out[APPROVAL_DIGEST])
{
	struct envelope_rcpt plain = {.address = STR("bob@x.test")};
	struct approval a = {.user = STR("alice@x.test"),
	    .session = SID,
	    .sender = STR("alice@x.test"),
	    .rcpts = &plain,
	    .nrcpts = 1,
	    .size = sizeof(FROZEN) - 1};

	approval_octets(STR(FROZEN), a.octets);
	assert_int_equal(approval_digest(&a, out, NULL), 0);
}

static bool
is_shown(const struct envelope *env, struct str session, struct str all)
{
	const struct vouch_octets o = {.all = all};
	unsigned char a[APPROVAL_DIGEST], b[APPROVAL_DIGEST];
	struct err e;

	shown(a);
	return vouch_digest(env, session, &o, b, &e) == 0 && memcmp(a, b, sizeof(a)) == 0;
}

static void
test_the_same(void **state)
{
	struct envelope env = stored();

	(void)state;
	assert_true(is_shown(&env, SID, STR(PATH TOP FROZEN)));
	assert_true(is_shown(&env, SID, STR(PATH FROZEN)));
}

static void
test_anything_else(void **state)
{
	struct envelope env = stored();

	(void)state;
	assert_false(is_shown(&env, SID, STR(PATH TOP FROZEN "x")));
	assert_false(is_shown(&env, SID, STR(PATH TOP "Bcc: eve@x.test\r\n" FROZEN)));
	assert_false(is_shown(&env, SID, STR(PATH TOP "Reply-To: eve@x.test\r\n" FROZEN)));
	assert_false(is_shown(&env, SID, STR(PATH "X: y\r\n" TOP FROZEN)));
	assert_false(is_shown(&env, SID, STR("Return-Path: <eve@x.test>\r\n" TOP FROZEN)));
	assert_false(is_shown(&env, STR("fedcba9876543210"), STR(PATH TOP FROZEN)));
	env.nrcpts = 2;
	assert_false(is_shown(&env, SID, STR(PATH TOP FROZEN)));
	env = stored();
	env.sender = STR("eve@x.test");
	assert_false(is_shown(&env, SID, STR(PATH TOP FROZEN)));
	env = stored();
	env.user = STR("eve@x.test");
	assert_false(is_shown(&env, SID, STR(PATH TOP FROZEN)));
	env = stored();
	env.release = 1700000000000000;
	assert_false(is_shown(&env, SID, STR(PATH TOP FROZEN)));
	env = stored();
	env.rcpts[0].notify = NOTIFY_NEVER;
	assert_false(is_shown(&env, SID, STR(PATH TOP FROZEN)));
	env.rcpts[0].notify = 0;
}

static void
test_large(void **state)
{
	unsigned char octets[APPROVAL_DIGEST], a[APPROVAL_DIGEST], b[APPROVAL_DIGEST];
	struct envelope env = stored();
	struct vouch_octets o = {.prefix = STR(PATH TOP),
	    .digest = str_of(octets, sizeof(octets)),
	    .size = sizeof(FROZEN) - 1};
	struct err e;

	(void)state;
	shown(a);
	approval_octets(STR(FROZEN), octets);
	assert_int_equal(vouch_digest(&env, SID, &o, b, &e), 0);
	assert_memory_equal(a, b, sizeof(a));
	/* What is put on top is not in the file's digest: nothing else may be there. */
	o.prefix = STR(PATH TOP "Bcc: eve@x.test\r\n");
	assert_int_equal(vouch_digest(&env, SID, &o, b, &e), -1);
	assert_int_equal(e.code, E_INVAL);
	o.prefix = STR(PATH TOP);
	o.size++;
	assert_int_equal(vouch_digest(&env, SID, &o, b, &e), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	o.digest = STR("");
	assert_int_equal(vouch_digest(&env, SID, &o, b, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_same),
	    cmocka_unit_test(test_anything_else),
	    cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
