/*
 * Sessions of the web as gk-webd sees them: a real channel, real threads, the test is gk-webd.
 */
#include "authd/fixture.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "authd/apppass.h"
#include "authd/cache.h"
#include "authd/guard.h"
#include "authd/notes.h"
#include "authd/operator.h"
#include "authd/password.h"
#include "authd/session.h"
#include "authd/ticket.h"
#include "authd/web.h"
#include "authd/web_calls.h"
#include "authd/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "svc/svc.h"

static struct ipc_chan *webd, *to_webd; /* the front's end, authd's end */
static struct ipc_chan *ctl, *to_ctl;
static struct ipc_chan *nobody; /* daemons that are not there */

/* What came back: a reply, or an error. */
static struct {
	bool here;
	enum err_code code;
	struct str v[64];
	uint64_t u[8];
	size_t nv, nu;
} got;

static unsigned gone;      /* SESSION_GONE so far */
static struct str gone_id; /* of the last one */
static unsigned revoked;

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	return peer == PEER_WEBD ? to_webd : nobody;
}

const struct conf *
svc_conf(void)
{
	return NULL;
}

static void
serve(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_AUTH_START)
		session_start(c, m);
	else if (m->type == MSG_AUTH_ABORT)
		session_abort(c, m);
	else
		assert_true(web_calls(c, m) || operator_message(c, m));
}

static void
notice(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	(void)ipc_get_str(m);
	if (m->type == MSG_SESSION_GONE) {
		gone++;
		gone_id = arena_dup(&fixture_arena, ipc_get_str(m));
	} else {
		assert_int_equal(m->type, MSG_USER_REVOKED);
		(void)ipc_get_u32(m);
		revoked++;
	}
	assert_int_equal(ipc_end(m), 0);
}

static void
take_field(struct ipc_in *m, char kind)
{
	if (kind == 'u')
		got.u[got.nu++] = ipc_get_u32(m);
	else if (kind == 'q')
		got.u[got.nu++] = ipc_get_u64(m);
	else if (kind == 's')
		got.v[got.nv++] = arena_dup(&fixture_arena, ipc_get_str(m));
	else
		for (uint32_t n = ipc_get_list(m); n > 0; n--) {
			struct str item = ipc_get_item(m);

			if (got.nv < ARRAY_LEN(got.v))
				got.v[got.nv++] = arena_dup(&fixture_arena, item);
		}
}

static void
answered(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	got.here = true;
	got.code = m == NULL ? e->code : E_OK;
	for (const char *f = m != NULL ? m->fields : ""; *f != '\0'; f++)
		take_field(m, *f);
	if (m != NULL)
		assert_int_equal(ipc_end(m), 0);
}

static void
call(struct ipc_chan *c, struct ipc_out *m)
{
	memset(&got, 0, sizeof(got));
	ipc_call(c, m, answered, NULL);
	for (int i = 0; i < 1500 && !got.here; i++)
		loop_once(20);
	assert_true(got.here);
}

static int
up(void **state)
{
	const struct password_cost cost = {crypto_pwhash_MEMLIMIT_MIN, 1, 4096};
	static bool begun;
	int fd[2];

	log_set_level(LOG_LEVEL_ERROR);
	if (!begun && loop_init(NULL) < 0)
		return -1;
	begun = true;
	if (fixture_up(state) < 0 || password_init(&cost, NULL) < 0 ||
	    password_start(1, NULL) < 0 || writer_init(NULL) < 0)
		return -1;
	if (notes_load(authd.db, authd.fake_key, NULL) < 0)
		return -1;
	cache_init();
	guard_configure(&(struct guard_rules){.failures = 0});
	session_init();
	web_configure(&(struct web_rules){14 * 86400, 90 * 86400});
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return -1;
	webd = ipc_new(fd[0], PEER_WEBD, PEER_AUTHD, notice, NULL, NULL);
	to_webd = ipc_new(fd[1], PEER_AUTHD, PEER_WEBD, serve, NULL, NULL);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		return -1;
	ctl = ipc_new(fd[0], PEER_CTL, PEER_AUTHD, NULL, NULL, NULL);
	to_ctl = ipc_new(fd[1], PEER_AUTHD, PEER_CTL, serve, NULL, NULL);
	nobody = ipc_new(-1, PEER_AUTHD, PEER_MAILBOXD, NULL, NULL, NULL);
	gone = revoked = 0;
	fixture_domain("x.test");
	fixture_user("alice@x.test", "open sesame");
	fixture_user("bob@x.test", "hocus pocus");
	return 0;
}

