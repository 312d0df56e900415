/*
 * http1.c - HTTP/1.1 on a connection (RFC 9112): one request after the other, pipelined ones too.
 *
 * Owner: its connection. Errors: what the reader refuses is answered, and the connection ends:
 * nobody knows where the next request would begin.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "webd/web.h"

struct http1 {
	struct web_conn *conn;
	struct exchange *x; /* under way */
	size_t seen;        /* of the next head */
	struct arena arena; /* of the next head */
	struct http_body body;
	struct loop_defer turn;
	bool in_body, paused, upgraded;
	bool chunked; /* as the answer is framed */
	bool close;   /* the connection ends after this exchange */
	bool heading; /* a head has begun to come */
	bool old;     /* HTTP/1.0 */
};

static void pump(struct http1 *h);

static void
on_turn(void *arg)
{
	pump(arg);
}

/* ---- the answer ---- */

static void
write_fields(struct http1 *h, struct exchange *x)
{
	struct exchange_in *in = x->in;
	char date[WEB_DATE_SIZE], line[96];
	struct buf b;
	int n;

	buf_init(&b, 64u << 10);
	n = snprintf(line, sizeof(line), "HTTP/1.1 %u %s\r\nDate: %s\r\n", in->status,
	    in->status == 101 ? "Switching Protocols" : respond_title(in->status),
	    web_date(clock_wall(), date));
	buf_put(&b, line, (size_t)n);
	for (size_t i = 0; i < in->nfields; i++)
		buf_printf(&b, STR_FMT ": " STR_FMT "\r\n", STR_ARG(in->fields[i].name),
		    STR_ARG(in->fields[i].value));
	web_write(h->conn, b.p, b.n);
	buf_free(&b);
}

static void
puts_to(struct http1 *h, const char *z)
{
	web_write(h->conn, z, strlen(z));
}

static void
op_head(struct exchange *x, uint64_t length, bool body)
{
	struct http1 *h = x->in->owner;
	char line[64];

	/* What of the body nobody has read would be taken for the next request. */
	h->close |= h->in_body || svc_draining();
	write_fields(h, x);
	if (length == EXCHANGE_UNKNOWN) {
		h->chunked = body && !h->old;
		h->close |= body && h->old;
		puts_to(h, h->chunked ? "Transfer-Encoding: chunked\r\n" : "");
	} else if (length != EXCHANGE_NONE) {
		snprintf(
		    line, sizeof(line), "Content-Length: %llu\r\n", (unsigned long long)length);
		puts_to(h, line);
	}
	puts_to(h, h->close ? "Connection: close\r\n\r\n" : "\r\n");
}

static void
op_write(struct exchange *x, struct str s)
{
	struct http1 *h = x->in->owner;
	char line[32];

	if (h->chunked) {
		snprintf(line, sizeof(line), "%zx\r\n", s.n);
		puts_to(h, line);
	}
	web_write(h->conn, s.p, s.n);
	if (h->chunked)
		puts_to(h, "\r\n");
}

static void
op_end(struct exchange *x)
{
	struct http1 *h = x->in->owner;

	if (h->chunked)
		puts_to(h, "0\r\n\r\n");
	h->close |= h->upgraded;
}

static void
op_abort(struct exchange *x)
{
	(void)x; /* op_done() */
}

static void
op_pause(struct exchange *x, bool pause)
{
	struct http1 *h = x->in->owner;

	h->paused = pause;
	if (pause)
		stream_pause(h->conn->stream);
	else
		stream_resume(h->conn->stream);
	loop_defer(&h->turn);
}

static size_t
op_pending(const struct exchange *x)
{
	const struct http1 *h = x->in->owner;

	return stream_pending(h->conn->stream);
}

