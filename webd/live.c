/*
 * live.c - see live.h.
 *
 *	ASLEEP  no pipe, nothing to be told of
 *	OPENING a pipe is being opened
 *	OPEN    it is there
 *	RESTING OWNER_WATCH is said; LEFT is awaited
 *	WATCH   no pipe; WAKE is awaited
 *	RETRY   a pipe was lost, or could not be had; soon again
 *	OVER    told so
 *
 * What the client says while RESTING waits for a new pipe: on the old one nobody would listen.
 */
#include "webd/live.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "svc/metrics.h"
#include "svc/svc.h"
#include "webd/owner.h"

#define LIVE_MAGIC 0x6c697665u
#define TRIES_MAX  8u
#define RETRY_MS   100u /* the first time, twice that each time after, */
#define RETRY_MOST                                                                      \
	5000u /* up to this; and by chance up to twice as long, so that not all come at \
	       * once */
#define TYPES_MAX 1024u
#define STATE_MAX 1024u

enum live_state {
	LIVE_ASLEEP,
	LIVE_OPENING,
	LIVE_OPEN,
	LIVE_RESTING,
	LIVE_WATCH,
	LIVE_RETRY,
	LIVE_OVER
};

struct live {
	unsigned magic;
	enum live_state state;
	const struct live_events *events;
	void *arg;
	/* Whose it is; a session's strings end with the exchange. */
	struct webauth who;
	unsigned char token[WEBAUTH_TOKEN];
	char *user, *session, *peer;
	struct owner *owner;
	uint64_t conn; /* of a watch; 0: none */
	bool woken;    /* before it began to wait */
	bool wanted;   /* the client has something to say */
	bool busy;     /* it says it, or it is not dealt with */
	bool said;     /* it is only not dealt with */
	bool asking;   /* PUSH is said: until STATE it is not known what has changed meanwhile */
	bool in_text, first;
	bool paused;
	char *types, *told; /* PIPE_STATE; types NULL: tell of nothing */
	unsigned tries;
	struct loop_timer *timer; /* by the state: what is next */
	TAILQ_ENTRY(live) link;
	UT_hash_handle hh; /* by conn */
};

static TAILQ_HEAD(, live) all = TAILQ_HEAD_INITIALIZER(all);
static struct live *watches;

static void open_pipe(struct live *l);

/* ---- the end ---- */

/* No watch any more, whoever ends it. */
static void
unwatch(struct live *l, bool tell)
{
	struct ipc_out m;

	if (l->conn == 0)
		return;
	if (tell) {
		ipc_begin(&m, MSG_CONN_GONE);
		ipc_put_u64(&m, l->conn);
		ipc_send(svc_channel(PEER_MAILBOXD), &m);
	}
	HASH_DEL(watches, l);
	l->conn = 0;
	metric_add(METRIC_WEB_WATCHES, -1);
}

void
live_free(struct live **lp)
{
	struct live *l = *lp;

	if (l == NULL)
		return;
	OBJ(l, LIVE_MAGIC);
	*lp = NULL;
	unwatch(l, true);
	owner_free(&l->owner);
	owner_socket_leave(str_z(l->user));
	loop_timer_free(&l->timer);
	TAILQ_REMOVE(&all, l, link);
	sodium_memzero(l->token, sizeof(l->token));
	free(l->user);
	free(l->session);
	free(l->peer);
	free(l->types);
	free(l->told);
	l->magic = 0;
	free(l);
}

static void
over(struct live *l, const struct err *e)
{
	if (l->state == LIVE_OVER)
		return;
	l->state = LIVE_OVER;
	unwatch(l, true);
	owner_free(&l->owner);
	loop_timer_stop(l->timer);
	l->events->ended(l->arg, e);
}

/* ---- resting ---- */

static void
be_idle(struct live *l)
{
	/* Where it is wanted the timer has another end, live_want's. */
	if (l->state == LIVE_OPEN && !l->busy && !l->asking && !l->in_text && !l->wanted)
		loop_timer_set(l->timer, conf_num(svc_conf(), CONF_WEB_PARK_AFTER));
}

/* Nothing goes on in the pipe. */
static void
rest(struct live *l)
{
	struct ipc_out m;

	if (l->busy || l->asking || l->in_text || l->wanted)
		return;
	if (l->types == NULL) {
		owner_free(&l->owner);
		l->state = LIVE_ASLEEP;
		return;
	}
	l->conn = owner_conn(l->owner);
	l->woken = false;
	HASH_ADD(hh, watches, conn, sizeof(l->conn), l);
	metric_add(METRIC_WEB_WATCHES, 1);
	l->state = LIVE_RESTING;
	ipc_begin(&m, MSG_OWNER_WATCH);
	ipc_put_u64(&m, l->conn);
	ipc_send(svc_channel(PEER_MAILBOXD), &m);
}

