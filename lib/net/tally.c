/*
 * tally.c - see tally.h.
 */
#include "net/tally.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

#define UNIT 1000u

/* Of a table, so much may be heavy: there is always room for those who are new. */
#define HEAVY_MAX(max) ((max) - (max) / 4)

TAILQ_HEAD(list, tally_entry);

struct tally {
	struct tally_entry *all;
	struct list light, heavy; /* not pinned; used longest ago first */
	size_t nlight, nheavy, max;
};

struct tally_key
tally_key_of(const struct network *n)
{
	struct tally_key k;

	memcpy(k.octets, n->net, sizeof(n->net));
	k.octets[sizeof(n->net)] = n->bits;
	return k;
}

struct tally *
tally_new(size_t max)
{
	struct tally *t = mem_alloc(sizeof(*t));

	assume(max >= 4);
	t->max = max;
	TAILQ_INIT(&t->light);
	TAILQ_INIT(&t->heavy);
	return t;
}

static void
unlink_entry(struct tally *t, struct tally_entry *x)
{
	if (x->heavy) {
		TAILQ_REMOVE(&t->heavy, x, link);
		t->nheavy--;
	} else {
		TAILQ_REMOVE(&t->light, x, link);
		t->nlight--;
	}
}

static void
link_entry(struct tally *t, struct tally_entry *x)
{
	if (x->heavy) {
		TAILQ_INSERT_TAIL(&t->heavy, x, link);
		t->nheavy++;
	} else {
		TAILQ_INSERT_TAIL(&t->light, x, link);
		t->nlight++;
	}
}

static void
forget(struct tally *t, struct tally_entry *x)
{
	unlink_entry(t, x);
	HASH_DEL(t->all, x);
	free(x);
}

void
tally_free(struct tally **tp)
{
	struct tally *t = *tp;
	struct tally_entry *x, *next;

	if (t == NULL)
		return;
	*tp = NULL;
	HASH_ITER (hh, t->all, x, next) {
		HASH_DEL(t->all, x);
		free(x);
	}
	free(t);
}

/* What was heavy and has leaked out is light. */
static void
settle(struct tally *t)
{
	struct tally_entry *x = TAILQ_FIRST(&t->heavy);

	if (x != NULL && (x->until <= clock_ms() || t->nheavy > HEAVY_MAX(t->max))) {
		unlink_entry(t, x);
		x->heavy = false;
		link_entry(t, x);
	}
}

static void
make_room(struct tally *t)
{
	settle(t);
	while (t->nlight + t->nheavy >= t->max)
		forget(t, t->nlight > 0 ? TAILQ_FIRST(&t->light) : TAILQ_FIRST(&t->heavy));
}

struct tally_entry *
tally_find(struct tally *t, const struct tally_key *key)
{
	struct tally_entry *x;

	HASH_FIND(hh, t->all, key, sizeof(*key), x);
	return x;
}

struct tally_entry *
tally_get(struct tally *t, const struct tally_key *key)
{
	struct tally_entry *x = tally_find(t, key);

	if (x == NULL) {
		make_room(t);
		x = mem_alloc(sizeof(*x));
		x->key = *key;
		HASH_ADD(hh, t->all, key, sizeof(x->key), x);
		link_entry(t, x);
	} else if (x->pins == 0) {
		unlink_entry(t, x);
		link_entry(t, x);
	}
	return x;
}

void
tally_pin(struct tally *t, struct tally_entry *x)
{
	if (x->pins++ == 0)
		unlink_entry(t, x);
}

void
tally_unpin(struct tally *t, struct tally_entry *x)
{
	assume(x->pins > 0);
	if (--x->pins > 0)
		return;
	make_room(t);
	link_entry(t, x);
}

/* Thousandths in the bucket now. */
static uint64_t
level(const struct tally_entry *x, unsigned i, const struct tally_rate *rate)
{
	uint64_t passed = clock_ms() - x->bucket[i].at, leaked;

	if (rate->n == 0 || passed >= 2 * rate->ms || !num_mul(passed, rate->n * UNIT, &leaked))
		return 0;
	leaked /= rate->ms;
	return leaked >= x->bucket[i].used ? 0 : x->bucket[i].used - leaked;
}

bool
tally_room(const struct tally_entry *x, unsigned i, const struct tally_rate *rate, uint64_t n)
{
	assume(i < TALLY_BUCKETS);
	return rate->n == 0 || level(x, i, rate) + n * UNIT <= rate->n * UNIT;
}

static void
become_heavy(struct tally *t, struct tally_entry *x)
{
	if (x->pins == 0)
		unlink_entry(t, x);
	x->heavy = true;
	if (x->pins == 0)
		link_entry(t, x);
	settle(t);
}

void
tally_add(
    struct tally *t, struct tally_entry *x, unsigned i, const struct tally_rate *rate, uint64_t n)
{
	uint64_t used;

	assume(i < TALLY_BUCKETS);
	if (rate->n == 0)
		return;
	used = num_min(level(x, i, rate) + n * UNIT, 2 * rate->n * UNIT);
	x->bucket[i].used = used;
	x->bucket[i].at = clock_ms();
	x->until = num_max(x->until, clock_ms() + used * rate->ms / (rate->n * UNIT) + 1);
	if (!x->heavy && used * 2 >= rate->n * UNIT)
		become_heavy(t, x);
}

void
tally_forgive(struct tally_entry *x, unsigned i, const struct tally_rate *rate, uint64_t n)
{
	uint64_t now = level(x, i, rate);

	assume(i < TALLY_BUCKETS);
	x->bucket[i].used = now > n * UNIT ? now - n * UNIT : 0;
	x->bucket[i].at = clock_ms();
}

uint64_t
tally_used(const struct tally_entry *x, unsigned i, const struct tally_rate *rate)
{
	return (level(x, i, rate) + UNIT - 1) / UNIT;
}

uint64_t
tally_wait(const struct tally_entry *x, unsigned i, const struct tally_rate *rate)
{
	uint64_t now = level(x, i, rate);

	if (rate->n == 0 || now + UNIT <= rate->n * UNIT)
		return 0;
	return (now + UNIT - rate->n * UNIT) * rate->ms / (rate->n * UNIT) + 1;
}

size_t
tally_count(const struct tally *t)
{
	return HASH_COUNT(t->all);
}
