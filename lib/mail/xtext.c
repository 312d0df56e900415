/* xtext.c - see xtext.h. */
#include "mail/xtext.h"

#include "base/num.h"

/* "+2B" at s[at]: its octet; -1 where there is none. */
static int
escaped(struct str s, size_t at)
{
	int octet = s.p[at] == '+' ? num_hex_octet(s, at + 1) : -1;

	if (octet < 0 || s.p[at + 1] >= 'a' || s.p[at + 2] >= 'a')
		return -1;
	return octet;
}

bool
xtext_valid(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (escaped(s, i) >= 0)
			i += 2;
		else if (c <= ' ' || c == 127 || c == '=' || c == '+')
			return false;
	}
	return str_is_ascii(s) || str_is_utf8(s);
}

void
xtext_encode(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != '+' && s.p[i] != '=')
			buf_putc(out, s.p[i]);
		else
			buf_printf(out, "+%02X", (unsigned char)s.p[i]);
	}
}

void
xtext_decode(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int octet = escaped(s, i);

		buf_putc(out, octet >= 0 ? (char)octet : s.p[i]);
		i += octet >= 0 ? 2 : 0;
	}
}
