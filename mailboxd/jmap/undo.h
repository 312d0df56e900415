/*
 * undo.h - what an agent's session has changed, as the change log tells it, and the way back
 * (docs/adr/0035-undo-audit-trace.md).
 *
 * The log is walked once, from the session's first change to its end, and each field (the mailbox
 * of a message, each of its flags) is followed: what it was before the session touched it, and who
 * wrote it since. A field goes back to what it would be had the session not been there: what
 * somebody else wrote last since then, or what it was before. Changes that undo something count as
 * nothing written, so that the way back is the same however often and from wherever it is gone,
 * also after a crash in the middle of it.
 */
#pragma once

#include "base/arena.h"
#include "base/hash.h"
#include "mailboxd/jmap/jmap.h"
#include "store/mailbox.h"

/* Who wrote it, and what: a mailbox's id (0: nowhere), or whether a flag is set. */
struct undo_write {
	uint64_t who;
	uint32_t value;
	struct undo_write *next; /* the one before */
};

struct undo_field {
	struct str name;           /* of a flag: "\\Seen", "$label" */
	bool touched;              /* by the session */
	uint32_t before;           /* then */
	uint32_t last;             /* what the session wrote last */
	struct undo_write *others; /* since then, the last first */
	struct undo_field *next;
};

/* A message, wherever it was moved to. */
struct undo_message {
	struct undo_key {
		uint32_t mailbox, uid; /* where it is now; 0: nowhere */
	} at;
	struct undo_email *email;
	struct undo_field place;
	struct undo_field *flags;
	bool made;                 /* by the session: as a draft, or as a copy */
	bool touched;              /* by the session */
	bool applied;              /* it is as it should be */
	struct undo_write *others; /* who else has changed something of it since */
	uint64_t row;              /* of the session's last change of it */
	uint32_t origin;           /* the mailbox in which the log met it */
	struct str had;            /* flags, when it went */
	uint64_t made_by, gone_by; /* who; 0: the log does not say */
	/* The last change of its flags: who, and what they were before. */
	bool pending;
	unsigned pending_class;
	uint64_t pending_who;
	struct str pending_before;
	UT_hash_handle hh;         /* by `at` */
	struct undo_message *next; /* of the email */
};

/* What the session has touched. */
struct undo_email {
	uint64_t number;
	bool made; /* the session brought the email into being */
	struct undo_message *messages;
	UT_hash_handle hh;
};

struct undo_object {
	uint32_t kind, id;
	struct undo_object *next;
};

struct undo {
	struct home *home;
	struct str session;
	struct arena *arena;
	struct undo_email *emails;
	struct undo_message *messages; /* that are somewhere */
	struct undo_message **all;     /* that are to be looked at, the one changed last first */
	size_t nall;
	struct undo_object *objects;
	size_t mailboxes;     /* changes of mailboxes themselves, which are not undone */
	uint64_t first, last; /* rows: of the session; that was read */
	size_t rows;          /* in this slice */
	bool (*enough)(void *arg);
	void *arg;
};

/* enough: asked now and then, for slices. */
void undo_init(struct undo *u, struct home *h, struct str session, struct arena *a,
    bool (*enough)(void *arg), void *arg);
void undo_done(struct undo *u);
/* What the session has touched. 1: all of it is known; 0: call again; -1. */
int undo_gather(struct undo *u, struct err *e);
/* Reads on to the end of the log. As above. */
int undo_walk(struct undo *u, struct err *e);
/* Sorts what has to be looked at into `all`. */
void undo_order(struct undo *u);
/* The flags of a message are these now: the last change of them is known then. */
void undo_flags_are(struct undo *u, struct undo_message *m, struct str now);
/* What the field goes back to. */
uint32_t undo_target(const struct undo_field *f);
/* Would it be something else, had others not written it? */
static inline bool
undo_in_conflict(const struct undo_field *f)
{
	return f->touched && f->others != NULL && undo_target(f) != f->before;
}
bool undo_has_flag(struct str flags, struct str name);
