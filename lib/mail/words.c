/*
 * words.c - the words of a text as search compares them.
 *
 * A text is read character by character, each folded to the few that it stands for; what these are
 * decides where a word begins and ends. So a word folded once more stays what it is, and the index
 * may be asked with words that were folded here. Phrases are looked for all at once, by one bit a
 * word that wanders on with each word that fits (shift-and).
 */
#include "mail/words.h"

#include <utf8proc.h>

#include "base/mem.h"

/* Shorter ones are whole words: too much begins with one letter. */
#define PREFIX_MIN 3u

/* ---- characters ---- */

enum kind {
	KIND_BETWEEN, /* between words */
	KIND_WORD,
	KIND_SINGLE, /* a word of its own */
	KIND_MARK,   /* belongs to what stands before it */
	KIND_NOTHING /* as if it were not there */
};

/* Letters of scripts that put no spaces between words. */
static bool
is_single(int32_t c)
{
	static const struct {
		int32_t first, last;
	} ranges[] = {{0xe00, 0xeff},                             /* Thai, Lao */
	    {0x1000, 0x109f},                                     /* Myanmar */
	    {0x1780, 0x17ff},                                     /* Khmer */
	    {0x3005, 0x3007}, {0x3040, 0x312f},                   /* Hiragana, Katakana, Bopomofo */
	    {0x31a0, 0x31ff}, {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, /* Han */
	    {0xaa60, 0xaa7f}, {0xf900, 0xfaff}, {0x1b000, 0x1b16f}, {0x20000, 0x3ffff}};

	for (size_t i = 0; i < ARRAY_LEN(ranges) && c >= ranges[i].first; i++)
		if (c <= ranges[i].last)
			return true;
	return false;
}

/* Accents and points above and below letters do not count; vowels and the like of Indic and
 * Southeast Asian scripts, and the voiced marks of kana, do. By canonical combining classes (UAX
 * 44): 1 overlays, 10 to 36 Hebrew and Arabic points, 200 and above accents. */
static enum kind
kind_of_mark(const utf8proc_property_t *property)
{
	int class = property->combining_class;

	return class == 1 || (class >= 10 && class <= 36) || class >= 200 ? KIND_NOTHING
									  : KIND_MARK;
}

static enum kind
kind_of(int32_t c)
{
	const utf8proc_property_t *property;

	if (c < 128)
		return is_alnum((char)c) ? KIND_WORD : KIND_BETWEEN;
	property = utf8proc_get_property(c);
	/* ARABIC TATWEEL only makes a word longer. */
	if (property->ignorable || property->category == UTF8PROC_CATEGORY_CF || c == 0x640)
		return KIND_NOTHING;
	if (property->category == UTF8PROC_CATEGORY_MN)
		return kind_of_mark(property);
	if (property->category == UTF8PROC_CATEGORY_MC)
		return KIND_MARK;
	if (property->category == UTF8PROC_CATEGORY_ME)
		return KIND_NOTHING;
	if ((property->category >= UTF8PROC_CATEGORY_LU &&
		property->category <= UTF8PROC_CATEGORY_LO) ||
	    (property->category >= UTF8PROC_CATEGORY_ND &&
		property->category <= UTF8PROC_CATEGORY_NO) ||
	    property->category == UTF8PROC_CATEGORY_CO)
		return is_single(c) ? KIND_SINGLE : KIND_WORD;
	return KIND_BETWEEN;
}

/* Folds the character at w->at and moves behind it. */
static void
fold_next(struct words *w)
{
	struct str rest = str_from(w->text, w->at);
	utf8proc_int32_t c;
	utf8proc_ssize_t used, n;
	int boundary = 0;

	w->from = w->at;
	w->taken = 0;
	w->nfolded = 1;
	if ((unsigned char)rest.p[0] < 128) {
		w->folded[0] = to_lower(rest.p[0]);
		w->at++;
		return;
	}
	used = utf8proc_iterate((const utf8proc_uint8_t *)rest.p, (utf8proc_ssize_t)rest.n, &c);
	w->at += used > 0 ? (size_t)used : 1;
	/* What is no character stands between words. */
	w->folded[0] = ' ';
	if (used <= 0)
		return;
	n = utf8proc_decompose_char(c, w->folded, ARRAY_LEN(w->folded),
	    UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD, &boundary);
	w->nfolded = n > 0 && (size_t)n <= ARRAY_LEN(w->folded) ? (size_t)n : 0;
}

/* ---- words ---- */

void
words_init(struct words *w, struct str text)
{
	w->text = text;
	w->at = w->from = w->nfolded = w->taken = 0;
	w->word = STR_NONE;
}

/* Adds to the word while it has room; a longer one is known by what came before. */
static void
add(struct words *w, int32_t c, bool *full)
{
	size_t n;

	if (*full)
		return;
	n = (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)w->room + w->word.n);
	*full = w->word.n + n > WORD_MAX;
	if (!*full)
		w->word.n += n;
}

/* ASCII from w->at on: most words, and most of what stands between them. */
static void
add_ascii(struct words *w, bool *full)
{
	size_t at = w->at;

	while (at < w->text.n && is_alnum(w->text.p[at])) {
		if (w->word.n == 0)
			w->start = at;
		if (w->word.n == WORD_MAX)
			*full = true;
		if (!*full)
			w->room[w->word.n++] = to_lower(w->text.p[at]);
		w->end = ++at;
	}
	w->at = at;
}

