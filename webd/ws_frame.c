/* ws_frame.c - see ws_frame.h. */
#include "webd/ws_frame.h"

#include <wslay/wslay.h>

#include "base/mem.h"
#include "base/num.h"

/* RFC 6455 7.4.1 */
#define CODE_PROTOCOL 1002u
#define CODE_BINARY   1003u
#define CODE_UTF8     1007u
#define CODE_TOO_BIG  1009u

#define OPCODE_BINARY 2u

void
ws_frame_init(struct ws_frame_reader *r, uint64_t most)
{
	*r = (struct ws_frame_reader){.most = most};
}

void
ws_frame_done(struct ws_frame_reader *r)
{
	if (r->wslay != NULL)
		wslay_frame_context_free(r->wslay);
	r->wslay = NULL;
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

static ssize_t
on_recv(uint8_t *to, size_t n, int flags, void *arg)
{
	struct ws_frame_reader *r = arg;

	(void)flags;
	n = num_min(n, r->in->n);
	if (n == 0)
		return -1;
	memcpy(to, r->in->p, n);
	buf_consume(r->in, n);
	r->held += n;
	return (ssize_t)n;
}

static void
open_wslay(struct ws_frame_reader *r)
{
	static const struct wslay_frame_callbacks callbacks = {.recv_callback = on_recv};

	if (r->wslay == NULL && wslay_frame_context_init(&r->wslay, &callbacks, r) != 0)
		mem_die(__FILE__, __LINE__, "out of memory");
}

/* Octets before the payload (RFC 6455 5.2), of a client's frame. */
static uint64_t
head_size(uint64_t payload)
{
	return 2u + (payload < 126 ? 0 : payload < 65536 ? 2 : 8) + 4;
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
end_control(struct ws_frame_reader *r, struct str *out, unsigned *code)
{
	*out = str_of(r->control, r->ncontrol);
	*code = r->opcode;
	if (r->opcode != WS_FRAME_CLOSE)
		return WS_FRAME_CONTROL;
	if (!is_goodbye(*out))
		return bad(code, CODE_PROTOCOL);
	return str_is_utf8(str_from(*out, 2)) ? WS_FRAME_CONTROL : bad(code, CODE_UTF8);
}

/* A frame of a message begins, and where it is the first one, the message. */
static enum ws_frame_event
begin_data(struct ws_frame_reader *r, const struct wslay_frame_iocb *f, unsigned *code)
{
	bool first = !r->within;

	if (f->opcode == OPCODE_BINARY && first)
		return bad(code, CODE_BINARY); /* RFC 8887 4.2 */
	if (f->opcode != (first ? WS_FRAME_TEXT : WS_FRAME_CONTINUATION))
		return bad(code, CODE_PROTOCOL);
	if (first)
		r->size = r->need = 0;
	if (f->payload_length > r->most - r->size)
		return bad(code, CODE_TOO_BIG);
	r->size += f->payload_length;
	r->within = r->in_frame = true;
	r->last = f->fin;
	return first ? WS_FRAME_BEGIN : WS_FRAME_MORE;
}

/* The head of a frame is known. MORE: there is nothing to tell of it. */
static enum ws_frame_event
begin_frame(struct ws_frame_reader *r, const struct wslay_frame_iocb *f, unsigned *code)
{
	/* No extension was agreed upon; a client masks. */
	if (f->rsv != 0 || !f->mask || f->opcode > WS_FRAME_PONG)
		return bad(code, CODE_PROTOCOL);
	r->held -= head_size(f->payload_length);
	r->left = f->payload_length;
	if (f->opcode < WS_FRAME_CLOSE)
		return begin_data(r, f, code);
	r->opcode = f->opcode;
	r->ncontrol = 0;
	return WS_FRAME_MORE;
}

/* What is to be told without reading on. MORE: nothing. */
static enum ws_frame_event
tell(struct ws_frame_reader *r, struct str *out, unsigned *code)
{
	if (r->piece.n > 0) {
		*out = r->piece;
		r->piece = STR_NONE;
		return is_text(r, *out) ? WS_FRAME_PIECE : bad(code, CODE_UTF8);
	}
	if (!r->in_frame || r->left > 0)
		return WS_FRAME_MORE;
	/* The end of a frame that is not the last is of no interest. */
	r->in_frame = false;
	if (!r->last)
		return WS_FRAME_MORE;
	r->within = false;
	return r->need == 0 ? WS_FRAME_END : bad(code, CODE_UTF8);
}

/* Reads on. MORE with *any: the frame goes on, or there is nothing to tell of it. */
static enum ws_frame_event
read_some(struct ws_frame_reader *r, struct str *out, unsigned *code, bool *any)
{
	enum ws_frame_event v = WS_FRAME_MORE;
	struct wslay_frame_iocb f = {0};
	bool begins = r->left == 0;
	ssize_t n = wslay_frame_recv(r->wslay, &f);

	*any = n >= 0;
	if (n == WSLAY_ERR_PROTO)
		return bad(code, CODE_PROTOCOL);
	if (n < 0)
		return WS_FRAME_MORE;
	if (begins && (v = begin_frame(r, &f, code)) == WS_FRAME_BAD)
		return v;
	r->held -= (uint64_t)n;
	r->left -= (uint64_t)n;
	if (f.opcode < WS_FRAME_CLOSE) {
		r->piece = str_of(f.data, (size_t)n);
		return v;
	}
	memcpy(r->control + r->ncontrol, f.data ? f.data : (const uint8_t *)"", (size_t)n);
	r->ncontrol = (unsigned char)(r->ncontrol + n);
	return r->left == 0 ? end_control(r, out, code) : WS_FRAME_MORE;
}

enum ws_frame_event
ws_frame_next(struct ws_frame_reader *r, struct buf *in, struct str *out, unsigned *code)
{
	enum ws_frame_event v;
	bool any = true;

	*code = 0;
	*out = STR_NONE;
	r->in = in;
	while ((v = tell(r, out, code)) == WS_FRAME_MORE && any) {
		if (r->wslay == NULL && in->n == 0)
			break;
		open_wslay(r);
		if ((v = read_some(r, out, code, &any)) != WS_FRAME_MORE)
			break;
	}
	if (v == WS_FRAME_MORE && r->held == 0 && r->left == 0)
		ws_frame_done(r);
	return v;
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
