/*
 * The fronts' half of SASL against an authd played by the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "io/loop.h"
#include "svc/login.h"

static struct ipc_chan *front, *back;
static struct stream *stream;
static struct conf *conf;
static struct login_where where;
static struct login *l;
static struct arena a;
static int other_end;

/* What authd was told, and what it answers next. */
static struct {
	uint64_t call;
	enum ipc_type type;
	struct str mech, data, peer, service;
	uint32_t has_initial;
	uint64_t session, conn;
} told;
static unsigned aborts;

/* What the front was told. */
static struct {
	unsigned calls;
	char what;
	struct str text, ticket;
	enum login_failure why;
} heard;

static void
authd_hears(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	told.call = m->id;
	told.type = m->type;
	if (m->type == MSG_AUTH_ABORT) {
		told.session = ipc_get_u64(m);
		aborts++;
	} else if (m->type == MSG_AUTH_STEP) {
		told.session = ipc_get_u64(m);
		told.data = arena_dup(&a, ipc_get_str(m));
	} else {
		told.service = arena_dup(&a, ipc_get_str(m));
		told.mech = arena_dup(&a, ipc_get_str(m));
		told.has_initial = ipc_get_u32(m);
		told.data = arena_dup(&a, ipc_get_str(m));
		told.peer = arena_dup(&a, ipc_get_str(m));
		assert_int_equal(ipc_get_u32(m), 0);
		assert_int_equal(ipc_get_str(m).n, 0);
		assert_int_equal(ipc_get_str(m).n, 0);
		told.conn = ipc_get_u64(m);
		assert_true(str_eq_z(ipc_get_str(m), "sid"));
	}
	assert_int_equal(ipc_end(m), 0);
}

static void
turn(void)
{
	for (int i = 0; i < 5; i++)
		loop_once(0);
}

static void
answer(enum auth_state state, const char *data, uint64_t session)
{
	struct ipc_out m;

	ipc_begin(&m, told.type == MSG_AUTH_START ? MSG_AUTH_START_R : MSG_AUTH_STEP_R);
	ipc_put_u32(&m, state);
	ipc_put_u64(&m, session);
	ipc_put_z(&m, data);
	ipc_put_z(&m, state == AUTH_OK ? "alice@x.test" : "");
	ipc_put_z(&m, state == AUTH_OK ? "ticket" : "");
	ipc_put_z(&m, "");
	ipc_reply(back, told.call, &m);
	turn();
}

static void
on_challenge(void *arg, struct str text)
{
	(void)arg;
	heard.calls++;
	heard.what = 'c';
	heard.text = arena_dup(&a, text);
}

static void
on_ok(void *arg, struct str user, struct str ticket)
{
	(void)arg;
	heard.calls++;
	heard.what = 'o';
	heard.text = arena_dup(&a, user);
	heard.ticket = arena_dup(&a, ticket);
}

static void
on_failed(void *arg, enum login_failure why)
{
	(void)arg;
	heard.calls++;
	heard.what = 'f';
	heard.why = why;
	/* Allowed from inside. */
	login_free(&l);
}

static const struct login_events events = {on_challenge, on_ok, on_failed};
static const struct stream_limits limits = {4096, 4096, 0};

static void
nothing(void *arg)
{
	(void)arg;
}

static void
closed(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
}

static const struct stream_events quiet = {.input = nothing, .closed = closed};

static int
up(void **state)
{
	static bool begun;
	int fd[2];

	(void)state;
	if (!begun && loop_init(NULL) < 0)
		return -1;
	begun = true;
	arena_init(&a);
	memset(&told, 0, sizeof(told));
	memset(&heard, 0, sizeof(heard));
	aborts = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd) < 0)
		return -1;
	front = ipc_new(fd[0], PEER_SMTPD, PEER_AUTHD, NULL, NULL, NULL);
	back = ipc_new(fd[1], PEER_AUTHD, PEER_SMTPD, authd_hears, NULL, NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		return -1;
	other_end = fd[1];
	stream = stream_new(fd[0], &limits, &quiet, NULL);
	conf = conf_parse(STR("[server]\nhost_name = \"x.test\"\n"), "test", NULL);
	where = (struct login_where){front, conf, "smtp", stream, 7, STR("sid"), true};
	return conf ? 0 : -1;
}

static int
down(void **state)
{
	(void)state;
	login_free(&l);
	ipc_free(&front);
	ipc_free(&back);
	stream_free(&stream);
	close(other_end);
	conf_free(&conf);
	arena_free(&a);
	return 0;
}

static void
begin(const char *mech, const char *initial)
{
	l = login_start(&where, str_z(mech), initial != NULL, str_z(initial), &events, NULL);
	assert_non_null(l);
	assert_int_equal(heard.calls, 0);
	turn();
}

static void
with_an_initial_response(void **state)
{
	(void)state;
	begin("PLAIN", "AGFsaWNlAHNlY3JldA==");
	assert_true(str_eq_z(told.mech, "PLAIN"));
	assert_true(str_eq_z(told.service, "smtp"));
	assert_true(str_eq(told.data, STR("\0alice\0secret")));
	assert_int_equal(told.has_initial, 1);
	assert_int_equal(told.conn, 7);
	assert_false(login_wants_line(l));
	answer(AUTH_OK, "", 0);
	assert_int_equal(heard.what, 'o');
	assert_true(str_eq_z(heard.text, "alice@x.test"));
	assert_true(str_eq_z(heard.ticket, "ticket"));
	assert_false(login_wants_line(l));
}

