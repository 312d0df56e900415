/*
 * exchange.c - see exchange.h.
 *
 * Owner of an exchange: its pipe; it is gone when that is closed. But a request in a session goes
 * on to its end where its client has left (2025-11-25, basic/transports: no cancellation), with
 * nobody to tell; one of today's is cancelled by that.
 */
#include "mcpd/exchange.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "ipc/pipe.h"
#include "mcpd/listen.h"
#include "mcpd/mcpd.h"
#include "svc/svc.h"

#define EXCHANGE_MAGIC 0x6d637078u
#define EVENTS         "text/event-stream"

struct mcp_exchange {
	unsigned magic;
	struct frames *frames; /* NULL: its client has left */
	char *address, *base;
	char *octets; /* of PIPE_MCP, which the fields are in */
	struct str fields[PIPE_FIELDS_MAX];
	bool taken; /* PIPE_MCP was there */
	bool admitted;
	bool known; /* the token was good when it came */
	struct buf body;
	struct mcp_agent_hold hold; /* where it has no session */
	struct mcp_peer peer;       /* the same */
	bool has_peer;
	struct mcp_session *session;
	bool beginning; /* session is about to begin: its id is told with the answer */
	struct mcp_request *request;
	bool begun, events, ended; /* HEAD is said; it is of events; END is said */
	bool lagging;              /* does not read: the next look ends it */
	bool json_taken, events_taken;
	struct loop_timer *timer;
	TAILQ_ENTRY(mcp_exchange) link;
};

static TAILQ_HEAD(, mcp_exchange) all = TAILQ_HEAD_INITIALIZER(all);
static size_t count;

size_t
mcp_exchange_count(void)
{
	return count;
}

/* ---- the end ---- */

static void
leave_session(struct mcp_exchange *x)
{
	struct mcp_session *s = x->session;

	if (s == NULL)
		return;
	x->session = NULL;
	if (s->stream == x)
		s->stream = NULL;
	mcp_session_leave(s);
	/* Nobody knows of it yet. */
	if (x->beginning && !s->peer.in_session)
		mcp_session_end_soon(s);
}

static void
discard(struct mcp_exchange *x)
{
	OBJ(x, EXCHANGE_MAGIC);
	if (x->request != NULL)
		mcp_request_drop(x->request);
	if (x->has_peer)
		mcp_peer_done(&x->peer);
	leave_session(x);
	mcp_agent_drop(&x->hold);
	frames_free(&x->frames);
	loop_timer_free(&x->timer);
	buf_free(&x->body);
	free(x->address);
	free(x->base);
	free(x->octets);
	TAILQ_REMOVE(&all, x, link);
	count--;
	x->magic = 0;
	free(x);
	mcpd_settle();
}

/* Who asked has left. */
static void
on_closed(void *arg, const struct err *e)
{
	struct mcp_exchange *x = arg;

	OBJ(x, EXCHANGE_MAGIC);
	if (e->code == E_PROTO)
		log_error("mcp.pipe", LE(e));
	if (x->session != NULL && x->request != NULL) {
		frames_free(&x->frames);
		loop_timer_stop(x->timer);
	} else {
		discard(x);
	}
}

/* All is said. */
static void
end(struct mcp_exchange *x)
{
	x->ended = true;
	x->admitted = false;
	x->request = NULL;
	leave_session(x);
	if (x->frames == NULL) {
		loop_timer_set(x->timer, 0); /* discards it: we may be deep inside its request */
		return;
	}
	loop_timer_stop(x->timer);
	frames_put(x->frames, PIPE_END, STR_NONE);
	frames_finish(x->frames);
}

/* ---- the answer ---- */

static void
put_head(struct mcp_exchange *x, unsigned status, const char *type, uint64_t length)
{
	struct pipe_head head = {.status = status, .length = length, .type = str_z(type)};

	/* 2025-11-25, basic/transports, "Session Management" */
	if (x->beginning && x->session != NULL && x->session->peer.in_session)
		head.name = str_z(x->session->id);
	x->begun = true;
	if (x->frames != NULL)
		pipe_put_head(x->frames, &head);
}

static void
respond(struct mcp_exchange *x, unsigned status, struct str json)
{
	put_head(x, status, json.n > 0 ? "application/json" : "", json.n);
	if (x->frames != NULL)
		frames_cut(x->frames, PIPE_DATA, json);
	end(x);
}

