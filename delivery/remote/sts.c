/*
 * sts.c - which policy of MTA-STS holds for a domain. See sts.h.
 *
 * A question asks for the TXT record (gk-dnsd has it in its cache). A policy that is known under
 * its id is the answer; another id has the policy fetched, once for all who ask meanwhile. When
 * that fails, what was known before holds on (RFC 8461 5.1), or else there is none, and no fetch is
 * tried for five minutes (RFC 8461 3.3).
 *
 * Owner: the policy. Errors: none; a failed fetch is logged.
 */
#include "delivery/remote/sts.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "delivery/remote/sts_cache.h"
#include "delivery/remote/sts_fetch.h"
#include "io/loop.h"

#define ASK_MAGIC      0x53415351u
#define FETCHING_MAGIC 0x53464e47u
#define RETRY_MS       (5u * 60 * 1000)
#define SWEEP_MS       (10u * 60 * 1000)
#define REFRESH_S      86400u /* RFC 8461 3.3: once a day */
#define FETCHES_MAX    20u    /* at one time; others wait */

struct sts_fetching {
	unsigned magic;
	struct sts *sts;
	struct sts_domain *domain;
	char *id;                /* of the TXT record */
	struct sts_fetch *fetch; /* NULL while it waits */
	TAILQ_ENTRY(sts_fetching) link;
};

struct sts {
	struct dns *dns;
	struct https *https;
	uint16_t port;
	struct sts_cache cache;
	struct loop_timer *timer;
	LIST_HEAD(, sts_ask) asks;
	TAILQ_HEAD(, sts_fetching) waiting, running;
	unsigned nrunning;
};

struct sts_ask {
	unsigned magic;
	struct sts *sts;
	struct str domain; /* owned, lower case */
	struct dns_ask *ask;
	bool waits; /* for the domain's fetch */
	sts_fn fn;
	void *arg;
	LIST_ENTRY(sts_ask) link;
};

/* ---- answers ---- */

const struct sts_policy *
sts_find(struct sts *s, struct str domain)
{
	struct sts_domain *d = sts_cache_find(&s->cache, domain);

	if (d == NULL || !sts_domain_holds(d))
		return NULL;
	d->used = true;
	return d->kept.policy.mode != STS_NONE ? &d->kept.policy : NULL;
}

static void
ask_free(struct sts_ask *a)
{
	LIST_REMOVE(a, link);
	dns_cancel(&a->ask);
	free((char *)a->domain.p);
	a->magic = 0;
	free(a);
}

static void
answer(struct sts_ask *a)
{
	a->fn(a->arg, sts_find(a->sts, a->domain));
	ask_free(a);
}

static struct sts_ask *
waiting_for(struct sts *s, struct str domain)
{
	struct sts_ask *a;

	LIST_FOREACH (a, &s->asks, link)
		/* clang-tidy does not see that LIST_REMOVE changes the head of the list. */
		if (a->waits && str_eq(a->domain, domain)) /* NOLINT(clang-analyzer-unix.Malloc) */
			return a;
	return NULL;
}

/* Whoever is called back may cancel other questions: each is looked for afresh. */
static void
answer_all(struct sts *s, struct str domain)
{
	struct sts_ask *a;

	while ((a = waiting_for(s, domain)) != NULL) {
		a->waits = false;
		answer(a);
	}
}

/* ---- fetches ---- */

static void
fetching_free(struct sts_fetching *f)
{
	sts_fetch_cancel(&f->fetch);
	f->domain->fetch = NULL;
	free(f->id);
	f->magic = 0;
	free(f);
}

static void on_fetched(void *arg, const struct sts_policy *p, const struct err *e);

static void
run(struct sts *s)
{
	struct sts_fetching *f;

	while (s->nrunning < FETCHES_MAX && (f = TAILQ_FIRST(&s->waiting)) != NULL) {
		TAILQ_REMOVE(&s->waiting, f, link);
		TAILQ_INSERT_TAIL(&s->running, f, link);
		s->nrunning++;
		f->fetch =
		    sts_fetch(s->dns, s->https, str_z(f->domain->name), s->port, on_fetched, f);
	}
}

static void
on_fetched(void *arg, const struct sts_policy *p, const struct err *e)
{
	struct sts_fetching *f = arg;
	struct sts *s = f->sts;
	struct sts_domain *d = f->domain;
	struct sts_policy got;
	char *name;

	OBJ(f, FETCHING_MAGIC);
	f->fetch = NULL;
	TAILQ_REMOVE(&s->running, f, link);
	s->nrunning--;
	if (p != NULL) {
		got = *p;
		got.id = str_z(f->id);
		sts_cache_keep(&s->cache, d, &got);
		log_info("sts.policy", LZ("domain", d->name), LZ("mode", sts_mode_name(got.mode)),
		    LS("id", got.id), LU("max_age", got.max_age));
	} else {
		d->not_before = clock_ms() + RETRY_MS;
		log_warn("sts.fetch", LZ("domain", d->name),
		    LZ("before", sts_domain_holds(d) ? "kept" : "none"), LE(e));
	}
	name = mem_dup(d->name, strlen(d->name));
	fetching_free(f);
	answer_all(s, str_z(name));
	free(name);
	run(s);
}

