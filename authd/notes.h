/*
 * notes.h - small facts that have an end: who logged in from where, how much a user has sent, which
 * sender has been seen.
 *
 * A note is known by a keyed digest of what it is about, so that accounts.db tells nobody who
 * writes to whom. Each kind has a bound; at it the note that was used longest ago goes. Kept in
 * memory, and written to accounts.db every few seconds: a crash forgets those.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "db/db.h"

enum note_kind {        /* on disk: never renumbered */
	NOTE_LOGIN = 1, /* this user has logged in from this address */
	NOTE_USER_HOUR, /* a: messages, b: recipients */
	NOTE_USER_DAY,
	NOTE_DOMAIN_HOUR,
	NOTE_DOMAIN_DAY,
	NOTE_GREY,        /* a: when the triplet was first seen */
	NOTE_GREY_PASSED, /* the triplet came back in time */
	NOTE_GREY_CLIENT, /* a: triplets of the network that came back */
	NOTE_WROTE,       /* this user has written to this address */
	NOTE_APPPASS,     /* a: when this app password of this user was last used */
	NOTE_KINDS
};

#define NOTE_KEY 16u

struct note_key {
	unsigned char octets[NOTE_KEY];
};

struct note {
	struct note_key key;
	uint8_t kind;
	bool dirty;
	uint64_t a, b;
	int64_t until; /* clock_wall */
	TAILQ_ENTRY(note) used;
	TAILQ_ENTRY(note) changed;
	UT_hash_handle hh;
};

/* Once: reads what is in accounts.db, under the secret of this installation. */
int notes_load(struct db *db, const unsigned char secret[32], struct err *e);
struct note_key notes_key(enum note_kind kind, const struct str *parts, size_t n);
/* NULL when there is none, or it has ended. Borrowed until the next call of this page. */
struct note *notes_find(enum note_kind kind, const struct note_key *key);
/* Finds it, or makes one of zeros. */
struct note *notes_get(enum note_kind kind, const struct note_key *key);
/* It was changed, and lasts until then. */
void notes_set(struct note *x, int64_t until);
size_t notes_count(enum note_kind kind);
/* Hands what changed to the writer; true when nothing is left to hand over. */
bool notes_save(void);
void notes_init(void); /* the timer */
void notes_done(void);

/* ---- in accounts.db (notes_db.c) ---- */

struct note_row {
	uint8_t kind;
	struct note_key key;
	uint64_t a, b;
	int64_t until;
};

/* Those that last longest first, at most max of each kind. */
int notes_db_load(struct db *db, int64_t now, void (*fn)(const struct note_row *r), struct err *e);
/* All in one transaction. Above max in all those that end first are removed, and always those that
 * have ended. */
int notes_db_save(
    struct db *db, const struct note_row *rows, size_t n, int64_t now, size_t max, struct err *e);
