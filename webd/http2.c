/*
 * http2.c - HTTP/2 on a connection (RFC 9113), by nghttp2.
 *
 * Bounded: streams at one time, the size of a head, what waits in a stream either way, and how much
 * a client may ask for that is no work (resets, pings, settings: CVE-2023-44487 and its kin); past
 * that the connection ends with ENHANCE_YOUR_CALM. Owner: its connection.
 *
 * Nothing is sent from inside nghttp2's callbacks: what is to go out goes at the end of the turn.
 */
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "webd/proxy.h"
#include "webd/web.h"

#define STREAMS_MAX   100u
#define STREAM_WINDOW (128u << 10)
/* As much of a body as is passed over once the request is answered: a reset then, right as it is
 * (RFC 9113 8.1), makes some clients throw the answer away. */
#define SPILL_MAX (64u << 10)
#define WINDOW    (512u << 10)
/* Output beyond this is not made until the peer takes some; nor is input read. */
#define SEND_MAX (256u << 10)
#define OUT_MAX  (EXCHANGE_OUT_MAX + (1u << 20))
/* Frames that are no work: so many at once, so many a second. */
#define NOISE_BURST 400u
#define NOISE_RATE  40u

struct http2_stream {
	TAILQ_ENTRY(http2_stream) link;
	struct http2 *h;
	int32_t id;
	struct exchange *x; /* until it is over; the rest of its output may still wait here */
	uint64_t since;     /* the head began */

	/* The head as it comes. */
	struct arena arena;
	struct str method, path, scheme, authority;
	struct http_field *fields;
	size_t nfields, octets;
	bool too_large, started;

	struct buf held; /* of the body, while nobody takes it */
	bool paused, held_end;
	struct loop_defer turn; /* hands that on */

	struct buf out;
	bool out_end, deferred;
	bool reset;                 /* by either side */
	size_t spilt;               /* octets of a body that nobody wants any more */
	bool lingers;               /* answered, but the peer has not ended: so at the last look */
	uint64_t taken, seen_taken; /* octets of out that went */
	bool seen_out;
};

struct http2 {
	struct web_conn *conn;
	nghttp2_session *session;
	TAILQ_HEAD(, http2_stream) streams;
	size_t nstreams;
	struct loop_defer turn;
	uint64_t noise, noise_ms; /* tokens used, when looked at */
	bool calm;                /* the connection ends for noise */
	uint64_t idle_since;      /* a stream ended, or the connection began */
};

static void
later(struct http2 *h)
{
	loop_defer(&h->turn);
}

/* ---- noise ---- */

static void
noise(struct http2 *h, const char *what)
{
	uint64_t now = clock_ms(), less = (now - h->noise_ms) * NOISE_RATE / 1000;

	if (less > 0) {
		h->noise -= num_min(less, h->noise);
		h->noise_ms = now;
	}
	if (++h->noise <= NOISE_BURST || h->calm)
		return;
	h->calm = true;
	web_fault(h->conn, what);
	(void)nghttp2_session_terminate_session(h->session, NGHTTP2_ENHANCE_YOUR_CALM);
	later(h);
}

/* ---- streams ---- */

static void on_held(void *arg);

static struct http2_stream *
stream_of(struct http2 *h, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h->session, id);
}

static struct http2_stream *
stream_open(struct http2 *h, int32_t id)
{
	struct http2_stream *s = mem_alloc(sizeof(*s));

	s->h = h;
	s->id = id;
	s->since = clock_ms();
	arena_init(&s->arena);
	buf_init(&s->held, WINDOW + STREAM_WINDOW);
	buf_init(&s->out, OUT_MAX);
	loop_defer_init(&s->turn, on_held, s);
	TAILQ_INSERT_TAIL(&h->streams, s, link);
	h->nstreams++;
	return s;
}

/* What nobody will take holds up no other stream. */
static void
forget_held(struct http2_stream *s)
{
	(void)nghttp2_session_consume_connection(s->h->session, s->held.n);
	buf_reset(&s->held);
}

static void
stream_close(struct http2_stream *s)
{
	struct http2 *h = s->h;

	if (s->x)
		exchange_lost(s->x);
	forget_held(s);
	h->idle_since = clock_ms();
	loop_defer_cancel(&s->turn);
	TAILQ_REMOVE(&h->streams, s, link);
	h->nstreams--;
	arena_free(&s->arena);
	buf_free(&s->held);
	buf_free(&s->out);
	free(s);
}

