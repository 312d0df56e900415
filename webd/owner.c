/*
 * owner.c - see owner.h.
 *
 * A pipe: in line, with authd for a ticket, with the parent, open, kept. Owner: who opened it, or
 * while it is kept this file. Errors: told once by closed(); one that is kept just goes.
 */
#include "webd/owner.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "svc/svc.h"

#define OWNER_MAGIC 0x6f776e72u
#define KEEP_MS     5000u
#define KEEP_MAX    4u /* of one user */

/* mailbox.max_connections has room for all of them. What waits is held back at its client, so that
 * a line costs little. */
static const struct {
	size_t most, line;
} limits[OWNER_CLASSES] = {
    [OWNER_CALL] = {8, 100},
    [OWNER_UPLOAD] = {4, 0},
    [OWNER_DOWNLOAD] = {6, 200},
    [OWNER_SOCKET] = {20, 0},
};

enum owner_state {
	OWNER_LINE,
	OWNER_TICKET,
	OWNER_OPENING,
	OWNER_OPEN,
	OWNER_KEPT,
	OWNER_LOST /* nothing goes on with it */
};

struct person {
	char *name;
	size_t running[OWNER_CLASSES], waiting[OWNER_CLASSES], kept;
	TAILQ_HEAD(, owner) owners; /* in the order they came */
	UT_hash_handle hh;
};

struct owner {
	unsigned magic;
	struct person *person;
	enum owner_class class;
	enum owner_state state;
	bool counted; /* in running */
	char *session, *peer;
	unsigned char token[WEBAUTH_TOKEN];
	uint64_t conn, call;
	int fd; /* until frames has it */
	struct frames *frames;
	const struct owner_events *events;
	void *arg;
	struct loop_timer *timer;
	struct err e; /* to be told */
	TAILQ_ENTRY(owner) link;
	UT_hash_handle hh; /* by conn, with the parent or later */
};

static struct person *persons;
static struct owner *by_conn;
static uint64_t last_conn;

/* ---- users ---- */

static struct person *
person_get(struct str name)
{
	struct person *p;

	HASH_FIND(hh, persons, name.p, name.n, p);
	if (p != NULL)
		return p;
	p = mem_alloc(sizeof(*p));
	p->name = mem_dup(name.p, name.n);
	TAILQ_INIT(&p->owners);
	HASH_ADD_KEYPTR(hh, persons, p->name, name.n, p);
	return p;
}

static void
person_settle(struct person *p)
{
	if (!TAILQ_EMPTY(&p->owners) || p->running[OWNER_SOCKET] > 0)
		return;
	HASH_DEL(persons, p);
	free(p->name);
	free(p);
}

bool
owner_socket_enter(struct str user)
{
	struct person *p = person_get(user);

	if (p->running[OWNER_SOCKET] >= limits[OWNER_SOCKET].most)
		return false;
	p->running[OWNER_SOCKET]++;
	return true;
}

void
owner_socket_leave(struct str user)
{
	struct person *p = person_get(user);

	assume(p->running[OWNER_SOCKET] > 0);
	p->running[OWNER_SOCKET]--;
	person_settle(p);
}

/* ---- the end ---- */

static void start(struct owner *o);

/* There may be room for one in line. */
static void
next_in_line(struct person *p, enum owner_class class)
{
	struct owner *o;

	TAILQ_FOREACH (o, &p->owners, link)
		if (o->state == OWNER_LINE && o->class == class) {
			p->waiting[class]--;
			start(o);
			return;
		}
}

/* It takes part in nothing any more. */
static void
retire(struct owner *o)
{
	struct person *p = o->person;

	if (o->state == OWNER_LINE)
		p->waiting[o->class]--;
	if (o->state == OWNER_KEPT)
		p->kept--;
	if (o->call != 0)
		ipc_cancel(
		    svc_channel(o->state == OWNER_TICKET ? PEER_AUTHD : PEER_MAILBOXD), o->call);
	o->call = 0;
	if (o->conn != 0)
		HASH_DEL(by_conn, o);
	o->conn = 0;
	loop_timer_stop(o->timer);
	frames_free(&o->frames);
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	o->state = OWNER_LOST;
	if (o->counted) {
		o->counted = false;
		p->running[o->class]--;
		next_in_line(p, o->class);
	}
}

