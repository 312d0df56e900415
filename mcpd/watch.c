/*
 * watch.c - see watch.h.
 *
 * A watch that only waits takes no owner process (OWNER_WATCH): its pipe is given back, and the
 * parent of the owners says WAKE when there is something to hear. What is said of it begins where
 * the last pipe's ended (PIPE_STATE).
 */
#include "mcpd/watch.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "ipc/pipe.h"
#include "svc/svc.h"

#define WATCH_MAGIC 0x77617463u
#define TRIES_MAX   8u
#define RETRY_MS    100u /* the first time, twice that each time after */
#define STATE_MAX   1024u
#define REST_MS     2000u /* so long a pipe that says nothing is kept */
/* Numbers of connections: owner.c counts from 1. */
#define CONN_FIRST (UINT64_C(1) << 62)

struct watch {
	unsigned magic;
	struct mcp_agent *agent;
	const char *types;
	const struct watch_events *events;
	void *arg;
	uint64_t conn, ipc;
	bool asking; /* ipc: at authd for a ticket, else at the parent */
	int fd;
	struct frames *frames;
	bool ready, in_text;
	bool behind;  /* PUSH is said: until STATE it is not known what has changed meanwhile */
	bool resting; /* OWNER_WATCH is said: the parent knows of it, with or without a pipe */
	bool woken;   /* before the pipe was given back */
	char *told;   /* PIPE_STATE */
	unsigned tries;
	struct loop_timer *timer; /* of a pipe: it may rest; without one: to have one again */
	LIST_ENTRY(watch) link;
};

static LIST_HEAD(, watch) all = LIST_HEAD_INITIALIZER(all);
static uint64_t last_conn = CONN_FIRST;

static void open_pipe(struct watch *w);

/* The parent need not know of it any more. */
static void
tell_gone(uint64_t conn)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_CONN_GONE);
	ipc_put_u64(&m, conn);
	ipc_send(svc_channel(PEER_MAILBOXD), &m);
}

static void
close_pipe(struct watch *w)
{
	if (w->resting)
		tell_gone(w->conn);
	w->resting = false;
	if (w->ipc != 0)
		ipc_cancel(svc_channel(w->asking ? PEER_AUTHD : PEER_MAILBOXD), w->ipc);
	w->ipc = 0;
	frames_free(&w->frames);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	w->in_text = false;
}

void
watch_free(struct watch **wp)
{
	struct watch *w = *wp;

	if (w == NULL)
		return;
	OBJ(w, WATCH_MAGIC);
	*wp = NULL;
	close_pipe(w);
	loop_timer_free(&w->timer);
	LIST_REMOVE(w, link);
	free(w->told);
	w->magic = 0;
	free(w);
}

static void
lose(struct watch *w, const struct err *e)
{
	uint64_t ms = RETRY_MS << num_min(w->tries, 10u);

	close_pipe(w);
	if (e->code == E_PROTO)
		log_error("mcp.watch", LS("sid", w->agent->session), LE(e));
	if (++w->tries > TRIES_MAX || e->code == E_DENIED || svc_draining()) {
		loop_timer_stop(w->timer);
		w->events->lost(w->arg, e);
	} else {
		loop_timer_set(w->timer, ms + randombytes_uniform((uint32_t)ms));
	}
}

/* ---- resting ---- */

static void
be_idle(struct watch *w)
{
	if (!w->resting && !w->behind && !w->in_text)
		loop_timer_set(w->timer, REST_MS);
}

static void
rest(struct watch *w)
{
	struct ipc_out m;

	w->resting = true;
	w->woken = false;
	ipc_begin(&m, MSG_OWNER_WATCH);
	ipc_put_u64(&m, w->conn);
	ipc_send(svc_channel(PEER_MAILBOXD), &m);
}

static void
left(struct watch *w)
{
	frames_free(&w->frames);
	log_debug("mcp.parked", LS("sid", w->agent->session), LU("conn", w->conn));
	if (w->woken)
		open_pipe(w);
}

/* ---- the pipe ---- */

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct watch *w = arg;
	struct str v[PIPE_FIELDS_MAX];
	bool sense = pipe_parse(kind, octets, v) == 0 || kind == PIPE_DATA;
	bool said;
	struct err e;

	OBJ(w, WATCH_MAGIC);
	if (sense && kind == PIPE_TEXT && !w->in_text) {
		w->in_text = true;
	} else if (sense && w->in_text && (kind == PIPE_DATA || kind == PIPE_END)) {
		/* What it says is found out by who asks for changes. */
		if (kind == PIPE_DATA)
			return;
		w->in_text = false;
		be_idle(w);
		if (w->ready)
			w->events->changed(w->arg);
	} else if (sense && kind == PIPE_STATE && v[1].n < STATE_MAX) {
		free(w->told);
		w->told = mem_dup(v[1].p, v[1].n);
		w->tries = 0;
		w->behind = false;
		be_idle(w);
		said = w->ready;
		w->ready = true;
		if (!said)
			w->events->ready(w->arg);
	} else if (sense && kind == PIPE_LEFT && w->resting && !w->in_text) {
		left(w);
	} else {
		err_set(&e, E_PROTO, "an owner that makes no sense: %s", pipe_kind_name(kind));
		lose(w, &e);
	}
}

