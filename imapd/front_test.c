/*
 * front_test.c - what a client hears when the suite ends while an owner has it, and what when
 * something is wrong: never nothing. Owner and mailboxd are the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "imapd/imapd.h"
#include "io/loop.h"

static bool draining, drained;
static struct conf *conf;
static struct ipc_chan *to_mailboxd, *mailboxd;
static struct front_conn *conn;
static int client, owner;

/* ---- in place of the skeleton ---- */

const struct conf *
svc_conf(void)
{
	return conf;
}

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	(void)peer;
	return to_mailboxd;
}

bool
svc_draining(void)
{
	return draining;
}

void
svc_drained(void)
{
	drained = true;
}

void
svc_accept_pause(bool pause)
{
	(void)pause;
}

int
svc_take_file(const char *name)
{
	(void)name;
	return -1; /* no certificate: no TLS */
}

/* ---- the scene ---- */

static void
turns(void)
{
	for (int i = 0; i < 6; i++)
		loop_once(0);
}

static void
on_notice(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	assert_int_equal(m->type, MSG_CONN_GONE);
	(void)ipc_get_u64(m);
	assert_int_equal(ipc_end(m), 0);
}

static void
on_asked(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	park_message(c, m);
}

static void
take(struct front_conn *c)
{
	conn = c;
}

/* A client whose login is done, and the other end of what its owner would have. */
static int
up(void **state)
{
	struct svc_conn sc = {.name = "imap", .peer_text = "local"};
	int pair[2], wire[2];

	(void)state;
	draining = drained = false;
	log_set_level(LOG_LEVEL_ERROR);
	conf = conf_parse(STR("[server]\nhost_name = 'mail.test'\n"), "test", NULL);
	if (conf == NULL || loop_init(NULL) < 0 || front_start(NULL) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, wire) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	to_mailboxd = ipc_new(wire[0], PEER_IMAPD, PEER_MAILBOXD, on_asked, NULL, NULL);
	mailboxd = ipc_new(wire[1], PEER_MAILBOXD, PEER_IMAPD, on_notice, NULL, NULL);
	client = pair[1];
	sc.fd = pair[0];
	front_accept(&sc);
	front_each(take);
	session_free(conn);
	owner = relay_pair(conn, NULL);
	relay_begin(conn);
	fcntl(owner, F_SETFL, O_NONBLOCK);
	turns();
	return 0;
}

static int
down(void **state)
{
	(void)state;
	close(client);
	turns();
	conn = NULL;
	front_each(take); /* it may have gone by itself */
	if (conn != NULL)
		front_free(conn, "test");
	ipc_free(&to_mailboxd);
	ipc_free(&mailboxd);
	conf_free(&conf);
	return 0;
}

static void
drain(void)
{
	draining = true;
	front_drain();
	turns();
}

static void
owner_says(const char *text)
{
	assert_int_equal(write(owner, text, strlen(text)), strlen(text));
	turns();
}

static void
owner_goes(void)
{
	close(owner);
	turns();
}

/* Behind the greeting, and that it is the end. */
static void
expect_last(const char *words)
{
	char got[2000], *text;
	ssize_t n = read(client, got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	text = strchr(got, '\n');
	assert_non_null(text);
	assert_string_equal(text + 1, words);
	assert_int_equal(read(client, got, sizeof(got)), 0);
}

static void
expect_more(void)
{
	char got[2000];

	assert_true(read(client, got, sizeof(got)) > 0);
	assert_int_equal(read(client, got, sizeof(got)), -1);
}

static void
on_accepted(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)e;
	assert_non_null(m);
	*(uint32_t *)arg = ipc_get_u32(m);
	assert_int_equal(ipc_end(m), 0);
}

/* The owner asks to leave its client here, in IDLE. */
static void
park(void)
{
	uint32_t accepted = 0;
	struct ipc_out m;

	ipc_begin(&m, MSG_PARK);
	ipc_put_u64(&m, conn->id);
	ipc_put_u64(&m, conn->forwarded);
	ipc_put_z(&m, "token");
	ipc_put_z(&m, "record");
	ipc_call(mailboxd, &m, on_accepted, &accepted);
	turns();
	assert_int_equal(accepted, 1);
	assert_int_equal(conn->state, FRONT_LEAVING);
}

/* ---- tests ---- */

static void
an_owner_that_goes_at_a_drain_is_no_trouble(void **state)
{
	char c;

	(void)state;
	drain();
	/* It is told that nothing more comes, and may go without a word. */
	assert_int_equal(read(owner, &c, 1), 0);
	owner_goes();
	expect_last("* BYE Server shutting down\r\n");
}

static void
the_owners_own_words_are_the_last(void **state)
{
	(void)state;
	drain();
	owner_says("* BYE at once\r\n");
	owner_goes();
	expect_last("* BYE at once\r\n");
}

static void
else_it_is_trouble(void **state)
{
	(void)state;
	owner_goes();
	expect_last("* BYE [UNAVAILABLE] Internal trouble, please reconnect\r\n");
}

/* The owner was on its way out: nobody else would say it. */
static void
who_is_being_parked_is_told(void **state)
{
	(void)state;
	park();
	drain();
	assert_int_equal(conn->state, FRONT_LEAVING);
	owner_goes();
	expect_last("* BYE Server shutting down\r\n");
}

static void
who_is_parked_is_told(void **state)
{
	(void)state;
	park();
	owner_goes();
	assert_int_equal(conn->state, FRONT_PARKED);
	drain();
	expect_last("* BYE Server shutting down\r\n");
}

static void
an_owner_that_does_not_end_is_not_waited_for(void **state)
{
	(void)state;
	drain();
	expect_more();
	front_overdue();
	turns();
	assert_int_equal(conn->state, FRONT_CLOSING);
	assert_int_equal(write(client, "x", 1), 1);
	close(owner);
}

static void
nothing_is_said_into_a_literal(void **state)
{
	char got[100];
	ssize_t n;

	(void)state;
	drain();
	expect_more();
	owner_says("* 1 FETCH (BODY[] {100}\r\nhalf a line");
	front_overdue();
	turns();
	n = read(client, got, sizeof(got));
	assert_true(n > 11 && memcmp(got + n - 11, "half a line", 11) == 0);
	assert_int_equal(conn->state, FRONT_RELAY);
	close(owner);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	    T(an_owner_that_goes_at_a_drain_is_no_trouble),
	    T(the_owners_own_words_are_the_last),
	    T(else_it_is_trouble),
	    T(who_is_being_parked_is_told),
	    T(who_is_parked_is_told),
	    T(an_owner_that_does_not_end_is_not_waited_for),
	    T(nothing_is_said_into_a_literal),
	};

	return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
