/*
 * uidlist.h - db/uidlist: the UIDs of messages by file name, from which a lost index gets them
 * back.
 *
 * A text file, one line a fact, written unsynced behind each commit: a line that is missing costs a
 * message its UID (it gets a new one above the ceiling in db/state), never gives one twice. Later
 * lines override earlier ones; a torn or foreign line is passed over. Only lib/store includes this.
 *
 *	gkmail uidlist 1
 *	M <mailbox> <uidvalidity> <use> <name>
 *	O <mailbox> <sort order>	after its M, where one was given
 *	D <mailbox>
 *	U <mailbox> <uid> <base>
 *	S <0|1> <name>
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "store/mailbox.h"

struct uidlist;

struct uidlist_box {
	uint32_t id, uidvalidity, use;
	uint32_t uidnext; /* above every UID listed */
	int64_t sort;     /* -1: nobody said */
	struct str name;
};

/* NULL when there is no such file or it is not one of ours. */
struct uidlist *uidlist_read(void);
void uidlist_free(struct uidlist **u);
const struct uidlist_box *uidlist_box(const struct uidlist *u, struct str name);
/* 0: not listed. */
uint32_t uidlist_uid(const struct uidlist *u, uint32_t mailbox, struct str base);
uint32_t uidlist_highest_box(const struct uidlist *u);
/* Names with their last state. */
bool uidlist_sub(const struct uidlist *u, size_t *i, struct str *name);

/* Facts for the next commit to append. */
void uidlist_note_box(struct mailbox *mb);
void uidlist_note_drop(struct home *h, uint32_t mailbox);
void uidlist_note_sub(struct home *h, struct str name, bool on);
/* Writes what was noted. Failing is only logged. */
void uidlist_append(struct home *h);
/* Writes the whole file anew from the index when most of its lines are stale. */
void uidlist_compact(struct home *h);
