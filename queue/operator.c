/*
 * operator.c - gkmail queue: list, show, destinations. What changes something is in order.c.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "queue/queue.h"

#define ROWS_MAX    500u
#define ANSWER_MAX  60000u /* octets of rows in one answer */
#define ERROR_MAX   200u
#define LIST_WIDTH  9u
#define JOBS_LISTED 50u /* of one message */

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

static struct str
time_text(struct arena *a, int64_t us)
{
	char text[CLOCK_RFC3339_SIZE];

	return arena_dup(a, str_z(clock_rfc3339(us, text)));
}

/* Of a time by clock_ms. */
static struct str
due_text(struct arena *a, uint64_t due)
{
	int64_t ahead = due > clock_ms() ? (int64_t)(due - clock_ms()) : 0;

	return time_text(a, clock_wall_us() + ahead * 1000);
}

static const char *
state_name(const struct message *m, const struct job *j)
{
	if (j && j->state == JOB_RUNNING)
		return "active";
	if (m->flags & MESSAGE_HELD)
		return "held";
	if (schedule_embargo(m) > 0)
		return "scheduled";
	return j && (j->attempts > 0 || j->dest->dead) ? "deferred" : "waiting";
}

/* When it is tried, as far as that is known: not before its destination is. */
static struct str
next_try(struct arena *a, const struct job *j)
{
	uint64_t due = 0;

	if (!j || j->state == JOB_IDLE || j->state == JOB_RUNNING)
		return STR("");
	if (j->state == JOB_WAITS && !j->late)
		due = j->timer.due;
	if (j->dest->dead)
		due = num_max(due, j->dest->timer.due);
	return due_text(a, due);
}

/* Why it waits. */
static struct str
why(const struct job *j)
{
	const struct words *w = !j ? NULL : j->error ? j->error : j->dest->error;

	return str_sub(str_z(w ? w->text : ""), 0, ERROR_MAX);
}