/* One folded character; false: the word ends before it. */
static bool
take(struct words *w, int32_t c, bool *full)
{
	enum kind kind = kind_of(c);
	bool begun = w->word.n > 0;

	switch (kind) {
	case KIND_BETWEEN:
		return !begun;
	case KIND_NOTHING:
		/* An accent, or what joins nothing visible: within the word that it stands in. */
		if (begun)
			w->end = w->at;
		return true;
	case KIND_MARK:
		if (begun) {
			add(w, c, full);
			w->end = w->at;
		}
		return true;
	case KIND_WORD:
	case KIND_SINGLE:
		break;
	}
	if (begun && (w->single || kind == KIND_SINGLE))
		return false;
	if (!begun) {
		w->start = w->from;
		w->single = kind == KIND_SINGLE;
	}
	add(w, c, full);
	w->end = w->at;
	return true;
}

bool
words_next(struct words *w)
{
	bool full = false;

	w->word = str_of(w->room, 0);
	w->single = false;
	for (;;) {
		if (w->taken == w->nfolded) {
			if (!w->single)
				add_ascii(w, &full);
			if (w->at == w->text.n)
				break;
			fold_next(w);
			continue;
		}
		if (!take(w, w->folded[w->taken], &full))
			break;
		w->taken++;
	}
	return w->word.n > 0;
}

/* ---- phrases ---- */

/* What stands in quotes at the front of *s, its backslashes taken out (RFC 8621 4.4.1), moved over;
 * false when no quote ends what begins there. */
static bool
take_quoted(struct str *s, struct str *out, struct arena *a)
{
	char quote = s->p[0], *to = arena_alloc(a, s->n);
	size_t n = 0, i = 1;

	for (; i < s->n && s->p[i] != quote; i++) {
		if (s->p[i] == '\\' && i + 1 < s->n)
			i++;
		to[n++] = s->p[i];
	}
	if (i >= s->n)
		return false;
	*out = str_of(to, n);
	*s = str_from(*s, i + 1);
	return true;
}

static size_t
characters(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static int
add_phrase(struct phrases *p, struct str text, bool prefix, struct arena *a)
{
	unsigned first = p->n;
	struct words w;
	bool whole = true;

	words_init(&w, text);
	while (words_next(&w)) {
		if (p->n == PHRASES_MAX)
			return -1;
		whole = w.single || characters(w.word) < PREFIX_MIN;
		p->words[p->n++] = arena_dup(a, w.word);
	}
	if (p->n == first)
		return 0;
	p->starts |= UINT64_C(1) << first;
	p->ends |= UINT64_C(1) << (p->n - 1);
	/* Who has typed a blank behind it has finished the word. */
	if (prefix && !whole && w.end == text.n)
		p->prefixes |= UINT64_C(1) << (p->n - 1);
	return 0;
}

static bool
is_blank(char c)
{
	return is_space(c) || c == '\r' || c == '\n';
}

int
phrases_init(struct phrases *p, struct str typed, struct arena *a)
{
	*p = (struct phrases){0};
	while (typed.n > 0) {
		struct str phrase = STR_NONE;
		size_t n = 0;

		if (is_blank(typed.p[0])) {
			typed = str_from(typed, 1);
			continue;
		}
		if ((typed.p[0] == '"' || typed.p[0] == '\'') && take_quoted(&typed, &phrase, a)) {
			if (add_phrase(p, phrase, false, a) < 0)
				return -1;
			continue;
		}
		while (n < typed.n && !is_blank(typed.p[n]))
			n++;
		phrase = str_sub(typed, 0, n);
		typed = str_from(typed, n);
		if (add_phrase(p, phrase, typed.n == 0, a) < 0)
			return -1;
	}
	return 0;
}

/* Bits of the words looked for that this word is. */
static uint64_t
fits(const struct phrases *p, struct str word)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < p->n; i++) {
		struct str want = p->words[i];

		if (want.p[0] != word.p[0])
			continue;
		if (str_eq(want, word) || ((p->prefixes >> i & 1) != 0 && str_starts(word, want)))
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

/* Where the phrases stand whose last words `state` says that were met. */
static void
phrases_step(const struct phrases *p, struct str word, uint64_t *state)
{
	*state = ((*state << 1 & ~p->starts) | p->starts) & fits(p, word);
}

void
phrases_look(const struct phrases *p, struct str text, uint64_t *found)
{
	uint64_t state = 0;
	struct words w;

	if (*found == p->ends)
		return;
	words_init(&w, text);
	while (words_next(&w)) {
		phrases_step(p, w.word, &state);
		if ((state & p->ends) != 0 && (*found |= state & p->ends) == p->ends)
			return;
	}
}

/* How many words the phrase has whose last one is word i. */
static unsigned
length_of(const struct phrases *p, unsigned i)
{
	unsigned n = 1;

	for (; (p->starts >> i & 1) == 0; i--)
		n++;
	return n;
}

void
phrases_each(const struct phrases *p, struct str text,
    bool (*fn)(void *arg, size_t start, size_t end), void *arg)
{
	size_t starts[PHRASES_MAX], at = 0; /* of the last words */
	uint64_t state = 0;
	struct words w;

	words_init(&w, text);
	for (; words_next(&w); at++) {
		unsigned longest = 0;

		starts[at % PHRASES_MAX] = w.start;
		phrases_step(p, w.word, &state);
		for (unsigned i = 0; i < p->n; i++)
			if ((state & p->ends) >> i & 1 && length_of(p, i) > longest)
				longest = length_of(p, i);
		if (longest > 0 && !fn(arg, starts[(at + 1 - longest) % PHRASES_MAX], w.end))
			return;
	}
}
