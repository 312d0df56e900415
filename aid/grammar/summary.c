/*
 * summary.c - see summary.h.
 */
#include "aid/grammar/summary.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"
#include "mail/words.h"

#define SENTENCE_MAX 400u /* octets; a longer one is cut here */
#define SENTENCE_MIN 3u   /* words that count */
#define WORDS_MAX    8000u

struct term {
	unsigned n;
	UT_hash_handle hh;
	size_t len;
	char word[];
};

struct sentence {
	struct str text;
	unsigned score; /* thousandths */
	size_t at;
};

struct summary {
	struct sentence s[SUMMARY_SENTENCES];
	size_t n;
	struct term *terms;
};

/* ---- sentences ---- */

/* "> quoted", "Le 3 mars, Bob a écrit :", "On Monday Bob wrote:" */
static bool
is_quote(struct str line)
{
	struct str s = str_trim(line);

	return str_starts(s, STR(">")) ||
	       (str_ends(s, STR(":")) &&
		   ((str_istarts(s, STR("On ")) && str_ends(s, STR("wrote:"))) ||
		       (str_istarts(s, STR("Le ")) && str_find(s, STR("crit")) < s.n)));
}

/* RFC 3676 4.3, and what divides a forwarded message. */
static bool
is_end(struct str line)
{
	return str_eq(line, STR("-- ")) || str_eq(line, STR("--")) ||
	       str_starts(line, STR("-----Original")) || str_starts(line, STR("---------- "));
}

static bool
is_greeting(struct str s)
{
	static const char *const words[] = {"hello", "hi", "hey", "dear", "bonjour", "salut",
	    "cher", "chere", "bonsoir", "regards", "cheers", "cordialement", "bien", "best", "kind",
	    "sincerely", "amicalement", "merci", "thanks", "thank"};
	struct words w;
	size_t n = 0;
	bool begins = false;

	words_init(&w, s);
	while (words_next(&w) && n++ < 6)
		for (size_t i = 0; n == 1 && i < ARRAY_LEN(words); i++)
			begins |= str_eq_z(w.word, words[i]);
	return begins && n < 6;
}

static void
add(struct summary *m, struct str s)
{
	s = str_cut_utf8(str_trim(s), SENTENCE_MAX);
	if (s.n == 0 || m->n == SUMMARY_SENTENCES || is_greeting(s))
		return;
	m->s[m->n] = (struct sentence){.text = s, .at = m->n};
	m->n++;
}

/* A sentence ends where a mark stands before a blank, and a new one may begin. */
static bool
ends_here(struct str s, size_t i)
{
	char next = i + 1 < s.n ? s.p[i + 1] : ' ', then = i + 2 < s.n ? s.p[i + 2] : 'A';

	if (s.p[i] == '?' || s.p[i] == '!')
		return next == ' ';
	/* Not in "M. Durand" and "e.g. this". */
	return s.p[i] == '.' && next == ' ' && !(then >= 'a' && then <= 'z') && i > 1 &&
	       !(s.p[i - 2] == ' ' && s.p[i - 1] >= 'A' && s.p[i - 1] <= 'Z');
}

static void
split_paragraph(struct summary *m, struct str s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++)
		if (ends_here(s, i)) {
			add(m, str_sub(s, from, i + 1 - from));
			from = i + 1;
		}
	add(m, str_from(s, from));
}

/* Lines of one paragraph belong together; the octets of their ends become blanks in a copy. */
static void
split(struct summary *m, struct str text, struct buf *copy)
{
	struct str line;
	size_t from = 0;

	while (text.n > 0) {
		(void)str_cut(&text, '\n', &line);
		if (is_end(line))
			break;
		if (is_quote(line) || str_trim(line).n == 0) {
			buf_putc(copy, '\n');
			continue;
		}
		buf_str(copy, str_trim(line));
		buf_putc(copy, ' ');
	}
	for (size_t i = 0; i <= copy->n; i++)
		if (i == copy->n || copy->p[i] == '\n') {
			split_paragraph(m, str_sub(buf_view(copy), from, i - from));
			from = i + 1;
		}
}

/* ---- scores ---- */