void
owner_free(struct owner **op)
{
	struct owner *o = *op;
	struct person *p;

	if (o == NULL)
		return;
	OBJ(o, OWNER_MAGIC);
	*op = NULL;
	retire(o);
	p = o->person;
	TAILQ_REMOVE(&p->owners, o, link);
	person_settle(p);
	loop_timer_free(&o->timer);
	sodium_memzero(o->token, sizeof(o->token));
	free(o->session);
	free(o->peer);
	o->magic = 0;
	free(o);
}

static void
lose(struct owner *o, const struct err *e)
{
	bool kept = o->state == OWNER_KEPT;

	if (o->state == OWNER_LOST)
		return;
	if (e->code == E_PROTO)
		log_error("web.pipe", LZ("user", o->person->name), LE(e));
	retire(o);
	if (kept)
		owner_free(&o);
	else
		o->events->closed(o->arg, e);
}

/* ---- opening ---- */

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct owner *o = arg;
	struct err e;

	OBJ(o, OWNER_MAGIC);
	if (o->state == OWNER_OPEN) {
		o->events->frame(o->arg, kind, octets);
		return;
	}
	err_set(&e, E_PROTO, "an owner that speaks unasked");
	lose(o, &e);
}

static void
on_drained(void *arg)
{
	struct owner *o = arg;

	OBJ(o, OWNER_MAGIC);
	if (o->state == OWNER_OPEN)
		o->events->drained(o->arg);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct owner *o = arg;

	OBJ(o, OWNER_MAGIC);
	lose(o, e);
}

static void
opened(void *arg, struct ipc_in *m, const struct err *e)
{
	static const struct frames_events events = {
	    .frame = on_frame, .drained = on_drained, .closed = on_closed};
	struct owner *o = arg;

	OBJ(o, OWNER_MAGIC);
	o->call = 0;
	if (m == NULL) {
		log_info("web.refused", LZ("user", o->person->name), LE(e));
		lose(o, e);
		return;
	}
	(void)ipc_get_str(m);
	if (ipc_end(m) < 0)
		return;
	o->frames = frames_new(o->fd, &events, o);
	o->fd = -1;
	o->state = OWNER_OPEN;
	o->events->open(o->arg);
}

static void
ask_parent(struct owner *o, struct str ticket)
{
	struct ipc_out m;
	struct err e = {0};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		err_sys(&e, "socketpair");
		lose(o, &e);
		return;
	}
	o->fd = pair[0];
	o->state = OWNER_OPENING;
	ipc_begin(&m, MSG_OWNER_OPEN);
	ipc_put_str(&m, ticket);
	ipc_put_u64(&m, o->conn);
	ipc_put_z(&m, o->peer);
	ipc_put_z(&m, o->session);
	ipc_put_z(&m, "");
	ipc_put_fd(&m, pair[1]);
	o->call = ipc_call(svc_channel(PEER_MAILBOXD), &m, opened, o);
}

static void
ticketed(void *arg, struct ipc_in *m, const struct err *e)
{
	struct owner *o = arg;
	struct str ticket;

	OBJ(o, OWNER_MAGIC);
	o->call = 0;
	if (m == NULL) {
		lose(o, e);
		return;
	}
	ticket = ipc_get_str(m);
	if (ipc_end(m) == 0)
		ask_parent(o, ticket);
}

static void
begin(struct owner *o)
{
	struct ipc_out m;

	o->state = OWNER_TICKET;
	o->conn = ++last_conn;
	HASH_ADD(hh, by_conn, conn, sizeof(o->conn), o);
	ipc_begin(&m, MSG_SESSION_TICKET);
	ipc_put_str(&m, str_of(o->token, sizeof(o->token)));
	ipc_put_u64(&m, o->conn);
	o->call = ipc_call(svc_channel(PEER_AUTHD), &m, ticketed, o);
}

/* What could not be told from inside owner_open(); or it was kept for long enough. */
static void
on_timer(void *arg)
{
	struct owner *o = arg;
	struct err e = o->e; /* who is told frees the pipe first, and looks at it then */

	OBJ(o, OWNER_MAGIC);
	if (o->state == OWNER_KEPT)
		owner_free(&o);
	else if (o->state == OWNER_OPEN)
		o->events->open(o->arg);
	else if (o->state == OWNER_LOST)
		o->events->closed(o->arg, &e);
}

