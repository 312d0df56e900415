/* text_fuzz.c - any message has a text, names and a preview: valid UTF-8 within their bounds. */
#include "mail/text.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_characters(struct str s, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	assume(n <= max);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str message = str_of(data, size);
	struct mime_part *root;
	struct buf out;
	struct arena a;

	arena_init(&a);
	buf_init(&out, 1u << 20);
	root = mime_parse(message, &a);
	text_preview(root, message, &out);
	assume(!out.over);
	check_characters(buf_view(&out), TEXT_PREVIEW_CHARS);
	buf_reset(&out);
	text_of_message(root, message, 1000, &out);
	assume(!out.over && out.n <= 1000);
	buf_reset(&out);
	text_file_names(root, 1000, &out);
	assume(!out.over && out.n <= 1000);
	buf_free(&out);
	arena_free(&a);
	return 0;
}
