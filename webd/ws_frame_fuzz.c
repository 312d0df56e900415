/* ws_frame_fuzz.c - any octets as frames: told the same in one piece and in many, within bounds. */
#include <stdint.h>

#include "base/mem.h"
#include "webd/ws_frame.h"

#define MOST 3000u

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
tell(struct str octets, size_t step, struct buf *out)
{
	enum ws_frame_event v = WS_FRAME_MORE;
	struct ws_frame_reader r;
	struct buf in;
	struct str s;
	unsigned code;
	size_t message = 0;

	buf_init(&in, octets.n + 1);
	ws_frame_init(&r, MOST);
	for (size_t at = 0; at < octets.n && v != WS_FRAME_BAD; at += step) {
		buf_str(&in, str_sub(octets, at, step));
		while ((v = ws_frame_next(&r, &in, &s, &code)) != WS_FRAME_MORE) {
			if (v == WS_FRAME_BEGIN)
				message = out->n + 1;
			if (v != WS_FRAME_PIECE)
				buf_putc(out, (char)v);
			if (v == WS_FRAME_CONTROL || v == WS_FRAME_BAD)
				buf_printf(out, "%u", code);
			buf_str(out, s);
			assume(v != WS_FRAME_CONTROL || s.n <= 125);
			if (v == WS_FRAME_BAD)
				break;
		}
	}
	assume(message <= out->n && !out->over);
	ws_frame_done(&r);
	buf_free(&in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf whole, pieces;

	buf_init(&whole, 16 * n + 64);
	buf_init(&pieces, 16 * n + 64);
	tell(str_of(p, n), n + 1, &whole);
	tell(str_of(p, n), n > 0 ? 1 + p[0] % 7u : 1, &pieces);
	/* Where a message breaks off within its octets, more or less of them were told before. */
	if (str_chr(buf_view(&whole), (char)WS_FRAME_BAD) == whole.n)
		assume(str_eq(buf_view(&whole), buf_view(&pieces)));
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
