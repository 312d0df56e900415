/* cut_test.c - the end of the journal for a backup: who copies is told when it went on meanwhile.
 */
#include "queue/fixture.h"

#include <sys/socket.h>

static struct ipc_chan *from_ctl[2], *ctl[2]; /* the queue's ends, gkmail's ends */

static struct {
	unsigned answers;
	enum err_code code;
	uint32_t segments;
} seen;

static void
on_cut(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	cut_message(&fixture, c, m);
}

static void
ignore(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg, (void)c, (void)m;
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	seen.answers++;
	seen.code = m == NULL ? e->code : E_OK;
	if (m == NULL)
		return;
	seen.segments = ipc_get_list(m);
	for (uint32_t i = 0; i < seen.segments; i++)
		(void)ipc_get_item(m);
	assert_int_equal(ipc_end(m), 0);
}

static int
open_all(void **state)
{
	struct err e;

	if (fixture_setup(state) != 0 || fixture_open("boot", false, &e) < 0)
		return -1;
	checkpoint_init(&fixture);
	loop_timer_stop(fixture.checkpoint.timer); /* nobody is there to take it */
	for (size_t i = 0; i < 2; i++) {
		int v[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, v), 0);
		from_ctl[i] = ipc_new(v[0], PEER_QUEUE, PEER_CTL, on_cut, NULL, NULL);
		ctl[i] = ipc_new(v[1], PEER_CTL, PEER_QUEUE, ignore, NULL, NULL);
	}
	return 0;
}

static int
close_all(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		ipc_free(&from_ctl[i]);
		ipc_free(&ctl[i]);
	}
	loop_defer_cancel(&fixture.checkpoint.sweep);
	loop_timer_free(&fixture.checkpoint.timer);
	fixture_kill();
	return fixture_teardown(state);
}

static enum err_code
ask(size_t who, uint32_t seconds)
{
	unsigned before = seen.answers;
	struct ipc_out m;

	ipc_begin(&m, MSG_SPOOL_CUT);
	ipc_put_u32(&m, seconds);
	ipc_call(ctl[who], &m, answered, NULL);
	for (int i = 0; i < 100 && seen.answers == before; i++)
		loop_once(1);
	assert_int_equal(seen.answers, before + 1);
	return seen.code;
}

static void
test_one_at_a_time(void **state)
{
	(void)state;
	assert_int_equal(ask(0, 3601), E_INVAL);
	assert_int_equal(ask(0, 3600), E_OK);
	assert_true(seen.segments >= 2);
	assert_true(cut_holds(&fixture));
	assert_int_equal(ask(1, 3600), E_TEMP);
	assert_int_equal(ask(1, 0), E_TEMP);
	assert_true(cut_holds(&fixture));
	assert_int_equal(ask(0, 0), E_OK);
	assert_false(cut_holds(&fixture));
	assert_int_equal(ask(1, 60), E_OK);
	cut_forget(&fixture, from_ctl[1]);
	assert_false(cut_holds(&fixture));
}

/* Segments and large messages may have gone since: what was copied is no one state. */
static void
test_too_long(void **state)
{
	(void)state;
	assert_int_equal(ask(0, 3600), E_OK);
	clock_advance(3600 * 1000);
	assert_false(cut_holds(&fixture));
	assert_int_equal(ask(0, 0), E_TEMP);
	/* Somebody else has begun meanwhile. */
	assert_int_equal(ask(1, 3600), E_OK);
	assert_int_equal(ask(0, 0), E_TEMP);
	assert_int_equal(ask(1, 0), E_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_one_at_a_time, open_all, close_all),
	    cmocka_unit_test_setup_teardown(test_too_long, open_all, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
