/* dkim_canon.c - see dkim_canon.h. */
#include "smtpd/dkim/dkim_canon.h"

/* ---- header ---- */

static bool
is_white(char c)
{
	return is_space(c) || c == '\r' || c == '\n';
}

/* RFC 6376 3.4.2: unfolded, runs of blanks become one, none at the value's ends. */
void
dkim_canon_field(struct str field, struct buf *out)
{
	size_t colon = str_chr(field, ':');
	struct str name = str_trim(str_sub(field, 0, colon)), value = str_from(field, colon + 1);
	bool blank = false, any = false;

	for (size_t i = 0; i < name.n; i++)
		(void)buf_putc(out, to_lower(name.p[i]));
	(void)buf_putc(out, ':');
	for (size_t i = 0; i < value.n; i++) {
		if (is_white(value.p[i])) {
			blank = any;
			continue;
		}
		if (blank)
			(void)buf_putc(out, ' ');
		(void)buf_putc(out, value.p[i]);
		blank = false;
		any = true;
	}
}

/* ---- body ---- */

void
dkim_canon_body_init(
    struct dkim_canon_body *b, void (*put)(void *arg, const char *p, size_t n), void *arg)
{
	b->put = put;
	b->arg = arg;
	b->empty = 0;
	b->blank = b->cr = b->any = false;
	b->n = 0;
}

static void
flush(struct dkim_canon_body *b)
{
	b->put(b->arg, b->out, b->n);
	b->n = 0;
}

static void
emit(struct dkim_canon_body *b, char c)
{
	if (b->n == sizeof(b->out))
		flush(b);
	b->out[b->n++] = c;
}

static void
emit_line_end(struct dkim_canon_body *b)
{
	emit(b, '\r');
	emit(b, '\n');
}

/* An octet that is part of a line: what was held back before it counts. */
static void
solid(struct dkim_canon_body *b, char c)
{
	for (; b->empty > 0; b->empty--)
		emit_line_end(b);
	if (b->blank)
		emit(b, ' ');
	b->blank = false;
	b->any = true;
	emit(b, c);
}

/* RFC 6376 3.4.4: runs of blanks become one, those at a line's end go, and so do empty lines at the
 * end. A CR alone is an octet like others. */
void
dkim_canon_body_feed(struct dkim_canon_body *b, struct str octets)
{
	for (size_t i = 0; i < octets.n; i++) {
		char c = octets.p[i];

		if (b->cr) {
			b->cr = false;
			if (c == '\n') {
				b->blank = false;
				b->empty++;
				continue;
			}
			solid(b, '\r');
		}
		if (c == '\r')
			b->cr = true;
		else if (is_space(c))
			b->blank = true;
		else
			solid(b, c);
	}
}

/* The last line that is not empty ends in CRLF, whether it came with one or not. */
void
dkim_canon_body_end(struct dkim_canon_body *b)
{
	if (b->cr)
		solid(b, '\r');
	if (b->any)
		emit_line_end(b);
	flush(b);
}