static bool
is_common(struct str word)
{
	static const char *const words[] = {"that", "this", "with", "have", "from", "your", "will",
	    "been", "were", "they", "their", "there", "would", "about", "which", "when", "what",
	    "than", "then", "them", "also", "just", "some", "could", "should", "into", "only",
	    "pour", "dans", "avec", "vous", "nous", "votre", "notre", "cette", "mais", "plus",
	    "sont", "etre", "avoir", "comme", "tout", "tous", "leur", "elle", "ils", "sans",
	    "aussi", "bien", "fait", "faire", "meme", "donc", "encore", "ainsi", "alors"};

	if (word.n < 4)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq_z(word, words[i]))
			return true;
	return false;
}

static void
count_terms(struct summary *m)
{
	struct words w;
	struct term *t;

	for (size_t i = 0; i < m->n; i++) {
		words_init(&w, m->s[i].text);
		while (words_next(&w)) {
			if (is_common(w.word))
				continue;
			HASH_FIND(hh, m->terms, w.word.p, w.word.n, t);
			if (t == NULL && HASH_COUNT(m->terms) < WORDS_MAX) {
				t = mem_alloc(sizeof(*t) + w.word.n + 1);
				memcpy(t->word, w.word.p, w.word.n);
				t->len = w.word.n;
				HASH_ADD_KEYPTR(hh, m->terms, t->word, t->len, t);
			}
			if (t != NULL)
				t->n++;
		}
	}
}

/* What a reader has to act upon. */
static bool
is_request(struct str word)
{
	static const char *const words[] = {"please", "deadline", "confirm", "before", "tomorrow",
	    "today", "meeting", "merci", "priere", "confirmer", "avant", "demain", "reunion",
	    "veuillez", "urgent", "rappel", "invoice", "facture", "need", "besoin"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq_z(word, words[i]))
			return true;
	return false;
}

static void
score(struct summary *m, struct sentence *s)
{
	unsigned sum = 0, n = 0;
	bool asks = str_chr(s->text, '?') < s->text.n, figures = false;
	struct words w;
	struct term *t;

	words_init(&w, s->text);
	while (words_next(&w)) {
		figures |= w.word.n > 0 && is_digit(w.word.p[0]);
		asks |= is_request(w.word);
		HASH_FIND(hh, m->terms, w.word.p, w.word.n, t);
		if (t == NULL)
			continue;
		sum += t->n;
		n++;
	}
	if (n < SENTENCE_MIN && !asks)
		return;
	/* Long sentences do not win by their length alone. */
	s->score = 1000 * sum / (n + 4);
	s->score += asks ? s->score / 2 : 0;
	s->score += figures ? s->score / 4 : 0;
	s->score += s->at == 0 ? s->score : s->at < 3 ? s->score / 4 : 0;
}

static int
by_score(const void *a, const void *b)
{
	const struct sentence *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static int
by_place(const void *a, const void *b)
{
	const struct sentence *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static size_t
print(struct summary *m, size_t n, size_t max, struct buf *out)
{
	size_t taken = 0, octets = 0;

	qsort(m->s, m->n, sizeof(m->s[0]), by_score);
	while (taken < m->n && taken < n && m->s[taken].score > 0 &&
	       octets + m->s[taken].text.n + 1 <= max)
		octets += m->s[taken++].text.n + 1;
	qsort(m->s, taken, sizeof(m->s[0]), by_place);
	for (size_t i = 0; i < taken; i++) {
		buf_str(out, m->s[i].text);
		buf_putc(out, '\n');
	}
	return taken;
}

size_t
summary_make(struct str text, size_t n, size_t max, struct buf *out)
{
	struct summary *m = mem_alloc(sizeof(*m));
	struct term *t, *next;
	struct buf copy;
	size_t made;

	buf_init(&copy, SUMMARY_TEXT_MAX + 2);
	split(m, str_cut_utf8(text, SUMMARY_TEXT_MAX), &copy);
	count_terms(m);
	for (size_t i = 0; i < m->n; i++)
		score(m, &m->s[i]);
	made = print(m, n, max, out);
	HASH_ITER (hh, m->terms, t, next) {
		HASH_DEL(m->terms, t);
		free(t);
	}
	free(m);
	buf_free(&copy);
	return made;
}
