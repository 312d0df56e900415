/* Fuzz target of what mail goes through on its way to an agent: fence.c, verdict.c, origin.c. The
 * first line is a header field, the rest a text. */
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "mcpd/fence.h"
#include "mcpd/origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_fence(struct str text, size_t max)
{
	struct buf out;

	buf_init(&out, SIZE_MAX / 2);
	(void)fence_text(text, max, &out);
	assume(out.n <= max && str_is_utf8(buf_view(&out)));
	assume(str_find(buf_view(&out), STR("<<")) == out.n);
	buf_reset(&out);
	fence_line(text, max, &out);
	assume(out.n <= max && str_chr(buf_view(&out), '\n') == out.n);
	assume(str_find(buf_view(&out), STR("<<")) == out.n);
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of(data, size), field;
	struct origins *o = origins_new();
	struct verdict_read v;
	struct fence f;
	struct buf line;

	(void)str_cut(&text, '\n', &field);
	verdict_read(field, STR("mail.here.test"), &v);
	fence_new(&f);
	buf_init(&line, 1000);
	fence_begin(&f, "mail", field, &v, &line);
	assume(str_chr(buf_view(&line), '\n') == line.n);
	assume(str_find(buf_view(&line), STR(">>")) == line.n - 2);
	buf_free(&line);
	check_fence(text, size / 2);
	check_fence(text, SIZE_MAX / 8);
	origins_see(o, text, STR("e1"), "body");
	(void)origins_find(o, field);
	origins_free(&o);
	return 0;
}
