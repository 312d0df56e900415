/*
 * limits.c - how many connections there are, in all and from one address. See limits.h.
 */
#include "smtpd/limits.h"

#include <netinet/in.h>

#include "base/hash.h"
#include "base/mem.h"

struct source {
	struct limits_key key;
	uint64_t n;
	UT_hash_handle hh;
};

static struct source *sources;
static uint64_t total_now;

void
limits_key(const struct sockaddr_storage *peer, struct limits_key *out)
{
	*out = (struct limits_key){{0}};
	if (peer->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)peer;

		out->net[10] = out->net[11] = 0xff;
		memcpy(out->net + 12, &in->sin_addr, 4);
	} else if (peer->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)peer;

		memcpy(out->net, &in6->sin6_addr, IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ? 16 : 8);
	}
}

bool
limits_enter(const struct limits_key *k, uint64_t total, uint64_t per_ip)
{
	struct source *s;

	if (total_now >= total)
		return false;
	HASH_FIND(hh, sources, k, sizeof(*k), s);
	if (!s) {
		s = mem_alloc(sizeof(*s));
		s->key = *k;
		HASH_ADD(hh, sources, key, sizeof(*k), s);
	} else if (s->n >= per_ip) {
		return false;
	}
	s->n++;
	total_now++;
	return true;
}

void
limits_leave(const struct limits_key *k)
{
	struct source *s;

	HASH_FIND(hh, sources, k, sizeof(*k), s);
	assume(s && s->n > 0 && total_now > 0);
	total_now--;
	if (--s->n == 0) {
		HASH_DEL(sources, s);
		free(s);
	}
}

uint64_t
limits_total(void)
{
	return total_now;
}
