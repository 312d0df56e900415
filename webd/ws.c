/*
 * ws.c - JMAP over WebSocket (RFC 6455, 8887): frames here, messages in the owner process.
 *
 * A client's message goes on as it comes; while one is dealt with the next waits in the socket, but
 * for its first octets. Frames are read by wslay, which is given one at a time, so that a ping is
 * answered as long as no message stands before it. Owner: the exchange, in whose arena it lives.
 * Errors: become close codes (RFC 6455 7.4.1).
 */
#include <wslay/wslay.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "svc/metrics.h"
#include "webd/jmap.h"
#include "webd/live.h"
#include "webd/routes.h"

#define WS_MAGIC   0x77736f63u
#define HEAD_MAX   14u /* octets of a frame before its payload */
#define IN_MAX     (256u << 10)
#define PIECE_MAX  (64u << 10) /* of an owner's message */
#define PING_MS    45000u /* a client that says nothing for so long is asked whether it is there */
#define GOODBYE_MS 5000u  /* to answer a close */

/* RFC 6455 7.4.1 and its registry. */
#define CLOSE_AWAY     1001u
#define CLOSE_BINARY   1003u
#define CLOSE_DENIED   1008u
#define CLOSE_TOO_BIG  1009u
#define CLOSE_RESTART  1012u
#define CLOSE_TRY_SOON 1013u

struct ws {
	unsigned magic;
	struct exchange *x;
	struct live *live;
	wslay_event_context_ptr wslay;
	struct loop_timer *timer;
	bool closing; /* a close was said: nothing else is */
	bool draining;

	/* What the client says. */
	struct buf in;
	uint64_t frame;     /* octets left of the frame that wslay reads, head included */
	bool is_data;       /* of a message, not of control */
	bool blocked;       /* what stands in `in` has to wait */
	bool wanted, ready; /* of the live, for the message that stands there */
	bool busy;          /* a message is on its way, or being dealt with */
	bool within;        /* not all of it has come */
	uint64_t message;   /* octets of it */
	bool heard;         /* since the last ping */

	/* What it is told. */
	struct buf piece;
	bool fragment; /* the message under way has begun in a frame before */
};

/* ---- the end ---- */

static void
on_gone(struct exchange *x, void *arg)
{
	struct ws *w = arg;

	(void)x;
	OBJ(w, WS_MAGIC);
	live_free(&w->live);
	loop_timer_free(&w->timer);
	wslay_event_context_free(w->wslay);
	buf_free(&w->in);
	buf_free(&w->piece);
	metric_add(METRIC_WS_CONNECTIONS, -1);
	w->magic = 0;
}

/* Says why, and waits a little for the client to agree. */
static void
hang_up(struct ws *w, unsigned code, const char *why)
{
	if (w->closing || exchange_over(w->x))
		return;
	log_info("web.socket_close", LZ("sid", w->x->sid), LU("code", code), LZ("why", why));
	w->closing = true;
	live_free(&w->live);
	(void)wslay_event_queue_close(w->wslay, (uint16_t)code, (const uint8_t *)why, strlen(why));
	(void)wslay_event_send(w->wslay);
	w->blocked = false;
	exchange_resume(w->x);
	loop_timer_set(w->timer, GOODBYE_MS);
}

/* ---- what the client says ---- */

/* Octets of the frame that stands in the input, or 0 when its head is not whole. */
static uint64_t
frame_size(struct str in)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t head = 2, more;
	uint64_t n;

	if (in.n < 2)
		return 0;
	n = p[1] & 0x7f;
	more = n == 126 ? 2 : n == 127 ? 8 : 0;
	head += more + ((p[1] & 0x80) != 0 ? 4 : 0);
	if (in.n < head)
		return 0;
	if (more > 0)
		n = 0;
	for (size_t i = 0; i < more; i++)
		n = n << 8 | p[2 + i];
	/* What is longer wslay refuses before its end. */
	return head + num_min(n, UINT64_MAX / 2);
}

/* May the frame that begins here be read? */
static bool
begin_frame(struct ws *w)
{
	struct str in = buf_view(&w->in);
	unsigned opcode = in.n > 0 ? (unsigned char)in.p[0] & 0x0f : 0;
	uint64_t n = frame_size(in);

	if (n == 0)
		return false;
	w->is_data = opcode < 8;
	/* One that begins within another wslay refuses. */
	if ((opcode == WSLAY_TEXT_FRAME || opcode == WSLAY_BINARY_FRAME) && !w->closing &&
	    !w->within) {
		if (!w->busy && !w->ready && !w->wanted) {
			w->wanted = true;
			live_want(w->live);
		}
		w->blocked = w->busy || !w->ready;
		if (w->blocked)
			return false;
		w->ready = false;
		w->busy = w->within = true;
		w->message = 0;
		live_begin(w->live);
	}
	w->frame = n;
	return true;
}

