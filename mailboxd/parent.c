/*
 * parent.c - see parent.h: messages of the other daemons and of owners, revocation, drain.
 */
#include "mailboxd/parent.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "mailboxd/due.h"
#include "mailboxd/errand.h"
#include "mailboxd/gone.h"
#include "mailboxd/hold.h"
#include "mailboxd/operator.h"
#include "store/maildir.h"
#include "store/reserve.h"
#include "svc/svc.h"

#define TICK_MS 1000u

static struct loop_timer *tick;
static int reserve = -1; /* store/reserve.h */

static void
on_tick(void *arg)
{
	(void)arg;
	open_expire();
	operator_expire();
	loop_timer_set(tick, TICK_MS);
}

bool
parent_give_room(void)
{
	return reserve_give(reserve);
}

int
parent_start(struct err *e)
{
	/* In the mail directory, where the sandbox puts us. */
	if ((reserve = reserve_open(AT_FDCWD, e)) < 0)
		return -1;
	file_full = parent_give_room;
	tick = loop_timer_new(on_tick, NULL);
	loop_timer_set(tick, TICK_MS);
	due_start();
	return spawn_init(e);
}

/* ---- owners ---- */

static void
on_closed(struct user *u, struct ipc_in *m)
{
	enum ipc_peer front = (enum ipc_peer)ipc_get_u32(m);
	struct conn *c = conn_find(front, ipc_get_u64(m));

	if (ipc_end(m) < 0)
		return;
	/* One that was parked is in the front's hands, or has come back already. */
	if (c != NULL && c->user == u && c->state == CONN_LIVE)
		park_closed(c, false);
	spawn_idle(u);
}

static void
on_usage(struct user *u, struct ipc_in *m)
{
	uint64_t octets = ipc_get_u64(m), messages = ipc_get_u64(m);
	struct ipc_out out;

	if (ipc_end(m) < 0)
		return;
	ipc_begin(&out, MSG_USAGE_SET);
	ipc_put_z(&out, u->name);
	ipc_put_u64(&out, octets);
	ipc_put_u64(&out, messages);
	ipc_send(svc_channel(PEER_AUTHD), &out);
}

void
parent_owner_message(struct user *u, struct ipc_in *m)
{
	if (m->type == MSG_OWN_READY || m->type == MSG_OWN_LEAVE || m->type == MSG_OWN_ENDING)
		spawn_message(u, m);
	else if (m->type == MSG_OWN_BACK)
		open_back(u, m);
	else if (m->type == MSG_OWN_CLOSED)
		on_closed(u, m);
	else if (m->type == MSG_OWN_PARK)
		park_message(u, m);
	else if (m->type == MSG_OWN_USAGE)
		on_usage(u, m);
	else if (m->type == MSG_OWN_DUE)
		due_message(u, m);
	else if (m->type == MSG_OWN_CHANGED && ipc_end(m) == 0)
		park_changed(u);
	else if (m->type == MSG_OWN_ROOM && ipc_end(m) == 0)
		(void)parent_give_room();
	else if (m->type != MSG_OWN_CHANGED && m->type != MSG_OWN_ROOM && !errand_message(u, m))
		ipc_refuse(m);
}

/* ---- homes, deliveries ---- */

#define ENSURE_TRIES 5u

struct ensuring {
	uint64_t call;
	char *user;
	bool junk;     /* its mailbox Junk is wanted too */
	unsigned died; /* authds that died over the question */
};

static void ensure_check(struct ensuring *en);

static void
ensure_checked(void *arg, struct ipc_in *m, const struct err *why)
{
	struct ensuring *en = arg;
	struct ipc_chan *local = svc_channel(PEER_LOCAL);
	struct err e;
	struct str user;

	/* authd died over it: the next one is asked, or the message would wait for its next turn.
	 */
	if (m == NULL && why->code == E_CLOSED && ++en->died < ENSURE_TRIES) {
		ensure_check(en);
		return;
	}
	if (m == NULL) {
		ipc_reply_error(local, en->call, why);
		goto out;
	}
	user = ipc_get_str(m);
	(void)ipc_get_u64(m);
	if (ipc_end(m) < 0)
		goto out;
	if (maildir_home_make(AT_FDCWD, user, &e) < 0 ||
	    (en->junk && maildir_junk_make(AT_FDCWD, user, &e) < 0)) {
		/* Only authd says that a user does not exist: what the disk refuses is tried again.
		 */
		if (e.code != E_NOSPACE)
			e.code = E_TEMP;
		ipc_reply_error(local, en->call, &e);
	} else
		ipc_reply_ok(local, en->call, MSG_HOME_ENSURE_R);
out:
	free(en->user);
	free(en);
}

static void
ensure_check(struct ensuring *en)
{
	struct ipc_out out;

	ipc_begin(&out, MSG_USER_CHECK);
	ipc_put_z(&out, en->user);
	ipc_call(svc_channel(PEER_AUTHD), &out, ensure_checked, en);
}

static void
on_ensure(struct ipc_in *m)
{
	struct str user = ipc_get_str(m);
	bool junk = ipc_get_u32(m) != 0;
	struct ensuring *en;

	if (ipc_end(m) < 0)
		return;
	en = mem_alloc(sizeof *en);
	en->call = m->id;
	en->junk = junk;
	en->user = mem_dup(user.p, user.n);
	ensure_check(en);
}

