/*
 * change.h - the change log: one row for every change in a home, with who did it and what was
 * before (ARCHITECTURE, idea 4).
 *
 * One log serves CONDSTORE, QRESYNC, JMAP /changes, undelete, and "undo all that the agent did".
 * The changes of one operation share a modseq.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "store/home.h"

/* Written to disk: numbers are added, never changed. */
enum change_kind {
	CHANGE_ADDED = 1,    /* delivered, appended, found; before: empty */
	CHANGE_COPIED = 2,   /* before: "<mailbox id> <uid>" of the source */
	CHANGE_FLAGS = 3,    /* before: flags and keywords, "\Seen $Label1" */
	CHANGE_EXPUNGED = 4, /* before: flags and keywords; with its mailbox: "" or "\Deleted" */
	CHANGE_MOVED = 5, /* left for another mailbox; before: "<mailbox id> <uid>" it has there */
	CHANGE_CREATED = 6, /* a mailbox; before: empty */
	CHANGE_DELETED = 7, /* before: its name */
	CHANGE_RENAMED = 8, /* before: its old name */
	CHANGE_SUBSCRIBED =
	    9, /* before: "" or "subscribed"; with a name in `before` when uid is 0 */
	CHANGE_VANISHED = 10,       /* its file was removed by other hands */
	CHANGE_OBJECT_MADE = 11,    /* object.h: its number as uid, its kind as email */
	CHANGE_OBJECT_CHANGED = 12, /* before: its text */
	CHANGE_OBJECT_GONE = 13,    /* before: its text */
	CHANGE_ARRANGED = 14,       /* a mailbox; before: "<use> <sort>" */
	/* Threads of messages that were there before have been found (thread.c); before: those of
	 * which clients are to know, "t… t…". */
	CHANGE_THREADED = 15,
	CHANGE_AGENT = 16, /* before the first change of an agent's session; before: its name */
	/* An agent's session was undone; before: the session of who asked. The changes that this
	 * took, and this row, have the actor CHANGE_UNDO and that agent's session as sid. */
	CHANGE_UNDONE = 17
};

#define CHANGE_BY_AGENT "agent"
#define CHANGE_UNDO     "undo"

/* "flags"; "?" for an unknown one. */
const char *change_kind_name(enum change_kind kind);

struct change {
	uint64_t modseq;
	int64_t time; /* wall clock, seconds */
	enum change_kind kind;
	struct str actor, sid;
	uint32_t mailbox;
	uint32_t uid; /* 0: the mailbox itself */
	struct str before;
	/* Of a message. email is 0 in rows of an older version, thread where it was never asked
	 * for. */
	uint64_t email, thread;
	uint64_t row; /* its number, where it was read; the order of rows */
};

/* Calls fn for each change with modseq > after, oldest first, until fn returns false. Strings hold
 * during the call. fn must not change the store. */
int change_each(struct home *h, uint64_t after, bool (*fn)(void *arg, const struct change *c),
    void *arg, struct err *e);

#define CHANGE_BIT(kind) (1u << (kind))

/* The modseq of the last change of one of these kinds (bits), of that kind of object and by that
 * actor where one is given; 0: the log has none. */
int change_latest(struct home *h, uint32_t kinds, unsigned object, struct str actor,
    uint64_t *modseq, struct err *e);
/* Does the log still have every change after modseq? Not when that lies in the gap of an unclean
 * end or of a lost index (home_modseq_is_known), or before what was forgotten. */
bool change_is_known(const struct home *h, uint64_t modseq);

/* Calls fn for each row behind that one, in order, until fn returns false. */
int change_rows(struct home *h, uint64_t after, bool (*fn)(void *arg, const struct change *c),
    void *arg, struct err *e);
/* The same for those of one actor's session alone: "agent" or "undo". */
int change_rows_of(struct home *h, const char *actor, struct str sid, uint64_t after,
    bool (*fn)(void *arg, const struct change *c), void *arg, struct err *e);
/* Sessions of agents that the log knows, the one with the latest change first, until fn returns
 * false. */
int
change_sessions(struct home *h, bool (*fn)(void *arg, struct str sid), void *arg, struct err *e);
/* A row about the log itself: CHANGE_AGENT, CHANGE_UNDONE. Durable by home_commit(). */
int change_note(struct home *h, enum change_kind kind, struct str before,
    const struct change_by *by, struct err *e);
/* Up to which modseq rows were forgotten; 0: none. */
int change_forgotten(struct home *h, uint64_t *modseq, struct err *e);