static ssize_t
on_recv(wslay_event_context_ptr ctx, uint8_t *to, size_t n, int flags, void *arg)
{
	struct ws *w = arg;

	(void)flags;
	if (w->frame == 0 && !begin_frame(w))
		n = 0;
	if (w->frame > 0 && w->is_data && !w->closing && live_blocked(w->live)) {
		w->blocked = true;
		n = 0;
	}
	n = num_min(num_min(n, w->in.n), w->frame);
	if (n == 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(to, w->in.p, n);
	buf_consume(&w->in, n);
	w->frame -= n;
	return (ssize_t)n;
}

static ssize_t
on_send(wslay_event_context_ptr ctx, const uint8_t *p, size_t n, int flags, void *arg)
{
	struct ws *w = arg;

	(void)ctx;
	(void)flags;
	exchange_write(w->x, str_of(p, n));
	return (ssize_t)n;
}

static void
on_frame_start(
    wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *a, void *arg)
{
	struct ws *w = arg;

	(void)ctx;
	/* RFC 8887 4.2 */
	if (a->opcode == WSLAY_BINARY_FRAME)
		hang_up(w, CLOSE_BINARY, "text, please");
}

static void
on_frame_chunk(
    wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_chunk_arg *a, void *arg)
{
	struct ws *w = arg;

	(void)ctx;
	if (w->closing || !w->is_data || !w->busy)
		return;
	w->message += a->data_length;
	if (w->message > JMAP_REQUEST_MAX)
		hang_up(w, CLOSE_TOO_BIG, "more than maxSizeRequest");
	else
		live_say(w->live, str_of(a->data, a->data_length));
}

static void
on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *a, void *arg)
{
	struct ws *w = arg;

	(void)ctx;
	if (a->opcode != WSLAY_TEXT_FRAME || w->closing || !w->busy)
		return;
	metric_add(METRIC_WS_MESSAGES_IN, 1);
	w->within = false;
	live_end(w->live);
}

/* As far as it goes now. */
static void
pump(struct ws *w)
{
	w->blocked = false;
	if (wslay_event_want_read(w->wslay) && wslay_event_recv(w->wslay) < 0) {
		exchange_abort(w->x);
		return;
	}
	if (wslay_event_want_write(w->wslay))
		(void)wslay_event_send(w->wslay);
	if (wslay_event_get_close_sent(w->wslay) && !w->closing) {
		/* wslay has answered the client's, or found fault. */
		w->closing = true;
		live_free(&w->live);
		loop_timer_set(w->timer, GOODBYE_MS);
	}
	if (wslay_event_get_close_received(w->wslay) && wslay_event_get_close_sent(w->wslay)) {
		exchange_end(w->x);
		return;
	}
	if (!wslay_event_want_read(w->wslay))
		buf_reset(&w->in);
	buf_shrink(&w->in);
	if (w->blocked)
		exchange_pause(w->x);
	else
		exchange_resume(w->x);
}

static void
on_body(struct exchange *x, void *arg, struct str in, bool end)
{
	struct ws *w = arg;

	OBJ(w, WS_MAGIC);
	w->heard = true;
	if (end || buf_str(&w->in, in) < 0) {
		exchange_abort(x);
		return;
	}
	pump(w);
}

/* ---- what it is told ---- */

/* RFC 6455 5.2: a server's frame, unmasked. */
static void
put_frame(struct ws *w, bool fin, struct str s)
{
	unsigned char head[10];
	size_t n = 2;

	head[0] = (unsigned char)((fin ? 0x80 : 0) |
				  (w->fragment ? WSLAY_CONTINUATION_FRAME : WSLAY_TEXT_FRAME));
	if (s.n < 126) {
		head[1] = (unsigned char)s.n;
	} else if (s.n < 65536) {
		head[1] = 126;
		head[2] = (unsigned char)(s.n >> 8);
		head[3] = (unsigned char)s.n;
		n = 4;
	} else {
		head[1] = 127;
		for (unsigned i = 0; i < 8; i++)
			head[2 + i] = (unsigned char)((uint64_t)s.n >> (56 - 8 * i));
		n = 10;
	}
	exchange_write(w->x, str_of(head, n));
	exchange_write(w->x, s);
	w->fragment = !fin;
}

/* Each piece waits for the next, so that a message of one is one frame. */
static void
on_text(void *arg, struct str piece, bool first, bool last)
{
	struct ws *w = arg;

	OBJ(w, WS_MAGIC);
	(void)first;
	if (w->closing || exchange_over(w->x))
		return;
	if (w->piece.n > 0 && !last)
		put_frame(w, false, buf_view(&w->piece));
	if (last) {
		put_frame(w, true, buf_view(&w->piece));
		metric_add(METRIC_WS_MESSAGES_OUT, 1);
	}
	buf_reset(&w->piece);
	(void)buf_str(&w->piece, piece);
	buf_shrink(&w->piece);
	if (exchange_pending(w->x) >= EXCHANGE_HIGH)
		live_pause(w->live, true);
}

