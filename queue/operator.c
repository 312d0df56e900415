/*
 * operator.c - gkmail queue: list, show, flush, hold, release, delete.
 *
 * Durability point of hold, release and delete: the answer, which comes when all their records are
 * synced.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/queue.h"

#define ROWS_MAX   500u
#define ANSWER_MAX 60000u /* octets of rows in one answer */
#define ERROR_MAX  200u

/* Strings gathered for a list in an answer, up to its size. */
struct rows {
	struct arena arena;
	struct str *v;
	size_t n, cap, octets;
};

static void
rows_add(struct rows *r, struct str s)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 64;
		r->v = mem_grow(r->v, r->cap, sizeof(*r->v));
	}
	r->v[r->n++] = s;
	r->octets += s.n + 4;
}

static void
rows_done(struct rows *r)
{
	free(r->v);
	arena_free(&r->arena);
}

/* ---- words ---- */

static const char *
state_name(const struct message *m)
{
	if (m->flags & MESSAGE_RUNNING)
		return "active";
	if (m->flags & MESSAGE_HELD)
		return "held";
	return m->attempts > 0 || m->error ? "deferred" : "waiting";
}

static struct str
time_text(struct arena *a, int64_t us)
{
	char text[CLOCK_RFC3339_SIZE];

	return arena_dup(a, str_z(clock_rfc3339(us, text)));
}

static struct str
next_try(struct arena *a, const struct message *m)
{
	int64_t ahead;

	if (m->heap == SIZE_MAX)
		return STR("");
	ahead = m->due > clock_ms() ? (int64_t)(m->due - clock_ms()) : 0;
	return time_text(a, clock_wall_us() + ahead * 1000);
}

static uint32_t
rcpts_left(const struct message *m, const struct envelope *env)
{
	uint32_t left = 0, k = 0;

	for (uint32_t i = 0; i < env->nrcpts; i++) {
		uint32_t end = k + (env->rcpts[i].ntargets ? env->rcpts[i].ntargets : 1);
		bool waits = false;

		for (; k < end; k++)
			waits |= m->outcomes[k] == OUTCOME_WAITING;
		left += waits;
	}
	return left;
}

static struct str
number(struct arena *a, uint64_t n)
{
	return arena_printf(a, "%" PRIu64, n);
}

/* ---- list ---- */

static const struct message *
first_after(const struct queue *q, struct str after)
{
	const struct message *m = after.n == ID_LEN ? message_find(&q->messages, after) : NULL;

	if (after.n == 0)
		return TAILQ_FIRST(&q->messages.line);
	if (m && !message_is_done(m))
		return TAILQ_NEXT(m, in_line);
	/* The one we stopped at has left meanwhile: ids sort by time, and the line nearly does. */
	TAILQ_FOREACH (m, &q->messages.line, in_line)
		if (str_cmp(str_z(m->mid), after) > 0)
			return m;
	return NULL;
}

static void
list_row(struct rows *r, const struct message *m)
{
	struct envelope env;
	struct err e;

	rows_add(r, arena_dup(&r->arena, str_z(m->mid)));
	rows_add(r, str_z(state_name(m)));
	rows_add(r, time_text(&r->arena, m->arrived));
	rows_add(r, number(&r->arena, m->size));
	if (message_envelope(m, &r->arena, &env, NULL, &e) == 0) {
		rows_add(r, env.sender);
		rows_add(r, number(&r->arena, rcpts_left(m, &env)));
	} else {
		rows_add(r, STR("?"));
		rows_add(r, number(&r->arena, m->nwaiting));
	}
	rows_add(r, next_try(&r->arena, m));
	rows_add(r, str_sub(str_z(m->error ? m->error : ""), 0, ERROR_MAX));
}

static void
list(struct queue *q, struct ipc_chan *c, struct ipc_in *in)
{
	struct str after = ipc_get_str(in);
	struct rows r = {0};
	const struct message *m;
	struct ipc_out out;

	if (ipc_end(in) < 0)
		return;
	arena_init(&r.arena);
	for (m = first_after(q, after); m; m = TAILQ_NEXT(m, in_line)) {
		if (r.n >= ROWS_MAX * 8 || r.octets > ANSWER_MAX - 4096)
			break;
		if (m->segment)
			list_row(&r, m);
	}
	ipc_begin(&out, MSG_QUEUE_LIST_R);
	ipc_put_u32(&out, m != NULL);
	ipc_put_list(&out, r.v, r.n);
	ipc_reply(c, in->id, &out);
	rows_done(&r);
}

/* ---- show ---- */

static void
fact(struct rows *r, const char *key, struct str value)
{
	rows_add(r, str_z(key));
	rows_add(r, value);
}

static void
show_facts(struct rows *r, const struct message *m, const struct envelope *env)
{
	static const char *const states[] = {"waiting", "delivered", "failed", "delivered"};

	fact(r, "mid", str_z(m->mid));
	fact(r, "state", str_z(state_name(m)));
	fact(r, "arrived", time_text(&r->arena, m->arrived));
	fact(r, "size", number(&r->arena, m->size));
	fact(r, "sender", env->sender);
	fact(r, "user", env->user);
	fact(r, "actor", env->actor);
	fact(r, "peer", env->peer);
	fact(r, "helo", env->helo);
	fact(r, "attempts", number(&r->arena, m->attempts));
	fact(r, "next", next_try(&r->arena, m));
	fact(r, "error", str_z(m->error ? m->error : ""));
	fact(r, "segment", number(&r->arena, m->segment->number));
	for (uint32_t i = 0; i < m->ntargets && r->octets < ANSWER_MAX - 2048; i++) {
		struct str target;
		const struct envelope_rcpt *rcpt = message_target(env, i, &target);
		bool waits = m->outcomes[i] == OUTCOME_WAITING;

		fact(r, "rcpt", rcpt->address);
		fact(r, "target", target);
		fact(r, "state", str_z(states[m->outcomes[i]]));
		fact(r, "error", str_z(waits && m->error ? m->error : ""));
	}
}

