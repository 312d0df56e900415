/*
 * lexicon.c - which words and phrases stand in a request.
 *
 * Phrases are written as token.h folds them, words apart by one blank. A word that the other
 * language uses for something else ("a", "on", "me", "date") belongs to one language only, so which
 * language is spoken is found first, by the words that belong to one alone.
 */
#include "aid/grammar/lexicon.h"

#include "aid/grammar/lexicon_in.h"

/* How many tokens from first the phrase covers; 0: it does not stand there. */
static size_t
covers(const struct tokens *t, size_t first, const char *phrase)
{
	struct str rest = str_z(phrase), word;
	size_t n = 0;

	while (rest.n > 0) {
		str_cut(&rest, ' ', &word);
		if (first + n >= t->n ||
		    (t->t[first + n].kind != TOKEN_WORD && t->t[first + n].kind != TOKEN_NUMBER) ||
		    !str_eq(t->t[first + n].word, word))
			return 0;
		n++;
		if (word.p + word.n == phrase + strlen(phrase))
			break;
	}
	return n;
}

static const struct entry *
longest(const struct entry *entries, size_t count, const struct tokens *t, size_t first, size_t *n)
{
	const struct entry *found = NULL;

	*n = 0;
	for (size_t i = 0; i < count; i++) {
		size_t length = covers(t, first, entries[i].phrase);

		if (length > *n) {
			*n = length;
			found = &entries[i];
		}
	}
	return found;
}

static const struct entry *
look_up(enum language language, const struct tokens *t, size_t first, size_t *n)
{
	return language == LANGUAGE_FR
		   ? longest(lexicon_french, lexicon_french_count, t, first, n)
		   : longest(lexicon_english, lexicon_english_count, t, first, n);
}

/* Tokens that one language alone knows speak for it. */
static enum language
spoken(const struct tokens *t, enum language hint)
{
	size_t en = 0, fr = 0;

	for (size_t i = 0; i < t->n; i++) {
		size_t n_en, n_fr;

		look_up(LANGUAGE_EN, t, i, &n_en);
		look_up(LANGUAGE_FR, t, i, &n_fr);
		if (n_en > n_fr)
			en += n_en;
		else if (n_fr > n_en)
			fr += n_fr;
	}
	if (en == fr)
		return hint == LANGUAGE_FR ? LANGUAGE_FR : LANGUAGE_EN;
	return fr > en ? LANGUAGE_FR : LANGUAGE_EN;
}

void
lexicon_read(struct words_of *out, const struct tokens *t, enum language hint)
{
	out->n = 0;
	out->tokens = t;
	out->language = spoken(t, hint);
	for (size_t i = 0; i < t->n;) {
		size_t n;
		const struct entry *found = look_up(out->language, t, i, &n);
		struct word *w = &out->w[out->n++];

		*w = (struct word){.sense = SENSE_OTHER, .first = i, .n = 1};
		if (found)
			*w = (struct word){found->sense, found->value, i, n};
		i += w->n;
	}
}
