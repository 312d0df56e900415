/*
 * guard.c - see guard.h.
 */
#include "authd/guard.h"

#include <sodium.h>

#include "authd/bans.h"
#include "authd/keyed.h"
#include "authd/notes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/network.h"
#include "base/num.h"
#include "net/tally.h"
#include "net/trusted.h"
#include "svc/metrics.h"

#define SOURCES_MAX  50000u
#define ACCOUNTS_MAX 50000u
#define LOGIN_DAYS   90 /* an address that a user has logged in from is known for so long */
#define PATIENCE     3u /* failures of an address whose answers are not put off */

/* Notes of an address: what failed lately, to know it again. */
#define TAGS 4u
#define NEXT 4u

static struct guard_rules rules = {10, 600000, 5};
static struct tally *sources, *accounts;
static struct tally *fronts;         /* bans that each has led to */
static unsigned char key[KEYED_KEY]; /* drawn at the start: tags mean nothing to others */

static const struct tally_rate front_rate = {GUARD_BANS_HOUR, 3600000};

void
guard_configure(const struct guard_rules *r)
{
	rules = *r;
	if (sources != NULL)
		return;
	sources = tally_new(SOURCES_MAX);
	accounts = tally_new(ACCOUNTS_MAX);
	fronts = tally_new(32);
	randombytes_buf(key, sizeof(key));
}

void
guard_done(void)
{
	tally_free(&sources);
	tally_free(&accounts);
	tally_free(&fronts);
}

size_t
guard_remembered(void)
{
	return tally_count(sources) + tally_count(accounts);
}

/* ---- who it is ---- */

/* The address, and the network around it. False: nobody whom it would make sense to ban. */
static bool
place(struct str peer, struct network *address, struct network *network)
{
	struct network n;

	if (rules.failures == 0 || network_parse(peer, &n, NULL) < 0 || trusted_has(&n))
		return false;
	network_around(&n, 32, 64, address);
	network_around(&n, 24, 48, network);
	return true;
}

static struct tally_entry *
source(const struct network *n)
{
	struct tally_key k = tally_key_of(n);

	return tally_get(sources, &k);
}

static struct tally_entry *
account(struct str user)
{
	struct tally_key k;

	keyed_digest(key, STR(""), &user, 1, k.octets, sizeof(k.octets));
	return tally_get(accounts, &k);
}

static struct note_key
login_key(struct str user, const struct network *address)
{
	struct str parts[2] = {user, str_of(address->net, sizeof(address->net))};

	return notes_key(NOTE_LOGIN, parts, 2);
}

static bool
is_known(struct str user, const struct network *address)
{
	struct note_key k = login_key(user, address);

	return notes_find(NOTE_LOGIN, &k) != NULL;
}

/* ---- the same again ---- */

/* The upper half is of the user, the lower of user and password. */
static uint64_t
tag_of(const struct guard_login *l)
{
	struct str parts[2] = {l->user, l->password};
	uint32_t user[4], both[4];

	keyed_digest(key, STR(""), parts, 1, user, sizeof(user));
	if (l->password.n > 0)
		keyed_digest(key, STR(""), parts, 2, both, sizeof(both));
	else
		randombytes_buf(both, sizeof(both));
	return (uint64_t)user[0] << 32 | both[0] | 1;
}

static bool
is_repeated(const struct tally_entry *x, uint64_t tag)
{
	for (size_t i = 0; i < TAGS; i++)
		if (x->note[i] == tag)
			return true;
	return false;
}

static void
remember(struct tally_entry *x, uint64_t tag)
{
	x->note[x->note[NEXT]++ % TAGS] = tag;
}

/* ---- bans ---- */

static struct tally_rate
rate(uint64_t factor)
{
	return (struct tally_rate){rules.failures * factor, rules.window_ms};
}

