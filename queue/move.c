/*
 * move.c - messages that must wait are rewritten at the journal's end, so that they do not keep old
 * segments.
 *
 * Only where it pays: while the journal takes more than MOVE_SPARE segments and twice what waits,
 * so that each octet moved frees another. A message is moved only with all its deliveries durable:
 * what the new record says of them is then for good (OUTCOME_SETTLED). It lives in its old segment
 * until the new record is durable (INVARIANTS 6).
 *
 * A notification whose recipient was looked up is rewritten in the same way, with its targets.
 */
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "queue/queue.h"

#define MOVE_SPARE 4u
#define MOVE_BATCH 200u

struct move {
	struct queue *q;
	struct message *m;
	struct record_moved record; /* its sizes: for the place */
	move_fn fn;                 /* the targets are new */
	void *arg;
};

static void
moved(void *arg, const struct journal_place *place, const struct err *e)
{
	struct move *v = arg;
	struct message *m = v->m;

	m->flags &= ~MESSAGE_MOVING;
	v->q->checkpoint.moving--;
	if (!e && v->fn)
		message_retarget(&v->q->messages, m, v->record.message.ntargets);
	if (!e)
		message_place(m, place->segment, place->off + record_moved_message_at(&v->record),
		    &v->record.message);
	if (v->q->checkpoint.moving == 0 && !e)
		checkpoint_sweep(v->q);
	if (v->fn)
		v->fn(v->arg, e);
	free(v);
}

/* The octets straight from the old segment into the batch. */
static int
put_octets(const struct message *m, struct buf *b, struct err *e)
{
	char *room = buf_room(b, (size_t)m->size);

	assume(room != NULL);
	if (file_pread(m->segment->fd, room, (size_t)m->size, (off_t)m->octets_at, e) < 0)
		return -1;
	buf_added(b, (size_t)m->size);
	return 0;
}

/* With an outcome for each of its targets, and its octets as they are. */
static int
write_moved(struct queue *q, struct message *m, struct str envelope, struct str outcomes,
    move_fn fn, void *arg, struct err *e)
{
	struct record_moved r = {.outcomes = outcomes,
	    .message = {.mid = str_z(m->mid),
		.arrived = m->arrived,
		.size = m->size,
		.ntargets = (uint32_t)outcomes.n,
		.envelope = envelope,
		.large = (m->flags & MESSAGE_LARGE) != 0}};
	unsigned char digest[RECORD_DIGEST];
	struct move *v;
	struct buf *b;

	/* The digest of a large message stands, behind its length, where a small one's octets
	 * would. */
	if (r.message.large &&
	    file_pread(m->segment->fd, digest, sizeof(digest), (off_t)m->octets_at + 4, e) < 0)
		return -1;
	r.message.digest = str_of(digest, sizeof(digest));
	r.flags = (m->flags & MESSAGE_HELD ? RECORD_MOVED_HELD : 0) |
		  (m->flags & MESSAGE_DELAYED ? RECORD_MOVED_DELAYED : 0) |
		  (m->flags & MESSAGE_REPLAY ? RECORD_MOVED_REPLAY : 0);
	b = journal_begin(q->journal, RECORD_MOVED);
	record_put_moved(b, &r);
	if (!r.message.large && put_octets(m, b, e) < 0) {
		journal_cancel(q->journal);
		return -1;
	}
	v = mem_alloc(sizeof(*v));
	*v = (struct move){q, m, r, fn, arg};
	v->record.message.mid = str_z(m->mid);
	m->flags |= MESSAGE_MOVING;
	q->checkpoint.moving++;
	journal_end(q->journal, JOURNAL_SOON, moved, v);
	return 0;
}

static int
move(struct queue *q, struct message *m, struct arena *a, struct err *e)
{
	char *outcomes = arena_alloc(a, m->ntargets);
	struct envelope env;
	struct str raw;

	if (message_envelope(m, a, &env, &raw, e) < 0)
		return -1;
	for (uint32_t i = 0; i < m->ntargets; i++)
		outcomes[i] =
		    (char)(m->outcomes[i] == OUTCOME_OK ? OUTCOME_SETTLED : m->outcomes[i]);
	return write_moved(q, m, raw, str_of(outcomes, m->ntargets), NULL, NULL, e);
}

int
move_resolved(struct queue *q, struct message *m, const struct envelope *env, move_fn fn, void *arg,
    struct err *e)
{
	uint32_t n = message_targets(env);
	struct arena a;
	struct buf raw;
	char *outcomes;
	int rc = -1;

	arena_init(&a);
	buf_init(&raw, ENVELOPE_MAX);
	outcomes = arena_alloc(&a, n);
	memset(outcomes, OUTCOME_WAITING, n);
	if (envelope_encode(env, &raw, e) == 0)
		rc = write_moved(q, m, buf_view(&raw), str_of(outcomes, n), fn, arg, e);
	buf_free(&raw);
	arena_free(&a);
	return rc;
}

static bool
pays(const struct queue *q)
{
	size_t n = journal_count(q->journal);

	return n > MOVE_SPARE && (n - MOVE_SPARE) * q->o.segment_size > 2 * q->messages.octets;
}

void
move_some(struct queue *q)
{
	struct segment *s = journal_oldest(q->journal);
	struct message *m;
	struct arena a;
	struct err e;
	size_t n = 0;

	if (!s || q->checkpoint.moving > 0 || journal_is_current(q->journal, s) || !pays(q))
		return;
	arena_init(&a);
	TAILQ_FOREACH (m, &s->messages, in_segment) {
		if (message_is_done(m) || m->running > 0 || m->settles > q->checkpoint.done)
			continue;
		if (n++ == MOVE_BATCH)
			break;
		if (move(q, m, &a, &e) < 0)
			log_error("queue.unreadable", LZ("mid", m->mid), LE(&e));
		arena_reset(&a);
	}
	arena_free(&a);
}
