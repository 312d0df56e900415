/*
 * state.c - a replay of everything, asked for from outside.
 *
 * Whether power was lost is known without a state file: every segment names its boot (segment.h),
 * and CHECKPOINT records say what is durable, the last of them written by a clean end. What remains
 * is the operator's word, after restoring Maildirs from an older copy, say: an empty file "replay"
 * in the spool makes the next start deliver again all that the journal still holds.
 */
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "queue/queue.h"

#include <fcntl.h>

#define MARKER "replay"

bool
state_replay_asked(const struct queue *q)
{
	int fd = file_open(q->dir, MARKER, O_RDONLY, 0, NULL);
	bool asked = fd >= 0;

	file_close(&fd);
	return asked;
}

static void
written(void *arg, const struct journal_place *place, const struct err *e)
{
	struct queue *q = arg;
	struct err why;

	(void)place;
	if (!e && file_unlink(q->dir, MARKER, &why) < 0)
		log_warn("queue.marker_stays", LE(&why));
}

void
state_replay(struct queue *q)
{
	struct message *m, *next;
	struct buf payload;

	buf_init(&payload, 256);
	HASH_ITER (hh, q->messages.by_mid, m, next) {
		if (!(m->flags & MESSAGE_REPLAY) || message_is_done(m))
			continue;
		buf_reset(&payload);
		record_put_mid(&payload, str_z(m->mid));
		result_append(q, m, RECORD_REPLAY, buf_view(&payload));
	}
	buf_free(&payload);
	log_warn("queue.replay_asked", LU("messages", q->messages.waiting));
	/* The marker goes when all of that is durable: a sync covers what was appended before it.
	 */
	record_put_numbers(journal_begin(q->journal, RECORD_CHECKPOINT), 0, 0);
	journal_end(q->journal, JOURNAL_NOW, written, q);
}
