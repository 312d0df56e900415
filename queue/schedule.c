/*
 * schedule.c - when each job is tried (destination.h): waits that double, so many at once, turns.
 *
 * A job waits for a time (heap), or is ready in its destination's line, or running, or its message
 * is held. A destination with something ready that is not dead and has room in its window is
 * active; active ones take turns. What runs in gk-remote is bounded over all, and the fewer places
 * are left, the fewer one destination may have: many slow ones leave room for a quick one.
 *
 * Jobs of a dead destination are looked at only when it dies once more: those whose sender is to
 * hear of the delay, or that have waited too long, are told so without another attempt.
 */
#include <sodium.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "queue/queue.h"
#include "svc/metrics.h"

#define AWAY_MS    1000u /* a daemon that is not there is asked again so often */
#define LATE_TURN  100u  /* late jobs in a turn: each reads and writes */
#define LOOKUPS    64u   /* questions to authd at one time */
#define START_TURN 256u  /* jobs begun in a turn */

static struct job *
of_timer(struct heap_item *i)
{
	return (struct job *)((char *)i - offsetof(struct job, timer));
}

static struct job *
of_turn(struct fair_item *i)
{
	return (struct job *)((char *)i - offsetof(struct job, turn));
}

static struct destination *
of_dead(struct heap_item *i)
{
	return (struct destination *)((char *)i - offsetof(struct destination, timer));
}

/* ---- destinations ---- */

static struct destination *
find(const struct queue *q, struct str key)
{
	struct destination *d;

	HASH_FIND(hh, q->schedule.remotes, key.p, key.n, d);
	return d;
}

struct destination *
schedule_find(const struct queue *q, const struct message_walk *w)
{
	if (w->address.n == 0)
		return q->schedule.lookup;
	return w->local ? q->schedule.local : find(q, destination_key(q->routes, w->address));
}

static struct destination *
get(struct queue *q, const struct message_walk *w)
{
	struct destination *d = schedule_find(q, w);
	struct str key;

	if (d)
		return d;
	key = destination_key(q->routes, w->address);
	d = destination_new(DEST_REMOTE, key, (double)q->o.destination_first);
	HASH_ADD_KEYPTR(hh, q->schedule.remotes, d->key, key.n, d);
	metric_set(METRIC_QUEUE_DESTINATIONS, (int64_t)HASH_COUNT(q->schedule.remotes));
	return d;
}

static void
set_alive(struct queue *q, struct destination *d)
{
	if (d->timer.at > 0)
		q->schedule.ndead--;
	heap_take(&q->schedule.dead, &d->timer);
	metric_set(METRIC_QUEUE_DEAD, (int64_t)q->schedule.ndead);
}

/* A remote one without jobs is forgotten. */
static void
put(struct queue *q, struct destination *d)
{
	struct schedule *s = &q->schedule;

	if (d->jobs > 0 || d->kind != DEST_REMOTE)
		return;
	set_alive(q, d);
	if (d->active)
		TAILQ_REMOVE(&s->active, d, next);
	d->active = false;
	HASH_DEL(s->remotes, d);
	metric_set(METRIC_QUEUE_DESTINATIONS, (int64_t)HASH_COUNT(s->remotes));
	destination_free(&d);
}

/* May it begin one more, as far as it is concerned? */
static bool
has_room(const struct queue *q, const struct destination *d)
{
	size_t left;

	if (d->dead || fair_next(&d->ready) == NULL)
		return false;
	if (d->kind == DEST_LOCAL)
		return d->running < q->o.concurrency;
	if (d->kind == DEST_LOOKUP)
		return d->running < LOOKUPS;
	left = q->o.remote - num_min(q->schedule.remote, q->o.remote);
	return d->running < num_max((size_t)1, num_min((size_t)d->window, left));
}

static void
activate(struct queue *q, struct destination *d)
{
	loop_defer(&q->schedule.run);
	if (d->kind != DEST_REMOTE || d->active || !has_room(q, d))
		return;
	TAILQ_INSERT_TAIL(&q->schedule.active, d, next);
	d->active = true;
}

/* ---- jobs ---- */

static struct str
party_of(const struct job *j)
{
	return str_of((const char *)&j->m->party, sizeof(j->m->party));
}

/* Out of whatever it waits for. */
static void
stop(struct queue *q, struct job *j)
{
	if (j->state == JOB_WAITS)
		heap_take(&q->schedule.waits, &j->timer);
	else if (j->state == JOB_READY)
		fair_take(&j->dest->ready, &j->turn);
	j->late = false;
	j->state = JOB_IDLE;
}

