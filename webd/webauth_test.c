/*
 * webauth_test.c - what is asked of authd for which request, and for how long its answer holds. The
 * test is authd, and the protocol below the exchanges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "svc/svc.h"
#include "webd/exchange_in.h"
#include "webd/webauth.h"

#define COOKIE_A "__Host-gk=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define COOKIE_B "__Host-gk=BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define BASIC    "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
#define BASIC_2  "Basic dGVzdDoxMjPCow=="

static struct ipc_chan *authd, *to_authd; /* the test's end, gk-webd's end */

/* What authd does. */
static struct {
	unsigned opens, logins;
	enum err_code open; /* E_OK: a session */
	enum auth_state login;
	unsigned number; /* of the session that a login opens */
	bool late;       /* it answers nothing */
	struct str said; /* SASL PLAIN */
} is;

static struct conf *conf;
static struct arena arena;
static unsigned admitted, answered, told;
static unsigned status; /* of the last answer */
static bool stays;      /* an exchange that goes on */
static struct exchange *last;
static struct str last_user, last_id, gone_user, gone_id;

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
	return conf;
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

/* ---- authd ---- */

static void
serve(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct ipc_out out;
	struct err e;

	(void)arg;
	if (m->type == MSG_SESSION_OPEN) {
		struct str token = ipc_get_str(m);
		char id[17];

		snprintf(id, sizeof(id), "%016x", (unsigned)(unsigned char)token.p[0]);
		(void)ipc_get_str(m);
		(void)ipc_get_str(m);
		assert_int_equal(ipc_end(m), 0);
		is.opens++;
		if (is.late)
			return;
		if (is.open != E_OK) {
			err_set(&e, is.open, "no \"such\" session");
			ipc_reply_error(c, m->id, &e);
			return;
		}
		ipc_begin(&out, MSG_SESSION_OPEN_R);
		ipc_put_z(&out, "alice@x.test");
		ipc_put_z(&out, id);
		ipc_put_u32(&out, 1);
		ipc_put_u64(&out, (uint64_t)clock_wall());
		ipc_put_u64(&out, (uint64_t)clock_wall());
		ipc_put_u64(&out, (uint64_t)clock_wall() + 3600);
	} else {
		unsigned char token[WEBAUTH_TOKEN] = {(unsigned char)++is.number};

		assert_int_equal(m->type, MSG_AUTH_START);
		assert_true(str_eq_z(ipc_get_str(m), "jmap"));
		assert_true(str_eq_z(ipc_get_str(m), "PLAIN"));
		assert_int_equal(ipc_get_u32(m), 1);
		is.said = arena_dup(&arena, ipc_get_str(m));
		assert_true(str_eq_z(ipc_get_str(m), "192.0.2.7"));
		assert_int_equal(ipc_get_u32(m), 1);
		for (int i = 0; i < 2; i++)
			(void)ipc_get_str(m);
		(void)ipc_get_u64(m);
		(void)ipc_get_str(m);
		assert_int_equal(ipc_end(m), 0);
		is.logins++;
		ipc_begin(&out, MSG_AUTH_START_R);
		ipc_put_u32(&out, is.login);
		ipc_put_u64(&out, 0);
		ipc_put_z(&out, "");
		ipc_put_z(&out, "alice@x.test");
		ipc_put_str(&out, is.login == AUTH_OK ? str_of(token, sizeof(token)) : STR(""));
		ipc_put_z(&out, "");
	}
	ipc_reply(c, m->id, &out);
}

static void
notice(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	assert_true(webauth_message(m));
	told++;
}

static void
on_gone(struct str user, struct str id)
{
	gone_user = arena_dup(&arena, user);
	gone_id = arena_dup(&arena, id);
}

/* ---- a protocol ---- */

static void
op_head(struct exchange *x, uint64_t length, bool body)
{
	(void)length;
	(void)body;
	status = x->in->status;
	answered++;
}

static void
op_str(struct exchange *x, struct str s)
{
	(void)x;
	/* Of authd's words nothing may end a string. */
	assert_int_equal(str_find(s, STR("\"such\"")), s.n);
}

static void
op_none(struct exchange *x)
{
	(void)x;
}

