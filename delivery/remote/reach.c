/*
 * reach.c - a connection to some host of a destination, ready for mail. See remote.h.
 *
 * Policy says by which hosts and how secured; hosts are tried by preference (RFC 5321 5.1), each
 * host's addresses in turn. Addresses that were dead a moment ago (dead.h) come last. Where TLS is
 * welcome but not demanded and a handshake fails, the same address is tried without (RFC 7435 3).
 *
 * Owner: the job. Errors: the failure met last, or what speaks of the destination as a whole.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "delivery/remote/connect.h"
#include "delivery/remote/dead.h"
#include "delivery/remote/hosts.h"
#include "delivery/remote/remote.h"
#include "io/loop.h"
#include "svc/metrics.h"

#define REACH_MAGIC   0x52505243u
#define TRIED_MAX     10u /* addresses, of all hosts together */
#define SESSIONS_MAX  5u  /* hosts that answered, and were of no use */
#define ENDPOINT_SIZE 1024u

struct reach {
	unsigned magic;
	struct remote *remote;
	struct arena arena;
	struct str dest;
	reach_fn fn;
	void *arg;
	/* what is asked or under way: one of them at a time */
	struct policy_ask *policy_ask;
	struct hosts_ask *hosts_ask;
	struct addresses_ask *addresses_ask;
	struct policy_host_ask *host_ask;
	struct pool_slot *slot;
	struct connector *connector;
	struct session *session;
	struct loop_defer act;   /* next_host() */
	struct loop_defer again; /* connect_on() */
	/* what was answered */
	struct policy_route route;
	struct hosts_host *hosts;
	size_t nhosts, at;
	bool mx_secure;
	/* of hosts[at] */
	struct sockaddr_storage v[ADDRESSES_MAX]; /* still to be tried */
	size_t n;
	struct policy_mx mx;
	struct policy_tls tls;
	struct sockaddr_storage here; /* connected to */
	char host_text[DNS_NAME_MAX + HOSTS_ADDRESS_SIZE + 16];
	bool plain; /* here, without TLS */
	/* what was tried */
	struct sockaddr_storage tried[TRIED_MAX];
	size_t ntried, sessions;
	bool skipped;  /* dead ones were */
	bool dead_too; /* the second time round: only these */
	struct reach_failure failure;
};

static void next_host(void *arg);
static void connect_on(void *arg);

/* ---- the end of it ---- */

static void
tell_failure(struct reach *x)
{
	if (x->failure.text.n == 0)
		x->failure = (struct reach_failure){REMOTE_UNREACHED,
		    STR("4.4.1 no host of the destination can be tried"), STR_NONE};
	x->fn(x->arg, NULL, &x->failure);
}

static void
note(struct reach *x, enum remote_outcome outcome, struct str text, struct str host)
{
	x->failure.outcome = outcome;
	x->failure.text = arena_dup(&x->arena, text);
	x->failure.host = arena_dup(&x->arena, host);
}

/* What a host or a policy has said tells more than that another was not reached. */
static void
note_host(struct reach *x, struct str text)
{
	struct str unreached = STR("4.4.1 ");

	log_info(
	    "remote.host_failed", LS("dest", x->dest), LZ("host", x->host_text), LS("why", text));
	if (x->failure.text.n == 0 || !str_starts(text, unreached) ||
	    str_starts(x->failure.text, unreached))
		note(x, REMOTE_UNREACHED, text, str_z(x->host_text));
}

/* ---- a session ---- */

static struct str
endpoint(const struct reach *x, const struct sockaddr_storage *a, char out[ENDPOINT_SIZE])
{
	char text[HOSTS_ADDRESS_SIZE];
	int n = snprintf(out, ENDPOINT_SIZE, STR_FMT "|" STR_FMT "|%s|%u|%d|" STR_FMT,
	    STR_ARG(x->route.key), STR_ARG(x->mx.name), hosts_address_text(a, text), x->mx.port,
	    (int)x->tls.mode, STR_ARG(x->tls.why));

	return n < 0 || (size_t)n >= ENDPOINT_SIZE ? STR_NONE : str_of(out, (size_t)n);
}

