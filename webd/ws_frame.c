/* ws_frame.c - see ws_frame.h. */
#include "webd/ws_frame.h"

#include "base/num.h"

#define CONTROL_MAX 125u

/* RFC 6455 7.4.1 */
#define CODE_PROTOCOL 1002u
#define CODE_BINARY   1003u
#define CODE_UTF8     1007u
#define CODE_TOO_BIG  1009u

#define OPCODE_BINARY 2u

struct head {
	bool fin;
	unsigned opcode;
	uint64_t n;
	const char *mask;
	size_t size;
};

void
ws_frame_init(struct ws_frame_reader *r, uint64_t most)
{
	*r = (struct ws_frame_reader){.most = most};
}

static enum ws_frame_event
bad(unsigned *code, unsigned why)
{
	*code = why;
	return WS_FRAME_BAD;
}

/* ---- UTF-8 in pieces (RFC 3629 4) ---- */

static bool
begin_character(struct ws_frame_reader *r, unsigned char c)
{
	r->low = 0x80;
	r->high = 0xbf;
	if (c >= 0xc2 && c <= 0xdf) {
		r->need = 1;
	} else if (c >= 0xe0 && c <= 0xef) {
		r->need = 2;
		r->low = c == 0xe0 ? 0xa0 : 0x80;
		r->high = c == 0xed ? 0x9f : 0xbf;
	} else if (c >= 0xf0 && c <= 0xf4) {
		r->need = 3;
		r->low = c == 0xf0 ? 0x90 : 0x80;
		r->high = c == 0xf4 ? 0x8f : 0xbf;
	}
	return r->need > 0;
}

static bool
is_text(struct ws_frame_reader *r, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (r->need == 0) {
			if (c >= 0x80 && !begin_character(r, c))
				return false;
			continue;
		}
		if (c < r->low || c > r->high)
			return false;
		r->low = 0x80;
		r->high = 0xbf;
		r->need--;
	}
	return true;
}

/* ---- frames ---- */

/* RFC 6455 5.3 */
static void
unmask(const char mask[4], char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(p[i] ^ mask[i & 3]);
}

static void
turn_mask(struct ws_frame_reader *r, size_t n)
{
	unsigned char old[4];

	memcpy(old, r->mask, sizeof(old));
	for (size_t i = 0; i < 4; i++)
		r->mask[i] = old[(i + n) & 3];
}

/* RFC 6455 5.2. False: not all of it is there; *code is set where it is none. */
static bool
read_head(struct str in, struct head *h, unsigned *code)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t more;

	if (in.n < 2)
		return false;
	h->fin = (p[0] & 0x80) != 0;
	h->opcode = p[0] & 0x0f;
	h->n = p[1] & 0x7f;
	/* No extension was agreed upon; a client masks. */
	if ((p[0] & 0x70) != 0 || (p[1] & 0x80) == 0) {
		*code = CODE_PROTOCOL;
		return false;
	}
	more = h->n == 126 ? 2 : h->n == 127 ? 8 : 0;
	h->size = 2 + more + 4;
	if (in.n < h->size)
		return false;
	if (more > 0) {
		h->n = 0;
		for (size_t i = 0; i < more; i++)
			h->n = h->n << 8 | p[2 + i];
		/* In the shortest form, and no sign. */
		if (h->n < (more == 2 ? 126u : 65536u) || h->n > INT64_MAX)
			*code = CODE_PROTOCOL;
	}
	h->mask = in.p + h->size - 4;
	return *code == 0;
}

/* RFC 6455 7.4: none, or a code that may be said and a text. */
static bool
is_goodbye(struct str s)
{
	unsigned code;

	if (s.n == 0)
		return true;
	if (s.n == 1)
		return false;
	code = (unsigned)(unsigned char)s.p[0] << 8 | (unsigned char)s.p[1];
	return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) ||
	       (code >= 3000 && code <= 4999);
}

