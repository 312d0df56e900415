/*
 * agent.c - see agent.h.
 *
 * A session: asked for at authd, open, or over. It is freed once it is over and nobody holds it.
 * Credentials are secrets: wiped with the session, never logged.
 */
#include "mcpd/agent.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "mcpd/origin.h"
#include "mcpd/owner.h"
#include "mcpd/watch.h"
#include "net/tally.h"
#include "svc/svc.h"

#define SESSION_MAGIC  0x61676e74u
#define RATES_MAX      10000u
#define CREDENTIAL_MAX 256u

enum session_state {
	SESSION_OPENING,
	SESSION_OPEN,
	SESSION_OVER
};

struct session {
	struct mcp_agent pub;
	unsigned magic;
	enum session_state state;
	bool shared;
	uint32_t rate;
	struct tally_key rate_key;
	uint64_t call; /* AGENT_OPEN under way */
	char *credential;
	size_t credential_n;
	char *user, *name, *zone, id[AGENT_SESSION + 1];
	struct err e; /* why it is over */
	struct loop_timer *idle;
	struct loop_defer tell;
	TAILQ_HEAD(, mcp_agent_hold) holds, news; /* news: to be told */
	LIST_ENTRY(session) link;
};

static LIST_HEAD(, session) sessions = LIST_HEAD_INITIALIZER(sessions);
static struct tally *rates;

static void
free_session(struct session *s)
{
	s->magic = 0;
	LIST_REMOVE(s, link);
	loop_defer_cancel(&s->tell);
	loop_timer_free(&s->idle);
	origins_free(&s->pub.origins);
	sodium_memzero(s->credential, s->credential_n);
	free(s->credential);
	free(s->user);
	free(s->name);
	free(s->zone);
	free(s);
}

/* ---- telling ---- */

static void
tell(void *arg)
{
	struct session *s = arg;
	struct mcp_agent_hold *h;

	OBJ(s, SESSION_MAGIC);
	/* Who is told may let go, of its own hold or of others'. */
	while ((h = TAILQ_FIRST(&s->news)) != NULL) {
		TAILQ_REMOVE(&s->news, h, link);
		if (s->state == SESSION_OPEN) {
			TAILQ_INSERT_TAIL(&s->holds, h, link);
			h->agent = &s->pub;
			h->fn(h->arg, NULL);
			continue;
		}
		h->of = NULL;
		h->agent = NULL;
		h->fn(h->arg, &s->e);
	}
	if (s->state == SESSION_OVER)
		free_session(s);
}

/* Everybody hears of it; then it is freed. */
static void
end(struct session *s, const struct err *e)
{
	struct mcp_agent_hold *h;

	if (s->state == SESSION_OVER)
		return;
	if (s->state == SESSION_OPEN) {
		watch_agent_gone(&s->pub);
		owner_agent_gone(&s->pub);
	}
	if (s->call != 0)
		ipc_cancel(svc_channel(PEER_AUTHD), s->call);
	s->call = 0;
	s->state = SESSION_OVER;
	s->e = *e;
	while ((h = TAILQ_FIRST(&s->holds)) != NULL) {
		TAILQ_REMOVE(&s->holds, h, link);
		TAILQ_INSERT_TAIL(&s->news, h, link);
	}
	loop_defer(&s->tell);
}

/* Nobody needs it: authd need not keep it. */
static void
close_session(struct session *s)
{
	struct ipc_out m;
	struct err e;

	if (s->state == SESSION_OPEN) {
		ipc_begin(&m, MSG_AGENT_CLOSE);
		ipc_put_str(&m, str_of(s->credential, s->credential_n));
		ipc_put_z(&m, s->id);
		ipc_send(svc_channel(PEER_AUTHD), &m);
	}
	err_set(&e, E_CLOSED, "nobody needs it");
	end(s, &e);
}

static void
on_idle(void *arg)
{
	struct session *s = arg;

	OBJ(s, SESSION_MAGIC);
	if (TAILQ_EMPTY(&s->holds) && TAILQ_EMPTY(&s->news))
		close_session(s);
}

/* ---- opening ---- */

static void
rate_key(struct session *s)
{
	crypto_generichash_state h;

	memset(&s->rate_key, 0, sizeof(s->rate_key));
	crypto_generichash_init(&h, NULL, 0, 16);
	crypto_generichash_update(&h, (const unsigned char *)s->user, strlen(s->user) + 1);
	crypto_generichash_update(&h, (const unsigned char *)s->name, strlen(s->name));
	crypto_generichash_final(&h, s->rate_key.octets, 16);
}

static void
opened(void *arg, struct ipc_in *m, const struct err *e)
{
	struct session *s = arg;
	struct str user, name, id;
	struct err bad;

	OBJ(s, SESSION_MAGIC);
	s->call = 0;
	if (m == NULL) {
		end(s, e);
		return;
	}
	user = ipc_get_str(m);
	name = ipc_get_str(m);
	id = ipc_get_str(m);
	s->pub.scopes = ipc_get_u32(m);
	s->pub.policy = ipc_get_u32(m);
	s->rate = ipc_get_u32(m);
	(void)ipc_get_u64(m); /* authd says AGENT_GONE */
	if (ipc_end(m) < 0) {
		err_set(&bad, E_TEMP, "an answer that makes no sense");
		end(s, &bad);
		return;
	}
	s->user = mem_dup(user.p, user.n);
	s->name = mem_dup(name.p, name.n);
	(void)str_cz(id, s->id, sizeof(s->id));
	s->pub.user = str_z(s->user);
	s->pub.name = str_z(s->name);
	s->pub.session = str_z(s->id);
	rate_key(s);
	s->state = SESSION_OPEN;
	log_info("mcp.session", LZ("sid", s->id), LZ("user", s->user), LZ("agent", s->name));
	loop_defer(&s->tell);
	if (TAILQ_EMPTY(&s->news))
		loop_timer_set(s->idle, 0); /* whoever wanted it has left */
}

