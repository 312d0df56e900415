/*
 * model.h - the home in memory, as the files of lib/store share it among themselves.
 *
 * How a change goes: home_ready(), numbers, rows by index_…, the array and the counters by model_…,
 * then observers. After the first failed row the home is broken (home_fail): memory and transaction
 * no longer agree, and only closing and opening again helps.
 */
#pragma once

#include <sys/queue.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/id.h"
#include "io/loop.h"
#include "store/change.h"
#include "store/files.h"
#include "store/folder.h"
#include "store/index.h"
#include "store/mailbox.h"
#include "store/maildir.h"
#include "store/numbers.h"

/* A file that is to go once the tombstone of its message is durable, or has gone and waits for its
 * directory to be synced before the tombstone may say so. */
struct dead_file {
	uint32_t mailbox, uid;
	STAILQ_ENTRY(dead_file) link;
	char path[];
};
STAILQ_HEAD(dead_files, dead_file);

struct home {
	struct home_options o;
	char *host;
	int lock; /* db/lock, an OFD lock for life */
	struct index *index;

	/* numbers.h: what the file on disk reserves, and what is used of it. */
	struct numbers reserved;
	uint64_t epoch, modseq;
	uint64_t modseq_floor; /* see home_modseq_floor() */
	uint32_t next_uidvalidity, next_mailbox;

	struct mailbox **boxes; /* by name, INBOX first */
	size_t nboxes, capboxes;
	struct str *subs; /* names, sorted; octets owned */
	size_t nsubs, capsubs;
	uint64_t quota, octets, messages;
	bool usage_changed;

	LIST_HEAD(, home_observer) observers;
	TAILQ_HEAD(, home_waiter) waiters;
	uint64_t round; /* of commits: who waits in one is called by that one or a later */
	struct loop_defer commit;
	struct loop_timer *commit_timer, *mirror_timer, *scan_timer, *unlink_timer;
	/* Files of tombstones: not committed, committed, unlinked. */
	struct dead_files dead, doomed, graves;
	struct buf uid_lines;                     /* for db/uidlist, written at commit */
	bool uid_stale;                           /* that file is to be written anew */
	struct buf object_lines;                  /* for db/objects, written at commit */
	bool objects_stale, objects_mostly_stale; /* that file is to be written anew */
	uint64_t object_octets; /* of all of them, as that file has them; 0: to be counted */
	struct content *last;   /* the file mapped last */

	/* thread.c */
	bool find_threads, found_before; /* of messages as they come; when the home was opened */
	bool threads_left;               /* of those that were there before */
	uint64_t threads_since;
	bool new_threads;     /* found and not committed */
	struct buf threaded;  /* ids that the next row of the log tells, CHANGE_THREADED */
	bool counts_threaded; /* such a row is to be written, whether or not it names any */
	char *head;           /* the beginning of a file */

	bool commit_lazily; /* the timer is set for what can wait */
	bool opening;       /* home_open is not done: nobody is told anything */
	bool broken;
	struct err why;
};

/* A message that is being received. */
struct append {
	struct home *home;
	int fd;
	uint64_t size, written;
	bool durable; /* its octets are already */
	char id[ID_SIZE];
	const char *as; /* the id in its name, where that was settled before; else NULL */
};

/* In names of what came from elsewhere: they say the same whatever this host is called later. */
#define IMPORT_HOST "imported"

/* Is there room for so many octets more? E_QUOTA, E_NOSPACE. (append.c) */
int append_check(struct home *h, uint64_t size, struct err *e);

struct mailbox_private {
	size_t cap; /* of messages */
	LIST_HEAD(, mailbox_observer) observers;
	uint32_t uid_ceiling; /* reserved on disk */
	int64_t cur_mtime,
	    new_mtime;       /* directories when last in step with us, nanoseconds; 0: unknown */
	uint64_t rescan_ms;  /* look again then, though nothing seems to have changed; 0: no need */
	bool row_dirty;      /* counters or numbers to be written at commit */
	bool names_dirty;    /* files whose names are behind */
	bool sync_cur;       /* names were added to cur/ */
	uint32_t settled;    /* up to this UID octets are known to be durable */
	struct str old_name; /* owned; as in index_mailbox */
};

/* The index is to be made anew when the home opens. */
#define REBUILD_PATH "db/rebuild"

/* ---- home.c ---- */

/* Before any change: -1 when broken. Arms the timer that commits. */
int home_ready(struct home *h, struct err *e);
/* The same before what can be made again: it may be lost, and be committed later. */
int home_ready_lazily(struct home *h, struct err *e);
/* Breaks the home for the reason in *e. Returns -1. */
int home_fail(struct home *h, const struct err *e);
/* Runs soon, for new mail and name mirroring. */
void home_mirror_later(struct home *h);
void home_mirror_soon(struct home *h);
void home_scan_later(struct home *h, uint64_t ms);

/* ---- model.c ---- */

struct mailbox *model_new(struct home *h, uint32_t id, struct str name);
void model_free(struct mailbox **mb);
void model_insert(struct home *h, struct mailbox *mb); /* into the list, by name */
void model_remove(struct home *h, struct mailbox *mb);
/* The special use that goes with a name, when no mailbox has it yet. */
enum mailbox_use model_free_use(struct home *h, struct str name);
/* After the name has changed. */
void model_sort(struct home *h);
int model_row(struct mailbox *mb, bool doomed, struct err *e); /* writes the mailbox's row */
void model_sub(struct home *h, struct str name, bool on);
bool model_is_sub(const struct home *h, struct str name);
/* Index of the mailbox of that name, or where it would stand. */
size_t model_place(const struct home *h, struct str name);