static int
down(void **state)
{
	while (writer_pending() > 0)
		loop_once(10);
	ipc_free(&webd);
	ipc_free(&to_webd);
	ipc_free(&ctl);
	ipc_free(&to_ctl);
	ipc_free(&nobody);
	password_done();
	writer_done();
	session_done();
	notes_done();
	web_done();
	ticket_done();
	cache_done();
	guard_done();
	return fixture_down(state);
}

/* ---- what gk-webd says ---- */

/* The ticket of a login; its n is 0 when it failed. */
static struct str
login_with(const char *service, const char *mech, const char *user, const char *password)
{
	struct ipc_out m;
	char words[128];
	int n = snprintf(words, sizeof(words), "%c%s%c%s", 0, user, 0, password);

	ipc_begin(&m, MSG_AUTH_START);
	ipc_put_z(&m, service);
	ipc_put_z(&m, mech);
	ipc_put_u32(&m, 1);
	ipc_put_str(&m, str_of(words, (size_t)n));
	ipc_put_z(&m, "192.0.2.1");
	ipc_put_u32(&m, 1);
	ipc_put_z(&m, "");
	ipc_put_z(&m, "");
	ipc_put_u64(&m, 42);
	ipc_put_z(&m, "sid");
	call(webd, &m);
	assert_int_equal(got.code, E_OK);
	assert_int_equal(got.v[2].n, got.u[0] == AUTH_OK ? 32 : 0);
	return got.v[2];
}

static struct str
login(const char *service, const char *user, const char *password)
{
	return login_with(service, "PLAIN", user, password);
}

static void
open_session(struct str token)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_SESSION_OPEN);
	ipc_put_str(&m, token);
	ipc_put_z(&m, "2001:db8::1");
	ipc_put_z(&m, "Browser/1 \x1b[31m\xc3\xa9");
	call(webd, &m);
}

static bool
is_open(struct str token)
{
	open_session(token);
	assert_true(got.code == E_OK || got.code == E_DENIED);
	return got.code == E_OK;
}

/* A message of a token and one more word. */
static enum err_code
say(enum ipc_type type, struct str token, const char *word)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_put_str(&m, token);
	if (word != NULL)
		ipc_put_z(&m, word);
	call(webd, &m);
	return got.code;
}

static enum err_code
say_proven(enum ipc_type type, struct str token, struct str proof, uint64_t conn, const char *word)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_put_str(&m, token);
	ipc_put_str(&m, proof);
	ipc_put_u64(&m, conn);
	if (word != NULL)
		ipc_put_z(&m, word);
	call(webd, &m);
	return got.code;
}

/* authd ends and begins anew. */
static void
restart(void)
{
	while (!web_save() || writer_pending() > 0)
		loop_once(10);
	web_done();
	assert_int_equal(web_load(authd.db, NULL), 0);
}

static void
pass(uint64_t seconds)
{
	clock_advance(seconds * 1000);
	loop_once(0);
}

/* ---- tests ---- */

