/*
 * webauth.c - see webauth.h.
 *
 * A credential that is not known is looked up once, however many requests show it meanwhile: they
 * wait together. What was found is an entry; a stale one is asked for again by its token, so that
 * authd sees that the session is used, and a program's password need not be checked each time. An
 * exchange that goes on for long (a WebSocket, a stream of events) has a hold on its session, which
 * is asked for now and then as well.
 */
#include "webd/webauth.h"

#include <sodium.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "svc/svc.h"

#define KEY         32u
#define AGENT_MAX   256u
#define RETRY_AFTER "5"
#define LISTENERS   4u
#define HOLD_MS     120000u /* a session is asked for within twice that; programs' last 10 minutes */

struct key {
	unsigned char octets[KEY];
};

/* What authd has said of a credential. */
struct entry {
	struct key key;
	unsigned char token[WEBAUTH_TOKEN];
	char *user, *id;
	bool browser;
	int64_t created, proven, until;
	uint64_t fresh, idle; /* clock_ms until then */
	TAILQ_ENTRY(entry) used;
	UT_hash_handle hh;
};

struct waiter {
	struct exchange *x;
	struct look *look; /* NULL: it is over */
	webauth_fn fn;
	TAILQ_ENTRY(waiter) link;
};

/* A question to authd that is under way. */
struct look {
	struct key key;
	unsigned char token[WEBAUTH_TOKEN];
	bool has_password; /* plain: name and password, as SASL PLAIN has them */
	char *plain;
	size_t nplain;
	char *peer, *agent, *sid;
	TAILQ_HEAD(, waiter) waiters;
	UT_hash_handle hh;
};

/* An exchange that was admitted, in whose arena this lives. */
struct hold {
	struct exchange *x;
	const struct webauth *who;
	bool long_lived; /* it was there the last time too */
	TAILQ_ENTRY(hold) link;
};

static TAILQ_HEAD(, hold) holds = TAILQ_HEAD_INITIALIZER(holds);
static struct loop_timer *holder;
static struct entry *entries;
static TAILQ_HEAD(, entry) by_use = TAILQ_HEAD_INITIALIZER(by_use); /* longest ago first */
static struct look *looks;
static webauth_gone_fn listeners[LISTENERS];
static unsigned char secret[KEY]; /* drawn at the start: keys mean nothing to others */

/* ---- what is known ---- */

static void
forget(struct entry *n)
{
	HASH_DEL(entries, n);
	TAILQ_REMOVE(&by_use, n, used);
	free(n->user);
	free(n->id);
	sodium_memzero(n, sizeof(*n));
	free(n);
}

static struct entry *
find(const struct key *key)
{
	struct entry *n;

	while ((n = TAILQ_FIRST(&by_use)) != NULL && n->idle <= clock_ms())
		forget(n);
	HASH_FIND(hh, entries, key, sizeof(*key), n);
	if (n == NULL)
		return NULL;
	TAILQ_REMOVE(&by_use, n, used);
	TAILQ_INSERT_TAIL(&by_use, n, used);
	n->idle = clock_ms() + WEBAUTH_IDLE_MS;
	return n;
}

static struct key
key_of(const struct credential *c)
{
	crypto_generichash_state state;
	unsigned char kind = c->kind == CREDENTIAL_BASIC;
	uint64_t len = c->user.n;
	struct key k;

	crypto_generichash_init(&state, secret, sizeof(secret), sizeof(k.octets));
	crypto_generichash_update(&state, &kind, 1);
	if (c->kind == CREDENTIAL_BASIC) {
		crypto_generichash_update(&state, (const unsigned char *)&len, sizeof(len));
		crypto_generichash_update(&state, (const unsigned char *)c->user.p, c->user.n);
		crypto_generichash_update(
		    &state, (const unsigned char *)c->password.p, c->password.n);
	} else
		crypto_generichash_update(&state, c->token, sizeof(c->token));
	crypto_generichash_final(&state, k.octets, sizeof(k.octets));
	return k;
}

/* ---- answers ---- */

