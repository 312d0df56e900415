/*
 * needle.c - looking for text in text without regard to case.
 *
 * Text is folded (compatibility decomposition and case folding, character by character) through a
 * window on the stack, so that any length of it costs no memory; the end of a window that a match
 * might begin in is kept for the next. ASCII goes sixteen octets at a time: this is what SEARCH
 * spends its time on.
 */
#include "mail/needle.h"

#include <utf8proc.h>

#include "mail/charset.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/rfc2047.h"

#define WINDOW 16384u
#define CHAR_ROOM \
	128u /* octets that one character may become: 18 characters of up to 4, and one more */
#define BLOCK 16u

#define ONES UINT64_C(0x0101010101010101)
#define HIGH (ONES * 0x80)

/* Eight octets of ASCII: what is from 'A' to 'Z' gets the bit that makes it small. */
static inline uint64_t
fold_eight(uint64_t w)
{
	uint64_t from_a = w + ONES * (0x80 - 'A'), past_z = w + ONES * (0x7f - 'Z');

	return w | (from_a & ~past_z & HIGH) >> 2;
}

/* Folds a block, unless it is not all ASCII. */
static inline bool
fold_block(const char *p, char *to)
{
	uint64_t a, b;

	memcpy(&a, p, 8);
	memcpy(&b, p + 8, 8);
	if (((a | b) & HIGH) != 0)
		return false;
	a = fold_eight(a);
	b = fold_eight(b);
	memcpy(to, &a, 8);
	memcpy(to + 8, &b, 8);
	return true;
}

static inline char
fold_ascii(char c)
{
	return (char)(c + ((c >= 'A' && c <= 'Z') << 5));
}

/* One character above ASCII; returns how many octets it took of in. */
static size_t
fold_char(struct str in, char *to, size_t *n)
{
	utf8proc_int32_t c, folded[18];
	utf8proc_ssize_t used, count;
	int boundary = 0;

	used = utf8proc_iterate((const utf8proc_uint8_t *)in.p, (utf8proc_ssize_t)in.n, &c);
	if (used <= 0) {
		used = 1;
		c = 0xfffd;
	}
	count = utf8proc_decompose_char(
	    c, folded, 18, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD, &boundary);
	for (utf8proc_ssize_t i = 0; i < count && i < 18; i++)
		*n += (size_t)utf8proc_encode_char(folded[i], (utf8proc_uint8_t *)to + *n);
	return (size_t)used;
}

/* Folds from the front of *in until it is empty or room octets might not do. Returns the octets
 * written. */
static size_t
fold(struct str *in, char *to, size_t room)
{
	size_t n = 0, i = 0;

	while (i < in->n && room - n >= CHAR_ROOM) {
		if (in->n - i >= BLOCK && fold_block(in->p + i, to + n)) {
			n += BLOCK;
			i += BLOCK;
		} else if ((unsigned char)in->p[i] < 128) {
			to[n++] = fold_ascii(in->p[i++]);
		} else {
			i += fold_char(str_from(*in, i), to, &n);
		}
	}
	*in = str_from(*in, i);
	return n;
}

int
needle_init(struct needle *nd, struct str utf8, struct arena *a)
{
	char *to;
	size_t n;

	*nd = (struct needle){.folded = STR("")};
	if (utf8.n > NEEDLE_MAX || !str_is_utf8(utf8))
		return -1;
	to = arena_alloc(a, WINDOW);
	n = fold(&utf8, to, WINDOW);
	if (utf8.n > 0 || n > WINDOW / 2)
		return -1;
	nd->folded = str_of(to, n);
	return 0;
}

bool
needle_in(const struct needle *nd, struct str hay)
{
	/* Clearing it would take longer than most searches in a field. */
	char window[WINDOW] __attribute__((uninitialized));
	size_t held = 0, keep = nd->folded.n > 0 ? nd->folded.n - 1 : 0;

	if (nd->folded.n == 0)
		return true;
	while (hay.n > 0) {
		held += fold(&hay, window + held, WINDOW - held);
		if (memmem(window, held, nd->folded.p, nd->folded.n) != NULL)
			return true;
		if (held > keep) {
			memmove(window, window + held - keep, keep);
			held = keep;
		}
	}
	return false;
}

static bool
needs_decoding(struct str value)
{
	return str_chr(value, '\n') < value.n || str_find(value, STR("=?")) < value.n ||
	       !str_is_ascii(value);
}

bool
needle_in_header(const struct needle *nd, struct str value, struct buf *scratch)
{
	if (!needs_decoding(value))
		return needle_in(nd, value);
	buf_reset(scratch);
	rfc2047_decode(value, scratch);
	return needle_in(nd, buf_view(scratch));
}

int
needle_fold_header(struct str value, struct buf *scratch, char *to, size_t room, size_t *n)
{
	if (needs_decoding(value)) {
		buf_reset(scratch);
		rfc2047_decode(value, scratch);
		if (scratch->over)
			return -1;
		value = buf_view(scratch);
	}
	*n = fold(&value, to, room);
	return value.n == 0 ? 0 : -1;
}

bool
needle_in_folded(const struct needle *nd, struct str folded)
{
	return nd->folded.n == 0 ||
	       (folded.n > 0 && memmem(folded.p, folded.n, nd->folded.p, nd->folded.n) != NULL);
}

/* All fields of a header, each as "Name: value" with the value decoded. */
static bool
in_fields(const struct needle *nd, struct str header, struct buf *scratch)
{
	struct header_field f;

	while (header_next(&header, &f)) {
		struct str line = str_trim(f.raw);

		if (!needs_decoding(line)) {
			if (needle_in(nd, line))
				return true;
			continue;
		}
		buf_reset(scratch);
		buf_str(scratch, f.name);
		buf_puts(scratch, ": ");
		rfc2047_decode(f.value, scratch);
		if (needle_in(nd, buf_view(scratch)))
			return true;
	}
	return false;
}

/* Text that can be searched as it is stored needs no copy: ASCII and UTF-8 without an encoding. */
static bool
in_text(
    const struct needle *nd, const struct mime_part *part, struct str message, struct buf *scratch)
{
	struct str charset = rfc2231_get(&part->params, STR("charset"));
	bool direct =
	    charset.n == 0 || str_ieq(charset, STR("us-ascii")) || str_ieq(charset, STR("utf-8"));

	if (direct && part->encoding != MIME_QP && part->encoding != MIME_BASE64)
		return needle_in(nd, mime_octets(message, part->body));
	buf_reset(scratch);
	decode_text(part, message, scratch);
	return needle_in(nd, buf_view(scratch));
}

static bool
in_part(const struct needle *nd, const struct mime_part *part, struct str message, bool header,
    struct buf *scratch)
{
	if (header && in_fields(nd, mime_octets(message, part->header), scratch))
		return true;
	if (part->kind == MIME_LEAF && str_ieq(part->type, STR("text")))
		return in_text(nd, part, message, scratch);
	for (const struct mime_part *c = part->child; c != NULL; c = c->next)
		if (in_part(nd, c, message, true, scratch))
			return true;
	return false;
}

bool
needle_in_message(const struct needle *nd, const struct mime_part *root, struct str message,
    bool headers, struct buf *scratch)
{
	return nd->folded.n == 0 || in_part(nd, root, message, headers, scratch);
}