static void
begin(struct sts *s, struct sts_domain *d, struct str id)
{
	struct sts_fetching *f = mem_alloc(sizeof(*f));

	f->magic = FETCHING_MAGIC;
	f->sts = s;
	f->domain = d;
	f->id = mem_dup(id.p, id.n);
	d->fetch = f;
	TAILQ_INSERT_TAIL(&s->waiting, f, link);
	run(s);
}

/* Is it time to fetch a policy anew that holds still? */
static bool
is_due(const struct sts_domain *d)
{
	uint32_t age = num_min(REFRESH_S, d->kept.policy.max_age / 2);

	return d->fetch == NULL && d->used && sts_domain_holds(d) &&
	       clock_wall() >= d->kept.fetched + age && clock_ms() >= d->not_before;
}

static void
on_timer(void *arg)
{
	struct sts *s = arg;
	struct sts_domain *d;

	loop_timer_set(s->timer, SWEEP_MS);
	sts_cache_sweep(&s->cache);
	TAILQ_FOREACH (d, &s->cache.order, link)
		if (is_due(d))
			begin(s, d, d->kept.policy.id);
}

/* ---- questions ---- */

/* The id of the one record of MTA-STS (RFC 8461 3.1), or nothing. */
static struct str
id_of(const struct dns_answer *r)
{
	struct str id = STR_NONE, found = STR_NONE;
	unsigned n = 0;
	struct err e;

	for (size_t i = 0; i < r->n; i++)
		if (sts_is_record(r->records[i].data) && n++ == 0 &&
		    sts_record_id(r->records[i].data, &id, &e) == 0)
			found = id;
	return n == 1 ? found : STR_NONE;
}

static void
on_txt(void *arg, const struct dns_answer *r)
{
	struct sts_ask *a = arg;
	struct sts *s = a->sts;
	struct sts_domain *d;
	struct str id;

	OBJ(a, ASK_MAGIC);
	a->ask = NULL;
	id = r->status == DNS_FOUND ? id_of(r) : STR_NONE;
	d = sts_cache_find(&s->cache, a->domain);
	if (id.n == 0 || (d != NULL && sts_domain_holds(d) && str_eq(d->kept.policy.id, id)))
		return answer(a);
	d = sts_cache_get(&s->cache, a->domain);
	if (d->fetch == NULL && clock_ms() < d->not_before)
		return answer(a);
	a->waits = true;
	if (d->fetch == NULL)
		begin(s, d, id);
}

struct sts_ask *
sts_ask(struct sts *s, struct str domain, sts_fn fn, void *arg)
{
	struct sts_ask *a = mem_alloc(sizeof(*a));
	char name[DNS_NAME_MAX + 20];

	a->magic = ASK_MAGIC;
	a->sts = s;
	a->domain = str_of(mem_dup(domain.p, domain.n), domain.n);
	str_lower(a->domain, (char *)a->domain.p);
	a->fn = fn;
	a->arg = arg;
	LIST_INSERT_HEAD(&s->asks, a, link);
	(void)snprintf(
	    name, sizeof(name), "_mta-sts." STR_FMT, STR_ARG(str_sub(a->domain, 0, DNS_NAME_MAX)));
	a->ask = dns_ask(s->dns, str_z(name), DNS_TXT, 0, on_txt, a);
	return a;
}

void
sts_cancel(struct sts_ask **a)
{
	if (*a == NULL)
		return;
	OBJ(*a, ASK_MAGIC);
	ask_free(*a);
	*a = NULL;
}

struct sts *
sts_new(struct dns *dns, struct https *https, int dir, uint16_t port, struct err *e)
{
	struct sts *s = mem_alloc(sizeof(*s));

	s->dns = dns;
	s->https = https;
	s->port = port;
	LIST_INIT(&s->asks);
	TAILQ_INIT(&s->waiting);
	TAILQ_INIT(&s->running);
	if (sts_cache_init(&s->cache, dir, e) < 0) {
		sts_cache_done(&s->cache);
		free(s);
		return NULL;
	}
	s->timer = loop_timer_new(on_timer, s);
	loop_timer_set(s->timer, SWEEP_MS);
	return s;
}

void
sts_free(struct sts **s)
{
	struct sts *x = *s;
	struct sts_ask *a, *next;
	struct sts_fetching *f;

	if (x == NULL)
		return;
	for (a = LIST_FIRST(&x->asks); a != NULL; a = next) {
		next = LIST_NEXT(a, link);
		ask_free(a);
	}
	TAILQ_CONCAT(&x->running, &x->waiting, link);
	while ((f = TAILQ_FIRST(&x->running)) != NULL) {
		TAILQ_REMOVE(&x->running, f, link);
		fetching_free(f);
	}
	sts_cache_done(&x->cache);
	loop_timer_free(&x->timer);
	free(x);
	*s = NULL;
}
