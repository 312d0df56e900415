/*
 * cut.c - where the journal ends, for a backup.
 *
 * gkmail copies the segments while new ones are written. What it is told here is a cut: all that
 * was acknowledged before is in the octets that count, and what comes after is in none of them.
 * Until the copy is made no segment may go or be used again, and no large message may lose its
 * file, for an undecided message in the copy would have none. A gkmail that ends early frees them,
 * and so does time.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "queue/queue.h"

#define SECONDS_MAX 3600u

bool
cut_holds(const struct queue *q)
{
	return q->cut_until > clock_ms();
}

void
cut_forget(struct queue *q, const struct ipc_chan *c)
{
	if (q->cut_by != c)
		return;
	q->cut_by = NULL;
	q->cut_until = 0;
	checkpoint_sweep(q);
}

void
cut_message(struct queue *q, struct ipc_chan *c, struct ipc_in *in)
{
	uint32_t seconds = ipc_get_u32(in);
	const struct segment *s;
	struct ipc_out out;
	struct arena a;
	struct str *v;
	struct err e;
	size_t n = 0;

	if (ipc_end(in) < 0)
		return;
	if (seconds > SECONDS_MAX || (q->cut_by != NULL && q->cut_by != c && cut_holds(q))) {
		err_set(&e, seconds > SECONDS_MAX ? E_INVAL : E_TEMP,
		    seconds > SECONDS_MAX ? "too long" : "another backup is under way");
		ipc_reply_error(c, in->id, &e);
		return;
	}
	/* At its end whoever copied has to know that nothing went meanwhile. */
	if (seconds == 0 && (q->cut_by != c || !cut_holds(q))) {
		err_set(&e, E_TEMP, "the copy has taken too long: the journal has gone on");
		ipc_reply_error(c, in->id, &e);
		return;
	}
	arena_init(&a);
	v = arena_array(&a, 2 * journal_count(q->journal) + 1, sizeof(*v));
	for (s = journal_oldest(q->journal); s != NULL; s = TAILQ_NEXT(s, next)) {
		v[n++] = arena_printf(&a, "%" PRIu64, s->number);
		v[n++] = arena_printf(&a, "%" PRIu64, s->used);
	}
	if (seconds == 0) {
		cut_forget(q, c);
	} else {
		q->cut_by = c;
		q->cut_until = clock_ms() + seconds * 1000ull;
	}
	ipc_begin(&out, MSG_SPOOL_CUT_R);
	ipc_put_list(&out, v, n);
	ipc_reply(c, in->id, &out);
	arena_free(&a);
}