static void
on_room(struct exchange *x, void *arg)
{
	struct ws *w = arg;

	(void)x;
	OBJ(w, WS_MAGIC);
	if (w->live != NULL)
		live_pause(w->live, false);
}

static void
on_state(void *arg, struct str state)
{
	(void)arg;
	(void)state;
}

/* ---- the owner ---- */

static void
on_ready(void *arg)
{
	struct ws *w = arg;

	OBJ(w, WS_MAGIC);
	w->wanted = false;
	w->ready = true;
	pump(w);
}

static void
on_done(void *arg)
{
	struct ws *w = arg;

	OBJ(w, WS_MAGIC);
	w->busy = false;
	if (w->draining)
		hang_up(w, CLOSE_AWAY, "going away");
	else
		pump(w);
}

static void
on_drained(void *arg)
{
	struct ws *w = arg;

	OBJ(w, WS_MAGIC);
	if (w->blocked)
		pump(w);
}

static void
on_ended(void *arg, const struct err *e)
{
	struct ws *w = arg;

	OBJ(w, WS_MAGIC);
	if (e->code == E_DENIED)
		hang_up(w, CLOSE_DENIED, "the session has ended");
	else if (e->code == E_CLOSED)
		hang_up(w, CLOSE_RESTART, "please look again");
	else
		hang_up(w, CLOSE_TRY_SOON, "the mailbox cannot be reached now");
	live_free(&w->live);
}

/* ---- time ---- */

static void
on_timer(void *arg)
{
	struct ws *w = arg;

	OBJ(w, WS_MAGIC);
	if (exchange_over(w->x))
		return;
	/* Who is made to wait for the owner cannot be heard. */
	if (w->closing || (!w->heard && !w->blocked)) {
		exchange_abort(w->x);
		return;
	}
	w->heard = false;
	(void)wslay_event_queue_msg(w->wslay, &(struct wslay_event_msg){.opcode = WSLAY_PING});
	(void)wslay_event_send(w->wslay);
	loop_timer_set(w->timer, PING_MS);
}

static void
on_drain(struct exchange *x, void *arg)
{
	struct ws *w = arg;

	(void)x;
	OBJ(w, WS_MAGIC);
	w->draining = true;
	if (!w->busy)
		hang_up(w, CLOSE_AWAY, "going away");
}

/* ---- the beginning ---- */

static const struct live_events live_events = {.ready = on_ready,
    .text = on_text,
    .state = on_state,
    .done = on_done,
    .drained = on_drained,
    .ended = on_ended};

static void
begin(struct exchange *x, const struct webauth *who)
{
	static const struct exchange_events events = {
	    .body = on_body, .drained = on_room, .drain = on_drain, .gone = on_gone};
	static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
	    .send_callback = on_send,
	    .on_frame_recv_start_callback = on_frame_start,
	    .on_frame_recv_chunk_callback = on_frame_chunk,
	    .on_msg_recv_callback = on_message};
	struct ws *w;
	struct live *live;

	/* RFC 8887 4.1 */
	if (!exchange_offers(x, "jmap")) {
		exchange_problem(x, 400, "The subprotocol is \"jmap\".");
		return;
	}
	w = arena_new(&x->arena, struct ws);
	if ((live = live_new(who, x->peer, &live_events, w)) == NULL) {
		exchange_problem(x, 429, "Too many are open.");
		return;
	}
	if (exchange_upgrade(x, STR("jmap")) < 0) {
		live_free(&live);
		return;
	}
	w->magic = WS_MAGIC;
	w->x = x;
	w->live = live;
	w->heard = true;
	buf_init(&w->in, IN_MAX);
	buf_init(&w->piece, PIECE_MAX);
	assume(wslay_event_context_server_init(&w->wslay, &callbacks, w) == 0);
	wslay_event_config_set_no_buffering(w->wslay, 1);
	wslay_event_config_set_max_recv_msg_length(w->wslay, JMAP_REQUEST_MAX);
	w->timer = loop_timer_new(on_timer, w);
	loop_timer_set(w->timer, PING_MS);
	metric_add(METRIC_WS_CONNECTIONS, 1);
	exchange_listen(x, &events, w);
}

static void
run(struct exchange *x)
{
	webauth(x, begin);
}

const struct route ws_routes[] = {
    {.path = "/jmap/ws", .methods = METHOD_GET, .run = run, .flags = ROUTE_OUR_ORIGIN}, {0}};
