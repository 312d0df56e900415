/*
 * html_seen.h - can text at this place of an HTML message be seen by who reads it?
 *
 * For text that goes to a program that reads for a person: hidden elements, letters too small or of
 * the colour of what is behind them, what stands outside of the page or is cut off. Styles of
 * elements and of sheets count, sheets by the simple selectors that mail uses. There is no layout,
 * so that text over text counts as seen; what mismatched tags, escapes or unknown colours leave
 * unclear counts as hidden. Depth, rules and the work for all of a message are bounded.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define SEEN_DEPTH_MAX 128u
#define SEEN_RULES_MAX 128u
#define SEEN_CHAIN_MAX 4u
#define SEEN_STEPS_MAX \
	(10u << 20)       /* octets and elements compared in a message; behind it nothing is seen */
#define SEEN_UNKNOWN (-1) /* a picture */

enum seen_level {
	SEEN_INLINE,     /* its end tag reaches no further than the block that it is in */
	SEEN_FORMATTING, /* goes on behind the block that it was opened in: b, font (HTML 13.2.4.3)
			  */
	SEEN_BLOCK
};

struct seen_element {
	struct str name, classes, id; /* as written; of the message */
	struct str style, color, background, size;
	enum seen_level level;
	bool hidden;
};

struct seen_open {
	struct str name, classes, id;
	enum seen_level level;
	bool hidden, styled;
	int32_t color, background; /* 0xRRGGBB, or SEEN_UNKNOWN */
	int size;                  /* of letters, in hundredths of a pixel */
};

struct seen_rule {
	struct {
		struct str name, class, id;
	} chain[SEEN_CHAIN_MAX]; /* the element itself last */
	unsigned n;
	struct str declarations;
};

struct seen {
	struct seen_open open[SEEN_DEPTH_MAX];
	unsigned depth, over; /* over: elements open beyond the bound */
	struct seen_rule rules[SEEN_RULES_MAX];
	unsigned nrules;
	size_t steps;
};

void seen_init(struct seen *s);
/* What stands in a style element; borrowed. */
void seen_sheet(struct seen *s, struct str css);
void seen_begin(struct seen *s, const struct seen_element *e);
void seen_end(struct seen *s, struct str name, enum seen_level level);
/* The text that comes now. */
bool seen_now(const struct seen *s);
