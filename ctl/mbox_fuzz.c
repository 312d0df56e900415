/* mbox_fuzz.c - any octets: a message lies within its window, what is written has no bare LF, and
 * windows that grow end where a whole one does. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/mbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_one(const struct mbox_message *m)
{
	struct buf out, flags;
	bool keeper;

	buf_init(&out, 1 << 22);
	buf_init(&flags, MBOX_FLAGS_MAX);
	assume(mbox_write(m, &out, &flags, &keeper) == 0);
	for (size_t i = 0; i < out.n; i++)
		assume(out.p[i] != '\n' || (i > 0 && out.p[i - 1] == '\r'));
	assume(flags.n <= MBOX_FLAGS_MAX);
	buf_free(&out);
	buf_free(&flags);
}

/* As a reader does that gets some octets at a time. */
static size_t
in_pieces(struct str all, size_t piece)
{
	struct mbox_message m;
	size_t seen = 0;

	for (size_t n = piece;; n += piece) {
		struct str window = str_sub(all, 0, n);
		enum mbox_got got = mbox_split(window, n >= all.n, &seen, &m);

		if (got != MBOX_MORE)
			return got == MBOX_DONE ? m.used : 0;
		assume(n < all.n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_of(data, size);

	while (all.n > 0) {
		struct mbox_message m;
		size_t seen = 0, next;

		switch (mbox_split(all, true, &seen, &m)) {
		case MBOX_DONE:
			assume(m.used > 0 && m.used <= all.n);
			assume(m.text.p >= all.p && m.text.p + m.text.n <= all.p + m.used);
			assume(m.date >= 0);
			write_one(&m);
			if (size < 4096)
				assume(in_pieces(all, 1 + size / 7) == m.used);
			all = str_from(all, m.used);
			break;
		case MBOX_BAD:
			next = mbox_next(all, true, 0);
			assume(next <= all.n);
			all = str_from(all, next);
			break;
		case MBOX_MORE:
			assume(false);
		}
	}
	return 0;
}