static void
on_closed(void *arg, const struct err *e)
{
	lose(arg, e);
}

static void
opened(void *arg, struct ipc_in *m, const struct err *e)
{
	static const struct frames_events events = {.frame = on_frame, .closed = on_closed};
	struct watch *w = arg;
	struct str fields[2];
	struct err bad;

	OBJ(w, WATCH_MAGIC);
	w->ipc = 0;
	if (m == NULL) {
		lose(w, e);
		return;
	}
	if (!str_eq(ipc_get_str(m), w->agent->user) | (ipc_end(m) < 0)) {
		err_set(&bad, E_PROTO, "the owner of somebody else");
		lose(w, &bad);
		return;
	}
	w->frames = frames_new(w->fd, &events, w);
	w->fd = -1;
	fields[0] = str_z(w->types);
	fields[1] = str_z(w->told != NULL ? w->told : "");
	(void)pipe_put(w->frames, PIPE_PUSH, fields, 2);
	w->behind = true;
	loop_timer_stop(w->timer);
}

static void
ticketed(void *arg, struct ipc_in *m, const struct err *e)
{
	struct watch *w = arg;
	struct str ticket;
	struct ipc_out out;
	struct err bad = {0};
	int pair[2];

	OBJ(w, WATCH_MAGIC);
	w->ipc = 0;
	w->asking = false;
	if (m == NULL) {
		lose(w, e);
		return;
	}
	ticket = ipc_get_str(m);
	if (ipc_end(m) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		err_set(&bad, E_TEMP, "no ticket, or no socket");
		lose(w, &bad);
		return;
	}
	w->fd = pair[0];
	ipc_begin(&out, MSG_OWNER_OPEN);
	ipc_put_str(&out, ticket);
	ipc_put_u64(&out, w->conn);
	ipc_put_z(&out, "mcp");
	ipc_put_str(&out, w->agent->session);
	ipc_put_z(&out, "");
	ipc_put_fd(&out, pair[1]);
	w->ipc = ipc_call(svc_channel(PEER_MAILBOXD), &out, opened, w);
}

static void
open_pipe(struct watch *w)
{
	close_pipe(w);
	w->conn = ++last_conn;
	w->asking = true;
	w->ipc = mcp_agent_ticket(w->agent, w->conn, ticketed, w);
}

static void
on_timer(void *arg)
{
	struct watch *w = arg;

	OBJ(w, WATCH_MAGIC);
	if (w->frames == NULL)
		open_pipe(w);
	else if (!w->in_text && !w->behind)
		rest(w);
}

/* ---- for others ---- */

struct watch *
watch_new(struct mcp_agent *g, const char *types, const struct watch_events *events, void *arg)
{
	struct watch *w = mem_alloc(sizeof(*w));

	w->magic = WATCH_MAGIC;
	w->agent = g;
	w->types = types;
	w->events = events;
	w->arg = arg;
	w->fd = -1;
	w->timer = loop_timer_new(on_timer, w);
	LIST_INSERT_HEAD(&all, w, link);
	open_pipe(w);
	return w;
}

/* Each that is told frees itself, and no other. */
void
watch_agent_gone(const struct mcp_agent *g)
{
	struct watch *w, *next;
	struct err e;

	err_set(&e, E_DENIED, "the session is over");
	for (w = LIST_FIRST(&all); w != NULL; w = next) {
		next = LIST_NEXT(w, link);
		if (w->agent == g)
			lose(w, &e);
	}
}

bool
watch_kick(uint64_t conn)
{
	struct watch *w;
	struct err e;

	LIST_FOREACH (w, &all, link)
		if (w->conn == conn) {
			err_set(&e, E_DENIED, "the user's sessions were ended");
			lose(w, &e);
			return true;
		}
	return false;
}

void
watch_wake(uint64_t conn)
{
	struct watch *w;

	LIST_FOREACH (w, &all, link)
		if (w->conn == conn && w->resting) {
			w->woken = true;
			if (w->frames == NULL)
				open_pipe(w);
			return;
		}
	tell_gone(conn); /* its end and this have crossed */
}

void
watch_lost(void)
{
	struct watch *w, *next;
	struct err e;

	err_set(&e, E_CLOSED, "the parent of the owners is gone");
	for (w = LIST_FIRST(&all); w != NULL; w = next) {
		next = LIST_NEXT(w, link);
		if (w->resting && w->frames == NULL) {
			w->resting = false;
			lose(w, &e);
		}
	}
}
