/*
 * mutf7.c - modified UTF-7 (RFC 3501 5.1.3).
 *
 * Purpose: the names of mailboxes between the wire and UTF-8. Only the one canonical encoding of a
 * name is taken, so that two spellings never mean the same mailbox. Errors: -1, without words; the
 * caller answers with the name.
 */
#include "mail/mutf7.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int
digit(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

static size_t
put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* One run of base64 (without "&" and "-") to UTF-8; the octets written, or -1. */
static ssize_t
decode_run(struct str run, char *out)
{
	uint32_t bits = 0, high = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < run.n; i++) {
		int v = digit(run.p[i]);

		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 16)
			continue;
		have -= 16;
		uint32_t unit = bits >> have & 0xffff;

		bits &= (1u << have) - 1;
		if (unit >= 0xd800 && unit < 0xdc00) {
			if (high)
				return -1;
			high = unit;
		} else if (unit >= 0xdc00 && unit < 0xe000) {
			if (!high)
				return -1;
			n += put_utf8(out + n, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
			high = 0;
		} else {
			/* Printable ASCII must stand for itself; controls have no place in a name.
			 */
			if (high || unit < 0x7f || unit == 0x7f)
				return -1;
			n += put_utf8(out + n, unit);
		}
	}
	/* What is left over are fewer than six bits, all zero. */
	if (high || have >= 6 || bits != 0 || n == 0)
		return -1;
	return (ssize_t)n;
}

int
mutf7_decode(struct str in, struct arena *a, struct str *out)
{
	/* Three octets of UTF-8 come from at least two and two thirds of base64 beside "&" and "-".
	 */
	char *p = arena_alloc(a, in.n * 2 + 1);
	size_t n = 0, after_run = in.n + 1;

	for (size_t i = 0; i < in.n;) {
		unsigned char c = (unsigned char)in.p[i];

		if (c < 32 || c == 127)
			return -1;
		if (c != '&') {
			p[n++] = in.p[i++];
			continue;
		}
		size_t len = str_chr(str_from(in, i + 1), '-');
		struct str run = str_sub(in, i + 1, len);

		if (i + 1 + len >= in.n)
			return -1;
		if (len == 0) {
			p[n++] = '&';
		} else {
			ssize_t got = decode_run(run, p + n);

			/* Two runs in a row would have been one. */
			if (got < 0 || after_run == i)
				return -1;
			n += (size_t)got;
			after_run = i + 2 + len;
		}
		i += 2 + len;
	}
	*out = str_of(p, n);
	return str_is_utf8(*out) ? 0 : -1;
}

struct encoder {
	char *p;
	size_t n;
	uint32_t bits;
	unsigned have;
	bool in_run;
};

static void
put_unit(struct encoder *x, uint32_t unit)
{
	x->bits = x->bits << 16 | unit;
	x->have += 16;
	while (x->have >= 6) {
		x->have -= 6;
		x->p[x->n++] = alphabet[x->bits >> x->have & 0x3f];
		x->bits &= (1u << x->have) - 1;
	}
}

static void
end_run(struct encoder *x)
{
	if (!x->in_run)
		return;
	if (x->have > 0)
		x->p[x->n++] = alphabet[x->bits << (6 - x->have) & 0x3f];
	x->p[x->n++] = '-';
	x->bits = 0;
	x->have = 0;
	x->in_run = false;
}

static uint32_t
get_utf8(struct str in, size_t *i)
{
	unsigned char c = (unsigned char)in.p[*i];
	unsigned more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	uint32_t v = more == 0 ? c : c & (0x3fu >> more);

	for ((*i)++; more > 0; more--, (*i)++)
		v = v << 6 | ((unsigned char)in.p[*i] & 0x3f);
	return v;
}

int
mutf7_encode(struct str in, struct arena *a, struct str *out)
{
	/* The worst is one unit of two octets alone between ASCII: "&", three of base64, "-". */
	struct encoder x = {.p = arena_alloc(a, in.n * 5 + 8)};

	if (!str_is_utf8(in))
		return -1;
	for (size_t i = 0; i < in.n;) {
		uint32_t c = get_utf8(in, &i);

		if (c >= 0x20 && c < 0x7f) {
			end_run(&x);
			x.p[x.n++] = (char)c;
			if (c == '&')
				x.p[x.n++] = '-';
			continue;
		}
		if (!x.in_run)
			x.p[x.n++] = '&';
		x.in_run = true;
		if (c >= 0x10000) {
			put_unit(&x, 0xd800 + ((c - 0x10000) >> 10));
			put_unit(&x, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			put_unit(&x, c);
		}
	}
	end_run(&x);
	*out = str_of(x.p, x.n);
	return 0;
}
