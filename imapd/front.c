/*
 * front.c - all connections of gk-imapd: accepting, limits, ending.
 *
 * Owner: this process. Every connection is in one table by its number, which is what mailboxd names
 * it by.
 */
#include "imapd/imapd.h"

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/banlist.h"
#include "net/trusted.h"
#include "svc/certificates.h"
#include "svc/metrics.h"

#define IN_MAX  (64u * 1024)
#define OUT_MAX (1u << 20)

static struct front_conn *conns;
static size_t nconns;
static uint64_t next_id;
static struct tls_context *tls;

struct front_conn *
front_find(uint64_t id)
{
	struct front_conn *c;

	HASH_FIND(hh, conns, &id, sizeof(id), c);
	return c;
}

void
front_each(void (*fn)(struct front_conn *c))
{
	struct front_conn *c, *next;

	HASH_ITER (hh, conns, c, next) {
		fn(c);
	}
}

struct tls_context *
front_tls(void)
{
	return tls;
}

/* ---- ending ---- */

void
front_free(struct front_conn *c, const char *why)
{
	log_info("imap.disconnect", LZ("sid", c->sid), LZ("user", c->user ? c->user : ""),
	    LZ("why", why));
	if (c->call != 0)
		ipc_cancel(svc_channel(PEER_MAILBOXD), c->call);
	session_free(c);
	park_forget(c);
	relay_drop(c);
	stream_free(&c->client);
	loop_timer_free(&c->timer);
	HASH_DEL(conns, c);
	nconns--;
	limits_leave(&c->source);
	metric_add(METRIC_IMAP_CONNECTIONS, -1);
	svc_accept_pause(false);
	free(c->user);
	c->magic = 0;
	free(c);
	if (svc_draining() && nconns == 0)
		svc_drained();
}

void
front_close(struct front_conn *c)
{
	if (c->state == FRONT_CLOSING)
		return;
	c->state = FRONT_CLOSING;
	/* Whoever does not take the last words is not waited for. */
	loop_timer_set(c->timer, 10000);
	session_free(c);
	park_forget(c);
	relay_drop(c);
	stream_finish(c->client);
}

void
front_bye(struct front_conn *c, const char *text)
{
	if (c->state == FRONT_CLOSING)
		return;
	/* In the greeting's place too (RFC 9051 7.1.5). */
	stream_printf(c->client, "* BYE %s\r\n", text);
	front_close(c);
}

static void
on_timer(void *arg)
{
	struct front_conn *c = arg;

	OBJ(c, FRONT_MAGIC);
	if (c->state == FRONT_CLOSING || c->state == FRONT_GREETING)
		front_free(c, "timeout");
	else if (c->state == FRONT_DELAY || c->session != NULL)
		session_timer(c);
	else if (c->state == FRONT_PARKED)
		park_timer(c);
}

/* ---- the client's stream ---- */

static void
on_input(void *arg)
{
	struct front_conn *c = arg;

	OBJ(c, FRONT_MAGIC);
	switch (c->state) {
	case FRONT_COMMANDS:
	case FRONT_LOGIN:
		session_input(c);
		break;
	case FRONT_RELAY:
		relay_pump(c);
		break;
	case FRONT_PARKED:
		/* DONE, or the end: the owner answers the first, nobody needs to hear of the
		 * second. */
		if (stream_input(c->client).n > 0)
			park_resume(c);
		else if (stream_at_end(c->client))
			front_free(c, "client left");
		break;
	case FRONT_GREETING:
	case FRONT_DELAY:
	case FRONT_OPENING:
	case FRONT_LEAVING:
	case FRONT_RESUMING:
	case FRONT_CLOSING:
		/* It waits in the stream. */
		break;
	}
}

static void
on_drained(void *arg)
{
	struct front_conn *c = arg;

	OBJ(c, FRONT_MAGIC);
	if (c->state == FRONT_RELAY || c->state == FRONT_LEAVING)
		relay_pump(c);
}

static void
on_secured(void *arg)
{
	struct front_conn *c = arg;

	OBJ(c, FRONT_MAGIC);
	session_secured(c);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct front_conn *c = arg;

	OBJ(c, FRONT_MAGIC);
	front_free(c, c->state == FRONT_CLOSING ? "done" : e->text);
}

/* ---- accepting ---- */

