/* Any octets before login: framed as the front does, then parsed. */
#include <stdint.h>

#include "base/mem.h"
#include "imapd/preauth.h"
#include "net/imap_frame.h"

static const struct imap_frame_limits limits = {8192, 4096, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	struct imap_frame f;
	struct preauth p;
	struct arena a;
	struct err e;

	imap_frame_init(&f, &limits);
	arena_init(&a);
	while (in.n > 0) {
		size_t used;
		enum imap_frame_end end = imap_frame_feed(&f, in, &used);

		in = str_from(in, used);
		assume(f.text.n <= limits.command);
		if (end == FRAME_MORE)
			break;
		if (end == FRAME_CONTINUE)
			continue;
		if (preauth_parse(buf_view(&f.text), &a, &p, &e) == 0)
			assume(p.verb != PREAUTH_NONE && p.tag.n > 0);
		imap_frame_reset(&f);
		arena_reset(&a);
	}
	arena_free(&a);
	imap_frame_free(&f);
	return 0;
}
