/*
 * owner.c - see owner.h.
 *
 * A pipe: with authd for a ticket, with the parent, at work, kept. A call: in line, or on a pipe.
 * Errors of a pipe are told to its call; one that is kept just goes.
 */
#include "mcpd/owner.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "ipc/pipe.h"
#include "svc/svc.h"

#define PIPE_MAGIC 0x70697065u
#define CALL_MAGIC 0x63616c6cu
/* Of one user's agents; mailbox.max_connections has room beside the user's own programs. */
#define PIPES_MAX 8u
#define WAIT_MAX  100u
#define KEEP_MS   5000u
#define KEEP_MAX  4u

enum pipe_state {
	TICKET,
	OPENING,
	READY /* at work where it has a call, else kept */
};

struct person {
	char *name;
	size_t working, kept, waiting;
	TAILQ_HEAD(, pipe) pipes;
	TAILQ_HEAD(, owner_call) line, lost; /* lost: to be told why */
	struct loop_defer tell;
	UT_hash_handle hh;
};

struct pipe {
	unsigned magic;
	struct person *person;
	struct mcp_agent *agent;
	enum pipe_state state;
	uint64_t conn, ipc;
	int fd;
	struct frames *frames;
	struct owner_call *call; /* NULL: it is kept */
	size_t sent;             /* octets of the call's body that are with the frames */
	bool head;               /* of the answer has come */
	struct loop_timer *timer;
	TAILQ_ENTRY(pipe) link;
	UT_hash_handle hh;
};

struct owner_call {
	unsigned magic;
	struct mcp_agent *agent;
	struct person *person;
	struct pipe *pipe; /* NULL: in line, or lost */
	bool lost;
	enum pipe_kind kind;
	char *body; /* or the id of the blob */
	size_t n;
	unsigned status;
	struct buf answer;
	struct err e;
	owner_fn fn;
	void *arg;
	TAILQ_ENTRY(owner_call) link;
};

static struct person *persons;
static struct pipe *by_conn;
static uint64_t last_conn;

/* ---- users ---- */

static void tell_lost(void *arg);

static struct person *
person_get(struct str name)
{
	struct person *p;

	HASH_FIND(hh, persons, name.p, name.n, p);
	if (p != NULL)
		return p;
	p = mem_alloc(sizeof(*p));
	p->name = mem_dup(name.p, name.n);
	TAILQ_INIT(&p->pipes);
	TAILQ_INIT(&p->line);
	TAILQ_INIT(&p->lost);
	loop_defer_init(&p->tell, tell_lost, p);
	HASH_ADD_KEYPTR(hh, persons, p->name, name.n, p);
	return p;
}

static void
person_settle(struct person *p)
{
	if (!TAILQ_EMPTY(&p->pipes) || !TAILQ_EMPTY(&p->line) || !TAILQ_EMPTY(&p->lost))
		return;
	loop_defer_cancel(&p->tell);
	HASH_DEL(persons, p);
	free(p->name);
	free(p);
}

/* ---- calls ---- */

static void
free_call(struct owner_call *c)
{
	c->magic = 0;
	free(c->body);
	buf_free(&c->answer);
	free(c);
}

/* It is told when the turn ends. */
static void
lose_call(struct owner_call *c, const struct err *e)
{
	c->pipe = NULL;
	c->lost = true;
	c->e = *e;
	TAILQ_INSERT_TAIL(&c->person->lost, c, link);
	loop_defer(&c->person->tell);
}

/* One a turn: whoever is told may drop the others, and the user with them. */
static void
tell_lost(void *arg)
{
	struct person *p = arg;
	struct owner_call *c = TAILQ_FIRST(&p->lost);

	if (c == NULL)
		return;
	TAILQ_REMOVE(&p->lost, c, link);
	if (!TAILQ_EMPTY(&p->lost))
		loop_defer(&p->tell);
	else
		person_settle(p);
	c->fn(c->arg, 0, STR(""), &c->e);
	free_call(c);
}