/* An answer that is no method's: of the transport. */
static void
refuse(struct mcp_exchange *x, unsigned status, enum mcp_code code, const char *text)
{
	struct mcp_message none = {.root = NULL};
	struct mcp_failure f = {0};
	struct buf b;

	buf_init(&b, 4096);
	(void)mcp_fail(&f, code, "%s", text);
	mcp_failure_print(&none, &f, &b);
	respond(x, status, buf_view(&b));
	buf_free(&b);
}

static void
begin_events(struct mcp_exchange *x)
{
	put_head(x, 200, EVENTS, PIPE_NO_LENGTH);
	x->events = true;
}

static void
put(struct mcp_exchange *x, const char *z)
{
	frames_cut(x->frames, PIPE_DATA, str_z(z));
}

static bool
is_listener(const struct mcp_exchange *x)
{
	if (x->session != NULL)
		return x->session->stream == x;
	return x->request != NULL && (x->request->method->flags & MCP_ENDLESS) != 0;
}

/* One event. A client that does not read gets no more of what is said on the way. */
static void
tell(struct mcp_exchange *x, struct str json)
{
	if (x->frames == NULL || x->ended)
		return;
	if (!x->begun && x->events_taken)
		begin_events(x);
	if (!x->events)
		return;
	if (frames_blocked(x->frames)) {
		/* Whoever listens has to hear all: it comes again, and looks. */
		x->lagging = is_listener(x);
		if (x->lagging)
			loop_timer_set(x->timer, 0);
		return;
	}
	put(x, "data: ");
	frames_cut(x->frames, PIPE_DATA, json);
	put(x, "\n\n");
	loop_timer_set(x->timer, EXCHANGE_STILL);
}

static void
on_notify(void *arg, struct str json)
{
	tell(arg, json);
}

static void
on_answer(void *arg, unsigned status, struct str json)
{
	struct mcp_exchange *x = arg;

	OBJ(x, EXCHANGE_MAGIC);
	if (x->ended)
		return;
	if (status == 0 && !x->begun) {
		refuse(x, 200, MCP_INVALID_REQUEST, "cancelled");
	} else if (x->begun || (!x->json_taken && status == 200)) {
		if (!x->begun)
			begin_events(x);
		if (json.n > 0 && x->frames != NULL) {
			put(x, "data: ");
			frames_cut(x->frames, PIPE_DATA, json);
			put(x, "\n\n");
		}
		end(x);
	} else {
		respond(x, status, json);
	}
}

static const struct mcp_sink sink = {.notify = on_notify, .answer = on_answer};

/* Nothing was said for a while; or it is over, and nobody is there. */
static void
on_timer(void *arg)
{
	struct mcp_exchange *x = arg;

	OBJ(x, EXCHANGE_MAGIC);
	if (x->ended || x->frames == NULL || x->lagging) {
		discard(x);
		return;
	}
	if (!x->begun && x->events_taken)
		begin_events(x);
	if (x->events && !frames_blocked(x->frames))
		put(x, ":\n\n");
	loop_timer_set(x->timer, EXCHANGE_STILL);
}

/* ---- sessions ---- */

void
mcp_exchange_session_over(struct mcp_session *s)
{
	struct mcp_exchange *x, *next;

	for (x = TAILQ_FIRST(&all); x != NULL; x = next) {
		next = TAILQ_NEXT(x, link);
		if (x->session != s)
			continue;
		if (x->request != NULL)
			mcp_request_drop(x->request);
		x->request = NULL;
		if (x->begun || x->frames == NULL)
			end(x);
		else
			refuse(x, 404, MCP_INVALID_REQUEST, "the session is over");
		leave_session(x);
	}
}

/* What is told to a session that is no answer. */
static void
tell_session(void *arg, struct str json)
{
	struct mcp_session *s = arg;

	if (s->stream != NULL)
		tell(s->stream, json);
}

/* ---- the request ---- */

static struct mcp_headers
headers_of(const struct mcp_exchange *x)
{
	const struct str *v = x->fields;
	struct mcp_headers h = {
	    v[PIPE_MCP_VERSION], v[PIPE_MCP_RPC], v[PIPE_MCP_NAME], v[PIPE_MCP_SESSION]};
	struct str *each[] = {&h.version, &h.method, &h.name, &h.session};

	for (size_t i = 0; i < ARRAY_LEN(each); i++)
		if (each[i]->n == 0)
			*each[i] = STR_NONE;
	return h;
}

static void
take(struct mcp_exchange *x, struct mcp_peer *p)
{
	struct mcp_headers h = headers_of(x);
	struct mcp_request *r;

	loop_timer_set(x->timer, EXCHANGE_STILL);
	r = mcp_peer_take(p, buf_view(&x->body), &h, &sink, x);
	if (!x->ended)
		x->request = r;
	buf_free(&x->body);
	buf_init(&x->body, 0);
}

