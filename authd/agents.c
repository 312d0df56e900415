/* agents.c - agent sessions. See agents.h. */
#include "authd/agents.h"

#include <sodium.h>
#include <stdlib.h>

#include "authd/accounts.h"
#include "authd/audit.h"
#include "authd/authd.h"
#include "authd/change.h"
#include "authd/ticket.h"
#include "authd/token.h"
#include "authd/web.h"
#include "authd/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define SESSIONS_MAX 20000u
#define USED_S       300 /* how far behind accounts.db may be about when an agent was used */

static struct agent_session *sessions;

#define KEYS_OF_BROWSER 16u

/* What opens sessions of an agent that is built in: a browser's session was given it, or the
 * operator by a channel, and it ends with either. */
struct key {
	unsigned char digest[AGENT_DIGEST];
	const char *name;
	uint64_t web;
	const struct ipc_chan *chan; /* where web is 0 */
	char *user;
	UT_hash_handle hh;
};

static struct key *keys;

static void
digest_of(struct str s, unsigned char out[AGENT_DIGEST])
{
	(void)crypto_generichash(out, AGENT_DIGEST, (const unsigned char *)s.p, s.n, NULL, 0);
}

void
agents_token_new(char text[AGENT_TOKEN_LEN + 1], unsigned char digest[AGENT_DIGEST])
{
	unsigned char raw[32];

	randombytes_buf(raw, sizeof(raw));
	memcpy(text, AGENT_TOKEN, 4);
	sodium_bin2hex(text + 4, AGENT_TOKEN_LEN - 3, raw, sizeof(raw));
	digest_of(str_of(text, AGENT_TOKEN_LEN), digest);
	sodium_memzero(raw, sizeof(raw));
}

/* ---- life ---- */

static void
drop(struct agent_session *s)
{
	HASH_DEL(sessions, s);
	free(s->user);
	free(s->name);
	sodium_memzero(s, sizeof(*s));
	free(s);
	metric_set(METRIC_AGENT_SESSIONS, (int64_t)HASH_COUNT(sessions));
}

static void
drop_and_tell(struct agent_session *s)
{
	struct ipc_out m;

	log_info("agent.end", LZ("sid", s->id), LZ("user", s->user), LZ("agent", s->name));
	audit_note("session-end", LZ("user", s->user), LZ("agent", s->name), LZ("session", s->id));
	ipc_begin(&m, MSG_AGENT_GONE);
	ipc_put_z(&m, s->user);
	ipc_put_z(&m, s->id);
	ipc_send(svc_channel(PEER_MCPD), &m);
	drop(s);
}

static void
drop_key(struct key *k)
{
	HASH_DEL(keys, k);
	free(k->user);
	sodium_memzero(k, sizeof(*k));
	free(k);
}

static bool
is_over(const struct agent_session *s, int64_t now)
{
	return now >= s->used + AGENT_IDLE_S || (s->until != 0 && now >= s->until);
}

static void
expire(void)
{
	struct agent_session *s, *next;

	HASH_ITER (hh, sessions, s, next)
		if (is_over(s, clock_wall()))
			drop_and_tell(s);
}

void
agents_end(struct str user, struct str name, uint64_t web)
{
	struct agent_session *s, *next;
	struct key *k, *nextk;

	HASH_ITER (hh, sessions, s, next)
		if (str_eq_z(user, s->user) && (name.n == 0 || str_eq_z(name, s->name)) &&
		    (web == 0 || s->web == web))
			drop_and_tell(s);
	HASH_ITER (hh, keys, k, nextk)
		if (str_eq_z(user, k->user) && (name.n == 0 || str_eq_z(name, k->name)) &&
		    (web == 0 || k->web == web))
			drop_key(k);
}

void
agents_done(void)
{
	struct agent_session *s, *next;
	struct key *k, *nextk;

	HASH_ITER (hh, sessions, s, next)
		drop(s);
	HASH_ITER (hh, keys, k, nextk)
		drop_key(k);
}

void
agents_gone(struct ipc_chan *c)
{
	struct agent_session *s, *next;
	struct key *k, *nextk;

	approvals_gone(c);
	HASH_ITER (hh, keys, k, nextk)
		if (k->chan == c)
			drop_key(k);
	if (ipc_peer_of(c) != PEER_MCPD)
		return;
	HASH_ITER (hh, sessions, s, next)
		drop(s);
}

static struct agent_session *
find(struct str id)
{
	struct agent_session *s = NULL;

	if (id.n != AGENT_SESSION)
		return NULL;
	HASH_FIND(hh, sessions, id.p, id.n, s);
	return s != NULL && !is_over(s, clock_wall()) ? s : NULL;
}

