/*
 * pool.c - connections that wait for another message, and how many there may be in all. See
 * remote.h.
 *
 * A connection is found by the destination it was opened for, without another question to policy or
 * DNS: it lives for CONN_AGE_MS at most, which bounds how long an older answer holds. Or by its
 * endpoint, once these were asked: domains that share a host share its connections.
 *
 * Owner of a connection: the pool while it is idle, else whoever took it. Errors: none.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "delivery/remote/remote.h"
#include "io/loop.h"
#include "svc/metrics.h"

#define CONN_AGE_MS 300000u

TAILQ_HEAD(conns, conn);

struct pool_place {
	struct conns conns; /* of one destination, the oldest first */
	UT_hash_handle hh;
	size_t n;
	char dest[];
};

struct pool_slot {
	TAILQ_ENTRY(pool_slot) link;
	bool granted;
	void (*fn)(void *arg);
	void *arg;
};

TAILQ_HEAD(slots, pool_slot);

static struct remote *remote;
static struct pool_place *places;
static struct conns idle = TAILQ_HEAD_INITIALIZER(idle); /* the oldest first */
static struct slots waiting = TAILQ_HEAD_INITIALIZER(waiting);
static size_t used; /* connections, and slots that were granted */
static struct loop_defer grant;

/* ---- idle connections ---- */

static void
unlink_conn(struct conn *c)
{
	struct pool_place *p = c->place;

	TAILQ_REMOVE(&idle, c, link);
	TAILQ_REMOVE(&p->conns, c, in_place);
	c->place = NULL;
	if (TAILQ_EMPTY(&p->conns)) {
		HASH_DEL(places, p);
		free(p);
	}
}

static void
count_down(void)
{
	assume(used > 0);
	used--;
	metric_set(METRIC_REMOTE_CONNECTIONS, (int64_t)used);
	if (!TAILQ_EMPTY(&waiting))
		loop_defer(&grant);
}

static void
conn_end(struct conn *c, bool polite)
{
	if (polite)
		session_quit(&c->session);
	else
		session_free(&c->session);
	free(c->dest);
	free(c->endpoint);
	free(c);
	count_down();
}

static void
on_gone(void *arg, const struct session_why *why)
{
	struct conn *c = arg;

	log_debug("remote.closed", LS("host", session_host(c->session)), LS("why", why->text),
	    LU("messages", session_messages(c->session)));
	unlink_conn(c);
	conn_end(c, true);
}

static const struct session_events idle_events = {.gone = on_gone};

static struct conn *
take(struct conn *c)
{
	unlink_conn(c);
	c->used = true;
	metric_add(METRIC_REMOTE_REUSED, 1);
	return c;
}

/* The newest: the others have the better chance to be closed. */
struct conn *
pool_take(struct str dest)
{
	struct pool_place *p;

	HASH_FIND(hh, places, dest.p, dest.n, p);
	return p ? take(TAILQ_LAST(&p->conns, conns)) : NULL;
}

struct conn *
pool_take_endpoint(struct str endpoint)
{
	struct conn *c;

	TAILQ_FOREACH_REVERSE(c, &idle, conns, link)
	if (str_eq_z(endpoint, c->endpoint))
		return take(c);
	return NULL;
}

struct conn *
pool_conn(struct session **s, struct str dest, struct str endpoint)
{
	struct conn *c = mem_alloc(sizeof(*c));

	c->session = *s;
	*s = NULL;
	c->dest = mem_dup(dest.p, dest.n);
	c->endpoint = mem_dup(endpoint.p, endpoint.n);
	return c;
}

static bool
is_of_use(const struct conn *c)
{
	return session_is_idle(c->session) && !remote->draining && remote->times.idle > 0 &&
	       session_messages(c->session) < remote->messages_per_connection &&
	       clock_ms() - session_began(c->session) < CONN_AGE_MS;
}

void
pool_put(struct conn **cc)
{
	struct conn *c = *cc;
	size_t n = strlen(c->dest);
	struct pool_place *p;

	*cc = NULL;
	if (!is_of_use(c)) {
		conn_end(c, true);
		return;
	}
	session_give(c->session, &idle_events, c);
	HASH_FIND(hh, places, c->dest, n, p);
	if (!p) {
		p = mem_alloc(sizeof(*p) + n + 1);
		TAILQ_INIT(&p->conns);
		p->n = n;
		memcpy(p->dest, c->dest, n);
		HASH_ADD(hh, places, dest, n, p);
	}
	c->place = p;
	TAILQ_INSERT_TAIL(&p->conns, c, in_place);
	TAILQ_INSERT_TAIL(&idle, c, link);
	if (!TAILQ_EMPTY(&waiting))
		loop_defer(&grant); /* it may be closed for another */
}

void
pool_drop(struct conn **cc)
{
	struct conn *c = *cc;

	*cc = NULL;
	if (c)
		conn_end(c, !session_is_idle(c->session));
}

void
pool_close(void)
{
	while (!TAILQ_EMPTY(&idle)) {
		struct conn *c = TAILQ_FIRST(&idle);

		unlink_conn(c);
		conn_end(c, true);
	}
}

size_t
pool_count(void)
{
	return used;
}

/* ---- how many there may be ---- */

/* Those that ask first are first; idle connections make room, the oldest first. */
static void
on_grant(void *arg)
{
	struct pool_slot *s;

	(void)arg;
	while ((s = TAILQ_FIRST(&waiting))) {
		if (used >= remote->connections) {
			struct conn *c = TAILQ_FIRST(&idle);

			if (!c)
				return;
			unlink_conn(c);
			conn_end(c, true);
		}
		TAILQ_REMOVE(&waiting, s, link);
		s->granted = true;
		used++;
		metric_set(METRIC_REMOTE_CONNECTIONS, (int64_t)used);
		s->fn(s->arg);
	}
}

struct pool_slot *
pool_enter(void (*fn)(void *arg), void *arg)
{
	struct pool_slot *s = mem_alloc(sizeof(*s));

	s->fn = fn;
	s->arg = arg;
	TAILQ_INSERT_TAIL(&waiting, s, link);
	loop_defer(&grant);
	return s;
}

void
pool_leave(struct pool_slot **s)
{
	if (*s == NULL)
		return;
	if ((*s)->granted)
		count_down();
	else
		TAILQ_REMOVE(&waiting, *s, link);
	free(*s);
	*s = NULL;
}

void
pool_used(struct pool_slot **s)
{
	assume((*s)->granted);
	free(*s);
	*s = NULL;
}

void
pool_init(struct remote *r)
{
	remote = r;
	loop_defer_init(&grant, on_grant, NULL);
}
