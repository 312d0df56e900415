/*
 * open.c - connections that come: a ticket is redeemed at authd, or a token is what it was, and the
 * connection goes to its user's owner (INVARIANTS 16).
 */
#include <fcntl.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mailboxd/parent.h"
#include "svc/svc.h"

/* A connection whose ticket is at authd. */
struct redeeming {
	enum ipc_peer front;
	uint64_t age; /* the front's when it asked */
	uint64_t call, conn;
	int fd;
	char *peer, *sid, *tag;
	char *agent[4];
};

static char *
dup_str(struct str s)
{
	return mem_dup(s.p, s.n);
}

static void
refuse(struct conn *c, const struct err *e)
{
	log_info(
	    "mailbox.refuse", LZ("sid", c->sid ? c->sid : ""), LZ("user", c->user->name), LE(e));
	/* One that was with an owner already just ends: the front sees its descriptor closed. */
	if (!c->answered)
		ipc_reply_error(conn_front(c), c->call, e);
	conn_free(&c);
}

void
open_refuse(struct user *u, const struct err *e)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&u->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->state == CONN_WAITING)
			refuse(c, e);
	}
}

/* ---- to the owner ---- */

static void
hand_over(struct conn *c)
{
	struct user *u = c->user;
	struct str agent[ARRAY_LEN(c->agent)];
	struct ipc_out m;

	ipc_begin(&m, MSG_OWN_CONN);
	ipc_put_u32(&m, (uint32_t)c->key.front);
	ipc_put_u64(&m, c->key.id);
	ipc_put_z(&m, c->peer);
	ipc_put_z(&m, c->sid);
	ipc_put_z(&m, c->tag ? c->tag : "");
	ipc_put_str(&m, c->record);
	ipc_put_u32(&m, c->told);
	for (size_t i = 0; i < ARRAY_LEN(agent); i++)
		agent[i] = str_z(c->agent[i]);
	ipc_put_list(&m, agent, c->agent[0] != NULL ? ARRAY_LEN(agent) : 0);
	ipc_put_fd(&m, c->fd);
	ipc_send(u->owner, &m);
	c->fd = -1;
	conn_strip(c);
	conn_move(c, CONN_LIVE);
	u->idle_since = 0;
	if (c->answered)
		return;
	if (c->resumed) {
		ipc_reply_ok(conn_front(c), c->call, MSG_OWNER_RESUME_R);
		return;
	}
	ipc_begin(&m, MSG_OWNER_OPEN_R);
	ipc_put_z(&m, u->name);
	ipc_reply(conn_front(c), c->call, &m);
}

void
open_ready(struct user *u)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&u->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->state == CONN_WAITING)
			hand_over(c);
	}
}

void
open_back(struct user *u, struct ipc_in *m)
{
	enum ipc_peer front = (enum ipc_peer)ipc_get_u32(m);
	struct conn *c = conn_find(front, ipc_get_u64(m));
	struct str peer = ipc_get_str(m), sid = ipc_get_str(m), tag = ipc_get_str(m);
	struct str record = ipc_get_str(m);
	int fd = ipc_take_fd(m);

	if (ipc_end(m) < 0 || c == NULL || c->user != u || c->state != CONN_LIVE || c->kicked) {
		if (fd >= 0)
			close(fd);
		return;
	}
	log_debug("mailbox.back", LS("sid", sid), LZ("user", u->name));
	conn_move(c, CONN_WAITING);
	c->answered = true;
	c->park_call = 0;
	c->since = clock_ms();
	c->fd = fd;
	c->peer = dup_str(peer);
	c->sid = dup_str(sid);
	c->tag = dup_str(tag);
	c->record = str_of(mem_dup(record.p, record.n), record.n);
}

static void
admit(struct conn *c)
{
	struct user *u = c->user;

	c->since = clock_ms();
	if (u->state == OWNER_LIVE)
		hand_over(c);
	else
		spawn_want(u);
}

/* Waiting is bounded: by number, and by time. */
static void
expire(struct user *u)
{
	struct conn *c, *next;
	struct err e;

	err_set(&e, E_TEMP, "no process for the mailbox in time");
	for (c = TAILQ_FIRST(&u->conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->state == CONN_WAITING && clock_ms() - c->since > WAIT_MS)
			refuse(c, &e);
	}
	user_settle(u);
}

void
open_expire(void)
{
	user_each(expire);
}

/* ---- with a ticket ---- */

static void
redeeming_free(struct redeeming *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->peer);
	free(r->sid);
	free(r->tag);
	for (size_t i = 0; i < ARRAY_LEN(r->agent); i++)
		free(r->agent[i]);
	free(r);
}

static void
reply_refused(struct redeeming *r, const struct err *e)
{
	log_info("mailbox.refuse", LZ("sid", r->sid), LE(e));
	ipc_reply_error(svc_channel(r->front), r->call, e);
	redeeming_free(r);
}