static void
on_delivered(struct ipc_in *m)
{
	struct str name = ipc_get_str(m);
	uint32_t messages = ipc_get_u32(m), junk = ipc_get_u32(m);
	struct ipc_out out;
	struct user *u;

	if (ipc_end(m) < 0)
		return;
	u = user_find(name);
	if (messages > 0 && (u == NULL || u->state == OWNER_NONE || u->state == OWNER_LEAVING))
		wake_delivered(name);
	if (u == NULL)
		return;
	/* Also to one that is starting, which may have looked already. One that leaves may have
	 * looked for the last time; the next one looks when it opens. */
	if (u->state == OWNER_LIVE || u->state == OWNER_STARTING) {
		ipc_begin(&out, MSG_OWN_DELIVERED);
		ipc_send(u->owner, &out);
		u->ndelivered++;
	}
	park_delivered(u, messages);
	if (junk > 0)
		park_junk(u);
}

/* ---- revocation ---- */

/* Every session and every token of the user ends now (INVARIANTS 16). */
static void
on_revoked(struct ipc_in *m)
{
	struct str name = ipc_get_str(m);
	uint32_t deleted = ipc_get_u32(m);
	struct conn *c, *next;
	struct user *u;
	struct err e;

	if (ipc_end(m) < 0)
		return;
	wake_revoked(name);
	if ((u = user_find(name)) == NULL)
		return;
	log_info("mailbox.revoke", LZ("user", u->name), LU("deleted", deleted));
	err_set(&e, E_DENIED, "the user's sessions were ended");
	open_refuse(u, &e);
	operator_refuse(u, &e);
	for (c = TAILQ_FIRST(&u->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		park_kick((enum ipc_peer)c->key.front, c->key.id);
		if (c->state == CONN_PARKED) {
			conn_free(&c);
			continue;
		}
		c->kicked = true;
		c->park_call = 0;
	}
	spawn_end(u);
	user_settle(u);
}

/* ---- other daemons ---- */

void
parent_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_OWNER_OPEN || m->type == MSG_OWNER_RESUME)
		open_message(c, m);
	else if (m->type == MSG_OWNER_WATCH)
		park_watch(ipc_peer_of(c), m);
	else if (m->type == MSG_DELIVERED)
		on_delivered(m);
	else if (m->type == MSG_HOME_ENSURE)
		on_ensure(m);
	else if (m->type == MSG_CONN_GONE)
		park_gone(ipc_peer_of(c), m);
	else if (m->type == MSG_USER_REVOKED)
		on_revoked(m);
	else if (m->type == MSG_QUOTA_CHANGED)
		open_quota(m);
	else if (m->type == MSG_HOME_GONE)
		gone_message(m);
	else if (m->type == MSG_MAILBOX_TASK || m->type == MSG_APPROVALS)
		operator_message(c, m);
	else if (m->type == MSG_REPLAY_HOLD || m->type == MSG_REPLAY_READY ||
		 m->type == MSG_REPLAY_DONE)
		hold_message(m);
	else if (!operator_passes(c, m))
		ipc_refuse(m);
}

static uint64_t ages[3]; /* of gk-imapd, gk-webd, gk-mcpd */
static enum ipc_peer gone_front;

static uint64_t *
age_of(enum ipc_peer front)
{
	return &ages[front == PEER_WEBD ? 1 : front == PEER_MCPD ? 2 : 0];
}

uint64_t
parent_front_age(enum ipc_peer front)
{
	return *age_of(front);
}

/* The front is gone, and all that it held: its connections with owners end by themselves. */
static void
forget_front(struct user *u)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&u->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->key.front == gone_front)
			conn_free(&c);
	}
	spawn_idle(u);
	user_settle(u);
}

void
parent_channel(struct ipc_chan *c, bool open)
{
	enum ipc_peer peer = ipc_peer_of(c);

	if ((peer == PEER_IMAPD || peer == PEER_WEBD || peer == PEER_MCPD) && !open) {
		++*age_of(peer);
		gone_front = peer;
		user_each(forget_front);
	} else if (peer == PEER_QUEUE && open)
		hold_begin();
	else if (peer == PEER_CTL && !open)
		operator_gone(c);
}

/* ---- the log ---- */

static struct {
	enum log_format format;
	enum log_level level;
	int fd;
} log_now;

static void
tell_log(struct user *u)
{
	spawn_log(u, log_now.format, log_now.level, log_now.fd);
}

void
parent_log(enum log_format format, enum log_level level, int fd)
{
	log_now.format = format;
	log_now.level = level;
	log_now.fd = fd;
	user_each(tell_log);
}

/* ---- reload ---- */

/* Owners that live take it up as those do that come. */
int
parent_reload(struct err *e)
{
	(void)e;
	user_each(spawn_config);
	spawn_next();
	return 0;
}

/* ---- drain ---- */

void
parent_ended(void)
{
	if (svc_draining() && spawn_count() == 0)
		svc_drained();
}

static void
drain_user(struct user *u)
{
	struct err e;

	err_set(&e, E_TEMP, "shutting down");
	open_refuse(u, &e);
	operator_refuse(u, &e);
	spawn_end(u);
}

void
parent_drain(void)
{
	user_each(drain_user);
	parent_ended();
}
