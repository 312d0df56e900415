/* header.c - header fields over the stored octets. Allocates only to unfold. */
#include "mail/header.h"

/* Octets of the line that s begins with, its LF included. */
static size_t
line_length(struct str s)
{
	const char *lf = s.n > 0 ? memchr(s.p, '\n', s.n) : NULL;

	return lf ? (size_t)(lf - s.p) + 1 : s.n;
}

/* Octets of the line end that s begins with: 0, 1 (LF) or 2 (CRLF). */
static size_t
line_end(struct str s)
{
	if (s.n > 0 && s.p[0] == '\n')
		return 1;
	return s.n > 1 && s.p[0] == '\r' && s.p[1] == '\n' ? 2 : 0;
}

static struct str
without_line_end(struct str s)
{
	if (s.n > 0 && s.p[s.n - 1] == '\n') {
		s.n--;
		if (s.n > 0 && s.p[s.n - 1] == '\r')
			s.n--;
	}
	return s;
}

size_t
header_length(struct str s)
{
	size_t at = 0, end;

	while (at < s.n) {
		end = line_end(str_from(s, at));
		if (end > 0)
			return at + end;
		at += line_length(str_from(s, at));
	}
	return at;
}

/* field-name = 1*ftext, 33-126 without ':' (RFC 5322 3.6.8), then blanks in the obsolete syntax
 * (4.5). */
static struct str
field_name(struct str line, size_t colon)
{
	size_t n = colon;

	while (n > 0 && is_space(line.p[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++)
		if (line.p[i] <= ' ' || line.p[i] == 127 || (unsigned char)line.p[i] > 127)
			return str_of(line.p, 0);
	return str_of(line.p, n);
}

bool
header_next(struct str *rest, struct header_field *f)
{
	size_t n, colon;
	struct str line;

	if (rest->n == 0 || line_end(*rest) > 0)
		return false;
	n = line_length(*rest);
	colon = str_chr(str_sub(*rest, 0, n), ':');
	/* Lines that begin with a blank belong to the field before. */
	while (n < rest->n && is_space(rest->p[n]))
		n += line_length(str_from(*rest, n));
	f->raw = str_sub(*rest, 0, n);
	*rest = str_from(*rest, n);
	line = without_line_end(f->raw);
	f->name = colon < line.n ? field_name(line, colon) : str_of(line.p, 0);
	f->value = f->name.n > 0 ? str_from(line, colon + 1) : line;
	return true;
}

bool
header_find(struct str header, struct str name, struct header_field *f)
{
	while (header_next(&header, f))
		if (str_ieq(f->name, name) && name.n > 0)
			return true;
	*f = (struct header_field){0};
	return false;
}

struct str
header_value(struct str header, struct str name)
{
	struct header_field f;

	return header_find(header, name, &f) ? str_trim(f.value) : STR_NONE;
}

struct str
header_unfold(struct str value, struct arena *a)
{
	struct str line;
	char *to;
	size_t n = 0;
	bool more = true;

	value = str_trim(value);
	if (str_chr(value, '\n') == value.n)
		return value;
	to = arena_alloc(a, value.n);
	while (more) {
		more = str_cut(&value, '\n', &line);
		if (more && line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		memcpy(to + n, line.p, line.n);
		n += line.n;
	}
	return str_of(to, n);
}

static bool
is_one_of(struct str name, const struct str *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name.n > 0 && str_ieq(name, names[i]))
			return true;
	return false;
}

void
header_select(struct str header, const struct str *names, size_t n, bool except, struct buf *out)
{
	struct header_field f;

	while (header_next(&header, &f))
		if (is_one_of(f.name, names, n) != except)
			buf_str(out, f.raw);
	/* RFC 9051 6.4.5.1: the empty line is always there. */
	buf_puts(out, "\r\n");
}
