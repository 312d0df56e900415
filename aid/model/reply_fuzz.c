/* reply_fuzz.c - bodies of both kinds, whole and in two pieces, must give the same. */
#include <stdint.h>

#include "aid/model/reply.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum reply_state
read_all(struct reply *r, const struct reply_kind *kind, struct str body, size_t at)
{
	reply_init(r, kind);
	(void)reply_put(r, str_sub(body, 0, at));
	(void)reply_put(r, str_from(body, at));
	return reply_end(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct reply_kind *kind;
	struct str body;
	struct reply whole, cut;

	if (n < 2)
		return 0;
	kind = (data[0] & 1) != 0 ? &reply_ollama : &reply_openai;
	body = str_of(data + 2, n - 2);
	assume(read_all(&whole, kind, body, body.n) ==
	       read_all(&cut, kind, body, n > 2 ? data[1] % (n - 2) : 0));
	assume(whole.ncalls == cut.ncalls && str_eq(buf_view(&whole.text), buf_view(&cut.text)));
	for (size_t i = 0; i < whole.ncalls; i++)
		assume((whole.calls[i].args == NULL) == (cut.calls[i].args == NULL));
	reply_free(&whole);
	reply_free(&cut);
	return 0;
}
