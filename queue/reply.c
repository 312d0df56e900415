/*
 * reply.c - answers that come after a sync or another daemon's answer. The channel they go to may
 * be closed and freed by then: every asker is known, and forgotten with its channel.
 */
#include "base/mem.h"
#include "io/file.h"
#include "queue/queue.h"

struct asker {
	TAILQ_ENTRY(asker) next;
	struct ipc_chan *channel; /* NULL: gone */
	uint64_t id;
	enum ipc_type answer;
};

struct asker *
asker_new(struct queue *q, struct ipc_chan *c, uint64_t id, enum ipc_type answer)
{
	struct asker *a = mem_alloc(sizeof(*a));

	a->channel = c;
	a->id = id;
	a->answer = answer;
	TAILQ_INSERT_TAIL(&q->askers, a, next);
	return a;
}

static void
done(struct queue *q, struct asker **a)
{
	TAILQ_REMOVE(&q->askers, *a, next);
	free(*a);
	*a = NULL;
}

void
asker_error(struct queue *q, struct asker **a, const struct err *e)
{
	if (*a && (*a)->channel)
		ipc_reply_error((*a)->channel, (*a)->id, e);
	if (*a)
		done(q, a);
}

void
asker_ok(struct queue *q, struct asker **a)
{
	if (*a && (*a)->channel)
		ipc_reply_ok((*a)->channel, (*a)->id, (*a)->answer);
	if (*a)
		done(q, a);
}

void
asker_fd(struct queue *q, struct asker **a, int fd)
{
	struct ipc_out m;

	if ((*a)->channel) {
		ipc_begin(&m, (*a)->answer);
		ipc_put_fd(&m, fd);
		ipc_reply((*a)->channel, (*a)->id, &m);
	} else {
		file_close(&fd);
	}
	done(q, a);
}

void
asker_count(struct queue *q, struct asker **a, uint64_t count)
{
	struct ipc_out m;

	if ((*a)->channel) {
		ipc_begin(&m, (*a)->answer);
		ipc_put_u64(&m, count);
		ipc_reply((*a)->channel, (*a)->id, &m);
	}
	done(q, a);
}

void
asker_state(struct queue *q, struct asker **a, enum submitted_state state)
{
	struct ipc_out m;

	if ((*a)->channel) {
		ipc_begin(&m, (*a)->answer);
		ipc_put_u32(&m, state);
		ipc_put_list(&m, NULL, 0);
		ipc_reply((*a)->channel, (*a)->id, &m);
	}
	done(q, a);
}

void
asker_forget(struct queue *q, const struct ipc_chan *c)
{
	struct asker *a;

	TAILQ_FOREACH (a, &q->askers, next)
		if (a->channel == c)
			a->channel = NULL;
}
