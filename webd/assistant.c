/*
 * assistant.c - the page's WebSocket to the assistant: text messages both ways between it and
 * gk-aid (ipc/chat.h), none of which is looked into.
 *
 * For the session of a browser alone, and for our own page: authd gives that session a key, with
 * which gk-aid opens the agent session of the assistant. The end of the session ends the socket.
 * Owner: the exchange, in whose arena it lives. Errors: become close codes (RFC 6455 7.4.1).
 */
#include "webd/assistant.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/chat.h"
#include "ipc/frames.h"
#include "svc/metrics.h"
#include "svc/svc.h"
#include "webd/owner.h"
#include "webd/routes.h"
#include "webd/webauth.h"
#include "webd/ws.h"
#include "webd/ws_frame.h"

#define ASSISTANT_MAGIC 0x61737374u
#define PARAMETER_MAX   16u

struct assistant {
	unsigned magic;
	struct exchange *x;
	const struct webauth *who;
	enum ipc_peer asks; /* who has `call` */
	uint64_t call;
	int fd;
	struct frames *frames; /* to gk-aid; NULL: not yet, or no more */
	struct loop_timer *timer;
	struct buf in, message;
	struct ws_frame_reader reader;
	size_t told; /* octets of a message that has begun to be told */
	bool upgraded, closing, heard;
	TAILQ_ENTRY(assistant) link;
};

static TAILQ_HEAD(, assistant) open_ones = TAILQ_HEAD_INITIALIZER(open_ones);

/* ---- the end ---- */

static void
on_gone(struct exchange *x, void *arg)
{
	struct assistant *a = arg;

	(void)x;
	OBJ(a, ASSISTANT_MAGIC);
	if (a->call != 0)
		ipc_cancel(svc_channel(a->asks), a->call);
	if (a->fd >= 0)
		close(a->fd);
	frames_free(&a->frames);
	loop_timer_free(&a->timer);
	ws_frame_done(&a->reader);
	buf_free(&a->in);
	buf_free(&a->message);
	owner_socket_leave(a->who->user);
	TAILQ_REMOVE(&open_ones, a, link);
	if (a->upgraded)
		metric_add(METRIC_WS_CONNECTIONS, -1);
	a->magic = 0;
}

/* Says why, and waits a little for the page to agree. */
static void
hang_up(struct assistant *a, unsigned code, const char *why)
{
	if (a->closing || exchange_over(a->x))
		return;
	log_info("web.socket_close", LZ("sid", a->x->sid), LU("code", code), LZ("why", why));
	a->closing = true;
	/* Who was logged out does not come back to the conversation. */
	if (code == WS_CLOSE_DENIED) {
		frames_put(a->frames, CHAT_GONE, STR(""));
		frames_finish(a->frames);
	} else
		frames_free(&a->frames);
	ws_put_close(a->x, code, why);
	exchange_resume(a->x);
	loop_timer_set(a->timer, WS_GOODBYE_MS);
}

/* ---- what the page says ---- */

static void
take_control(struct assistant *a, unsigned opcode, struct str s)
{
	if (opcode == WS_FRAME_CLOSE) {
		/* RFC 6455 5.5.1: with its own code. */
		if (!a->closing)
			ws_put_frame(a->x, true, WS_FRAME_CLOSE, str_sub(s, 0, 2));
		a->closing = true;
		exchange_end(a->x);
	} else if (opcode == WS_FRAME_PING && !a->closing) {
		ws_put_frame(a->x, true, WS_FRAME_PONG, s);
	}
}

static void
take_message(struct assistant *a)
{
	if (!a->closing) {
		metric_add(METRIC_WS_MESSAGES_IN, 1);
		frames_put(a->frames, CHAT_TEXT, buf_view(&a->message));
	}
	buf_reset(&a->message);
	buf_shrink(&a->message);
}