static void
tell_policy(struct reach *x, const struct session_why *why)
{
	struct err e;

	if (x->plain || x->tls.mode == POLICY_TLS_NONE)
		return;
	if (!why && session_doubt(x->session)[0] != '\0') {
		err_set(&e, E_PROTO, "%s", session_doubt(x->session));
		policy_result(x->remote->policy, &x->route, &x->mx, &x->tls, &e);
	} else if (!why) {
		policy_result(x->remote->policy, &x->route, &x->mx, &x->tls, NULL);
	} else if (why->kind == SESSION_TLS || why->kind == SESSION_NO_TLS) {
		err_set(&e, E_PROTO, STR_FMT, STR_ARG(why->text));
		policy_result(x->remote->policy, &x->route, &x->mx, &x->tls, &e);
	}
}

static void
on_ready(void *arg)
{
	struct reach *x = arg;
	char room[ENDPOINT_SIZE];
	struct conn *c;

	OBJ(x, REACH_MAGIC);
	metric_add(METRIC_REMOTE_SESSIONS, 1);
	if (session_cipher(x->session)[0] != '\0') {
		metric_add(METRIC_REMOTE_TLS, 1);
		tell_policy(x, NULL);
	}
	c = pool_conn(&x->session, x->dest, endpoint(x, &x->here, room));
	pool_used(&x->slot);
	x->fn(x->arg, c, NULL);
}

/* We are one of the hosts: those that are not preferred to us would send it back. */
static void
cut_self(struct reach *x)
{
	uint16_t preference = x->hosts[x->at].preference;

	while (x->nhosts > 0 && x->hosts[x->nhosts - 1].preference >= preference)
		x->nhosts--;
	x->n = 0;
}

static void
on_gone(void *arg, const struct session_why *why)
{
	struct reach *x = arg;
	bool again = why->kind == SESSION_TLS && x->tls.mode == POLICY_TLS_MAY && !x->plain &&
		     !x->route.tls_from_start;

	OBJ(x, REACH_MAGIC);
	tell_policy(x, why);
	if (why->kind == SESSION_SELF && x->sessions == 1 && x->failure.text.n == 0)
		note(x, REMOTE_IMPOSSIBLE, why->text, str_z(x->host_text));
	else if (why->kind != SESSION_SELF)
		note_host(x, why->text);
	if (why->kind == SESSION_SELF)
		cut_self(x);
	if (why->kind == SESSION_SLOW)
		dead_mark(&x->here, DEAD_ADDRESS, x->remote->dead_ms);
	session_quit(&x->session);
	pool_leave(&x->slot);
	if (again) {
		dead_mark(&x->here, DEAD_TLS, x->remote->dead_ms);
		memmove(&x->v[1], &x->v[0], x->n * sizeof(x->v[0])); /* one was taken out */
		x->v[0] = x->here;
		x->n++;
		x->plain = true;
	} else {
		x->plain = false;
	}
	connect_on(x);
}

static const struct session_events session_events = {.ready = on_ready, .gone = on_gone};

static void
begin_session(struct reach *x, int fd)
{
	struct remote *r = x->remote;
	struct policy_tls tls = x->tls;
	struct session_setup setup = {.helo = str_z(r->host),
	    .host = str_z(x->host_text),
	    .context = policy_context(r->policy, &x->route),
	    .tls = &tls,
	    .tls_from_start = x->route.tls_from_start,
	    .user = x->route.user,
	    .password = x->route.password,
	    .auth_without_tls = x->route.auth_without_tls,
	    .chunking = r->chunking,
	    .by_mx = x->route.nhosts == 0,
	    .times = &r->times};

	if (tls.mode == POLICY_TLS_MAY && !x->route.tls_from_start &&
	    (x->plain || dead_is(&x->here, DEAD_TLS)))
		tls.mode = POLICY_TLS_NONE;
	x->sessions++;
	x->session = session_new(fd, &setup, &session_events, x);
}

/* ---- connecting ---- */

static void
name_host(struct reach *x, const struct sockaddr_storage *a)
{
	char text[HOSTS_ADDRESS_SIZE];

	if (a)
		snprintf(x->host_text, sizeof(x->host_text), STR_FMT " [%s]:%u",
		    STR_ARG(str_sub(x->mx.name, 0, DNS_NAME_MAX)), hosts_address_text(a, text),
		    x->mx.port);
	else
		snprintf(x->host_text, sizeof(x->host_text), STR_FMT,
		    STR_ARG(str_sub(x->mx.name, 0, DNS_NAME_MAX)));
}

