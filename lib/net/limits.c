/*
 * limits.c - see limits.h.
 */
#include "net/limits.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/trusted.h"

#define TELL_MS 60000u

/* Notes of an entry. */
enum {
	NOTE_AT_ONCE,
	NOTE_GREETED,
	NOTE_TOLD /* and one more for each further verdict */
};

static struct limits_rules rules;
static struct tally *table;
static uint64_t total_now;

static const uint64_t periods[LIMITS_WHATS] = {
    [LIMITS_CONNECTIONS] = 60000,
    [LIMITS_MESSAGES_MINUTE] = 60000,
    [LIMITS_MESSAGES_HOUR] = 3600000,
    [LIMITS_ERRORS] = 3600000,
    [LIMITS_UNKNOWN] = 3600000,
};

void
limits_configure(const struct limits_rules *r)
{
	rules = *r;
	if (table == NULL)
		table = tally_new(LIMITS_REMEMBERED);
}

void
limits_done(void)
{
	tally_free(&table);
	total_now = 0;
}

static struct tally_key
address_key(const struct sockaddr_storage *peer)
{
	struct network n;

	(void)network_of(peer, 32, 64, &n);
	return tally_key_of(&n);
}

static struct tally_entry *
pinned(const struct tally_key *k)
{
	struct tally_entry *x = tally_get(table, k);

	tally_pin(table, x);
	return x;
}

static struct tally_rate
rate_of(enum limits_what w, uint64_t factor)
{
	return (struct tally_rate){rules.n[w] * factor, periods[w]};
}

bool
limits_room(const struct limits_source *s, enum limits_what w)
{
	struct tally_rate one = rate_of(w, 1), all = rate_of(w, rules.factor);

	return s->address == NULL ||
	       (tally_room(s->address, w, &one, 1) &&
		   (s->network == NULL || tally_room(s->network, w, &all, 1)));
}

void
limits_count(struct limits_source *s, enum limits_what w)
{
	struct tally_rate one = rate_of(w, 1), all = rate_of(w, rules.factor);

	if (s->address != NULL)
		tally_add(table, s->address, w, &one, 1);
	if (s->network != NULL)
		tally_add(table, s->network, w, &all, 1);
}

static enum limits_verdict
judge(const struct limits_source *s)
{
	if (s->address->note[NOTE_AT_ONCE] >= rules.at_once ||
	    (s->network != NULL && s->network->note[NOTE_AT_ONCE] >= rules.at_once * rules.factor))
		return LIMITS_AT_ONCE;
	if (s->network == NULL)
		return LIMITS_OK;
	if (!limits_room(s, LIMITS_CONNECTIONS))
		return LIMITS_RATE;
	return limits_room(s, LIMITS_ERRORS) ? LIMITS_OK : LIMITS_TROUBLE;
}

static void
unpin(struct limits_source *s)
{
	if (s->address != NULL)
		tally_unpin(table, s->address);
	if (s->network != NULL)
		tally_unpin(table, s->network);
	s->address = s->network = NULL;
}

enum limits_verdict
limits_enter(const struct sockaddr_storage *peer, struct limits_source *out)
{
	struct network n;
	struct tally_key k = address_key(peer);
	enum limits_verdict v;

	*out = (struct limits_source){.entered = false};
	if (total_now >= rules.total)
		return LIMITS_TOTAL;
	if (!trusted_peer(peer)) {
		out->address = pinned(&k);
		/* A program of this machine has no network: only how many there are counts. */
		if (network_of(peer, 24, 48, &n)) {
			k = tally_key_of(&n);
			out->network = pinned(&k);
		}
		if ((v = judge(out)) != LIMITS_OK) {
			unpin(out);
			return v;
		}
		out->address->note[NOTE_AT_ONCE]++;
		if (out->network != NULL) {
			out->network->note[NOTE_AT_ONCE]++;
			limits_count(out, LIMITS_CONNECTIONS);
		}
	}
	total_now++;
	out->entered = true;
	return LIMITS_OK;
}

bool
limits_allow(const struct network *who, enum limits_what w)
{
	struct limits_source s = {.entered = false};
	struct network n;
	struct tally_key k;
	bool room;

	if (trusted_has(who))
		return true;
	network_around(who, 32, 64, &n);
	k = tally_key_of(&n);
	s.address = pinned(&k);
	network_around(who, 24, 48, &n);
	k = tally_key_of(&n);
	s.network = pinned(&k);
	if ((room = limits_room(&s, w)))
		limits_count(&s, w);
	unpin(&s);
	return room;
}

void
limits_leave(struct limits_source *s)
{
	assume(s->entered && total_now > 0);
	total_now--;
	if (s->address != NULL)
		s->address->note[NOTE_AT_ONCE]--;
	if (s->network != NULL)
		s->network->note[NOTE_AT_ONCE]--;
	unpin(s);
	s->entered = false;
}

bool
limits_tell(const struct sockaddr_storage *peer, enum limits_verdict v)
{
	struct tally_key k = address_key(peer);
	uint64_t *told;

	/* The last ones share a note: of two reasons at the same time one is told. */
	told = &tally_get(table, &k)->note[NOTE_TOLD + (v > LIMITS_AT_ONCE) + (v > LIMITS_RATE)];
	if (*told != 0 && clock_ms() - *told < TELL_MS)
		return false;
	*told = clock_ms();
	return true;
}

void
limits_greet(struct limits_source *s)
{
	if (s->address != NULL)
		s->address->note[NOTE_GREETED] = 1;
}

bool
limits_greeted(const struct limits_source *s)
{
	return s->address == NULL || s->address->note[NOTE_GREETED] != 0;
}

const char *
limits_verdict_name(enum limits_verdict v)
{
	static const char *const names[] = {
	    [LIMITS_OK] = "ok",
	    [LIMITS_TOTAL] = "connections",
	    [LIMITS_AT_ONCE] = "connections_per_ip",
	    [LIMITS_RATE] = "connections_per_minute",
	    [LIMITS_TROUBLE] = "errors_per_hour",
	};

	return names[v];
}

uint64_t
limits_total(void)
{
	return total_now;
}

size_t
limits_remembered(void)
{
	return tally_count(table);
}
