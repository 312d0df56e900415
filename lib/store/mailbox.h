/*
 * mailbox.h - a mailbox and its messages: what IMAP reads and changes.
 *
 * Messages stand in an array sorted by UID; their index is not an IMAP sequence number, since a
 * session must go on showing messages that others expunged until it may report that (RFC 3501
 * 7.4.1): each session keeps its own list of UIDs. Pointers into the array hold until the next
 * change. All functions that change are as home.h says: in memory at once, durable by
 * home_commit().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/email.h"
#include "store/home.h"

/* System flags (RFC 3501 2.3.2); \Recent belongs to sessions, see mailbox_take_recent(). */
#define FLAG_SEEN     0x01u
#define FLAG_ANSWERED 0x02u
#define FLAG_FLAGGED  0x04u
#define FLAG_DELETED  0x08u
#define FLAG_DRAFT    0x10u
#define FLAG_ALL      0x1fu

#define KEYWORDS_MAX    64  /* different ones in a mailbox */
#define KEYWORD_MAX_LEN 255 /* octets (RFC 8621 4.1.1) */

struct message {
	uint32_t uid;
	uint32_t flags;    /* FLAG_ bits */
	uint64_t keywords; /* bit i: mailbox->keywords[i] */
	uint64_t modseq;
	uint64_t size;   /* RFC822.SIZE */
	int64_t date;    /* INTERNALDATE, seconds */
	uint64_t email;  /* email.h */
	uint64_t thread; /* 0: not looked for yet, see mailbox_thread() */
};

/* RFC 6154 */
enum mailbox_use {
	USE_NONE,
	USE_DRAFTS,
	USE_SENT,
	USE_JUNK,
	USE_TRASH,
	USE_ARCHIVE
};

/* "\\Sent"; "" for USE_NONE. */
const char *mailbox_use_name(enum mailbox_use use);

struct mailbox_observer;

struct mailbox {
	struct home *home;
	uint32_t id;     /* never used again in this home */
	struct str name; /* normal form (folder.h) */
	enum mailbox_use use;
	bool subscribed;
	int64_t sort; /* where it stands in lists (sortOrder of RFC 8621 2); -1: nobody said */
	uint32_t uidvalidity;
	uint32_t uidnext;
	uint64_t highestmodseq;
	/* Right whether loaded or not. */
	uint32_t exists, unseen, deleted;
	uint64_t octets;
	uint32_t recent_from; /* UIDs from here on were seen by no session: \Recent */
	/* Keyword names in order of their bits; case kept as first used. */
	struct str keywords[KEYWORDS_MAX];
	unsigned nkeywords;
	/* After mailbox_load(). */
	bool loaded;
	struct message *messages;
	size_t n;
	/* private */
	struct mailbox_private *priv;
};

/* Brings the messages into memory (once) and looks for changes by others (mailbox_refresh). */
int mailbox_load(struct mailbox *mb, struct err *e);
/* Looks for files that others added, renamed or removed; cheap when directories did not change. */
int mailbox_refresh(struct mailbox *mb, struct err *e);
/* The message of a UID, or NULL. */
const struct message *mailbox_get(const struct mailbox *mb, uint32_t uid);
/* The modseq that it shows, which is what clients are to be asked about and told (RFC 7162). */
uint64_t mailbox_modseq(const struct mailbox *mb, const struct message *m);
/* Index of the first message with a UID >= uid; n when there is none. */
size_t mailbox_lower(const struct mailbox *mb, uint32_t uid);
/* The UIDs >= the result are recent to the caller alone; nobody after gets them (RFC 3501 2.3.2).
 * Ask at SELECT, and at each added() in a session that selected. */
uint32_t mailbox_take_recent(struct mailbox *mb);
/* UID of the first message without \Seen, or 0. */
uint32_t mailbox_first_unseen(const struct mailbox *mb);

/* ---- observers ---- */

/* Embedded in a session. Callbacks only note; they must not change the store. The origin in `by` is
 * that of the change. */
struct mailbox_observer {
	/* Messages from uid on are new. */
	void (*added)(void *arg, struct mailbox *mb, uint32_t uid, const struct change_by *by);
	void (*flags)(
	    void *arg, struct mailbox *mb, const struct message *m, const struct change_by *by);
	/* Called after it has left the array; `was` is a copy. */
	void (*expunged)(
	    void *arg, struct mailbox *mb, const struct message *was, const struct change_by *by);
	/* A new keyword (FLAGS and PERMANENTFLAGS have changed). Optional. */
	void (*keyword)(void *arg, struct mailbox *mb);
	/* The mailbox is deleted and freed after the call; the observer is out of its list. */
	void (*gone)(void *arg, struct mailbox *mb);
	void *arg;
	LIST_ENTRY(mailbox_observer) link; /* private */
};

