/*
 * events.c - JMAP's event source (RFC 8620 7.3): states as server-sent events.
 *
 *	GET /jmap/eventsource?types=TYPES&closeafter=state|no&ping=SECONDS
 *
 * The id of an event is what has been told with it, so that a client that comes back with
 * Last-Event-ID hears of what has changed meanwhile. Owner: the exchange, in whose arena it lives.
 */
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "svc/metrics.h"
#include "webd/jmap.h"
#include "webd/live.h"
#include "webd/routes.h"

#define EVENTS_MAGIC 0x65766e74u
#define TEXT_MAX     (64u << 10)
#define PING_LEAST   30u
#define PING_MOST    3600u
#define STILL_MS     60000u /* a comment where no ping was asked for: who left is noticed */

struct events {
	unsigned magic;
	struct exchange *x;
	struct live *live;
	struct buf text; /* of the event to come */
	bool once;
	uint64_t ping; /* seconds; 0: none was asked for */
	struct loop_timer *timer;
};

static void
on_gone(struct exchange *x, void *arg)
{
	struct events *v = arg;

	(void)x;
	OBJ(v, EVENTS_MAGIC);
	live_free(&v->live);
	loop_timer_free(&v->timer);
	buf_free(&v->text);
	metric_add(METRIC_WEB_EVENT_SOURCES, -1);
	v->magic = 0;
}

/* e: why, where it has not begun. */
static void
finish(struct events *v, const struct err *e)
{
	live_free(&v->live);
	loop_timer_stop(v->timer);
	if (exchange_over(v->x))
		return;
	if (exchange_begun(v->x))
		exchange_end(v->x);
	else
		jmap_refuse(v->x, e, "maxConcurrentRequests");
}

static void
wait_more(struct events *v)
{
	loop_timer_set(v->timer, v->ping > 0 ? v->ping * 1000 : STILL_MS);
}

static void
put(struct events *v, struct buf *b)
{
	exchange_write(v->x, buf_view(b));
	buf_free(b);
	wait_more(v);
	if (v->live != NULL && exchange_pending(v->x) >= EXCHANGE_HIGH)
		live_pause(v->live, true);
}

static void
on_timer(void *arg)
{
	struct events *v = arg;
	struct buf b;

	OBJ(v, EVENTS_MAGIC);
	if (exchange_over(v->x))
		return;
	buf_init(&b, 256);
	if (v->ping > 0)
		buf_printf(
		    &b, "event: ping\ndata: {\"interval\":%llu}\n\n", (unsigned long long)v->ping);
	else
		buf_puts(&b, ":\n\n");
	put(v, &b);
}

/* ---- the owner ---- */

static void
on_text(void *arg, struct str piece, bool first, bool last)
{
	struct events *v = arg;

	OBJ(v, EVENTS_MAGIC);
	(void)last;
	if (first)
		buf_reset(&v->text);
	(void)buf_str(&v->text, piece);
}

/* What an owner says has no end of line in it, or the event would be another one. */
static bool
is_line(struct str s)
{
	return str_chr(s, '\n') == s.n && str_chr(s, '\r') == s.n;
}

/* What changes from here on is told: a client that sees the head may look at its mail now, and
 * misses nothing. */
static void
begin_stream(struct events *v)
{
	exchange_begin(v->x, 200, "text/event-stream", EXCHANGE_UNKNOWN);
	if (v->x->head_only) {
		finish(v, NULL);
		return;
	}
	exchange_write(v->x, STR(":\n\n"));
	wait_more(v);
}

static void
on_state(void *arg, struct str state)
{
	struct events *v = arg;
	struct buf b;

	OBJ(v, EVENTS_MAGIC);
	if (!exchange_over(v->x) && !exchange_begun(v->x))
		begin_stream(v);
	if (exchange_over(v->x) || v->text.n == 0 || v->text.over || !is_line(state) ||
	    !is_line(buf_view(&v->text)))
		return;
	buf_init(&b, TEXT_MAX + 4096);
	buf_puts(&b, "event: state\nid: ");
	buf_str(&b, state);
	buf_puts(&b, "\ndata: ");
	buf_str(&b, buf_view(&v->text));
	buf_puts(&b, "\n\n");
	buf_reset(&v->text);
	put(v, &b);
	if (v->once)
		finish(v, NULL);
}

static void
on_nothing(void *arg)
{
	(void)arg;
}

/* The client comes back by itself (RFC 8620 7.3), and hears then what is wrong. */
static void
on_ended(void *arg, const struct err *e)
{
	struct events *v = arg;

	OBJ(v, EVENTS_MAGIC);
	log_info("web.events_end", LZ("sid", v->x->sid), LE(e));
	finish(v, e);
}

static void
on_room(struct exchange *x, void *arg)
{
	struct events *v = arg;

	(void)x;
	if (v->live != NULL)
		live_pause(v->live, false);
}

static void
on_drain(struct exchange *x, void *arg)
{
	struct err e;

	(void)x;
	err_set(&e, E_TEMP, "going away");
	finish(arg, &e);
}

/* ---- the beginning ---- */

static bool
read_parameters(struct events *v, struct str *types)
{
	struct str s;

	if (!exchange_parameter(v->x, "types", types) || types->n == 0 || types->n > 512)
		return false;
	if (exchange_parameter(v->x, "closeafter", &s)) {
		v->once = str_eq_z(s, "state");
		if (!v->once && !str_eq_z(s, "no"))
			return false;
	}
	if (!exchange_parameter(v->x, "ping", &s))
		return true;
	if (num_parse(s, 0, UINT32_MAX, &v->ping) < 0)
		return false;
	if (v->ping > 0)
		v->ping = num_max(num_min(v->ping, (uint64_t)PING_MOST), (uint64_t)PING_LEAST);
	return true;
}

static void
begin(struct exchange *x, const struct webauth *who)
{
	static const struct exchange_events events = {
	    .drained = on_room, .drain = on_drain, .gone = on_gone};
	static const struct live_events live_events = {.ready = on_nothing,
	    .text = on_text,
	    .state = on_state,
	    .done = on_nothing,
	    .drained = on_nothing,
	    .ended = on_ended};
	struct events *v = arena_new(&x->arena, struct events);
	struct str types, since = exchange_field(x, "Last-Event-ID");

	v->x = x;
	if (!read_parameters(v, &types)) {
		exchange_problem(x, 400, "types, closeafter and ping are those of RFC 8620 7.3.");
		return;
	}
	if ((v->live = live_new(who, x->peer, &live_events, v)) == NULL) {
		exchange_problem(x, 429, "Too many are open.");
		return;
	}
	v->magic = EVENTS_MAGIC;
	buf_init(&v->text, TEXT_MAX);
	v->timer = loop_timer_new(on_timer, v);
	metric_add(METRIC_WEB_EVENT_SOURCES, 1);
	exchange_listen(x, &events, v);
	live_push(v->live, types, since.n < 512 ? since : STR_NONE);
}

static void
run(struct exchange *x)
{
	webauth(x, begin);
}

const struct route events_routes[] = {
    {.path = "/jmap/eventsource", .methods = METHOD_GET, .run = run}, {0}};
