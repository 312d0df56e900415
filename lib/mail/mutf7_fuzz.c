/* What decodes encodes to the same, unless it came as plain UTF-8. */
#include <stdint.h>

#include "base/mem.h"
#include "mail/mutf7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size), name, wire;
	struct arena a;

	arena_init(&a);
	if (mutf7_decode(in, &a, &name) == 0) {
		assume(mutf7_encode(name, &a, &wire) == 0);
		assume(!str_is_ascii(in) || str_eq(wire, in));
	}
	arena_free(&a);
	return 0;
}
