/*
 * filter_in.h - a filter, between filter.c and filter_match.c.
 */
#pragma once

#include "mailboxd/jmap/filter.h"
#include "store/search.h"

enum jmap_term_op {
	TERM_AND, /* without children: true, as for OR with them: false (RFC 8620 5.5) */
	TERM_OR,
	TERM_NOT, /* none of the children */
	TERM_MAILBOX,
	TERM_MAILBOX_OTHER, /* in any that is not one of these */
	TERM_BEFORE,
	TERM_AFTER,
	TERM_MIN_SIZE,
	TERM_MAX_SIZE,
	TERM_KEYWORD,
	TERM_NO_KEYWORD,
	TERM_ALL_IN_THREAD,
	TERM_SOME_IN_THREAD,
	TERM_NONE_IN_THREAD,
	TERM_HAS_ATTACHMENT,
	TERM_TEXT,
	TERM_HEADER
};

#define COST_MAX 4u

struct jmap_term {
	enum jmap_term_op op;
	unsigned cost;
	struct jmap_term *child, *next;
	/* Of conditions, what they compare with. */
	int64_t number;
	struct {
		uint32_t id, box; /* box: of the model, as of this slice */
	} * mailboxes;
	size_t n;        /* of mailboxes */
	struct str name; /* a keyword, a header field */
	struct jmap_keyword keyword;
	struct phrases *phrases;
	unsigned fields;
	struct search_hits *hits; /* NULL: not asked for yet */
	uint64_t thread;          /* the answer for this thread is known */
	bool answer;
};

struct jmap_filter {
	struct jmap_call *call;
	struct jmap_term *root; /* NULL: everything matches */
	size_t terms, texts;
	bool threads;
	/* As of this slice. */
	struct jmap_model *model;
	struct search *search;
	uint64_t generation;
	struct arena slice; /* keywords made ready */
	/* The email under way. */
	struct arena email;
	struct content *content;
	bool unreadable;
	struct text_fields text;
	unsigned text_fields; /* that text holds */
};

void jmap_filter_match_init(struct jmap_filter *f);
void jmap_filter_match_done(struct jmap_filter *f);
