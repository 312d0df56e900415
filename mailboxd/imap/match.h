/*
 * match.h - does a message match a SEARCH key?
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mail/mime.h"
#include "mailboxd/imap/parse.h"
#include "mailboxd/imap/view.h"

struct imap_match {
	struct buf scratch;
	struct arena arena; /* for one message */
	struct content *content;
	struct str summary; /* of its header; p NULL: not asked for yet */
	const struct mime_part *root;
	unsigned readers; /* keys that read whole messages */
	bool unreadable;  /* the message under way has no file any more */
};

/* Prepares the tree for a view: sets resolved, texts folded, cheap keys first. -1: a text is not
 * UTF-8. */
int imap_match_init(
    struct imap_match *x, struct search_key *key, const struct imap_view *w, struct arena *a);
void imap_match_done(struct imap_match *x);
/* The message at position `at` of the view. */
bool imap_match(
    struct imap_match *x, const struct search_key *key, const struct imap_view *w, size_t at);
