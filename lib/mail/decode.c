/* decode.c - content transfer encodings (RFC 2045 6). */
#include "mail/decode.h"

#include "base/num.h"
#include "mail/charset.h"

/* ---- base64
 * -------------------------------------------------------------------------------------------------------
 */

#define NO 64

static const unsigned char base64_values[256] = {
#define X16 NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO
    X16, X16,                                                       /* controls */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63, /* '+' and '/' */
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO, /* digits */
    NO, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,           /* '@' 'A' … */
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO, /* … 'Z' */
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, /* '`' 'a' … */
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO, /* … 'z' */
    X16, X16, X16, X16, X16, X16, X16, X16};

/* Whole groups of four good characters; returns how many octets of in were used. */
static size_t
base64_groups(struct str in, char *to, size_t *n)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t i = 0;

	for (; in.n - i >= 4; i += 4) {
		unsigned a = base64_values[p[i]], b = base64_values[p[i + 1]];
		unsigned c = base64_values[p[i + 2]], d = base64_values[p[i + 3]];

		if ((a | b | c | d) & NO)
			break;
		to[(*n)++] = (char)(a << 2 | b >> 4);
		to[(*n)++] = (char)(b << 4 | c >> 2);
		to[(*n)++] = (char)(c << 6 | d);
	}
	return i;
}

void
decode_base64(struct str in, struct buf *out)
{
	char *to = buf_room(out, in.n / 4 * 3 + 3);
	unsigned group = 0, held = 0;
	size_t n = 0, i = 0;

	if (to == NULL)
		return;
	while (i < in.n) {
		unsigned v;

		if (held == 0)
			i += base64_groups(str_from(in, i), to, &n);
		if (i == in.n)
			break;
		v = base64_values[(unsigned char)in.p[i]];
		/* Padding ends a group. What is no base64 is passed over (RFC 2045 6.8). */
		if (in.p[i++] == '=')
			held = 0;
		if (v == NO)
			continue;
		group = group << 6 | v;
		held++;
		/* Octets go out as soon as they are whole, so that a last group without padding
		 * counts. */
		if (held > 1)
			to[n++] = (char)(group >> (held == 2 ? 4 : held == 3 ? 2 : 0));
		if (held == 4)
			held = 0;
	}
	buf_added(out, n);
}

/* ---- quoted-printable
 * --------------------------------------------------------------------------------------------- */

/* One line without its end; true when it ends in a soft line break. */
static bool
qp_line(struct str line, char *to, size_t *n)
{
	int octet;

	/* RFC 2045 6.7 (3): blanks at the end were added on the way. */
	while (line.n > 0 && is_space(line.p[line.n - 1]))
		line.n--;
	while (line.n > 0) {
		size_t plain = str_chr(line, '=');

		memcpy(to + *n, line.p, plain);
		*n += plain;
		line = str_from(line, plain);
		if (line.n == 0)
			return false;
		if (line.n == 1)
			return true;
		if ((octet = num_hex_octet(line, 1)) >= 0) {
			to[(*n)++] = (char)octet;
			line = str_from(line, 3);
		} else {
			/* RFC 2045 6.7: a wrong '=' is best left as it is. */
			to[(*n)++] = '=';
			line = str_from(line, 1);
		}
	}
	return false;
}

void
decode_qp(struct str in, struct buf *out)
{
	char *to = buf_room(out, in.n);
	struct str line;
	size_t n = 0;

	if (to == NULL)
		return;
	while (in.n > 0) {
		bool ended = str_cut(&in, '\n', &line),
		     cr = ended && line.n > 0 && line.p[line.n - 1] == '\r';

		if (cr)
			line.n--;
		if (!qp_line(line, to, &n) && ended) {
			if (cr)
				to[n++] = '\r';
			to[n++] = '\n';
		}
	}
	buf_added(out, n);
}

/* ---- parts
 * --------------------------------------------------------------------------------------------------------
 */

void
decode_part(const struct mime_part *part, struct str message, struct buf *out)
{
	struct str octets = mime_octets(message, part->body);

	if (part->encoding == MIME_QP)
		decode_qp(octets, out);
	else if (part->encoding == MIME_BASE64)
		decode_base64(octets, out);
	else
		buf_str(out, octets);
}

void
decode_text(const struct mime_part *part, struct str message, struct buf *out)
{
	struct str charset = rfc2231_get(&part->params, STR("charset"));
	struct buf octets;

	if (part->encoding != MIME_QP && part->encoding != MIME_BASE64) {
		charset_to_utf8(charset, mime_octets(message, part->body), out);
		return;
	}
	buf_init(&octets, part->body.n + 3);
	decode_part(part, message, &octets);
	charset_to_utf8(charset, buf_view(&octets), out);
	buf_free(&octets);
}