static void
stream_reset(struct http2_stream *s, uint32_t code)
{
	if (s->reset)
		return;
	s->reset = true;
	(void)nghttp2_submit_rst_stream(s->h->session, NGHTTP2_FLAG_NONE, s->id, code);
	later(s->h);
}

/* ---- the answer ---- */

/* What the session asks for when the peer's windows have room. */
static ssize_t
read_out(nghttp2_session *session, int32_t id, uint8_t *to, size_t n, uint32_t *flags,
    nghttp2_data_source *source, void *arg)
{
	struct http2_stream *s = source->ptr;
	size_t some = num_min(n, s->out.n);

	(void)session, (void)id, (void)arg;
	if (some == 0 && !s->out_end) {
		s->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	memcpy(to, s->out.p, some);
	buf_consume(&s->out, some);
	s->taken += some;
	if (s->out.n == 0) {
		buf_shrink(&s->out);
		if (s->out_end)
			*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	return (ssize_t)some;
}

static nghttp2_nv
name_value(struct exchange *x, struct str name, struct str value)
{
	char *lower = arena_dupz(&x->arena, name);

	str_lower(name, lower);
	return (nghttp2_nv){.name = (uint8_t *)lower,
	    .value = (uint8_t *)(uintptr_t)value.p,
	    .namelen = name.n,
	    .valuelen = value.n,
	    .flags = NGHTTP2_NV_FLAG_NONE};
}

static void
op_head(struct exchange *x, uint64_t length, bool body)
{
	struct http2_stream *s = x->in->owner;
	struct exchange_in *in = x->in;
	nghttp2_data_provider data = {.source.ptr = s, .read_callback = read_out};
	nghttp2_nv nv[EXCHANGE_FIELDS + 3];
	char date[WEB_DATE_SIZE];
	size_t n = 0;

	nv[n++] = name_value(x, STR(":status"), arena_printf(&x->arena, "%u", in->status));
	nv[n++] =
	    name_value(x, STR("date"), arena_dup(&x->arena, str_z(web_date(clock_wall(), date))));
	for (size_t i = 0; i < in->nfields; i++)
		nv[n++] = name_value(x, in->fields[i].name, in->fields[i].value);
	if (length != EXCHANGE_UNKNOWN && length != EXCHANGE_NONE)
		nv[n++] = name_value(x, STR("content-length"),
		    arena_printf(&x->arena, "%llu", (unsigned long long)length));
	if (body && length == 0)
		body = false;
	s->out_end = !body;
	if (nghttp2_submit_response(s->h->session, s->id, nv, n, body ? &data : NULL) != 0)
		stream_reset(s, NGHTTP2_INTERNAL_ERROR);
	later(s->h);
}

/* There is more, or the end. */
static void
resume(struct http2_stream *s)
{
	if (s->deferred)
		(void)nghttp2_session_resume_data(s->h->session, s->id);
	s->deferred = false;
	later(s->h);
}

static void
op_write(struct exchange *x, struct str data)
{
	struct http2_stream *s = x->in->owner;

	if (buf_str(&s->out, data) < 0)
		exchange_abort(x);
	else
		resume(s);
}

static void
op_end(struct exchange *x)
{
	struct http2_stream *s = x->in->owner;

	s->out_end = true;
	resume(s);
}

static void
op_abort(struct exchange *x)
{
	stream_reset(x->in->owner, NGHTTP2_INTERNAL_ERROR);
}

static void
op_pause(struct exchange *x, bool pause)
{
	struct http2_stream *s = x->in->owner;

	s->paused = pause;
	if (!pause && (s->held.n > 0 || s->held_end))
		loop_defer(&s->turn);
}

static size_t
op_pending(const struct exchange *x)
{
	const struct http2_stream *s = x->in->owner;

	return s->out.n;
}

/* RFC 9110 10.1.1; clients of HTTP/2 that ask send the body after a while all the same. */
static void
op_go_on(struct exchange *x)
{
	struct http2_stream *s = x->in->owner;
	const nghttp2_nv nv = {.name = (uint8_t *)(uintptr_t) ":status",
	    .value = (uint8_t *)(uintptr_t) "100",
	    .namelen = 7,
	    .valuelen = 3,
	    .flags = NGHTTP2_NV_FLAG_NONE};

	(void)nghttp2_submit_headers(s->h->session, NGHTTP2_FLAG_NONE, s->id, NULL, &nv, 1, NULL);
	later(s->h);
}

static void
op_done(struct exchange *x)
{
	struct http2_stream *s = x->in->owner;

	s->x = NULL;
	forget_held(s);
	loop_defer_cancel(&s->turn);
}

static const struct exchange_ops ops = {
    .head = op_head,
    .write = op_write,
    .end = op_end,
    .abort = op_abort,
    .pause = op_pause,
    .pending = op_pending,
    .go_on = op_go_on,
    .done = op_done,
};

/* ---- the request's head ---- */

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2 *h = arg;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	(void)nghttp2_session_set_stream_user_data(
	    session, frame->hd.stream_id, stream_open(h, frame->hd.stream_id));
	return 0;
}

static struct str *
pseudo(struct http2_stream *s, struct str name)
{
	if (str_eq(name, STR(":method")))
		return &s->method;
	if (str_eq(name, STR(":path")))
		return &s->path;
	if (str_eq(name, STR(":scheme")))
		return &s->scheme;
	return str_eq(name, STR(":authority")) ? &s->authority : NULL;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t nname,
    const uint8_t *value, size_t nvalue, uint8_t flags, void *arg)
{
	struct http2_stream *s = stream_of(arg, frame->hd.stream_id);
	struct str n = str_of(name, nname), v = str_of(value, nvalue), *own;

	(void)session, (void)flags;
	/* Trailers are of no use to anybody here. */
	if (!s || s->started)
		return 0;
	/* RFC 9113 6.5.2 counts like this. Decoding goes on, as the peer's table is the session's.
	 */
	s->octets += nname + nvalue + 32;
	if (s->octets > HTTP_HEAD_MAX || s->nfields == HTTP_FIELDS_MAX || s->too_large) {
		s->too_large = true;
		return 0;
	}
	if (nname > 0 && n.p[0] == ':') {
		if ((own = pseudo(s, n)) != NULL)
			*own = arena_dup(&s->arena, v);
		return 0;
	}
	if (!s->fields)
		s->fields = arena_array(&s->arena, HTTP_FIELDS_MAX, sizeof(*s->fields));
	s->fields[s->nfields++] =
	    (struct http_field){arena_dup(&s->arena, n), str_trim(arena_dup(&s->arena, v))};
	return 0;
}

static void
refuse_head(struct http2_stream *s, unsigned status, const char *why)
{
	web_fault(s->h->conn, why);
	s->x->in->got_all = true;
	proxy_understand(s->h->conn, s->x);
	exchange_refuse(s->x, status, NULL);
}

static void
start(struct http2_stream *s, bool body)
{
	struct http_head head = {.method = s->method,
	    .target = s->path,
	    .host = s->authority,
	    .fields = s->fields,
	    .nfields = s->nfields};
	struct http_error e;
	struct exchange *x;
	uint64_t length = 0;
	struct str field;
	char *host;

	s->started = true;
	x = s->x = exchange_new(&ops, s);
	x->in->protocol = "HTTP/2";
	x->arena = s->arena; /* which lives as long as the exchange */
	arena_init(&s->arena);
	x->host = STR("");
	if (s->too_large) {
		refuse_head(s, HTTP_FIELDS_TOO_LARGE, "a head that long");
		return;
	}
	if (http_head_judge(&head, &e) < 0) {
		refuse_head(s, e.status, e.why);
		return;
	}
	x->fields = s->fields;
	x->nfields = s->nfields;
	host = arena_dupz(&x->arena, head.host);
	str_lower(head.host, host);
	x->host = str_of(host, head.host.n);
	x->in->expects = head.expect_continue && body;
	field = http_field(&head, "content-length");
	if (field.p != NULL && num_parse(field, 0, INT64_MAX, &length) < 0)
		length = INT64_MAX; /* nghttp2 has looked at it */
	if (web_admit(s->h->conn, x))
		exchange_start(x, head.method, head.path, head.query, body, length);
}

/* ---- the request's body ---- */

/* The peer may send as much again. */
static void
consumed(struct http2_stream *s, size_t n)
{
	(void)nghttp2_session_consume(s->h->session, s->id, n);
	later(s->h);
}

static void
give(struct http2_stream *s, struct str data, bool end)
{
	consumed(s, data.n);
	if (s->x)
		exchange_got(s->x, data, end);
}

static void
on_held(void *arg)
{
	struct http2_stream *s = arg;
	struct buf b = s->held;

	if (s->paused || !s->x)
		return;
	/* The handler may pause again in there: what comes then is held anew. */
	buf_init(&s->held, WINDOW + STREAM_WINDOW);
	give(s, buf_view(&b), s->held_end);
	buf_free(&b);
}

static int
on_data(
    nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *arg)
{
	struct http2_stream *s = stream_of(arg, id);

	(void)flags;
	if (!s || !s->x || exchange_over(s->x)) {
		(void)nghttp2_session_consume(session, id, n);
		later(arg);
		if (s && (s->spilt += n) > SPILL_MAX)
			stream_reset(s, NGHTTP2_NO_ERROR);
		return 0;
	}
	if (!s->paused && s->held.n == 0)
		give(s, str_of(data, n), false);
	else if (buf_put(&s->held, data, n) < 0)
		stream_reset(s, NGHTTP2_FLOW_CONTROL_ERROR); /* the windows allow no such thing */
	return 0;
}

static void
end_of_request(struct http2_stream *s)
{
	if (!s->started) {
		start(s, false);
	} else if (s->x) {
		s->held_end = true;
		if (!s->paused && s->held.n == 0)
			exchange_got(s->x, STR(""), true);
	}
}

/* ---- frames ---- */

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2 *h = arg;
	struct http2_stream *s = stream_of(h, frame->hd.stream_id);
	bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		if (s && end)
			end_of_request(s);
		else if (s && !s->started)
			start(s, true);
		break;
	case NGHTTP2_DATA:
		if (s && end)
			end_of_request(s);
		/* Of padding alone too (RFC 9113 6.1). */
		if (frame->hd.length <= frame->data.padlen && !end)
			noise(h, "a flood of empty frames");
		break;
	case NGHTTP2_RST_STREAM:
		if (s)
			s->reset = true;
		noise(h, "a flood of resets");
		break;
	case NGHTTP2_PING:
	case NGHTTP2_SETTINGS:
		if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
			noise(h, "a flood of pings or settings");
		break;
	default:
		break;
	}
	return 0;
}