static void
op_go_on(struct exchange *x)
{
	puts_to(x->in->owner, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void
op_upgrade(struct exchange *x)
{
	struct http1 *h = x->in->owner;

	h->upgraded = true;
	write_fields(h, x);
	puts_to(h, "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
	loop_defer(&h->turn); /* what it has said already */
}

static void
op_done(struct exchange *x)
{
	struct http1 *h = x->in->owner;
	struct web_conn *c = h->conn;

	h->x = NULL;
	if (x->in->aborted) {
		/* A length that is not reached, a last chunk that does not come: an end, cleanly
		 * closed, would not be told from the whole. */
		h->close = true;
		stream_pause(c->stream);
		web_wait(c, 0);
		return;
	}
	if (h->paused)
		op_pause(x, false);
	h->chunked = h->in_body = false;
	if (h->close) {
		web_close(c);
	} else {
		web_wait(c, conf_num(svc_conf(), CONF_WEB_IDLE_TIMEOUT));
		loop_defer(&h->turn);
	}
}

static const struct exchange_ops ops = {
    .head = op_head,
    .write = op_write,
    .end = op_end,
    .abort = op_abort,
    .pause = op_pause,
    .pending = op_pending,
    .go_on = op_go_on,
    .upgrade = op_upgrade,
    .done = op_done,
};

/* ---- the request ---- */

static struct exchange *
new_exchange(struct http1 *h)
{
	h->x = exchange_new(&ops, h);
	h->x->in->protocol = "HTTP/1.1";
	h->x->host = STR("");
	h->heading = false;
	return h->x;
}

static void
refuse(struct http1 *h, const struct http_error *e)
{
	struct exchange *x = h->x;

	web_fault(h->conn, e->why);
	h->close = true;
	h->in_body = false;
	if (!x) {
		x = new_exchange(h);
		x->peer = arena_dupz(&x->arena, str_z(stream_peer(h->conn->stream)));
		x->in->got_all = true;
	}
	exchange_refuse(x, e->status, NULL);
}

/* The arena that the head is in becomes the exchange's. */
static void
begin_exchange(struct http1 *h, const struct http_head *head)
{
	struct exchange *x = new_exchange(h);
	struct http_error e;
	char *host;

	x->arena = h->arena;
	arena_init(&h->arena);
	h->old = head->http_1_0;
	h->close = head->close || head->http_1_0;
	x->fields = head->fields;
	x->nfields = head->nfields;
	host = arena_dupz(&x->arena, head->host);
	str_lower(head->host, host);
	x->host = str_of(host, head->host.n);
	x->in->expects = head->expect_continue && head->framing != HTTP_NO_BODY;
	h->in_body = head->framing != HTTP_NO_BODY;
	/* How much is too much the route says; the frame as such has no bound. */
	(void)http_body_init(&h->body, head, UINT64_MAX / 2, &e);
	if (web_admit(h->conn, x))
		exchange_start(x, head->method, head->path, head->query, h->in_body, head->length);
}

/* False: no more to be done now. */
static bool
read_head(struct http1 *h)
{
	struct str in = stream_input(h->conn->stream);
	struct http_error e;
	struct http_head head;
	size_t used = 0;
	int rc;

	if (in.n == 0)
		return false;
	rc = http_head_read(in, &h->seen, &h->arena, &head, &used, &e);
	if (rc == 0 && !h->heading) {
		h->heading = true;
		web_wait(h->conn, conf_num(svc_conf(), CONF_WEB_REQUEST_TIMEOUT));
	} else if (rc > 0) {
		web_wait_pace(h->conn);
		begin_exchange(h, &head);
		stream_consume(h->conn->stream, used);
	} else if (rc < 0) {
		refuse(h, &e);
	}
	return rc > 0;
}

static bool
read_body(struct http1 *h)
{
	struct str in = stream_input(h->conn->stream), content;
	struct http_error e;
	size_t used = 0;
	int rc;

	/* An answer that did not wait for the body has said that the connection ends. */
	if (in.n == 0 || h->paused || exchange_over(h->x))
		return false;
	rc = http_body_read(&h->body, in, &used, &content, &e);
	if (rc < 0) {
		refuse(h, &e);
		return false;
	}
	if (rc > 0)
		h->in_body = false;
	if (content.n > 0 || rc > 0)
		exchange_got(h->x, content, rc > 0);
	stream_consume(h->conn->stream, used);
	return used > 0 || rc > 0;
}

static bool
relay(struct http1 *h)
{
	struct str in = stream_input(h->conn->stream);

	if (in.n == 0 || h->paused)
		return false;
	exchange_got(h->x, in, false);
	stream_consume(h->conn->stream, in.n);
	return true;
}

static bool
step(struct http1 *h)
{
	if (h->conn->closing)
		return false;
	if (!h->x)
		return !h->close && stream_pending(h->conn->stream) < EXCHANGE_HIGH && read_head(h);
	if (h->upgraded)
		return relay(h);
	return h->in_body && read_body(h);
}

/* The client says no more. */
static void
at_end(struct http1 *h)
{
	struct exchange *x = h->x;

	if (!x) {
		web_close(h->conn);
		return;
	}
	h->close = true;
	if (exchange_over(x))
		return;
	if (h->upgraded)
		exchange_got(x, STR(""), true);
	else
		/* Whoever reads the answer to a question under way keeps its side open: over TLS
		 * nobody does otherwise, and nobody else is to be told from one who has left. */
		web_free(h->conn, "client left");
}

static void
pump(struct http1 *h)
{
	while (step(h))
		;
	if (!h->conn->closing && !h->paused && stream_at_end(h->conn->stream) &&
	    (stream_input(h->conn->stream).n == 0 || !h->x || h->in_body))
		at_end(h);
}

/* ---- for the connection ---- */

static void
http1_begin(struct web_conn *c)
{
	struct http1 *h = mem_alloc(sizeof(*h));

	c->state = h;
	h->conn = c;
	arena_init(&h->arena);
	loop_defer_init(&h->turn, on_turn, h);
	web_wait(c, conf_num(svc_conf(), CONF_WEB_IDLE_TIMEOUT));
}

static void
http1_input(struct web_conn *c)
{
	pump(c->state);
}

static void
http1_drained(struct web_conn *c)
{
	struct http1 *h = c->state;

	if (h->x)
		exchange_room(h->x);
	loop_defer(&h->turn);
}

static void
http1_timer(struct web_conn *c)
{
	static const struct http_error slow = {(enum http_refusal)408, "a head that slow"};
	struct http1 *h = c->state;

	if (h->close && !h->x) {
		web_free(c, "aborted");
	} else if (web_stuck(c)) {
		web_free(c, "takes no output");
	} else if (!h->x && h->heading) {
		refuse(h, &slow);
	} else if (!h->x && stream_pending(c->stream) == 0) {
		web_close(c);
	} else {
		if (h->x && exchange_slow(h->x)) {
			h->close = true;
			exchange_refuse(h->x, 408, NULL);
		}
		web_wait_pace(c);
	}
}

static void
http1_drain(struct web_conn *c)
{
	struct http1 *h = c->state;

	if (h->x)
		h->close = true;
	else
		web_close(c);
}

static void
http1_free(struct web_conn *c)
{
	struct http1 *h = c->state;

	if (h->x)
		exchange_lost(h->x);
	loop_defer_cancel(&h->turn);
	arena_free(&h->arena);
	free(h);
	c->state = NULL;
}

const struct web_protocol http1_protocol = {
    .name = "http/1.1",
    .begin = http1_begin,
    .input = http1_input,
    .drained = http1_drained,
    .timer = http1_timer,
    .drain = http1_drain,
    .free = http1_free,
};
