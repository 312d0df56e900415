/*
 * order.c - gkmail queue flush, hold, release, delete: of one message, of all, or of those of a
 * sender or for a destination.
 *
 * Durability point of hold, release and delete: the answer, which comes when all their records are
 * synced.
 */
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/queue.h"

struct order {
	struct queue *q;
	struct asker *asker;
	enum record_type type; /* RECORD_PAD: flush, nothing is journalled */
	struct order_filter filter;
	uint64_t count;
	size_t unwritten;
	struct err e;
};

struct deletion {
	struct order *order;
	struct message *m;
};

/* ---- which ---- */

static struct job *
job_for(const struct message *m, struct str destination)
{
	struct job *j = m->jobs;

	while (j && !str_ieq(destination, str_z(j->dest->key)))
		j = j->next;
	return j;
}

static bool
is_from(const struct message *m, struct str sender)
{
	struct envelope env;
	struct arena a;
	bool yes;

	if (str_eq(sender, STR("<>")))
		sender = STR("");
	/* A hash tells most apart without a look at the disk. */
	if (m->sender != hash_keyed(sender.p, sender.n))
		return false;
	arena_init(&a);
	yes = message_envelope(m, &a, &env, NULL, NULL) == 0 && str_eq(env.sender, sender);
	arena_free(&a);
	return yes;
}

bool
order_matches(const struct order_filter *f, const struct message *m)
{
	return (str_eq(f->what, STR("all")) || str_eq_z(f->what, m->mid)) &&
	       (f->destination.n == 0 || job_for(m, f->destination)) &&
	       (f->sender.n == 0 || is_from(m, f->sender));
}

/* ---- the journal ---- */

static void
order_check(struct order *o)
{
	if (o->unwritten > 0)
		return;
	if (o->e.code != E_OK)
		asker_error(o->q, &o->asker, &o->e);
	else
		asker_count(o->q, &o->asker, o->count);
	free(o);
}

static void
order_written(void *arg, const struct journal_place *place, const struct err *e)
{
	struct order *o = arg;

	(void)place;
	if (e)
		o->e = *e;
	o->unwritten--;
	order_check(o);
}

static void
deletion_written(void *arg, const struct journal_place *place, const struct err *e)
{
	struct deletion *d = arg;
	struct order *o = d->order;
	struct queue *q = o->q;

	d->m->unwritten--;
	free(d);
	order_written(o, place, e); /* frees o with the last one */
	spool_room(q);
}

static void
journal_deletion(struct order *o, struct message *m)
{
	struct deletion *d = mem_alloc(sizeof(*d));

	*d = (struct deletion){o, m};
	m->unwritten++;
	o->unwritten++;
	journal_end(o->q->journal, JOURNAL_NOW, deletion_written, d);
}

/* ---- what ---- */

static void
delete_all(struct order *o, struct message *m)
{
	m->flags |= MESSAGE_DELETED;
	for (uint32_t i = 0; i < m->ntargets; i++)
		if (m->outcomes[i] == OUTCOME_WAITING)
			message_set(&o->q->messages, m, i, OUTCOME_FAILED);
	schedule_forget(o->q, m);
	record_put_mid(journal_begin(o->q->journal, RECORD_DELETE), str_z(m->mid));
	journal_deletion(o, m);
}

/* Only what goes to that destination; nobody is told. */
static bool
delete_some(struct order *o, struct message *m, struct job *j)
{
	struct queue *q = o->q;
	struct record_result *v = mem_array(m->nwaiting, sizeof(*v));
	struct message_walk w;
	struct envelope env;
	struct arena a;
	size_t n = 0;

	arena_init(&a);
	if (message_envelope(m, &a, &env, NULL, NULL) == 0) {
		message_walk(&w, &env);
		while (message_walk_next(&w))
			if (m->outcomes[w.target] == OUTCOME_WAITING &&
			    schedule_find(q, &w) == j->dest)
				v[n++] = (struct record_result){w.target, OUTCOME_FAILED, STR_NONE};
	}
	for (size_t i = 0; i < n; i++)
		message_set(&q->messages, m, v[i].target, OUTCOME_FAILED);
	if (n > 0) {
		record_put_result(
		    journal_begin(q->journal, RECORD_RESULT), str_z(m->mid), v, n, STR_NONE);
		journal_deletion(o, m);
		if (j->state != JOB_RUNNING)
			schedule_job_done(q, j);
	}
	arena_free(&a);
	free(v);
	return n > 0;
}

