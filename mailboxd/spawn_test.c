/* spawn_test.c - how an owner ends, as the parent sees it: nothing goes there any more, what was on
 * its way comes back, it knows that it has seen all. The owner here is the other end of a channel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/socket.h>

#include "mailboxd/parent.h"

static struct ipc_chan *owner;
static struct user *alice;
static unsigned heard[MSG_COUNT];

static void
parent_hears(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)c;
	parent_owner_message(arg, m);
}

static void
owner_hears(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	heard[m->type]++;
	(void)ipc_end(m);
}

static int
setup(void **state)
{
	int pair[2];

	(void)state;
	memset(heard, 0, sizeof heard);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	alice = user_get(STR("alice@x.test"));
	alice->owner = ipc_new(pair[0], PEER_MAILBOXD, PEER_OWNER, parent_hears, NULL, alice);
	alice->state = OWNER_LIVE;
	owner = ipc_new(pair[1], PEER_OWNER, PEER_MAILBOXD, owner_hears, NULL, NULL);
	return 0;
}

static int
teardown(void **state)
{
	struct conn *c;

	(void)state;
	ipc_free(&owner);
	ipc_free(&alice->owner);
	while ((c = TAILQ_FIRST(&alice->conns)) != NULL)
		conn_free(&c);
	alice->state = OWNER_NONE;
	user_settle(alice);
	assert_null(user_find(STR("alice@x.test")));
	return 0;
}

static void
turn(void)
{
	for (int i = 0; i < 5; i++)
		loop_once(2);
	assert_true(ipc_is_open(owner));
}

static void
says(enum ipc_type type)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_send(owner, &m);
	turn();
}

static void
wants_to_leave(uint32_t delivered)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_OWN_LEAVE);
	ipc_put_u32(&m, delivered);
	ipc_send(owner, &m);
	turn();
}

static struct conn *
live(struct user *u, uint64_t id)
{
	struct conn *c = conn_new(u, PEER_IMAPD, id);

	conn_move(c, CONN_LIVE);
	return c;
}

/* Returns our end of what was given back. */
static int
gives_back(uint64_t id)
{
	struct ipc_out m;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	ipc_begin(&m, MSG_OWN_BACK);
	ipc_put_u32(&m, PEER_IMAPD);
	ipc_put_u64(&m, id);
	ipc_put_z(&m, "192.0.2.1");
	ipc_put_z(&m, "sid");
	ipc_put_z(&m, "a1");
	ipc_put_z(&m, "record");
	ipc_put_fd(&m, pair[1]);
	ipc_send(owner, &m);
	turn();
	return pair[0];
}

static bool
is_closed(int fd)
{
	char c;
	ssize_t n = read(fd, &c, 1);

	close(fd);
	return n == 0;
}

static void
what_was_on_its_way_waits_for_the_next(void **state)
{
	struct conn *c = live(alice, 7);

	(void)state;
	says(MSG_OWN_ENDING);
	assert_int_equal(alice->state, OWNER_LEAVING);
	assert_int_equal(heard[MSG_OWN_GO], 1);
	assert_false(is_closed(gives_back(7)));
	assert_int_equal(c->state, CONN_WAITING);
	assert_true(c->answered);
	assert_string_equal(c->tag, "a1");
	assert_true(str_eq_z(c->record, "record"));
	assert_true(user_waits(alice));
	/* It does not go back to the one that ends. */
	spawn_want(alice);
	turn();
	assert_int_equal(heard[MSG_OWN_CONN], 0);
}

static void
who_was_revoked_does_not_come_back(void **state)
{
	struct conn *c = live(alice, 7);

	(void)state;
	says(MSG_OWN_ENDING);
	c->kicked = true;
	assert_true(is_closed(gives_back(7)));
	assert_int_equal(c->state, CONN_LIVE); /* until its owner is reaped */
	assert_false(user_waits(alice));
}

static void
an_owner_gives_back_its_own_alone(void **state)
{
	struct user *bob = user_get(STR("bob@x.test"));
	struct conn *c = live(bob, 8), *parked = conn_new(alice, PEER_IMAPD, 9);

	(void)state;
	conn_move(parked, CONN_PARKED);
	assert_true(is_closed(gives_back(8)));
	assert_true(is_closed(gives_back(9)));
	assert_true(is_closed(gives_back(10)));
	assert_int_equal(c->state, CONN_LIVE);
	assert_int_equal(parked->state, CONN_PARKED);
	conn_free(&c);
	user_settle(bob);
}

static void
who_has_been_sent_something_stays(void **state)
{
	struct conn *c = live(alice, 7);

	(void)state;
	wants_to_leave(0);
	assert_int_equal(alice->state, OWNER_LIVE);
	alice->njobs++;
	conn_free(&c);
	wants_to_leave(0);
	assert_int_equal(alice->state, OWNER_LIVE);
	alice->njobs--;
	/* News of mail that it had not seen when it asked. */
	alice->ndelivered = 1;
	wants_to_leave(0);
	assert_int_equal(alice->state, OWNER_LIVE);
	wants_to_leave(1);
	assert_int_equal(alice->state, OWNER_LEAVING);
	assert_int_equal(heard[MSG_OWN_GO], 1);
}

static void
an_end_is_the_end(void **state)
{
	(void)state;
	alice->state = OWNER_STARTING;
	spawn_end(alice);
	spawn_end(alice);
	turn();
	assert_int_equal(heard[MSG_OWN_DRAIN], 1);
	/* What it says late changes nothing. */
	says(MSG_OWN_READY);
	wants_to_leave(0);
	says(MSG_OWN_ENDING);
	assert_int_equal(alice->state, OWNER_LEAVING);
	assert_int_equal(heard[MSG_OWN_GO], 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_was_on_its_way_waits_for_the_next),
	    TEST(who_was_revoked_does_not_come_back),
	    TEST(an_owner_gives_back_its_own_alone),
	    TEST(who_has_been_sent_something_stays),
	    TEST(an_end_is_the_end),
	};
	struct err e;

	if (sodium_init() < 0 || loop_init(&e) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
