/*
 * tally.h - what each source (an address, a network, an account) has used of what it may, in a
 * table of bounded size.
 *
 * An entry has buckets that fill by use and leak with time: one that may use n in ms leaks n in ms,
 * and is full at n. What has leaked out is forgotten: an empty entry is no different from none.
 *
 * At the bound the entry that was used longest ago goes, but one that is half full somewhere
 * (heavy) only when there are too many of those: whoever comes from ever new addresses pushes out
 * other such passers-by, and never the memory of those who misbehave. Pinned entries (those of open
 * connections) stay whatever happens, and do not count.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "base/network.h"

#define TALLY_KEY     17u
#define TALLY_BUCKETS 5u
#define TALLY_NOTES   5u

/* n in ms; n = 0: as much as it likes. */
struct tally_rate {
	uint64_t n, ms;
};

struct tally_key {
	unsigned char octets[TALLY_KEY];
};

struct tally_entry {
	struct tally_key key;
	bool heavy;
	unsigned pins;
	uint64_t until; /* when everything has leaked out */
	struct {
		uint64_t used; /* thousandths */
		uint64_t at;   /* clock_ms of that */
	} bucket[TALLY_BUCKETS];
	uint64_t note[TALLY_NOTES]; /* the owner's; 0 in a new entry */
	TAILQ_ENTRY(tally_entry) link;
	UT_hash_handle hh;
};

struct tally;

struct tally_key tally_key_of(const struct network *n);

/* Holds max entries beside the pinned ones. */
struct tally *tally_new(size_t max);
void tally_free(struct tally **t);
/* Finds it, or makes an empty one. Good until the next call for a table, unless pinned. */
struct tally_entry *tally_get(struct tally *t, const struct tally_key *key);
/* NULL when there is none. */
struct tally_entry *tally_find(struct tally *t, const struct tally_key *key);
void tally_pin(struct tally *t, struct tally_entry *x);
void tally_unpin(struct tally *t, struct tally_entry *x);
/* Is there room for n more in bucket i? */
bool tally_room(const struct tally_entry *x, unsigned i, const struct tally_rate *rate, uint64_t n);
/* Puts n in, up to twice of what fits: who goes on after a refusal waits longer, but not for ever.
 */
void tally_add(
    struct tally *t, struct tally_entry *x, unsigned i, const struct tally_rate *rate, uint64_t n);
/* Takes n out again. */
void tally_forgive(struct tally_entry *x, unsigned i, const struct tally_rate *rate, uint64_t n);
/* What is in it, rounded up. */
uint64_t tally_used(const struct tally_entry *x, unsigned i, const struct tally_rate *rate);
/* Milliseconds until there is room for one. */
uint64_t tally_wait(const struct tally_entry *x, unsigned i, const struct tally_rate *rate);
size_t tally_count(const struct tally *t); /* with the pinned ones */