/* Frames that nghttp2 passes over come no further than here. */
static int
on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
	(void)session;
	if (hd->type == NGHTTP2_PRIORITY || hd->type > NGHTTP2_CONTINUATION)
		noise(arg, "a flood of frames that are passed over");
	return 0;
}

static int
on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code, void *arg)
{
	(void)session, (void)frame, (void)code;
	noise(arg, "a flood of frames that are none");
	return 0;
}

static int
on_stream_closed(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct http2_stream *s = stream_of(arg, id);

	/* A request made so that nghttp2 has to reset it (CVE-2025-8671) is one more way to ask for
	 * work and not wait for it. */
	if (s && s->x && !s->reset && code != NGHTTP2_NO_ERROR)
		noise(arg, "a flood of requests that break");
	if (s) {
		(void)nghttp2_session_set_stream_user_data(session, id, NULL);
		stream_close(s);
	}
	later(arg);
	return 0;
}

/* ---- octets ---- */

static void
tell_room(struct http2 *h)
{
	struct http2_stream *s;

	/* Handlers only change state. */
	TAILQ_FOREACH (s, &h->streams, link)
		if (s->x && s->out.n < EXCHANGE_HIGH / 2)
			exchange_room(s->x);
}

static void
on_turn(void *arg)
{
	struct http2 *h = arg;
	struct web_conn *c = h->conn;
	const uint8_t *p;
	ssize_t n = 1;

	if (c->closing)
		return;
	while (stream_pending(c->stream) < SEND_MAX &&
	       (n = nghttp2_session_mem_send(h->session, &p)) > 0)
		web_write(c, p, (size_t)n);
	if (n < 0) {
		web_free(c, nghttp2_strerror((int)n));
		return;
	}
	tell_room(h);
	if (stream_pending(c->stream) >= SEND_MAX)
		stream_pause(c->stream);
	else if (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session))
		web_close(c);
	else
		stream_resume(c->stream);
}

