/*
 * Agents and approvals as gk-mcpd, gk-webd, gk-mailboxd, gk-queue and the operator see them: real
 * channels, a real writer, the test is each of these.
 */
#include "authd/fixture.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "authd/agents.h"
#include "authd/cache.h"
#include "authd/guard.h"
#include "authd/operator.h"
#include "authd/password.h"
#include "authd/session.h"
#include "authd/ticket.h"
#include "authd/token.h"
#include "authd/web.h"
#include "authd/web_calls.h"
#include "authd/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "ipc/kinds.h"
#include "svc/svc.h"

enum side {
	WEBD,
	MCPD,
	CTL,
	MAILBOXD,
	QUEUE,
	SIDES
};

static const enum ipc_peer peers[SIDES] = {
    PEER_WEBD, PEER_MCPD, PEER_CTL, PEER_MAILBOXD, PEER_QUEUE};
static struct ipc_chan *ours[SIDES], *theirs[SIDES], *nobody;

static struct {
	bool here;
	enum err_code code;
	struct str v[64];
	uint64_t u[8];
	size_t nv, nu;
} got;

static unsigned gone, revoked;

struct ipc_chan *
svc_channel(enum ipc_peer peer)
{
	for (unsigned i = 0; i < SIDES; i++)
		if (peers[i] == peer)
			return theirs[i];
	return nobody;
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
	else
		assert_true(web_calls(c, m) || agents_message(c, m) || operator_message(c, m));
}