static void
on_session(void *arg, struct mcp_session *s, const struct err *e)
{
	struct mcp_exchange *x = arg;

	OBJ(x, EXCHANGE_MAGIC);
	if (s == NULL) {
		x->session = NULL;
		refuse(x, e->code == E_LIMIT ? 429 : 503, MCP_INTERNAL_ERROR, e->text);
		return;
	}
	s->peer.notify = tell_session;
	s->peer.arg = s;
	take(x, &s->peer);
}

/* Whether it is `initialize` of before, which begins a session. What today's clients send says what
 * it is in a field. */
static bool
is_beginning(const struct mcp_exchange *x)
{
	struct mcp_headers h = headers_of(x);
	struct mcp_message m;
	struct mcp_failure f;
	bool yes;

	if (h.method.p != NULL && !str_eq_z(h.method, "initialize"))
		return false;
	yes = mcp_message_parse(&m, buf_view(&x->body), &h, false, &f) == 0 && !m.modern &&
	      m.kind == MCP_REQUEST && str_eq_z(m.method, "initialize");
	cJSON_Delete(f.data);
	mcp_message_done(&m);
	return yes;
}

static void
enter(struct mcp_exchange *x, struct mcp_session *s)
{
	x->session = s;
	mcp_session_enter(s);
}

static void
begin_session(struct mcp_exchange *x)
{
	struct mcp_session *s = mcp_session_new(
	    x->fields[PIPE_MCP_TOKEN], str_z(x->address), str_z(x->base), on_session, x);

	if (s == NULL) {
		refuse(x, 429, MCP_INTERNAL_ERROR, "too many sessions");
		return;
	}
	x->beginning = true;
	enter(x, s);
	mcp_agent_drop(&x->hold);
}

static void
post(struct mcp_exchange *x)
{
	if (x->session != NULL) {
		take(x, &x->session->peer);
	} else if (is_beginning(x)) {
		begin_session(x);
	} else {
		x->peer.hold = &x->hold;
		x->peer.base = str_z(x->base);
		x->peer.where = str_z(x->address);
		mcp_peer_init(&x->peer);
		x->has_peer = true;
		take(x, &x->peer);
	}
}

/* The stream of what is told outside of requests. One is enough: a client that comes for it again
 * has lost the other. */
static void
get(struct mcp_exchange *x)
{
	struct mcp_session *s = x->session;

	if (!x->events_taken) {
		refuse(x, 406, MCP_INVALID_REQUEST, "Accept: text/event-stream");
		return;
	}
	if (s->stream != NULL)
		end(s->stream);
	s->stream = x;
	begin_events(x);
	put(x, ":\n\n");
	loop_timer_set(x->timer, EXCHANGE_STILL);
}

static void
run(struct mcp_exchange *x)
{
	struct mcp_session *s = x->session;

	x->admitted = false; /* nothing more of it is awaited */
	if (str_eq(x->fields[PIPE_MCP_METHOD], STR("POST"))) {
		post(x);
	} else if (str_eq(x->fields[PIPE_MCP_METHOD], STR("GET"))) {
		get(x);
	} else {
		leave_session(x);
		respond(x, 204, STR_NONE);
		mcp_session_end(s);
	}
}

/* ---- who asks ---- */

static size_t
count_of(const struct mcp_agent *g)
{
	const struct mcp_exchange *x;
	size_t n = 0;

	TAILQ_FOREACH (x, &all, link)
		n += x->hold.agent == g;
	return n;
}

static void
admit(struct mcp_exchange *x)
{
	x->admitted = x->known = true;
	frames_resume(x->frames);
}

/* Its agent session is there, could not be had, or is over. */
static void
on_agent(void *arg, const struct err *e)
{
	struct mcp_exchange *x = arg;

	OBJ(x, EXCHANGE_MAGIC);
	if (x->ended)
		return;
	if (e != NULL) {
		if (x->request != NULL)
			mcp_request_drop(x->request);
		x->request = NULL;
		if (x->begun)
			discard(x); /* a broken answer */
		else if (e->code == E_DENIED && !x->known)
			refuse(x, 401, MCP_INVALID_REQUEST, "no such agent");
		else if (e->code == E_LIMIT)
			refuse(x, 429, MCP_INTERNAL_ERROR, e->text);
		else
			refuse(x, 503, MCP_INTERNAL_ERROR, "it cannot be done now");
	} else if (x->fields[PIPE_MCP_SESSION].n > 0 &&
		   !str_eq_z(x->fields[PIPE_MCP_VERSION], MCP_MODERN_VERSION)) {
		/* The agent is one, the session none of its own. */
		refuse(x, 404, MCP_INVALID_REQUEST, "no such session");
	} else if (!str_eq(x->fields[PIPE_MCP_METHOD], STR("POST"))) {
		refuse(x, 405, MCP_INVALID_REQUEST, "only POST, without a session");
	} else if (count_of(x->hold.agent) > EXCHANGE_OF_ONE) {
		refuse(x, 429, MCP_INTERNAL_ERROR, "too many requests at a time");
	} else {
		admit(x);
	}
}