static void
op_pause(struct exchange *x, bool pause)
{
	(void)x;
	(void)pause;
}

static size_t
op_pending(const struct exchange *x)
{
	(void)x;
	return 0;
}

static const struct exchange_ops ops = {
    .head = op_head,
    .write = op_str,
    .end = op_none,
    .abort = op_none,
    .pause = op_pause,
    .pending = op_pending,
    .go_on = op_none,
    .done = op_none,
};

static void
admit(struct exchange *x, const struct webauth *who)
{
	admitted++;
	last_user = arena_dup(&arena, who->user);
	last_id = arena_dup(&arena, who->id);
	last = x;
	if (!stays)
		exchange_respond(x, 204, NULL, STR(""));
}

/* Fields by pairs, the last is NULL. */
static struct exchange *
ask(unsigned method, const char *const *fields)
{
	struct exchange *x = exchange_new(&ops, NULL);
	struct http_field *f = arena_array(&x->arena, 8, sizeof(*f));

	for (; fields[0] != NULL; fields += 2)
		f[x->nfields++] = (struct http_field){str_z(fields[0]), str_z(fields[1])};
	x->fields = f;
	x->method = method;
	x->peer = "192.0.2.7";
	x->host = STR("mail.x.test");
	x->secure = true;
	webauth(x, admit);
	return x;
}

static void
settle(unsigned answers)
{
	for (int i = 0; i < 1000 && answered < answers; i++)
		loop_once(10);
	loop_once(0);
	assert_int_equal(answered, answers);
}

/* The status of one request with a field. */
static unsigned
get(const char *name, const char *value)
{
	const char *const fields[] = {name, value, NULL};
	unsigned before = answered;

	ask(METHOD_GET, fields);
	settle(before + 1);
	return status;
}

static void
tell(enum ipc_type type, const char *user, const char *id)
{
	struct ipc_out m;
	unsigned before = told;

	ipc_begin(&m, type);
	ipc_put_z(&m, user);
	if (type == MSG_SESSION_GONE)
		ipc_put_z(&m, id);
	else
		ipc_put_u32(&m, 0);
	ipc_send(authd, &m);
	for (int i = 0; i < 1000 && told == before; i++)
		loop_once(10);
	assert_int_equal(told, before + 1);
}

static int
up(void **state)
{
	static bool begun;
	int fd[2];

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	if (!begun) {
		if (loop_init(NULL) < 0)
			return -1;
		conf = conf_parse(STR("[server]\nhost_name = \"mail.x.test\"\n"), "test", NULL);
		webauth_init();
		webauth_on_gone(on_gone);
	}
	begun = true;
	arena_init(&arena);
	memset(&is, 0, sizeof(is));
	is.login = AUTH_OK;
	admitted = answered = told = status = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return -1;
	authd = ipc_new(fd[0], PEER_AUTHD, PEER_WEBD, serve, NULL, NULL);
	to_authd = ipc_new(fd[1], PEER_WEBD, PEER_AUTHD, notice, NULL, NULL);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	webauth_reset();
	ipc_free(&to_authd);
	ipc_free(&authd);
	loop_once(0);
	assert_int_equal(exchange_count(), 0);
	arena_free(&arena);
	return 0;
}

/* ---- tests ---- */

