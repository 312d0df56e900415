/*
 * cache.c - see cache.h.
 *
 * uthash keeps entries in the order they came: the oldest is dropped at the bound. Compared in
 * constant time.
 */
#include "authd/cache.h"

#include <sodium.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define TAG   32u
#define SLOTS 4u /* passwords of one user: its own, and a few apps' */

struct entry {
	char *user;
	struct {
		unsigned char tag[TAG];
		uint64_t until; /* 0: empty */
	} slot[SLOTS];
	unsigned next;
	UT_hash_handle hh;
};

static struct entry *entries;
static unsigned char key[crypto_generichash_KEYBYTES];

void
cache_init(void)
{
	randombytes_buf(key, sizeof(key));
}

static void
tag_of(struct str user, struct str password, unsigned char out[TAG])
{
	crypto_generichash_state state;
	uint64_t n = user.n;

	crypto_generichash_init(&state, key, sizeof(key), TAG);
	crypto_generichash_update(&state, (const unsigned char *)&n, sizeof(n));
	crypto_generichash_update(&state, (const unsigned char *)user.p, user.n);
	crypto_generichash_update(&state, (const unsigned char *)password.p, password.n);
	crypto_generichash_final(&state, out, TAG);
	sodium_memzero(&state, sizeof(state));
}

static struct entry *
find(struct str user)
{
	struct entry *en;

	HASH_FIND(hh, entries, user.p, user.n, en);
	return en;
}

static void
drop(struct entry *en)
{
	HASH_DEL(entries, en);
	free(en->user);
	sodium_memzero(en, sizeof(*en));
	free(en);
}

bool
cache_knows(struct str user, struct str password)
{
	struct entry *en = find(user);
	unsigned char tag[TAG];
	bool known = false;

	if (en == NULL)
		return false;
	tag_of(user, password, tag);
	for (size_t i = 0; i < SLOTS; i++)
		known |=
		    en->slot[i].until > clock_ms() && sodium_memcmp(en->slot[i].tag, tag, TAG) == 0;
	return known;
}

void
cache_add(struct str user, struct str password)
{
	struct entry *en;

	if (cache_knows(user, password))
		return;
	if ((en = find(user)) == NULL) {
		if (HASH_COUNT(entries) >= CACHE_USERS)
			drop(entries);
		en = mem_alloc(sizeof(*en));
		en->user = mem_dup(user.p, user.n);
		HASH_ADD_KEYPTR(hh, entries, en->user, user.n, en);
	}
	tag_of(user, password, en->slot[en->next].tag);
	en->slot[en->next].until = clock_ms() + CACHE_MS;
	en->next = (en->next + 1) % SLOTS;
}

void
cache_forget(struct str user)
{
	struct entry *en = find(user);

	if (en != NULL)
		drop(en);
}

void
cache_done(void)
{
	while (entries != NULL)
		drop(entries);
	sodium_memzero(key, sizeof(key));
}
