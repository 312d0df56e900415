/*
 * user.c - see parent.h: users by name, connections by front and its number.
 */
#include "base/mem.h"
#include "mailboxd/parent.h"
#include "svc/svc.h"

static struct user *users;
static struct conn *conns;

struct user *
user_find(struct str name)
{
	struct user *u;

	HASH_FIND(hh, users, name.p, name.n, u);
	return u;
}

struct user *
user_get(struct str name)
{
	struct user *u = user_find(name);

	if (u != NULL)
		return u;
	u = mem_alloc(sizeof *u);
	u->name = mem_dup(name.p, name.n);
	u->pidfd = -1;
	TAILQ_INIT(&u->conns);
	HASH_ADD_KEYPTR(hh, users, u->name, name.n, u);
	return u;
}

void
user_settle(struct user *u)
{
	if (u->state != OWNER_NONE || u->slot || u->mail || u->njobs > 0 || u->due_at != 0 ||
	    !TAILQ_EMPTY(&u->conns))
		return;
	HASH_DEL(users, u);
	loop_timer_free(&u->wake);
	loop_timer_free(&u->news);
	loop_timer_free(&u->kill);
	loop_timer_free(&u->due);
	free(u->name);
	free(u);
}

void
user_each(void (*fn)(struct user *u))
{
	struct user *u, *next;

	HASH_ITER (hh, users, u, next)
		fn(u);
}

bool
user_is_full(const struct user *u, enum ipc_peer front, size_t most)
{
	const struct conn *c;
	size_t agents = 0;

	if (u->nwaiting + u->nlive + u->nparked >= most)
		return true;
	if (front != PEER_MCPD)
		return false;
	TAILQ_FOREACH (c, &u->conns, link)
		agents += c->key.front == PEER_MCPD;
	return agents >= (2 * most + 2) / 3;
}

bool
user_waits(const struct user *u)
{
	return u->nwaiting > 0 || u->njobs > 0 || u->mail;
}

/* ---- connections ---- */

struct conn *
conn_find(enum ipc_peer front, uint64_t id)
{
	const struct conn_key key = {id, front};
	struct conn *c;

	HASH_FIND(hh, conns, &key, sizeof key, c);
	return c;
}

struct ipc_chan *
conn_front(const struct conn *c)
{
	return svc_channel((enum ipc_peer)c->key.front);
}

static size_t *
counter(struct conn *c)
{
	switch (c->state) {
	case CONN_WAITING:
		return &c->user->nwaiting;
	case CONN_LIVE:
		return &c->user->nlive;
	case CONN_PARKED:
		break;
	}
	return &c->user->nparked;
}

struct conn *
conn_new(struct user *u, enum ipc_peer front, uint64_t id)
{
	struct conn *c = mem_alloc(sizeof *c);

	c->key = (struct conn_key){id, front};
	c->user = u;
	c->fd = -1;
	c->state = CONN_WAITING;
	u->nwaiting++;
	TAILQ_INSERT_TAIL(&u->conns, c, link);
	HASH_ADD(hh, conns, key, sizeof c->key, c);
	return c;
}

void
conn_move(struct conn *c, enum conn_state state)
{
	--*counter(c);
	c->state = state;
	++*counter(c);
}

void
conn_strip(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	free(c->peer);
	free(c->sid);
	free(c->tag);
	free((char *)c->record.p);
	c->peer = c->sid = c->tag = NULL;
	c->record = STR_NONE;
}

void
conn_free(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	--*counter(c);
	TAILQ_REMOVE(&c->user->conns, c, link);
	HASH_DEL(conns, c);
	conn_strip(c);
	for (size_t i = 0; i < ARRAY_LEN(c->agent); i++)
		free(c->agent[i]);
	free(c);
}
