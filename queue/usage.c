/*
 * usage.c - tells authd how much mail came to whom, for the quotas: at most every USAGE_MS, however
 * many messages that were. A telling that is lost with the process is made good by the owner's next
 * count of the mailbox.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "queue/queue.h"
#include "svc/svc.h"

/* Short enough that a mailbox near its limit is not overrun by much, long enough that authd sleeps
 * through most deliveries. */
#define USAGE_MS 20u

struct usage {
	UT_hash_handle hh;
	uint64_t octets, messages;
	size_t n;
	char user[];
};

void
usage_tell(struct queue *q)
{
	struct usage *u, *next;
	struct ipc_out m;

	HASH_ITER (hh, q->usages, u, next) {
		ipc_begin(&m, MSG_USAGE_ADD);
		ipc_put_str(&m, str_of(u->user, u->n));
		ipc_put_u64(&m, u->octets);
		ipc_put_u64(&m, u->messages);
		ipc_send(svc_channel(PEER_AUTHD), &m);
		HASH_DEL(q->usages, u);
		free(u);
	}
}

static void
due(void *arg)
{
	usage_tell(arg);
}

void
usage_add(struct queue *q, struct str user, uint64_t octets)
{
	struct usage *u;

	HASH_FIND(hh, q->usages, user.p, user.n, u);
	if (!u) {
		u = mem_alloc(sizeof(*u) + user.n);
		u->n = user.n;
		memcpy(u->user, user.p, user.n);
		HASH_ADD(hh, q->usages, user, u->n, u);
	}
	u->octets += octets;
	u->messages++;
	if (!loop_timer_pending(q->usage_timer))
		loop_timer_set(q->usage_timer, USAGE_MS);
}

void
usage_init(struct queue *q)
{
	q->usage_timer = loop_timer_new(due, q);
}
