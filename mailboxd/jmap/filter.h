/*
 * filter.h - the filters of Email/query (RFC 8620 5.5, RFC 8621 4.4.1): FilterOperator and
 * FilterCondition over the model, the index of words and, where these do not say, the messages.
 *
 * Parsed once, within bounds; of what must hold together the cheapest is looked at first. Words are
 * those of mail/words.h, the language of text conditions that of phrases_init(). Everything lives
 * in the call's arena.
 *
 *	if (jmap_filter_parse(c, q->filter, &f) < 0)
 *		return JMAP_DONE;
 *	in each slice:
 *		if (jmap_filter_ready(f, e) < 0) …
 *		(jmap_filter_needs_threads(f): first jmap_model_thread_all() until it says 1)
 *		for emails until jmap_slice_over(c): jmap_filter_match(f, em, e)
 */
#pragma once

#include "mail/text.h"
#include "mail/words.h"
#include "mailboxd/jmap/jmap.h"
#include "mailboxd/jmap/model.h"

#define JMAP_FILTER_DEPTH 32u  /* operators in operators */
#define JMAP_FILTER_TERMS 500u /* conditions and operators */
#define JMAP_FILTER_TEXTS 32u  /* texts of these: each asks the index, may read messages */

struct jmap_filter;

/* filter NULL: everything matches. -1: the call has failed with unsupportedFilter or
 * invalidArguments. */
int jmap_filter_parse(struct jmap_call *c, const cJSON *filter, struct jmap_filter **out);
/* Before the first match of each slice: mailboxes and keywords may have changed. */
int jmap_filter_ready(struct jmap_filter *f, struct err *e);
/* Does it ask for threads as a whole? */
bool jmap_filter_needs_threads(const struct jmap_filter *f);
/* 1, 0; -1. May read the message, some milliseconds for a large one. */
int jmap_filter_match(struct jmap_filter *f, const struct jmap_email *em, struct err *e);

/* The texts that it looks for in a field, for highlights: those under NOT are left out. *i begins
 * at 0; NULL at the end. */
const struct phrases *
jmap_filter_next_text(const struct jmap_filter *f, enum text_field field, size_t *i);

/* The octets of an email, of any of its copies; NULL: it has none any more (E_NOTFOUND), or
 * another error. content_close() ends it. */
struct content *
jmap_email_open(const struct jmap_model *m, const struct jmap_email *em, struct err *e);
