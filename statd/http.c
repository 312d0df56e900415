/*
 * http.c - the listener: GET /metrics, /health and /ready, by whoever metrics.networks lets in. One
 * request on a connection.
 *
 * There is no password: what can be read here is numbers, states, and the addresses of the users
 * with the largest mailboxes (metrics.users).
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/network.h"
#include "io/stream.h"
#include "net/http.h"
#include "statd/statd.h"
#include "svc/provider.h"
#include "svc/svc.h"

#define CONN_MAGIC 0x53544854u
#define AT_ONCE    64u
#define NETWORKS   256u
#define TEXT_MAX   (8u << 20)
#define IDLE_MS    10000u
#define ALL_MS     60000u /* however busy it seems */

struct conn {
	unsigned magic;
	struct stream *s;
	struct arena arena;
	struct http_head head;
	size_t seen;
	bool asked;
	struct loop_timer *deadline;
	struct state_wait wait;
};

static struct {
	struct network networks[NETWORKS];
	size_t nnetworks, n;
} self;

int
http_configure(struct err *e)
{
	struct network parsed[NETWORKS];
	size_t n;
	const struct str *v = conf_list(svc_conf(), CONF_METRICS_NETWORKS, &n);

	if (n > NETWORKS)
		return err_set(e, E_INVAL, "metrics.networks: more than %u", NETWORKS);
	for (size_t i = 0; i < n; i++)
		if (network_parse(v[i], &parsed[i], e) < 0)
			return err_wrap(e, "metrics.networks");
	if (n > 0)
		memcpy(self.networks, parsed, n * sizeof(*parsed));
	self.nnetworks = n;
	return 0;
}

static bool
may_ask(const struct sockaddr_storage *peer)
{
	struct network n;

	if (!network_of(peer, 32, 128, &n))
		return false;
	for (size_t i = 0; i < self.nnetworks; i++)
		if (network_holds(&self.networks[i], &n))
			return true;
	return false;
}

static void
release(struct conn *c)
{
	state_leave(&c->wait);
	loop_timer_free(&c->deadline);
	stream_free(&c->s);
	arena_free(&c->arena);
	c->magic = 0;
	self.n--;
	free(c);
}

/* ---- answers ---- */

static void
answer(struct conn *c, const char *status, const char *type, struct str body)
{
	stream_printf(c->s,
	    "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s"
	    "Connection: close\r\n\r\n",
	    status, type, body.n, strncmp(status, "405", 3) == 0 ? "Allow: GET, HEAD\r\n" : "");
	if (!str_eq_z(c->head.method, "HEAD"))
		stream_write(c->s, body.p, body.n);
	stream_finish(c->s);
}

static void
answer_text(struct conn *c, const char *status, const char *text)
{
	answer(c, status, "text/plain; charset=utf-8", str_z(text));
}

/* Whoever lists nothing gets the older format. */
static void
answer_metrics(struct conn *c)
{
	enum metrics_format format = accept_choose(http_field(&c->head, "accept"));
	struct buf b;

	metric_add(METRIC_STAT_METRICS, 1);
	buf_init(&b, TEXT_MAX);
	text_write(format, &b);
	if (b.over)
		answer_text(c, "500 Internal Server Error", "too much to tell\n");
	else
		answer(c, "200 OK",
		    format == METRICS_OPEN
			? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			: "text/plain; version=0.0.4; charset=utf-8",
		    buf_view(&b));
	buf_free(&b);
}

static void
answer_health(struct conn *c)
{
	struct buf b;
	bool healthy;

	metric_add(METRIC_STAT_HEALTH, 1);
	buf_init(&b, TEXT_MAX);
	healthy = health_write(&b);
	buf_putc(&b, '\n');
	answer(c, healthy ? "200 OK" : "503 Service Unavailable", "application/health+json",
	    buf_view(&b));
	buf_free(&b);
}

static void
with_state(void *arg)
{
	struct conn *c = arg;

	OBJ(c, CONN_MAGIC);
	if (str_eq_z(c->head.path, "/metrics")) {
		answer_metrics(c);
	} else if (str_eq_z(c->head.path, "/health")) {
		answer_health(c);
	} else {
		metric_add(METRIC_STAT_READY, 1);
		if (state_is_ready())
			answer_text(c, "200 OK", "ready\n");
		else
			answer_text(c, "503 Service Unavailable", "not ready\n");
	}
}