static void
a_token_says_who_it_is(void **state)
{
	struct str token = login("web", "Alice", "open sesame"), forged, id;

	(void)state;
	assert_int_equal(token.n, WEB_TOKEN);
	assert_true(str_eq_z(got.v[1], "alice@x.test"));
	open_session(token);
	assert_int_equal(got.code, E_OK);
	assert_true(str_eq_z(got.v[0], "alice@x.test"));
	assert_int_equal(got.v[1].n, WEB_ID);
	assert_int_equal(got.u[0], 1);
	assert_in_range(got.u[1], (uint64_t)clock_wall() - 60, (uint64_t)clock_wall());
	assert_int_equal(got.u[2], got.u[1]);
	assert_int_equal(got.u[3], got.u[1] + 90ull * 86400);
	id = got.v[1];
	for (size_t i = 0; i < token.n; i++) {
		forged = arena_dup(&fixture_arena, token);
		((char *)forged.p)[i] ^= 1;
		assert_false(is_open(forged));
	}
	assert_false(is_open(str_sub(token, 0, 31)));
	assert_false(is_open(STR("")));
	assert_false(is_open(id));
}

static void
a_browser_shows_the_users_own_password_only(void **state)
{
	char words[APPPASS_SIZE];
	struct str token = login("web", "alice@x.test", "open sesame");

	(void)state;
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token, "phone"), E_OK);
	assert_int_equal(got.v[0].n, APPPASS_LEN);
	memcpy(words, got.v[0].p, sizeof(words));
	assert_int_equal(login("web", "alice@x.test", words).n, 0);
	assert_int_equal(got.u[0], AUTH_FAIL);
	assert_int_equal(login("prove", "alice@x.test", words).n, 0);
	assert_int_equal(login("jmap", "alice@x.test", words).n, 32);
	assert_int_equal(login("jmap", "bob@x.test", words).n, 0);
	assert_int_equal(login("web", "alice@x.test", "open sesam").n, 0);
	assert_int_equal(login("web", "nobody@x.test", "open sesame").n, 0);
	assert_int_equal(got.u[0], AUTH_FAIL);
	assert_int_equal(login("web", "alice@x.test", "").n, 0);
	assert_int_equal(login("imap", "alice@x.test", "open sesame").n, 0);
	assert_int_equal(got.u[0], AUTH_BAD);
	assert_int_equal(login_with("web", "LOGIN", "alice@x.test", "open sesame").n, 0);
	assert_int_equal(got.u[0], AUTH_BAD);
	/* auth.mechanisms is about SASL. */
	authd.mechs[0] = false;
	assert_int_equal(login("web", "alice@x.test", "open sesame").n, 32);
}

static void
browsers_stay_logged_in_over_a_restart_and_programs_do_not(void **state)
{
	struct str web = login("web", "alice@x.test", "open sesame");
	struct str jmap = login("jmap", "alice@x.test", "open sesame");

	(void)state;
	assert_true(is_open(web));
	assert_true(is_open(jmap));
	assert_int_equal(got.u[0], 0);
	restart();
	assert_false(is_open(jmap));
	assert_true(is_open(web));
	assert_int_equal(say(MSG_SESSION_LIST, web, NULL), E_OK);
	assert_int_equal(got.nv, 8);
	assert_true(str_eq_z(got.v[1], "browser"));
	assert_true(str_eq_z(got.v[5], "2001:db8::1"));
	/* What a client says of itself is made printable. */
	assert_true(str_eq_z(got.v[6], "Browser/1 ?[31m??"));
	assert_true(str_eq_z(got.v[7], "1"));
}