static void
show(struct queue *q, struct ipc_chan *c, struct ipc_in *in)
{
	struct str mid = ipc_get_str(in);
	struct rows r = {0};
	const struct message *m;
	struct envelope env;
	struct ipc_out out;
	struct err e;

	if (ipc_end(in) < 0)
		return;
	arena_init(&r.arena);
	m = id_valid(mid) ? message_find(&q->messages, mid) : NULL;
	if (!m || message_is_done(m) || !m->segment) {
		err_set(&e, E_NOTFOUND, "no such message in the queue");
		ipc_reply_error(c, in->id, &e);
	} else if (message_envelope(m, &r.arena, &env, NULL, &e) < 0) {
		ipc_reply_error(c, in->id, &e);
	} else {
		show_facts(&r, m, &env);
		ipc_begin(&out, MSG_QUEUE_SHOW_R);
		ipc_put_list(&out, r.v, r.n);
		ipc_reply(c, in->id, &out);
	}
	rows_done(&r);
}

/* ---- doing something to one or all ---- */

struct order {
	struct queue *q;
	struct asker *asker;
	enum record_type type; /* RECORD_PAD: flush, nothing is journalled */
	uint64_t count;
	size_t unwritten;
	struct err e;
};

struct deletion {
	struct order *order;
	struct message *m;
};

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
order_journal(struct order *o, struct message *m)
{
	struct deletion *d;

	record_put_mid(journal_begin(o->q->journal, o->type), str_z(m->mid));
	o->unwritten++;
	if (o->type != RECORD_DELETE) {
		journal_end(o->q->journal, JOURNAL_NOW, order_written, o);
		return;
	}
	d = mem_alloc(sizeof(*d));
	*d = (struct deletion){o, m};
	m->unwritten++;
	journal_end(o->q->journal, JOURNAL_NOW, deletion_written, d);
}

static void
message_delete(struct order *o, struct message *m)
{
	schedule_remove(o->q, m);
	m->flags |= MESSAGE_DELETED;
	for (uint32_t i = 0; i < m->ntargets; i++)
		if (m->outcomes[i] == OUTCOME_WAITING)
			message_set(&o->q->messages, m, i, OUTCOME_FAILED);
}

/* Does it, where it changes something. What is under way to gk-local now goes on. */
static bool
order_apply(struct order *o, struct message *m)
{
	bool held = (m->flags & MESSAGE_HELD) != 0;

	if (!m->segment || message_is_done(m))
		return false;
	if (o->type == RECORD_DELETE) {
		message_delete(o, m);
		return true;
	}
	if (o->type == RECORD_HOLD ? held : o->type == RECORD_RELEASE ? !held : held)
		return false;
	if (o->type == RECORD_HOLD) {
		m->flags |= MESSAGE_HELD;
		schedule_remove(o->q, m);
		return true;
	}
	m->flags &= ~MESSAGE_HELD;
	schedule_add(o->q, m, 0);
	return true;
}

static void
order_one(struct order *o, struct message *m, const char *event)
{
	if (!order_apply(o, m))
		return;
	o->count++;
	log_info(event, LZ("mid", m->mid));
	if (o->type != RECORD_PAD)
		order_journal(o, m);
}

static void
order(struct queue *q, struct ipc_chan *c, struct ipc_in *in, enum record_type type,
    enum ipc_type answer, const char *event)
{
	struct str what = ipc_get_str(in);
	struct message *m, *next;
	struct order *o;
	struct err e;

	if (ipc_end(in) < 0)
		return;
	m = id_valid(what) ? message_find(&q->messages, what) : NULL;
	if (!str_eq(what, STR("all")) && (!m || message_is_done(m))) {
		err_set(&e, E_NOTFOUND, "no such message in the queue");
		ipc_reply_error(c, in->id, &e);
		return;
	}
	o = mem_alloc(sizeof(*o));
	o->q = q;
	o->type = type;
	o->asker = asker_new(q, c, in->id, answer);
	if (m)
		order_one(o, m, event);
	for (m = m ? NULL : TAILQ_FIRST(&q->messages.line); m; m = next) {
		next = TAILQ_NEXT(m, in_line);
		order_one(o, m, event);
	}
	order_check(o);
}

void
operator_message(struct queue *q, struct ipc_chan *c, struct ipc_in *m)
{
	if (m->type == MSG_QUEUE_LIST)
		list(q, c, m);
	else if (m->type == MSG_QUEUE_SHOW)
		show(q, c, m);
	else if (m->type == MSG_QUEUE_FLUSH)
		order(q, c, m, RECORD_PAD, MSG_QUEUE_FLUSH_R, "queue.flush");
	else if (m->type == MSG_QUEUE_HOLD)
		order(q, c, m, RECORD_HOLD, MSG_QUEUE_HOLD_R, "queue.hold");
	else if (m->type == MSG_QUEUE_RELEASE)
		order(q, c, m, RECORD_RELEASE, MSG_QUEUE_RELEASE_R, "queue.release");
	else if (m->type == MSG_QUEUE_DELETE)
		order(q, c, m, RECORD_DELETE, MSG_QUEUE_DELETE_R, "queue.delete");
	else
		ipc_refuse(m);
}
