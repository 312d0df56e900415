/* Fuzz target of visible.c: what comes out is UTF-8 within its bound, and stays as it is. */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "mail/visible.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t max = size > 0 ? data[0] * 8u : 0;
	struct buf once, twice;

	buf_init(&once, 1u << 20);
	buf_init(&twice, 1u << 20);
	visible_text(str_of(data, size), max, &once);
	assume(once.n <= max && str_is_utf8(buf_view(&once)));
	assume(visible_text(buf_view(&once), max, &twice) == 0);
	assume(str_eq(buf_view(&once), buf_view(&twice)));
	buf_free(&once);
	buf_free(&twice);
	return 0;
}