static void
sessions_end_unused_and_of_age(void **state)
{
	struct str web = login("web", "alice@x.test", "open sesame");
	struct str jmap = login("jmap", "alice@x.test", "open sesame");

	(void)state;
	pass(WEB_PROGRAM_S - 60);
	assert_true(is_open(jmap));
	pass(WEB_PROGRAM_S - 60);
	assert_true(is_open(jmap));
	pass(WEB_PROGRAM_S + 1);
	assert_false(is_open(jmap));
	assert_true(is_open(web));
	for (int day = 0; day < 88; day += 11) {
		pass(11 * 86400);
		assert_true(is_open(web));
	}
	restart();
	assert_true(is_open(web));
	pass(3 * 86400);
	assert_false(is_open(web));
	assert_int_equal(web_count(), 1);
	gone = 0;
	restart();
	loop_once(10);
	assert_int_equal(gone, 1);
	assert_int_equal(web_count(), 0);
	web = login("web", "alice@x.test", "open sesame");
	pass(14 * 86400 + 1);
	assert_false(is_open(web));
	restart();
	assert_int_equal(web_count(), 0);
}

static void
a_user_ends_own_sessions_and_no_others(void **state)
{
	struct str a = login("web", "alice@x.test", "open sesame"),
		   b = login("web", "alice@x.test", "open sesame"),
		   c = login("web", "alice@x.test", "open sesame"),
		   bob = login("web", "bob@x.test", "hocus pocus"), id;

	(void)state;
	open_session(bob);
	id = got.v[1];
	assert_int_equal(say(MSG_SESSION_END, a, id.p), E_NOTFOUND);
	assert_int_equal(say(MSG_SESSION_END, a, "0000000000000000"), E_NOTFOUND);
	assert_int_equal(say(MSG_SESSION_END, a, "others "), E_NOTFOUND);
	open_session(b);
	id = got.v[1];
	assert_int_equal(say(MSG_SESSION_END, a, id.p), E_OK);
	assert_int_equal(got.u[0], 1);
	assert_true(str_eq(gone_id, id));
	assert_false(is_open(b));
	assert_int_equal(say(MSG_SESSION_END, a, id.p), E_NOTFOUND);
	restart();
	assert_false(is_open(b));
	assert_true(is_open(c));
	assert_int_equal(say(MSG_SESSION_END, c, "others"), E_OK);
	assert_int_equal(got.u[0], 1);
	assert_false(is_open(a));
	assert_int_equal(say(MSG_SESSION_END, c, ""), E_OK);
	assert_false(is_open(c));
	assert_int_equal(say(MSG_SESSION_END, c, ""), E_DENIED);
	assert_true(is_open(bob));
	restart();
	assert_int_equal(web_count(), 1);
}

static void
a_program_may_not_touch_the_account(void **state)
{
	struct str jmap = login("jmap", "alice@x.test", "open sesame");
	struct str proof = login("prove", "alice@x.test", "open sesame");

	(void)state;
	assert_int_equal(say(MSG_SESSION_LIST, jmap, NULL), E_PERM);
	assert_int_equal(say(MSG_SESSION_END, jmap, "others"), E_PERM);
	assert_int_equal(say(MSG_WEB_APPPASS_LIST, jmap, NULL), E_PERM);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, jmap, "phone"), E_PERM);
	assert_int_equal(say(MSG_WEB_APPPASS_DEL, jmap, "phone"), E_PERM);
	assert_int_equal(say_proven(MSG_WEB_PASSWD, jmap, proof, 42, "new password"), E_PERM);
	assert_int_equal(say_proven(MSG_SESSION_PROVE, jmap, proof, 42, NULL), E_PERM);
	assert_int_equal(say(MSG_SESSION_ADDRESSES, jmap, NULL), E_OK);
	assert_int_equal(say(MSG_SESSION_END, jmap, ""), E_OK);
	assert_false(is_open(jmap));
}