static struct job *
job_new(struct queue *q, struct message *m, struct destination *d)
{
	struct job *j = mem_alloc(sizeof(*j));

	j->magic = JOB_MAGIC;
	j->m = m;
	j->dest = d;
	j->next = m->jobs;
	m->jobs = j;
	d->jobs++;
	q->schedule.jobs++;
	return j;
}

void
schedule_job_done(struct queue *q, struct job *j)
{
	struct destination *d;
	struct job **at;

	OBJ(j, JOB_MAGIC);
	d = j->dest;
	at = &j->m->jobs;
	assume(j->state != JOB_RUNNING);
	stop(q, j);
	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	words_drop(&j->error);
	j->magic = 0;
	free(j);
	d->jobs--;
	q->schedule.jobs--;
	put(q, d);
}

static void
wait_until(struct queue *q, struct job *j, uint64_t due)
{
	j->state = JOB_WAITS;
	heap_put(&q->schedule.waits, &j->timer, due);
	loop_defer(&q->schedule.run);
}

/* Nothing ends it, not even an order to try now: the sender may count on it to take it back. */
uint64_t
schedule_embargo(const struct message *m)
{
	int64_t left = m->release > 0 ? m->release - clock_wall_us() : 0;

	return left > 0 ? (uint64_t)left / 1000 + 1 : 0;
}

void
schedule_job(struct queue *q, struct job *j, uint64_t ms)
{
	OBJ(j, JOB_MAGIC);
	if (j->state == JOB_RUNNING)
		return;
	stop(q, j);
	if (message_is_done(j->m) || (j->m->flags & (MESSAGE_HELD | MESSAGE_DELETED)))
		return;
	ms = num_max(ms, schedule_embargo(j->m));
	if (ms > 0) {
		wait_until(q, j, clock_ms() + ms);
		return;
	}
	j->state = JOB_READY;
	fair_add(&j->dest->ready, party_of(j), &j->turn);
	/* It may be long until its turn: what it weighs in memory others may use. */
	if (j->dest->dead)
		message_close(&q->messages, j->m);
	activate(q, j->dest);
}

/* So much, give or take a tenth, so that what failed together does not come back together. */
static uint64_t
jitter(uint64_t ms)
{
	return ms - ms / 10 +
	       randombytes_uniform((uint32_t)num_min(ms / 5, (uint64_t)INT32_MAX) + 1);
}

uint64_t
schedule_backoff(const struct queue_options *o, uint32_t attempts)
{
	uint64_t ms = o->retry_first;

	for (uint32_t i = 1; i < attempts && ms < o->retry_max; i++)
		ms *= 2;
	return num_min(ms, num_max(o->retry_max, o->retry_first));
}

/* Since when it is on its way. */
static int64_t
began(const struct message *m)
{
	return num_max(m->arrived, m->release);
}

bool
schedule_is_late(const struct message *m, uint64_t ms)
{
	return ms > 0 && clock_wall_us() - began(m) >= (int64_t)(ms * 1000);
}

void
schedule_retry(struct queue *q, struct job *j)
{
	uint64_t ms = jitter(schedule_backoff(&q->o, ++j->attempts));
	int64_t left = began(j->m) + (int64_t)(q->o.lifetime * 1000) - clock_wall_us();

	/* What could not be delivered at once need not be held in memory for the wait. */
	message_close(&q->messages, j->m);
	/* The last attempt is when its time is over, not up to an hour later. */
	if (q->o.lifetime > 0 && left > 0)
		ms = num_min(ms, (uint64_t)left / 1000 + 1);
	schedule_job(q, j, ms);
}

/* ---- messages ---- */

static void
name_party(struct message *m, const struct envelope *env)
{
	struct str who = env->user.n > 0 ? env->user : env->sender;

	m->release = env->release;
	m->sender = hash_keyed(env->sender.p, env->sender.n);
	m->party = hash_keyed(who.p, who.n);
}

/* A job for each destination of what waits; of those that have one already none more. */
static void
make_jobs(struct queue *q, struct message *m, const struct envelope *env)
{
	uint64_t stamp = ++q->schedule.stamp;
	struct message_walk w;

	for (struct job *j = m->jobs; j; j = j->next)
		j->dest->stamp = stamp;
	message_walk(&w, env);
	while (message_walk_next(&w)) {
		struct destination *d;

		if (m->outcomes[w.target] != OUTCOME_WAITING)
			continue;
		d = get(q, &w);
		if (d->stamp == stamp)
			continue;
		d->stamp = stamp;
		(void)job_new(q, m, d);
	}
}

