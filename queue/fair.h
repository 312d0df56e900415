/*
 * fair.h - a line in which parties take turns, however many items each has in it (INVARIANTS 7).
 *
 * A party is whoever has the same key: an authenticated user, a sender, or a client's address.
 * Items belong to the caller.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/str.h"

struct fair_party;

struct fair_item {
	TAILQ_ENTRY(fair_item) next;
	struct fair_party *party; /* NULL: in no line */
};

struct fair {
	TAILQ_HEAD(, fair_party) parties; /* whose turn is next comes first */
	struct fair_party *by_key;
	size_t n;
};

void fair_init(struct fair *f);
/* At the end of its party's items; a new party comes last. */
void fair_add(struct fair *f, struct str key, struct fair_item *i);
/* Whose turn it is; NULL: nobody waits. */
struct fair_item *fair_next(const struct fair *f);
/* Takes it out. Had it its turn, the other parties come first now. */
void fair_take(struct fair *f, struct fair_item *i);
/* The youngest item of the party with the most, when that has more than one of key would have with
 * one more; NULL: nobody is greedier. */
struct fair_item *fair_greediest(const struct fair *f, struct str key);
/* Each item in turn, each party's from its oldest; fn may not take any. */
void fair_each(const struct fair *f, void (*fn)(void *arg, struct fair_item *i), void *arg);