int model_next_uid(struct mailbox *mb, uint32_t *uid, struct err *e);
int model_next_modseq(struct home *h, uint64_t *modseq, struct err *e);
int model_next_mailbox(struct home *h, uint32_t *id, uint32_t *uidvalidity, struct err *e);

/* A message with its number: row, log, array (when loaded), counters. */
int model_add(struct mailbox *mb, const struct message *m, const struct index_file *f, bool dirty,
    enum change_kind kind, struct str before, const struct change_by *by, struct err *e);
/* Bits of keywords; make: unknown ones are added, else passed over. */
int model_keywords(
    struct mailbox *mb, const struct flag_set *set, bool make, uint64_t *bits, struct err *e);
/* A STORE under way. */
struct storing {
	enum store_mode mode;
	uint32_t flags;
	uint64_t keywords;
	uint64_t modseq; /* 0: none drawn yet */
	const struct change_by *by;
};
/* unchanged.c: those of uids of which one of the flags has changed after `since`. */
int model_modified(struct mailbox *mb, const uint32_t *uids, size_t n, const struct storing *st,
    uint64_t since, struct arena *a, struct uid_list *out, struct err *e);
/* New flags of a message (of the array, or a copy where it is not loaded). Observers are told by
 * the caller. */
int model_set_flags(struct mailbox *mb, struct message *m, uint32_t flags, uint64_t keywords,
    uint64_t modseq, bool dirty, const struct change_by *by, struct err *e);
/* Other hands removed its file. */
int model_vanish(struct mailbox *mb, const struct message *m, uint64_t modseq,
    const struct change_by *by, struct err *e);
/* Counters of a message that comes (+1) or goes (-1). */
void model_count(struct mailbox *mb, const struct message *m, int sign);
/* Takes messages out of the array; uids ascending. */
void model_drop(struct mailbox *mb, const uint32_t *uids, size_t n);
/* m: NULL for the mailbox itself. */
int model_log(struct home *h, uint64_t modseq, enum change_kind kind, uint32_t mailbox,
    const struct message *m, struct str before, const struct change_by *by, struct err *e);

void model_tell_added(struct mailbox *mb, uint32_t uid, const struct change_by *by);
void model_tell_flags(struct mailbox *mb, const struct message *m, const struct change_by *by);
void model_tell_expunged(struct mailbox *mb, const struct message *was, const struct change_by *by);

/* Letters of a file name for flags, keeping what is not ours to say; and back. */
uint32_t model_letters(uint32_t flags, uint32_t old_letters);
uint32_t model_flags(uint32_t letters);

void model_tell_mailbox(
    struct home *h, struct mailbox *mb, enum change_kind kind, const struct change_by *by);

/* ---- files of messages (scan.c) ---- */

/* Where a message's file is now, looking for it when it is not where the index says. */
int scan_locate(struct mailbox *mb, uint32_t uid, char path[PATH_SIZE], struct index_file *f,
    char *base, struct err *e);
/* Around own changes of names, so that they do not look like others'. */
struct scan_own {
	bool cur, new;
};
struct scan_own scan_own_begin(struct mailbox *mb);
void scan_own_end(struct mailbox *mb, struct scan_own own);
/* Looks at new/ only; what it finds is added. */
int scan_new(struct mailbox *mb, struct err *e);
/* Looks whether or not directories changed. uids: known numbers of files by name (a rebuild), or
 * NULL. */
struct uidlist;
int scan_all(struct mailbox *mb, const struct uidlist *uids, struct err *e);

/* ---- content.c ---- */

#define HEAD_SIZE 16384u

/* The octets of a file that no row names yet; NULL where they cannot be had. */
struct content *
content_new(struct mailbox *mb, const struct index_file *f, const struct message *m);
/* The octets of a message up to the end of its header at least. They hold until the next call, and
 * until content_close() where *c is not NULL. */
int
content_head(struct mailbox *mb, uint32_t uid, struct str *out, struct content **c, struct err *e);

/* ---- thread.c ---- */

int threads_open(struct home *h, struct err *e);
void threads_close(struct home *h);
/* Of a message that comes, before it is added; m->thread stays 0 where its file cannot be read. */
void threads_of_new(struct mailbox *mb, const struct index_file *f, struct message *m);
/* What comes with that modseq is left for later, as what was there before is. */
int threads_leave(struct home *h, uint64_t modseq, struct err *e);
/* Into the log; with the rows that it is about. */
int threads_log(struct home *h, struct err *e);

/* ---- commit.c ---- */

/* The file of a message that becomes a tombstone now. */
void commit_bury(struct mailbox *mb, uint32_t uid, const char *path);
int commit_now(struct home *h, struct err *e);
/* Unlinks some files of committed tombstones; the timer goes on with the rest. */
void commit_unlink_some(struct home *h);
/* Unlinks what is left, syncs directories of unlinked files and says so in their tombstones. */
int commit_dead_done(struct home *h, struct err *e);

/* ---- mirror.c ---- */
int mirror_mailbox(struct mailbox *mb, struct err *e);

/* ---- home_start.c ---- */
int start_read(
    struct home *h, bool fresh, struct err *e); /* numbers, mailboxes, what was left undone */
int reserve_numbers(struct home *h, bool clean, struct err *e);