/* False: no more can be done now. */
static bool
step(struct assistant *a)
{
	struct str s;
	unsigned code;

	if (exchange_over(a->x))
		return false;
	/* Whoever takes no answers is not listened to either. */
	if (!a->closing && (exchange_pending(a->x) >= EXCHANGE_HIGH || frames_blocked(a->frames))) {
		exchange_pause(a->x);
		return false;
	}
	switch (ws_frame_next(&a->reader, &a->in, &s, &code)) {
	case WS_FRAME_MORE:
		return false;
	case WS_FRAME_BEGIN:
		break;
	case WS_FRAME_PIECE:
		(void)buf_str(&a->message, s);
		break;
	case WS_FRAME_END:
		take_message(a);
		break;
	case WS_FRAME_CONTROL:
		take_control(a, code, s);
		break;
	case WS_FRAME_BAD: /* RFC 6455 7.1.7 */
		hang_up(a, code, "");
		exchange_end(a->x);
		break;
	}
	return true;
}

static void
pump(struct assistant *a)
{
	while (step(a))
		;
	buf_shrink(&a->in);
}

static void
on_body(struct exchange *x, void *arg, struct str in, bool end)
{
	struct assistant *a = arg;

	OBJ(a, ASSISTANT_MAGIC);
	a->heard = true;
	if (end || buf_str(&a->in, in) < 0) {
		exchange_abort(x);
		return;
	}
	pump(a);
}

/* ---- what it is told ---- */

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct assistant *a = arg;

	OBJ(a, ASSISTANT_MAGIC);
	if (a->closing || exchange_over(a->x))
		return;
	if ((kind != CHAT_TEXT && kind != CHAT_PART) || (kind == CHAT_PART && octets.n == 0) ||
	    a->told + octets.n > CHAT_OUT_MAX) {
		log_error(
		    "web.assistant", LZ("sid", a->x->sid), LZ("error", "a frame that is none"));
		hang_up(a, WS_CLOSE_RESTART, "please look again");
		return;
	}
	/* RFC 6455 5.4: control frames may stand between them. */
	ws_put_frame(
	    a->x, kind == CHAT_TEXT, a->told > 0 ? WS_FRAME_CONTINUATION : WS_FRAME_TEXT, octets);
	a->told = kind == CHAT_PART ? a->told + octets.n : 0;
	metric_add(METRIC_WS_MESSAGES_OUT, kind == CHAT_TEXT);
	if (exchange_pending(a->x) >= EXCHANGE_HIGH)
		frames_pause(a->frames);
}

/* Either side takes more. */
static void
go_on(struct assistant *a)
{
	if (a->closing)
		return;
	frames_resume(a->frames);
	exchange_resume(a->x);
	pump(a);
}

static void
on_drained(void *arg)
{
	struct assistant *a = arg;

	OBJ(a, ASSISTANT_MAGIC);
	if (!exchange_over(a->x) && exchange_pending(a->x) < EXCHANGE_HIGH)
		go_on(a);
}

static void
on_room(struct exchange *x, void *arg)
{
	struct assistant *a = arg;

	(void)x;
	OBJ(a, ASSISTANT_MAGIC);
	if (a->frames != NULL)
		go_on(a);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct assistant *a = arg;

	OBJ(a, ASSISTANT_MAGIC);
	frames_free(&a->frames);
	if (a->closing)
		return;
	log_info("web.assistant_lost", LZ("sid", a->x->sid), LE(e));
	hang_up(a, WS_CLOSE_RESTART, "please look again");
}

/* ---- time ---- */

static void
on_timer(void *arg)
{
	struct assistant *a = arg;

	OBJ(a, ASSISTANT_MAGIC);
	if (exchange_over(a->x))
		return;
	if (a->closing || !a->heard) {
		exchange_abort(a->x);
		return;
	}
	a->heard = false;
	ws_put_frame(a->x, true, WS_FRAME_PING, STR(""));
	loop_timer_set(a->timer, WS_PING_MS);
}

static void
on_drain(struct exchange *x, void *arg)
{
	(void)x;
	hang_up(arg, WS_CLOSE_AWAY, "going away");
}

static void
on_session_gone(struct str user, struct str id)
{
	struct assistant *a, *next;

	for (a = TAILQ_FIRST(&open_ones); a != NULL; a = next) {
		next = TAILQ_NEXT(a, link);
		if (!str_eq(user, a->who->user) || (id.n > 0 && !str_eq(id, a->who->id)))
			continue;
		if (a->upgraded)
			hang_up(a, WS_CLOSE_DENIED, "the session has ended");
		else
			exchange_abort(a->x);
	}
}

