/*
 * session.c - see session.h.
 *
 * A session waits either for the client (front has our challenge) or for a password to be checked
 * in a thread. Its answer goes out on the channel the question came from; one that was replaced
 * meanwhile drops it.
 */
#include "authd/session.h"

#include <sodium.h>
#include <sys/queue.h>

#include "authd/accounts.h"
#include "authd/app_used.h"
#include "authd/apppass.h"
#include "authd/authd.h"
#include "authd/cache.h"
#include "authd/guard.h"
#include "authd/lookup.h"
#include "authd/password.h"
#include "authd/renew.h"
#include "authd/sasl.h"
#include "authd/ticket.h"
#include "authd/token.h"
#include "authd/web.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "svc/metrics.h"

#define SESSION_MAGIC 0x53455353u
#define SWEEP_MS      5000u
#define CHECK_TRIES   2u

/* What a login gets. */
enum grant {
	GRANT_TICKET,
	GRANT_SENDER,  /* "smtp": a sender token */
	GRANT_BROWSER, /* "web": a session */
	GRANT_PROGRAM, /* "jmap": a session for a while */
	GRANT_PROOF    /* "prove": a ticket that nobody opens a mailbox with */
};

struct session {
	unsigned magic;
	uint64_t id;
	struct ipc_chan *chan; /* of the call to be answered */
	enum ipc_peer front;
	uint64_t call;
	enum ipc_type reply;
	enum grant grant;
	uint64_t conn, until, started;
	unsigned tries;
	bool checking;                   /* a thread has the password, or the session is held */
	bool gone;                       /* given up while checking */
	struct loop_timer *timer;        /* of being held */
	void (*then)(struct session *s); /* what follows it */
	enum auth_state state;           /* of the answer that is held */
	const char *why;
	struct str service, peer, sid, hash, app;
	struct arena a;
	struct sasl sasl;
	TAILQ_ENTRY(session) link;
	UT_hash_handle hh;
};

static TAILQ_HEAD(session_list, session) sessions = TAILQ_HEAD_INITIALIZER(sessions);
static struct session *by_id;
static struct loop_timer *sweeper;

static void
session_free(struct session *s)
{
	TAILQ_REMOVE(&sessions, s, link);
	HASH_DEL(by_id, s);
	loop_timer_free(&s->timer);
	sasl_done(&s->sasl);
	arena_free(&s->a);
	s->magic = 0;
	free(s);
}

/* ---- answers ---- */

static void
answer(struct session *s, enum auth_state state, struct str data, struct str user,
    struct str ticket, const char *text)
{
	struct ipc_out m;

	ipc_begin(&m, s->reply);
	ipc_put_u32(&m, state);
	ipc_put_u64(&m, state == AUTH_CONTINUE ? s->id : 0);
	ipc_put_str(&m, data);
	ipc_put_str(&m, user);
	ipc_put_str(&m, ticket);
	ipc_put_z(&m, text);
	ipc_reply(s->chan, s->call, &m);
}

static void
count(enum sasl_mech mech, bool ok)
{
	static const enum metric counters[SASL_MECHS][2] = {
	    [SASL_PLAIN] = {METRIC_AUTH_PLAIN_FAIL, METRIC_AUTH_PLAIN_OK},
	    [SASL_LOGIN] = {METRIC_AUTH_LOGIN_FAIL, METRIC_AUTH_LOGIN_OK},
	    [SASL_SCRAM_SHA_256] = {METRIC_AUTH_SCRAM_FAIL, METRIC_AUTH_SCRAM_OK},
	    [SASL_SCRAM_SHA_256_PLUS] = {METRIC_AUTH_SCRAM_FAIL, METRIC_AUTH_SCRAM_OK},
	};

	metric_add(counters[mech][ok], 1);
}

/* ---- what the guard says ---- */