/* RFC 9110 11.6.1. A browser would ask for a name and a password in a window of its own where Basic
 * is offered: it is told of to those who are none. */
static void
challenge(struct exchange *x)
{
	exchange_set(x, "WWW-Authenticate", STR("Bearer realm=\"GK Mail\""));
	if (exchange_field(x, "Sec-Fetch-Site").p == NULL)
		exchange_set(
		    x, "WWW-Authenticate", STR("Basic realm=\"GK Mail\", charset=\"UTF-8\""));
}

void
webauth_refuse(struct exchange *x)
{
	challenge(x);
	exchange_problem(x, 401, "Nobody is logged in here.");
}

/* Words of authd's in a place where quotes are not escaped. */
static const char *
plain_words(struct exchange *x, const char *text)
{
	char *out = arena_dupz(&x->arena, str_z(text));

	for (char *p = out; *p != '\0'; p++)
		if (*p == '"' || *p == '\\' || is_cntl(*p) || (unsigned char)*p > 126)
			*p = '?';
	return out;
}

void
webauth_problem(struct exchange *x, const struct err *e)
{
	const char *words = plain_words(x, e->text);

	switch ((unsigned)e->code) {
	case E_DENIED:
		webauth_refuse(x);
		return;
	case E_PERM:
		exchange_problem(x, 403, words);
		return;
	case E_PROTO:
		exchange_problem_with(x, 403, words, STR(",\"code\":\"password-needed\""));
		return;
	case E_INVAL:
		exchange_problem(x, 400, words);
		return;
	case E_NOTFOUND:
		exchange_problem(x, 404, words);
		return;
	case E_EXISTS:
	case E_LIMIT:
		exchange_problem(x, 409, words);
		return;
	default:
		log_warn("web.auth", LZ("sid", x->sid), LE(e));
		exchange_set(x, "Retry-After", STR(RETRY_AFTER));
		exchange_problem(x, 503, "It cannot be done now. Try again in a moment.");
	}
}

static void
release(void *arg)
{
	struct hold *h = arg;

	TAILQ_REMOVE(&holds, h, link);
}

static void
hold(struct exchange *x, const struct webauth *who)
{
	struct hold *h = arena_new(&x->arena, struct hold);

	h->x = x;
	h->who = who;
	TAILQ_INSERT_TAIL(&holds, h, link);
	arena_defer(&x->arena, release, h);
}

/* fn may do with x what it likes from now on. */
static void
admit(struct exchange *x, const struct entry *n, webauth_fn fn)
{
	struct webauth *who = arena_new(&x->arena, struct webauth);

	*who = (struct webauth){
	    .user = arena_dup(&x->arena, str_z(n->user)),
	    .id = arena_dup(&x->arena, str_z(n->id)),
	    .token = arena_dup(&x->arena, str_of(n->token, sizeof(n->token))),
	    .browser = n->browser,
	    .created = n->created,
	    .proven = n->proven,
	    .until = n->until,
	};
	exchange_set_user(x, who->user);
	hold(x, who);
	fn(x, who);
}

/* ---- asking authd ---- */

static void
look_free(struct look *l)
{
	if (l->plain != NULL)
		sodium_memzero(l->plain, l->nplain);
	free(l->plain);
	free(l->peer);
	free(l->agent);
	free(l->sid);
	sodium_memzero(l, sizeof(*l));
	free(l);
}

static struct waiter *
next_waiter(struct look *l)
{
	struct waiter *w = TAILQ_FIRST(&l->waiters);

	if (w == NULL)
		return NULL;
	TAILQ_REMOVE(&l->waiters, w, link);
	w->look = NULL;
	exchange_resume(w->x);
	return w;
}

/* n: whose it is; NULL: nobody's, or (e) it could not be found out. */
static void
look_end(struct look *l, const struct entry *n, const struct err *e)
{
	struct waiter *w;

	HASH_DEL(looks, l);
	while ((w = next_waiter(l)) != NULL)
		if (n != NULL)
			admit(w->x, n, w->fn);
		else if (e != NULL)
			webauth_problem(w->x, e);
		else
			webauth_refuse(w->x);
	look_free(l);
}