static void
notice(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	gone += m->type == MSG_AGENT_GONE;
	revoked += m->type == MSG_USER_REVOKED;
	(void)ipc_get_str(m);
	if (m->type == MSG_USER_REVOKED)
		(void)ipc_get_u32(m);
	else
		(void)ipc_get_str(m);
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
		for (uint32_t n = ipc_get_list(m); n > 0; n--)
			got.v[got.nv++] = arena_dup(&fixture_arena, ipc_get_item(m));
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

static enum err_code
call(enum side side, struct ipc_out *m)
{
	memset(&got, 0, sizeof(got));
	ipc_call(ours[side], m, answered, NULL);
	for (int i = 0; i < 1500 && !got.here; i++)
		loop_once(20);
	assert_true(got.here);
	return got.code;
}

/* Words as the row wants them: 's' a string, 'u' and 'q' numbers. */
static enum err_code
ask(enum side side, enum ipc_type type, ...)
{
	struct ipc_out m;
	va_list ap;

	ipc_begin(&m, type);
	va_start(ap, type);
	for (const char *f = ipc_kinds(type); *f != '\0'; f++)
		if (*f == 's')
			ipc_put_str(&m, va_arg(ap, struct str));
		else if (*f == 'u')
			ipc_put_u32(&m, va_arg(ap, unsigned));
		else
			ipc_put_u64(&m, va_arg(ap, uint64_t));
	va_end(ap);
	return call(side, &m);
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
	cache_init();
	guard_configure(&(struct guard_rules){.failures = 0});
	session_init();
	web_configure(&(struct web_rules){14 * 86400, 90 * 86400});
	for (unsigned i = 0; i < SIDES; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
			return -1;
		ours[i] = ipc_new(fd[0], peers[i], PEER_AUTHD, notice, NULL, NULL);
		theirs[i] = ipc_new(fd[1], PEER_AUTHD, peers[i], serve, NULL, NULL);
	}
	nobody = ipc_new(-1, PEER_AUTHD, PEER_SMTPD, NULL, NULL, NULL);
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
	for (unsigned i = 0; i < SIDES; i++) {
		ipc_free(&ours[i]);
		ipc_free(&theirs[i]);
	}
	ipc_free(&nobody);
	password_done();
	writer_done();
	session_done();
	agents_done();
	web_done();
	ticket_done();
	token_done();
	cache_done();
	guard_done();
	return fixture_down(state);
}

#define ALICE STR("alice@x.test")
#define BOB   STR("bob@x.test")

static struct str
new_agent(struct str user, const char *name, unsigned scopes)
{
	assert_int_equal(ask(CTL, MSG_AGENT_ADD, user, str_z(name), scopes, 0u, (uint64_t)0), E_OK);
	assert_int_equal(got.v[0].n, AGENT_TOKEN_LEN);
	return got.v[0];
}

static struct str
open_agent(struct str token)
{
	if (ask(MCPD, MSG_AGENT_OPEN, token, STR("192.0.2.1"), STR("client/1")) != E_OK)
		return STR("");
	return got.v[2];
}

static struct str
ticket(struct str token, struct str session, uint64_t conn)
{
	if (ask(MCPD, MSG_AGENT_TICKET, token, session, conn) != E_OK)
		return STR("");
	return got.v[0];
}

static enum err_code
redeem_ticket(struct str t, enum ipc_peer front, uint64_t conn)
{
	return ask(MAILBOXD, MSG_AGENT_REDEEM, t, (unsigned)front, conn);
}

static enum auth_state
log_in(const char *service, const char *user, struct str password)
{
	struct buf words;
	struct ipc_out m;

	buf_init(&words, 500);
	buf_putc(&words, '\0');
	buf_puts(&words, user);
	buf_putc(&words, '\0');
	buf_str(&words, password);
	ipc_begin(&m, MSG_AUTH_START);
	ipc_put_z(&m, service);
	ipc_put_z(&m, "PLAIN");
	ipc_put_u32(&m, 1);
	ipc_put_str(&m, buf_view(&words));
	ipc_put_z(&m, "192.0.2.1");
	ipc_put_u32(&m, 1);
	ipc_put_z(&m, "");
	ipc_put_z(&m, "");
	ipc_put_u64(&m, 42);
	ipc_put_z(&m, "sid");
	buf_free(&words);
	assert_int_equal(call(WEBD, &m), E_OK);
	return (enum auth_state)got.u[0];
}

static struct str
browser(void)
{
	assert_int_equal(log_in("web", "alice@x.test", STR("open sesame")), AUTH_OK);
	return got.v[2];
}

/* ---- agents ---- */

static void
test_add_open_ticket(void **state)
{
	struct str token = new_agent(ALICE, "desk", AGENT_READ | AGENT_SEND), sid, t;

	(void)state;
	sid = open_agent(token);
	assert_true(agent_session_valid(sid));
	assert_true(str_eq_z(got.v[0], "alice@x.test"));
	assert_true(str_eq_z(got.v[1], "desk"));
	assert_int_equal(got.u[0], AGENT_READ | AGENT_SEND);
	assert_int_equal(got.u[1], AGENT_POLICY_DEFAULT);
	assert_int_equal(got.u[2], AGENT_RATE);
	t = ticket(token, sid, 7);
	assert_int_equal(redeem_ticket(t, PEER_MCPD, 7), E_OK);
	assert_true(str_eq_z(got.v[0], "alice@x.test"));
	assert_true(str_eq_z(got.v[1], "desk"));
	assert_true(str_eq(got.v[2], sid));
	/* Once. */
	assert_int_equal(redeem_ticket(t, PEER_MCPD, 7), E_DENIED);
	/* Of that connection and that front. */
	assert_int_equal(redeem_ticket(ticket(token, sid, 8), PEER_MCPD, 9), E_DENIED);
	assert_int_equal(redeem_ticket(ticket(token, sid, 8), PEER_WEBD, 8), E_DENIED);
}

static void
test_session_of_another(void **state)
{
	struct str mine = new_agent(ALICE, "a", AGENT_READ), its = new_agent(BOB, "b", AGENT_READ);
	struct str sid = open_agent(mine), other = open_agent(its);

	(void)state;
	assert_int_equal(ticket(mine, other, 1).n, 0);
	assert_int_equal(got.code, E_DENIED);
	assert_int_equal(ticket(its, sid, 1).n, 0);
	assert_int_equal(ticket(STR(""), sid, 1).n, 0);
	assert_int_equal(ticket(mine, STR("0000000000000000"), 1).n, 0);
	assert_true(ticket(mine, sid, 1).n > 0);
}

static void
test_bad_tokens(void **state)
{
	struct str token = new_agent(ALICE, "desk", AGENT_READ);
	char wrong[AGENT_TOKEN_LEN + 1];

	(void)state;
	memcpy(wrong, token.p, token.n);
	wrong[10] = wrong[10] == '0' ? '1' : '0';
	assert_int_equal(open_agent(str_of(wrong, token.n)).n, 0);
	assert_int_equal(open_agent(str_sub(token, 0, token.n - 1)).n, 0);
	assert_int_equal(open_agent(STR("")).n, 0);
	assert_int_equal(open_agent(STR("00000000000000000000000000000000")).n, 0);
	/* Upper-case digits are another text. */
	assert_true(open_agent(token).n > 0);
}

/* A credential of its own kind. */
static void
test_token_is_no_password(void **state)
{
	struct str token = new_agent(ALICE, "desk", AGENT_SCOPES);

	(void)state;
	assert_int_equal(log_in("web", "alice@x.test", token), AUTH_FAIL);
	assert_int_equal(log_in("jmap", "alice@x.test", token), AUTH_FAIL);
	assert_int_equal(log_in("prove", "alice@x.test", token), AUTH_FAIL);
	/* And no session of the web: neither as it is shown nor its octets. */
	assert_int_equal(ask(WEBD, MSG_SESSION_OPEN, token, STR("p"), STR("a")), E_DENIED);
	assert_int_equal(
	    ask(WEBD, MSG_SESSION_OPEN, str_sub(token, 4, 32), STR("p"), STR("a")), E_DENIED);
	assert_int_equal(ask(WEBD, MSG_SESSION_TICKET, token, (uint64_t)1), E_DENIED);
	/* Nor is a page's session an agent. */
	assert_int_equal(open_agent(browser()).n, 0);
}

static void
test_revoked(void **state)
{
	struct str token = new_agent(ALICE, "desk", AGENT_READ), sid = open_agent(token);

	(void)state;
	assert_int_equal(ask(CTL, MSG_AGENT_REVOKE, ALICE, STR("desk")), E_OK);
	loop_once(0);
	assert_int_equal(gone, 1);
	assert_int_equal(revoked, 1); /* what lives of it in the owner ends */
	assert_int_equal(ticket(token, sid, 1).n, 0);
	assert_int_equal(open_agent(token).n, 0);
	/* It stays to be read, and its name taken. */
	assert_int_equal(ask(CTL, MSG_AGENT_LIST, ALICE), E_OK);
	assert_true(str_eq_z(got.v[0], "desk"));
	assert_true(str_eq_z(got.v[7], "1"));
	assert_true(str_eq_z(got.v[8], AGENT_ASSISTANT));
	assert_int_equal(
	    ask(CTL, MSG_AGENT_ADD, ALICE, STR("desk"), AGENT_READ, 0u, (uint64_t)0), E_EXISTS);
	assert_int_equal(ask(CTL, MSG_AGENT_REVOKE, ALICE, STR("nobody")), E_NOTFOUND);
	assert_int_equal(ask(CTL, MSG_AGENT_REVOKE, BOB, STR("desk")), E_NOTFOUND);
}

static void
test_expired(void **state)
{
	uint64_t until = (uint64_t)clock_wall() + 100;
	struct str token, sid;

	(void)state;
	assert_int_equal(ask(CTL, MSG_AGENT_ADD, ALICE, STR("desk"), AGENT_READ, 0u, until), E_OK);
	token = got.v[0];
	sid = open_agent(token);
	assert_true(sid.n > 0);
	clock_advance(101000);
	assert_int_equal(ticket(token, sid, 1).n, 0);
	assert_int_equal(open_agent(token).n, 0);
	assert_int_equal(
	    ask(CTL, MSG_AGENT_ADD, ALICE, STR("late"), AGENT_READ, 0u, (uint64_t)1), E_INVAL);
}

static void
test_unused_session_ends(void **state)
{
	struct str token = new_agent(ALICE, "desk", AGENT_READ), sid = open_agent(token);

	(void)state;
	clock_advance((AGENT_IDLE_S - 1) * 1000);
	assert_true(ticket(token, sid, 1).n > 0);
	clock_advance((AGENT_IDLE_S - 1) * 1000);
	assert_true(ticket(token, sid, 2).n > 0);
	clock_advance(AGENT_IDLE_S * 1000);
	assert_int_equal(ticket(token, sid, 3).n, 0);
	assert_true(open_agent(token).n > 0);
}

static void
test_limits(void **state)
{
	struct str token = new_agent(ALICE, "desk", AGENT_READ), first = open_agent(token);
	char name[16];

	(void)state;
	for (unsigned i = 0; i < AGENT_SESSIONS; i++) {
		clock_advance(1000);
		assert_true(open_agent(token).n > 0);
	}
	assert_int_equal(ticket(token, first, 1).n, 0);
	for (unsigned i = 1; i < AGENTS_USER_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		(void)new_agent(ALICE, name, AGENT_READ);
	}
	assert_int_equal(
	    ask(CTL, MSG_AGENT_ADD, ALICE, STR("more"), AGENT_READ, 0u, (uint64_t)0), E_LIMIT);
	assert_int_equal(
	    ask(CTL, MSG_AGENT_ADD, ALICE, STR("a b"), AGENT_READ, 0u, (uint64_t)0), E_INVAL);
	assert_int_equal(
	    ask(CTL, MSG_AGENT_ADD, ALICE, STR("z"), 1u << 7, 0u, (uint64_t)0), E_INVAL);
	assert_int_equal(
	    ask(CTL, MSG_AGENT_ADD, ALICE, STR(AGENT_ASSISTANT), AGENT_READ, 0u, (uint64_t)0),
	    E_INVAL);
}

static void
test_in_the_browser(void **state)
{
	struct str web = browser(), token;

	(void)state;
	assert_int_equal(
	    ask(WEBD, MSG_WEB_AGENT_ADD, web, STR("desk"), AGENT_READ, 10u, (uint64_t)0), E_OK);
	token = got.v[0];
	assert_true(open_agent(token).n > 0);
	assert_int_equal(got.u[2], 10);
	assert_int_equal(
	    ask(WEBD, MSG_WEB_AGENT_POLICY, web, STR("desk"), STR("delete=never")), E_OK);
	assert_true(open_agent(token).n > 0);
	assert_int_equal(agent_policy_get((uint32_t)got.u[1], AGENT_CLASS_DELETE), AGENT_NEVER);
	assert_int_equal(
	    ask(WEBD, MSG_WEB_AGENT_POLICY, web, STR("desk"), STR("send=free")), E_INVAL);
	/* Later it takes the password again; to take something back does not. */
	clock_advance(WEB_PROVEN_S * 1000);
	assert_int_equal(
	    ask(WEBD, MSG_WEB_AGENT_ADD, web, STR("two"), AGENT_READ, 0u, (uint64_t)0), E_PROTO);
	assert_int_equal(
	    ask(WEBD, MSG_WEB_AGENT_POLICY, web, STR("desk"), STR("delete=free")), E_PROTO);
	assert_int_equal(ask(WEBD, MSG_WEB_AGENT_REVOKE, web, STR("desk")), E_OK);
	assert_int_equal(ask(WEBD, MSG_WEB_AGENT_LIST, web), E_OK);
	assert_true(str_eq_z(got.v[7], "1"));
	assert_int_equal(ask(WEBD, MSG_WEB_AGENT_LIST, token), E_DENIED);
}

static void
test_assistant(void **state)
{
	struct str web = browser(), key, sid;

	(void)state;
	assert_int_equal(ask(WEBD, MSG_ASSISTANT_OPEN, STR("no such")), E_DENIED);
	assert_int_equal(ask(WEBD, MSG_ASSISTANT_OPEN, web), E_OK);
	key = got.v[0];
	sid = open_agent(key);
	assert_true(str_eq_z(got.v[1], AGENT_ASSISTANT));
	assert_int_equal(got.u[0], AGENT_SCOPES);
	assert_true(ticket(key, sid, 1).n > 0);
	/* Another page of that browser has its own, and takes nobody's; but not any number. */
	for (unsigned i = 1; i < 16; i++)
		assert_int_equal(ask(WEBD, MSG_ASSISTANT_OPEN, web), E_OK);
	assert_true(open_agent(key).n > 0);
	assert_int_equal(ask(WEBD, MSG_ASSISTANT_OPEN, web), E_OK);
	assert_int_equal(open_agent(key).n, 0);
	assert_int_equal(ask(WEBD, MSG_ASSISTANT_OPEN, web), E_OK);
	key = got.v[0];
	sid = open_agent(key);
	/* It ends with the page's session, and the key with it. */
	assert_int_equal(ask(WEBD, MSG_SESSION_END, web, STR("")), E_OK);
	assert_int_equal(ticket(key, sid, 2).n, 0);
	assert_int_equal(open_agent(key).n, 0);
	/* Its policy is kept like any other's. */
	assert_int_equal(
	    ask(CTL, MSG_AGENT_POLICY, ALICE, STR(AGENT_ASSISTANT), STR("delete=never")), E_OK);
	assert_int_equal(ask(CTL, MSG_AGENT_LIST, ALICE), E_OK);
	assert_true(str_find(got.v[2], STR("delete=never")) < got.v[2].n);
	assert_int_equal(ask(CTL, MSG_AGENT_REVOKE, ALICE, STR(AGENT_ASSISTANT)), E_OK);
	web = browser();
	assert_int_equal(ask(WEBD, MSG_ASSISTANT_OPEN, web), E_OK);
	assert_int_equal(open_agent(got.v[0]).n, 0);
}

static void
test_a_new_password_ends_sessions(void **state)
{
	struct str token = new_agent(ALICE, "desk", AGENT_READ), sid = open_agent(token);

	(void)state;
	assert_int_equal(ask(CTL, MSG_USER_PASSWD, ALICE, STR("another one")), E_OK);
	assert_int_equal(ticket(token, sid, 1).n, 0);
	assert_true(open_agent(token).n > 0);
}

/* ---- approvals ---- */

#define SID   STR("0123456789abcdef")
#define OTHER STR("fedcba9876543210")

static struct str
digest(char c)
{
	static char v[4][AGENT_DIGEST];
	static unsigned next;
	char *p = v[next++ % 4];

	memset(p, c, AGENT_DIGEST);
	return str_of(p, AGENT_DIGEST);
}

static struct str
agent_token(struct str user, struct str session)
{
	assert_int_equal(ask(MAILBOXD, MSG_AGENT_TOKEN, user, session), E_OK);
	return got.v[0];
}

static enum err_code
mint(struct str web, struct str session, struct str d)
{
	return ask(WEBD, MSG_APPROVAL_MINT, web, session, d, STR("to bob"));
}

static enum err_code
redeem(struct str token, struct str d)
{
	return ask(QUEUE, MSG_APPROVAL_REDEEM, token, d, STR("mid1"));
}

static void
test_approved_once(void **state)
{
	struct str web = browser(), token = agent_token(ALICE, SID), id;

	(void)state;
	assert_int_equal(redeem(token, digest('a')), E_DENIED);
	assert_int_equal(mint(web, SID, digest('a')), E_OK);
	id = got.v[0];
	assert_int_equal(redeem(token, digest('b')), E_DENIED);
	assert_int_equal(redeem(token, digest('a')), E_OK);
	assert_true(str_eq(got.v[0], id));
	assert_int_equal(redeem(token, digest('a')), E_DENIED);
	/* Twice approved is good twice. */
	assert_int_equal(mint(web, SID, digest('a')), E_OK);
	assert_int_equal(mint(web, SID, digest('a')), E_OK);
	assert_int_equal(redeem(token, digest('a')), E_OK);
	assert_int_equal(redeem(token, digest('a')), E_OK);
	assert_int_equal(redeem(token, digest('a')), E_DENIED);
}

static void
test_approved_for_another(void **state)
{
	struct str web = browser();

	(void)state;
	assert_int_equal(mint(web, SID, digest('a')), E_OK);
	assert_int_equal(redeem(agent_token(BOB, SID), digest('a')), E_DENIED);
	assert_int_equal(redeem(agent_token(ALICE, OTHER), digest('a')), E_DENIED);
	assert_int_equal(redeem(STR("no token"), digest('a')), E_DENIED);
	assert_int_equal(redeem(agent_token(ALICE, SID), STR("short")), E_INVAL);
	assert_int_equal(redeem(agent_token(ALICE, SID), digest('a')), E_OK);
}

/* Whoever has the user's plain word needs no approval, and can use none. */
static void
test_a_plain_token(void **state)
{
	unsigned char raw[TOKEN_SIZE];
	struct str plain = str_of(raw, sizeof(raw));

	(void)state;
	token_issue(ALICE, false, raw);
	assert_int_equal(mint(browser(), SID, digest('a')), E_OK);
	assert_int_equal(redeem(plain, digest('a')), E_DENIED);
	assert_int_equal(ask(QUEUE, MSG_SENDER_VOUCH, plain, ALICE), E_OK);
	assert_int_equal(got.v[0].n, 0);
	assert_int_equal(ask(QUEUE, MSG_SENDER_VOUCH, plain, BOB), E_DENIED);
	assert_int_equal(ask(QUEUE, MSG_SENDER_VOUCH, STR(""), ALICE), E_DENIED);
	assert_int_equal(ask(QUEUE, MSG_SENDER_VOUCH, agent_token(ALICE, SID), ALICE), E_OK);
	assert_true(str_eq(got.v[0], SID));
}

static enum err_code
settle(struct str user, struct str session, struct str d, int64_t since)
{
	return ask(MAILBOXD, MSG_APPROVAL_SETTLE, user, session, d, (uint64_t)since);
}

/* Nobody waits for it any more: it is used, or never will be. */
static void
test_settled(void **state)
{
	struct str web = browser(), token = agent_token(ALICE, SID);
	int64_t now = clock_wall();

	(void)state;
	assert_int_equal(settle(ALICE, SID, digest('a'), now), E_OK);
	assert_int_equal(got.u[0], 0);
	assert_int_equal(mint(web, SID, digest('a')), E_OK);
	/* Not by another name, nor of another time. */
	assert_int_equal(settle(BOB, SID, digest('a'), now), E_OK);
	assert_int_equal(settle(ALICE, OTHER, digest('a'), now), E_OK);
	assert_int_equal(settle(ALICE, SID, digest('b'), now), E_OK);
	assert_int_equal(settle(ALICE, SID, digest('a'), clock_wall() + 100), E_OK);
	assert_int_equal(got.u[0], 0);
	assert_int_equal(redeem(token, digest('a')), E_OK);
	assert_int_equal(settle(BOB, SID, digest('a'), now), E_OK);
	assert_int_equal(got.u[0], 0);
	assert_int_equal(settle(ALICE, SID, digest('a'), now), E_OK);
	assert_int_equal(got.u[0], 1);
	assert_true(str_eq_z(got.v[0], "mid1"));
	/* One that was not used is over, also where one was. */
	assert_int_equal(mint(web, SID, digest('a')), E_OK);
	assert_int_equal(mint(web, SID, digest('b')), E_OK);
	assert_int_equal(settle(ALICE, SID, digest('a'), now), E_OK);
	assert_int_equal(redeem(token, digest('a')), E_DENIED);
	assert_int_equal(settle(ALICE, SID, digest('b'), now), E_OK);
	assert_int_equal(got.u[0], 0);
	assert_int_equal(redeem(token, digest('b')), E_DENIED);
	assert_int_equal(mint(web, SID, digest('b')), E_OK);
	assert_int_equal(redeem(token, digest('b')), E_OK);
	assert_int_equal(settle(ALICE, STR("x"), digest('b'), now), E_INVAL);
}

static void
test_approval_expires(void **state)
{
	struct str token = agent_token(ALICE, SID);

	(void)state;
	assert_int_equal(mint(browser(), SID, digest('a')), E_OK);
	clock_advance(APPROVAL_LIFE_S * 1000);
	assert_int_equal(redeem(token, digest('a')), E_DENIED);
}

static void
test_who_may_approve(void **state)
{
	struct str web = browser(), agent = new_agent(ALICE, "desk", AGENT_SCOPES), program;

	(void)state;
	assert_int_equal(mint(agent, SID, digest('a')), E_DENIED);
	assert_int_equal(log_in("jmap", "alice@x.test", STR("open sesame")), AUTH_OK);
	program = got.v[2];
	assert_int_equal(mint(program, SID, digest('a')), E_PERM);
	assert_int_equal(mint(web, STR("x"), digest('a')), E_INVAL);
	clock_advance(WEB_PROVEN_S * 1000);
	assert_int_equal(mint(web, SID, digest('a')), E_PROTO);
	assert_int_equal(
	    ask(CTL, MSG_APPROVAL_ACCEPT, ALICE, SID, digest('a'), STR("to bob")), E_OK);
	assert_int_equal(
	    ask(CTL, MSG_APPROVAL_ACCEPT, STR("eve@x.test"), SID, digest('a'), STR("")),
	    E_NOTFOUND);
	assert_int_equal(redeem(agent_token(ALICE, SID), digest('a')), E_OK);
}

static void
test_action(void **state)
{
	(void)state;
	assert_int_equal(mint(browser(), SID, digest('a')), E_OK);
	assert_int_equal(ask(MAILBOXD, MSG_APPROVAL_ACTION, BOB, SID, digest('a')), E_DENIED);
	assert_int_equal(ask(MAILBOXD, MSG_APPROVAL_ACTION, ALICE, SID, digest('a')), E_OK);
	assert_int_equal(ask(MAILBOXD, MSG_APPROVAL_ACTION, ALICE, SID, digest('a')), E_DENIED);
}

/* What was used is used after a restart too, whenever that was. */
static void
test_used_is_durable(void **state)
{
	struct str token = agent_token(ALICE, SID);
	struct db *again;
	uint64_t id;
	struct err e;

	(void)state;
	assert_int_equal(mint(browser(), SID, digest('a')), E_OK);
	assert_int_equal(redeem(token, digest('a')), E_OK);
	again = accounts_open(&e);
	assert_non_null(again);
	assert_int_equal(agents_db_redeem(again, ALICE, SID, (const unsigned char *)digest('a').p,
			     STR("mid2"), clock_wall(), &id, &e),
	    -1);
	assert_int_equal(e.code, E_DENIED);
	db_close(&again);
}

/* A version 4 goes on as it was. */
static void
test_migration(void **state)
{
	struct str *rows;
	struct db *again;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(
	    db_exec(
		authd.db, "DROP TABLE agents; DROP TABLE approvals; PRAGMA user_version = 4", &e),
	    0);
	again = accounts_open(&e);
	assert_non_null(again);
	assert_int_equal(accounts_is_user(again, ALICE, &e), 1);
	assert_int_equal(agents_db_list(again, ALICE, &fixture_arena, &rows, &n, &e), 0);
	assert_int_equal(n, 8);
	assert_int_equal(agents_db_policy(again, ALICE, STR(AGENT_ASSISTANT), 1, &e), 0);
	db_close(&again);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_add_open_ticket),
	    T(test_session_of_another),
	    T(test_bad_tokens),
	    T(test_token_is_no_password),
	    T(test_revoked),
	    T(test_expired),
	    T(test_unused_session_ends),
	    T(test_limits),
	    T(test_in_the_browser),
	    T(test_assistant),
	    T(test_a_new_password_ends_sessions),
	    T(test_approved_once),
	    T(test_approved_for_another),
	    T(test_a_plain_token),
	    T(test_settled),
	    T(test_approval_expires),
	    T(test_who_may_approve),
	    T(test_action),
	    T(test_used_is_durable),
	    T(test_migration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
