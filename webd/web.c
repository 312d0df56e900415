/*
 * web.c - the connections of gk-webd: accepting, limits, TLS, ending.
 *
 * Owner: this process. Errors: end a connection, and are told in the log.
 */
#include "webd/web.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/banlist.h"
#include "net/trusted.h"
#include "svc/certificates.h"
#include "svc/metrics.h"
#include "webd/challenge.h"
#include "webd/proxy.h"

#define IN_MAX     (64u << 10)
#define OUT_MAX    (EXCHANGE_OUT_MAX + (1u << 20))
#define CLOSING_MS 10000u

static TAILQ_HEAD(, web_conn) conns = TAILQ_HEAD_INITIALIZER(conns);
static size_t nconns;
static struct tls_context *tls;

/* ---- ending ---- */

void
web_free(struct web_conn *c, const char *why)
{
	OBJ(c, WEB_MAGIC);
	log_debug("http.disconnect", LZ("sid", c->sid), LZ("why", why));
	if (c->protocol)
		c->protocol->free(c);
	stream_free(&c->stream);
	loop_timer_free(&c->timer);
	TAILQ_REMOVE(&conns, c, link);
	nconns--;
	if (c->entered)
		limits_leave(&c->source);
	metric_add(METRIC_HTTP_CONNECTIONS, -1);
	svc_accept_pause(false);
	c->magic = 0;
	free(c);
	if (svc_draining() && nconns == 0)
		svc_drained();
}

void
web_close(struct web_conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	/* Whoever does not take the last words is not waited for: web_stuck() as long as some of
	 * them go. */
	loop_timer_set(c->timer, CLOSING_MS);
	stream_finish(c->stream);
}

static uint64_t
pace(void)
{
	return conf_num(svc_conf(), CONF_WEB_REQUEST_TIMEOUT);
}

static void
on_timer(void *arg)
{
	struct web_conn *c = arg;

	OBJ(c, WEB_MAGIC);
	if (!c->closing && c->protocol)
		c->protocol->timer(c);
	else if (!c->closing || web_stuck(c) || stream_pending(c->stream) == 0)
		web_free(c, "timeout");
	else
		loop_timer_set(c->timer, pace());
}

/* ---- output ---- */

void
web_write(struct web_conn *c, const void *p, size_t n)
{
	c->written += n;
	stream_write(c->stream, p, n);
}

bool
web_stuck(struct web_conn *c)
{
	size_t pending = stream_pending(c->stream);
	uint64_t gone = c->written - pending;
	bool stuck = pending > 0 && c->seen_pending && gone - c->seen_written < PACE_OCTETS;

	c->seen_pending = pending > 0;
	c->seen_written = gone;
	return stuck;
}

void
web_wait(struct web_conn *c, uint64_t ms)
{
	if (!c->closing)
		loop_timer_set(c->timer, ms);
}

void
web_wait_pace(struct web_conn *c)
{
	web_wait(c, pace());
}

/* ---- the stream ---- */

static void
on_input(void *arg)
{
	struct web_conn *c = arg;

	OBJ(c, WEB_MAGIC);
	if (c->protocol && !c->closing)
		c->protocol->input(c);
}

static void
on_drained(void *arg)
{
	struct web_conn *c = arg;

	OBJ(c, WEB_MAGIC);
	if (c->protocol && !c->closing)
		c->protocol->drained(c);
}

static void
speak(struct web_conn *c, const struct web_protocol *p)
{
	c->protocol = p;
	p->begin(c);
}

static void
on_secured(void *arg)
{
	struct web_conn *c = arg;

	OBJ(c, WEB_MAGIC);
	if (str_eq(stream_tls_alpn(c->stream), STR(CHALLENGE_ALPN))) {
		log_info(
		    "http.challenge_shown", LZ("sid", c->sid), LZ("peer", stream_peer(c->stream)));
		web_close(c); /* RFC 8737 3: all is said */
		return;
	}
	speak(c, str_eq(stream_tls_alpn(c->stream), STR("h2")) ? &http2_protocol : &http1_protocol);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct web_conn *c = arg;

	OBJ(c, WEB_MAGIC);
	web_free(c, c->closing ? "done" : e->text);
}

/* ---- accepting ---- */

static bool
admit(const struct svc_conn *sc, struct web_conn *c)
{
	bool plain = strcmp(sc->name, "http") == 0, challenges = strcmp(sc->name, "acme") == 0;
	enum limits_verdict v;

	/* What is said in the clear stays on this machine, or between it and its proxies. */
	if (plain && !c->proxy && !proxy_is_loopback(&sc->peer)) {
		log_info("http.plain_refused", LZ("peer", sc->peer_text));
		return false;
	}
	if (!plain && !challenges && tls == NULL)
		return false;
	/* A proxy is many clients: their requests are judged by themselves. */
	if (c->proxy)
		return true;
	if (banlist_peer(&sc->peer)) {
		metric_add(METRIC_BANNED_WEB, 1);
		log_debug("http.banned", LZ("peer", sc->peer_text));
		return false;
	}
	if ((v = limits_enter(&sc->peer, &c->source)) == LIMITS_OK)
		return c->entered = true;
	metric_add(METRIC_LIMIT_CONNECTIONS, 1);
	if (limits_tell(&sc->peer, v))
		log_info("limit.connections", LZ("peer", sc->peer_text),
		    LZ("reason", limits_verdict_name(v)), LZ("listener", sc->name),
		    LU("connections", nconns));
	return false;
}

