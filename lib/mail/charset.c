/*
 * charset.c - text of any charset to UTF-8.
 *
 * Charsets of one octet a character become tables at the start; only the others keep a converter of
 * iconv, each of which is a library in every process that is forked later. Converters keep state
 * only within one call. Names are looked up as mail has them: browsers' habits (WHATWG Encoding)
 * decide where a name is used for more than it says, as with gb2312.
 */
#include "mail/charset.h"

#include <errno.h>
#include <iconv.h>

#include "base/mem.h"
#include "base/num.h"

#define REPLACEMENT      "\xef\xbf\xbd" /* U+FFFD */
#define CHARSET_NAME_MAX 40u

static const struct {
	const char *name, *iconv_name;
} aliases[] = {{"gb2312", "gb18030"}, {"gbk", "gb18030"}, {"x-gbk", "gb18030"},
    {"cp936", "gb18030"}, {"ks_c_5601-1987", "cp949"}, {"euc-kr", "cp949"}, {"ks_c_5601", "cp949"},
    {"iso-8859-9", "windows-1254"}, {"shift-jis", "cp932"}, {"shift_jis", "cp932"},
    {"sjis", "cp932"}, {"x-sjis", "cp932"}, {"windows-31j", "cp932"},
    {"iso-8859-11", "windows-874"}, {"tis-620", "windows-874"}, {"iso-8859-8-i", "iso-8859-8"},
    {"iso-8859-8-e", "iso-8859-8"}, {"iso-8859-6-i", "iso-8859-6"}, {"x-mac-roman", "macintosh"},
    {"big5", "big5-hkscs"}, {"x-euc-jp", "euc-jp"}, {"utf-16", "utf-16"},
    {"unicode-1-1-utf-7", "utf-7"}, {"iso-2022-jp", "iso-2022-jp-2"}};

static struct converter {
	const char *name;
	iconv_t cd;
	bool open;
} converters[] = {{.name = "iso-2022-jp-2"}, {.name = "cp932"}, {.name = "euc-jp"},
    {.name = "gb18030"}, {.name = "big5-hkscs"}, {.name = "cp949"}, {.name = "iso-2022-kr"},
    {.name = "utf-7"}, {.name = "utf-16"}, {.name = "utf-16le"}, {.name = "utf-16be"}};

static struct table {
	const char *name;
	bool ready;
	uint16_t high[128]; /* of the octets above 127; 0: not assigned */
} tables[] = {{.name = "iso-8859-2"}, {.name = "iso-8859-3"}, {.name = "iso-8859-4"},
    {.name = "iso-8859-5"}, {.name = "iso-8859-6"}, {.name = "iso-8859-7"}, {.name = "iso-8859-8"},
    {.name = "iso-8859-10"}, {.name = "iso-8859-13"}, {.name = "iso-8859-14"},
    {.name = "iso-8859-15"}, {.name = "iso-8859-16"}, {.name = "windows-1250"},
    {.name = "windows-1251"}, {.name = "windows-1253"}, {.name = "windows-1254"},
    {.name = "windows-1255"}, {.name = "windows-1256"}, {.name = "windows-1257"},
    {.name = "windows-1258"}, {.name = "windows-874"}, {.name = "koi8-r"}, {.name = "koi8-u"},
    {.name = "macintosh"}, {.name = "ibm437"}, {.name = "ibm850"}, {.name = "ibm852"},
    {.name = "ibm866"}};

/* windows-1252 above 0x7f where it differs from ISO 8859-1; 0: not assigned. */
static const unsigned short cp1252[32] = {0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178};