static void
a_ticket_of_a_session_opens_its_users_mailbox_once(void **state)
{
	struct str token = login("web", "alice@x.test", "open sesame"), user, proof;
	struct ipc_out m;

	(void)state;
	for (int i = 0; i < 2; i++) {
		ipc_begin(&m, MSG_SESSION_TICKET);
		ipc_put_str(&m, token);
		ipc_put_u64(&m, 7);
		call(webd, &m);
		assert_int_equal(got.code, E_OK);
		assert_int_equal(
		    ticket_redeem(got.v[0], STR("web"), PEER_WEBD, 7 + (uint64_t)i, &user), i == 0);
		assert_false(ticket_redeem(got.v[0], STR("web"), PEER_WEBD, 7, &user));
	}
	proof = login("prove", "alice@x.test", "open sesame");
	assert_false(ticket_redeem(proof, STR("web"), PEER_WEBD, 42, &user));
	ipc_begin(&m, MSG_SESSION_TICKET);
	ipc_put_z(&m, "no token");
	ipc_put_u64(&m, 7);
	call(webd, &m);
	assert_int_equal(got.code, E_DENIED);
}

static void
a_new_password_ends_all_but_the_session_that_made_it(void **state)
{
	struct str a = login("web", "alice@x.test", "open sesame"),
		   b = login("web", "alice@x.test", "open sesame"),
		   jmap = login("jmap", "alice@x.test", "open sesame"),
		   bob = login("web", "bob@x.test", "hocus pocus"), proof;

	(void)state;
	assert_int_equal(say_proven(MSG_WEB_PASSWD, a, STR(""), 42, "new password"), E_PROTO);
	proof = login("prove", "bob@x.test", "hocus pocus");
	assert_int_equal(say_proven(MSG_WEB_PASSWD, a, proof, 42, "new password"), E_PROTO);
	proof = login("prove", "alice@x.test", "open sesame");
	assert_int_equal(say_proven(MSG_WEB_PASSWD, a, proof, 43, "new password"), E_PROTO);
	proof = login("prove", "alice@x.test", "open sesame");
	assert_int_equal(say_proven(MSG_WEB_PASSWD, a, proof, 42, "short"), E_INVAL);
	/* Spent. */
	assert_int_equal(say_proven(MSG_WEB_PASSWD, a, proof, 42, "new password"), E_PROTO);
	assert_true(is_open(b));
	proof = login("prove", "alice@x.test", "open sesame");
	assert_int_equal(say_proven(MSG_WEB_PASSWD, a, proof, 42, "new password"), E_OK);
	assert_int_equal(revoked, 1);
	assert_true(is_open(a));
	assert_false(is_open(b));
	assert_false(is_open(jmap));
	assert_true(is_open(bob));
	restart();
	assert_true(is_open(a));
	assert_false(is_open(b));
	assert_int_equal(login("web", "alice@x.test", "open sesame").n, 0);
	assert_int_equal(login("web", "alice@x.test", "new password").n, 32);
}

static void
an_app_password_wants_the_password_shown_lately(void **state)
{
	struct str token = login("web", "alice@x.test", "open sesame"), proof;

	(void)state;
	pass(WEB_PROVEN_S);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token, "phone"), E_PROTO);
	proof = login("prove", "alice@x.test", "open sesame");
	assert_int_equal(say_proven(MSG_SESSION_PROVE, token, proof, 42, NULL), E_OK);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token, "phone"), E_OK);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token, "phone"), E_EXISTS);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token, ""), E_INVAL);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token, "a\nb"), E_INVAL);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token, "\xff"), E_INVAL);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token,
			     "\xc2\x9b"
			     "31m"),
	    E_INVAL);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token,
			     "\xe2\x80\xae"
			     "enohp"),
	    E_INVAL);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token,
			     "0123456789012345678901234567890123456789012345678901234567890123x"),
	    E_INVAL);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token, "t\xc3\xa9l\xc3\xa9phone"), E_OK);
	assert_int_equal(say(MSG_WEB_APPPASS_LIST, token, NULL), E_OK);
	assert_int_equal(got.nv, 6);
	assert_true(str_eq_z(got.v[0], "phone"));
	assert_int_equal(got.v[2].n, 0);
	assert_int_equal(say(MSG_WEB_APPPASS_DEL, token, "phone"), E_OK);
	assert_int_equal(say(MSG_WEB_APPPASS_DEL, token, "phone"), E_NOTFOUND);
	/* The browser that removed it goes on. */
	assert_true(is_open(token));
	restart();
	assert_true(is_open(token));
}

