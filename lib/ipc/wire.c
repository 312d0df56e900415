/* wire.c - octets in order. Allocates nothing. */
#include "ipc/wire.h"

#include "base/num.h"

void
wire_open(struct wire_in *w, struct str s)
{
	*w = (struct wire_in){.p = (const unsigned char *)s.p, .n = s.n};
}

struct str
wire_raw(struct wire_in *w, size_t n)
{
	struct str s;

	if (w->bad || n > w->n) {
		w->bad = true;
		return STR_NONE;
	}
	s = str_of(w->p, n);
	if (n > 0) { /* an empty string may have no octets to point at */
		w->p += n;
		w->n -= n;
	}
	return s;
}

uint8_t
wire_u8(struct wire_in *w)
{
	struct str s = wire_raw(w, 1);

	return s.p ? (uint8_t)s.p[0] : 0;
}

uint32_t
wire_u32(struct wire_in *w)
{
	struct str s = wire_raw(w, 4);

	return s.p ? num_get_u32(s.p) : 0;
}

uint64_t
wire_u64(struct wire_in *w)
{
	struct str s = wire_raw(w, 8);

	return s.p ? num_get_u64(s.p) : 0;
}

struct str
wire_str(struct wire_in *w)
{
	return wire_raw(w, wire_u32(w));
}

int
wire_end(const struct wire_in *w)
{
	return w->bad || w->n != 0 ? -1 : 0;
}

void
wire_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void
wire_put_u32(struct buf *b, uint32_t v)
{
	unsigned char p[4];

	num_put_u32(p, v);
	buf_put(b, p, sizeof(p));
}

void
wire_put_u64(struct buf *b, uint64_t v)
{
	unsigned char p[8];

	num_put_u64(p, v);
	buf_put(b, p, sizeof(p));
}

void
wire_put_str(struct buf *b, struct str s)
{
	wire_put_u32(b, (uint32_t)s.n);
	buf_str(b, s);
}
