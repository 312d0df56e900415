/*
 * search.h - the index of words of a home, db/search.db: which emails hold which phrases.
 *
 * Holds nothing that the messages do not: missing, damaged or of another format it is begun anew,
 * and what is not in it yet is to be read (search_hits_has says UNKNOWN), so that answers are right
 * at every moment. The words are those of mail/words.h. Emails are put in by batches; a batch is
 * seen at once, and is kept when search_commit() has returned: a process that dies loses no more
 * than the last one, and so does a machine (WAL, synchronous=NORMAL).
 *
 * An email that leaves is out of all answers at once; its words go when the index is made anew,
 * which search_is_stale() asks for. One handle at a time for a file. After an error the index
 * answers UNKNOWN for everything, until it is opened again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mail/text.h"
#include "mail/words.h"

#define SEARCH_BATCH      100u         /* emails at most between two commits */
#define SEARCH_BATCH_TEXT (256u << 10) /* and so many octets of text */

struct search;

/* NULL: there can be none. *fresh: it is empty, made just now. */
struct search *search_open(const char *path, bool *fresh, struct err *e);
/* Commits. remove: the file goes too. */
void search_close(struct search **s, bool remove);
bool search_has_failed(const struct search *s);

bool search_has(const struct search *s, uint64_t email);
size_t search_count(const struct search *s);
/* The next email that is in it, in no order; 0 at the end. *i begins at 0. */
uint64_t search_next(const struct search *s, size_t *i);

/* E_EXISTS is success. */
int search_put(struct search *s, uint64_t email, const struct text_fields *f, struct err *e);
int search_drop(struct search *s, uint64_t email, struct err *e);
/* Is the batch so large that it should be committed? */
bool search_batch_is_full(const struct search *s);
int search_commit(struct search *s, struct err *e);
/* Joins what batches have left, some pages of it. *more: there is more to do. */
int search_merge(struct search *s, bool *more, struct err *e);
/* So much of it are emails that have left that it should be closed, removed and begun anew. */
bool search_is_stale(const struct search *s);

/* ---- asking ---- */

enum search_answer {
	SEARCH_NO,
	SEARCH_YES,
	SEARCH_UNKNOWN /* to be read */
};

struct search_hits;

/* All emails in the index in which all phrases stand in fields (bits: 1u << TEXT_FROM …), each
 * phrase in one of them. NULL on error. */
struct search_hits *
search_find(struct search *s, const struct phrases *p, unsigned fields, struct err *e);
void search_hits_free(struct search_hits **h);
/* As of when they were asked for; what came or went since is UNKNOWN. s may be NULL. */
enum search_answer
search_hits_has(const struct search_hits *h, const struct search *s, uint64_t email);