static void
an_app_password_says_when_it_was_last_used(void **state)
{
	struct str token = login("web", "alice@x.test", "open sesame"), made;
	char password[APPPASS_SIZE];

	(void)state;
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token, "phone"), E_OK);
	made = got.v[0];
	assert_int_equal(made.n, APPPASS_LEN);
	snprintf(password, sizeof(password), "%.*s", (int)made.n, made.p);
	pass(60);
	assert_int_equal(login("jmap", "alice@x.test", password).n, 32);
	assert_int_equal(say(MSG_WEB_APPPASS_LIST, token, NULL), E_OK);
	assert_true(str_cmp(got.v[2], got.v[1]) > 0);
	/* Another of that name was not used yet. */
	assert_int_equal(say(MSG_WEB_APPPASS_DEL, token, "phone"), E_OK);
	pass(60);
	assert_int_equal(say(MSG_WEB_APPPASS_ADD, token, "phone"), E_OK);
	assert_int_equal(say(MSG_WEB_APPPASS_LIST, token, NULL), E_OK);
	assert_int_equal(got.v[2].n, 0);
}

static void
the_operator_sees_and_ends_them(void **state)
{
	struct str a = login("web", "alice@x.test", "open sesame"),
		   b = login("web", "alice@x.test", "open sesame"), id;
	struct ipc_out m;

	(void)state;
	open_session(a);
	id = got.v[1];
	ipc_begin(&m, MSG_USER_SESSIONS);
	ipc_put_z(&m, "Alice@X.test");
	call(ctl, &m);
	assert_int_equal(got.nv, 16);
	assert_true(str_eq(got.v[0], id));
	ipc_begin(&m, MSG_USER_SESSIONS_END);
	ipc_put_z(&m, "alice@x.test");
	ipc_put_str(&m, id);
	call(ctl, &m);
	assert_int_equal(got.u[0], 1);
	assert_false(is_open(a));
	assert_true(is_open(b));
	ipc_begin(&m, MSG_USER_SESSIONS_END);
	ipc_put_z(&m, "bob@x.test");
	ipc_put_z(&m, "");
	call(ctl, &m);
	assert_int_equal(got.u[0], 0);
	ipc_begin(&m, MSG_USER_SESSIONS_END);
	ipc_put_z(&m, "alice@x.test");
	ipc_put_z(&m, "");
	call(ctl, &m);
	assert_int_equal(got.u[0], 1);
	assert_false(is_open(b));
	ipc_begin(&m, MSG_USER_SESSIONS);
	ipc_put_z(&m, "nobody@x.test");
	call(ctl, &m);
	assert_int_equal(got.code, E_NOTFOUND);
	a = login("web", "alice@x.test", "open sesame");
	ipc_begin(&m, MSG_USER_PASSWD);
	ipc_put_z(&m, "alice@x.test");
	ipc_put_z(&m, "other words");
	call(ctl, &m);
	assert_int_equal(got.code, E_OK);
	assert_false(is_open(a));
	restart();
	assert_false(is_open(a));
}

static void
a_user_has_so_many(void **state)
{
	struct str first[2], last[2];
	static const char *const services[] = {"web", "jmap"};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		first[k] = login(services[k], "alice@x.test", "open sesame");
		for (unsigned i = 0; i < WEB_USER_MAX; i++) {
			assert_true(is_open(first[k]));
			pass(1);
			last[k] = login(services[k], "alice@x.test", "open sesame");
		}
		while (writer_pending() > 0)
			loop_once(10);
		/* The one unused for longest went: not the first, which was used. */
		assert_true(is_open(first[k]));
		assert_true(is_open(last[k]));
	}
	assert_int_equal(gone, 2);
	assert_int_equal(web_count(), 2 * WEB_USER_MAX);
	restart();
	assert_int_equal(web_count(), WEB_USER_MAX);
}