static struct guard_login
login_of(const struct session *s)
{
	return (struct guard_login){
	    .front = s->front,
	    .service = s->service,
	    .peer = s->peer,
	    .user = s->sasl.user.n > 0 ? s->sasl.user : s->sasl.given,
	    .password = buf_view(&s->sasl.password),
	};
}

static void
held_on(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	s->checking = false;
	s->then(s);
}

/* The client waits; nothing else does. */
static void
hold(struct session *s, uint64_t ms, void (*then)(struct session *s))
{
	if (ms == 0) {
		then(s);
		return;
	}
	metric_add(METRIC_AUTH_DELAYED, 1);
	s->checking = true;
	s->then = then;
	if (s->timer == NULL)
		s->timer = loop_timer_new(held_on, s);
	loop_timer_set(s->timer, ms);
}

static void
tell_refusal(struct session *s)
{
	if (!s->gone)
		answer(s, s->state, STR(""), STR(""), STR(""), s->why);
	session_free(s);
}

/* A login that came to nothing. The client hears which kind, the log why. */
static void
refuse(struct session *s, enum auth_state state, const char *why)
{
	struct guard_login login = login_of(s);

	if (state != AUTH_TEMP)
		count(s->sasl.mech, false);
	log_info("auth.fail", LS("sid", s->sid), LS("user", s->sasl.given), LS("peer", s->peer),
	    LZ("mech", sasl_mech_name(s->sasl.mech)), LS("service", s->service), LZ("reason", why),
	    LU("ms", clock_ms() - s->started));
	s->state = state;
	s->why = arena_dupz(&s->a, str_z(why));
	hold(s, state == AUTH_FAIL ? guard_failed(&login) : 0, tell_refusal);
}

/* The last step: it has what it logged in for. */
static void
grant(struct session *s, struct str ticket)
{
	count(s->sasl.mech, true);
	if (s->app.n > 0)
		app_used(s->sasl.user, s->app);
	log_info("auth.ok", LS("sid", s->sid), LS("user", s->sasl.user), LS("peer", s->peer),
	    LZ("mech", sasl_mech_name(s->sasl.mech)), LS("service", s->service),
	    LS("secret", s->app.n ? s->app : STR("password")), LU("ms", clock_ms() - s->started));
	answer(s, AUTH_OK, STR(""), s->sasl.user, ticket, "");
	session_free(s);
}

static void
opened(void *arg, const unsigned char *token, const struct err *e)
{
	struct session *s = arg;
	struct web *w = token != NULL ? web_find(str_of(token, WEB_TOKEN)) : NULL;

	OBJ(s, SESSION_MAGIC);
	s->checking = false;
	if (token == NULL)
		refuse(s, AUTH_TEMP, e->text);
	else if (!s->gone)
		grant(s, str_of(token, WEB_TOKEN));
	else {
		/* Nobody will ever know the token. */
		if (w != NULL)
			web_end(w->user, w->row.id, 0, NULL, NULL);
		session_free(s);
	}
}

static void
admit(struct session *s)
{
	struct guard_login login = login_of(s);
	unsigned char ticket[TICKET_SIZE];

	guard_ok(&login);
	if (s->gone) {
		session_free(s);
		return;
	}
	if (s->grant == GRANT_BROWSER || s->grant == GRANT_PROGRAM) {
		s->checking = true;
		web_open(s->grant == GRANT_BROWSER ? WEB_BROWSER : WEB_PROGRAM, s->sasl.user,
		    s->hash, s->peer, opened, s);
		return;
	}
	if (s->grant == GRANT_SENDER)
		token_issue(s->sasl.user, false, ticket);
	else
		ticket_issue(s->sasl.user, s->service, s->front, s->conn, ticket);
	grant(s, str_of(ticket, sizeof(ticket)));
	sodium_memzero(ticket, sizeof(ticket));
}

static void
unable(struct session *s, const struct err *e)
{
	log_error("auth.lookup", LE(e));
	refuse(s, AUTH_TEMP, "cannot be checked now");
}

/* ---- passwords ---- */

static struct str
password_of(const struct session *s)
{
	return buf_view(&s->sasl.password);
}