/* The session can read no further. */
static void
give_up(struct http2 *h, int code)
{
	bool flood = code == NGHTTP2_ERR_FLOODED;

	web_fault(h->conn, flood ? "a flood of frames to answer" : nghttp2_strerror(code));
	(void)nghttp2_session_terminate_session(
	    h->session, flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
}

static void
http2_input(struct web_conn *c)
{
	struct http2 *h = c->state;
	struct str in = stream_input(c->stream);
	ssize_t n;

	if (in.n > 0) {
		n = nghttp2_session_mem_recv(h->session, (const uint8_t *)in.p, in.n);
		if (n < 0)
			give_up(h, (int)n);
		stream_consume(c->stream, in.n);
		later(h);
	}
	if (stream_at_end(c->stream))
		web_free(c, "client left");
}

static void
http2_drained(struct web_conn *c)
{
	later(c->state);
}

/* ---- time ---- */

static bool
slow_head(const struct http2_stream *s)
{
	return !s->started &&
	       clock_ms() - s->since > conf_num(svc_conf(), CONF_WEB_REQUEST_TIMEOUT);
}

/* The peer gives its stream no window, or a trickle. */
static bool
stuck(struct http2_stream *s)
{
	bool is = s->out.n > 0 && s->seen_out && s->taken - s->seen_taken < PACE_OCTETS;

	s->seen_out = s->out.n > 0;
	s->seen_taken = s->taken;
	return is;
}

/* All is answered and sent, and the rest of the request does not come. */
static bool
lingers(struct http2_stream *s)
{
	bool before = s->lingers;

	s->lingers = s->started && !s->x && s->out.n == 0;
	return before && s->lingers;
}

static void
http2_timer(struct web_conn *c)
{
	struct http2 *h = c->state;
	struct http2_stream *s, *next;

	if (web_stuck(c)) {
		web_free(c, "takes no output");
		return;
	}
	if (h->nstreams == 0 &&
	    clock_ms() - h->idle_since >= conf_num(svc_conf(), CONF_WEB_IDLE_TIMEOUT)) {
		(void)nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
		later(h);
		web_wait_pace(c);
		return;
	}
	for (s = TAILQ_FIRST(&h->streams); s; s = next) {
		next = TAILQ_NEXT(s, link);
		if (slow_head(s)) {
			web_fault(c, "a head that slow");
			web_free(c, "slow head");
			return;
		}
		if (stuck(s))
			stream_reset(s, NGHTTP2_CANCEL);
		else if (lingers(s))
			stream_reset(s, NGHTTP2_NO_ERROR);
		else if (s->x && exchange_slow(s->x))
			exchange_refuse(s->x, 408, NULL);
	}
	web_wait_pace(c);
}

/* ---- life ---- */

static nghttp2_session *
new_session(struct http2 *h)
{
	nghttp2_session_callbacks *cb;
	nghttp2_session *session;
	nghttp2_option *o;

	assume(nghttp2_session_callbacks_new(&cb) == 0 && nghttp2_option_new(&o) == 0);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_closed);
	nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_outbound_ack(o, 200);
	nghttp2_option_set_max_settings(o, 32);
	/* Behind our own, which says so in the log. */
	nghttp2_option_set_stream_reset_rate_limit(o, (uint64_t)2 * NOISE_BURST, NOISE_RATE);
	assume(nghttp2_session_server_new2(&session, cb, h, o) == 0);
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(cb);
	return session;
}