static void
a_user_logs_in_so_often(void **state)
{
	unsigned n = 0;

	(void)state;
	while (n < 400 && login("web", "alice@x.test", "open sesame").n > 0)
		n++;
	assert_in_range(n, 300, 399);
	assert_int_equal(got.u[0], AUTH_TEMP);
	assert_int_equal(login("web", "bob@x.test", "hocus pocus").n, 32);
	pass(60);
	assert_int_equal(login("web", "alice@x.test", "open sesame").n, 32);
}

static void
a_login_that_a_new_password_overtakes_gets_no_session(void **state)
{
	struct password_secret other = fixture_secret("new words");
	struct account alice;
	struct err e;
	struct web_row r = {.id = 1, .created = clock_wall(), .used = clock_wall()};

	(void)state;
	assert_int_equal(
	    accounts_user(authd.db, STR("alice@x.test"), &fixture_arena, &alice, NULL), 1);
	assert_int_equal(accounts_passwd(authd.db, STR("alice@x.test"), &other, 0, NULL), 0);
	assert_int_equal(web_db_add(authd.db, STR("alice@x.test"), alice.hash, &r, &e), -1);
	assert_int_equal(e.code, E_TEMP);
}

static void
addresses_are_those_that_lead_to_the_user(void **state)
{
	struct str token = login("web", "alice@x.test", "open sesame");

	(void)state;
	assert_int_equal(fixture_alias("sales@x.test", "alice@x.test", NULL), 0);
	assert_int_equal(fixture_alias("info@x.test", "sales@x.test", NULL), 0);
	assert_int_equal(fixture_alias("@x.test", "alice@x.test", NULL), 0);
	assert_int_equal(fixture_alias("bobs@x.test", "bob@x.test", NULL), 0);
	assert_int_equal(say(MSG_SESSION_ADDRESSES, token, NULL), E_OK);
	assert_int_equal(got.nv, 3);
	assert_true(str_eq_z(got.v[0], "alice@x.test"));
	assert_true(str_eq_z(got.v[1], "sales@x.test"));
	assert_true(str_eq_z(got.v[2], "info@x.test"));
}

static void
a_user_who_is_removed_is_logged_out(void **state)
{
	struct str token = login("web", "alice@x.test", "open sesame");
	struct password_secret again = fixture_secret("open sesame");

	(void)state;
	assert_int_equal(accounts_user_del(authd.db, STR("alice@x.test"), '+', false, NULL), 0);
	web_revoke(STR("alice@x.test"), true, 0);
	assert_false(is_open(token));
	assert_int_equal(accounts_gone_forget(authd.db, STR("alice@x.test"), NULL), 0);
	assert_int_equal(accounts_user_add(authd.db, STR("alice@x.test"), &again, 0, NULL), 0);
	restart();
	assert_false(is_open(token));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_token_says_who_it_is),
	    TEST(a_browser_shows_the_users_own_password_only),
	    TEST(browsers_stay_logged_in_over_a_restart_and_programs_do_not),
	    TEST(sessions_end_unused_and_of_age),
	    TEST(a_user_ends_own_sessions_and_no_others),
	    TEST(a_program_may_not_touch_the_account),
	    TEST(a_ticket_of_a_session_opens_its_users_mailbox_once),
	    TEST(a_new_password_ends_all_but_the_session_that_made_it),
	    TEST(an_app_password_wants_the_password_shown_lately),
	    TEST(an_app_password_says_when_it_was_last_used),
	    TEST(the_operator_sees_and_ends_them),
	    TEST(a_user_has_so_many),
	    TEST(a_user_logs_in_so_often),
	    TEST(a_login_that_a_new_password_overtakes_gets_no_session),
	    TEST(addresses_are_those_that_lead_to_the_user),
	    TEST(a_user_who_is_removed_is_logged_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
