/*
 * words.h - the words of a text as search compares them, and phrases looked for in it.
 *
 * A word is a run of letters, digits and their marks, folded: compatibility decomposition, case
 * folding, accents dropped ("Café" and "CAFE" are one word). Scripts that put no spaces between
 * words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) give one word a character, so that any run
 * of theirs is found as a phrase. The index (store/search.h), messages that are read directly and
 * highlights all go by this page. Takes any octets; no allocation; linear.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define WORD_MAX    64u /* octets of a folded word; longer ones count by their beginning */
#define PHRASES_MAX 64u /* words looked for at a time, of all phrases */

struct words {
	/* The word found: folded, and where it stands in the text. */
	struct str word;
	size_t start, end;
	bool single; /* a character of a script without spaces */
	/* private */
	struct str text;
	size_t from, at;       /* the character that is folded, and what follows */
	int32_t folded[18];    /* what it stands for */
	size_t nfolded, taken; /* taken of it */
	char room[WORD_MAX + 4];
};

void words_init(struct words *w, struct str text);
bool words_next(struct words *w);

/* Phrases that must all be found, in any order and any field. */
struct phrases {
	struct str words[PHRASES_MAX];
	unsigned n;
	/* Bits of words: the first and the last of each phrase, those that may go on. */
	uint64_t starts, ends, prefixes;
};

/* What a person types (RFC 8621 4.4.1): each run between blanks is a phrase, and so is what stands
 * in quotes; the last word, outside of quotes and of three letters or more, may be the beginning of
 * one. Without any word everything matches. -1: more than PHRASES_MAX words. */
int phrases_init(struct phrases *p, struct str typed, struct arena *a);

/* Looks into one field; *found gathers the ends of phrases, 0 at first. */
void phrases_look(const struct phrases *p, struct str text, uint64_t *found);

static inline bool
phrases_found(const struct phrases *p, uint64_t found)
{
	return found == p->ends;
}

/* Calls fn for each stretch of text that a phrase matches, in order of their ends; false stops. */
void phrases_each(const struct phrases *p, struct str text,
    bool (*fn)(void *arg, size_t start, size_t end), void *arg);