static void
ban(const struct guard_login *l, struct tally_entry *x, const struct network *n, bool grows,
    const struct tally_rate *r)
{
	struct tally_key front = {{(unsigned char)__builtin_ctz((unsigned)l->front)}};
	struct tally_entry *f = tally_get(fronts, &front);
	char text[NETWORK_TEXT], reason[80];
	uint64_t used = tally_used(x, 0, r), ms;

	network_text(n, text);
	if (!tally_room(f, 0, &front_rate, 1)) {
		log_warn("auth.ban_limit", LZ("network", text),
		    LZ("front", ipc_peer_name(l->front)), LU("bans", GUARD_BANS_HOUR));
		/* Told again when as much has failed once more. */
		tally_forgive(x, 0, r, used);
		return;
	}
	tally_add(fronts, f, 0, &front_rate, 1);
	tally_forgive(x, 0, r, used);
	snprintf(reason, sizeof(reason), "%llu failed logins, the last by %.16s",
	    (unsigned long long)used, ipc_peer_name(l->front));
	ms = bans_add(n, reason, grows);
	log_info("auth.ban", LZ("network", text), LU("seconds", ms / 1000), LZ("by", "guard"),
	    LU("failures", used), LS("service", l->service), LZ("front", ipc_peer_name(l->front)));
}

bool
guard_bans(struct str peer)
{
	struct network n;

	return network_parse(peer, &n, NULL) == 0 && bans_has(&n);
}

/* ---- logins ---- */

uint64_t
guard_delay(const struct guard_login *l)
{
	struct network address, network;
	struct tally_rate r = rate(1);
	uint64_t used;

	if (!place(l->peer, &address, &network) || is_known(l->user, &address))
		return 0;
	if ((used = tally_used(account(l->user), 0, &r)) < r.n)
		return 0;
	/* From as many failures as an address may have to twice that: one second to the longest. */
	return num_min(1000ull << ((used - r.n) * 3 / r.n), GUARD_DELAY_MAX);
}

uint64_t
guard_failed(const struct guard_login *l)
{
	struct tally_rate one = rate(1), all = rate(rules.factor);
	struct network address, network;
	struct tally_entry *x;
	uint64_t tag, used;

	if (!place(l->peer, &address, &network))
		return 0;
	tag = tag_of(l);
	x = source(&address);
	if (is_repeated(x, tag))
		return 0;
	remember(x, tag);
	tally_add(sources, x, 0, &one, 1);
	used = tally_used(x, 0, &one);
	if (used >= one.n)
		ban(l, x, &address, true, &one);
	x = source(&network);
	tally_add(sources, x, 0, &all, 1);
	/* A network is many: its bans do not grow. */
	if (tally_used(x, 0, &all) >= all.n)
		ban(l, x, &network, false, &all);
	if (!is_known(l->user, &address))
		tally_add(accounts, account(l->user), 0, &one, 1);
	if (used < PATIENCE)
		return 0;
	return num_min(500ull << num_min(used - PATIENCE, 6), GUARD_DELAY_MAX);
}

void
guard_ok(const struct guard_login *l)
{
	struct tally_rate one = rate(1), all = rate(rules.factor);
	struct network address, network;
	struct tally_entry *x;
	struct note_key k;
	struct note *note;
	uint64_t tag, mine = 0;

	if (!place(l->peer, &address, &network))
		return;
	k = login_key(l->user, &address);
	note = notes_get(NOTE_LOGIN, &k);
	/* Once a day is enough to write down. */
	if (note->until < clock_wall() + (LOGIN_DAYS - 1) * 86400)
		notes_set(note, clock_wall() + LOGIN_DAYS * 86400);
	x = source(&address);
	tag = tag_of(l);
	for (size_t i = 0; i < TAGS; i++)
		if (x->note[i] != 0 && x->note[i] >> 32 == tag >> 32) {
			x->note[i] = 0;
			mine++;
		}
	if (mine == 0)
		return;
	tally_forgive(x, 0, &one, mine);
	tally_forgive(source(&network), 0, &all, mine);
}