/* Keeps the mailbox loaded. */
void mailbox_observe(struct mailbox *mb, struct mailbox_observer *o);
void mailbox_unobserve(struct mailbox *mb, struct mailbox_observer *o);

/* ---- conversations ---- */

/* The thread of a message, found by its header on first use (thread.c). */
int mailbox_thread(struct mailbox *mb, uint32_t uid, uint64_t *thread, struct err *e);

/* ---- flags ---- */

enum store_mode {
	STORE_REPLACE,
	STORE_ADD,
	STORE_REMOVE
};

struct flag_set {
	uint32_t flags;             /* FLAG_ bits */
	const struct str *keywords; /* names without backslash */
	size_t nkeywords;
};

/*
 * Changes flags of uids[0..n), sorted ascending; unknown UIDs are passed over. Messages of which
 * one of these flags has changed after unchangedsince (UINT64_MAX: no condition) stay as they are
 * and are told in *modified (arena; may be NULL); STORE_REPLACE is about all flags. Where the
 * change log no longer says which flags have changed, any change counts (RFC 7162 3.1.12). E_LIMIT
 * past KEYWORDS_MAX, E_INVAL for a bad keyword: nothing is changed.
 */
struct uid_list {
	uint32_t *uids;
	size_t n;
};

int mailbox_store(struct mailbox *mb, const uint32_t *uids, size_t n, enum store_mode mode,
    const struct flag_set *set, uint64_t unchangedsince, const struct change_by *by,
    struct arena *a, struct uid_list *modified, struct err *e);

/* "\Seen $Label1" of a message, as the change log has them. */
struct str mailbox_flags_text(const struct mailbox *mb, const struct message *m, struct arena *a);
/* FLAG_SEEN for "\Seen"; 0: it is none. */
uint32_t mailbox_flag_by_name(struct str name);

/* ---- copy, move, expunge ---- */

/* from[i] became to[i]; ascending in `from` (COPYUID, RFC 4315). */
struct copy_result {
	uint32_t *from, *to;
	size_t n;
};

/* All or nothing. E_QUOTA. Unknown UIDs are passed over. */
int mailbox_copy(struct mailbox *mb, const uint32_t *uids, size_t n, struct mailbox *to,
    const struct change_by *by, struct arena *a, struct copy_result *out, struct err *e);
/* The same, and the messages leave mb (RFC 6851). */
int mailbox_move(struct mailbox *mb, const uint32_t *uids, size_t n, struct mailbox *to,
    const struct change_by *by, struct arena *a, struct copy_result *out, struct err *e);
/* Expunges those of uids[0..n) that have \Deleted; n = SIZE_MAX and uids = NULL: all that have. */
int mailbox_expunge(
    struct mailbox *mb, const uint32_t *uids, size_t n, const struct change_by *by, struct err *e);

/* Expunges uids[0..n), ascending, with \Deleted or without (RFC 8621 4.6). */
int mailbox_remove(
    struct mailbox *mb, const uint32_t *uids, size_t n, const struct change_by *by, struct err *e);

/* UIDs below uidnext_then that were expunged after modseq, ascending, and *gap = true when some may
 * be missing from the list (then treat all absent ones as expunged: VANISHED of QRESYNC). */
int mailbox_vanished(struct mailbox *mb, uint64_t modseq, uint32_t uidnext_then, struct arena *a,
    struct uid_list *out, bool *gap, struct err *e);

/* ---- appending ---- */

struct append;

/* Begins a message of exactly `size` octets: E_QUOTA, E_NOSPACE. */
struct append *append_new(struct home *h, uint64_t size, struct err *e);
int append_write(struct append *ap, struct str octets, struct err *e);
/* Puts it into the mailbox and frees *ap in any case. Fewer octets than announced: E_INVAL.
 * date: INTERNALDATE. The caller answers after home_commit(). */
int append_finish(struct append **ap, struct mailbox *mb, const struct flag_set *set, int64_t date,
    const struct change_by *by, uint32_t *uid, struct err *e);
void append_free(struct append **ap); /* forgets it */

/* ---- octets ---- */

/* A message's file, mapped. Opening the one used last again costs nothing. */
struct content {
	struct str octets; /* the whole message as stored; line ends are CRLF */
	unsigned refs;     /* private from here on */
	bool mapped;
	struct mailbox *mb;
	uint32_t uid;
};

/* E_NOTFOUND when the file is gone. Holds until content_close(). */
struct content *content_open(struct mailbox *mb, uint32_t uid, struct err *e);
void content_close(struct content **c);

/* The cached text of a message, rendered on first use; copied into a. */
int mailbox_cached(struct mailbox *mb, uint32_t uid, enum cache_kind kind, struct arena *a,
    struct str *out, struct err *e);
