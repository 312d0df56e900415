/*
 * due_test.c - users whose owner has to be there at a time: what is written down of it, and who is
 * asked when it comes. authd is the other end of a channel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mailboxd/due.h"
#include "svc/svc.h"

#define NAME          STR("alice@x.test")
#define FILE_OF_ALICE ".due/alice@x.test"

/* ---- in place of the skeleton ---- */

static struct ipc_chan *to_authd, *authd;
static struct ipc_chan *to_owner, *owner;

const struct conf *
svc_conf(void)
{
	return NULL;
}

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	return peer == PEER_AUTHD ? to_authd : NULL;
}

bool
svc_draining(void)
{
	return false;
}

void
svc_drained(void)
{
}

/* ---- the others ---- */

static unsigned asked;
static enum err_code answer; /* E_OK: there is such a user */

static void
authd_hears(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;
	struct err e;

	(void)arg;
	assert_int_equal(m->type, MSG_USER_CHECK);
	assert_true(str_eq(ipc_get_str(m), NAME));
	assert_int_equal(ipc_end(m), 0);
	asked++;
	if (answer != E_OK) {
		err_set(&e, answer, "no");
		ipc_reply_error(c, m->id, &e);
		return;
	}
	ipc_begin(&out, MSG_USER_CHECK_R);
	ipc_put_str(&out, NAME);
	ipc_put_u64(&out, 1000);
	ipc_reply(c, m->id, &out);
}

static void
ignore(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg, (void)c, (void)m;
}

static void
parent_hears(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg, (void)c;
	due_message(user_get(NAME), m);
}

static void
pair(struct ipc_chan **one, enum ipc_peer self, ipc_message_fn f, struct ipc_chan **other,
    enum ipc_peer peer, ipc_message_fn g)
{
	int v[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, v), 0);
	*one = ipc_new(v[0], self, peer, f, NULL, NULL);
	*other = ipc_new(v[1], peer, self, g, NULL, NULL);
}

static char folder[64];

static int
setup(void **state)
{
	(void)state;
	asked = 0;
	answer = E_OK;
	snprintf(folder, sizeof(folder), "/tmp/gk-due-test.XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	pair(&to_authd, PEER_MAILBOXD, ignore, &authd, PEER_AUTHD, authd_hears);
	pair(&to_owner, PEER_MAILBOXD, parent_hears, &owner, PEER_OWNER, ignore);
	return 0;
}

static int
teardown(void **state)
{
	static const char *const left[] = {
	    FILE_OF_ALICE, ".due/no-address", ".due/.hidden", "elsewhere"};
	struct user *u = user_find(NAME);

	(void)state;
	if (u != NULL) {
		u->state = OWNER_NONE;
		u->mail = false;
		due_forget(NAME);
	}
	assert_null(user_find(NAME));
	ipc_free(&to_authd);
	ipc_free(&authd);
	ipc_free(&to_owner);
	ipc_free(&owner);
	for (size_t i = 0; i < ARRAY_LEN(left); i++)
		(void)unlink(left[i]);
	(void)rmdir(".due");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static void
turns(void)
{
	for (int i = 0; i < 8; i++)
		loop_once(1);
}

static struct user *
due(int64_t at)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_OWN_DUE);
	ipc_put_u64(&m, (uint64_t)at);
	ipc_send(owner, &m);
	turns();
	return user_find(NAME);
}

static void
pass(uint64_t ms)
{
	clock_advance(ms);
	turns();
}

/* As a new parent does. */
static struct user *
start_again(void)
{
	struct user *u = user_find(NAME);

	if (u != NULL) {
		u->due_at = 0;
		user_settle(u);
	}
	due_start();
	return user_find(NAME);
}

static void
put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* ---- tests ---- */

static void
what_was_said_holds(void **state)
{
	int64_t at = clock_wall() + 86400;
	struct user *u = due(at);

	(void)state;
	assert_int_equal(u->due_at, at);
	assert_int_equal(start_again()->due_at, at);
	(void)due(at - 3600); /* written over: of the same length */
	assert_int_equal(start_again()->due_at, at - 3600);
	u = due(0);
	assert_int_equal(u->due_at, 0);
	assert_int_equal(access(FILE_OF_ALICE, F_OK), -1);
	assert_null(start_again());
}

static void
what_cannot_be_read_is_due(void **state)
{
	static const char *const texts[] = {"", "rubbish", "-5", "99999999999999999999", "0"};

	(void)state;
	assert_int_equal(mkdir(".due", 0700), 0);
	put(".due/no-address", "00000000000000000005");
	put(".due/.hidden", "00000000000000000005");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		put(FILE_OF_ALICE, texts[i]);
		assert_int_equal(start_again()->due_at, 1);
	}
	assert_null(user_find(STR("no-address")));
	assert_null(user_find(STR(".hidden")));
	/* No link leads out. */
	assert_int_equal(unlink(FILE_OF_ALICE), 0);
	put("elsewhere", "00000000000000000005");
	assert_int_equal(symlink("../elsewhere", FILE_OF_ALICE), 0);
	assert_int_equal(start_again()->due_at, 1);
}

static void
asked_for_when_it_is_time(void **state)
{
	/* Further away than the longest wait, in which the clock may be set. */
	struct user *u = due(clock_wall() + 5000);

	(void)state;
	u->state = OWNER_LEAVING;
	pass(3600 * 1000);
	assert_int_equal(asked, 0);
	pass(1397 * 1000); /* seconds of the wall may end in between */
	assert_int_equal(asked, 0);
	pass(4000);
	assert_int_equal(asked, 1);
	/* The next one begins when this one has ended. */
	assert_true(u->mail);
}

static void
who_is_there_knows_by_itself(void **state)
{
	struct user *u = due(1);

	(void)state;
	u->state = OWNER_LIVE;
	pass(2000);
	assert_int_equal(asked, 1);
	assert_false(u->mail);
	pass(3600 * 1000);
	assert_int_equal(asked, 1);
	/* Until it has ended without having done it. */
	due_ended(u);
	pass(1000);
	assert_int_equal(asked, 1);
	pass(1000);
	assert_int_equal(asked, 2);
}

static void
who_is_gone_is_forgotten(void **state)
{
	(void)state;
	(void)due(1);
	answer = E_NOTFOUND;
	pass(2000);
	assert_int_equal(asked, 1);
	assert_null(user_find(NAME));
	assert_int_equal(access(FILE_OF_ALICE, F_OK), -1);
	/* Of whom nothing is known but the file. */
	put(FILE_OF_ALICE, "5");
	due_forget(NAME);
	assert_int_equal(access(FILE_OF_ALICE, F_OK), -1);
}

static void
authd_is_asked_again(void **state)
{
	(void)state;
	(void)due(1);
	answer = E_TEMP;
	pass(2000);
	assert_int_equal(asked, 1);
	pass(59000);
	assert_int_equal(asked, 1);
	pass(1000);
	assert_int_equal(asked, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_was_said_holds, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_cannot_be_read_is_due, setup, teardown),
	    cmocka_unit_test_setup_teardown(asked_for_when_it_is_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_is_there_knows_by_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_is_gone_is_forgotten, setup, teardown),
	    cmocka_unit_test_setup_teardown(authd_is_asked_again, setup, teardown),
	};

	if (sodium_init() < 0 || loop_init(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
