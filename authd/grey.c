/*
 * grey.c - see grey.h.
 */
#include "authd/grey.h"

#include "authd/notes.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/network.h"
#include "base/num.h"
#include "net/trusted.h"
#include "svc/metrics.h"

#define DAY       86400
#define RETRY_FOR (2 * DAY)
/* RFC 6647 5: a week at least; 36 days lets monthly mail through. */
#define KNOWN_FOR (36 * DAY)
#define WROTE_FOR (90 * DAY)

static bool on;
static int64_t delay = 60;

void
grey_configure(bool enabled, uint64_t delay_ms)
{
	on = enabled;
	delay = (int64_t)(delay_ms / 1000);
}

/* It lasts anew; once a day is enough to write down. */
static void
refresh(struct note *x, int64_t lasts)
{
	if (x->until < clock_wall() + lasts - DAY)
		notes_set(x, clock_wall() + lasts);
}

/* Addresses as they were said: what differs in case alone is the same. */
static struct str
lower(struct str s, struct arena *a)
{
	struct str out = arena_dup(a, s);

	str_lower(out, (char *)(uintptr_t)out.p);
	return out;
}

void
grey_wrote(struct str user, struct str address)
{
	struct note_key k;
	struct arena a;

	if (!on)
		return;
	arena_init(&a);
	k = notes_key(NOTE_WROTE, (struct str[]){user, lower(address, &a)}, 2);
	refresh(notes_get(NOTE_WROTE, &k), WROTE_FOR);
	arena_free(&a);
}

static bool
is_welcome(struct str sender, const struct str *users, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct note_key k = notes_key(NOTE_WROTE, (struct str[]){users[i], sender}, 2);

		if (notes_find(NOTE_WROTE, &k) != NULL)
			return true;
	}
	return false;
}

/* The network has come back so often that it is no stranger. */
static bool
is_known(const struct note_key *client)
{
	struct note *x = notes_find(NOTE_GREY_CLIENT, client);

	if (x == NULL || x->a < GREY_PASSES)
		return false;
	refresh(x, KNOWN_FOR);
	return true;
}

static void
came_back(const struct note_key *triplet, const struct note_key *client)
{
	struct note *x = notes_get(NOTE_GREY_CLIENT, client);

	x->a++;
	notes_set(x, clock_wall() + KNOWN_FOR);
	refresh(notes_get(NOTE_GREY_PASSED, triplet), KNOWN_FOR);
	metric_add(METRIC_GREY_PASSED, 1);
}

/* Seconds left, 0 when it has come back in time; back: just now. */
static int64_t
judge(const struct note_key *triplet, const struct note_key *client, bool *back)
{
	struct note *x = notes_find(NOTE_GREY_PASSED, triplet);
	int64_t now = clock_wall(), waited;

	if (x != NULL) {
		refresh(x, KNOWN_FOR);
		return 0;
	}
	x = notes_get(NOTE_GREY, triplet);
	if (x->a == 0) {
		x->a = (uint64_t)now;
		notes_set(x, now + RETRY_FOR);
	}
	waited = now - (int64_t)x->a;
	if (waited < delay)
		return delay - waited;
	came_back(triplet, client);
	*back = true;
	return 0;
}

uint32_t
grey_check(
    struct str peer, struct str sender, struct str recipient, const struct str *users, size_t n)
{
	struct network net;
	struct note_key triplet, client;
	struct str where, from;
	struct arena a;
	int64_t wait = 0;
	bool back = false;

	if (!on || network_parse(peer, &net, NULL) < 0 || trusted_has(&net))
		return 0;
	network_around(&net, 24, 64, &net);
	where = str_of(net.net, sizeof(net.net));
	arena_init(&a);
	from = lower(sender, &a);
	client = notes_key(NOTE_GREY_CLIENT, &where, 1);
	triplet = notes_key(NOTE_GREY, (struct str[]){where, from, recipient}, 3);
	if (is_known(&client) || (from.n > 0 && is_welcome(from, users, n)))
		metric_add(METRIC_GREY_KNOWN, 1);
	else
		wait = judge(&triplet, &client, &back);
	if (wait > 0) {
		metric_add(METRIC_GREY_DEFERRED, 1);
		log_info("greylist.defer", LS("peer", peer), LS("from", from), LS("to", recipient),
		    LU("wait", wait));
	}
	if (back)
		log_info("greylist.pass", LS("peer", peer), LS("from", from), LS("to", recipient));
	arena_free(&a);
	return (uint32_t)num_max(wait, 0);
}