static bool
is_ours(struct str path)
{
	return str_eq_z(path, "/metrics") || str_eq_z(path, "/health") || str_eq_z(path, "/ready");
}

/* An address, or a name that is nobody else's to lead here. */
static bool
is_our_host(struct conn *c)
{
	struct str host = http_field(&c->head, "host");
	struct provider p;

	return provider_parse(arena_printf(&c->arena, "http://" STR_FMT, STR_ARG(host)), &p) == 0 &&
	       (p.literal || str_eq_z(str_z(p.host), "localhost") ||
		   str_ieq_z(conf_str(svc_conf(), CONF_SERVER_HOST_NAME), p.host));
}

/* A page that an operator's browser shows can have its own name lead to this address (DNS
 * rebinding): its scripts then read from here what only metrics.networks may. Browsers say what
 * asks (Fetch Metadata), but only where they trust the address: by the name of a stranger they do
 * not. What they always say is the languages of their user; programs do not. A person who opens
 * our own name or address is a document. */
static bool
is_by_a_page(struct conn *c)
{
	struct str dest = http_field(&c->head, "sec-fetch-dest");

	if (dest.p != NULL)
		return !str_eq_z(dest, "document");
	return http_field(&c->head, "accept-language").p != NULL && !is_our_host(c);
}

static void
take(struct conn *c)
{
	if (!is_ours(c->head.path)) {
		metric_add(METRIC_STAT_OTHER, 1);
		answer_text(c, "404 Not Found", "/metrics, /health, /ready\n");
	} else if (!str_eq_z(c->head.method, "GET") && !str_eq_z(c->head.method, "HEAD")) {
		metric_add(METRIC_STAT_OTHER, 1);
		answer_text(c, "405 Method Not Allowed", "GET or HEAD\n");
	} else if (is_by_a_page(c)) {
		metric_add(METRIC_STAT_OTHER, 1);
		answer_text(c, "403 Forbidden", "not for pages; open it by its address\n");
	} else {
		state_want(&c->wait);
	}
}

/* ---- life ---- */

static void
on_input(void *arg)
{
	struct conn *c = arg;
	struct http_error why;
	size_t used = 0;
	int rc;

	OBJ(c, CONN_MAGIC);
	if (c->asked) {
		stream_consume(c->s, stream_input(c->s).n);
		if (stream_at_end(c->s) && stream_pending(c->s) == 0 && c->wait.queued)
			release(c);
		return;
	}
	rc = http_head_read(stream_input(c->s), &c->seen, &c->arena, &c->head, &used, &why);
	if (rc == 0 && !stream_at_end(c->s) && stream_input(c->s).n < HTTP_HEAD_MAX)
		return;
	c->asked = true;
	if (rc == 1) {
		stream_consume(c->s, used);
		take(c);
	} else {
		metric_add(METRIC_STAT_OTHER, 1);
		answer_text(c, "400 Bad Request", rc < 0 ? why.why : "");
	}
}

static void
on_deadline(void *arg)
{
	struct conn *c = arg;

	OBJ(c, CONN_MAGIC);
	release(c);
}

static void
on_closed(void *arg, const struct err *e)
{
	(void)e;
	release(arg);
}

void
http_accept(const struct svc_conn *sc)
{
	static const struct stream_events events = {.input = on_input, .closed = on_closed};
	static const struct stream_limits limits = {
	    .in_max = HTTP_HEAD_MAX, .out_max = TEXT_MAX + 4096, .idle_ms = IDLE_MS};
	struct conn *c;

	if (self.n >= AT_ONCE || !may_ask(&sc->peer)) {
		log_info("stat.refused", LZ("peer", sc->peer_text));
		close(sc->fd);
		return;
	}
	c = mem_alloc(sizeof(*c));
	*c = (struct conn){.magic = CONN_MAGIC, .wait = {.fn = with_state, .arg = c}};
	arena_init(&c->arena);
	self.n++;
	c->deadline = loop_timer_new(on_deadline, c);
	loop_timer_set(c->deadline, ALL_MS);
	c->s = stream_new(sc->fd, &limits, &events, c);
	stream_start(c->s);
}