/* What one octet is; 0 for nothing. */
static uint16_t
character(iconv_t cd, char octet)
{
	char *from = &octet, ucs4[8], *to = ucs4;
	size_t left = 1, room = sizeof(ucs4);

	iconv(cd, NULL, NULL, NULL, NULL);
	/* The second call is for charsets that wait for a combining character. */
	if (iconv(cd, &from, &left, &to, &room) == (size_t)-1 ||
	    iconv(cd, NULL, NULL, &to, &room) == (size_t)-1)
		return 0;
	return sizeof(ucs4) - room == 4 ? (uint16_t)num_get_u32(ucs4) : 0;
}

static void
fill_table(struct table *t)
{
	iconv_t cd = iconv_open("UCS-4BE", t->name);

	if (cd == (iconv_t)-1)
		return;
	for (unsigned c = 0; c < 128; c++)
		t->high[c] = character(cd, (char)(128 + c));
	t->ready = true;
	iconv_close(cd);
}

void
charset_init(void)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		if (!tables[i].ready)
			fill_table(&tables[i]);
	for (size_t i = 0; i < ARRAY_LEN(converters); i++) {
		struct converter *c = &converters[i];

		if (c->open)
			continue;
		c->cd = iconv_open("UTF-8", c->name);
		c->open = c->cd != (iconv_t)-1;
	}
}

/* ---- names
 * --------------------------------------------------------------------------------------------------------
 */

enum kind {
	KIND_NONE,
	KIND_UTF8, /* and us-ascii: its 8-bit octets are most often UTF-8 */
	KIND_1252,
	KIND_TABLE,
	KIND_ICONV
};

struct charset {
	enum kind kind;
	const struct table *table;
	struct converter *converter;
};

