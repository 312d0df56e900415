/*
 * banlist.c - see banlist.h.
 *
 * One table of networks, and how many there are of each prefix length: an address is looked up once
 * for each length that is in use, of which there are few.
 */
#include "net/banlist.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"

struct ban {
	struct network n;
	uint64_t until; /* clock_ms; 0: for ever */
	UT_hash_handle hh;
};

static struct ban *bans;
static size_t lengths[129];

static void
forget(struct ban *b)
{
	lengths[b->n.bits]--;
	HASH_DEL(bans, b);
	free(b);
}

static struct ban *
find(const struct network *n)
{
	struct ban *b;

	HASH_FIND(hh, bans, n, sizeof(*n), b);
	if (b != NULL && b->until != 0 && b->until <= clock_ms()) {
		forget(b);
		return NULL;
	}
	return b;
}

static void
forget_ended(void)
{
	struct ban *b, *next;

	HASH_ITER (hh, bans, b, next) {
		if (b->until != 0 && b->until <= clock_ms())
			forget(b);
	}
}

void
banlist_set(const struct network *n, uint64_t ms)
{
	struct ban *b = find(n);

	if (b == NULL) {
		if (HASH_COUNT(bans) >= BANLIST_MAX)
			forget_ended();
		if (HASH_COUNT(bans) >= BANLIST_MAX)
			return;
		b = mem_alloc(sizeof(*b));
		b->n = *n;
		HASH_ADD(hh, bans, n, sizeof(b->n), b);
		lengths[n->bits]++;
	}
	b->until = ms == 0 || ms > UINT64_MAX - clock_ms() ? 0 : clock_ms() + ms;
}

void
banlist_clear(const struct network *n)
{
	struct ban *b = find(n);

	if (b != NULL)
		forget(b);
}

void
banlist_reset(void)
{
	while (bans != NULL)
		forget(bans);
}

bool
banlist_has(const struct network *n)
{
	struct network cut;

	for (unsigned bits = 0; bits <= n->bits; bits++) {
		if (lengths[bits] == 0)
			continue;
		network_cut(n, bits, &cut);
		if (find(&cut) != NULL)
			return true;
	}
	return false;
}

bool
banlist_peer(const struct sockaddr_storage *peer)
{
	struct network n;

	return bans != NULL && network_of(peer, 32, 128, &n) && banlist_has(&n);
}

size_t
banlist_count(void)
{
	return HASH_COUNT(bans);
}

static bool
take_set(struct ipc_in *m)
{
	bool reset = ipc_get_u32(m) != 0;
	uint32_t n = ipc_get_list(m);
	struct network net;
	uint64_t ms;

	if (reset)
		banlist_reset();
	for (uint32_t i = 0; i + 1 < n; i += 2) {
		struct str text = ipc_get_item(m), left = ipc_get_item(m);

		if (network_parse(text, &net, NULL) < 0 ||
		    num_parse(left, 0, UINT64_MAX, &ms) < 0) {
			ipc_refuse(m);
			return false;
		}
		banlist_set(&net, ms);
	}
	return ipc_end(m) == 0 && n > 0;
}

bool
banlist_message(struct ipc_in *m)
{
	struct network n;

	if (m->type == MSG_BAN_SET)
		return take_set(m);
	if (network_parse(ipc_get_str(m), &n, NULL) < 0)
		ipc_refuse(m);
	else if (ipc_end(m) == 0)
		banlist_clear(&n);
	return false;
}
