/* header_fuzz.c - fields cover the header exactly; what is selected and what is not is all of it.
 */
#include "mail/header.h"

#include "base/mem.h"
#include "mail/imap_structure.h"
#include "mail/msgid.h"
#include "mail/rfc2231.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_fields(struct str header, struct arena *a)
{
	struct str rest = header, line;
	struct header_field f;
	struct msgid_list ids;
	struct params params;
	size_t n = 0;

	while (header_next(&rest, &f)) {
		assume(f.raw.p == header.p + n && f.raw.n > 0);
		n += f.raw.n;
		line = header_unfold(f.value, a);
		assume(str_chr(line, '\n') == line.n);
		msgid_parse(f.value, a, &ids);
		rfc2231_parse(f.value, a, &params);
	}
	assume(header.n - n <= 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct str names[] = {STR_INIT("from"), STR_INIT("Subject")};
	struct str in = str_of(data, size), header = str_sub(in, 0, header_length(in));
	struct buf some, others, envelope;
	struct arena a;

	arena_init(&a);
	buf_init(&some, size + 2);
	buf_init(&others, size + 2);
	buf_init(&envelope, IMAP_STRUCTURE_MAX);
	check_fields(header, &a);
	header_select(header, names, 2, false, &some);
	header_select(header, names, 2, true, &others);
	assume(!some.over && !others.over && some.n + others.n <= header.n + 4);
	imap_envelope(header, &envelope);
	assume(!envelope.over);
	buf_free(&envelope);
	buf_free(&others);
	buf_free(&some);
	arena_free(&a);
	return 0;
}