static bool
is_any(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static struct charset
find_other(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (strcmp(name, aliases[i].name) == 0) {
			name = aliases[i].iconv_name;
			break;
		}
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		if (strcmp(name, tables[i].name) == 0 && tables[i].ready)
			return (struct charset){.kind = KIND_TABLE, .table = &tables[i]};
	for (size_t i = 0; i < ARRAY_LEN(converters); i++)
		if (strcmp(name, converters[i].name) == 0 && converters[i].open)
			return (struct charset){.kind = KIND_ICONV, .converter = &converters[i]};
	return (struct charset){.kind = KIND_NONE};
}

/* "cp1251", "iso8859_2", "ISO_8859-1:1987" as they are known: lower case, the usual dashes. */
static void
normalize(struct str in, char out[CHARSET_NAME_MAX + 8])
{
	char name[CHARSET_NAME_MAX];
	size_t n;

	in = str_trim(in);
	in.n = str_chr(in, '*'); /* RFC 2231 5: a language may follow */
	in.n = str_chr(in, ':');
	if (in.n >= CHARSET_NAME_MAX || str_cz(in, name, sizeof(name)) < 0)
		name[0] = '\0';
	n = strlen(name);
	str_lower(str_of(name, n), name);
	for (size_t i = 0; i < n; i++)
		if (name[i] == '_' && strncmp(name, "iso", 3) == 0 &&
		    strncmp(name, "iso-2022", 8) != 0)
			name[i] = '-';
	if (strncmp(name, "cp125", 5) == 0)
		snprintf(out, CHARSET_NAME_MAX + 8, "windows-%s", name + 2);
	else if (strncmp(name, "iso8859", 7) == 0)
		snprintf(
		    out, CHARSET_NAME_MAX + 8, "iso-8859%s%s", name[7] == '-' ? "" : "-", name + 7);
	else
		snprintf(out, CHARSET_NAME_MAX + 8, "%s", name);
}

static struct charset
find(struct str charset)
{
	static const char *const utf8[] = {
	    "", "utf-8", "utf8", "us-ascii", "ascii", "ansi-x3.4-1968", "646"};
	static const char *const latin1[] = {
	    "iso-8859-1", "latin1", "windows-1252", "l1", "iso-ir-100"};
	char name[CHARSET_NAME_MAX + 8];

	normalize(charset, name);
	if (name[0] == '\0' && charset.n > 0)
		return (struct charset){.kind = KIND_NONE};
	if (is_any(name, utf8, ARRAY_LEN(utf8)))
		return (struct charset){.kind = KIND_UTF8};
	if (is_any(name, latin1, ARRAY_LEN(latin1)))
		return (struct charset){.kind = KIND_1252};
	return find_other(name);
}

bool
charset_known(struct str name)
{
	return find(name).kind != KIND_NONE;
}

/* ---- converting
 * ---------------------------------------------------------------------------------------------------
 */

static void
put_utf8(unsigned c, struct buf *out)
{
	char s[3];

	if (c < 0x800) {
		s[0] = (char)(0xc0 | c >> 6);
		s[1] = (char)(0x80 | (c & 0x3f));
		buf_put(out, s, 2);
	} else {
		s[0] = (char)(0xe0 | c >> 12);
		s[1] = (char)(0x80 | (c >> 6 & 0x3f));
		s[2] = (char)(0x80 | (c & 0x3f));
		buf_put(out, s, 3);
	}
}

static size_t
ascii_run(struct str s)
{
	size_t n = 0;

	while (n < s.n && (unsigned char)s.p[n] < 128)
		n++;
	return n;
}

static unsigned
windows_1252(unsigned c)
{
	return c < 0xa0 ? cp1252[c - 0x80] : c;
}

/* NUL stays: it is ASCII. Without a table nothing above 127 is known. */
static void
by_octet(struct str in, struct buf *out, struct charset cs)
{
	while (in.n > 0 && !out->over) {
		size_t n = ascii_run(in);

		buf_put(out, in.p, n);
		in = str_from(in, n);
		if (in.n > 0) {
			unsigned octet = (unsigned char)in.p[0], c = 0;

			if (cs.kind == KIND_1252)
				c = windows_1252(octet);
			else if (cs.kind == KIND_TABLE)
				c = cs.table->high[octet - 128];
			if (c != 0)
				put_utf8(c, out);
			else
				buf_puts(out, REPLACEMENT);
			in = str_from(in, 1);
		}
	}
}

/* Length of the valid sequence that in begins with; 0 for none. */
static size_t
sequence(struct str in)
{
	for (size_t n = 2; n <= 4 && n <= in.n; n++)
		if (str_is_utf8(str_of(in.p, n)))
			return n;
	return 0;
}

static void
from_utf8(struct str in, struct buf *out)
{
	size_t n;

	while (in.n > 0 && !out->over) {
		n = ascii_run(in);
		if (n == 0)
			n = sequence(in);
		if (n > 0) {
			buf_put(out, in.p, n);
		} else {
			buf_puts(out, REPLACEMENT);
			n = 1;
		}
		in = str_from(in, n);
	}
}

static void
by_iconv(struct converter *c, struct str in, struct buf *out)
{
	char *from = (char *)(uintptr_t)in.p, piece[4096], *to;
	size_t left = in.n, room;
	int error;

	iconv(c->cd, NULL, NULL, NULL, NULL);
	while (left > 0 && !out->over) {
		to = piece;
		room = sizeof(piece);
		error = iconv(c->cd, &from, &left, &to, &room) == (size_t)-1 ? errno : 0;
		buf_put(out, piece, sizeof(piece) - room);
		if (error != 0 && error != E2BIG && left > 0) {
			buf_puts(out, REPLACEMENT);
			from++;
			left--;
			/* The shift state may be what was wrong. */
			iconv(c->cd, NULL, NULL, NULL, NULL);
		}
	}
}

void
charset_to_utf8(struct str name, struct str in, struct buf *out)
{
	struct charset cs = find(name);

	switch (cs.kind) {
	case KIND_UTF8:
		from_utf8(in, out);
		break;
	case KIND_ICONV:
		by_iconv(cs.converter, in, out);
		break;
	case KIND_1252:
	case KIND_TABLE:
	case KIND_NONE:
		by_octet(in, out, cs);
		break;
	}
}