/* ---- pipes ---- */

static void next_in_line(struct person *p);

static void
free_pipe(struct pipe *w)
{
	struct person *p = w->person;

	if (w->ipc != 0)
		ipc_cancel(svc_channel(w->state == TICKET ? PEER_AUTHD : PEER_MAILBOXD), w->ipc);
	if (w->call != NULL || w->state != READY)
		p->working--;
	else
		p->kept--;
	HASH_DEL(by_conn, w);
	TAILQ_REMOVE(&p->pipes, w, link);
	loop_timer_free(&w->timer);
	frames_free(&w->frames);
	if (w->fd >= 0)
		close(w->fd);
	w->magic = 0;
	free(w);
}

/* It is of no use any more. */
static void
lose_pipe(struct pipe *w, const struct err *e)
{
	struct person *p = w->person;
	struct owner_call *c = w->call;

	if (e->code == E_PROTO)
		log_error("mcp.pipe", LZ("user", p->name), LE(e));
	if (c != NULL)
		lose_call(c, e);
	free_pipe(w);
	next_in_line(p);
	person_settle(p);
}

static void
nonsense(struct pipe *w, unsigned kind)
{
	struct err e;

	err_set(&e, E_PROTO, "an owner that makes no sense: %s", pipe_kind_name(kind));
	lose_pipe(w, &e);
}

/* Frames of a body, as they are taken. */
static void
send_more(struct pipe *w)
{
	struct owner_call *c = w->call;

	if (c->kind != PIPE_CALL || w->sent > c->n)
		return;
	while (w->sent < c->n && !frames_blocked(w->frames)) {
		struct str part = str_sub(str_of(c->body, c->n), w->sent, FRAMES_MAX);

		frames_put(w->frames, PIPE_DATA, part);
		w->sent += part.n;
	}
	if (w->sent == c->n) {
		frames_put(w->frames, PIPE_END, STR(""));
		w->sent++;
	}
}

static void
ask(struct pipe *w)
{
	struct owner_call *c = w->call;
	char account[PIPE_ACCOUNT];
	struct str fields[5];

	loop_timer_stop(w->timer);
	w->sent = 0;
	w->head = false;
	if (c->kind == PIPE_CALL) {
		(void)pipe_put(w->frames, PIPE_CALL, NULL, 0);
		send_more(w);
		return;
	}
	pipe_account(w->agent->user, account);
	fields[0] = str_z(account);
	fields[1] = str_of(c->body, c->n);
	fields[2] = STR("application/octet-stream");
	fields[3] = STR("");
	fields[4] = STR("");
	if (pipe_put(w->frames, PIPE_DOWNLOAD, fields, ARRAY_LEN(fields)) < 0)
		nonsense(w, PIPE_DOWNLOAD); /* ids are bounded long before */
}

/* ---- answers ---- */

static void
finished(struct pipe *w)
{
	struct person *p = w->person;
	struct owner_call *c = w->call;

	w->call = NULL;
	c->pipe = NULL;
	p->working--;
	p->kept++;
	if (p->kept > KEEP_MAX || svc_draining())
		free_pipe(w);
	else
		loop_timer_set(w->timer, KEEP_MS);
	next_in_line(p);
	person_settle(p);
	c->fn(c->arg, c->status, buf_view(&c->answer), NULL);
	free_call(c);
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct pipe *w = arg;
	struct owner_call *c;
	struct pipe_head head;
	struct err e;

	OBJ(w, PIPE_MAGIC);
	c = w->call;
	if (c == NULL) {
		nonsense(w, kind);
	} else if (kind == PIPE_HEAD && !w->head && pipe_parse_head(octets, &head) == 0) {
		w->head = true;
		c->status = head.status;
	} else if (kind == PIPE_DATA && w->head) {
		if (buf_str(&c->answer, octets) == 0)
			return;
		err_set(&e, E_LIMIT, "the answer is too long");
		lose_pipe(w, &e);
	} else if (kind == PIPE_END && w->head) {
		finished(w);
	} else {
		nonsense(w, kind);
	}
}