static struct session *
find_shared(struct str credential, struct str zone)
{
	struct session *s;

	LIST_FOREACH (s, &sessions, link)
		if (s->shared && s->state != SESSION_OVER && s->credential_n == credential.n &&
		    sodium_memcmp(s->credential, credential.p, credential.n) == 0 &&
		    str_eq(s->pub.zone, zone))
			return s;
	return NULL;
}

static struct session *
new_session(struct str credential, struct str peer, struct str client, struct str zone, bool shared)
{
	struct session *s = mem_alloc(sizeof(*s));
	struct ipc_out m;

	s->magic = SESSION_MAGIC;
	s->shared = shared;
	s->credential = mem_dup(credential.p, credential.n);
	s->credential_n = credential.n;
	s->zone = mem_dup(zone.p, zone.n);
	s->pub.zone = str_z(s->zone);
	s->idle = loop_timer_new(on_idle, s);
	loop_defer_init(&s->tell, tell, s);
	TAILQ_INIT(&s->holds);
	TAILQ_INIT(&s->news);
	LIST_INSERT_HEAD(&sessions, s, link);
	ipc_begin(&m, MSG_AGENT_OPEN);
	ipc_put_str(&m, credential);
	ipc_put_str(&m, str_sub(peer, 0, 64));
	ipc_put_str(&m, str_sub(client, 0, 100));
	s->call = ipc_call(svc_channel(PEER_AUTHD), &m, opened, s);
	return s;
}

void
mcp_agent_take(struct mcp_agent_hold *h, struct str credential, struct str peer, struct str client,
    struct str zone, bool shared)
{
	struct session *s;

	assume(h->of == NULL);
	credential = str_sub(credential, 0, CREDENTIAL_MAX);
	zone = str_sub(zone, 0, 64);
	if (!shared || (s = find_shared(credential, zone)) == NULL)
		s = new_session(credential, peer, client, zone, shared);
	h->of = s;
	h->agent = NULL;
	TAILQ_INSERT_TAIL(&s->news, h, link);
	loop_timer_stop(s->idle);
	if (s->state == SESSION_OPEN)
		loop_defer(&s->tell);
}

void
mcp_agent_drop(struct mcp_agent_hold *h)
{
	struct session *s = h->of;

	if (s == NULL)
		return;
	OBJ(s, SESSION_MAGIC);
	if (h->agent != NULL && s->state == SESSION_OPEN)
		TAILQ_REMOVE(&s->holds, h, link);
	else
		TAILQ_REMOVE(&s->news, h, link);
	h->of = NULL;
	h->agent = NULL;
	if (!TAILQ_EMPTY(&s->holds) || !TAILQ_EMPTY(&s->news) || s->state != SESSION_OPEN)
		return; /* one that opens, or is over, ends by itself */
	if (s->shared)
		loop_timer_set(s->idle, conf_num(svc_conf(), CONF_MCP_IDLE_TIMEOUT));
	else
		close_session(s);
}

/* ---- what it may use, and what it needs ---- */

static struct session *
session_of(struct mcp_agent *g)
{
	struct session *s = (struct session *)(void *)((char *)g - offsetof(struct session, pub));

	OBJ(s, SESSION_MAGIC);
	return s;
}

uint64_t
mcp_agent_spend(struct mcp_agent *g)
{
	struct session *s = session_of(g);
	struct tally_rate rate = {.n = s->rate, .ms = 60000};
	struct tally_entry *x = tally_get(rates, &s->rate_key);

	if (!tally_room(x, 0, &rate, 1)) {
		uint64_t wait = tally_wait(x, 0, &rate);

		return wait > 0 ? wait : 1;
	}
	tally_add(rates, x, 0, &rate, 1);
	return 0;
}

uint32_t
mcp_agent_rate(struct mcp_agent *g)
{
	return session_of(g)->rate;
}

uint64_t
mcp_agent_ticket(struct mcp_agent *g, uint64_t conn, ipc_reply_fn fn, void *arg)
{
	struct session *s = session_of(g);
	struct ipc_out m;

	ipc_begin(&m, MSG_AGENT_TICKET);
	ipc_put_str(&m, str_of(s->credential, s->credential_n));
	ipc_put_z(&m, s->id);
	ipc_put_u64(&m, conn);
	return ipc_call(svc_channel(PEER_AUTHD), &m, fn, arg);
}

/* ---- the end ---- */

void
mcp_agent_over(struct str session)
{
	struct session *s;
	struct err e;

	err_set(&e, E_DENIED, "the agent's session is over");
	LIST_FOREACH (s, &sessions, link)
		if (s->state == SESSION_OPEN && str_eq(s->pub.session, session)) {
			end(s, &e);
			return;
		}
}

void
mcp_agent_gone(struct ipc_in *m)
{
	struct str session;

	(void)ipc_get_str(m);
	session = ipc_get_str(m);
	if (ipc_end(m) == 0)
		mcp_agent_over(session);
}

void
mcp_agent_reset(void)
{
	struct session *s, *next;
	struct err e;

	err_set(&e, E_DENIED, "the agent's session is over");
	for (s = LIST_FIRST(&sessions); s != NULL; s = next) {
		next = LIST_NEXT(s, link);
		if (s->state == SESSION_OPEN)
			end(s, &e); /* told and freed later */
	}
}

void
mcp_agent_init(void)
{
	if (rates == NULL)
		rates = tally_new(RATES_MAX);
}
