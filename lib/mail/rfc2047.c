/*
 * rfc2047.c - encoded words.
 *
 * Blanks between two encoded words vanish (RFC 2047 6.2), and the octets of adjacent words of one
 * charset are joined before they are converted: many programs cut characters in two. Forgiving:
 * blanks inside a word's text and words not set off by blanks are decoded too, as every mail reader
 * does.
 */
#include "mail/rfc2047.h"

#include "base/num.h"
#include "mail/charset.h"
#include "mail/decode.h"

#define WORD_MAX 75u /* RFC 2047 2 */

struct word {
	struct str charset;
	struct str text;
	char encoding; /* 'q' or 'b' */
	size_t length; /* octets of all of it */
};

/* An encoded word at the front of s, "=?" seen. */
static bool
parse_word(struct str s, struct word *w)
{
	struct str rest = str_from(s, 2), charset, encoding;
	size_t end;

	if (!str_cut(&rest, '?', &charset) || charset.n == 0 || !str_cut(&rest, '?', &encoding) ||
	    encoding.n != 1)
		return false;
	for (size_t i = 0; i < charset.n; i++)
		if (is_cntl(charset.p[i]) || charset.p[i] == ' ')
			return false;
	w->encoding = to_lower(encoding.p[0]);
	if (w->encoding != 'q' && w->encoding != 'b')
		return false;
	end = str_find(rest, STR("?="));
	if (end == rest.n)
		return false;
	w->charset = charset;
	w->text = str_of(rest.p, end);
	w->length = (size_t)(rest.p - s.p) + end + 2;
	return true;
}

/* The "Q" encoding, RFC 2047 4.2. Words that were folded (which they may not be) lose the fold. */
static void
decode_q(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int octet = s.p[i] == '=' ? num_hex_octet(s, i + 1) : -1;

		if (octet >= 0) {
			buf_putc(out, (char)octet);
			i += 2;
		} else if (s.p[i] == '\n') {
			while (i + 1 < s.n && is_space(s.p[i + 1]))
				i++;
		} else if (s.p[i] != '\r') {
			buf_putc(out, s.p[i] == '_' ? ' ' : s.p[i]);
		}
	}
}

/* Text that is no encoded word: folding out, raw 8-bit octets to UTF-8. */
static void
put_text(struct str s, struct buf *out)
{
	struct str line;
	bool more = true;

	while (more) {
		more = str_cut(&s, '\n', &line);
		if (more && line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		charset_to_utf8(
		    str_is_ascii(line) || str_is_utf8(line) ? STR("utf-8") : STR("windows-1252"),
		    line, out);
	}
}

static bool
is_blank(struct str s)
{
	return str_trim(s).n == 0;
}

/* Words that follow one another in one charset, waiting to be converted. */
struct pending {
	struct buf octets;
	struct str charset;
};

static void
flush(struct pending *p, struct buf *out)
{
	if (p->octets.n > 0)
		charset_to_utf8(p->charset, buf_view(&p->octets), out);
	buf_reset(&p->octets);
}

static void
add_word(struct pending *p, const struct word *w, struct buf *out)
{
	if (!str_ieq(p->charset, w->charset))
		flush(p, out);
	p->charset = w->charset;
	if (w->encoding == 'q')
		decode_q(w->text, &p->octets);
	else
		decode_base64(w->text, &p->octets);
}

/* Offset of the next encoded word at or behind from, or s.n. */
static size_t
find_word(struct str s, size_t from, struct word *w)
{
	/* A word's end is looked for in all that follows: so once none is there, no further one is.
	 */
	while (from < s.n) {
		from += str_find(str_from(s, from), STR("=?"));
		if (from >= s.n || parse_word(str_from(s, from), w))
			return from;
		if (str_find(str_from(s, from + 2), STR("?=")) >= s.n - from - 2)
			return s.n;
		from += 2;
	}
	return s.n;
}

void
rfc2047_decode(struct str value, struct buf *out)
{
	struct pending p = {.charset = STR_NONE};
	struct word w = {0};
	size_t at = 0, next;
	bool after_word = false;

	value = str_trim(value);
	buf_init(&p.octets, value.n);
	while (at < value.n && !out->over) {
		struct str between;

		next = find_word(value, at, &w);
		between = str_sub(value, at, next - at);
		if (next == value.n || !after_word || !is_blank(between)) {
			flush(&p, out);
			put_text(between, out);
		}
		if (next == value.n)
			break;
		add_word(&p, &w, out);
		after_word = true;
		at = next + w.length;
	}
	flush(&p, out);
	buf_free(&p.octets);
}

/* ---- encoding
 * -----------------------------------------------------------------------------------------------------
 */

#define RUN_MAX 900u

/* Whether a word may go as it is. */
static bool
is_plain(struct str s, bool phrase)
{
	size_t run = 0;

	if (str_find(s, STR("=?")) < s.n)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		run = s.p[i] == ' ' ? 0 : run + 1;
		/* What could not be folded into a line (RFC 5322 2.1.1) can be as encoded words. */
		if (run > RUN_MAX)
			return false;
		if ((unsigned char)s.p[i] > 126 || (is_cntl(s.p[i]) && s.p[i] != '\t'))
			return false;
		/* specials of RFC 5322 3.2.3 may not stand in a phrase without quotes */
		if (phrase && strchr("()<>[]:;@\\,.\"", s.p[i]) != NULL)
			return false;
	}
	return true;
}

/* RFC 2047 5 (3): what may stand for itself in a phrase; good for unstructured text too. */
static bool
is_q_safe(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!*+-/", c) != NULL);
}

static size_t
char_length(struct str s)
{
	size_t n = 1;

	while (n < s.n && n < 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

static size_t
q_length(struct str c)
{
	return c.n == 1 && (is_q_safe(c.p[0]) || c.p[0] == ' ') ? 1 : c.n * 3;
}

static void
put_q(struct str c, struct buf *out)
{
	if (c.n == 1 && is_q_safe(c.p[0])) {
		buf_putc(out, c.p[0]);
	} else if (c.n == 1 && c.p[0] == ' ') {
		buf_putc(out, '_');
	} else {
		for (size_t i = 0; i < c.n; i++)
			buf_printf(out, "=%02X", (unsigned)(unsigned char)c.p[i]);
	}
}

void
rfc2047_encode(struct str utf8, bool phrase, struct buf *out)
{
	static const char open[] = "=?utf-8?q?";
	size_t used = 0;

	if (is_plain(utf8, phrase)) {
		buf_str(out, utf8);
		return;
	}
	while (utf8.n > 0 && !out->over) {
		struct str c = str_sub(utf8, 0, char_length(utf8));

		/* A character is never cut in two (RFC 2047 5). */
		if (used > 0 && used + q_length(c) + 2 > WORD_MAX) {
			buf_puts(out, "?= ");
			used = 0;
		}
		if (used == 0) {
			buf_puts(out, open);
			used = sizeof(open) - 1;
		}
		put_q(c, out);
		used += q_length(c);
		utf8 = str_from(utf8, c.n);
	}
	if (used > 0)
		buf_puts(out, "?=");
}