void
web_open(const struct svc_conn *sc, const struct web_conn *from, const struct web_protocol *p)
{
	static const struct stream_events events = {
	    .input = on_input, .drained = on_drained, .secured = on_secured, .closed = on_closed};
	static const struct stream_limits limits = {IN_MAX, OUT_MAX, 0};
	struct web_conn *c = mem_alloc(sizeof(*c));

	*c = *from;
	c->magic = WEB_MAGIC;
	c->from = sc->peer;
	id_new(c->sid);
	TAILQ_INSERT_TAIL(&conns, c, link);
	metric_add(METRIC_HTTP_CONNECTIONS, 1);
	if (++nconns >= conf_num(svc_conf(), CONF_LIMITS_CONNECTIONS))
		svc_accept_pause(true);
	c->timer = loop_timer_new(on_timer, c);
	c->stream = stream_new(sc->fd, &limits, &events, c);
	log_debug(
	    "http.connect", LZ("sid", c->sid), LZ("peer", sc->peer_text), LZ("listener", sc->name));
	web_wait_pace(c);
	stream_start(c->stream);
	if (p)
		speak(c, p);
	else
		stream_tls_accept(c->stream, tls);
}

void
web_accept(const struct svc_conn *sc)
{
	struct web_conn c = {
	    .proxy = proxy_is_trusted(&sc->peer), .challenges = strcmp(sc->name, "acme") == 0};

	if (admit(sc, &c))
		web_open(
		    sc, &c, c.challenges || strcmp(sc->name, "http") == 0 ? &http1_protocol : NULL);
	else
		close(sc->fd);
}

/* ---- requests ---- */

void
web_fault(struct web_conn *c, const char *why)
{
	log_info(
	    "http.fault", LZ("sid", c->sid), LZ("peer", stream_peer(c->stream)), LZ("why", why));
	metric_add(METRIC_HTTP_FAULTS, 1);
	if (c->entered)
		limits_count(&c->source, LIMITS_ERRORS);
}

static bool
is_banned(const struct web_conn *c, const struct exchange *x)
{
	struct network n;

	/* What is true of an address is true of its words by a proxy. */
	return banlist_count() > 0 && (c->proxy ? network_parse(str_z(x->peer), &n, NULL) == 0 &&
						      !trusted_has(&n) && banlist_has(&n)
						: banlist_peer(&c->from));
}

/* Is there room for one more request from there? It is counted. */
static bool
has_room(struct web_conn *c, const struct exchange *x)
{
	struct network n;

	/* A proxy that does not tell whom it speaks for is not judged by all of them. */
	if (c->proxy)
		return strcmp(x->peer, stream_peer(c->stream)) == 0 ||
		       network_parse(str_z(x->peer), &n, NULL) < 0 ||
		       limits_allow(&n, LIMITS_MESSAGES_MINUTE);
	if (!limits_room(&c->source, LIMITS_MESSAGES_MINUTE))
		return false;
	limits_count(&c->source, LIMITS_MESSAGES_MINUTE);
	return true;
}

bool
web_admit(struct web_conn *c, struct exchange *x)
{
	proxy_understand(c, x);
	x->challenges = c->challenges;
	if (is_banned(c, x)) {
		metric_add(METRIC_BANNED_WEB, 1);
		exchange_problem(x, 403, "Nothing is taken from your address for a while.");
		return false;
	}
	if (has_room(c, x))
		return true;
	metric_add(METRIC_LIMIT_REQUESTS, 1);
	if (limits_tell(&c->from, LIMITS_RATE))
		log_info("limit.requests", LZ("sid", c->sid), LZ("peer", x->peer));
	exchange_set(x, "Retry-After", STR("30"));
	exchange_problem(x, 429, "Too many requests come from your address.");
	return false;
}

const char *
web_date(int64_t s, char out[WEB_DATE_SIZE])
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm t = {0};
	time_t at = (time_t)s;

	gmtime_r(&at, &t);
	snprintf(out, WEB_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
	    t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
	return out;
}

/* ---- life ---- */

static int
configure(struct err *e)
{
	const struct certificates_use v = {.context = &tls, .alpn = STR("h2 http/1.1")};
	const struct conf *c = svc_conf();
	struct limits_rules r = {
	    .total = UINT64_MAX, /* at limits.connections no more are accepted */
	    .at_once = conf_num(c, CONF_LIMITS_CONNECTIONS_PER_IP),
	    .factor = conf_num(c, CONF_LIMITS_NETWORK_FACTOR),
	    .n = {[LIMITS_CONNECTIONS] = conf_num(c, CONF_LIMITS_CONNECTIONS_PER_MINUTE),
		[LIMITS_MESSAGES_MINUTE] = conf_num(c, CONF_WEB_REQUESTS_PER_MINUTE),
		[LIMITS_ERRORS] = conf_num(c, CONF_LIMITS_ERRORS_PER_HOUR)}};
	size_t n;
	const struct str *trusted = conf_list(c, CONF_LIMITS_TRUSTED_NETWORKS, &n);

	limits_configure(&r);
	if (trusted_configure(trusted, n, e) < 0 || proxy_configure(c, e) < 0)
		return -1;
	if (certificates_load(&v, 1, e) < 0)
		return -1;
	challenge_context(tls);
	return 0;
}

int
web_start(struct err *e)
{
	return configure(e);
}

int
web_reload(struct err *e)
{
	return configure(e);
}

void
web_drain(void)
{
	struct web_conn *c, *next;

	exchange_drain();
	if (nconns == 0) {
		svc_drained();
		return;
	}
	for (c = TAILQ_FIRST(&conns); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!c->protocol)
			web_close(c);
		else if (!c->closing)
			c->protocol->drain(c);
	}
}