/* ---- the beginning ---- */

static void
refuse(struct assistant *a, const struct err *e)
{
	if (e->code == E_LIMIT)
		exchange_problem(a->x, 429, "Too many are open.");
	else
		webauth_problem(a->x, e);
}

static void
opened(void *arg, struct ipc_in *m, const struct err *e)
{
	static const struct exchange_events events = {
	    .body = on_body, .drained = on_room, .drain = on_drain, .gone = on_gone};
	static const struct frames_events of_frames = {
	    .frame = on_frame, .drained = on_drained, .closed = on_closed};
	struct assistant *a = arg;

	OBJ(a, ASSISTANT_MAGIC);
	a->call = 0;
	if (m == NULL) {
		refuse(a, e);
		return;
	}
	if (ipc_end(m) < 0 || exchange_upgrade(a->x, STR("")) < 0)
		return;
	a->upgraded = a->heard = true;
	a->frames = frames_new(a->fd, &of_frames, a);
	a->fd = -1;
	a->timer = loop_timer_new(on_timer, a);
	loop_timer_set(a->timer, WS_PING_MS);
	metric_add(METRIC_WS_CONNECTIONS, 1);
	exchange_listen(a->x, &events, a);
}

static void
put_parameter(struct ipc_out *m, struct assistant *a, const char *name)
{
	struct str s;

	if (!exchange_parameter(a->x, name, &s) || s.n > PARAMETER_MAX)
		s = STR("");
	ipc_put_str(m, s);
}

static void
keyed(void *arg, struct ipc_in *m, const struct err *e)
{
	struct assistant *a = arg;
	struct ipc_out out;
	struct str key;
	int pair[2];

	OBJ(a, ASSISTANT_MAGIC);
	a->call = 0;
	if (m == NULL) {
		refuse(a, e);
		return;
	}
	key = ipc_get_str(m);
	if (ipc_end(m) < 0)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		exchange_problem(a->x, 503, NULL);
		return;
	}
	a->fd = pair[0];
	ipc_begin(&out, MSG_AID_OPEN);
	ipc_put_str(&out, key);
	ipc_put_str(&out, a->who->user);
	ipc_put_str(&out, a->who->id);
	put_parameter(&out, a, "language");
	put_parameter(&out, a, "zone");
	ipc_put_fd(&out, pair[1]);
	a->asks = PEER_AID;
	a->call = ipc_call(svc_channel(PEER_AID), &out, opened, a);
}

static void
begin(struct exchange *x, const struct webauth *who)
{
	static const struct exchange_events events = {.gone = on_gone};
	struct assistant *a;
	struct ipc_out m;

	/* A browser says where the page that asks is from (RFC 6455 10.2). */
	if (!who->browser || exchange_field(x, "Origin").p == NULL) {
		exchange_problem(x, 403, "The assistant is for the page of this site.");
		return;
	}
	if (!owner_socket_enter(who->user)) {
		exchange_problem(x, 429, "Too many are open.");
		return;
	}
	a = arena_new(&x->arena, struct assistant);
	a->magic = ASSISTANT_MAGIC;
	a->x = x;
	a->who = who;
	a->fd = -1;
	buf_init(&a->in, WS_IN_MAX);
	buf_init(&a->message, CHAT_IN_MAX);
	ws_frame_init(&a->reader, CHAT_IN_MAX);
	TAILQ_INSERT_TAIL(&open_ones, a, link);
	exchange_listen(x, &events, a);
	ipc_begin(&m, MSG_ASSISTANT_OPEN);
	ipc_put_str(&m, who->token);
	a->asks = PEER_AUTHD;
	a->call = ipc_call(svc_channel(PEER_AUTHD), &m, keyed, a);
}

static void
run(struct exchange *x)
{
	webauth(x, begin);
}

void
assistant_init(void)
{
	webauth_on_gone(on_session_gone);
}

const struct route assistant_routes[] = {
    {.path = "/assistant", .methods = METHOD_GET, .run = run, .flags = ROUTE_OUR_ORIGIN}, {0}};
