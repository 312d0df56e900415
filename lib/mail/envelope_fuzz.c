/* envelope_fuzz.c - what can be read is written again octet for octet; of an older version, as what
 * reads the same. */
#include "mail/envelope.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	struct envelope env;
	struct arena a;
	struct buf out;
	struct err e;

	arena_init(&a);
	buf_init(&out, ENVELOPE_MAX);
	if (envelope_decode(in, &env, &a, &e) == 0) {
		bool old = in.p[0] != ENVELOPE_VERSION;

		/* The newer form is longer. */
		if (envelope_encode(&env, &out, &e) < 0)
			assume(old && e.code == E_LIMIT);
		else if (old)
			assume(envelope_decode(buf_view(&out), &env, &a, &e) == 0);
		else
			assume(str_eq(buf_view(&out), in));
	}
	buf_free(&out);
	arena_free(&a);
	return 0;
}
