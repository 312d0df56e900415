/* srs_fuzz.c - what comes back as a rewritten address, and senders of all kinds there and back. */
#include "base/mem.h"
#include "mail/srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char key[SRS_KEY] = "key";
	struct str in = str_of((const char *)data, size), out, again;
	struct arena a;

	arena_init(&a);
	(void)srs_reverse(key, in, 20000, &a, &out, NULL);
	if (srs_forward(key, in, STR("ours.test"), 20000, &a, &out, NULL) == 0) {
		struct str local = str_sub(out, 0, str_rchr(out, '@'));

		assume(srs_is(local));
		assume(srs_reverse(key, local, 20000, &a, &again, NULL) == 0);
	}
	arena_free(&a);
	return 0;
}
