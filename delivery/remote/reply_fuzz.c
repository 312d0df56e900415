/* reply_fuzz.c - hostile replies: whole and octet by octet they must read the same, and what is
 * handed on of them is printable and bounded. */
#include <stdint.h>

#include "base/mem.h"
#include "delivery/remote/offer.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
look(const struct reply *r)
{
	struct arena a;
	struct offer o;
	struct str words;

	arena_init(&a);
	words = reply_words(r, "x.0.0", &a);
	assume(words.n > 0 && words.n <= REPLY_WORDS_MAX);
	for (size_t i = 0; i < words.n; i++)
		assume(words.p[i] >= 32 && words.p[i] < 127);
	offer_read(r, &o);
	assume(offer_name(r).n <= r->text.n);
	arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct reply whole, bits;
	enum reply_state a, b = REPLY_MORE;
	size_t used, at = 0, seen = 0;

	reply_init(&whole);
	reply_init(&bits);
	a = reply_read(&whole, str_of(p, n), &used);
	assume(used <= n);
	while (b == REPLY_MORE && seen < n) {
		size_t k;

		b = reply_read(&bits, str_of(p + at, ++seen - at), &k);
		at += k;
	}
	if (a == REPLY_DONE) {
		assume(b == REPLY_DONE && at == used && whole.code == bits.code);
		assume(str_eq(buf_view(&whole.text), buf_view(&bits.text)));
		look(&whole);
	}
	assume(a == b || n == 0);
	reply_free(&whole);
	reply_free(&bits);
	return 0;
}