struct agent_session *
agents_session(struct str token, struct str id)
{
	struct agent_session *s = find(id);
	unsigned char digest[AGENT_DIGEST];

	digest_of(token, digest);
	if (s == NULL || sodium_memcmp(s->credential, digest, sizeof(digest)) != 0)
		return NULL;
	s->used = clock_wall();
	return s;
}

struct agent_session *
agents_session_of(struct str user, struct str id)
{
	struct agent_session *s = find(id);

	return s != NULL && str_eq_z(user, s->user) ? s : NULL;
}

/* ---- AGENT_OPEN ---- */

static void
refuse(struct ipc_chan *c, uint64_t call, enum err_code code, const char *text)
{
	struct err e;

	err_set(&e, code, "%s", text);
	ipc_reply_error(c, call, &e);
}

struct touching {
	int64_t id, when;
	struct err e;
};

static void
touch_work(void *arg, struct db *db)
{
	struct touching *t = arg;

	(void)agents_db_used(db, t->id, t->when, &t->e);
}

static void
touch_done(void *arg)
{
	free(arg);
}

static void
touch(const struct agent *g)
{
	struct touching *t;

	if (g->id == 0 || clock_wall() < g->used + USED_S)
		return;
	t = mem_alloc(sizeof(*t));
	*t = (struct touching){.id = g->id, .when = clock_wall()};
	if (writer_submit(touch_work, touch_done, t, &t->e) < 0)
		free(t);
}

/* Whose credential is it? 1, 0, -1. */
static int
look(struct str token, const unsigned char digest[AGENT_DIGEST], struct arena *a, struct agent *out,
    uint64_t *web, struct err *e)
{
	struct key *k = NULL;

	*web = 0;
	if (token.n == AGENT_TOKEN_LEN && str_starts(token, STR(AGENT_TOKEN)))
		return agents_db_token(authd.db, digest, a, out, e);
	if (token.n != AGENT_DIGEST)
		return 0;
	HASH_FIND(hh, keys, digest, AGENT_DIGEST, k);
	if (k == NULL)
		return 0;
	if (k->chan != NULL)
		return agents_db_find(authd.db, str_z(k->user), str_z(k->name), a, out, e);
	/* It ends with the page's session, however that ended. */
	for (struct web *w = web_first(str_z(k->user)); w != NULL; w = web_next(w))
		if (w->row.id == k->web)
			*web = k->web;
	if (*web == 0) {
		drop_key(k);
		return 0;
	}
	return agents_db_find(authd.db, str_z(k->user), str_z(k->name), a, out, e);
}

static void
make_room(const struct agent *g)
{
	struct agent_session *s, *next, *oldest = NULL;
	unsigned n = 0;

	expire();
	HASH_ITER (hh, sessions, s, next) {
		if (!str_eq_z(g->user, s->user) || !str_eq_z(g->name, s->name))
			continue;
		n++;
		if (oldest == NULL || s->used < oldest->used)
			oldest = s;
	}
	if (n >= AGENT_SESSIONS)
		drop_and_tell(oldest);
}

static struct agent_session *
begin(const struct agent *g, const unsigned char digest[AGENT_DIGEST], uint64_t web)
{
	struct agent_session *s = mem_alloc(sizeof(*s));
	unsigned char raw[AGENT_SESSION / 2];

	randombytes_buf(raw, sizeof(raw));
	sodium_bin2hex(s->id, sizeof(s->id), raw, sizeof(raw));
	memcpy(s->credential, digest, sizeof(s->credential));
	s->user = mem_dup(g->user.p, g->user.n);
	s->name = mem_dup(g->name.p, g->name.n);
	s->scopes = g->scopes;
	s->policy = g->policy;
	s->rate = g->rate;
	s->used = clock_wall();
	s->until = g->expires;
	s->web = web;
	HASH_ADD(hh, sessions, id, AGENT_SESSION, s);
	metric_set(METRIC_AGENT_SESSIONS, (int64_t)HASH_COUNT(sessions));
	return s;
}

static void
tell_opened(struct ipc_chan *c, uint64_t call, const struct agent_session *s)
{
	struct ipc_out out;

	ipc_begin(&out, MSG_AGENT_OPEN_R);
	ipc_put_z(&out, s->user);
	ipc_put_z(&out, s->name);
	ipc_put_z(&out, s->id);
	ipc_put_u32(&out, s->scopes);
	ipc_put_u32(&out, s->policy);
	ipc_put_u32(&out, s->rate);
	ipc_put_u64(&out, (uint64_t)s->until);
	ipc_reply(c, call, &out);
}