static void
on_drained(void *arg)
{
	struct pipe *w = arg;

	OBJ(w, PIPE_MAGIC);
	if (w->call != NULL)
		send_more(w);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct pipe *w = arg;

	OBJ(w, PIPE_MAGIC);
	lose_pipe(w, e);
}

/* ---- opening ---- */

static void
on_timer(void *arg)
{
	struct pipe *w = arg;
	struct err e;

	OBJ(w, PIPE_MAGIC);
	err_set(&e, E_CLOSED, "kept for long enough");
	lose_pipe(w, &e);
}

static void
opened(void *arg, struct ipc_in *m, const struct err *e)
{
	static const struct frames_events events = {
	    .frame = on_frame, .drained = on_drained, .closed = on_closed};
	struct pipe *w = arg;
	struct err bad;

	OBJ(w, PIPE_MAGIC);
	w->ipc = 0;
	if (m == NULL) {
		log_info("mcp.refused", LS("sid", w->agent->session), LE(e));
		lose_pipe(w, e);
		return;
	}
	/* The owner of whom? A parent that mixes users up is not to be believed. */
	if (!str_eq(ipc_get_str(m), w->agent->user) | (ipc_end(m) < 0)) {
		err_set(&bad, E_PROTO, "the owner of somebody else");
		lose_pipe(w, &bad);
		return;
	}
	w->frames = frames_new(w->fd, &events, w);
	w->fd = -1;
	w->state = READY;
	ask(w);
}

static void
ask_parent(struct pipe *w, struct str ticket)
{
	struct ipc_out m;
	struct err e = {0};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		err_sys(&e, "socketpair");
		lose_pipe(w, &e);
		return;
	}
	w->fd = pair[0];
	w->state = OPENING;
	ipc_begin(&m, MSG_OWNER_OPEN);
	ipc_put_str(&m, ticket);
	ipc_put_u64(&m, w->conn);
	ipc_put_z(&m, "mcp");
	ipc_put_str(&m, w->agent->session);
	ipc_put_z(&m, "");
	ipc_put_fd(&m, pair[1]);
	w->ipc = ipc_call(svc_channel(PEER_MAILBOXD), &m, opened, w);
}

static void
ticketed(void *arg, struct ipc_in *m, const struct err *e)
{
	struct pipe *w = arg;
	struct str ticket;
	struct err bad;

	OBJ(w, PIPE_MAGIC);
	w->ipc = 0;
	if (m == NULL) {
		/* All that the session has goes, this pipe with it. */
		if (e->code == E_DENIED)
			mcp_agent_over(w->agent->session);
		else
			lose_pipe(w, e);
		return;
	}
	ticket = ipc_get_str(m);
	if (ipc_end(m) == 0) {
		ask_parent(w, ticket);
		return;
	}
	err_set(&bad, E_TEMP, "no ticket");
	lose_pipe(w, &bad);
}

static void
open_pipe(struct owner_call *c)
{
	struct pipe *w = mem_alloc(sizeof(*w));
	struct person *p = c->person;

	w->magic = PIPE_MAGIC;
	w->person = p;
	w->agent = c->agent;
	w->call = c;
	c->pipe = w;
	w->fd = -1;
	w->conn = ++last_conn;
	w->timer = loop_timer_new(on_timer, w);
	HASH_ADD(hh, by_conn, conn, sizeof(w->conn), w);
	TAILQ_INSERT_TAIL(&p->pipes, w, link);
	p->working++;
	w->state = TICKET;
	w->ipc = mcp_agent_ticket(w->agent, w->conn, ticketed, w);
}

static struct pipe *
find_kept(struct person *p, const struct mcp_agent *g)
{
	struct pipe *w;

	TAILQ_FOREACH (w, &p->pipes, link)
		if (w->state == READY && w->call == NULL && w->agent == g)
			return w;
	return NULL;
}

