/*
 * highlight.h - what was found in a text, marked: HTML in which only <mark> and </mark> are ours
 * and & < > of the text are escaped (RFC 8621 5). Pure functions.
 */
#pragma once

#include "base/buf.h"
#include "mail/words.h"

#define HIGHLIGHTS_MAX 64u /* of a text that are marked */

struct highlight {
	size_t start, end;
};

struct highlights {
	struct highlight v[HIGHLIGHTS_MAX];
	size_t n;
	size_t limit; /* private */
};

/* Adds where phrases stand in the text: at most half of the room left, so that others have some. */
void highlights_find(struct highlights *h, const struct phrases *p, struct str text);
/* Puts them in order, none touching another: before what follows here. */
void highlights_join(struct highlights *h);
/* Where the piece begins that shows most of them: some words before the first one. */
size_t highlights_begin(struct str text, const struct highlights *h);
/* Appends the text from `at` on with marks, blanks made one, until *out holds max octets. */
void highlights_write(
    struct str text, size_t at, const struct highlights *h, size_t max, struct buf *out);
