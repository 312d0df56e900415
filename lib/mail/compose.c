/* compose.c - header fields of messages that we write. */
#include "mail/compose.h"

#include <stdio.h>

#include "mail/rfc2047.h"

#define COLUMNS 78u /* RFC 5322 2.1.1: should */

/* A copy in which nothing can end the field: what is a control character becomes a space. */
static void
clean(struct str s, struct buf *out)
{
	char *to = buf_room(out, s.n);

	if (to == NULL)
		return;
	for (size_t i = 0; i < s.n; i++)
		to[i] = is_cntl(s.p[i]) ? ' ' : s.p[i];
	buf_added(out, s.n);
}

/* "Name:" and the value, folded at single spaces so that lines stay within the columns where that
 * is possible. A line of blanks only is never made (RFC 5322 3.2.2). */
static void
put_folded(struct buf *out, const char *name, struct str value)
{
	size_t column = strlen(name) + 1;
	struct str word;
	bool more = true, first = true;

	value = str_trim(value);
	buf_puts(out, name);
	buf_putc(out, ':');
	while (more) {
		more = str_cut(&value, ' ', &word);
		if (!first && word.n > 0 && column + 1 + word.n > COLUMNS) {
			buf_puts(out, "\r\n");
			column = 0;
		}
		buf_putc(out, ' ');
		buf_str(out, word);
		column += 1 + word.n;
		first = false;
	}
	buf_puts(out, "\r\n");
}

void
compose_raw(struct buf *out, const char *name, struct str value)
{
	struct buf plain;

	buf_init(&plain, value.n);
	clean(value, &plain);
	put_folded(out, name, buf_view(&plain));
	buf_free(&plain);
}

void
compose_text(struct buf *out, const char *name, struct str utf8)
{
	struct buf plain, encoded;

	buf_init(&plain, utf8.n);
	buf_init(&encoded, utf8.n * 16 + 64);
	clean(utf8, &plain);
	rfc2047_encode(buf_view(&plain), false, &encoded);
	put_folded(out, name, buf_view(&encoded));
	buf_free(&encoded);
	buf_free(&plain);
}

void
compose_address(struct buf *out, const char *name, struct str display, struct str address)
{
	struct buf plain, value;

	buf_init(&plain, display.n);
	buf_init(&value, display.n * 16 + address.n + 64);
	clean(display, &plain);
	if (plain.n > 0) {
		rfc2047_encode(buf_view(&plain), true, &value);
		buf_putc(&value, ' ');
	}
	buf_putc(&value, '<');
	clean(address, &value);
	buf_putc(&value, '>');
	put_folded(out, name, buf_view(&value));
	buf_free(&value);
	buf_free(&plain);
}

void
compose_boundary(struct str mid, unsigned level, char out[40])
{
	/* "=_" cannot stand in quoted-printable text, nor in base64 (RFC 2045 6.7). */
	snprintf(out, 40, "=_%u-%.*s", level, (int)(mid.n < 24 ? mid.n : 24), mid.p);
}

void
compose_lines(struct buf *out, struct str text)
{
	struct str line;

	while (text.n > 0) {
		str_cut(&text, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		buf_str(out, line);
		buf_puts(out, "\r\n");
	}
}