static int
check_limits(const struct user *u, const struct redeeming *r, struct err *e)
{
	uint64_t most = conf_num(svc_conf(), CONF_MAILBOX_MAX_CONNECTIONS);

	if (svc_draining())
		return err_set(e, E_TEMP, "shutting down");
	if (conn_find(r->front, r->conn) != NULL)
		return err_set(e, E_EXISTS, "a connection number that is taken");
	if (user_is_full(u, r->front, most) || u->nwaiting >= WAITING_MAX)
		return err_set(e, E_LIMIT, "too many connections of this user");
	return 0;
}

static void
set_quota(struct user *u, uint64_t quota)
{
	struct ipc_out m;

	if (u->quota == quota)
		return;
	u->quota = quota;
	if (u->state == OWNER_NONE)
		return;
	ipc_begin(&m, MSG_OWN_QUOTA);
	ipc_put_u64(&m, quota);
	ipc_send(u->owner, &m);
}

void
open_quota(struct ipc_in *m)
{
	struct str name = ipc_get_str(m);
	uint64_t quota = ipc_get_u64(m);
	struct user *u;

	if (ipc_end(m) == 0 && (u = user_find(name)) != NULL)
		set_quota(u, quota);
}

static void
take_agent(struct redeeming *r, struct ipc_in *m)
{
	uint32_t n = ipc_get_list(m);

	for (uint32_t i = 0; i < n; i++) {
		struct str item = ipc_get_item(m);

		if (i < ARRAY_LEN(r->agent) && r->agent[i] == NULL)
			r->agent[i] = dup_str(item);
	}
}

static void
redeemed(void *arg, struct ipc_in *m, const struct err *why)
{
	struct redeeming *r = arg;
	struct str name;
	struct user *u;
	struct conn *c;
	uint64_t quota;
	struct err e;

	if (m == NULL) {
		reply_refused(r, why);
		return;
	}
	name = ipc_get_str(m);
	quota = ipc_get_u64(m);
	if (r->front == PEER_MCPD)
		take_agent(r, m);
	/* The next process of a front knows nothing of what the last one asked. */
	if (ipc_end(m) < 0 || r->age != parent_front_age(r->front) ||
	    (r->front == PEER_MCPD && r->agent[ARRAY_LEN(r->agent) - 1] == NULL)) {
		redeeming_free(r);
		return;
	}
	u = user_get(name);
	if (check_limits(u, r, &e) < 0) {
		reply_refused(r, &e);
		user_settle(u);
		return;
	}
	set_quota(u, quota);
	c = conn_new(u, r->front, r->conn);
	c->call = r->call;
	c->fd = r->fd;
	c->peer = r->peer;
	c->sid = r->sid;
	c->tag = r->tag;
	memcpy(c->agent, r->agent, sizeof(c->agent));
	free(r);
	admit(c);
	user_settle(u);
}

/* A ticket is good for the service and the front that it was given to (INVARIANTS 16): which front
 * asks the channel says. */
static void
on_open(struct ipc_chan *front, struct ipc_in *m)
{
	struct redeeming *r = mem_alloc(sizeof *r);
	struct str ticket = ipc_get_str(m);
	struct ipc_out out;

	r->front = ipc_peer_of(front);
	r->age = parent_front_age(r->front);
	r->call = m->id;
	r->conn = ipc_get_u64(m);
	r->peer = dup_str(ipc_get_str(m));
	r->sid = dup_str(ipc_get_str(m));
	r->tag = dup_str(ipc_get_str(m));
	r->fd = ipc_take_fd(m);
	if (ipc_end(m) < 0) {
		redeeming_free(r);
		return;
	}
	ipc_begin(&out, r->front == PEER_MCPD ? MSG_AGENT_REDEEM : MSG_TICKET_REDEEM);
	ipc_put_str(&out, ticket);
	if (r->front != PEER_MCPD)
		ipc_put_z(&out, r->front == PEER_WEBD ? "web" : "imap");
	ipc_put_u32(&out, r->front);
	ipc_put_u64(&out, r->conn);
	ipc_call(svc_channel(PEER_AUTHD), &out, redeemed, r);
}

/* ---- with a token ---- */

static void
on_resume(struct ipc_chan *front, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), record = ipc_get_str(m);
	uint64_t id = ipc_get_u64(m);
	struct str peer = ipc_get_str(m), sid = ipc_get_str(m);
	uint32_t told = ipc_get_u32(m);
	int fd = ipc_take_fd(m);
	struct conn *c;
	struct user *u;
	struct err e;

	if (ipc_end(m) < 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (svc_draining() || (c = park_take(id, token, record, told)) == NULL) {
		err_set(&e, E_DENIED, "not a parked connection");
		ipc_reply_error(front, m->id, &e);
		close(fd);
		return;
	}
	u = c->user;
	conn_move(c, CONN_WAITING);
	c->call = m->id;
	c->answered = false;
	c->resumed = true;
	c->fd = fd;
	c->peer = dup_str(peer);
	c->sid = dup_str(sid);
	c->record = str_of(mem_dup(record.p, record.n), record.n);
	admit(c);
	user_settle(u);
}

void
open_message(struct ipc_chan *front, struct ipc_in *m)
{
	if (m->type == MSG_OWNER_RESUME)
		on_resume(front, m);
	else
		on_open(front, m);
}
