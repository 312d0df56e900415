/*
 * journal.h - the append-only log of the spool: records gather into batches, a batch is written by
 * one synchronous write in a thread, and then everyone who waits for
 * it is told.
 *
 *	b = journal_begin(j, RECORD_HOLD);
 *	record_put_mid(b, mid);
 *	journal_end(j, JOURNAL_NOW, held, m);
 *
 * Durability point of every write to the spool: the call of the record's journal_fn with e == NULL.
 *
 * A failed sync is told once and never asked again (INVARIANTS 5): its segment takes no more, its
 * batch fails whole, and a CUT record at the head of the next segment says from where on the broken
 * one does not count.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/pool.h"
#include "queue/segment.h"

struct journal;

struct journal_place {
	struct segment *segment;
	uint64_t off; /* of the record's payload in the file */
};

/* The record is durable at place, or e says why nothing of it counts. */
typedef void (*journal_fn)(void *arg, const struct journal_place *place, const struct err *e);

enum journal_haste {
	JOURNAL_NOW, /* somebody waits: synced at the end of the turn, or right after the sync under
			way */
	JOURNAL_SOON /* may wait a little for others to share its sync */
};

struct journal_options {
	int dir; /* spool/journal */
	uint64_t segment_size;
	const char *boot;     /* "" when not known; outlives the journal */
	uint64_t next_number; /* of the next new segment */
	uint64_t next_seq;
	uint64_t soon_ms; /* what JOURNAL_SOON may wait */
};

/* The first segment is made here, blocking. segments: what recovery found, oldest first; taken
 * over. */
struct journal *
journal_new(const struct journal_options *o, struct segment_list *segments, struct err *e);
/* Waits for a sync under way; what is not written yet is lost, its callers not told. */
void journal_free(struct journal **j);

/* Where the payload goes. One record at a time. */
struct buf *journal_begin(struct journal *j, enum record_type type);
/* The payload is complete. fn may be NULL. */
void journal_end(struct journal *j, enum journal_haste haste, journal_fn fn, void *arg);
/* Forgets the record begun. */
void journal_cancel(struct journal *j);
/* Offset of the next octet put, in the payload of the record begun. */
size_t journal_offset(const struct journal *j);

/* Octets that wait to be written; who takes messages stops at some measure. */
size_t journal_waiting(const struct journal *j);
/* Nothing waits and nothing is under way. */
bool journal_idle(const struct journal *j);
/* Writes what waits as soon as it can, JOURNAL_SOON too. */
void journal_hurry(struct journal *j);
/* A record appended from now on has a sequence not below this one. */
uint64_t journal_next_seq(const struct journal *j);

/* NULL: there is none. */
struct segment *journal_oldest(const struct journal *j);
bool journal_is_current(const struct journal *j, const struct segment *s);
size_t journal_count(const struct journal *j);
/* Gives up the oldest segment, which is not current and in which nothing lives any more. Its file
 * is used again or removed, one after the other, each durably before the next; then fn (may be
 * NULL) is called. */
void journal_remove_oldest(struct journal *j, void (*fn)(void *arg), void *arg);
