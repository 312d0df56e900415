/*
 * home.h - one user's mail, opened: the mailboxes, the transaction, numbers, quota.
 *
 * A process opens its working directory as the home: Maildir/ (Maildir++) with the messages, db/
 * with index.db, state, uidlist, objects and lock. One process at a time (an OFD lock for life);
 * one thread. The list of mailboxes is in memory from the start, a mailbox's messages from its
 * first use (mailbox_load), tens of octets each.
 *
 * Changes take effect in memory and in an open transaction at once, observers hear of them at once,
 * and they become durable together: the first change of a turn opens the transaction, and
 * home_commit() asks to be called back when everything done so far is durable (synchronous=FULL,
 * files and directories before the rows that name them). What asks for nothing (STORE, pick-up of
 * new files) is durable within a second, cached structure a little later. INVARIANTS 2-4.
 *
 * A failed commit cannot be mended here, since memory is ahead of the disk: waiters get the error,
 * then `failed` is called, and the owner ends and starts again from what is on disk.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct home;
struct mailbox;
struct message;

/* What a message's cached text is; kept in the index, made by `render` on first use. */
enum cache_kind {
	CACHE_HEADER, /* all that is made of the header alone */
	CACHE_BODY,
	CACHE_BODYSTRUCTURE,
	CACHE_FIELDS, /* fields as they stand, for those who ask for them by name */
	CACHE_EMAIL,  /* what lists of emails show (mailboxd/jmap) */
	CACHE_COUNT
};

struct home_options {
	struct str host;    /* server.host_name, for file names; copied */
	uint64_t quota;     /* octets; 0: none */
	uint64_t mirror_ms; /* flags go into file names so long after a change; 0: 30 s */
	bool no_timers;     /* tests, tools: nothing happens by itself, home_flush() does it */
	/* Writes the text of a kind for a message. version: raised when its output changes, so that
	 * old texts are made anew. */
	void (*render)(void *arg, enum cache_kind kind, struct str octets, struct buf *out);
	unsigned render_version;
	/* Octets and messages in the home have changed (at most once a turn). Optional. */
	void (*usage)(void *arg, uint64_t octets, uint64_t messages);
	/* A commit failed; nothing works any more. Optional. */
	void (*failed)(void *arg, const struct err *e);
	void *arg;
};

/* A file of that name says that the home came out of a backup: numbering goes on far above all that
 * may have been told since. The first open takes it away. */
#define RESTORED_PATH "db/restored"

/* Opens the working directory, takes the lock (E_TEMP: another process has it), reads the list of
 * mailboxes, finishes what a crash left undone, picks up new files. An index that is missing or
 * damaged is rebuilt from the files. A new home gets Drafts, Sent, Junk, Trash and Archive. */
struct home *home_open(const struct home_options *o, struct err *e);
/* Commits, mirrors, writes the uid list and a clean state. */
void home_close(struct home **h);

/* ---- durability ---- */

/* Embedded in who waits. fn gets NULL, or why the changes are lost. */
struct home_waiter {
	void (*fn)(void *arg, const struct err *e);
	void *arg;
	/* private */
	TAILQ_ENTRY(home_waiter) link;
	bool queued;
	uint64_t round;
};

/* Calls w->fn once, at the end of this loop turn or later, when everything done before is durable.
 * With nothing to make durable it is called at the end of the turn all the same. */
void home_commit(struct home *h, struct home_waiter *w);
void home_commit_cancel(struct home *h, struct home_waiter *w);
/* Commits now and runs the waiters. */
int home_flush(struct home *h, struct err *e);
/* Has a commit failed? What was done since the one before may be there after all when the home
 * opens again: nobody may be told that it is not. */
bool home_has_failed(const struct home *h);
/* A copy of the index as of now, all done so far committed, for a backup (db_copy). */
int home_copy(struct home *h, int *fd, struct err *e);
/* Changes not yet committed? */
bool home_is_dirty(const struct home *h);

/* ---- mailboxes ---- */

/* In order of name (octets), INBOX first. *i begins at 0; NULL at the end. */
struct mailbox *home_next(struct home *h, size_t *i);
/* By normal name (folder_normalize); NULL: no such mailbox. */
struct mailbox *home_find(struct home *h, struct str name);
struct mailbox *home_find_id(struct home *h, uint32_t id);
/* Subscribed names, mailboxes or not, in order. false at the end. */
bool home_subscribed(struct home *h, size_t *i, struct str *name);

/* Who does something: the change log keeps it. */
struct change_by {
	struct str actor;   /* "imap", "delivery", "jmap", "filter", "agent" … */
	struct str sid;     /* session id, or empty */
	const void *origin; /* what observers see to know their own changes; may be NULL */
};