void
schedule_message(struct queue *q, struct message *m, uint64_t ms)
{
	struct envelope env;
	struct arena a;
	struct err e;

	OBJ(m, MESSAGE_MAGIC);
	if (message_is_done(m) || (m->flags & MESSAGE_DELETED))
		return;
	arena_init(&a);
	if (message_envelope(m, &a, &env, NULL, &e) == 0) {
		name_party(m, &env);
		make_jobs(q, m, &env);
	} else {
		log_error("queue.unreadable", LZ("mid", m->mid), LE(&e));
		/* Some job has to try again to read it. */
		if (!m->jobs)
			(void)job_new(q, m, q->schedule.local);
	}
	arena_free(&a);
	/* It may be days: what it weighs in memory others may use. */
	if (schedule_embargo(m) > 0)
		message_close(&q->messages, m);
	for (struct job *j = m->jobs; j; j = j->next)
		schedule_job(q, j, ms);
}

void
schedule_stop(struct queue *q, struct message *m)
{
	for (struct job *j = m->jobs; j; j = j->next)
		if (j->state != JOB_RUNNING)
			stop(q, j);
}

void
schedule_forget(struct queue *q, struct message *m)
{
	struct job *j, *next;

	for (j = m->jobs; j; j = next) {
		next = j->next;
		if (j->state != JOB_RUNNING)
			schedule_job_done(q, j);
	}
}

/* ---- running ---- */

static void
begin(struct queue *q, struct job *j)
{
	j->state = JOB_RUNNING;
	j->m->running++;
	j->dest->running++;
	q->schedule.running++;
	if (j->dest->kind == DEST_REMOTE)
		q->schedule.remote++;
	deliver_start(q, j);
}

static void
begin_next(struct queue *q, struct destination *d)
{
	struct job *j = of_turn(fair_next(&d->ready));

	stop(q, j);
	begin(q, j);
}

void
schedule_ended(struct queue *q, struct job *j)
{
	OBJ(j, JOB_MAGIC);
	assume(j->state == JOB_RUNNING);
	j->state = JOB_IDLE;
	j->late = false;
	j->m->running--;
	j->dest->running--;
	q->schedule.running--;
	if (j->dest->kind == DEST_REMOTE)
		q->schedule.remote--;
	activate(q, j->dest);
}

/* What has waited long enough, at most so many late ones: the others in the next turn. */
static void
wake_jobs(struct queue *q, uint64_t now)
{
	struct heap_item *i;
	size_t late = 0;

	while ((i = heap_first(&q->schedule.waits)) != NULL && i->due <= now) {
		struct job *j = of_timer(i);

		if (j->late && late++ == LATE_TURN)
			return;
		if (j->late) {
			heap_take(&q->schedule.waits, i);
			begin(q, j);
		} else {
			schedule_job(q, j, 0);
		}
	}
}

static void
wake_dead(struct queue *q, uint64_t now)
{
	struct heap_item *i;

	while ((i = heap_first(&q->schedule.dead)) != NULL && i->due <= now) {
		struct destination *d = of_dead(i);

		set_alive(q, d);
		destination_probe(d);
		activate(q, d);
	}
}

static void
run_remote(struct queue *q, uint64_t now)
{
	struct schedule *s = &q->schedule;
	struct destination *d;

	for (size_t n = 0; (d = TAILQ_FIRST(&s->active)) != NULL; n++) {
		if (s->remote >= q->o.remote || s->away[DEST_REMOTE] > now)
			return;
		if (n == START_TURN) {
			loop_defer(&s->run);
			return;
		}
		TAILQ_REMOVE(&s->active, d, next);
		d->active = has_room(q, d);
		if (!d->active)
			continue; /* it comes back when one of its own ends */
		TAILQ_INSERT_TAIL(&s->active, d, next);
		begin_next(q, d);
	}
}

static void
set_timer(struct queue *q, uint64_t now)
{
	struct schedule *s = &q->schedule;
	struct heap_item *job = heap_first(&s->waits), *dead = heap_first(&s->dead);
	uint64_t due = UINT64_MAX;

	if (job)
		due = job->due;
	if (dead)
		due = num_min(due, dead->due);
	for (size_t i = 0; i < DEST_KINDS; i++)
		if (s->away[i] > now)
			due = num_min(due, s->away[i]);
	loop_timer_stop(s->timer);
	if (due != UINT64_MAX)
		loop_timer_set(s->timer, due > now ? due - now : 0);
}