static void
on_open(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), peer = ipc_get_str(m), client = ipc_get_str(m);
	unsigned char digest[AGENT_DIGEST];
	struct agent_session *s;
	struct agent g = {0};
	struct arena a;
	uint64_t web;
	struct err e;
	int rc;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	digest_of(token, digest);
	rc = look(token, digest, &a, &g, &web, &e);
	if (rc < 0) {
		ipc_reply_error(c, m->id, &e);
	} else if (rc == 0 || g.revoked || (g.expires != 0 && clock_wall() >= g.expires)) {
		metric_add(METRIC_AGENT_REFUSED, 1);
		log_info("agent.fail", LS("peer", str_sub(peer, 0, 64)), LS("user", g.user),
		    LS("agent", g.name),
		    LZ("reason", rc == 0     ? "no such token"
				 : g.revoked ? "revoked"
					     : "expired"));
		refuse(c, m->id, E_DENIED, "no such agent");
	} else if (HASH_COUNT(sessions) >= SESSIONS_MAX) {
		refuse(c, m->id, E_LIMIT, "too many agent sessions");
	} else {
		make_room(&g);
		touch(&g);
		s = begin(&g, digest, web);
		log_info("agent.open", LZ("sid", s->id), LZ("user", s->user), LZ("agent", s->name),
		    LS("peer", str_sub(peer, 0, 64)), LS("client", str_sub(client, 0, 100)));
		audit_note("session", LZ("user", s->user), LZ("agent", s->name),
		    LZ("session", s->id), LS("peer", peer), LS("client", client));
		tell_opened(c, m->id, s);
	}
	arena_free(&a);
}

static void
on_close(struct ipc_in *m)
{
	struct str token = ipc_get_str(m), id = ipc_get_str(m);
	struct agent_session *s;

	if (ipc_end(m) == 0 && (s = agents_session(token, id)) != NULL)
		drop_and_tell(s);
}

/* ---- tickets and tokens ---- */

static void
on_ticket(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), id = ipc_get_str(m);
	uint64_t conn = ipc_get_u64(m);
	unsigned char ticket[TICKET_SIZE];
	struct agent_session *s;
	struct ipc_out out;

	if (ipc_end(m) < 0)
		return;
	if ((s = agents_session(token, id)) == NULL) {
		log_warn("agent.ticket", LS("sid", str_sub(id, 0, AGENT_SESSION)),
		    LZ("reason", "no such session of this agent"));
		refuse(c, m->id, E_DENIED, "no such agent session");
		return;
	}
	/* Bound to the session as well: that is the user here. */
	ticket_issue(str_z(s->id), STR("agent"), ipc_peer_of(c), conn, ticket);
	ipc_begin(&out, MSG_AGENT_TICKET_R);
	ipc_put_str(&out, str_of(ticket, sizeof(ticket)));
	ipc_reply(c, m->id, &out);
	sodium_memzero(ticket, sizeof(ticket));
}

static void
tell_redeemed(struct ipc_chan *c, uint64_t call, const struct agent_session *s)
{
	struct account account;
	struct ipc_out out;
	struct arena a;
	struct err e;
	int rc;

	arena_init(&a);
	if ((rc = accounts_user(authd.db, str_z(s->user), &a, &account, &e)) == 0)
		err_set(&e, E_NOTFOUND, "no such user");
	if (rc != 1)
		ipc_reply_error(c, call, &e);
	else {
		const struct str agent[] = {str_z(s->name), str_z(s->id),
		    arena_printf(&a, "%u", s->scopes), arena_printf(&a, "%u", s->policy)};

		ipc_begin(&out, MSG_AGENT_REDEEM_R);
		ipc_put_str(&out, account.address);
		ipc_put_u64(&out, account.quota);
		ipc_put_list(&out, agent, ARRAY_LEN(agent));
		ipc_reply(c, call, &out);
	}
	arena_free(&a);
}

static void
on_redeem(struct ipc_chan *c, struct ipc_in *m)
{
	struct str ticket = ipc_get_str(m), id;
	uint32_t front = ipc_get_u32(m);
	uint64_t conn = ipc_get_u64(m);
	struct agent_session *s = NULL;

	if (ipc_end(m) < 0)
		return;
	if (ticket_redeem(ticket, STR("agent"), (enum ipc_peer)front, conn, &id))
		s = find(id);
	if (s != NULL) {
		tell_redeemed(c, m->id, s);
		return;
	}
	log_warn("auth.ticket", LZ("service", "agent"), LU("front", front), LU("conn", conn),
	    LZ("reason", "unknown, used, late, or of another connection"));
	refuse(c, m->id, E_DENIED, "bad ticket");
}

