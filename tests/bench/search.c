/*
 * search.c - what the index of words takes: octets, time to build, the longest call, time to ask.
 *
 *	search MESSAGES [FOLDER]
 *
 * Messages of some 200 words with frequencies as Zipf has them, out of a vocabulary of 60,000 that
 * grows by numbers and names that stand once. Prints a line of figures for each kind of question.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/search.h"

#define VOCABULARY 60000u

static uint64_t seed = 1;

static uint64_t
next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Ranks with 1/rank: the logarithm of a rank is even. */
static unsigned
rank(void)
{
	double u = (double)(next() >> 11) / 9007199254740992.0;

	return (unsigned)(exp(u * log((double)VOCABULARY))) - 1;
}

static void
word(unsigned n, struct buf *out)
{
	static const char *const parts[] = {"ma", "ler", "con", "ti", "pre", "so", "va", "ing",
	    "ton", "der", "en", "ra", "qui", "lo", "bu", "est"};

	do {
		buf_puts(out, parts[n % 16]);
		n /= 16;
	} while (n > 0);
}

static void
message(uint64_t i, struct text_fields *f)
{
	uint64_t words = 50 + next() % 300;

	for (unsigned k = 0; k < TEXT_FIELDS; k++)
		buf_reset(&f->text[k]);
	word((unsigned)(next() % 500), &f->text[TEXT_FROM]);
	buf_puts(&f->text[TEXT_FROM], " <sender@example.test>");
	buf_puts(&f->text[TEXT_TO], "Bob Example <bob@example.test>");
	for (unsigned k = 0; k < 6; k++) {
		word(rank(), &f->text[TEXT_SUBJECT]);
		buf_putc(&f->text[TEXT_SUBJECT], ' ');
	}
	for (uint64_t k = 0; k < words; k++) {
		word(rank(), &f->text[TEXT_BODY]);
		buf_putc(&f->text[TEXT_BODY], k % 12 ? ' ' : '\n');
	}
	buf_printf(&f->text[TEXT_BODY], "order %" PRIu64 " of %" PRIx64, i, next());
}

static void
die(const struct err *e)
{
	fprintf(stderr, "%s\n", e->text);
	exit(1);
}

static uint64_t longest[3];

static uint64_t
since(uint64_t t, unsigned what)
{
	uint64_t us = clock_us() - t;

	if (us > longest[what])
		longest[what] = us;
	return us;
}

static void
build(struct search *s, uint64_t n)
{
	struct text_fields f;
	uint64_t put = 0, commit = 0, merge = 0, octets = 0, t;
	struct err e;

	text_fields_init(&f);
	for (uint64_t i = 0; i < n; i++) {
		bool more = true;

		message(i, &f);
		octets += f.text[TEXT_BODY].n;
		t = clock_us();
		if (search_put(s, next() | 1, &f, &e) < 0)
			die(&e);
		put += since(t, 0);
		if (!search_batch_is_full(s))
			continue;
		t = clock_us();
		if (search_commit(s, &e) < 0)
			die(&e);
		commit += since(t, 1);
		while (more) {
			t = clock_us();
			if (search_merge(s, &more, &e) < 0)
				die(&e);
			merge += since(t, 2);
		}
	}
	if (search_commit(s, &e) < 0)
		die(&e);
	printf("%" PRIu64
	       " messages, %.1f MB of text: put %.2f s (longest %.1f ms), commit %.2f s (%.1f ms), "
	       "merge %.2f s (%.1f ms)\n",
	    n, (double)octets / 1e6, (double)put / 1e6, (double)longest[0] / 1e3,
	    (double)commit / 1e6, (double)longest[1] / 1e3, (double)merge / 1e6,
	    (double)longest[2] / 1e3);
	text_fields_free(&f);
}

static void
ask(struct search *s, const char *typed)
{
	struct search_hits *h;
	struct phrases p;
	struct arena a;
	struct err e;
	size_t i = 0, hits = 0;
	uint64_t t, email;

	arena_init(&a);
	if (phrases_init(&p, str_z(typed), &a) < 0)
		exit(1);
	t = clock_us();
	if ((h = search_find(s, &p, (1u << TEXT_FIELDS) - 1, &e)) == NULL)
		die(&e);
	t = clock_us() - t;
	while ((email = search_next(s, &i)) != 0)
		hits += search_hits_has(h, s, email) == SEARCH_YES;
	printf("  %-24s %7zu hits %8.2f ms\n", typed, hits, (double)t / 1e3);
	search_hits_free(&h);
	arena_free(&a);
}

int
main(int argc, char **argv)
{
	static const char *const questions[] = {"ma ", "m", "ma", "mal", "malersom", "order 77",
	    "\"of 1\"", "bob", "ma ler con", "\"ma ler\"", "nothing"};
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000, t;
	struct search *s;
	struct stat st;
	bool fresh;
	struct err e;

	if (argc > 2 && chdir(argv[2]) < 0)
		return 1;
	if ((s = search_open("search.db", &fresh, &e)) == NULL)
		die(&e);
	if (fresh)
		build(s, n);
	search_close(&s, false);
	t = clock_us();
	if ((s = search_open("search.db", &fresh, &e)) == NULL)
		die(&e);
	t = clock_us() - t;
	if (stat("search.db", &st) == 0)
		printf("%zu emails, %.1f MB on disk, opened in %.1f ms\n", search_count(s),
		    (double)st.st_size / 1e6, (double)t / 1e3);
	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		ask(s, questions[i]);
	search_close(&s, false);
	return 0;
}
