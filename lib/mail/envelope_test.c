/* envelope_test.c - the codec of envelopes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/envelope.h"

static struct str targets[] = {STR_INIT("bob@x.test"), STR_INIT("carol@y.test")};
static struct envelope_rcpt rcpts[] = {{STR_INIT("list@x.test"), STR_INIT("rfc822;list@x.test"),
					   NOTIFY_FAILURE | NOTIFY_DELAY, targets, 2, 1},
    {STR_INIT("bob@x.test"), STR_INIT(""), NOTIFY_NEVER, targets, 1, 1}};
static struct err err;

static struct envelope
sample(void)
{
	return (struct envelope){.mid = STR("01hx7h5k2mabcdefghjk"),
	    .arrived = 1700000000123456,
	    .release = 1700000060000000,
	    .sender = STR("a@x.test"),
	    .user = STR("alice@x.test"),
	    .actor = STR("submission"),
	    .peer = STR("192.0.2.1"),
	    .helo = STR("c.test"),
	    .envid = STR("QQ314159"),
	    .ret = RET_HDRS,
	    .flags = ENVELOPE_SMTPUTF8 | ENVELOPE_SUBMITTED,
	    .return_path = 26,
	    .rcpts = rcpts,
	    .nrcpts = 2};
}

static void
test_round_trip(void **state)
{
	struct envelope env = sample(), got;
	struct arena a;
	struct buf out;

	(void)state;
	arena_init(&a);
	buf_init(&out, ENVELOPE_MAX);
	assert_int_equal(envelope_encode(&env, &out, &err), 0);
	assert_int_equal(envelope_decode(buf_view(&out), &got, &a, &err), 0);
	assert_true(str_eq(got.mid, env.mid) && got.arrived == env.arrived &&
		    got.release == env.release && str_eq(got.sender, env.sender));
	assert_true(str_eq(got.user, env.user) && str_eq(got.actor, env.actor) &&
		    str_eq(got.peer, env.peer));
	assert_true(str_eq(got.helo, env.helo) && str_eq(got.envid, env.envid));
	assert_true(got.ret == env.ret && got.flags == env.flags && got.return_path == 26 &&
		    got.nrcpts == 2);
	assert_true(
	    str_eq(got.rcpts[0].orcpt, rcpts[0].orcpt) && got.rcpts[0].notify == rcpts[0].notify);
	assert_int_equal(got.rcpts[0].ntargets, 2);
	assert_int_equal(got.rcpts[0].nlocal, 1);
	assert_true(str_eq(got.rcpts[0].targets[1], targets[1]));
	assert_true(str_eq(got.rcpts[1].address, rcpts[1].address));
	buf_free(&out);
	arena_free(&a);
}

/* Cut anywhere, or with one octet more, it is refused. */
static void
test_every_cut(void **state)
{
	struct envelope env = sample(), got;
	struct arena a;
	struct buf out;

	(void)state;
	arena_init(&a);
	buf_init(&out, ENVELOPE_MAX);
	assert_int_equal(envelope_encode(&env, &out, &err), 0);
	for (size_t n = 0; n < out.n; n++)
		assert_int_equal(envelope_decode(str_of(out.p, n), &got, &a, &err), -1);
	buf_putc(&out, 0);
	assert_int_equal(envelope_decode(buf_view(&out), &got, &a, &err), -1);
	out.p[0] = ENVELOPE_VERSION + 1;
	assert_int_equal(envelope_decode(buf_view(&out), &got, &a, &err), -1);
	buf_free(&out);
	arena_free(&a);
}

/* One version back: nothing was approved. */
static void
test_version_before(void **state)
{
	struct envelope env = sample(), got;
	struct arena a;
	struct buf out;
	size_t at;

	(void)state;
	arena_init(&a);
	buf_init(&out, ENVELOPE_MAX);
	env.nrcpts = 0;
	assert_int_equal(envelope_encode(&env, &out, &err), 0);
	/* approval, which is empty, stands before the count of recipients at the end. */
	at = out.n - 4 - 4;
	memmove(out.p + at, out.p + at + 4, 4);
	out.n -= 4;
	out.p[0] = ENVELOPE_VERSION - 1;
	assert_int_equal(envelope_decode(buf_view(&out), &got, &a, &err), 0);
	assert_int_equal(got.approval.n, 0);
	assert_int_equal(got.release, env.release);
	assert_int_equal(got.return_path, 26);
	out.p[0] = ENVELOPE_VERSION - 2;
	assert_int_equal(envelope_decode(buf_view(&out), &got, &a, &err), -1);
	buf_free(&out);
	arena_free(&a);
}

static void
refused(const struct envelope *env, enum err_code code)
{
	struct buf out;

	buf_init(&out, ENVELOPE_MAX * 2);
	assert_int_equal(envelope_encode(env, &out, &err), -1);
	assert_int_equal(err.code, code);
	buf_free(&out);
}

static void
test_refused(void **state)
{
	struct envelope_rcpt bad = rcpts[0];
	struct envelope env;

	(void)state;
	env = sample();
	env.mid = STR("../etc/passwd");
	refused(&env, E_INVAL);
	env = sample();
	env.sender = STR("a@x\r\nBcc: b@y");
	refused(&env, E_INVAL);
	env = sample();
	env.release = -1;
	refused(&env, E_INVAL);
	env = sample();
	env.flags = 0x80000000u;
	refused(&env, E_INVAL);
	env = sample();
	env.rcpts = &bad;
	env.nrcpts = 1;
	bad.notify = NOTIFY_NEVER | NOTIFY_DELAY;
	refused(&env, E_INVAL);
	bad = rcpts[0];
	bad.address = STR("");
	refused(&env, E_INVAL);
	bad = rcpts[0];
	bad.targets = (struct str[]){STR("a\nb"), STR("c")};
	refused(&env, E_INVAL);
	bad = rcpts[0];
	bad.nlocal = bad.ntargets + 1;
	refused(&env, E_INVAL);
}

static void
test_too_large(void **state)
{
	static struct envelope_rcpt many[4000];
	struct envelope env = sample();

	(void)state;
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		many[i] = rcpts[1];
	env.rcpts = many;
	env.nrcpts = sizeof(many) / sizeof(many[0]);
	refused(&env, E_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_every_cut), cmocka_unit_test(test_version_before),
	    cmocka_unit_test(test_refused), cmocka_unit_test(test_too_large)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