static void
was_tried(struct reach *x, size_t n)
{
	for (size_t i = 0; i < n && x->ntried < TRIED_MAX; i++)
		x->tried[x->ntried++] = x->v[i];
	memmove(&x->v[0], &x->v[n], (x->n - n) * sizeof(x->v[0]));
	x->n -= n;
}

static void
on_connect(void *arg, int fd, size_t at, const struct err *e)
{
	struct reach *x = arg;
	char text[ERR_TEXT_MAX + 8];

	OBJ(x, REACH_MAGIC);
	x->connector = NULL;
	if (fd >= 0) {
		x->here = x->v[at];
		name_host(x, &x->here);
		was_tried(x, at + 1);
		begin_session(x, fd);
		return;
	}
	pool_leave(&x->slot);
	name_host(x, x->n > 0 ? &x->v[x->n - 1] : NULL);
	snprintf(text, sizeof(text), "4.4.1 %s", e->text);
	note_host(x, str_z(text));
	was_tried(x, x->n);
	loop_defer(&x->act);
}

static void
on_slot(void *arg)
{
	struct reach *x = arg;

	OBJ(x, REACH_MAGIC);
	x->connector =
	    connect_start(x->v, x->n, x->remote->connect_ms, x->remote->dead_ms, on_connect, x);
}

/* To what is left of the host's addresses, over a connection that is there already or a new one. */
static void
connect_on(void *arg)
{
	struct reach *x = arg;
	char room[ENDPOINT_SIZE];

	OBJ(x, REACH_MAGIC);
	if (x->n == 0 || x->ntried >= TRIED_MAX || x->sessions >= SESSIONS_MAX) {
		x->at++;
		loop_defer(&x->act);
		return;
	}
	for (size_t i = 0; i < x->n && !x->plain; i++) {
		struct conn *c = pool_take_endpoint(endpoint(x, &x->v[i], room));

		if (!c)
			continue;
		x->here = x->v[i];
		x->fn(x->arg, c, NULL);
		return;
	}
	x->slot = pool_enter(on_slot, x);
}

static void
on_host_policy(void *arg, const struct policy_tls *t)
{
	struct reach *x = arg;

	OBJ(x, REACH_MAGIC);
	x->host_ask = NULL;
	policy_tls_copy(&x->arena, t, &x->tls);
	if (t->refused.n > 0) {
		name_host(x, NULL);
		note_host(x, t->refused);
		x->n = 0;
	}
	connect_on(x);
}

/* ---- a host's addresses ---- */

static bool
was_it_tried(const struct reach *x, const struct sockaddr_storage *a)
{
	for (size_t i = 0; i < x->ntried; i++)
		if (memcmp(&x->tried[i], a, sizeof(*a)) == 0)
			return true;
	return false;
}

static void
take_addresses(struct reach *x, const struct addresses *a)
{
	x->n = 0;
	for (size_t i = 0; i < a->n; i++) {
		bool dead = dead_is(&a->v[i], DEAD_ADDRESS);

		if (was_it_tried(x, &a->v[i]))
			continue;
		x->skipped |= dead;
		if (!dead || x->dead_too)
			x->v[x->n++] = a->v[i];
	}
}

static void
on_addresses(void *arg, const struct addresses *a)
{
	struct reach *x = arg;
	struct hosts_host *h = &x->hosts[x->at];

	OBJ(x, REACH_MAGIC);
	x->addresses_ask = NULL;
	x->mx = (struct policy_mx){.domain = x->dest,
	    .name = h->name,
	    .canonical = arena_dup(&x->arena, a->canonical),
	    .port = h->port,
	    .mx_secure = x->mx_secure,
	    .address_secure = a->secure};
	if (a->status != HOSTS_FOUND) {
		name_host(x, NULL);
		log_info("remote.host_failed", LS("dest", x->dest), LZ("host", x->host_text),
		    LS("why", a->text));
		if (a->status == HOSTS_TEMP || x->failure.text.n == 0)
			note(x, a->status == HOSTS_TEMP ? REMOTE_UNREACHED : REMOTE_IMPOSSIBLE,
			    a->text, str_z(x->host_text));
		x->at++;
		loop_defer(&x->act);
		return;
	}
	take_addresses(x, a);
	if (x->n == 0) {
		x->at++;
		loop_defer(&x->act);
		return;
	}
	x->host_ask = policy_host_ask(x->remote->policy, &x->route, &x->mx, on_host_policy, x);
}