/* Recipients for whom something waits that j is to deliver; NULL: any job. */
static uint32_t
rcpts_left(
    const struct queue *q, const struct message *m, const struct envelope *env, const struct job *j)
{
	const struct envelope_rcpt *last = NULL;
	struct message_walk w;
	uint32_t left = 0;

	message_walk(&w, env);
	while (message_walk_next(&w)) {
		if (m->outcomes[w.target] != OUTCOME_WAITING || w.of == last ||
		    (j && schedule_find(q, &w) != j->dest))
			continue;
		left++;
		last = w.of;
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
list_row(struct rows *r, const struct queue *q, const struct message *m, const struct job *j,
    const struct envelope *env)
{
	rows_add(r, arena_dup(&r->arena, str_z(m->mid)));
	rows_add(r, str_z(state_name(m, j)));
	rows_add(r, time_text(&r->arena, m->arrived));
	rows_add(r, number(&r->arena, m->size));
	rows_add(r, env ? env->sender : STR("?"));
	rows_add(r, number(&r->arena, env ? rcpts_left(q, m, env, j) : m->nwaiting));
	rows_add(r, arena_dup(&r->arena, str_z(j ? j->dest->key : "")));
	rows_add(r, next_try(&r->arena, j));
	rows_add(r, arena_dup(&r->arena, why(j)));
}

/* A row for each destination, of very many only the first. */
static void
list_message(struct rows *r, const struct queue *q, const struct message *m)
{
	struct envelope env;
	struct err e;
	bool known = message_envelope(m, &r->arena, &env, NULL, &e) == 0;
	const struct job *j = m->jobs;
	size_t n = 0;

	do {
		list_row(r, q, m, j, known ? &env : NULL);
		j = j ? j->next : NULL;
	} while (j && ++n < JOBS_LISTED && r->octets < ANSWER_MAX);
}

static void
list(struct queue *q, struct ipc_chan *c, struct ipc_in *in)
{
	struct str after = ipc_get_str(in);
	struct order_filter f = {.what = STR("all")};
	struct rows r = {0};
	const struct message *m;
	struct ipc_out out;

	f.sender = ipc_get_str(in);
	f.destination = ipc_get_str(in);
	if (ipc_end(in) < 0)
		return;
	arena_init(&r.arena);
	for (m = first_after(q, after); m; m = TAILQ_NEXT(m, in_line)) {
		if (r.n >= ROWS_MAX * LIST_WIDTH || r.octets > ANSWER_MAX - 8192)
			break;
		if (m->segment && order_matches(&f, m))
			list_message(&r, q, m);
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

static const struct job *
job_of(const struct queue *q, const struct message *m, const struct message_walk *w)
{
	const struct destination *d = schedule_find(q, w);
	const struct job *j = m->jobs;

	while (j && j->dest != d)
		j = j->next;
	return j;
}

static void
show_facts(
    struct rows *r, const struct queue *q, const struct message *m, const struct envelope *env)
{
	static const char *const states[] = {"waiting", "delivered", "failed", "delivered"};
	const struct job *first = m->jobs;
	uint32_t attempts = 0;
	struct message_walk w;

	for (const struct job *j = m->jobs; j; j = j->next) {
		attempts = num_max(attempts, j->attempts);
		if (j->state == JOB_RUNNING)
			first = j;
	}
	fact(r, "mid", str_z(m->mid));
	fact(r, "state", str_z(state_name(m, first)));
	fact(r, "arrived", time_text(&r->arena, m->arrived));
	if (m->release > 0)
		fact(r, "release", time_text(&r->arena, m->release));
	fact(r, "size", number(&r->arena, m->size));
	fact(r, "sender", env->sender);
	fact(r, "user", env->user);
	fact(r, "actor", env->actor);
	if (env->approval.n > 0)
		fact(r, "approval", env->approval);
	fact(r, "peer", env->peer);
	fact(r, "helo", env->helo);
	fact(r, "attempts", number(&r->arena, attempts));
	fact(r, "segment", number(&r->arena, m->segment->number));
	message_walk(&w, env);
	while (message_walk_next(&w) && r->octets < ANSWER_MAX - 4096) {
		bool waits = m->outcomes[w.target] == OUTCOME_WAITING;
		const struct job *j = waits ? job_of(q, m, &w) : NULL;

		fact(r, "rcpt", w.of->address);
		fact(r, "target", w.address);
		fact(r, "state", str_z(states[m->outcomes[w.target]]));
		fact(r, "destination", arena_dup(&r->arena, str_z(j ? j->dest->key : "")));
		fact(r, "next", next_try(&r->arena, j));
		fact(r, "error", arena_dup(&r->arena, why(j)));
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
		show_facts(&r, q, m, &env);
		ipc_begin(&out, MSG_QUEUE_SHOW_R);
		ipc_put_list(&out, r.v, r.n);
		ipc_reply(c, in->id, &out);
	}
	rows_done(&r);
}

/* ---- destinations ---- */

static int
by_key(const void *a, const void *b)
{
	const struct destination *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

static void
destination_row(struct rows *r, const struct queue *q, const struct destination *d)
{
	size_t window = d->kind == DEST_LOCAL ? q->o.concurrency : (size_t)d->window;

	rows_add(r, arena_dup(&r->arena, str_z(d->key)));
	rows_add(r, number(&r->arena, window));
	rows_add(r, number(&r->arena, d->running));
	rows_add(r, number(&r->arena, d->jobs - d->running));
	rows_add(r, d->dead ? due_text(&r->arena, d->timer.due) : STR(""));
	rows_add(r, arena_dup(&r->arena, str_z(d->error ? d->error->text : "")));
}

static void
destinations(struct queue *q, struct ipc_chan *c, struct ipc_in *in)
{
	struct str after = ipc_get_str(in);
	const struct destination **v, *d;
	struct rows r = {0};
	struct ipc_out out;
	size_t n = 0, i = 0;

	if (ipc_end(in) < 0)
		return;
	arena_init(&r.arena);
	v = mem_array(HASH_COUNT(q->schedule.remotes) + 1, sizeof(struct destination *));
	for (d = q->schedule.remotes; d; d = d->hh.next)
		v[n++] = d;
	if (n > 0)
		qsort(v, n, sizeof(struct destination *), by_key);
	if (after.n == 0)
		destination_row(&r, q, q->schedule.local);
	/* "local" stands before all others. */
	while (i < n && after.n > 0 && !str_eq(after, STR("local")) &&
	       str_cmp(str_z(v[i]->key), after) <= 0)
		i++;
	for (; i < n && r.octets < ANSWER_MAX - 4096; i++)
		destination_row(&r, q, v[i]);
	ipc_begin(&out, MSG_QUEUE_DESTINATIONS_R);
	ipc_put_u32(&out, i < n);
	ipc_put_list(&out, r.v, r.n);
	ipc_reply(c, in->id, &out);
	rows_done(&r);
	free(v);
}

void
operator_message(struct queue *q, struct ipc_chan *c, struct ipc_in *m)
{
	if (m->type == MSG_QUEUE_LIST)
		list(q, c, m);
	else if (m->type == MSG_QUEUE_SHOW)
		show(q, c, m);
	else if (m->type == MSG_QUEUE_DESTINATIONS)
		destinations(q, c, m);
	else if (m->type == MSG_SPOOL_CUT)
		cut_message(q, c, m);
	else if (!order_message(q, c, m))
		ipc_refuse(m);
}