static bool
order_delete(struct order *o, struct message *m)
{
	struct job *j = o->filter.destination.n > 0 ? job_for(m, o->filter.destination) : NULL;

	if (j && m->jobs->next)
		return delete_some(o, m, j);
	delete_all(o, m);
	return true;
}

static bool
order_hold(struct order *o, struct message *m)
{
	bool hold = o->type == RECORD_HOLD;

	if (hold == ((m->flags & MESSAGE_HELD) != 0))
		return false;
	if (hold) {
		m->flags |= MESSAGE_HELD;
		schedule_stop(o->q, m);
	} else {
		m->flags &= ~MESSAGE_HELD;
		schedule_message(o->q, m, 0);
	}
	record_put_mid(journal_begin(o->q->journal, o->type), str_z(m->mid));
	o->unwritten++;
	journal_end(o->q->journal, JOURNAL_NOW, order_written, o);
	return true;
}

/* Tried now, all of it or what goes to the destination. */
static bool
order_flush(struct order *o, struct message *m)
{
	struct job *j = o->filter.destination.n > 0 ? job_for(m, o->filter.destination) : NULL;

	if (m->flags & MESSAGE_HELD)
		return false;
	if (j)
		schedule_job(o->q, j, 0);
	else
		schedule_message(o->q, m, 0);
	return true;
}

/* What is under way to another daemon now goes on. */
static void
order_one(struct order *o, struct message *m, const char *event)
{
	bool done;

	if (!m->segment || message_is_done(m) || !order_matches(&o->filter, m))
		return;
	if (o->type == RECORD_DELETE)
		done = order_delete(o, m);
	else if (o->type == RECORD_PAD)
		done = order_flush(o, m);
	else
		done = order_hold(o, m);
	if (!done)
		return;
	o->count++;
	log_info(event, LZ("mid", m->mid));
}

static void
order(struct queue *q, struct ipc_chan *c, struct ipc_in *in, enum record_type type,
    enum ipc_type answer, const char *event)
{
	struct order_filter f;
	struct message *m, *next;
	struct order *o;
	struct err e;

	f.what = ipc_get_str(in);
	f.sender = ipc_get_str(in);
	f.destination = ipc_get_str(in);
	if (ipc_end(in) < 0)
		return;
	m = id_valid(f.what) ? message_find(&q->messages, f.what) : NULL;
	if (!str_eq(f.what, STR("all")) && (!m || message_is_done(m))) {
		err_set(&e, E_NOTFOUND, "no such message in the queue");
		ipc_reply_error(c, in->id, &e);
		return;
	}
	o = mem_alloc(sizeof(*o));
	o->q = q;
	o->type = type;
	o->filter = f;
	o->asker = asker_new(q, c, in->id, answer);
	if (type == RECORD_PAD)
		schedule_revive(q, f.destination);
	if (m)
		order_one(o, m, event);
	for (m = m ? NULL : TAILQ_FIRST(&q->messages.line); m; m = next) {
		next = TAILQ_NEXT(m, in_line);
		order_one(o, m, event);
	}
	o->filter = (struct order_filter){0}; /* it borrowed from the message that came */
	order_check(o);
}

bool
order_message(struct queue *q, struct ipc_chan *c, struct ipc_in *m)
{
	if (m->type == MSG_QUEUE_FLUSH)
		order(q, c, m, RECORD_PAD, MSG_QUEUE_FLUSH_R, "queue.flush");
	else if (m->type == MSG_QUEUE_HOLD)
		order(q, c, m, RECORD_HOLD, MSG_QUEUE_HOLD_R, "queue.hold");
	else if (m->type == MSG_QUEUE_RELEASE)
		order(q, c, m, RECORD_RELEASE, MSG_QUEUE_RELEASE_R, "queue.release");
	else if (m->type == MSG_QUEUE_DELETE)
		order(q, c, m, RECORD_DELETE, MSG_QUEUE_DELETE_R, "queue.delete");
	else
		return false;
	return true;
}