/* The parent has the owner's word for the session: it is the user's, or there is no token. It need
 * not last any more: a human may look at what was asked for later. */
static void
on_token(struct ipc_chan *c, struct ipc_in *m)
{
	struct str user = ipc_get_str(m), session = ipc_get_str(m);
	unsigned char token[TOKEN_SIZE];
	struct ipc_out out;

	if (ipc_end(m) < 0)
		return;
	if (!agent_session_valid(session)) {
		refuse(c, m->id, E_INVAL, "no agent session");
		return;
	}
	token_issue_agent(user, session, token);
	ipc_begin(&out, MSG_AGENT_TOKEN_R);
	ipc_put_str(&out, str_of(token, sizeof(token)));
	ipc_reply(c, m->id, &out);
	sodium_memzero(token, sizeof(token));
}

/* ---- those that are built in ---- */

static int whose(struct ipc_chan *c, struct ipc_in *m, struct str word, struct arena *a,
    struct str *user, struct web **session);

static void
tell_key(struct ipc_chan *c, uint64_t call, enum ipc_type type, struct key *k, struct str user)
{
	unsigned char raw[AGENT_DIGEST];
	struct ipc_out out;

	randombytes_buf(raw, sizeof(raw));
	digest_of(str_of(raw, sizeof(raw)), k->digest);
	k->user = mem_dup(user.p, user.n);
	HASH_ADD(hh, keys, digest, sizeof(k->digest), k);
	ipc_begin(&out, type);
	ipc_put_str(&out, str_of(raw, sizeof(raw)));
	ipc_reply(c, call, &out);
	sodium_memzero(raw, sizeof(raw));
}

static void
on_assistant(struct ipc_chan *c, struct ipc_in *m)
{
	struct str token = ipc_get_str(m);
	struct key *k, *next;
	struct web *w;
	unsigned n = 0;

	if (ipc_end(m) < 0)
		return;
	if ((w = web_find(token)) == NULL || w->kind != WEB_BROWSER) {
		refuse(c, m->id, E_DENIED, "no such session");
		return;
	}
	/* Each page of the browser has one; the oldest goes first (uthash keeps the order). */
	HASH_ITER (hh, keys, k, next)
		n += k->web == w->row.id;
	HASH_ITER (hh, keys, k, next)
		if (k->web == w->row.id && n >= KEYS_OF_BROWSER && n-- > 0)
			drop_key(k);
	k = mem_alloc(sizeof(*k));
	k->name = AGENT_ASSISTANT;
	k->web = w->row.id;
	tell_key(c, m->id, MSG_ASSISTANT_OPEN_R, k, w->user);
}

/* One for each channel: who has another user's asked for has done with the last. */
static void
on_terminal(struct ipc_chan *c, struct ipc_in *m)
{
	struct str word = ipc_get_str(m), user;
	struct key *k, *next;
	struct arena a;
	struct web *w;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	if (whose(c, m, word, &a, &user, &w) == 0) {
		HASH_ITER (hh, keys, k, next)
			if (k->chan == c)
				drop_key(k);
		k = mem_alloc(sizeof(*k));
		k->name = AGENT_TERMINAL;
		k->chan = c;
		tell_key(c, m->id, MSG_TERMINAL_OPEN_R, k, user);
	}
	arena_free(&a);
}

/* ---- lists and changes, by the operator or by a user in a browser ---- */

/* Who is meant; -1: an error was answered. session: of the browser, or NULL. */
static int
whose(struct ipc_chan *c, struct ipc_in *m, struct str word, struct arena *a, struct str *user,
    struct web **session)
{
	struct err e;
	int rc;

	*session = NULL;
	if (ipc_peer_of(c) == PEER_WEBD) {
		if ((*session = web_find(word)) == NULL)
			refuse(c, m->id, E_DENIED, "no such session");
		else if ((*session)->kind != WEB_BROWSER)
			refuse(c, m->id, E_PERM, "not without logging in on the page");
		else
			*user = arena_dup(a, (*session)->user);
		return *session != NULL && (*session)->kind == WEB_BROWSER ? 0 : -1;
	}
	if ((rc = authd_name(word, a, user, &e)) == 0 &&
	    (rc = accounts_is_user(authd.db, *user, &e)) == 0)
		rc = err_set(&e, E_NOTFOUND, "no such user");
	if (rc < 0)
		ipc_reply_error(c, m->id, &e);
	return rc < 0 ? -1 : 0;
}