static void check_now(struct session *s);

static void
checked(void *arg, bool fits)
{
	struct session *s = arg;
	struct account account;
	struct err e;
	int rc;

	OBJ(s, SESSION_MAGIC);
	s->checking = false;
	if (!fits) {
		refuse(s, AUTH_FAIL, s->hash.n ? "wrong password" : "no such user");
		return;
	}
	/* The password may have been changed, or its hash renewed, while the old one was checked.
	 */
	if ((rc = accounts_user(authd.db, s->sasl.user, &s->a, &account, &e)) < 0) {
		unable(s, &e);
		return;
	}
	if (rc == 0 || !str_eq(account.hash, s->hash)) {
		if (s->tries++ < CHECK_TRIES)
			check_now(s);
		else
			refuse(s, AUTH_TEMP, "changed meanwhile");
		return;
	}
	renew_if_stale(&account, password_of(s));
	cache_add(s->sasl.user, password_of(s));
	admit(s);
}

/* An app password of the user? Then its name is in s->app. 1, 0, -1. */
static int
fits_app(struct session *s, const struct account *account, struct err *e)
{
	char written[APPPASS_SIZE];
	unsigned char hash[APPPASS_HASH];
	struct apppass *apps = NULL;
	int n, found = 0;

	if (!apppass_normal(password_of(s), written))
		return 0;
	if ((n = accounts_apppasses(authd.db, account->id, &s->a, &apps, e)) < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		if (apps[i].salt.n != APPPASS_SALT || apps[i].hash.n != APPPASS_HASH)
			continue;
		apppass_hash(written, apps[i].salt, hash);
		if (sodium_memcmp(hash, apps[i].hash.p, APPPASS_HASH) == 0) {
			s->app = apps[i].name;
			found = 1;
		}
	}
	sodium_memzero(written, sizeof(written));
	return found;
}

static bool
too_many_checks(const struct session *s)
{
	const struct session *other;
	unsigned n = 0;

	TAILQ_FOREACH (other, &sessions, link)
		n += other->checking && str_eq(other->peer, s->peer);
	return n >= SESSION_PEER_CHECKS;
}

/* It has waited as long as the guard wants. */
static void
check_now(struct session *s)
{
	struct account account = {.id = 0};
	struct err e;
	int rc = 0;

	if (s->gone) {
		session_free(s);
		return;
	}
	if (s->sasl.user.n > 0) {
		/* A browser's session lasts: the password is seen to be the user's now. */
		if (s->grant != GRANT_BROWSER && cache_knows(s->sasl.user, password_of(s))) {
			admit(s);
			return;
		}
		rc = accounts_user(authd.db, s->sasl.user, &s->a, &account, &e);
	}
	s->hash = rc == 1 ? account.hash : STR("");
	if (rc == 1 && s->grant != GRANT_BROWSER && s->grant != GRANT_PROOF &&
	    (rc = fits_app(s, &account, &e)) == 1) {
		admit(s);
		return;
	}
	if (rc < 0) {
		unable(s, &e);
		return;
	}
	if (too_many_checks(s)) {
		refuse(s, AUTH_TEMP, "too many logins from one address");
		return;
	}
	if (password_check(s->hash, password_of(s), checked, s, &e) < 0) {
		refuse(s, AUTH_TEMP, e.text);
		return;
	}
	s->checking = true;
}

static void
check(struct session *s)
{
	struct guard_login login = login_of(s);
	uint64_t ms = guard_delay(&login);

	if (ms > 0 && too_many_checks(s))
		refuse(s, AUTH_TEMP, "too many logins from one address");
	else
		hold(s, ms, check_now);
}

/* ---- steps ---- */

