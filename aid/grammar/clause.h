/*
 * clause.h - values inside a request: people, words to look for, mailboxes, texts.
 */
#pragma once

#include "aid/grammar/request.h"

struct parse {
	const struct words_of *w;
	size_t verb_at; /* the word that is the verb; w->n when none was said */
	struct request *c;
	struct now now;
	struct arena *a;
};

enum sense clause_sense(const struct parse *p, size_t at);          /* SENSE_FILLER past the end */
const struct token *clause_token(const struct parse *p, size_t at); /* NULL past the end */
/* The text from the beginning of word a to the end of word b - 1. */
struct str clause_raw(const struct parse *p, size_t a, size_t b);
bool clause_is_mark(const struct parse *p, size_t at, char mark);
/* Past articles and the like. */
size_t clause_skip(const struct parse *p, size_t at);

/* One person by name, address or quotation. Each of these returns the word after what it took, or
 * `at` when nothing stands there. */
size_t clause_person(const struct parse *p, size_t at, struct str *out);
/* People apart by commas and "and". */
size_t clause_people(const struct parse *p, size_t at);
/* Words up to the next clause; writing: up to what begins the text of the mail. */
size_t clause_words(const struct parse *p, size_t at, bool writing, struct str *out);
size_t clause_place(const struct parse *p, size_t at, struct place *out);
/* All that follows, without a colon before it and quotes around it: always takes everything. */
size_t clause_body(const struct parse *p, size_t at);