static void
http2_begin(struct web_conn *c)
{
	static const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX},
	    {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};
	struct http2 *h = mem_alloc(sizeof(*h));

	c->state = h;
	h->conn = c;
	h->noise_ms = h->idle_since = clock_ms();
	TAILQ_INIT(&h->streams);
	loop_defer_init(&h->turn, on_turn, h);
	h->session = new_session(h);
	(void)nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
	(void)nghttp2_session_set_local_window_size(
	    h->session, NGHTTP2_FLAG_NONE, 0, (int32_t)WINDOW);
	web_wait_pace(c);
	later(h);
}

static void
http2_drain(struct web_conn *c)
{
	struct http2 *h = c->state;

	(void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
	    nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
	later(h);
}

static void
http2_free(struct web_conn *c)
{
	struct http2 *h = c->state;
	struct http2_stream *s, *next;

	for (s = TAILQ_FIRST(&h->streams); s; s = next) {
		next = TAILQ_NEXT(s, link);
		stream_close(s);
	}
	loop_defer_cancel(&h->turn);
	nghttp2_session_del(h->session);
	free(h);
	c->state = NULL;
}

const struct web_protocol http2_protocol = {
    .name = "h2",
    .begin = http2_begin,
    .input = http2_input,
    .drained = http2_drained,
    .timer = http2_timer,
    .drain = http2_drain,
    .free = http2_free,
};