static struct owner *
find_kept(struct person *p, struct str session)
{
	struct owner *o;

	TAILQ_FOREACH (o, &p->owners, link)
		if (o->state == OWNER_KEPT && str_eq_z(session, o->session))
			return o;
	return NULL;
}

/* A pipe that is kept becomes that of o. */
static void
take_over(struct owner *o, struct owner *kept)
{
	o->conn = kept->conn;
	HASH_DEL(by_conn, kept);
	kept->conn = 0;
	HASH_ADD(hh, by_conn, conn, sizeof(o->conn), o);
	o->frames = kept->frames;
	kept->frames = NULL;
	frames_pass(o->frames, o);
	owner_free(&kept);
	o->state = OWNER_OPEN;
	loop_timer_set(o->timer, 0);
}

/* There is room for it. A socket's pipe is its own. */
static void
start(struct owner *o)
{
	struct owner *kept = NULL;

	if (o->class != OWNER_SOCKET) {
		kept = find_kept(o->person, str_z(o->session));
		o->counted = true;
		o->person->running[o->class]++;
	}
	if (kept != NULL)
		take_over(o, kept);
	else
		begin(o);
}

static struct owner *
new_owner(struct person *p, const struct webauth *who, const char *peer)
{
	struct owner *o = mem_alloc(sizeof(*o));

	assume(who->token.n == sizeof(o->token));
	o->magic = OWNER_MAGIC;
	o->person = p;
	o->fd = -1;
	o->session = mem_dup(who->id.p, who->id.n);
	o->peer = mem_dup(peer, strlen(peer));
	memcpy(o->token, who->token.p, sizeof(o->token));
	o->timer = loop_timer_new(on_timer, o);
	TAILQ_INSERT_TAIL(&p->owners, o, link);
	return o;
}

static void
enter(struct owner *o)
{
	struct person *p = o->person;

	if (o->class == OWNER_SOCKET || p->running[o->class] < limits[o->class].most) {
		start(o);
	} else if (p->waiting[o->class] < limits[o->class].line) {
		o->state = OWNER_LINE;
		p->waiting[o->class]++;
	} else {
		o->state = OWNER_LOST;
		err_set(&o->e, E_LIMIT, "too much at a time");
		loop_timer_set(o->timer, 0);
	}
}

struct owner *
owner_open(const struct webauth *who, const char *peer, enum owner_class class,
    const struct owner_events *events, void *arg)
{
	struct owner *o = new_owner(person_get(who->user), who, peer);

	o->class = class;
	o->events = events;
	o->arg = arg;
	enter(o);
	return o;
}

void
owner_give(struct owner **op)
{
	struct owner *o = *op;
	struct person *p;

	OBJ(o, OWNER_MAGIC);
	p = o->person;
	if (o->state != OWNER_OPEN || o->class == OWNER_SOCKET || p->kept >= KEEP_MAX ||
	    svc_draining()) {
		owner_free(op);
		return;
	}
	*op = NULL;
	o->state = OWNER_KEPT;
	o->events = NULL;
	o->counted = false;
	p->kept++;
	p->running[o->class]--;
	frames_resume(o->frames);
	loop_timer_set(o->timer, KEEP_MS);
	next_in_line(p, o->class);
}

struct frames *
owner_frames(struct owner *o)
{
	assume(o->state == OWNER_OPEN);
	return o->frames;
}

uint64_t
owner_conn(const struct owner *o)
{
	return o->conn;
}

/* ---- revocation ---- */

/* Each that is told may free others: from the start again, as long as there is one. */
void
owner_session_gone(struct str user, struct str id)
{
	struct err e;
	struct person *p;
	struct owner *o;

	err_set(&e, E_DENIED, "the session is over");
	do {
		HASH_FIND(hh, persons, user.p, user.n, p);
		if (p == NULL)
			return;
		TAILQ_FOREACH (o, &p->owners, link)
			if (o->state != OWNER_LOST && (id.n == 0 || str_eq_z(id, o->session)))
				break;
		if (o != NULL)
			lose(o, &e);
	} while (o != NULL);
}

bool
owner_kick(uint64_t conn)
{
	struct owner *o;
	struct err e;

	HASH_FIND(hh, by_conn, &conn, sizeof(conn), o);
	if (o == NULL)
		return false;
	err_set(&e, E_DENIED, "the user's sessions were ended");
	lose(o, &e);
	return true;
}
