/* words_fuzz.c - words lie in the text, in order; folded once more they are the same; a text holds
 * each phrase of its own words. */
#include "mail/words.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_word(struct str folded)
{
	struct words again;

	words_init(&again, folded);
	assume(words_next(&again) && str_eq(again.word, folded) && !words_next(&again));
}

static bool
is_within(void *arg, size_t start, size_t end)
{
	const size_t *size = arg;

	assume(start < end && end <= *size);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of(data, size);
	uint64_t found = 0;
	struct phrases p;
	struct words w;
	size_t last = 0;
	struct arena a;

	arena_init(&a);
	words_init(&w, text);
	while (words_next(&w)) {
		assume(w.word.n > 0 && w.word.n <= WORD_MAX && str_is_utf8(w.word));
		assume(w.start < w.end && w.end <= size && w.start >= last);
		last = w.start;
		check_word(w.word);
	}
	if (phrases_init(&p, text, &a) == 0)
		phrases_each(&p, text, is_within, &size);
	if (memchr(data, '"', size) == NULL && memchr(data, '\'', size) == NULL &&
	    phrases_init(&p, text, &a) == 0) {
		phrases_look(&p, text, &found);
		assume(phrases_found(&p, found));
	}
	arena_free(&a);
	return 0;
}