/*
 * These are durable on return. Names are normal ones.
 * E_EXISTS, E_NOTFOUND, E_INVAL as RFC 3501 6.3 has NO for; E_LIMIT past the number of mailboxes.
 */
/* Makes missing superiors too (RFC 3501 6.3.3). */
int home_create(struct home *h, struct str name, const struct change_by *by, struct mailbox **out,
    struct err *e);
/* E_INVAL for INBOX. Inferiors stay (RFC 3501 6.3.4). Observers of the mailbox get gone(). */
int home_delete(struct home *h, struct str name, const struct change_by *by, struct err *e);
/* Inferiors move along; renaming INBOX moves its messages into a new mailbox and leaves it empty
 * (RFC 3501 6.3.5). */
int home_rename(
    struct home *h, struct str from, struct str to, const struct change_by *by, struct err *e);
/* Its special use and place in lists; durable by home_commit(). E_EXISTS: another one has that use;
 * E_INVAL: INBOX has none. */
int home_arrange(struct home *h, struct mailbox *mb, unsigned use, int64_t sort,
    const struct change_by *by, struct err *e);
/* Durable by home_commit(). The name need not exist (RFC 3501 6.3.6). */
int
home_subscribe(struct home *h, struct str name, bool on, const struct change_by *by, struct err *e);

struct change;

/* Embedded in who follows the list of mailboxes itself; what is in them is in mailbox.h. Either may
 * be NULL. */
struct home_observer {
	/* A mailbox was created, renamed, (un)subscribed, arranged, or deleted: CHANGE_…. It is
	 * freed after the call that tells of its deletion. Must not change the store. */
	void (*mailbox)(void *arg, struct mailbox *mb, unsigned change, const struct change_by *by);
	/* A row of the change log was written. Its messages that went with a deleted mailbox have
	 * rows of their own, which are not told. The same rule. */
	void (*logged)(void *arg, const struct change *c);
	/* The thread of a message that was there before has been found. May be NULL in all
	 * observers: then home_threaded() is called for it. */
	void (*threaded)(void *arg, struct mailbox *mb, const struct message *m);
	void *arg;
	LIST_ENTRY(home_observer) link; /* private */
};

void home_observe(struct home *h, struct home_observer *o);
void home_unobserve(struct home *h, struct home_observer *o);

/* ---- threads (thread.c) ---- */

/* Somebody uses threads: from now on, also in later processes, mail that comes has its thread found
 * as it comes. What was there before is asked for one by one (mailbox_thread). *before: an earlier
 * process has used them, too. */
int home_find_threads(struct home *h, bool *before, struct err *e);
/* Is there a backlog that somebody has begun with? */
bool home_threads_left(const struct home *h);
/* All that was there before has its thread, or not. */
int home_threads_done(struct home *h, bool done, struct err *e);
/* The modseq from which on the log names the thread of all that comes; 0: nobody uses threads. */
uint64_t home_threads_since(const struct home *h);
/* A message that was there before has turned out to be of a thread that others are of: the log
 * tells it with the next commit. 0: nobody needs to know of which. */
int home_threaded(struct home *h, uint64_t thread, struct err *e);
/* Are there threads that a crash could forget? Found anew they may be others: who tells of them
 * waits for home_commit(). */
bool home_has_new_threads(const struct home *h);

/* ---- new mail, quota, numbers ---- */

/* gk-local has put something into Maildir/new, or into the folder Junk, which it has made anew
 * where the user had removed it. */
void home_delivered(struct home *h);
/* Copies flags into file names and moves files from new/ to cur/; else a timer does it. */
int home_mirror(struct home *h, struct err *e);

/* server.host_name, which is in names of files. */
struct str home_host(const struct home *h);
/* For names of files from now on. */
void home_set_host(struct home *h, struct str host);
void home_set_quota(struct home *h, uint64_t octets);
uint64_t home_quota(const struct home *h);
uint64_t home_octets(const struct home *h);
uint64_t home_messages(const struct home *h);

/* Raised by every open after an unclean end: what clients were told between may be gone. */
uint64_t home_epoch(const struct home *h);
uint64_t home_modseq(const struct home *h); /* the highest given out */
/* After an unclean end what clients heard before it may be more than the disk has kept, so nothing
 * that was told below this modseq counts: messages show at least it (mailbox_modseq). 0: there was
 * no such end. */
uint64_t home_modseq_floor(const struct home *h);
/* Can everything that changed after modseq still be told? Not when it lies in the gap of an unclean
 * end, or before the oldest tombstone kept. */
bool home_modseq_is_known(const struct home *h, uint64_t modseq);
