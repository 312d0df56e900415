/*
 * toml_string.c - the four kinds of TOML strings (toml.io/en/v1.0.0, "String").
 */
#include "svc/toml_in.h"

#include "base/num.h"

static void
put_utf8(struct buf *b, uint32_t u)
{
	if (u < 0x80) {
		buf_putc(b, (char)u);
	} else if (u < 0x800) {
		buf_putc(b, (char)(0xC0 | u >> 6));
		buf_putc(b, (char)(0x80 | (u & 0x3F)));
	} else if (u < 0x10000) {
		buf_putc(b, (char)(0xE0 | u >> 12));
		buf_putc(b, (char)(0x80 | (u >> 6 & 0x3F)));
		buf_putc(b, (char)(0x80 | (u & 0x3F)));
	} else {
		buf_putc(b, (char)(0xF0 | u >> 18));
		buf_putc(b, (char)(0x80 | (u >> 12 & 0x3F)));
		buf_putc(b, (char)(0x80 | (u >> 6 & 0x3F)));
		buf_putc(b, (char)(0x80 | (u & 0x3F)));
	}
}

/* \uXXXX and \UXXXXXXXX: Unicode scalar values only, so no surrogates. */
static int
unicode(struct toml_in *in, size_t start, size_t digits)
{
	uint32_t u = 0;

	for (size_t k = 0; k < digits; k++, in->off++) {
		int c = toml_peek(in, 0), d = c < 0 ? -1 : num_hex((char)c);

		if (d < 0)
			return toml_fail(in, start,
			    "\\%c takes %zu hexadecimal digits (write \\\\ for a backslash, or put "
			    "the "
			    "string in '…')",
			    digits == 4 ? 'u' : 'U', digits);
		u = u << 4 | (uint32_t)d;
	}
	if (u > 0x10FFFF || (u >= 0xD800 && u <= 0xDFFF))
		return toml_fail(in, start, "U+%04X is no character", (unsigned)u);
	put_utf8(&in->scratch, u);
	return 0;
}

/* A backslash at the end of a line takes away everything up to the next visible character. */
static bool
line_continues(struct toml_in *in)
{
	size_t start = in->off, end;

	while (toml_peek(in, 0) == ' ' || toml_peek(in, 0) == '\t')
		in->off++;
	if (toml_newline(in) == 0) {
		in->off = start;
		return false;
	}
	while ((end = toml_newline(in)) != 0 || toml_peek(in, 0) == ' ' || toml_peek(in, 0) == '\t')
		in->off += end != 0 ? end : 1;
	return true;
}

/* Behind a backslash. */
static int
escape(struct toml_in *in, bool multi)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	size_t start = in->off - 1;
	int c = toml_peek(in, 0);
	const char *at;

	if (multi && line_continues(in))
		return 0;
	in->off++;
	if (c == 'u')
		return unicode(in, start, 4);
	if (c == 'U')
		return unicode(in, start, 8);
	if (c <= 0 || (at = strchr(from, c)) == NULL)
		return toml_fail(in, start,
		    "no such escape; there are \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX "
		    "(write \\\\ for a backslash, or put the string in '…')");
	buf_putc(&in->scratch, to[at - from]);
	return 0;
}

static int
single(struct toml_in *in, int quote)
{
	size_t start = in->off++;
	int c;

	while ((c = toml_peek(in, 0)) != quote) {
		if (c < 0 || toml_newline(in) != 0)
			return toml_fail(in, start, "the string has no end: %c is missing", quote);
		if (toml_is_control(c))
			return toml_fail(
			    in, in->off, "control character 0x%02x in a string", (unsigned)c);
		in->off++;
		if (c == '\\' && quote == '"') {
			if (escape(in, false) < 0)
				return -1;
		} else {
			buf_putc(&in->scratch, (char)c);
		}
	}
	in->off++;
	return 0;
}

/* Up to two quotes may stand in a multi-line string, also right before the three that end it. True
 * at the end. */
static bool
quotes(struct toml_in *in, int quote)
{
	size_t run = 0, inside;

	while (run < 5 && toml_peek(in, run) == quote)
		run++;
	in->off += run;
	inside = run >= 3 ? run - 3 : run;
	while (inside-- > 0)
		buf_putc(&in->scratch, (char)quote);
	return run >= 3;
}

static int
multi_line(struct toml_in *in, int quote)
{
	size_t start = in->off, end;
	int c;

	in->off += 3;
	in->off += toml_newline(in); /* right behind the opening it does not count */
	for (;;) {
		c = toml_peek(in, 0);
		end = toml_newline(in);
		if (c < 0)
			return toml_fail(in, start, "the string has no end: %c%c%c is missing",
			    quote, quote, quote);
		if (c == quote) {
			if (quotes(in, quote))
				return 0;
		} else if (end != 0) {
			in->off += end;
			buf_putc(&in->scratch, '\n');
		} else if (toml_is_control(c)) {
			return toml_fail(
			    in, in->off, "control character 0x%02x in a string", (unsigned)c);
		} else {
			in->off++;
			if (c == '\\' && quote == '"') {
				if (escape(in, true) < 0)
					return -1;
			} else {
				buf_putc(&in->scratch, (char)c);
			}
		}
	}
}

int
toml_string(struct toml_in *in, bool multi, struct str *out)
{
	int quote = toml_peek(in, 0), rc;

	buf_reset(&in->scratch);
	if (toml_peek(in, 1) == quote && toml_peek(in, 2) == quote) {
		if (!multi)
			return toml_fail(in, in->off, "a key cannot be a multi-line string");
		rc = multi_line(in, quote);
	} else {
		rc = single(in, quote);
	}
	if (rc == 0)
		*out = arena_dup(in->a, buf_view(&in->scratch));
	return rc;
}
