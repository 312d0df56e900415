/*
 * ws.c - JMAP over WebSocket (RFC 6455, 8887): frames here, messages in the owner process.
 *
 * A client's message goes on as it comes; while one is dealt with the next waits in the socket, but
 * for its first octets. A ping is answered as long as no message stands before it, and its answer
 * is taken. Owner: the exchange, in whose arena it lives. Errors: become close codes (RFC 6455
 * 7.4.1).
 */
#include "webd/ws.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "svc/metrics.h"
#include "webd/jmap.h"
#include "webd/live.h"
#include "webd/routes.h"
#include "webd/ws_frame.h"

#define WS_MAGIC  0x77736f63u
#define PIECE_MAX (64u << 10) /* of an owner's message */

struct ws {
	unsigned magic;
	struct exchange *x;
	struct live *live;
	struct loop_timer *timer;
	bool closing; /* a close was said: nothing else is */
	bool draining;

	/* What the client says. */
	struct buf in;
	struct ws_frame_reader reader;
	bool blocked;       /* what stands in `in` has to wait */
	bool begins;        /* a message does, and waits for the owner */
	bool wanted, ready; /* of the live, for that message */
	bool busy;          /* a message is on its way, or being dealt with */
	bool heard;         /* since the last ping */

	/* What it is told. */
	struct buf piece;
	bool fragment; /* the message under way has begun in a frame before */
};

/* ---- what it is told ---- */

void
ws_put_frame(struct exchange *x, bool fin, unsigned opcode, struct str s)
{
	unsigned char head[WS_FRAME_HEAD];
	size_t n = ws_frame_head(head, fin, opcode, s.n);

	exchange_write(x, str_of(head, n));
	exchange_write(x, s);
}

/* Some of a message. */
static void
put_text(struct ws *w, bool fin, struct str s)
{
	ws_put_frame(w->x, fin, w->fragment ? WS_FRAME_CONTINUATION : WS_FRAME_TEXT, s);
	w->fragment = !fin;
}

void
ws_put_close(struct exchange *x, unsigned code, const char *why)
{
	const char text[] = {(char)(code >> 8), (char)code};
	struct buf b;

	buf_init(&b, 125);
	buf_put(&b, text, sizeof(text));
	buf_puts(&b, why);
	ws_put_frame(x, true, WS_FRAME_CLOSE, buf_view(&b));
	buf_free(&b);
}

/* ---- the end ---- */

static void
on_gone(struct exchange *x, void *arg)
{
	struct ws *w = arg;

	(void)x;
	OBJ(w, WS_MAGIC);
	live_free(&w->live);
	loop_timer_free(&w->timer);
	ws_frame_done(&w->reader);
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
	ws_put_close(w->x, code, why);
	w->blocked = false;
	exchange_resume(w->x);
	loop_timer_set(w->timer, WS_GOODBYE_MS);
}

/* ---- what the client says ---- */

/* The message that begins goes on its way; false: not yet. */
static bool
begin_message(struct ws *w)
{
	if (!w->busy && !w->ready && !w->wanted) {
		w->wanted = true;
		live_want(w->live);
	}
	if (w->busy || !w->ready)
		return false;
	w->ready = w->begins = false;
	w->busy = true;
	live_begin(w->live);
	return true;
}

/* Has what comes next to wait? Whoever takes no answers is not listened to either. */
static bool
has_to_wait(struct ws *w)
{
	if (w->closing)
		return false;
	return exchange_pending(w->x) >= EXCHANGE_HIGH || (w->begins && !begin_message(w)) ||
	       live_blocked(w->live);
}

static void
take_control(struct ws *w, unsigned opcode, struct str s)
{
	if (opcode == WS_FRAME_CLOSE) {
		/* RFC 6455 5.5.1: with its own code. */
		if (!w->closing)
			ws_put_frame(w->x, true, WS_FRAME_CLOSE, str_sub(s, 0, 2));
		w->closing = true;
		exchange_end(w->x);
	} else if (opcode == WS_FRAME_PING && !w->closing) {
		ws_put_frame(w->x, true, WS_FRAME_PONG, s);
	}
}

/* RFC 6455 7.1.7 */
static void
refuse(struct ws *w, unsigned code)
{
	hang_up(w, code, "");
	exchange_end(w->x);
}

/* False: no more can be done now. */
static bool
step(struct ws *w)
{
	struct str s;
	unsigned code;

	if (exchange_over(w->x))
		return false;
	w->blocked = has_to_wait(w);
	if (w->blocked)
		return false;
	switch (ws_frame_next(&w->reader, &w->in, &s, &code)) {
	case WS_FRAME_MORE:
		return false;
	case WS_FRAME_BEGIN:
		w->begins = !w->closing;
		break;
	case WS_FRAME_PIECE:
		if (!w->closing)
			live_say(w->live, s);
		break;
	case WS_FRAME_END:
		if (w->closing)
			break;
		metric_add(METRIC_WS_MESSAGES_IN, 1);
		live_end(w->live);
		break;
	case WS_FRAME_CONTROL:
		take_control(w, code, s);
		break;
	case WS_FRAME_BAD:
		refuse(w, code);
		break;
	}
	return true;
}

/* As far as it goes now. */
static void
pump(struct ws *w)
{
	while (step(w))
		;
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

/* ---- the owner ---- */

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
		put_text(w, false, buf_view(&w->piece));
	if (last) {
		put_text(w, true, buf_view(&w->piece));
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
	if (w->blocked)
		pump(w);
}

static void
on_state(void *arg, struct str state)
{
	(void)arg;
	(void)state;
}

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
		hang_up(w, WS_CLOSE_AWAY, "going away");
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
		hang_up(w, WS_CLOSE_DENIED, "the session has ended");
	else if (e->code == E_CLOSED)
		hang_up(w, WS_CLOSE_RESTART, "please look again");
	else
		hang_up(w, WS_CLOSE_TRY_SOON, "the mailbox cannot be reached now");
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
	ws_put_frame(w->x, true, WS_FRAME_PING, STR(""));
	loop_timer_set(w->timer, WS_PING_MS);
}

static void
on_drain(struct exchange *x, void *arg)
{
	struct ws *w = arg;

	(void)x;
	OBJ(w, WS_MAGIC);
	w->draining = true;
	if (!w->busy)
		hang_up(w, WS_CLOSE_AWAY, "going away");
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
	buf_init(&w->in, WS_IN_MAX);
	buf_init(&w->piece, PIECE_MAX);
	ws_frame_init(&w->reader, JMAP_REQUEST_MAX);
	w->timer = loop_timer_new(on_timer, w);
	loop_timer_set(w->timer, WS_PING_MS);
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
