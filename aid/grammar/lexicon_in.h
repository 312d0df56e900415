/*
 * lexicon_in.h - the tables of words behind lexicon.h.
 */
#pragma once

#include "aid/grammar/lexicon.h"

struct entry {
	const char *phrase; /* folded words, one blank between */
	enum sense sense;
	int value;
};

extern const struct entry lexicon_english[], lexicon_french[];
extern const size_t lexicon_english_count, lexicon_french_count;
