/*
 * past.c - messages that a human has approved, after the journal has let go of them.
 *
 * An owner that ended before it noted that its message was taken asks for it later, maybe after
 * lost power. By then the message may be delivered and its segment gone; then it was not lost.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "queue/queue.h"

#define PAST_MAX 10000u

struct past {
	char mid[ID_SIZE];
	char *user;
	UT_hash_handle hh; /* in the order in which they came */
};

void
past_mark(struct message *m, struct str envelope)
{
	struct envelope env;
	struct arena a;
	struct err e;

	arena_init(&a);
	if (envelope_decode(envelope, &env, &a, &e) == 0 && env.approval.n > 0)
		m->flags |= MESSAGE_APPROVED;
	arena_free(&a);
}

static void
forget(struct queue *q, struct past *p)
{
	HASH_DEL(q->past, p);
	free(p->user);
	free(p);
}

static void
put(struct queue *q, const struct message *m, struct str user)
{
	struct past *p;

	HASH_FIND(hh, q->past, m->mid, ID_LEN, p);
	if (p != NULL)
		return;
	if (HASH_COUNT(q->past) >= PAST_MAX)
		forget(q, q->past);
	p = mem_alloc(sizeof(*p));
	memcpy(p->mid, m->mid, ID_LEN);
	p->user = mem_dup(user.p, user.n);
	HASH_ADD(hh, q->past, mid, ID_LEN, p);
}

void
past_add(struct queue *q, const struct message *m)
{
	struct envelope env;
	struct arena a;
	struct err e;

	if (!(m->flags & MESSAGE_APPROVED) || (m->flags & MESSAGE_DELETED))
		return;
	arena_init(&a);
	if (message_envelope(m, &a, &env, NULL, &e) == 0)
		put(q, m, env.user);
	arena_free(&a);
}

bool
past_has(const struct queue *q, struct str mid, struct str user)
{
	struct past *p = NULL;

	if (mid.n == ID_LEN)
		HASH_FIND(hh, q->past, mid.p, ID_LEN, p);
	return p != NULL && str_eq_z(user, p->user);
}

void
past_done(struct queue *q)
{
	while (q->past != NULL)
		forget(q, q->past);
}
