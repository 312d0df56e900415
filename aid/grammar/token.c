/*
 * token.c - splits a request into words, addresses, quotations, dates and marks.
 *
 * Quotations and pieces with an '@' or a date's figures are cut out first; what lies between them
 * goes through words_next(), and the marks are looked for in the gaps.
 */
#include "aid/grammar/token.h"

#include "base/num.h"
#include "mail/words.h"

static const struct {
	struct str open, close;
} quotes[] = {{STR_INIT("\""), STR_INIT("\"")}, {STR_INIT("\xc2\xab"), STR_INIT("\xc2\xbb")},
    {STR_INIT("\xe2\x80\x9c"), STR_INIT("\xe2\x80\x9d")},
    {STR_INIT("\xe2\x80\x9e"), STR_INIT("\xe2\x80\x9c")}};

static void
add(struct tokens *o, struct token t)
{
	if (o->n < TOKENS_MAX)
		o->t[o->n++] = t;
}

static bool
is_mark(char c)
{
	return c == ',' || c == ';' || c == ':' || c == '\n';
}

static void
add_marks(struct tokens *o, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (is_mark(o->text.p[i]))
			add(o, (struct token){.kind = TOKEN_MARK,
				   .word = str_sub(o->text, i, 1),
				   .raw = str_sub(o->text, i, 1),
				   .start = i,
				   .end = i + 1});
}

static bool
all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]))
			return false;
	return s.n > 0;
}

static void
add_words(struct tokens *o, size_t from, size_t to, struct arena *a)
{
	struct str part = str_sub(o->text, from, to - from);
	struct words w;
	size_t done = from;

	words_init(&w, part);
	while (o->n < TOKENS_MAX && words_next(&w)) {
		struct token t = {.word = arena_dup(a, w.word),
		    .raw = str_sub(part, w.start, w.end - w.start),
		    .start = from + w.start,
		    .end = from + w.end};

		t.kind = all_digits(t.word) ? TOKEN_NUMBER : TOKEN_WORD;
		add_marks(o, done, t.start);
		add(o, t);
		done = t.end;
	}
	add_marks(o, done, to);
}

/* ---- what stays in one piece ---- */

/* "2026-03-05", "2026/3/5", "5/3/2026", "05.03.2026", "5/3": two or three numbers. */
static bool
is_date(struct str s)
{
	unsigned numbers = 0;
	size_t digits = 0;

	for (size_t i = 0; i <= s.n; i++) {
		if (i < s.n && is_digit(s.p[i])) {
			digits++;
			continue;
		}
		if (digits == 0 || digits > 4)
			return false;
		if (i < s.n && s.p[i] != '-' && s.p[i] != '/' && s.p[i] != '.')
			return false;
		numbers++;
		digits = 0;
	}
	return numbers == 3 || (numbers == 2 && str_chr(s, '/') < s.n);
}

/* What is typed around an address but is not of it. */
static struct str
bare(struct str piece)
{
	while (piece.n > 0 && strchr("<(,;:.?!'", piece.p[0]))
		piece = str_from(piece, 1);
	while (piece.n > 0 && strchr(">),;:.?!'", piece.p[piece.n - 1]))
		piece.n--;
	return piece;
}

static bool
piece_token(struct str text, size_t at, struct token *t)
{
	size_t end = at;
	struct str piece;

	while (end < text.n && !is_space(text.p[end]) && text.p[end] != '\n')
		end++;
	piece = bare(str_sub(text, at, end - at));
	if (piece.n == 0)
		return false;
	*t = (struct token){.raw = piece,
	    .start = (size_t)(piece.p - text.p),
	    .end = (size_t)(piece.p - text.p) + piece.n};
	t->kind = TOKEN_ADDRESS;
	if (str_chr(piece, '@') > 0 && str_chr(piece, '@') + 1 < piece.n)
		return true;
	t->kind = TOKEN_DATE;
	return is_date(piece);
}

static bool
quoted_token(struct str text, size_t at, struct token *t)
{
	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
		size_t from = at + quotes[i].open.n, length;

		if (!str_starts(str_from(text, at), quotes[i].open))
			continue;
		length = str_find(str_from(text, from), quotes[i].close);
		if (from + length >= text.n)
			continue;
		*t = (struct token){.kind = TOKEN_QUOTED,
		    .raw = str_trim(str_sub(text, from, length)),
		    .start = at,
		    .end = from + length + quotes[i].close.n};
		return true;
	}
	return false;
}

void
tokens_scan(struct tokens *out, struct str text, struct arena *a)
{
	size_t done = 0, at = 0;
	bool begins = true;

	out->n = 0;
	out->text = text;
	while (at < text.n && out->n < TOKENS_MAX) {
		struct token t;

		if (quoted_token(text, at, &t) || (begins && piece_token(text, at, &t))) {
			add_words(out, done, t.start, a);
			add(out, t);
			at = done = t.end;
			begins = false;
			continue;
		}
		begins = is_space(text.p[at]) || text.p[at] == '\n';
		at++;
	}
	add_words(out, done, text.n, a);
}
