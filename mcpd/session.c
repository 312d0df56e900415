/* session.c - see session.h. Owner of a session: this page. */
#include "mcpd/session.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "mcpd/exchange.h"
#include "mcpd/mcpd.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define SESSION_MAGIC 0x6d637073u

static struct mcp_session *sessions;
static TAILQ_HEAD(, mcp_session) by_use = TAILQ_HEAD_INITIALIZER(by_use);

static void
digest(struct str credential, unsigned char out[32])
{
	crypto_generichash(out, 32, (const unsigned char *)credential.p, credential.n, NULL, 0);
}

/* ---- the end ---- */

static void
discard(struct mcp_session *s)
{
	mcp_peer_done(&s->peer);
	mcp_agent_drop(&s->hold);
	loop_timer_free(&s->timer);
	HASH_DEL(sessions, s);
	TAILQ_REMOVE(&by_use, s, link);
	metric_add(METRIC_MCP_CLIENTS, -1);
	free(s->base);
	free(s->where);
	s->magic = 0;
	free(s);
}

void
mcp_session_end(struct mcp_session *s)
{
	OBJ(s, SESSION_MAGIC);
	log_debug("mcp.session_end", LZ("session", s->id));
	mcp_exchange_session_over(s);
	discard(s);
}

void
mcp_session_end_soon(struct mcp_session *s)
{
	s->opened = NULL;
	loop_timer_set(s->timer, 0);
}

size_t
mcp_session_count(void)
{
	return HASH_COUNT(sessions);
}

/* ---- the beginning ---- */

/* The agent session is there, could not be had, or is over. */
static void
on_agent(void *arg, const struct err *e)
{
	struct mcp_session *s = arg;
	void (*opened)(void *of, struct mcp_session *which, const struct err *why);

	OBJ(s, SESSION_MAGIC);
	opened = s->opened;
	s->opened = NULL;
	if (e == NULL && opened != NULL) {
		opened(s->arg, s, NULL);
	} else if (e == NULL) {
		mcp_session_end(s);
	} else if (opened == NULL) {
		mcp_session_end(s);
	} else {
		arg = s->arg;
		discard(s);
		opened(arg, NULL, e);
	}
}

static void
on_timer(void *arg)
{
	mcp_session_end(arg);
}

/* Makes room: of that credential's the one that was used longest ago, and is not busy. False: all
 * are. */
static bool
make_room(const unsigned char credential[32])
{
	struct mcp_session *s, *oldest = NULL;
	size_t n = 0;

	TAILQ_FOREACH (s, &by_use, link) {
		if (sodium_memcmp(s->credential, credential, 32) != 0)
			continue;
		n++;
		if (oldest == NULL && s->busy == 0 && s->opened == NULL)
			oldest = s;
	}
	if (n < SESSION_OF_ONE)
		return true;
	if (oldest != NULL)
		mcp_session_end(oldest);
	return oldest != NULL;
}

static void
name(struct mcp_session *s)
{
	unsigned char octets[32];

	randombytes_buf(octets, sizeof(octets));
	sodium_bin2base64(
	    s->id, sizeof(s->id), octets, sizeof(octets), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

struct mcp_session *
mcp_session_new(struct str credential, struct str address, struct str base,
    void (*opened)(void *arg, struct mcp_session *s, const struct err *e), void *arg)
{
	struct mcp_session *s;
	unsigned char of[32];

	digest(credential, of);
	if (!make_room(of) || !mcpd_room())
		return NULL;
	s = mem_alloc(sizeof(*s));
	s->magic = SESSION_MAGIC;
	s->opened = opened;
	s->arg = arg;
	memcpy(s->credential, of, sizeof(of));
	s->base = mem_dup(base.p, base.n);
	s->where = mem_dup(address.p, address.n);
	name(s);
	s->timer = loop_timer_new(on_timer, s);
	HASH_ADD(hh, sessions, id, SESSION_ID, s);
	TAILQ_INSERT_TAIL(&by_use, s, link);
	metric_add(METRIC_MCP_CLIENTS, 1);
	s->peer.hold = &s->hold;
	s->peer.base = str_z(s->base);
	s->peer.where = str_z(s->where);
	mcp_peer_init(&s->peer);
	s->hold.fn = on_agent;
	s->hold.arg = s;
	mcp_agent_take(&s->hold, credential, address, STR("http"), STR(""), false);
	return s;
}

/* ---- what goes on in it ---- */

struct mcp_session *
mcp_session_find(struct str id, struct str credential)
{
	struct mcp_session *s;
	unsigned char of[32];

	if (id.n != SESSION_ID)
		return NULL;
	HASH_FIND(hh, sessions, id.p, SESSION_ID, s);
	digest(credential, of);
	if (s == NULL || s->opened != NULL || sodium_memcmp(of, s->credential, sizeof(of)) != 0)
		return NULL;
	return s;
}

void
mcp_session_enter(struct mcp_session *s)
{
	OBJ(s, SESSION_MAGIC);
	s->busy++;
	loop_timer_stop(s->timer);
	TAILQ_REMOVE(&by_use, s, link);
	TAILQ_INSERT_TAIL(&by_use, s, link);
}

void
mcp_session_leave(struct mcp_session *s)
{
	OBJ(s, SESSION_MAGIC);
	if (--s->busy == 0)
		loop_timer_set(s->timer, conf_num(svc_conf(), CONF_MCP_IDLE_TIMEOUT));
}
