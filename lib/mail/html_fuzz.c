/* html_fuzz.c - any octets give text within its bound, valid where they were, and a bound only
 * cuts. */
#include "mail/html.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str html = str_of(data, size);
	struct buf all, some;

	buf_init(&all, 4 * size + 64);
	buf_init(&some, 4 * size + 64);
	html_text(html, HTML_ATTRIBUTES, SIZE_MAX, &all);
	assume(!all.over && all.n <= 3 * size + 1);
	assume(!str_is_utf8(html) || str_is_utf8(buf_view(&all)));
	html_text(html, HTML_ATTRIBUTES, size / 2, &some);
	assume(some.n <= size / 2 && str_starts(buf_view(&all), buf_view(&some)));
	html_text(html, HTML_NO_QUOTES, 100, &some);
	buf_reset(&all);
	html_text(html, HTML_SEEN, SIZE_MAX, &all);
	assume(!all.over && all.n <= 3 * size + 1);
	buf_free(&all);
	buf_free(&some);
	return 0;
}
