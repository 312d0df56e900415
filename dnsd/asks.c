/*
 * asks.c - questions and those who wait for them. See asks.h.
 *
 * Owner of a question: the table, until the resolver has answered it. Owner of a waiter: its
 * question. Errors: none; what goes wrong is an answer.
 */
#include "dnsd/asks.h"

#include <sys/queue.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "dnsd/resolver.h"
#include "io/loop.h"
#include "net/dns.h"
#include "svc/metrics.h"

struct question;

struct asker {
	struct ipc_chan *chan;
	unsigned active; /* questions of its in the resolver */
	unsigned open;   /* waiters */
	bool running;    /* in run_queue() */
	struct asker *next;
	TAILQ_HEAD(, question) queue; /* its questions that wait for their turn */
};

struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct question *question;
	struct asker *asker;
	uint64_t call;
	struct loop_timer *deadline;
};

struct question {
	UT_hash_handle hh;
	TAILQ_ENTRY(question) link; /* in its asker's queue */
	struct asker *asker;        /* whose share it takes; NULL: who asked first is gone */
	TAILQ_HEAD(, waiter) waiters;
	uint64_t began_us;
	bool queued, asked;
	enum dns_type type;
	struct str name;
	size_t key_n;
	char key[2 + DNS_NAME_MAX + 1]; /* type, then the name in lower case */
};

static struct question *questions;
static struct asker *askers;
static uint64_t timeout_ms = 10000;

void
asks_set_timeout(uint64_t ms)
{
	timeout_ms = ms;
}

/* ---- askers ---- */

static struct asker *
asker_of(struct ipc_chan *c)
{
	struct asker *a;

	for (a = askers; a != NULL; a = a->next)
		if (a->chan == c)
			return a;
	a = mem_alloc(sizeof(*a));
	a->chan = c;
	TAILQ_INIT(&a->queue);
	a->next = askers;
	askers = a;
	return a;
}

/* ---- answers ---- */

static void
reply(const struct waiter *w, const struct dns_answer *r)
{
	struct ipc_out m;

	dns_answer_put(&m, r);
	ipc_reply(w->asker->chan, w->call, &m);
}

static void
reply_temp(struct ipc_chan *c, uint64_t call, enum dns_status status, const char *why)
{
	struct dns_answer r = {.status = status, .why = str_z(why)};
	struct ipc_out m;

	dns_answer_put(&m, &r);
	ipc_reply(c, call, &m);
}

static void
waiter_free(struct waiter *w)
{
	w->asker->open--;
	TAILQ_REMOVE(&w->question->waiters, w, link);
	loop_timer_free(&w->deadline);
	free(w);
}

static void
question_free(struct question *q)
{
	if (q->queued)
		TAILQ_REMOVE(&q->asker->queue, q, link);
	HASH_DEL(questions, q);
	free(q);
}

static void
count(const struct question *q, const struct dns_answer *r)
{
	static const enum metric of[] = {[DNS_FOUND] = METRIC_DNS_FOUND,
	    [DNS_NO_DATA] = METRIC_DNS_NONE,
	    [DNS_NO_NAME] = METRIC_DNS_NONE,
	    [DNS_TEMP] = METRIC_DNS_TEMP,
	    [DNS_BOGUS] = METRIC_DNS_BOGUS,
	    [DNS_TOO_LARGE] = METRIC_DNS_TEMP};
	uint64_t us = clock_us() - q->began_us;

	metric_add(of[r->status], 1);
	if (r->secure)
		metric_add(METRIC_DNS_SECURE, 1);
	if (r->status == DNS_BOGUS)
		log_warn("dns.bogus", LS("name", q->name), LZ("type", dns_type_name(q->type)),
		    LS("error", r->why));
	else
		log_debug("dns.answer", LS("name", q->name), LZ("type", dns_type_name(q->type)),
		    LZ("status", dns_status_name(r->status)), LU("secure", r->secure),
		    LU("records", r->n), LU("ms", us / 1000));
}

static void run_queue(struct asker *a);

static void
resolved(void *arg, const struct dns_answer *r)
{
	struct question *q = arg;
	struct asker *a = q->asker;
	struct waiter *w, *next;

	count(q, r);
	metric_add(METRIC_DNS_OPEN, -1);
	if (q->asked)
		metric_observe(METRIC_DNS_SECONDS, clock_us() - q->began_us);
	else
		metric_add(METRIC_DNS_HITS, 1);
	for (w = TAILQ_FIRST(&q->waiters); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		reply(w, r);
		waiter_free(w);
	}
	question_free(q);
	if (a != NULL) {
		a->active--;
		run_queue(a);
	}
}

/* ---- questions ---- */

static void
ask(struct question *q)
{
	const unsigned key_n = (unsigned)q->key_n;
	char key[sizeof(q->key)];
	struct question *still;

	q->asker->active++;
	metric_add(METRIC_DNS_OPEN, 1);
	memcpy(key, q->key, key_n);
	resolver_ask(q->name, q->type, resolved, q);
	/* Is it still there? The cache answers from inside. */
	HASH_FIND(hh, questions, key, key_n, still);
	if (still != NULL)
		still->asked = true;
}