static void
start(struct owner_call *c)
{
	struct pipe *w = find_kept(c->person, c->agent);

	if (w == NULL) {
		open_pipe(c);
		return;
	}
	c->person->kept--;
	c->person->working++;
	w->call = c;
	c->pipe = w;
	ask(w);
}

static void
next_in_line(struct person *p)
{
	struct owner_call *c;

	while (p->working < PIPES_MAX && (c = TAILQ_FIRST(&p->line)) != NULL) {
		TAILQ_REMOVE(&p->line, c, link);
		p->waiting--;
		start(c);
	}
}

/* ---- what others ask ---- */

static struct owner_call *
begin(struct mcp_agent *g, enum pipe_kind kind, struct str body, size_t max, owner_fn fn, void *arg)
{
	struct owner_call *c = mem_alloc(sizeof(*c));
	struct person *p = person_get(g->user);
	struct err e;

	c->magic = CALL_MAGIC;
	c->agent = g;
	c->person = p;
	c->kind = kind;
	c->body = mem_dup(body.p, body.n);
	c->n = body.n;
	buf_init(&c->answer, max);
	c->fn = fn;
	c->arg = arg;
	if (p->waiting >= WAIT_MAX) {
		err_set(&e, E_LIMIT, "too much at a time");
		lose_call(c, &e);
		return c;
	}
	TAILQ_INSERT_TAIL(&p->line, c, link);
	p->waiting++;
	next_in_line(p);
	return c;
}

struct owner_call *
owner_request(struct mcp_agent *g, struct str body, owner_fn fn, void *arg)
{
	return begin(g, PIPE_CALL, body, OWNER_RESPONSE_MAX, fn, arg);
}

struct owner_call *
owner_download(struct mcp_agent *g, struct str blob, size_t max, owner_fn fn, void *arg)
{
	return begin(g, PIPE_DOWNLOAD, str_sub(blob, 0, 256), max, fn, arg);
}

void
owner_drop(struct owner_call **cp)
{
	struct owner_call *c = *cp;
	struct person *p;

	if (c == NULL)
		return;
	OBJ(c, CALL_MAGIC);
	*cp = NULL;
	p = c->person;
	if (c->pipe != NULL) {
		struct pipe *w = c->pipe;

		/* Who gives an exchange up closes the pipe. */
		free_pipe(w);
		next_in_line(p);
	} else if (c->lost) {
		TAILQ_REMOVE(&p->lost, c, link);
	} else {
		TAILQ_REMOVE(&p->line, c, link);
		p->waiting--;
	}
	free_call(c);
	person_settle(p);
}

void
owner_agent_gone(struct mcp_agent *g)
{
	struct person *p;
	struct owner_call *c, *nextc;
	struct pipe *w, *next;
	struct err e;

	HASH_FIND(hh, persons, g->user.p, g->user.n, p);
	if (p == NULL)
		return;
	err_set(&e, E_DENIED, "the agent's session is over");
	for (c = TAILQ_FIRST(&p->line); c != NULL; c = nextc) {
		nextc = TAILQ_NEXT(c, link);
		if (c->agent != g)
			continue;
		TAILQ_REMOVE(&p->line, c, link);
		p->waiting--;
		lose_call(c, &e);
	}
	for (w = TAILQ_FIRST(&p->pipes); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		if (w->agent != g)
			continue;
		if (w->call != NULL)
			lose_call(w->call, &e);
		free_pipe(w);
	}
	next_in_line(p);
	person_settle(p);
}

void
owner_kick(uint64_t conn)
{
	struct pipe *w;
	struct err e;

	HASH_FIND(hh, by_conn, &conn, sizeof(conn), w);
	if (w == NULL)
		return;
	err_set(&e, E_CLOSED, "the user's connections were ended");
	lose_pipe(w, &e);
}