static void
on_list(struct ipc_chan *c, struct ipc_in *m)
{
	struct str word = ipc_get_str(m), user, *rows;
	struct ipc_out out;
	struct arena a;
	struct web *w;
	struct err e;
	size_t n;

	if (ipc_end(m) < 0)
		return;
	arena_init(&a);
	if (whose(c, m, word, &a, &user, &w) == 0) {
		if (agents_db_list(authd.db, user, &a, &rows, &n, &e) < 0) {
			ipc_reply_error(c, m->id, &e);
		} else {
			ipc_begin(&out, m->type + 1);
			ipc_put_list(&out, rows, n);
			ipc_reply(c, m->id, &out);
		}
	}
	arena_free(&a);
}

static int
take_new(struct change *op, struct str name, uint32_t scopes, uint32_t rate, uint64_t expires,
    struct err *e)
{
	if (!agent_name_valid(name) || agent_is_built_in(name))
		return err_set(e, E_INVAL, "a name is letters, digits, dots, dashes, underscores");
	if (scopes == 0 || (scopes & ~AGENT_SCOPES) != 0)
		return err_set(e, E_INVAL, "no such scope");
	if (rate > AGENT_RATE_MAX)
		return err_set(e, E_INVAL, "at most %u calls a minute", AGENT_RATE_MAX);
	if (expires != 0 && expires <= (uint64_t)clock_wall())
		return err_set(e, E_INVAL, "it would have ended already");
	op->agent = (struct agent_new){.name = arena_dup(&op->a, name),
	    .scopes = scopes,
	    .rate = rate != 0 ? rate : AGENT_RATE,
	    .expires = expires};
	agents_token_new(op->agent_token, op->agent.digest);
	return 0;
}

static int
take_policy(struct change *op, struct str name, struct str words, struct err *e)
{
	struct agent g;
	int rc = agents_db_find(authd.db, op->address, name, &op->a, &g, e);

	if (rc <= 0)
		return rc < 0 ? -1 : err_set(e, E_NOTFOUND, "no such agent");
	op->agent_policy = g.policy;
	return agent_policy_parse(words, &op->agent_policy, e);
}

static void
on_change(struct ipc_chan *c, struct ipc_in *m)
{
	bool adds = m->type == MSG_AGENT_ADD || m->type == MSG_WEB_AGENT_ADD;
	bool policy = m->type == MSG_AGENT_POLICY || m->type == MSG_WEB_AGENT_POLICY;
	struct change *op = change_new(c, m);
	struct str word = ipc_get_str(m), name = ipc_get_str(m), words = STR("");
	uint32_t scopes = adds ? ipc_get_u32(m) : 0, rate = adds ? ipc_get_u32(m) : 0;
	uint64_t expires = adds ? ipc_get_u64(m) : 0;
	struct web *w;
	struct err e;
	int rc = 0;

	if (policy)
		words = ipc_get_str(m);
	if (ipc_end(m) < 0 || whose(c, m, word, &op->a, &op->address, &w) < 0) {
		change_free(op);
		return;
	}
	op->name = arena_dup(&op->a, name);
	/* What it lets in would outlast a session that was stolen. */
	if (w != NULL && (adds || policy) && clock_wall() >= w->row.proven + WEB_PROVEN_S)
		rc = err_set(&e, E_PROTO, "the password has to be shown again");
	else if (adds)
		rc = take_new(op, name, scopes, rate, expires, &e);
	else if (policy)
		rc = take_policy(op, name, words, &e);
	if (rc < 0)
		change_fail(op, &e);
	else
		change_submit(op);
}

bool
agents_message(struct ipc_chan *c, struct ipc_in *m)
{
	switch ((unsigned)m->type) {
	case MSG_AGENT_OPEN:
		on_open(c, m);
		return true;
	case MSG_AGENT_CLOSE:
		on_close(m);
		return true;
	case MSG_AGENT_TICKET:
		on_ticket(c, m);
		return true;
	case MSG_AGENT_REDEEM:
		on_redeem(c, m);
		return true;
	case MSG_AGENT_TOKEN:
		on_token(c, m);
		return true;
	case MSG_ASSISTANT_OPEN:
		on_assistant(c, m);
		return true;
	case MSG_TERMINAL_OPEN:
		on_terminal(c, m);
		return true;
	case MSG_AGENT_LIST:
	case MSG_WEB_AGENT_LIST:
		on_list(c, m);
		return true;
	case MSG_AGENT_ADD:
	case MSG_AGENT_REVOKE:
	case MSG_AGENT_POLICY:
	case MSG_WEB_AGENT_ADD:
	case MSG_WEB_AGENT_REVOKE:
	case MSG_WEB_AGENT_POLICY:
		on_change(c, m);
		return true;
	default:
		return approvals_message(c, m);
	}
}
