/* plain_fuzz.c - no cut changes what is said, and no unknown address gets through. */
#include <stdint.h>

#include "aid/model/plain.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
say(void *arg, struct str text)
{
	buf_str(arg, text);
}

static void
filter(struct str source, struct str text, size_t at, struct buf *out)
{
	struct arena a;
	struct plain p;

	arena_init(&a);
	buf_init(out, 1u << 20);
	plain_init(&p, &a, say, out);
	plain_know(&p, source);
	plain_put(&p, str_sub(text, 0, at));
	plain_put(&p, str_from(text, at));
	plain_end(&p);
	plain_free(&p);
	arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str text, source;
	struct buf whole, cut;
	size_t at;

	if (n < 3)
		return 0;
	text = str_of(data + 2, n - 2);
	source = str_sub(text, 0, data[0] % text.n);
	at = data[1] % text.n;
	filter(source, text, text.n, &whole);
	filter(source, text, at, &cut);
	assume(str_eq(buf_view(&whole), buf_view(&cut)));
	buf_free(&whole);
	filter(STR_NONE, text, at, &whole);
	assume(str_find(buf_view(&whole), STR("http://")) == whole.n);
	assume(str_find(buf_view(&whole), STR("![")) == whole.n);
	buf_free(&whole);
	buf_free(&cut);
	return 0;
}
