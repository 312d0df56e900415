/*
 * sts_cache.c - policies of MTA-STS in memory and on disk. See sts_cache.h.
 *
 * Owner: struct sts. Errors: a file that cannot be written is logged; memory has the policy.
 */
#include "delivery/remote/sts_cache.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/dns.h"

/* A file says a time that has not come: the clock was wrong then, or is now. Nothing holds longer
 * than its max_age from now. */
static int64_t
end_of(const struct sts_kept *k)
{
	return k->fetched + k->policy.max_age;
}

bool
sts_domain_holds(const struct sts_domain *d)
{
	return d->known && clock_wall() < end_of(&d->kept);
}

static void
remove_domain(struct sts_cache *c, struct sts_domain *d, bool file)
{
	struct err e;

	if (file && d->known && c->dir >= 0 && sts_file_remove(c->dir, str_z(d->name), &e) < 0)
		log_warn("sts.file", LZ("domain", d->name), LE(&e));
	HASH_DEL(c->all, d);
	TAILQ_REMOVE(&c->order, d, link);
	c->n--;
	arena_free(&d->arena);
	free(d->name);
	free(d);
}

struct sts_domain *
sts_cache_find(struct sts_cache *c, struct str domain)
{
	struct sts_domain *d;

	HASH_FIND(hh, c->all, domain.p, domain.n, d);
	if (d != NULL) {
		TAILQ_REMOVE(&c->order, d, link);
		TAILQ_INSERT_TAIL(&c->order, d, link);
	}
	return d;
}

/* The oldest that nothing is under way for. */
static void
make_room(struct sts_cache *c)
{
	struct sts_domain *d, *next;

	for (d = TAILQ_FIRST(&c->order); d != NULL && c->n >= STS_CACHE_MAX; d = next) {
		next = TAILQ_NEXT(d, link);
		if (d->fetch == NULL)
			remove_domain(c, d, true);
	}
}

struct sts_domain *
sts_cache_get(struct sts_cache *c, struct str domain)
{
	struct sts_domain *d = sts_cache_find(c, domain);

	if (d != NULL)
		return d;
	make_room(c);
	d = mem_alloc(sizeof(*d));
	d->name = mem_dup(domain.p, domain.n);
	arena_init(&d->arena);
	HASH_ADD_KEYPTR(hh, c->all, d->name, domain.n, d);
	TAILQ_INSERT_TAIL(&c->order, d, link);
	c->n++;
	return d;
}

static void
set(struct sts_domain *d, const struct sts_kept *k)
{
	arena_reset(&d->arena);
	d->kept = *k;
	sts_policy_copy(&d->arena, &k->policy, &d->kept.policy);
	d->known = true;
	d->used = false;
	d->not_before = 0;
}

void
sts_cache_keep(struct sts_cache *c, struct sts_domain *d, const struct sts_policy *p)
{
	struct sts_kept k = {*p, clock_wall()};
	struct err e;

	set(d, &k);
	if (c->dir >= 0 && sts_file_write(c->dir, str_z(d->name), &d->kept, &e) < 0)
		log_warn("sts.file", LZ("domain", d->name), LE(&e));
}

static void
on_file(void *arg, struct str domain, const struct sts_kept *k)
{
	struct sts_cache *c = arg;
	struct sts_domain *d;

	if (c->n >= STS_CACHE_MAX)
		return;
	d = sts_cache_get(c, domain);
	set(d, k);
	if (d->kept.fetched > clock_wall())
		d->kept.fetched = clock_wall();
}

int
sts_cache_init(struct sts_cache *c, int dir, struct err *e)
{
	*c = (struct sts_cache){.dir = dir};
	TAILQ_INIT(&c->order);
	if (dir >= 0 && sts_file_read_all(dir, on_file, c, e) < 0)
		return -1;
	sts_cache_sweep(c);
	return 0;
}

void
sts_cache_done(struct sts_cache *c)
{
	struct sts_domain *d, *next;

	for (d = TAILQ_FIRST(&c->order); d != NULL; d = next) {
		next = TAILQ_NEXT(d, link);
		remove_domain(c, d, false);
	}
}

void
sts_cache_sweep(struct sts_cache *c)
{
	struct sts_domain *d, *next;

	for (d = TAILQ_FIRST(&c->order); d != NULL; d = next) {
		next = TAILQ_NEXT(d, link);
		if (d->fetch == NULL && !sts_domain_holds(d) && clock_ms() >= d->not_before)
			remove_domain(c, d, true);
	}
}
