/*
 * submitted.c - what became of a message that a user has submitted, and taking it back (RFC 8621 7,
 * undoStatus) while nothing of it is under way.
 *
 * Durability point of a cancellation: the answer, which comes when the DELETE record is synced. A
 * message that is not the user's is as unknown as one that never was.
 */
#include "base/log.h"
#include "base/mem.h"
#include "queue/queue.h"

#define ANSWER_MAX 50000u /* octets of results */
#define TEXT_MAX   300u

struct canceling {
	struct queue *q;
	struct asker *asker;
	struct message *m;
};

/* All of it waits, and no other daemon has any of it. */
static bool
is_untouched(const struct message *m)
{
	for (uint32_t i = 0; i < m->ntargets; i++)
		if (m->outcomes[i] != OUTCOME_WAITING)
			return false;
	return m->segment != NULL && m->running == 0 && m->unwritten == 0 &&
	       !(m->flags & (MESSAGE_DELETED | MESSAGE_MOVING));
}

static enum submitted_state
state_of(const struct message *m)
{
	if (m->flags & MESSAGE_DELETED)
		return SUBMITTED_CANCELED;
	return is_untouched(m) ? SUBMITTED_WAITS : SUBMITTED_SENT;
}

/* ---- the answer ---- */

struct results {
	struct arena arena;
	struct str *v;
	size_t n, octets;
};

static enum submitted_result
result_of(const struct message *m, const struct message_walk *w)
{
	if (m->outcomes[w->target] == OUTCOME_WAITING)
		return SUBMITTED_QUEUED;
	if (m->outcomes[w->target] == OUTCOME_FAILED)
		return SUBMITTED_FAILED;
	return w->local ? SUBMITTED_DELIVERED : SUBMITTED_RELAYED;
}

static struct str
why(const struct queue *q, const struct message *m, const struct message_walk *w)
{
	const struct destination *d = schedule_find(q, w);
	const struct job *j = m->jobs;

	while (j && j->dest != d)
		j = j->next;
	return str_sub(str_z(!j ? NULL : j->error ? j->error->text : NULL), 0, TEXT_MAX);
}

static void
collect(
    struct results *r, const struct queue *q, const struct message *m, const struct envelope *env)
{
	struct message_walk w;

	r->v = arena_array(&r->arena, (size_t)m->ntargets * 3, sizeof(*r->v));
	message_walk(&w, env);
	while (message_walk_next(&w) && r->octets < ANSWER_MAX) {
		struct str text = arena_dup(&r->arena, why(q, m, &w));

		r->v[r->n++] = w.of->address;
		r->v[r->n++] = arena_printf(&r->arena, "%u", (unsigned)result_of(m, &w));
		r->v[r->n++] = text;
		r->octets += w.of->address.n + text.n + 16;
	}
}

static void
answer(struct ipc_chan *c, uint64_t call, enum submitted_state state, const struct results *r)
{
	struct ipc_out out;

	ipc_begin(&out, MSG_SUBMITTED_R);
	ipc_put_u32(&out, state);
	ipc_put_list(&out, r ? r->v : NULL, r ? r->n : 0);
	ipc_reply(c, call, &out);
}

/* ---- taking it back ---- */

static void
canceled(void *arg, const struct journal_place *place, const struct err *e)
{
	struct canceling *x = arg;
	struct queue *q = x->q;

	(void)place;
	x->m->unwritten--;
	if (e)
		asker_error(q, &x->asker, e);
	else
		asker_state(q, &x->asker, SUBMITTED_CANCELED);
	free(x);
	spool_room(q);
}

static void
cancel(struct queue *q, struct message *m, struct asker *asker)
{
	struct canceling *x = mem_alloc(sizeof(*x));

	log_info("queue.cancel", LZ("mid", m->mid));
	*x = (struct canceling){q, asker, m};
	m->flags |= MESSAGE_DELETED;
	for (uint32_t i = 0; i < m->ntargets; i++)
		message_set(&q->messages, m, i, OUTCOME_FAILED);
	schedule_forget(q, m);
	m->unwritten++;
	record_put_mid(journal_begin(q->journal, RECORD_DELETE), str_z(m->mid));
	journal_end(q->journal, JOURNAL_NOW, canceled, x);
}

void
submitted_message(struct queue *q, struct ipc_chan *c, struct ipc_in *in)
{
	struct str user = ipc_get_str(in), mid = ipc_get_str(in);
	bool wanted = ipc_get_u32(in) != 0;
	struct message *m = id_valid(mid) ? message_find(&q->messages, mid) : NULL;
	struct results r = {0};
	struct envelope env;
	struct err e;

	if (ipc_end(in) < 0)
		return;
	arena_init(&r.arena);
	if ((m && !m->segment) || spool_is_taking(q, mid)) {
		err_set(&e, E_TEMP, "it is being taken");
		ipc_reply_error(c, in->id, &e);
	} else if (!m) {
		answer(
		    c, in->id, past_has(q, mid, user) ? SUBMITTED_SENT : SUBMITTED_UNKNOWN, NULL);
	} else if (message_envelope(m, &r.arena, &env, NULL, &e) < 0) {
		ipc_reply_error(c, in->id, &e);
	} else if (user.n == 0 || !str_eq(env.user, user)) {
		answer(c, in->id, SUBMITTED_UNKNOWN, NULL);
	} else if (wanted && is_untouched(m)) {
		cancel(q, m, asker_new(q, c, in->id, MSG_SUBMITTED_R));
	} else {
		collect(&r, q, m, &env);
		answer(c, in->id, state_of(m), &r);
	}
	arena_free(&r.arena);
}
