/* http_range_fuzz.c - whatever is asked for, a part lies within what there is. */
#include <stdint.h>

#include "base/mem.h"
#include "net/http_range.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint64_t lengths[] = {0, 1, 1000, INT64_MAX};
	uint64_t from, some;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		if (http_range_read(str_of(p, n), lengths[i], &from, &some) == HTTP_RANGE_PART)
			assume(some > 0 && from < lengths[i] && some <= lengths[i] - from);
	return 0;
}