static void
begin(struct ipc_out *m, const char *service, struct str plain, struct str peer, uint64_t conn,
    struct str sid)
{
	ipc_begin(m, MSG_AUTH_START);
	ipc_put_z(m, service);
	ipc_put_z(m, "PLAIN");
	ipc_put_u32(m, 1);
	ipc_put_str(m, plain);
	ipc_put_str(m, peer);
	ipc_put_u32(m, 1);
	ipc_put_z(m, "");
	ipc_put_z(m, "");
	ipc_put_u64(m, conn);
	ipc_put_str(m, sid);
}

/* RFC 4616 2, without an authorization identity. */
static size_t
plain_message(struct str user, struct str password, char *out)
{
	out[0] = '\0';
	memcpy(out + 1, user.p, user.n);
	out[1 + user.n] = '\0';
	memcpy(out + 2 + user.n, password.p, password.n);
	return 2 + user.n + password.n;
}

void
webauth_begin(struct ipc_out *m, const struct exchange *x, const char *service, struct str user,
    struct str password, uint64_t conn)
{
	char *plain = mem_alloc(2 + user.n + password.n);
	size_t n = plain_message(user, password, plain);

	begin(m, service, str_of(plain, n), str_z(x->peer), conn, str_z(x->sid));
	sodium_memzero(plain, n);
	free(plain);
}

static void
put_open(struct ipc_out *m, struct str token, const char *peer, struct str agent)
{
	ipc_begin(m, MSG_SESSION_OPEN);
	ipc_put_str(m, token);
	ipc_put_z(m, peer);
	ipc_put_str(m, str_sub(agent, 0, AGENT_MAX));
}

static void open_session(struct look *l);
static void log_in(struct look *l);

static struct entry *
entry_for(const struct look *l)
{
	struct entry *n = find(&l->key);

	if (n != NULL)
		forget(n);
	if (HASH_COUNT(entries) >= WEBAUTH_MAX)
		forget(TAILQ_FIRST(&by_use));
	n = mem_alloc(sizeof(*n));
	n->key = l->key;
	memcpy(n->token, l->token, sizeof(n->token));
	n->fresh = clock_ms() + WEBAUTH_FRESH_MS;
	n->idle = clock_ms() + WEBAUTH_IDLE_MS;
	HASH_ADD(hh, entries, key, sizeof(n->key), n);
	TAILQ_INSERT_TAIL(&by_use, n, used);
	return n;
}

static void
opened(void *arg, struct ipc_in *m, const struct err *e)
{
	struct look *l = arg;
	struct entry *n;
	struct str user, id;

	if (m == NULL && e->code == E_DENIED && l->has_password) {
		/* The session of that password is over: another one. */
		log_in(l);
		return;
	}
	if (m == NULL) {
		if ((n = find(&l->key)) != NULL && e->code == E_DENIED)
			forget(n);
		look_end(l, NULL, e->code == E_DENIED ? NULL : e);
		return;
	}
	user = ipc_get_str(m);
	id = ipc_get_str(m);
	n = entry_for(l);
	n->user = mem_dup(user.p, user.n);
	n->id = mem_dup(id.p, id.n);
	n->browser = ipc_get_u32(m) != 0;
	n->created = (int64_t)ipc_get_u64(m);
	n->proven = (int64_t)ipc_get_u64(m);
	n->until = (int64_t)ipc_get_u64(m);
	if (ipc_end(m) < 0) {
		const struct err closed = {.code = E_CLOSED};

		forget(n);
		look_end(l, NULL, &closed);
		return;
	}
	look_end(l, n, NULL);
}

static void
open_session(struct look *l)
{
	struct ipc_out m;

	put_open(&m, str_of(l->token, sizeof(l->token)), l->peer, str_z(l->agent));
	ipc_call(svc_channel(PEER_AUTHD), &m, opened, l);
}

