/*
 * index.h - the index of a home on disk, db/index.db, behind one page: sqlite stops here.
 *
 * Rows of mailboxes, keywords, messages, tombstones, cached text and the change log. One writer,
 * WAL, synchronous=FULL. The first write opens a transaction, index_commit() ends it. Only
 * lib/store includes this; others see home.h and mailbox.h. Errors as in db.h; after a failed write
 * inside a transaction only closing helps.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/change.h"
#include "store/mailbox.h"

#define INDEX_PATH "db/index.db"

struct index;

/* *fresh: the file was made just now. E_PROTO: damaged. */
struct index *index_open(const char *path, bool *fresh, struct err *e);
void index_close(struct index **ix);

int index_commit(struct index *ix, struct err *e); /* durable on return; nothing open is success */
/* After index_commit(): a copy of the file (db_copy). */
int index_copy(struct index *ix, int *fd, struct err *e);
void index_rollback(struct index *ix);
bool index_is_dirty(const struct index *ix);
/* Tells what sqlite finds wrong with the file; nothing when all is well. */
int
index_verify(struct index *ix, void (*fn)(void *arg, struct str text), void *arg, struct err *e);

/* Small facts by name ("epoch"); absent reads as 0. */
int index_get(struct index *ix, const char *name, uint64_t *out, struct err *e);
int index_put(struct index *ix, const char *name, uint64_t v, struct err *e);
/* The highest modseq and UIDVALIDITY in any row: where numbering goes on when its file is lost. */
int index_highest(
    struct index *ix, uint64_t *modseq, uint32_t *uidvalidity, uint32_t *mailbox, struct err *e);

/* Modseqs in (low, high] may have been shown and then lost by an unclean end. */
int index_gap_add(struct index *ix, uint64_t low, uint64_t high, struct err *e);
int index_gap_has(struct index *ix, uint64_t modseq, bool *in_gap, struct err *e);
/* The highest modseq in any gap; 0: there is none. */
int index_gap_end(struct index *ix, uint64_t *high, struct err *e);
/* Forgets tombstones and changes older than `before` (seconds); the facts "pruned" and "log_pruned"
 * hold the highest modseq of a forgotten tombstone and change. */
int index_prune(struct index *ix, int64_t before, struct err *e);

/* ---- mailboxes ---- */

/* What of a mailbox is stored beside the fields of struct mailbox. */
struct index_mailbox {
	uint32_t id, uidvalidity, uidnext, recent_from, exists, unseen, deleted;
	uint32_t use;
	uint64_t highestmodseq, octets;
	struct str name;
	struct str old_name; /* a rename whose directory is still to be moved; else empty */
	bool doomed;         /* deleted, its directory still to be removed */
	int64_t cur_mtime, new_mtime; /* directories as last scanned, nanoseconds */
	int64_t sort;
};

int index_mailboxes(struct index *ix,
    int (*fn)(void *arg, const struct index_mailbox *m, struct err *e), void *arg, struct err *e);
int index_mailbox_put(struct index *ix, const struct index_mailbox *m, struct err *e);
int index_mailbox_drop(struct index *ix, uint32_t id, struct err *e); /* and all that is in it */

int index_keywords(struct index *ix, uint32_t mailbox,
    void (*fn)(void *arg, unsigned bit, struct str name), void *arg, struct err *e);
int
index_keyword_put(struct index *ix, uint32_t mailbox, unsigned bit, struct str name, struct err *e);

int index_subscriptions(
    struct index *ix, void (*fn)(void *arg, struct str name), void *arg, struct err *e);
int index_subscribe(struct index *ix, struct str name, bool on, struct err *e);

/* ---- messages ---- */

/* Where the file of a message is. */
struct index_file {
	struct str base;
	uint32_t letters; /* MAILDIR_ bits that its name has now */
	bool in_new;
	bool missing; /* not found by the last scan */
};

int index_messages(struct index *ix, uint32_t mailbox,
    void (*fn)(void *arg, const struct message *m), void *arg, struct err *e);
/* The same with files, for scans; dirty_only: those whose name is behind their flags. */
int index_files(struct index *ix, uint32_t mailbox, bool dirty_only,
    void (*fn)(void *arg, const struct message *m, const struct index_file *f), void *arg,
    struct err *e);
/* E_NOTFOUND. f->base is copied into base (MAILDIR_NAME_SIZE octets). */
int index_file_get(struct index *ix, uint32_t mailbox, uint32_t uid, struct index_file *f,
    char *base, struct err *e);
/* *uid = 0 when no message of the mailbox has that base; else f's place and letters too. */
int index_find_base(struct index *ix, uint32_t mailbox, struct str base, uint32_t *uid,
    struct index_file *f, struct err *e);
/* *uid: the first message whose file is in new/; UINT32_MAX when there is none. */
int index_first_new(struct index *ix, uint32_t mailbox, uint32_t *uid, struct err *e);
/* Any name behind its flags, any file in new/? */
int index_any_dirty(struct index *ix, uint32_t mailbox, bool *dirty, struct err *e);

