/*
 * visible.c - see visible.h.
 */
#include "mail/visible.h"

#include <utf8proc.h>

/* What is to be put in place of a character; -1: nothing. */
static utf8proc_int32_t
shown(utf8proc_int32_t c)
{
	if (c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f))
		return c;
	/* Fillers of Hangul and Khmer's inherent vowels are letters or marks that show nothing; so
	 * does the blank of Braille. */
	if (c == 0x115f || c == 0x1160 || c == 0x3164 || c == 0xffa0 || c == 0x17b4 ||
	    c == 0x17b5 || c == 0x2800)
		return -1;
	if (utf8proc_get_property(c)->ignorable)
		return -1;
	switch ((int)utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return '\n';
	case UTF8PROC_CATEGORY_ZS:
		return ' ';
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CO:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_CN:
		return -1;
	default:
		return c;
	}
}

size_t
visible_text(struct str s, size_t max, struct buf *out)
{
	size_t left_out = 0, end = out->n + max;

	while (s.n > 0) {
		utf8proc_uint8_t text[4];
		utf8proc_int32_t c = 0;
		utf8proc_ssize_t n =
		    utf8proc_iterate((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &c);

		c = n > 0 ? shown(c) : 0xfffd;
		s = str_from(s, n > 0 ? (size_t)n : 1);
		if (c < 0) {
			left_out++;
			continue;
		}
		n = utf8proc_encode_char(c, text);
		if (out->n + (size_t)n > end || buf_put(out, text, (size_t)n) < 0)
			break;
	}
	return left_out;
}