static void
logged_in(void *arg, struct ipc_in *m, const struct err *e)
{
	const struct err busy = {.code = E_TEMP, .text = "authd cannot check it now"};
	struct look *l = arg;
	struct str token;
	uint32_t state;

	if (m == NULL) {
		look_end(l, NULL, e);
		return;
	}
	state = ipc_get_u32(m);
	(void)ipc_get_u64(m);
	(void)ipc_get_str(m);
	(void)ipc_get_str(m);
	token = ipc_get_str(m);
	(void)ipc_get_str(m);
	if (ipc_end(m) < 0 || state == AUTH_TEMP ||
	    (state == AUTH_OK && token.n != WEBAUTH_TOKEN)) {
		look_end(l, NULL, &busy);
	} else if (state != AUTH_OK) {
		look_end(l, NULL, NULL);
	} else {
		memcpy(l->token, token.p, sizeof(l->token));
		l->has_password = false; /* it has done its work */
		open_session(l);
	}
}

static void
log_in(struct look *l)
{
	struct ipc_out m;

	begin(&m, "jmap", str_of(l->plain, l->nplain), str_z(l->peer), 0, str_z(l->sid));
	ipc_call(svc_channel(PEER_AUTHD), &m, logged_in, l);
}

static struct look *
look_new(const struct key *key, const struct exchange *x, const struct credential *c)
{
	struct str agent = exchange_field(x, "User-Agent");
	struct look *l = mem_alloc(sizeof(*l));

	l->key = *key;
	TAILQ_INIT(&l->waiters);
	l->peer = mem_dup(x->peer, strlen(x->peer));
	l->agent = mem_dup(agent.n > 0 ? agent.p : "", agent.n);
	l->sid = mem_dup(x->sid, strlen(x->sid));
	memcpy(l->token, c->token, sizeof(l->token));
	if (c->kind == CREDENTIAL_BASIC) {
		l->has_password = true;
		l->plain = mem_alloc(2 + c->user.n + c->password.n);
		l->nplain = plain_message(c->user, c->password, l->plain);
	}
	HASH_ADD(hh, looks, key, sizeof(l->key), l);
	return l;
}

/* ---- requests ---- */

static void
on_gone(struct exchange *x, void *arg)
{
	struct waiter *w = arg;

	(void)x;
	if (w->look != NULL)
		TAILQ_REMOVE(&w->look->waiters, w, link);
}

static const struct exchange_events events = {.gone = on_gone};

static void
wait_for(struct look *l, struct exchange *x, webauth_fn fn)
{
	struct waiter *w = arena_new(&x->arena, struct waiter);

	*w = (struct waiter){.x = x, .look = l, .fn = fn};
	TAILQ_INSERT_TAIL(&l->waiters, w, link);
	exchange_pause(x);
	exchange_listen(x, &events, w);
}

/* What the request says of where it comes from (Fetch metadata, RFC 6454) does not speak against
 * it; and where a cookie alone would change something, it speaks for it. */
static bool
is_ours(const struct exchange *x, enum credential_kind kind)
{
	if (exchange_same_site(x))
		return true;
	if (exchange_field(x, "Origin").p != NULL || exchange_field(x, "Sec-Fetch-Site").p != NULL)
		return false;
	return kind != CREDENTIAL_COOKIE || x->method == METHOD_GET;
}

bool
webauth_cookie(const struct exchange *x, unsigned char token[WEBAUTH_TOKEN])
{
	struct credential c;

	credential_read(STR_NONE, exchange_cookie(x, WEBAUTH_COOKIE), NULL, &c);
	if (c.kind == CREDENTIAL_COOKIE)
		memcpy(token, c.token, WEBAUTH_TOKEN);
	return c.kind == CREDENTIAL_COOKIE;
}

