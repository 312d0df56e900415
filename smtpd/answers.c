/*
 * answers.c - authd's good answers, remembered for a few seconds. See answers.h.
 */
#include "smtpd/answers.h"

#include <sys/queue.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

/* Longer keys are not remembered: user and address are each at most 320 octets. */
#define KEY_MAX 800u

struct answer {
	UT_hash_handle hh;
	TAILQ_ENTRY(answer) link;
	uint64_t until;
	uint64_t size;
	struct arena arena;
	struct str *targets;
	uint32_t n, nlocal;
	size_t key_n;
	char key[];
};

static struct answer *by_key;
static TAILQ_HEAD(, answer) by_age = TAILQ_HEAD_INITIALIZER(by_age); /* oldest first */

/* kind, user, NUL, address: no two different questions share a key. 0 when it is too long. */
static size_t
make_key(char kind, struct str user, struct str address, char out[KEY_MAX])
{
	if (user.n + address.n + 2 > KEY_MAX)
		return 0;
	out[0] = kind;
	if (user.n > 0)
		memcpy(out + 1, user.p, user.n);
	out[1 + user.n] = '\0';
	if (address.n > 0)
		memcpy(out + 2 + user.n, address.p, address.n);
	return 2 + user.n + address.n;
}

static void
forget(struct answer *x)
{
	HASH_DEL(by_key, x);
	TAILQ_REMOVE(&by_age, x, link);
	arena_free(&x->arena);
	free(x);
}

static struct answer *
find(const char *key, size_t n)
{
	struct answer *x, *old;

	while ((old = TAILQ_FIRST(&by_age)) && old->until <= clock_ms())
		forget(old);
	if (n == 0)
		return NULL;
	HASH_FIND(hh, by_key, key, n, x);
	return x;
}

static struct answer *
add(const char *key, size_t n)
{
	struct answer *x = find(key, n);

	if (n == 0)
		return NULL;
	if (x)
		forget(x);
	if (HASH_COUNT(by_key) >= ANSWERS_MAX)
		forget(TAILQ_FIRST(&by_age));
	x = mem_alloc(sizeof(*x) + n);
	memcpy(x->key, key, n);
	x->key_n = n;
	x->until = clock_ms() + ANSWERS_TTL_MS;
	arena_init(&x->arena);
	HASH_ADD_KEYPTR(hh, by_key, x->key, n, x);
	TAILQ_INSERT_TAIL(&by_age, x, link);
	return x;
}

static struct str *
copy_targets(struct arena *a, const struct str *v, uint32_t n)
{
	struct str *out = arena_array(a, n, sizeof(*out));

	for (uint32_t i = 0; i < n; i++)
		out[i] = arena_dup(a, v[i]);
	return out;
}

bool
answers_rcpt(struct str user, uint64_t size, struct arena *a, struct envelope_rcpt *r)
{
	char key[KEY_MAX];
	const struct answer *x = find(key, make_key('r', user, r->address, key));

	/* A larger message may be over the quota where a smaller one was not. */
	if (!x || size > x->size)
		return false;
	r->targets = copy_targets(a, x->targets, x->n);
	r->ntargets = x->n;
	r->nlocal = x->nlocal;
	return true;
}

void
answers_add_rcpt(struct str user, uint64_t size, const struct envelope_rcpt *r)
{
	char key[KEY_MAX];
	struct answer *x = add(key, make_key('r', user, r->address, key));

	if (!x)
		return;
	x->size = size;
	x->targets = copy_targets(&x->arena, r->targets, r->ntargets);
	x->n = r->ntargets;
	x->nlocal = r->nlocal;
}

bool
answers_sender(struct str user, struct str address)
{
	char key[KEY_MAX];

	return find(key, make_key('s', user, address, key)) != NULL;
}

void
answers_add_sender(struct str user, struct str address)
{
	char key[KEY_MAX];

	(void)add(key, make_key('s', user, address, key));
}

void
answers_forget(void)
{
	struct answer *x;

	while ((x = TAILQ_FIRST(&by_age)))
		forget(x);
}
