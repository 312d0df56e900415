/*
 * peers.c - how many connections each client address holds.
 */
#include "imapd/peers.h"

#include <netinet/in.h>

#include "base/hash.h"
#include "base/mem.h"

struct key {
	unsigned char family;
	unsigned char octets[8];
};

struct peer {
	struct key key;
	size_t n;
	UT_hash_handle hh;
};

static struct peer *peers;

static struct key
key_of(const struct sockaddr_storage *ss)
{
	struct key k = {0};

	k.family = (unsigned char)ss->ss_family;
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)ss;

		memcpy(k.octets, &in->sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)ss;

		memcpy(k.octets, &in->sin6_addr, 8);
	}
	return k;
}

static struct peer *
find(const struct key *k)
{
	struct peer *p;

	HASH_FIND(hh, peers, k, sizeof(*k), p);
	return p;
}

bool
peers_enter(const struct sockaddr_storage *ss, size_t max)
{
	struct key k = key_of(ss);
	struct peer *p = find(&k);

	if (p == NULL) {
		p = mem_alloc(sizeof(*p));
		p->key = k;
		HASH_ADD(hh, peers, key, sizeof(p->key), p);
	}
	if (p->n >= max)
		return false;
	p->n++;
	return true;
}

void
peers_leave(const struct sockaddr_storage *ss)
{
	struct key k = key_of(ss);
	struct peer *p = find(&k);

	assume(p != NULL && p->n > 0);
	if (--p->n > 0)
		return;
	HASH_DEL(peers, p);
	free(p);
}
