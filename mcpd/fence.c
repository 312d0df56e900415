/*
 * fence.c - see fence.h.
 */
#include "mcpd/fence.h"

#include <sodium.h>

#include "mail/visible.h"

#define FROM_MAX 254u

void
fence_new(struct fence *f)
{
	unsigned char octets[(FENCE_ID_SIZE - 1) / 2];

	randombytes_buf(octets, sizeof octets);
	sodium_bin2hex(f->id, sizeof f->id, octets, sizeof octets);
}

/* What stands between quotes in the line has none, and no angles. */
static void
put_quoted(struct str s, struct buf *out)
{
	struct buf seen;

	buf_init(&seen, FROM_MAX);
	fence_line(s, FROM_MAX, &seen);
	for (size_t i = 0; i < seen.n; i++)
		buf_putc(out, str_chr(STR("\"<>"), seen.p[i]) < 3 ? '?' : seen.p[i]);
	buf_free(&seen);
}

void
fence_begin(const struct fence *f, const char *what, struct str from,
    const struct verdict_read *verdict, struct buf *out)
{
	buf_printf(out, "<<%s %s", what, f->id);
	if (from.n > 0) {
		buf_puts(out, " from=\"");
		put_quoted(from, out);
		buf_putc(out, '"');
	}
	if (verdict != NULL) {
		buf_puts(out, " auth=\"");
		verdict_put(verdict, out);
		buf_putc(out, '"');
	}
	buf_puts(out, ">>");
}

void
fence_end(const struct fence *f, struct buf *out)
{
	buf_printf(out, "<<end %s>>", f->id);
}

/* Two angles with a letter behind them are drawn apart: what a reader sees is the same, and it is
 * no line of ours. */
static bool
put_apart(struct str s, size_t max, struct buf *out)
{
	size_t end = out->n + max;

	for (size_t i = 0; i < s.n; i++) {
		bool apart = i > 0 && s.p[i] == '<' && s.p[i - 1] == '<';

		/* A character of UTF-8 goes as a whole. */
		if (((unsigned char)s.p[i] & 0xc0) != 0x80) {
			size_t n = 1;

			while (i + n < s.n && ((unsigned char)s.p[i + n] & 0xc0) == 0x80)
				n++;
			if (out->n + n + apart > end)
				return false;
		}
		if (apart)
			buf_putc(out, ' ');
		buf_putc(out, s.p[i]);
	}
	return !out->over;
}

static struct buf
seen_of(struct str s, size_t max)
{
	struct buf seen;

	buf_init(&seen, max + 8);
	(void)visible_text(s, max + 4, &seen);
	return seen;
}

bool
fence_text(struct str s, size_t max, struct buf *out)
{
	struct buf seen = seen_of(s, max);
	bool whole = put_apart(buf_view(&seen), max, out);

	buf_free(&seen);
	return whole;
}

void
fence_line(struct str s, size_t max, struct buf *out)
{
	struct buf seen = seen_of(s, 2 * max);
	size_t n = 0;

	for (size_t i = 0; i < seen.n; i++) {
		bool blank = str_chr(STR(" \t\n"), seen.p[i]) < 3;

		if (blank && (n == 0 || seen.p[n - 1] == ' '))
			continue;
		seen.p[n++] = blank ? ' ' : seen.p[i];
	}
	while (n > 0 && seen.p[n - 1] == ' ')
		n--;
	(void)put_apart(str_of(seen.p, n), max, out);
	buf_free(&seen);
}
