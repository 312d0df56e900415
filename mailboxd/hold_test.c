/* hold_test.c - the queue's word on homes that wait for a replay, as the parent keeps it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <sys/socket.h>

#include "mailboxd/hold.h"
#include "mailboxd/parent.h"

#define ALICE STR("alice@x.test")
#define BOB   STR("bob@x.test")

static struct ipc_chan *queue, *parent;

static void
on_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	hold_message(m);
}

/* A queue starts, and its channel is attached. */
static void
queue_comes(void)
{
	int pair[2];

	if (queue != NULL) {
		ipc_free(&queue);
		ipc_free(&parent);
	}
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	queue = ipc_new(pair[0], PEER_QUEUE, PEER_MAILBOXD, on_message, NULL, NULL);
	parent = ipc_new(pair[1], PEER_MAILBOXD, PEER_QUEUE, on_message, NULL, NULL);
	hold_begin();
}

static void
say(enum ipc_type type, struct str user)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	if (type != MSG_REPLAY_READY)
		ipc_put_list(&m, &user, 1);
	ipc_send(queue, &m);
	for (int i = 0; i < 5; i++)
		loop_once(5);
	assert_true(ipc_is_open(parent));
}

static void
nobody_is_known_to_be_whole_at_first(void **state)
{
	(void)state;
	assert_true(hold_has(ALICE));
	queue_comes();
	assert_true(hold_has(ALICE));
	say(MSG_REPLAY_HOLD, ALICE);
	assert_true(hold_has(BOB));
	say(MSG_REPLAY_READY, STR_NONE);
	assert_true(hold_has(ALICE));
	assert_false(hold_has(BOB));
}

static void
done_lets_go_of_one(void **state)
{
	(void)state;
	say(MSG_REPLAY_HOLD, BOB);
	say(MSG_REPLAY_HOLD, BOB);
	say(MSG_REPLAY_DONE, ALICE);
	assert_false(hold_has(ALICE));
	assert_true(hold_has(BOB));
	say(MSG_REPLAY_DONE, ALICE); /* of whom we do not know */
	say(MSG_REPLAY_DONE, BOB);
	assert_false(hold_has(BOB));
}

/* A new queue tells everything anew; until then the old one's word holds. */
static void
a_new_queue_begins_anew(void **state)
{
	(void)state;
	say(MSG_REPLAY_HOLD, ALICE);
	queue_comes();
	assert_true(hold_has(ALICE));
	assert_false(hold_has(BOB));
	say(MSG_REPLAY_HOLD, BOB);
	assert_false(hold_has(ALICE));
	assert_true(hold_has(BOB));
	say(MSG_REPLAY_READY, STR_NONE);
	queue_comes();
	assert_true(hold_has(BOB));
	say(MSG_REPLAY_READY, STR_NONE);
	assert_false(hold_has(BOB));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_is_known_to_be_whole_at_first),
	    cmocka_unit_test(done_lets_go_of_one),
	    cmocka_unit_test(a_new_queue_begins_anew),
	};

	if (sodium_init() < 0 || loop_init(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