static void
enqueue(struct question *q, struct asker *a)
{
	q->asker = a;
	q->queued = true;
	TAILQ_INSERT_TAIL(&a->queue, q, link);
}

/* Asks what there is a place for. An answer from the cache frees its place at once and comes back
 * here: a loop, not a recursion. */
static void
run_queue(struct asker *a)
{
	struct question *q;

	if (a->running)
		return;
	a->running = true;
	while ((q = TAILQ_FIRST(&a->queue)) != NULL && a->active < ASKS_ACTIVE) {
		TAILQ_REMOVE(&a->queue, q, link);
		q->queued = false;
		ask(q);
	}
	a->running = false;
}

static void
on_deadline(void *arg)
{
	struct waiter *w = arg;
	struct question *q = w->question;

	reply_temp(w->asker->chan, w->call, DNS_TEMP, "no answer in time");
	waiter_free(w);
	if (q->queued && TAILQ_EMPTY(&q->waiters))
		question_free(q);
}

static void
wait_for(struct question *q, struct asker *a, uint64_t call, uint64_t ms)
{
	struct waiter *w = mem_alloc(sizeof(*w));

	w->question = q;
	w->asker = a;
	w->call = call;
	w->deadline = loop_timer_new(on_deadline, w);
	loop_timer_set(w->deadline, ms == 0 ? timeout_ms : num_min(ms, timeout_ms));
	a->open++;
	TAILQ_INSERT_TAIL(&q->waiters, w, link);
}

static size_t
make_key(char *key, struct str name, enum dns_type type)
{
	num_put_u16(key, (uint16_t)type);
	str_lower(name, key + 2);
	return name.n + 2;
}

static struct question *
question_new(const char *key, size_t key_n, enum dns_type type)
{
	struct question *q = mem_alloc(sizeof(*q));

	TAILQ_INIT(&q->waiters);
	memcpy(q->key, key, key_n);
	q->key_n = key_n;
	q->name = str_of(q->key + 2, key_n - 2);
	q->type = type;
	q->began_us = clock_us();
	HASH_ADD(hh, questions, key, (unsigned)key_n, q);
	return q;
}

void
asks_take(struct ipc_chan *c, struct ipc_in *m)
{
	struct str name = ipc_get_str(m);
	enum dns_type type = (enum dns_type)ipc_get_u32(m);
	uint64_t ms = ipc_get_u32(m);
	char key[2 + DNS_NAME_MAX + 1];
	struct question *q;
	struct asker *a;
	size_t n;

	if (ipc_end(m) < 0)
		return;
	a = asker_of(c);
	if (dns_type_name(type) == NULL || !dns_is_name(name)) {
		reply_temp(c, m->id, DNS_NO_NAME, "");
		return;
	}
	if (name.n > 1 && name.p[name.n - 1] == '.')
		name.n--;
	if (a->open >= ASKS_MAX) {
		reply_temp(c, m->id, DNS_TEMP, "too many questions at one time");
		return;
	}
	n = make_key(key, name, type);
	HASH_FIND(hh, questions, key, (unsigned)n, q);
	if (q != NULL) {
		metric_add(METRIC_DNS_MERGED, 1);
		wait_for(q, a, m->id, ms);
		/* It must not wait in the queue of one who asks too much. */
		if (q->queued && q->asker != a && a->active < ASKS_ACTIVE) {
			TAILQ_REMOVE(&q->asker->queue, q, link);
			enqueue(q, a);
		}
	} else {
		q = question_new(key, n, type);
		wait_for(q, a, m->id, ms);
		enqueue(q, a);
	}
	run_queue(a);
}

/* ---- the end ---- */

static void
forget_waiters(const struct asker *a)
{
	struct question *q, *next_q;
	struct waiter *w, *next_w;

	HASH_ITER (hh, questions, q, next_q)
		for (w = TAILQ_FIRST(&q->waiters); w != NULL; w = next_w) {
			next_w = TAILQ_NEXT(w, link);
			if (w->asker == a)
				waiter_free(w);
		}
}

void
asks_forget(struct ipc_chan *c)
{
	struct asker **at, *a = NULL;
	struct question *q, *next;

	for (at = &askers; *at != NULL; at = &(*at)->next)
		if ((*at)->chan == c) {
			a = *at;
			*at = a->next;
			break;
		}
	if (a == NULL)
		return;
	forget_waiters(a);
	HASH_ITER (hh, questions, q, next) {
		if (q->asker != a)
			continue;
		/* What the resolver has goes on in nobody's name. */
		q->asker = NULL;
		if (!q->queued)
			continue;
		TAILQ_REMOVE(&a->queue, q, link);
		q->queued = false;
		if (TAILQ_EMPTY(&q->waiters))
			question_free(q);
		else
			enqueue(q, TAILQ_FIRST(&q->waiters)->asker);
	}
	free(a);
}

void
asks_done(void)
{
	resolver_stop();
	while (askers != NULL)
		asks_forget(askers->chan);
	while (questions != NULL)
		question_free(questions);
}
