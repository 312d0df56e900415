/* accept_fuzz.c - any field leads to a format, the same with blanks and letters of another case. */
#include "base/mem.h"
#include "statd/statd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum metrics_format f = accept_choose(str_of((const char *)data, size));
	struct buf b;

	buf_init(&b, size * 2 + 1);
	for (size_t i = 0; i < size; i++) {
		char c = (char)data[i];

		if (c == ',' || c == ';')
			buf_printf(&b, "%c ", c);
		else
			buf_putc(&b, c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
	}
	assume(accept_choose(buf_view(&b)) == f);
	buf_free(&b);
	return 0;
}