static void
left(struct live *l)
{
	owner_free(&l->owner);
	l->state = LIVE_WATCH;
	log_debug("web.parked", LZ("user", l->user), LU("conn", l->conn));
	if (l->woken || l->wanted)
		open_pipe(l);
}

/* ---- a pipe is lost ---- */

static void
retry(struct live *l, const struct err *e)
{
	uint64_t ms = RETRY_MS << num_min(l->tries, 10u);

	if (++l->tries > TRIES_MAX || svc_draining()) {
		over(l, e);
		return;
	}
	l->state = LIVE_RETRY;
	ms = num_min(ms, (uint64_t)RETRY_MOST);
	loop_timer_set(l->timer, ms + randombytes_uniform((uint32_t)ms));
}

static void
on_closed(void *arg, const struct err *e)
{
	struct live *l = arg;
	struct err lost;

	OBJ(l, LIVE_MAGIC);
	owner_free(&l->owner);
	unwatch(l, true);
	loop_timer_stop(l->timer);
	if (e->code == E_DENIED) {
		over(l, e);
	} else if (l->busy || l->in_text) {
		/* Whether it was done nobody knows: the client has to look. */
		err_set(&lost, E_CLOSED, "the owner was lost: %s", e->text);
		over(l, &lost);
	} else if (l->types != NULL || l->wanted) {
		retry(l, e);
	} else {
		l->state = LIVE_ASLEEP;
	}
}

/* ---- the pipe ---- */

static void
set(char **to, struct str s)
{
	free(*to);
	*to = s.n > 0 ? mem_dup(s.p, s.n) : NULL;
}

static void
say_push(struct live *l)
{
	const struct str fields[] = {str_z(l->types), str_z(l->told ? l->told : "")};

	(void)pipe_put(owner_frames(l->owner), PIPE_PUSH, fields, 2);
	l->asking = true;
}

static void
on_open(void *arg)
{
	struct live *l = arg;

	OBJ(l, LIVE_MAGIC);
	l->state = LIVE_OPEN;
	l->asking = false;
	l->tries = 0;
	if (l->paused)
		frames_pause(owner_frames(l->owner));
	if (l->types != NULL)
		say_push(l);
	if (l->wanted) {
		l->wanted = false;
		l->events->ready(l->arg);
		return;
	}
	be_idle(l);
}

/* False: what an owner does not say. */
static bool
take(struct live *l, unsigned kind, struct str octets)
{
	struct str v[PIPE_FIELDS_MAX];
	bool first = l->first;

	if (pipe_parse(kind, octets, v) < 0 && kind != PIPE_DATA)
		return false;
	if (kind == PIPE_TEXT && !l->in_text) {
		l->in_text = l->first = true;
	} else if ((kind == PIPE_DATA || kind == PIPE_END) && l->in_text) {
		l->first = false;
		l->in_text = kind == PIPE_DATA;
		be_idle(l);
		l->events->text(l->arg, octets, first, kind == PIPE_END);
	} else if (kind == PIPE_STATE && v[0].n < TYPES_MAX && v[1].n < STATE_MAX) {
		set(&l->types, v[0]);
		set(&l->told, v[1]);
		l->asking = false;
		be_idle(l);
		l->events->state(l->arg, v[1]);
	} else if (kind == PIPE_DONE && l->said) {
		l->busy = l->said = false;
		be_idle(l);
		l->events->done(l->arg);
	} else if (kind == PIPE_LEFT && l->state == LIVE_RESTING) {
		left(l);
	} else {
		return false;
	}
	return true;
}

static void
on_frame(void *arg, unsigned kind, struct str octets)
{
	struct live *l = arg;
	struct err e;

	OBJ(l, LIVE_MAGIC);
	if (take(l, kind, octets))
		return;
	log_error("web.pipe", LZ("user", l->user), LZ("kind", pipe_kind_name(kind)));
	err_set(&e, E_PROTO, "an owner that makes no sense");
	over(l, &e);
}

static void
on_drained(void *arg)
{
	struct live *l = arg;

	OBJ(l, LIVE_MAGIC);
	l->events->drained(l->arg);
}

static void
open_pipe(struct live *l)
{
	static const struct owner_events events = {
	    .open = on_open, .frame = on_frame, .drained = on_drained, .closed = on_closed};

	unwatch(l, true);
	loop_timer_stop(l->timer);
	l->state = LIVE_OPENING;
	l->owner = owner_open(&l->who, l->peer, OWNER_SOCKET, &events, l);
}

/* ---- for who has it ---- */