/* A frame that stands between those of a message (RFC 6455 5.5). */
static enum ws_frame_event
take_control(struct ws_frame_reader *r, const struct head *h, struct buf *in, struct str *out,
    unsigned *code)
{
	char mask[4];

	if (h->opcode > WS_FRAME_PONG || !h->fin || h->n > CONTROL_MAX)
		return bad(code, CODE_PROTOCOL);
	if (in->n - h->size < h->n)
		return WS_FRAME_MORE;
	memcpy(mask, h->mask, sizeof(mask));
	unmask(mask, in->p + h->size, (size_t)h->n);
	*out = str_sub(buf_view(in), h->size, (size_t)h->n);
	r->taken = h->size + (size_t)h->n;
	*code = h->opcode;
	if (h->opcode != WS_FRAME_CLOSE)
		return WS_FRAME_CONTROL;
	if (!is_goodbye(*out))
		return bad(code, CODE_PROTOCOL);
	return str_is_utf8(str_from(*out, 2)) ? WS_FRAME_CONTROL : bad(code, CODE_UTF8);
}

/* A frame of a message begins: *began, when the message does. */
static enum ws_frame_event
begin_frame(
    struct ws_frame_reader *r, const struct head *h, struct buf *in, bool *began, unsigned *code)
{
	if (h->opcode == OPCODE_BINARY && !r->within)
		return bad(code, CODE_BINARY); /* RFC 8887 4.2 */
	if (h->opcode != (r->within ? WS_FRAME_CONTINUATION : WS_FRAME_TEXT))
		return bad(code, CODE_PROTOCOL);
	*began = !r->within;
	if (*began) {
		r->size = 0;
		r->need = 0;
	}
	if (h->n > r->most - r->size)
		return bad(code, CODE_TOO_BIG);
	r->size += h->n;
	r->left = h->n;
	r->within = r->in_frame = true;
	r->last = h->fin;
	memcpy(r->mask, h->mask, sizeof(r->mask));
	buf_consume(in, h->size);
	return WS_FRAME_BEGIN;
}

/* Some of the payload, or its end. */
static enum ws_frame_event
take_piece(struct ws_frame_reader *r, struct buf *in, struct str *out, unsigned *code)
{
	size_t n = (size_t)num_min(r->left, (uint64_t)in->n);

	if (r->left > 0) {
		if (n == 0)
			return WS_FRAME_MORE;
		unmask((const char *)r->mask, in->p, n);
		*out = str_sub(buf_view(in), 0, n);
		turn_mask(r, n);
		r->left -= n;
		r->taken = n;
		return is_text(r, *out) ? WS_FRAME_PIECE : bad(code, CODE_UTF8);
	}
	r->in_frame = false;
	r->within = false;
	return r->need == 0 ? WS_FRAME_END : bad(code, CODE_UTF8);
}

enum ws_frame_event
ws_frame_next(struct ws_frame_reader *r, struct buf *in, struct str *out, unsigned *code)
{
	enum ws_frame_event v;
	struct head h;
	bool began;

	*code = 0;
	*out = STR_NONE;
	buf_consume(in, r->taken);
	r->taken = 0;
	for (;;) {
		/* The end of a frame that is not the last is of no interest. */
		if (r->in_frame && r->left == 0 && !r->last)
			r->in_frame = false;
		if (r->in_frame)
			return take_piece(r, in, out, code);
		if (!read_head(buf_view(in), &h, code))
			return *code != 0 ? WS_FRAME_BAD : WS_FRAME_MORE;
		if (h.opcode >= WS_FRAME_CLOSE)
			return take_control(r, &h, in, out, code);
		v = begin_frame(r, &h, in, &began, code);
		if (v == WS_FRAME_BAD || began)
			return v;
	}
}

size_t
ws_frame_head(unsigned char out[WS_FRAME_HEAD], bool fin, unsigned opcode, uint64_t n)
{
	size_t more = n < 126 ? 0 : n < 65536 ? 2 : 8;

	out[0] = (unsigned char)((fin ? 0x80u : 0) | opcode);
	out[1] = (unsigned char)(more == 0 ? n : more == 2 ? 126 : 127);
	for (size_t i = 0; i < more; i++)
		out[2 + i] = (unsigned char)(n >> (8 * (more - 1 - i)));
	return 2 + more;
}