static void
run(void *arg)
{
	struct queue *q = arg;
	struct schedule *s = &q->schedule;
	uint64_t now = clock_ms();

	loop_timer_stop(s->timer);
	if (s->stopped)
		return;
	wake_dead(q, now);
	wake_jobs(q, now);
	while (s->away[DEST_LOCAL] <= now && has_room(q, s->local))
		begin_next(q, s->local);
	while (s->away[DEST_LOOKUP] <= now && has_room(q, s->lookup))
		begin_next(q, s->lookup);
	run_remote(q, now);
	set_timer(q, now);
}

/* ---- how a destination fares ---- */

struct lateness {
	struct queue *q;
	struct job **v;
	size_t n;
};

static bool
is_to_be_told(const struct queue *q, const struct message *m)
{
	return schedule_is_late(m, q->o.lifetime) ||
	       (!(m->flags & MESSAGE_DELAYED) && schedule_is_late(m, q->o.delay_notice));
}

static void
find_late(void *arg, struct fair_item *i)
{
	struct lateness *l = arg;

	if (is_to_be_told(l->q, of_turn(i)->m))
		l->v[l->n++] = of_turn(i);
}

/* Those that would hear of it if they were tried now hear of it so. */
static void
tell_late(struct queue *q, struct destination *d)
{
	struct lateness l = {.q = q};

	if (d->ready.n == 0)
		return;
	l.v = mem_array(d->ready.n, sizeof(struct job *));
	fair_each(&d->ready, find_late, &l);
	for (size_t i = 0; i < l.n; i++) {
		stop(q, l.v[i]);
		l.v[i]->late = true;
		wait_until(q, l.v[i], clock_ms());
	}
	free(l.v);
}

void
schedule_fared(struct queue *q, struct destination *d, struct str why)
{
	uint64_t ms;

	if (why.n == 0) {
		if (d->dead)
			destination_probe(d);
		set_alive(q, d);
		if (d->died > 0)
			log_info("queue.alive", LZ("destination", d->key), LU("waiting", d->jobs));
		destination_worked(d, q->o.destination_max);
		return;
	}
	if (!destination_failed(d, why))
		return;
	ms = jitter(schedule_backoff(&q->o, d->died));
	heap_put(&q->schedule.dead, &d->timer, clock_ms() + ms);
	q->schedule.ndead++;
	metric_set(METRIC_QUEUE_DEAD, (int64_t)q->schedule.ndead);
	log_info("queue.dead", LZ("destination", d->key), LU("waiting", d->jobs), LU("ms", ms),
	    LS("why", why));
	tell_late(q, d);
	loop_defer(&q->schedule.run);
}

void
schedule_back(struct queue *q, enum destination_kind kind)
{
	q->schedule.away[kind] = 0;
	loop_defer(&q->schedule.run);
}

void
schedule_away(struct queue *q, enum destination_kind kind)
{
	q->schedule.away[kind] = clock_ms() + AWAY_MS;
	loop_defer(&q->schedule.run);
}

void
schedule_revive(struct queue *q, struct str key)
{
	struct destination *d, *next;

	HASH_ITER (hh, q->schedule.remotes, d, next) {
		if (!d->dead || (key.n > 0 && !str_ieq(key, str_z(d->key))))
			continue;
		set_alive(q, d);
		destination_probe(d);
		activate(q, d);
	}
}

/* ---- life ---- */

void
schedule_init(struct queue *q)
{
	struct schedule *s = &q->schedule;

	*s = (struct schedule){0};
	TAILQ_INIT(&s->active);
	s->local = destination_new(DEST_LOCAL, STR("local"), 1);
	s->lookup = destination_new(DEST_LOOKUP, STR("lookup"), 1);
	s->timer = loop_timer_new(run, q);
	loop_defer_init(&s->run, run, q);
}

void
schedule_done(struct queue *q)
{
	struct schedule *s = &q->schedule;
	struct message *m, *next;

	HASH_ITER (hh, q->messages.by_mid, m, next)
		schedule_forget(q, m);
	destination_free(&s->local);
	destination_free(&s->lookup);
	heap_done(&s->waits);
	heap_done(&s->dead);
	loop_timer_free(&s->timer);
	loop_defer_cancel(&s->run);
}
