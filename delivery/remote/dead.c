/* dead.c - addresses that do not answer. See dead.h. Owner: the process. Errors: none. */
#include "delivery/remote/dead.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/network.h"

struct key { /* without padding */
	unsigned char address[16];
	uint16_t port;
	uint16_t kind;
};

struct dead {
	struct key key;
	uint64_t until; /* clock_ms() */
	UT_hash_handle hh;
};

static struct dead *all; /* in the order of their marks */

static struct key
key_of(const struct sockaddr_storage *a, enum dead_kind kind)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
	struct key k = {
	    .kind = (uint16_t)kind, .port = a->ss_family == AF_INET ? v4->sin_port : v6->sin6_port};
	struct network n;

	(void)network_of(a, 32, 128, &n);
	memcpy(k.address, n.net, sizeof(k.address));
	return k;
}

static void
forget(struct dead *d)
{
	HASH_DEL(all, d);
	free(d);
}

static struct dead *
find(const struct key *k)
{
	struct dead *d;

	HASH_FIND(hh, all, k, sizeof(*k), d);
	if (d && d->until <= clock_ms()) {
		forget(d);
		return NULL;
	}
	return d;
}

void
dead_mark(const struct sockaddr_storage *a, enum dead_kind kind, uint64_t ms)
{
	struct key k = key_of(a, kind);
	struct dead *d = find(&k);

	if (d)
		forget(d);
	if (ms == 0)
		return;
	while (HASH_COUNT(all) >= DEAD_MAX || (all && all->until <= clock_ms()))
		forget(all);
	d = mem_alloc(sizeof(*d));
	d->key = k;
	d->until = clock_ms() + ms;
	HASH_ADD(hh, all, key, sizeof(d->key), d);
}

bool
dead_is(const struct sockaddr_storage *a, enum dead_kind kind)
{
	struct key k = key_of(a, kind);

	return all && find(&k) != NULL;
}

void
dead_clear(const struct sockaddr_storage *a, enum dead_kind kind)
{
	struct key k = key_of(a, kind);
	struct dead *d = all ? find(&k) : NULL;

	if (d)
		forget(d);
}

void
dead_forget_all(void)
{
	while (all)
		forget(all);
}