static bool
admit(const struct svc_conn *sc, struct limits_source *source)
{
	static const char bye[] = "* BYE Nothing is taken from your address for a while\r\n";
	enum limits_verdict v;

	if (banlist_peer(&sc->peer)) {
		metric_add(METRIC_BANNED_IMAP, 1);
		log_debug("imap.banned", LZ("peer", sc->peer_text), LZ("listener", sc->name));
		/* Before TLS nothing could be read. */
		if (strcmp(sc->name, "imap") == 0)
			(void)!write(sc->fd, bye, sizeof(bye) - 1);
		return false;
	}
	if ((v = limits_enter(&sc->peer, source)) == LIMITS_OK)
		return true;
	metric_add(METRIC_LIMIT_CONNECTIONS, 1);
	if (limits_tell(&sc->peer, v))
		log_info("limit.connections", LZ("peer", sc->peer_text),
		    LZ("reason", limits_verdict_name(v)), LZ("listener", sc->name),
		    LU("connections", nconns));
	return false;
}

void
front_accept(const struct svc_conn *sc)
{
	static const struct stream_events events = {
	    .input = on_input, .drained = on_drained, .secured = on_secured, .closed = on_closed};
	static const struct stream_limits limits = {IN_MAX, OUT_MAX, 0};
	bool implicit = strcmp(sc->name, "imaps") == 0;
	struct limits_source source;
	struct front_conn *c;

	if ((implicit && tls == NULL) || !admit(sc, &source)) {
		close(sc->fd);
		return;
	}
	c = mem_alloc(sizeof(*c));
	c->magic = FRONT_MAGIC;
	c->id = ++next_id;
	c->source = source;
	id_new(c->sid);
	HASH_ADD(hh, conns, id, sizeof(c->id), c);
	metric_add(METRIC_IMAP_CONNECTIONS, 1);
	if (++nconns >= conf_num(svc_conf(), CONF_LIMITS_CONNECTIONS))
		svc_accept_pause(true);
	c->timer = loop_timer_new(on_timer, c);
	c->client = stream_new(sc->fd, &limits, &events, c);
	log_info(
	    "imap.connect", LZ("sid", c->sid), LZ("peer", sc->peer_text), LZ("listener", sc->name));
	session_begin(c);
	loop_timer_set(c->timer, conf_num(svc_conf(), CONF_IMAP_LOGIN_TIMEOUT));
	stream_start(c->client);
	if (implicit)
		stream_tls_accept(c->client, tls);
	else
		session_greet(c);
}

static void
end_banned(struct front_conn *c)
{
	struct network n;

	/* Who is logged in stays: user is set when authd has said so. */
	if (c->user != NULL || c->state == FRONT_CLOSING ||
	    network_parse(str_z(stream_peer(c->client)), &n, NULL) < 0 || !banlist_has(&n))
		return;
	metric_add(METRIC_BANNED_IMAP, 1);
	log_info("imap.banned", LZ("sid", c->sid), LZ("peer", stream_peer(c->client)));
	front_bye(c, "Nothing is taken from your address for a while");
}

void
front_bans(struct ipc_in *m)
{
	if (banlist_message(m))
		front_each(end_banned);
}

/* ---- life ---- */

static int
load_tls(struct err *e)
{
	const struct certificates_use v = {.context = &tls, .alpn = STR("imap")};

	return certificates_load(&v, 1, e);
}

static int
configure(struct err *e)
{
	const struct conf *c = svc_conf();
	struct limits_rules r = {
	    .total = UINT64_MAX, /* at limits.connections no more are accepted */
	    .at_once = conf_num(c, CONF_LIMITS_CONNECTIONS_PER_IP),
	    .factor = conf_num(c, CONF_LIMITS_NETWORK_FACTOR),
	    .n = {[LIMITS_CONNECTIONS] = conf_num(c, CONF_LIMITS_CONNECTIONS_PER_MINUTE)}};
	size_t n;
	const struct str *trusted = conf_list(c, CONF_LIMITS_TRUSTED_NETWORKS, &n);

	limits_configure(&r);
	return trusted_configure(trusted, n, e) < 0 ? -1 : load_tls(e);
}

int
front_start(struct err *e)
{
	/* Numbers of an earlier life of this process may still be known to mailboxd. */
	next_id = (uint64_t)randombytes_random() << 24;
	return configure(e);
}

int
front_reload(struct err *e)
{
	return configure(e);
}

static void
drain_one(struct front_conn *c)
{
	/* A relay ends with the owner's BYE: its parent drains too. If only this process ends, the
	 * owner sees that the client says no more, and finishes. */
	if (c->state == FRONT_RELAY || c->state == FRONT_LEAVING || c->state == FRONT_RESUMING)
		relay_shut(c);
	else
		front_bye(c, FRONT_SHUTDOWN);
}

void
front_drain(void)
{
	if (nconns == 0)
		svc_drained();
	else
		front_each(drain_one);
}

/* Into the middle of a line nothing is said. */
static void
overdue(struct front_conn *c)
{
	if (c->owner == NULL || c->tail[sizeof(c->tail) - 1] == '\n')
		front_bye(c, FRONT_SHUTDOWN);
}

void
front_overdue(void)
{
	front_each(overdue);
}