static void
with_challenges(void **state)
{
	(void)state;
	begin("login", NULL);
	assert_int_equal(told.has_initial, 0);
	answer(AUTH_CONTINUE, "Username:", 9);
	assert_true(str_eq_z(heard.text, "VXNlcm5hbWU6"));
	assert_true(login_wants_line(l));
	login_line(l, STR("YWxpY2U="));
	assert_false(login_wants_line(l));
	turn();
	assert_int_equal(told.session, 9);
	assert_true(str_eq_z(told.data, "alice"));
	answer(AUTH_CONTINUE, "", 9);
	assert_int_equal(heard.text.n, 0);
	login_line(l, STR(""));
	turn();
	assert_int_equal(told.data.n, 0);
	answer(AUTH_FAIL, "", 0);
	assert_int_equal(heard.why, LOGIN_FAILED);
	assert_int_equal(heard.calls, 3);
	assert_null(l);
}

static void
an_empty_initial_response(void **state)
{
	(void)state;
	begin("PLAIN", "=");
	assert_int_equal(told.has_initial, 1);
	assert_int_equal(told.data.n, 0);
	answer(AUTH_BAD, "", 0);
	assert_int_equal(heard.why, LOGIN_BAD);
}

static void
what_is_no_base64_never_reaches_authd(void **state)
{
	static const char *const bad[] = {
	    "!", "YWxp=", "YWxpY2U", "YWxpY2U=\r", "YWxp YWxp", "YWxpY2U==", "=A=="};
	static char long_one[LOGIN_LINE_MAX + 5];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		heard.calls = 0;
		begin("PLAIN", bad[i]);
		assert_int_equal(heard.calls, 1);
		assert_int_equal(heard.why, LOGIN_BAD);
	}
	memset(long_one, 'A', LOGIN_LINE_MAX + 4);
	heard.calls = 0;
	begin("PLAIN", long_one);
	assert_int_equal(heard.why, LOGIN_BAD);
	assert_int_equal(told.call, 0);
	heard.calls = 0;
	long_one[LOGIN_LINE_MAX] = '\0';
	begin("PLAIN", long_one);
	assert_int_equal(told.data.n, LOGIN_LINE_MAX / 4 * 3);
}

static void
a_star_aborts(void **state)
{
	(void)state;
	begin("PLAIN", NULL);
	answer(AUTH_CONTINUE, "", 9);
	login_line(l, STR("*"));
	assert_int_equal(heard.calls, 1);
	turn();
	assert_int_equal(heard.why, LOGIN_ABORTED);
	assert_int_equal(aborts, 1);
	assert_int_equal(told.session, 9);
}

static void
leaving_in_the_middle(void **state)
{
	(void)state;
	begin("PLAIN", NULL);
	answer(AUTH_CONTINUE, "", 9);
	login_free(&l);
	turn();
	assert_int_equal(aborts, 1);
	/* While authd is asked: its answer ends the exchange, and nobody is called. */
	heard.calls = 0;
	begin("PLAIN", NULL);
	login_free(&l);
	answer(AUTH_CONTINUE, "", 11);
	assert_int_equal(heard.calls, 0);
	assert_int_equal(aborts, 2);
	assert_int_equal(told.session, 11);
	begin("PLAIN", "!");
	login_free(&l);
	turn();
}

static void
without_tls_nothing_is_offered_or_taken(void **state)
{
	struct buf offer;

	(void)state;
	buf_init(&offer, 256);
	login_offer(&where, "AUTH=", &offer);
	assert_true(str_eq_z(buf_view(&offer), "AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN"));
	assert_true(login_password_offered(&where));
	begin("SCRAM-SHA-256-PLUS", NULL);
	assert_int_equal(heard.why, LOGIN_NO_MECH);
	where.without_tls = false;
	buf_reset(&offer);
	login_offer(&where, "", &offer);
	assert_int_equal(offer.n, 0);
	assert_false(login_password_offered(&where));
	heard.calls = 0;
	begin("PLAIN", "AGFsaWNlAHNlY3JldA==");
	assert_int_equal(heard.why, LOGIN_NEEDS_TLS);
	l = login_password(&where, STR("alice"), STR("secret"), &events, NULL);
	turn();
	assert_int_equal(heard.why, LOGIN_NEEDS_TLS);
	assert_int_equal(told.call, 0);
	buf_free(&offer);
}

static void
a_bare_password_is_plain(void **state)
{
	(void)state;
	l = login_password(&where, STR("alice"), STR("secret"), &events, NULL);
	turn();
	assert_true(str_eq_z(told.mech, "PLAIN"));
	assert_true(str_eq(told.data, STR("\0alice\0secret")));
	answer(AUTH_TEMP, "", 0);
	assert_int_equal(heard.why, LOGIN_TEMP);
	l = login_password(&where, STR("al\0ce"), STR("secret"), &events, NULL);
	turn();
	assert_int_equal(heard.why, LOGIN_FAILED);
}

static void
an_authd_that_is_gone(void **state)
{
	(void)state;
	begin("PLAIN", NULL);
	ipc_free(&back);
	turn();
	assert_int_equal(heard.why, LOGIN_TEMP);
}

static void
every_failure_has_its_words(void **state)
{
	(void)state;
	for (enum login_failure f = LOGIN_FAILED; f <= LOGIN_ABORTED; f++) {
		assert_true(strlen(login_failure_smtp(f)) > 12);
		assert_true(strlen(login_failure_imap(f)) > 4);
		assert_true(strlen(login_failure_name(f)) > 2);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(with_an_initial_response),
	    TEST(with_challenges),
	    TEST(an_empty_initial_response),
	    TEST(what_is_no_base64_never_reaches_authd),
	    TEST(a_star_aborts),
	    TEST(leaving_in_the_middle),
	    TEST(without_tls_nothing_is_offered_or_taken),
	    TEST(a_bare_password_is_plain),
	    TEST(an_authd_that_is_gone),
	    TEST(every_failure_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
