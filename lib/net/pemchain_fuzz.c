/* pemchain_fuzz.c - what an authority hands out as a certificate. */
#include <stdint.h>

#include "base/mem.h"
#include "net/pemchain.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pemchain_facts f;
	struct arena a;
	struct err e;

	arena_init(&a);
	if (pemchain_read(str_of(p, n), &a, &f, &e) == 0)
		assume(f.n <= PEMCHAIN_NAMES);
	else
		assume(e.code == E_INVAL);
	arena_free(&a);
	return 0;
}