static void
what_authd_said_holds_for_a_while(void **state)
{
	(void)state;
	assert_int_equal(get("Cookie", COOKIE_A), 204);
	assert_true(str_eq_z(last_user, "alice@x.test"));
	assert_true(str_eq_z(last_id, "0000000000000000"));
	assert_int_equal(get("Cookie", COOKIE_A), 204);
	assert_int_equal(
	    get("Authorization", "Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 204);
	assert_int_equal(is.opens, 1);
	assert_int_equal(get("Cookie", COOKIE_B), 204);
	assert_int_equal(is.opens, 2);
	clock_advance(WEBAUTH_FRESH_MS + 1);
	loop_once(0);
	assert_int_equal(get("Cookie", COOKIE_A), 204);
	assert_int_equal(is.opens, 3);
	/* The session's own end comes first. */
	clock_advance(3600 * 1000);
	loop_once(0);
	is.open = E_DENIED;
	assert_int_equal(get("Cookie", COOKIE_A), 401);
	assert_int_equal(get("Cookie", COOKIE_A), 401);
	assert_int_equal(is.opens, 5);
}

static void
it_is_forgotten_when_authd_says_so(void **state)
{
	(void)state;
	get("Cookie", COOKIE_A);
	get("Cookie", COOKIE_B);
	tell(MSG_SESSION_GONE, "alice@x.test", "0000000000000000");
	assert_true(str_eq_z(gone_id, "0000000000000000"));
	is.open = E_DENIED;
	assert_int_equal(get("Cookie", COOKIE_A), 401);
	assert_int_equal(get("Cookie", COOKIE_B), 204);
	tell(MSG_USER_REVOKED, "bob@x.test", NULL);
	assert_int_equal(get("Cookie", COOKIE_B), 204);
	tell(MSG_USER_REVOKED, "alice@x.test", NULL);
	assert_true(str_eq_z(gone_user, "alice@x.test"));
	assert_int_equal(gone_id.n, 0);
	assert_int_equal(get("Cookie", COOKIE_B), 401);
	is.open = E_OK;
	get("Cookie", COOKIE_B);
	webauth_reset();
	is.open = E_TEMP;
	assert_int_equal(get("Cookie", COOKIE_B), 503);
}

static void
a_password_is_checked_once(void **state)
{
	(void)state;
	assert_int_equal(get("Authorization", BASIC), 204);
	assert_int_equal(is.said.n, 20);
	assert_memory_equal(is.said.p, "\0Aladdin\0open sesame", 20);
	assert_int_equal(get("Authorization", BASIC), 204);
	assert_int_equal(is.logins, 1);
	assert_int_equal(is.opens, 1);
	/* Stale: its session is asked for, not the password. */
	clock_advance(WEBAUTH_FRESH_MS + 1);
	loop_once(0);
	assert_int_equal(get("Authorization", BASIC), 204);
	assert_int_equal(is.logins, 1);
	assert_int_equal(is.opens, 2);
	assert_int_equal(get("Authorization", BASIC_2), 204);
	assert_int_equal(is.logins, 2);
	is.login = AUTH_FAIL;
	tell(MSG_USER_REVOKED, "alice@x.test", NULL);
	assert_int_equal(get("Authorization", BASIC), 401);
	assert_int_equal(get("Authorization", BASIC), 401);
	assert_int_equal(is.logins, 4);
	is.login = AUTH_TEMP;
	assert_int_equal(get("Authorization", BASIC), 503);
	is.login = AUTH_OK;
	assert_int_equal(get("Authorization", BASIC), 204);
}

static void
a_program_whose_session_is_over_logs_in_again(void **state)
{
	(void)state;
	assert_int_equal(get("Authorization", BASIC), 204);
	clock_advance(WEBAUTH_FRESH_MS + 1);
	loop_once(0);
	is.open = E_DENIED;
	/* Also the new one is not known: that is told, not tried for ever. */
	assert_int_equal(get("Authorization", BASIC), 401);
	assert_int_equal(is.logins, 2);
	assert_int_equal(is.opens, 3);
}

static void
many_ask_once_and_may_leave(void **state)
{
	const char *const fields[] = {"Cookie", COOKIE_A, NULL};
	struct exchange *leaves;

	(void)state;
	is.late = true;
	ask(METHOD_GET, fields);
	leaves = ask(METHOD_GET, fields);
	ask(METHOD_GET, fields);
	for (int i = 0; i < 20; i++)
		loop_once(1);
	assert_int_equal(answered, 0);
	exchange_lost(leaves);
	assert_int_equal(is.opens, 1);
	/* authd dies. */
	ipc_free(&authd);
	settle(2);
	assert_int_equal(status, 503);
	assert_int_equal(admitted, 0);
}

static void
what_goes_on_keeps_its_session(void **state)
{
	const char *const fields[] = {"Cookie", COOKIE_A, NULL};
	struct exchange *kept;

	(void)state;
	stays = true;
	ask(METHOD_GET, fields);
	for (int i = 0; i < 1000 && admitted == 0; i++)
		loop_once(10);
	stays = false;
	kept = last;
	assert_int_equal(get("Cookie", COOKIE_B), 204);
	assert_int_equal(is.opens, 2);
	for (unsigned i = 0; i < 4; i++) {
		clock_advance(125000);
		for (int k = 0; k < 20; k++)
			loop_once(1);
		/* The first time says that it has been there for long. */
		assert_int_equal(is.opens, 2 + i);
	}
	/* It is over, and authd did not live to tell. */
	is.open = E_DENIED;
	gone_id = STR("");
	clock_advance(125000);
	for (int k = 0; k < 1000 && gone_id.n == 0; k++)
		loop_once(10);
	assert_true(str_eq_z(gone_id, "0000000000000000"));
	assert_true(str_eq_z(gone_user, "alice@x.test"));
	exchange_lost(kept);
}

static void
other_pages_get_nothing(void **state)
{
	static const struct {
		unsigned method;
		const char *fields[7];
		unsigned status;
	} tries[] = {
	    {METHOD_GET, {"Cookie", COOKIE_A, NULL}, 204},
	    {METHOD_POST, {"Cookie", COOKIE_A, NULL}, 403},
	    {METHOD_POST, {"Cookie", COOKIE_A, "Origin", "https://mail.x.test", NULL}, 204},
	    {METHOD_POST, {"Cookie", COOKIE_A, "Sec-Fetch-Site", "same-origin", NULL}, 204},
	    {METHOD_POST, {"Cookie", COOKIE_A, "Origin", "http://mail.x.test", NULL}, 403},
	    {METHOD_POST, {"Cookie", COOKIE_A, "Origin", "https://mail.x.test:444", NULL}, 403},
	    {METHOD_POST, {"Cookie", COOKIE_A, "Origin", "null", NULL}, 403},
	    {METHOD_GET, {"Cookie", COOKIE_A, "Origin", "https://evil.test", NULL}, 403},
	    {METHOD_GET, {"Cookie", COOKIE_A, "Sec-Fetch-Site", "cross-site", NULL}, 403},
	    {METHOD_GET, {"Cookie", COOKIE_A, "Sec-Fetch-Site", "same-site", NULL}, 403},
	    {METHOD_GET,
		{"Cookie", COOKIE_A, "Origin", "https://evil.test", "Sec-Fetch-Site", "same-origin",
		    NULL},
		403},
	    {METHOD_POST, {"Authorization", BASIC, NULL}, 204},
	    {METHOD_POST, {"Authorization", BASIC, "Origin", "https://evil.test", NULL}, 403},
	    {METHOD_GET, {"Authorization", BASIC, "Sec-Fetch-Site", "cross-site", NULL}, 403},
	    {METHOD_GET, {"Cookie", COOKIE_A "; " COOKIE_B, NULL}, 401},
	    {METHOD_GET, {"Cookie", "gk=AAAA", NULL}, 401},
	    {METHOD_GET, {"Authorization", "Basic", "Cookie", COOKIE_A, NULL}, 401},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		unsigned before = answered;

		ask(tries[i].method, tries[i].fields);
		settle(before + 1);
		assert_int_equal(status, tries[i].status);
	}
}

static void
what_is_known_is_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WEBAUTH_MAX + 2; i++) {
		char cookie[64];

		snprintf(cookie, sizeof(cookie),
		    "__Host-gk=%05uAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", i);
		assert_int_equal(get("Cookie", cookie), 204);
	}
	assert_int_equal(is.opens, WEBAUTH_MAX + 2);
	assert_int_equal(
	    get("Cookie", "__Host-gk=00002AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 204);
	assert_int_equal(is.opens, WEBAUTH_MAX + 2);
	assert_int_equal(
	    get("Cookie", "__Host-gk=00000AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 204);
	assert_int_equal(is.opens, WEBAUTH_MAX + 3);
	assert_int_equal(
	    get("Cookie", "__Host-gk=00002AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 204);
	assert_int_equal(is.opens, WEBAUTH_MAX + 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_authd_said_holds_for_a_while),
	    TEST(it_is_forgotten_when_authd_says_so),
	    TEST(a_password_is_checked_once),
	    TEST(a_program_whose_session_is_over_logs_in_again),
	    TEST(many_ask_once_and_may_leave),
	    TEST(what_goes_on_keeps_its_session),
	    TEST(other_pages_get_nothing),
	    TEST(what_is_known_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
