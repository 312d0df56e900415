/* park_test.c - tokens of parked connections: what comes back is what was given, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/clock.h"
#include "mailboxd/parent.h"

#define TOKEN  STR("0123456789abcdef0123456789abcdef")
#define RECORD STR("mailbox 1, modseq 7")

static struct conn *
park(uint64_t id)
{
	struct conn *c = conn_new(user_get(STR("alice@x.test")), PEER_IMAPD, id);

	conn_move(c, CONN_PARKED);
	park_hash(c->hash, TOKEN, RECORD, STR("alice@x.test"));
	return c;
}

static void
what_was_given_comes_back(void **state)
{
	struct conn *c = park(1);
	struct user *u = c->user;

	(void)state;
	assert_ptr_equal(park_take(1, TOKEN, RECORD, 0), c);
	/* Once. */
	assert_null(park_take(1, TOKEN, RECORD, 0));
	conn_free(&c);
	user_settle(u);
	assert_null(user_find(STR("alice@x.test")));
}

static void
anything_else_is_refused(void **state)
{
	struct conn *c = park(1), *other = park(2);
	struct user *u = c->user;

	(void)state;
	assert_null(park_take(3, TOKEN, RECORD, 0));
	assert_null(park_take(1, STR("0123456789abcdef0123456789abcdeF"), RECORD, 0));
	assert_null(park_take(1, STR(""), RECORD, 0));
	assert_null(park_take(1, TOKEN, STR("mailbox 1, modseq 8"), 0));
	assert_null(park_take(1, TOKEN, STR(""), 0));
	/* Octets cannot move from one field to the next. */
	assert_null(
	    park_take(1, STR("0123456789abcdef0123456789abcdefm"), STR("ailbox 1, modseq 7"), 0));
	/* A live connection has no token. */
	conn_move(other, CONN_LIVE);
	assert_null(park_take(2, TOKEN, RECORD, 0));
	assert_ptr_equal(park_take(1, TOKEN, RECORD, 0), c);
	conn_free(&c);
	conn_free(&other);
	user_settle(u);
}

/* Of mail that came the front may have heard less than was said, never more. */
static void
mail_that_comes_is_counted(void **state)
{
	struct conn *c = park(1), *elsewhere = park(2);
	struct user *u = c->user;

	(void)state;
	c->exists = c->told = 7;
	elsewhere->exists = elsewhere->told = NO_COUNT;
	u->told_at = clock_ms(); /* the next word waits a little */
	park_delivered(u, 0);
	assert_null(u->news);
	park_delivered(u, 2);
	park_delivered(u, 1);
	assert_true(loop_timer_pending(u->news));
	assert_int_equal(c->exists, 10);
	assert_int_equal(c->told, 7);
	assert_int_equal(elsewhere->exists, NO_COUNT);
	assert_null(park_take(1, TOKEN, RECORD, 8));
	assert_ptr_equal(park_take(1, TOKEN, RECORD, 7), c);
	conn_free(&c);
	conn_free(&elsewhere);
	user_settle(u);
}

static void
the_user_is_part_of_the_hash(void **state)
{
	unsigned char a[PARK_HASH_LEN], b[PARK_HASH_LEN];

	(void)state;
	park_hash(a, TOKEN, RECORD, STR("alice@x.test"));
	park_hash(b, TOKEN, RECORD, STR("bob@x.test"));
	assert_memory_not_equal(a, b, PARK_HASH_LEN);
}

static void
connections_are_counted_by_state(void **state)
{
	struct user *u = user_get(STR("bob@x.test"));
	struct conn *c = conn_new(u, PEER_IMAPD, 9);

	(void)state;
	assert_int_equal(u->nwaiting, 1);
	conn_move(c, CONN_LIVE);
	assert_int_equal(u->nwaiting, 0);
	assert_int_equal(u->nlive, 1);
	conn_move(c, CONN_PARKED);
	assert_int_equal(u->nparked, 1);
	user_settle(u); /* somebody is there yet */
	assert_ptr_equal(user_find(STR("bob@x.test")), u);
	assert_ptr_equal(conn_find(PEER_IMAPD, 9), c);
	conn_free(&c);
	assert_null(conn_find(PEER_IMAPD, 9));
	assert_int_equal(u->nparked, 0);
	user_settle(u);
	assert_null(user_find(STR("bob@x.test")));
}

static void
agents_keep_nobody_out(void **state)
{
	struct user *u = user_get(STR("bob@x.test"));
	struct conn *c[6];

	(void)state;
	for (uint64_t i = 0; i < 4; i++) {
		assert_false(user_is_full(u, PEER_MCPD, 6));
		c[i] = conn_new(u, PEER_MCPD, i);
	}
	conn_move(c[0], CONN_PARKED);
	assert_true(user_is_full(u, PEER_MCPD, 6));
	for (uint64_t i = 4; i < 6; i++) {
		assert_false(user_is_full(u, PEER_IMAPD, 6));
		c[i] = conn_new(u, PEER_IMAPD, i);
	}
	assert_true(user_is_full(u, PEER_IMAPD, 6));
	for (size_t i = 0; i < 6; i++)
		conn_free(&c[i]);
	assert_false(user_is_full(u, PEER_MCPD, 1)); /* one at least */
	user_settle(u);
}

/* Each front counts its own, and each ends alone. */
static void
fronts_count_for_themselves(void **state)
{
	struct user *u = user_get(STR("bob@x.test"));
	struct conn *imap = conn_new(u, PEER_IMAPD, 9), *web = conn_new(u, PEER_WEBD, 9);

	(void)state;
	assert_ptr_equal(conn_find(PEER_IMAPD, 9), imap);
	assert_ptr_equal(conn_find(PEER_WEBD, 9), web);
	conn_move(web, CONN_PARKED);
	web->watch = true;
	/* What is woken only has no token. */
	assert_null(park_take(9, STR_NONE, STR_NONE, 0));
	/* New mail wakes it, and it alone. */
	u->woke_at = u->told_at = clock_ms();
	park_junk(u);
	assert_null(u->wake);
	park_delivered(u, 1);
	assert_true(loop_timer_pending(u->wake));
	assert_false(u->wake_all);
	park_changed(u);
	assert_true(u->wake_all);
	conn_free(&imap);
	assert_ptr_equal(conn_find(PEER_WEBD, 9), web);
	assert_int_equal(u->nparked, 1);
	conn_free(&web);
	user_settle(u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_given_comes_back),
	    cmocka_unit_test(anything_else_is_refused),
	    cmocka_unit_test(mail_that_comes_is_counted),
	    cmocka_unit_test(the_user_is_part_of_the_hash),
	    cmocka_unit_test(connections_are_counted_by_state),
	    cmocka_unit_test(agents_keep_nobody_out),
	    cmocka_unit_test(fronts_count_for_themselves),
	};

	if (sodium_init() < 0 || loop_init(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
