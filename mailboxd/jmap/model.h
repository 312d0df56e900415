/*
 * model.h - all emails of a home in memory, as JMAP sees them (RFC 8621 4).
 *
 * An email is one message in all mailboxes that it stands in (store/email.h). The model is made at
 * the first use of JMAP from the mailboxes' messages and follows them by observers, so it is never
 * behind. A copy with \Deleted is not there at all (RFC 8621 4.1.1), and so is an email that has
 * only such copies. About a hundred octets an email, with its thread.
 *
 * Emails and threads stay where they are until the next change of the store; nobody keeps a pointer
 * over a turn of the loop, but numbers. Names begin with jmap_model_: model_ is the store's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/mailbox.h"

struct jmap_model;
struct jmap_thread;

/* A copy of an email. */
struct jmap_place {
	uint32_t box; /* of the model, not the mailbox's id: jmap_model_mailbox() */
	uint32_t uid;
};

struct jmap_email {
	uint64_t number;
	int64_t received;           /* seconds; copies have the same */
	struct jmap_thread *thread; /* NULL: not looked for yet, jmap_model_thread() */
	uint32_t size;
	uint32_t nplaces; /* 0: it has gone since it was found */
	uint8_t any, all; /* FLAG_ bits that one copy has, that all have */
	bool misplaced;   /* private: stands in the order where it stood before */
	/* Its UID in the mailbox of the lowest id: what came in one second stands in the order of
	 * its coming. */
	uint32_t uid;
	/* private */
	union {
		struct jmap_place one;
		struct jmap_place *many;
	} at;
	struct jmap_email *next; /* of its thread, by time */
};

struct jmap_thread {
	uint64_t number;
	struct jmap_email *first, *last; /* the oldest (RFC 8621 3: receivedAt), the newest */
	uint32_t n;
	/* private */
	uint32_t stamp;
	bool counted, told;
	struct jmap_thread *stale;
};

static inline const struct jmap_place *
jmap_email_places(const struct jmap_email *em)
{
	return em->nplaces > 1 ? em->at.many : &em->at.one;
}

static inline const struct jmap_email *
jmap_email_next(const struct jmap_email *em)
{
	return em->next;
}

/* Has read nothing yet: jmap_model_load(), or jmap_model_ready() all that is left. */
struct jmap_model *jmap_model_begin(struct home *h, struct err *e);
/* Reads mailboxes for about so long. 1: all are read; 0: there is more; -1. */
int jmap_model_load(struct jmap_model *m, uint64_t slice_us, struct err *e);
/* Reads all mailboxes. */
struct jmap_model *jmap_model_new(struct home *h, struct err *e);
void jmap_model_free(struct jmap_model **m);
/* Takes in mailboxes that are new; to be called before a turn's first use. */
int jmap_model_ready(struct jmap_model *m, struct err *e);

/* NULL: there is none of that number, for JMAP. */
const struct jmap_email *jmap_model_find(const struct jmap_model *m, uint64_t number);
/* All, the oldest first; those of one second by UID and number. */
struct jmap_email *const *jmap_model_all(struct jmap_model *m, size_t *n);
/* Another one after every change of any email. */
uint64_t jmap_model_generation(const struct jmap_model *m);
/* How two emails stand to each other in that order. */
int jmap_email_compare(const struct jmap_email *a, const struct jmap_email *b);

/* ---- mailboxes ---- */

#define JMAP_NO_BOX UINT32_MAX

/* Of a mailbox's id; JMAP_NO_BOX: there is no such mailbox. */
uint32_t jmap_model_box(const struct jmap_model *m, uint32_t mailbox);
struct mailbox *jmap_model_mailbox(const struct jmap_model *m, uint32_t box);
bool jmap_email_in(const struct jmap_email *em, uint32_t box);
/* An email of a mailbox; NULL where it has \Deleted. */
const struct jmap_email *
jmap_model_at(const struct jmap_model *m, const struct mailbox *mb, uint32_t uid);

/* RFC 8621 2 */
struct jmap_counts {
	uint32_t emails, unread_emails, threads, unread_threads;
};

/* Of a mailbox. An email whose thread is not known yet counts as a thread of its own. */
void jmap_model_counts(struct jmap_model *m, uint32_t box, struct jmap_counts *out);

/* ---- keywords (RFC 8621 4.1.1) ---- */

/* A keyword, made ready to ask many emails for. Holds until the next change. */
struct jmap_keyword {
	uint32_t flag;        /* FLAG_ of "$seen" …; 0: none of these */
	const uint64_t *bits; /* by box */
};

void jmap_keyword_init(
    struct jmap_keyword *k, const struct jmap_model *m, struct str name, struct arena *a);
/* $seen where all copies have it, others where one has. */
bool jmap_email_has(
    const struct jmap_model *m, const struct jmap_email *em, const struct jmap_keyword *k);
/* Its keywords, in lower case and sorted; *v is in a. */
size_t jmap_email_keywords(
    const struct jmap_model *m, const struct jmap_email *em, struct arena *a, struct str **v);
/* "$seen" for FLAG_SEEN; "" where JMAP has none. */
const char *jmap_keyword_of_flag(uint32_t flag);
/* Any letter case; 0: it is none. */
uint32_t jmap_flag_of_keyword(struct str name);
/* Neither $seen nor $draft. */
static inline bool
jmap_email_is_unread(const struct jmap_email *em)
{
	return !(em->all & FLAG_SEEN) && !(em->any & FLAG_DRAFT);
}

/* ---- threads ---- */

/*
 * Threads of what comes are known. Those of emails that were there before anybody used threads are
 * found in idle time (backlog.h), the newest emails first, or when somebody asks for one. Until all
 * are known a thread may grow at its old end; the log says so (CHANGE_THREADED) of those that a
 * client was told.
 */

/* The thread of an email, found at the first time by its header. */
int jmap_model_thread(
    struct jmap_model *m, const struct jmap_email *em, struct jmap_thread **out, struct err *e);
/* Are all known? */
bool jmap_model_threads_are_known(const struct jmap_model *m);
/* Looks for some that are not, for about so long. 1: all are known; 0: there are more; -1. */
int jmap_model_thread_all(struct jmap_model *m, uint64_t slice_us, struct err *e);
/* NULL: no email that is known to be of it. */
const struct jmap_thread *jmap_model_find_thread(const struct jmap_model *m, uint64_t number);
/* A client is told its emails. */
void jmap_model_tell_thread(const struct jmap_thread *t);

/* ---- marks ---- */

/* No thread has a mark; then the first call for each says true. Who goes on marking in a later turn
 * compares the number of the marks: somebody else may have begun anew. */
uint32_t jmap_model_unmark(struct jmap_model *m);
uint32_t jmap_model_marks(const struct jmap_model *m);
bool jmap_model_mark_thread(struct jmap_model *m, struct jmap_thread *t);

/* ---- answers ---- */

/* What a query found, kept until any email changes: a client asks for the next page of it. Borrows
 * until the next call. */
bool
jmap_model_answer(const struct jmap_model *m, struct str query, const uint64_t **ids, size_t *n);
void jmap_model_keep_answer(struct jmap_model *m, struct str query, const uint64_t *ids, size_t n);