/* SCRAM is over; the secret must still be the user's. */
static void
finish_scram_now(struct session *s)
{
	struct sasl_secrets secrets;
	struct err e;

	if (s->gone) {
		session_free(s);
		return;
	}
	if (lookup_users.secrets(NULL, s->sasl.user, &s->a, &secrets, &e) < 0) {
		unable(s, &e);
		return;
	}
	for (size_t i = 0; i < secrets.n; i++)
		if (sodium_memcmp(&secrets.keys[i], &s->sasl.key, sizeof(s->sasl.key)) == 0) {
			s->app = secrets.names[i];
			admit(s);
			return;
		}
	refuse(s, AUTH_FAIL, "changed meanwhile");
}

static void
deny_now(struct session *s)
{
	refuse(s, AUTH_FAIL, s->sasl.why.text);
}

/* A right proof waits as long as a wrong one. */
static void
finish_scram(struct session *s, bool right)
{
	struct guard_login login = login_of(s);

	hold(s, guard_delay(&login), right ? finish_scram_now : deny_now);
}

static void
go_on(struct session *s, enum sasl_result result)
{
	switch (result) {
	case SASL_CHALLENGE:
		answer(s, AUTH_CONTINUE, s->sasl.out, STR(""), STR(""), "");
		return;
	case SASL_CHECK:
		check(s);
		return;
	case SASL_DONE:
		finish_scram(s, true);
		return;
	case SASL_DENIED:
		finish_scram(s, false);
		return;
	case SASL_MALFORMED:
		refuse(s, AUTH_BAD, s->sasl.why.text);
		return;
	case SASL_UNABLE:
		unable(s, &s->sasl.why);
		return;
	}
}

/* What a front may ask for; false: nothing under that name, or not so. A form on a page is no SASL:
 * auth.mechanisms has no say in it, and there is nothing but a name and a password. */
static bool
take_grant(enum ipc_peer front, struct str service, enum sasl_mech mech, enum grant *out)
{
	static const struct {
		struct str service;
		enum ipc_peer front;
		enum grant grant;
	} services[] = {
	    {STR_INIT("smtp"), PEER_SMTPD, GRANT_SENDER},
	    {STR_INIT("imap"), PEER_IMAPD, GRANT_TICKET},
	    {STR_INIT("web"), PEER_WEBD, GRANT_BROWSER},
	    {STR_INIT("jmap"), PEER_WEBD, GRANT_PROGRAM},
	    {STR_INIT("prove"), PEER_WEBD, GRANT_PROOF},
	};

	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		if (services[i].front == front && str_eq(service, services[i].service)) {
			*out = services[i].grant;
			return front == PEER_WEBD ? mech == SASL_PLAIN
						  : mech != SASL_MECHS && authd.mechs[mech];
		}
	return false;
}

struct start {
	struct str service, mech, initial, peer, sid;
	bool has_initial, tls;
	struct scram_binding binding;
	uint64_t conn;
};

static int
read_start(struct ipc_in *m, struct start *in)
{
	in->service = ipc_get_str(m);
	in->mech = ipc_get_str(m);
	in->has_initial = ipc_get_u32(m) != 0;
	in->initial = ipc_get_str(m);
	in->peer = ipc_get_str(m);
	in->tls = ipc_get_u32(m) != 0;
	in->binding.exporter = ipc_get_str(m);
	in->binding.end_point = ipc_get_str(m);
	in->conn = ipc_get_u64(m);
	in->sid = ipc_get_str(m);
	return ipc_end(m);
}

static struct session *
session_new(struct ipc_chan *c, const struct start *in, enum sasl_mech mech)
{
	struct session *s = mem_alloc(sizeof(*s));

	s->magic = SESSION_MAGIC;
	randombytes_buf(&s->id, sizeof(s->id));
	s->front = ipc_peer_of(c);
	s->conn = in->conn;
	s->started = clock_ms();
	s->until = s->started + SESSION_MS;
	s->app = STR("");
	s->hash = STR("");
	arena_init(&s->a);
	s->service = arena_dup(&s->a, str_sub(in->service, 0, 16));
	s->peer = arena_dup(&s->a, str_sub(in->peer, 0, 64));
	s->sid = arena_dup(&s->a, str_sub(in->sid, 0, ID_LEN));
	sasl_init(&s->sasl, mech, &in->binding, &lookup_users);
	TAILQ_INSERT_TAIL(&sessions, s, link);
	HASH_ADD(hh, by_id, id, sizeof(s->id), s);
	return s;
}