/* dirty: the file's name is behind its flags, or it is in new/. */
int index_message_add(struct index *ix, uint32_t mailbox, const struct message *m,
    const struct index_file *f, bool dirty, struct err *e);
/* Flags, keywords and modseq; dirty: the file name is behind. */
int index_message_flags(
    struct index *ix, uint32_t mailbox, const struct message *m, bool dirty, struct err *e);
int index_message_file(struct index *ix, uint32_t mailbox, uint32_t uid, const struct index_file *f,
    bool dirty, struct err *e);

/* ---- threads (index_email.c) ---- */

/* The thread that a message id (its hash, thread.c) belongs to; 0: none. */
int index_thread_get(struct index *ix, uint64_t id, uint64_t *thread, struct err *e);
/* What an id belongs to already stays. */
int index_thread_put(struct index *ix, uint64_t id, uint64_t thread, struct err *e);
int index_message_thread(
    struct index *ix, uint32_t mailbox, uint32_t uid, uint64_t thread, struct err *e);

/* ---- tombstones ---- */

enum tombstone {
	TOMBSTONE_NONE = 0,
	TOMBSTONE_PENDING = 1, /* its file is still to be unlinked */
	TOMBSTONE_DONE = 2,    /* unlinked, durably */
	TOMBSTONE_VANISHED = 3 /* removed by other hands: should the file return, it is a new one */
};

/* The message row becomes a tombstone. */
int index_message_expunge(struct index *ix, uint32_t mailbox, uint32_t uid, uint64_t modseq,
    enum tombstone state, struct err *e);
/* That of a base in the mailbox, or TOMBSTONE_NONE. */
int index_tombstone(
    struct index *ix, uint32_t mailbox, struct str base, enum tombstone *out, struct err *e);
int index_tombstone_done(struct index *ix, uint32_t mailbox, uint32_t uid, struct err *e);
int index_tombstones_pending(struct index *ix,
    void (*fn)(void *arg, uint32_t mailbox, uint32_t uid, const struct index_file *f), void *arg,
    struct err *e);
int index_vanished(struct index *ix, uint32_t mailbox, uint64_t modseq, uint32_t below,
    void (*fn)(void *arg, uint32_t uid), void *arg, struct err *e);

/* ---- objects (index_object.c) ---- */

/* *text.p NULL when there is none. */
int index_object_get(
    struct index *ix, unsigned kind, uint32_t id, struct arena *a, struct str *text, struct err *e);
int index_objects(struct index *ix, unsigned kind,
    bool (*fn)(void *arg, uint32_t id, struct str text), void *arg, struct err *e);
int index_object_count(struct index *ix, unsigned kind, uint64_t *n, struct err *e);
/* Of all kinds, each with some for its frame. */
int index_object_octets(struct index *ix, unsigned frame, uint64_t *n, struct err *e);
int index_object_put(struct index *ix, unsigned kind, uint32_t id, struct str text, struct err *e);
int index_object_remove(struct index *ix, unsigned kind, uint32_t id, struct err *e);

/* ---- what came from elsewhere (index_import.c) ---- */

int index_import_has(struct index *ix, struct str key, bool *has, struct err *e);
int index_import_put(struct index *ix, struct str key, struct err *e);
int index_imports(struct index *ix, int (*fn)(void *arg, struct str key, struct err *e), void *arg,
    struct err *e);

/* ---- cached text, change log ---- */

/* *out.p NULL when there is none of this version. Borrows until the next call. */
int index_cache_get(struct index *ix, uint32_t mailbox, uint32_t uid, enum cache_kind kind,
    unsigned version, struct arena *a, struct str *out, struct err *e);
int index_cache_put(struct index *ix, uint32_t mailbox, uint32_t uid, enum cache_kind kind,
    unsigned version, struct str text, struct err *e);

int index_cache_clear(struct index *ix, struct err *e);

int index_change_add(struct index *ix, const struct change *c, struct err *e);
/* All messages of a mailbox that goes are expunged with it; what their flags were is not kept. */
int index_change_mailbox(struct index *ix, uint32_t mailbox, uint64_t modseq, int64_t time,
    const struct change_by *by, struct err *e);
/* change_latest() */
int index_change_latest(struct index *ix, uint32_t kinds, unsigned object, struct str actor,
    uint64_t *modseq, struct err *e);
/* As change.h has them. */
int index_change_rows(struct index *ix, uint64_t after,
    bool (*fn)(void *arg, const struct change *c), void *arg, struct err *e);
int index_change_rows_of(struct index *ix, const char *actor, struct str sid, uint64_t after,
    bool (*fn)(void *arg, const struct change *c), void *arg, struct err *e);
int index_change_sessions(
    struct index *ix, bool (*fn)(void *arg, struct str sid), void *arg, struct err *e);

/* The lowest modseq that the log still has; 0: it is empty. */
int index_change_oldest(struct index *ix, uint64_t *modseq, struct err *e);
int index_changes(struct index *ix, uint64_t after, bool (*fn)(void *arg, const struct change *c),
    void *arg, struct err *e);
