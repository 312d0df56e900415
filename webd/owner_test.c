/*
 * owner_test.c - pipes to owners that are too many: who waits, who is refused, and that whoever is
 * told may free the pipe first. authd never answers here, so that none is ever opened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "io/loop.h"
#include "svc/svc.h"
#include "webd/owner.h"

#define UPLOADS 4u /* of a user at a time */

static struct ipc_chan *authd, *to_authd;
static unsigned tickets; /* that were asked for */

/* ---- in place of svc.c ---- */

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	(void)peer;
	return to_authd;
}

const struct conf *
svc_conf(void)
{
	return NULL;
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

void
svc_accept_pause(bool pause)
{
	(void)pause;
}

int
svc_file(const char *name)
{
	(void)name;
	return -1;
}

int
svc_take_file(const char *name)
{
	(void)name;
	return -1;
}

/* ---- authd, and who asks ---- */

struct asked {
	struct owner *owner;
	enum err_code why; /* E_OK: not told of its end */
};

static void
serve(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	tickets += m->type == MSG_SESSION_TICKET;
	(void)ipc_get_str(m);
	(void)ipc_get_u64(m);
	(void)ipc_end(m);
}

static void
on_nothing(void *arg)
{
	(void)arg;
	fail();
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	(void)arg;
	(void)kind;
	(void)octets;
	fail();
}

/* Frees it first, as jmap.c and live.c do. */
static void
on_closed(void *arg, const struct err *e)
{
	struct asked *a = arg;

	owner_free(&a->owner);
	a->why = e->code;
}

static const struct owner_events events = {
    .open = on_nothing, .frame = on_frame, .drained = on_nothing, .closed = on_closed};

static void
ask(struct asked *a, const char *user, enum owner_class class)
{
	const struct webauth who = {.user = str_z(user),
	    .id = STR_INIT("s1"),
	    .token = STR_INIT("0123456789abcdef0123456789abcdef")};

	a->why = E_OK;
	a->owner = owner_open(&who, "192.0.2.1", class, &events, a);
}

static void
turns(void)
{
	for (int i = 0; i < 5; i++)
		loop_once(2);
}

static int
up(void **state)
{
	int fd[2];

	(void)state;
	tickets = 0;
	if (loop_init(NULL) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return -1;
	authd = ipc_new(fd[0], PEER_AUTHD, PEER_WEBD, serve, NULL, NULL);
	to_authd = ipc_new(fd[1], PEER_WEBD, PEER_AUTHD, serve, NULL, NULL);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	ipc_free(&to_authd);
	ipc_free(&authd);
	return 0;
}

/* ---- tests ---- */

static void
one_too_many_is_refused(void **state)
{
	struct asked a[UPLOADS + 1], other;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		ask(&a[i], "alice@x.test", OWNER_UPLOAD);
	ask(&other, "bob@x.test", OWNER_UPLOAD);
	turns();
	assert_int_equal(a[UPLOADS].why, E_LIMIT);
	assert_null(a[UPLOADS].owner);
	assert_int_equal(tickets, UPLOADS + 1);
	/* There is room again when one ends. */
	owner_free(&a[0].owner);
	ask(&a[0], "alice@x.test", OWNER_UPLOAD);
	turns();
	assert_int_equal(a[0].why, E_OK);
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		owner_free(&a[i].owner);
	owner_free(&other.owner);
}

/* One that is refused may be freed before it hears of it. */
static void
freed_before_it_is_told(void **state)
{
	struct asked a[UPLOADS + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		ask(&a[i], "alice@x.test", OWNER_UPLOAD);
	for (size_t i = ARRAY_LEN(a); i-- > 0;)
		owner_free(&a[i].owner);
	turns();
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		assert_int_equal(a[i].why, E_OK);
}

static void
who_waits_comes_next(void **state)
{
	struct asked a[20];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		ask(&a[i], "alice@x.test", OWNER_CALL);
	turns();
	assert_int_equal(tickets, 8);
	owner_free(&a[3].owner);
	owner_free(&a[10].owner); /* itself in line */
	turns();
	assert_int_equal(tickets, 9);
	/* The session's end is everybody's. */
	owner_session_gone(STR("alice@x.test"), STR("s1"));
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		assert_int_equal(a[i].why, i == 3 || i == 10 ? E_OK : E_DENIED);
	turns();
}

static void
sockets_are_counted(void **state)
{
	unsigned n = 0;

	(void)state;
	while (owner_socket_enter(STR("alice@x.test")) && n < 1000)
		n++;
	assert_int_equal(n, 20);
	assert_true(owner_socket_enter(STR("bob@x.test")));
	owner_socket_leave(STR("bob@x.test"));
	while (n-- > 0)
		owner_socket_leave(STR("alice@x.test"));
	assert_true(owner_socket_enter(STR("alice@x.test")));
	owner_socket_leave(STR("alice@x.test"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(one_too_many_is_refused),
	    TEST(freed_before_it_is_told),
	    TEST(who_waits_comes_next),
	    TEST(sockets_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