static void
refuse_start(struct ipc_chan *c, uint64_t call, enum auth_state state, const char *why)
{
	struct session none = {.chan = c, .call = call, .reply = MSG_AUTH_START_R};

	answer(&none, state, STR(""), STR(""), STR(""), why);
}

void
session_start(struct ipc_chan *c, struct ipc_in *m)
{
	struct start in;
	enum sasl_mech mech;
	enum grant granted = GRANT_TICKET;
	struct session *s;

	if (read_start(m, &in) < 0)
		return;
	mech = sasl_mech_parse(in.mech);
	if (!take_grant(ipc_peer_of(c), in.service, mech, &granted)) {
		refuse_start(c, m->id, AUTH_BAD, "no such mechanism");
		return;
	}
	/* The fronts turn such clients away; one that came before may still be there. */
	if (guard_bans(in.peer)) {
		refuse_start(c, m->id, AUTH_TEMP, "banned");
		return;
	}
	if (HASH_COUNT(by_id) >= SESSION_MAX) {
		refuse_start(c, m->id, AUTH_TEMP, "too many logins");
		return;
	}
	in.binding.plus_offered = authd.mechs[SASL_SCRAM_SHA_256_PLUS] &&
				  (in.binding.exporter.n > 0 || in.binding.end_point.n > 0);
	s = session_new(c, &in, mech);
	s->chan = c;
	s->call = m->id;
	s->reply = MSG_AUTH_START_R;
	s->grant = granted;
	go_on(s, in.has_initial ? sasl_feed(&s->sasl, in.initial) : sasl_begin(&s->sasl));
}

static struct session *
find(struct ipc_chan *c, uint64_t id)
{
	struct session *s;

	HASH_FIND(hh, by_id, &id, sizeof(id), s);
	/* Another front's session is none of its business. */
	return s != NULL && s->front == ipc_peer_of(c) && !s->gone ? s : NULL;
}

void
session_step(struct ipc_chan *c, struct ipc_in *m)
{
	uint64_t id = ipc_get_u64(m);
	struct str data = ipc_get_str(m);
	struct session *s;

	if (ipc_end(m) < 0)
		return;
	s = find(c, id);
	if (s == NULL || s->checking) {
		struct session none = {.chan = c, .call = m->id, .reply = MSG_AUTH_STEP_R};

		answer(&none, AUTH_BAD, STR(""), STR(""), STR(""), "no such exchange");
		return;
	}
	s->chan = c;
	s->call = m->id;
	s->reply = MSG_AUTH_STEP_R;
	go_on(s, sasl_feed(&s->sasl, data));
}

void
session_abort(struct ipc_chan *c, struct ipc_in *m)
{
	uint64_t id = ipc_get_u64(m);
	struct session *s;

	if (ipc_end(m) < 0 || (s = find(c, id)) == NULL)
		return;
	if (s->checking)
		s->gone = true;
	else
		session_free(s);
}

/* ---- time ---- */

static void
sweep(void *arg)
{
	struct session *s, *next;

	(void)arg;
	/* In the order of their start, which is the order of their end. */
	for (s = TAILQ_FIRST(&sessions); s != NULL && s->until <= clock_ms(); s = next) {
		next = TAILQ_NEXT(s, link);
		if (!s->checking)
			session_free(s);
	}
	loop_timer_set(sweeper, SWEEP_MS);
}

void
session_init(void)
{
	sweeper = loop_timer_new(sweep, NULL);
	loop_timer_set(sweeper, SWEEP_MS);
}

void
session_done(void)
{
	while (!TAILQ_EMPTY(&sessions))
		session_free(TAILQ_FIRST(&sessions));
	loop_timer_free(&sweeper);
}