static void
on_timer(void *arg)
{
	struct live *l = arg;

	OBJ(l, LIVE_MAGIC);
	if (l->state == LIVE_OPEN && l->wanted) {
		l->wanted = false;
		l->events->ready(l->arg);
	} else if (l->state == LIVE_OPEN) {
		rest(l);
	} else if (l->state == LIVE_RETRY) {
		open_pipe(l);
	}
}

struct live *
live_new(const struct webauth *who, const char *peer, const struct live_events *events, void *arg)
{
	struct live *l;

	if (!owner_socket_enter(who->user))
		return NULL;
	l = mem_alloc(sizeof(*l));
	l->magic = LIVE_MAGIC;
	l->events = events;
	l->arg = arg;
	l->user = mem_dup(who->user.p, who->user.n);
	l->session = mem_dup(who->id.p, who->id.n);
	l->peer = mem_dup(peer, strlen(peer));
	assume(who->token.n == sizeof(l->token));
	memcpy(l->token, who->token.p, sizeof(l->token));
	l->who = (struct webauth){.user = str_z(l->user),
	    .id = str_z(l->session),
	    .token = str_of(l->token, sizeof(l->token))};
	l->timer = loop_timer_new(on_timer, l);
	TAILQ_INSERT_TAIL(&all, l, link);
	return l;
}

void
live_push(struct live *l, struct str types, struct str since)
{
	set(&l->types, types);
	set(&l->told, since);
	if (l->state == LIVE_ASLEEP)
		open_pipe(l);
	else if (l->state == LIVE_OPEN)
		say_push(l);
}

void
live_want(struct live *l)
{
	OBJ(l, LIVE_MAGIC);
	l->wanted = true;
	if (l->state == LIVE_OPEN)
		loop_timer_set(l->timer, 0);
	else if (l->state == LIVE_ASLEEP || l->state == LIVE_WATCH)
		open_pipe(l);
}

void
live_begin(struct live *l)
{
	assume(l->state == LIVE_OPEN && !l->busy);
	loop_timer_stop(l->timer);
	l->busy = true;
	frames_put(owner_frames(l->owner), PIPE_TEXT, STR_NONE);
}

void
live_say(struct live *l, struct str octets)
{
	assume(l->busy && !l->said);
	frames_cut(owner_frames(l->owner), PIPE_DATA, octets);
}

void
live_end(struct live *l)
{
	assume(l->busy && !l->said);
	l->said = true;
	frames_put(owner_frames(l->owner), PIPE_END, STR_NONE);
}

bool
live_blocked(const struct live *l)
{
	return l->state == LIVE_OPEN && frames_blocked(owner_frames(l->owner));
}

void
live_pause(struct live *l, bool pause)
{
	l->paused = pause;
	if (l->state != LIVE_OPEN && l->state != LIVE_RESTING)
		return;
	if (pause)
		frames_pause(owner_frames(l->owner));
	else
		frames_resume(owner_frames(l->owner));
}

/* ---- from outside ---- */

/* Those that have a pipe hear of it by that. */
static void
on_session_gone(struct str user, struct str id)
{
	struct live *l, *next;
	struct err e;

	err_set(&e, E_DENIED, "the session is over");
	owner_session_gone(user, id);
	/* Who is told frees none but itself. */
	for (l = TAILQ_FIRST(&all); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (str_eq_z(user, l->user) && (id.n == 0 || str_eq_z(id, l->session)))
			over(l, &e);
	}
}

void
live_init(void)
{
	webauth_on_gone(on_session_gone);
}

static void
wake(uint64_t conn)
{
	struct live *l;
	struct ipc_out m;

	HASH_FIND(hh, watches, &conn, sizeof(conn), l);
	if (l == NULL) {
		/* Its end and this have crossed. */
		ipc_begin(&m, MSG_CONN_GONE);
		ipc_put_u64(&m, conn);
		ipc_send(svc_channel(PEER_MAILBOXD), &m);
	} else if (l->state == LIVE_WATCH) {
		open_pipe(l);
	} else {
		l->woken = true;
	}
}

static void
kick(uint64_t conn)
{
	struct live *l;
	struct err e;

	if (owner_kick(conn))
		return;
	HASH_FIND(hh, watches, &conn, sizeof(conn), l);
	if (l == NULL)
		return;
	err_set(&e, E_DENIED, "the user's sessions were ended");
	over(l, &e);
}

void
live_message(struct ipc_in *m)
{
	uint64_t conn = ipc_get_u64(m);

	if (ipc_end(m) < 0)
		return;
	if (m->type == MSG_WAKE)
		wake(conn);
	else
		kick(conn);
}

void
live_lost(void)
{
	struct live *l, *next;
	struct err e;

	err_set(&e, E_CLOSED, "the parent of the owners is gone");
	for (l = TAILQ_FIRST(&all); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->state != LIVE_WATCH)
			continue;
		unwatch(l, false);
		retry(l, &e);
	}
}