/* The next host, once more from the first for addresses that are dead, or the end. */
static void
next_host(void *arg)
{
	struct reach *x = arg;

	OBJ(x, REACH_MAGIC);
	if (x->at >= x->nhosts && x->skipped && !x->dead_too) {
		x->dead_too = true;
		x->at = 0;
	}
	if (x->at < x->nhosts && x->ntried < TRIED_MAX && x->sessions < SESSIONS_MAX)
		x->addresses_ask = addresses_ask(x->remote->dns, &x->hosts[x->at], on_addresses, x);
	else
		tell_failure(x);
}

/* ---- the destination ---- */

static void
on_hosts(void *arg, const struct hosts *h)
{
	struct reach *x = arg;

	OBJ(x, REACH_MAGIC);
	x->hosts_ask = NULL;
	if (h->status != HOSTS_FOUND) {
		note(x, h->status == HOSTS_TEMP ? REMOTE_UNREACHED : REMOTE_IMPOSSIBLE, h->text,
		    STR_NONE);
		tell_failure(x);
		return;
	}
	x->mx_secure = h->secure;
	x->nhosts = h->n;
	x->hosts = arena_array(&x->arena, h->n + 1, sizeof(*x->hosts));
	for (size_t i = 0; i < h->n; i++) {
		x->hosts[i] = h->v[i];
		x->hosts[i].name = arena_dup(&x->arena, h->v[i].name);
	}
	loop_defer(&x->act);
}

static enum remote_outcome
of_policy(const struct err *e)
{
	if (e->code == E_NOTFOUND)
		return REMOTE_NO_ROUTE;
	return e->code == E_PERM ? REMOTE_IMPOSSIBLE : REMOTE_UNREACHED;
}

static void
on_policy(void *arg, const struct policy_route *r, const struct err *e)
{
	struct reach *x = arg;

	OBJ(x, REACH_MAGIC);
	x->policy_ask = NULL;
	if (e) {
		note(x, of_policy(e), str_z(e->text), STR_NONE);
		tell_failure(x);
		return;
	}
	policy_route_copy(&x->arena, r, &x->route);
	if (r->nhosts == 0) {
		x->hosts_ask = hosts_ask(x->remote->dns, x->route.domain, str_z(x->remote->host),
		    x->route.port, on_hosts, x);
		return;
	}
	x->nhosts = r->nhosts;
	x->hosts = arena_array(&x->arena, r->nhosts, sizeof(*x->hosts));
	for (size_t i = 0; i < r->nhosts; i++)
		x->hosts[i] = (struct hosts_host){
		    .name = x->route.hosts[i].name, .port = x->route.hosts[i].port};
	loop_defer(&x->act);
}

struct reach *
reach_new(struct remote *r, struct str dest, reach_fn fn, void *arg)
{
	struct reach *x = mem_alloc(sizeof(*x));

	x->magic = REACH_MAGIC;
	x->remote = r;
	x->fn = fn;
	x->arg = arg;
	arena_init(&x->arena);
	x->dest = arena_dup(&x->arena, dest);
	loop_defer_init(&x->act, next_host, x);
	loop_defer_init(&x->again, connect_on, x);
	x->policy_ask = policy_ask(r->policy, x->dest, on_policy, x);
	return x;
}

void
reach_next(struct reach *x, struct str why, struct str host)
{
	OBJ(x, REACH_MAGIC);
	note(x, REMOTE_UNREACHED, why, host);
	x->plain = false;
	loop_defer(&x->again);
}

void
reach_free(struct reach **xx)
{
	struct reach *x = *xx;

	*xx = NULL;
	if (!x)
		return;
	OBJ(x, REACH_MAGIC);
	policy_cancel(&x->policy_ask);
	hosts_cancel(&x->hosts_ask);
	addresses_cancel(&x->addresses_ask);
	policy_host_cancel(&x->host_ask);
	connect_cancel(&x->connector);
	session_free(&x->session);
	pool_leave(&x->slot);
	loop_defer_cancel(&x->act);
	loop_defer_cancel(&x->again);
	policy_route_wipe(&x->route);
	arena_free(&x->arena);
	x->magic = 0;
	free(x);
}
