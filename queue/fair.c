/*
 * fair.c - see fair.h.
 */
#include "queue/fair.h"

#include "base/hash.h"
#include "base/mem.h"

struct fair_party {
	TAILQ_ENTRY(fair_party) next;
	TAILQ_HEAD(fair_items, fair_item) items; /* oldest first; never empty */
	size_t n;
	UT_hash_handle hh;
	size_t key_n;
	char key[];
};

void
fair_init(struct fair *f)
{
	TAILQ_INIT(&f->parties);
	f->by_key = NULL;
	f->n = 0;
}

static struct fair_party *
find(const struct fair *f, struct str key)
{
	struct fair_party *p;

	HASH_FIND(hh, f->by_key, key.p, key.n, p);
	return p;
}

void
fair_add(struct fair *f, struct str key, struct fair_item *i)
{
	struct fair_party *p = find(f, key);

	assume(i->party == NULL);
	if (p == NULL) {
		p = mem_alloc(sizeof(*p) + key.n);
		p->key_n = key.n;
		if (key.n > 0)
			memcpy(p->key, key.p, key.n);
		TAILQ_INIT(&p->items);
		HASH_ADD_KEYPTR(hh, f->by_key, p->key, p->key_n, p);
		TAILQ_INSERT_TAIL(&f->parties, p, next);
	}
	TAILQ_INSERT_TAIL(&p->items, i, next);
	i->party = p;
	p->n++;
	f->n++;
}

struct fair_item *
fair_next(const struct fair *f)
{
	const struct fair_party *p = TAILQ_FIRST(&f->parties);

	return p ? TAILQ_FIRST(&p->items) : NULL;
}

void
fair_take(struct fair *f, struct fair_item *i)
{
	struct fair_party *p = i->party;
	bool turn = fair_next(f) == i;

	TAILQ_REMOVE(&p->items, i, next);
	i->party = NULL;
	p->n--;
	f->n--;
	if (turn || p->n == 0)
		TAILQ_REMOVE(&f->parties, p, next);
	if (p->n == 0) {
		HASH_DEL(f->by_key, p);
		free(p);
	} else if (turn) {
		TAILQ_INSERT_TAIL(&f->parties, p, next);
	}
}

struct fair_item *
fair_greediest(const struct fair *f, struct str key)
{
	const struct fair_party *own = find(f, key), *p, *most = NULL;
	size_t n = (own ? own->n : 0) + 1;

	TAILQ_FOREACH (p, &f->parties, next)
		if (p->n > n) {
			most = p;
			n = p->n;
		}
	return most ? TAILQ_LAST(&most->items, fair_items) : NULL;
}

void
fair_each(const struct fair *f, void (*fn)(void *arg, struct fair_item *i), void *arg)
{
	const struct fair_party *p;
	struct fair_item *i;

	TAILQ_FOREACH (p, &f->parties, next)
		TAILQ_FOREACH (i, &p->items, next)
			fn(arg, i);
}
