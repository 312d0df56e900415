/* highlight_fuzz.c - of any text and anything typed: a piece within its bound, in which only whole
 * marks are markup, and that without them is a piece of the text. Input: what is typed, a line end,
 * a text. */
#include "base/mem.h"
#include "mailboxd/jmap/highlight.h"

#define MARK        "<mark>"
#define MARK_END    "</mark>"
#define PREVIEW_MAX 255u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct str s)
{
	bool open = false;

	while (s.n > 0) {
		if (str_starts(s, STR(MARK))) {
			assume(!open);
			open = true;
			s = str_from(s, strlen(MARK));
		} else if (str_starts(s, STR(MARK_END))) {
			assume(open);
			open = false;
			s = str_from(s, strlen(MARK_END));
		} else {
			assume(s.p[0] != '<' && s.p[0] != '>');
			assume(s.p[0] != '&' || str_starts(s, STR("&amp;")) ||
			       str_starts(s, STR("&lt;")) || str_starts(s, STR("&gt;")));
			s = str_from(s, 1);
		}
	}
	assume(!open);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of(data, size), typed;
	struct highlights r = {0};
	struct phrases p;
	struct buf out;
	struct arena a;

	arena_init(&a);
	buf_init(&out, 16 * size + 64);
	str_cut(&text, '\n', &typed);
	if (phrases_init(&p, typed, &a) == 0) {
		highlights_find(&r, &p, text);
		highlights_join(&r);
		for (size_t i = 0; i < r.n; i++) {
			assume(r.v[i].start < r.v[i].end && r.v[i].end <= text.n);
			assume(i == 0 || r.v[i].start > r.v[i - 1].end);
		}
		if (r.n > 0) {
			size_t at = highlights_begin(text, &r);

			assume(at <= r.v[r.n - 1].start);
			highlights_write(text, at, &r, PREVIEW_MAX, &out);
			assume(out.n <= PREVIEW_MAX);
			check(buf_view(&out));
		}
		buf_reset(&out);
		highlights_write(text, 0, &r, SIZE_MAX, &out);
		assume(!out.over);
		check(buf_view(&out));
	}
	buf_free(&out);
	arena_free(&a);
	return 0;
}
