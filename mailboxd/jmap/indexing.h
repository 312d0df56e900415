/*
 * indexing.h - keeps the index of words (store/search.h) in step with a user's emails.
 *
 * Begun by the first search, or some seconds after a request of JMAP: a user of IMAP alone has
 * none, and delivery does nothing for it. Works in slices of some milliseconds on the owner's loop,
 * the newest emails first. What is not indexed yet is read by who searches, so nobody waits for it.
 */
#pragma once

#include "mailboxd/jmap/jmap.h"
#include "store/search.h"

struct jmap_indexing;

/* The index, opened at the first call and brought up to date from then on; NULL where there can be
 * none: everything is read then. Holds until the end of the turn. */
struct search *jmap_indexing_search(struct jmap *j);
/* A search of the index has failed: it is looked after. */
void jmap_indexing_failed(struct jmap *j);
/* A request is done: soon there is time to index what is new. */
void jmap_indexing_later(struct jmap *j);
/* Is everything indexed? For tests. */
bool jmap_indexing_is_done(struct jmap *j);
/* Is it at work, or soon? The owner stays then. */
bool jmap_indexing_is_busy(const struct jmap *j);
void jmap_indexing_free(struct jmap_indexing **x);