void
webauth(struct exchange *x, webauth_fn fn)
{
	struct credential c;
	struct entry *n;
	struct look *l;
	struct key key;

	credential_read(
	    exchange_field(x, "Authorization"), exchange_cookie(x, WEBAUTH_COOKIE), &x->arena, &c);
	if (c.kind == CREDENTIAL_NONE || c.kind == CREDENTIAL_BAD) {
		webauth_refuse(x);
		return;
	}
	if (!is_ours(x, c.kind)) {
		exchange_problem(x, 403, "The request does not come from this site's page.");
		return;
	}
	if (c.kind == CREDENTIAL_BASIC && !x->secure) {
		exchange_problem(x, 403, "Passwords are taken over TLS only.");
		return;
	}
	key = key_of(&c);
	n = find(&key);
	if (n != NULL && n->fresh > clock_ms() && n->until > clock_wall()) {
		admit(x, n, fn);
		return;
	}
	HASH_FIND(hh, looks, &key, sizeof(key), l);
	if (l != NULL) {
		wait_for(l, x, fn);
		return;
	}
	l = look_new(&key, x, &c);
	if (c.password.n > 0)
		sodium_memzero((void *)(uintptr_t)c.password.p, c.password.n);
	wait_for(l, x, fn);
	if (n != NULL && c.kind == CREDENTIAL_BASIC)
		memcpy(l->token, n->token, sizeof(l->token));
	if (n != NULL || c.kind != CREDENTIAL_BASIC)
		open_session(l);
	else
		log_in(l);
}

/* ---- ends ---- */

void
webauth_on_gone(webauth_gone_fn fn)
{
	for (size_t i = 0; i < LISTENERS; i++)
		if (listeners[i] == NULL) {
			listeners[i] = fn;
			return;
		}
	assume(!"too many listeners");
}

/* id empty: all of the user's. */
static void
forget_sessions(struct str user, struct str id)
{
	struct entry *n, *next;

	for (n = TAILQ_FIRST(&by_use); n != NULL; n = next) {
		next = TAILQ_NEXT(n, used);
		if (str_eq_z(user, n->user) && (id.n == 0 || str_eq_z(id, n->id)))
			forget(n);
	}
	for (size_t i = 0; i < LISTENERS && listeners[i] != NULL; i++)
		listeners[i](user, id);
}

/* Who was asked for: user and id, in one piece of memory. */
struct asked {
	size_t nuser;
	char text[];
};

static void
held(void *arg, struct ipc_in *m, const struct err *e)
{
	struct asked *a = arg;

	if (m != NULL) {
		for (int i = 0; i < 2; i++)
			(void)ipc_get_str(m);
		(void)ipc_get_u32(m);
		for (int i = 0; i < 3; i++)
			(void)ipc_get_u64(m);
		(void)ipc_end(m);
	} else if (e->code == E_DENIED) {
		/* authd did not live to tell. */
		forget_sessions(str_of(a->text, a->nuser), str_z(a->text + a->nuser));
	}
	free(a);
}

static void
ask_for_held(void *arg)
{
	struct hold *h;

	(void)arg;
	TAILQ_FOREACH (h, &holds, link) {
		struct ipc_out m;
		struct asked *a;

		if (!h->long_lived) {
			h->long_lived = true;
			continue;
		}
		a = mem_alloc(sizeof(*a) + h->who->user.n + h->who->id.n + 1);
		a->nuser = h->who->user.n;
		memcpy(a->text, h->who->user.p, h->who->user.n);
		memcpy(a->text + a->nuser, h->who->id.p, h->who->id.n);
		put_open(&m, h->who->token, h->x->peer, exchange_field(h->x, "User-Agent"));
		ipc_call(svc_channel(PEER_AUTHD), &m, held, a);
	}
	loop_timer_set(holder, HOLD_MS);
}

bool
webauth_message(struct ipc_in *m)
{
	struct str user, id = STR("");

	if (m->type != MSG_SESSION_GONE && m->type != MSG_USER_REVOKED)
		return false;
	user = ipc_get_str(m);
	if (m->type == MSG_SESSION_GONE)
		id = ipc_get_str(m);
	else
		(void)ipc_get_u32(m);
	if (ipc_end(m) == 0)
		forget_sessions(user, id);
	return true;
}

void
webauth_reset(void)
{
	while (!TAILQ_EMPTY(&by_use))
		forget(TAILQ_FIRST(&by_use));
}

void
webauth_init(void)
{
	randombytes_buf(secret, sizeof(secret));
	holder = loop_timer_new(ask_for_held, NULL);
	loop_timer_set(holder, HOLD_MS);
}