/* ---- the pipe ---- */

static void
nonsense(struct mcp_exchange *x, unsigned kind)
{
	log_error("mcp.pipe", LZ("kind", pipe_kind_name(kind)));
	discard(x);
}

static void
take_fields(struct mcp_exchange *x, struct str octets)
{
	const struct str *v = x->fields;

	x->taken = true;
	x->octets = mem_dup(octets.p, octets.n);
	if (pipe_parse(PIPE_MCP, str_of(x->octets, octets.n), x->fields) < 0) {
		nonsense(x, PIPE_MCP);
		return;
	}
	x->json_taken = str_starts(v[PIPE_MCP_ACCEPT], STR("json"));
	x->events_taken = str_ends(v[PIPE_MCP_ACCEPT], STR("sse"));
	frames_pause(x->frames);
	if (v[PIPE_MCP_SESSION].n > 0 && !str_eq_z(v[PIPE_MCP_VERSION], MCP_MODERN_VERSION))
		x->session = mcp_session_find(v[PIPE_MCP_SESSION], v[PIPE_MCP_TOKEN]);
	if (x->session != NULL) {
		mcp_session_enter(x->session);
		admit(x);
		return;
	}
	x->hold.fn = on_agent;
	x->hold.arg = x;
	mcp_agent_take(&x->hold, v[PIPE_MCP_TOKEN], str_z(x->address), STR("http"), STR(""), true);
}

/* gk-webd is about to end. */
static void
finish(struct mcp_exchange *x)
{
	if (x->ended || x->frames == NULL)
		return;
	if (x->session != NULL && x->session->stream == x)
		end(x);
	else if (x->request != NULL)
		mcp_listen_end(x->request);
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct mcp_exchange *x = arg;

	OBJ(x, EXCHANGE_MAGIC);
	if (kind == PIPE_MCP && !x->taken) {
		take_fields(x, octets);
	} else if (kind == PIPE_DRAIN && x->taken) {
		finish(x);
	} else if (kind == PIPE_DATA && x->admitted) {
		if (buf_str(&x->body, octets) < 0)
			refuse(x, 413, MCP_INVALID_REQUEST, "longer than a message may be");
	} else if (kind == PIPE_END && x->admitted) {
		run(x);
	} else if (!x->ended) {
		nonsense(x, kind);
	}
}

/* ---- from outside ---- */

void
mcp_exchange_open(struct ipc_chan *ch, struct ipc_in *m)
{
	static const struct frames_events events = {.frame = on_frame, .closed = on_closed};
	struct str address = ipc_get_str(m), base = ipc_get_str(m);
	int fd = ipc_take_fd(m);
	struct mcp_exchange *x;
	struct err e;

	if (ipc_end(m) < 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (svc_draining() || count >= 4 * conf_num(svc_conf(), CONF_MCP_MAX_CLIENTS)) {
		close(fd);
		err_set(&e, svc_draining() ? E_TEMP : E_LIMIT, "too much at a time");
		ipc_reply_error(ch, m->id, &e);
		return;
	}
	x = mem_alloc(sizeof(*x));
	x->magic = EXCHANGE_MAGIC;
	x->address = mem_dup(address.p, address.n);
	x->base = mem_dup(base.p, base.n);
	buf_init(&x->body, MCP_MESSAGE_MAX);
	x->timer = loop_timer_new(on_timer, x);
	TAILQ_INSERT_TAIL(&all, x, link);
	count++;
	x->frames = frames_new(fd, &events, x);
	ipc_reply_ok(ch, m->id, MSG_MCP_EXCHANGE_R);
}

void
mcp_exchange_drain(void)
{
	struct mcp_exchange *x, *next;

	for (x = TAILQ_FIRST(&all); x != NULL; x = next) {
		next = TAILQ_NEXT(x, link);
		finish(x);
	}
}
