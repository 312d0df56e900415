/* rfc2047_test.c - encoded words, both ways, and charsets. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/charset.h"
#include "mail/compose.h"
#include "mail/rfc2047.h"

static void
decodes(const char *in, const char *want)
{
	struct buf out;

	buf_init(&out, 100000);
	rfc2047_decode(str_z(in), &out);
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	buf_free(&out);
}

static void
test_decode(void **state)
{
	(void)state;
	decodes("", "");
	decodes("  plain text ", "plain text");
	decodes("=?utf-8?q?caf=C3=A9_x?=", "caf\xc3\xa9 x");
	decodes("=?UTF-8?B?w6k=?= b", "\xc3\xa9 b");
	decodes("a =?iso-8859-1?Q?=E9?= =?iso-8859-1?Q?=E8?= b", "a \xc3\xa9\xc3\xa8 b");
	decodes("=?iso-8859-1?Q?a?=\r\n =?utf-8?Q?b?=", "ab");
	decodes("=?iso-8859-1?Q?a?= b =?utf-8?Q?c?=", "a b c");
	/* a character cut in two */
	decodes("=?utf-8?B?ww==?= =?utf-8?B?qQ==?=", "\xc3\xa9");
	decodes("=?utf-8?q?=C3?=\r\n\t=?UTF-8?q?=A9?=", "\xc3\xa9");
	decodes("=?us-ascii*en?q?lang?=", "lang");
	decodes("x=?utf-8?q?y?=z", "xyz");
	decodes("=?utf-8?q?\?=", "");
	decodes("=?utf-8?q?a b?=", "a b");
	/* no words */
	decodes("=?", "=?");
	decodes("=?utf-8", "=?utf-8");
	decodes("=?utf-8?q?abc", "=?utf-8?q?abc");
	decodes("=?utf-8?x?abc?=", "=?utf-8?x?abc?=");
	decodes("=??q?abc?=", "=??q?abc?=");
	decodes("=?utf-8?q=?utf-8?q?b?=", "=?utf-8?qb");
	decodes("=?utf-8?q?=C?=", "=C");
	/* raw octets */
	decodes("caf\xc3\xa9", "caf\xc3\xa9");
	decodes("caf\xe9 \x80", "caf\xc3\xa9 \xe2\x82\xac");
	decodes("a\r\n b\r\n\tc", "a b\tc");
	/* unknown charset, wrong octets */
	decodes("=?x-none?q?a=E9b?=", "a\xef\xbf\xbd"
				      "b");
	decodes("=?utf-8?q?a=E9b?=", "a\xef\xbf\xbd"
				     "b");
}

static void
test_charsets(void **state)
{
	static const struct {
		const char *name, *in, *want;
	} cases[] = {
	    {"utf-8", "a\xc3\xa9", "a\xc3\xa9"},
	    {"UTF8", "\xe2\x82\xac", "\xe2\x82\xac"},
	    {"us-ascii", "\xc3\xa9", "\xc3\xa9"},
	    {"latin1", "\xe9\x93", "\xc3\xa9\xe2\x80\x9c"},
	    {"ISO_8859-15", "\xa4", "\xe2\x82\xac"},
	    {"iso8859-2", "\xb1", "\xc4\x85"},
	    {"cp1251", "\xcf", "\xd0\x9f"},
	    {"\"koi8-r\"", "a", "a"},
	    {"koi8-r", "\xf0", "\xd0\x9f"},
	    {"iso-2022-jp", "\x1b$BF|\x1b(B", "\xe6\x97\xa5"},
	    {"Shift_JIS", "\x93\xfa", "\xe6\x97\xa5"},
	    {"euc-jp", "\xc6\xfc", "\xe6\x97\xa5"},
	    {"gb2312", "\xc8\xd5", "\xe6\x97\xa5"},
	    {"big5", "\xa4\xe9", "\xe6\x97\xa5"},
	    {"ks_c_5601-1987", "\xc0\xcf", "\xec\x9d\xbc"},
	    {"utf-7", "+AOk-", "\xc3\xa9"},
	    {"utf-16be", "\x20\xac", "\xe2\x82\xac"},
	    {"iso-8859-1:1987", "\xe9", "\xc3\xa9"},
	    /* wrong and cut octets */
	    {"utf-8", "\xc3", "\xef\xbf\xbd"},
	    {"utf-8", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"shift_jis", "a\x93", "a\xef\xbf\xbd"},
	    {"euc-jp",
		"\xff"
		"a",
		"\xef\xbf\xbd"
		"a"},
	    {"none", "a\xff", "a\xef\xbf\xbd"},
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&out);
		charset_to_utf8(str_z(cases[i].name), str_z(cases[i].in), &out);
		buf_putc(&out, '\0');
		if (strcmp(out.p, cases[i].want) != 0)
			fail_msg("%s: \"%s\", want \"%s\"", cases[i].name, out.p, cases[i].want);
	}
	assert_true(charset_known(STR("windows-1252")) && charset_known(STR("")) &&
		    charset_known(STR("GBK")));
	assert_false(charset_known(STR("x-none")) || charset_known(STR("a\0b")));
	buf_free(&out);
}

static void
encodes(const char *in, bool phrase, const char *want)
{
	struct buf out, back;

	buf_init(&out, 100000);
	buf_init(&back, 100000);
	rfc2047_encode(str_z(in), phrase, &out);
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	rfc2047_decode(str_z(out.p), &back);
	buf_putc(&back, '\0');
	assert_string_equal(back.p, in);
	buf_free(&back);
	buf_free(&out);
}

static void
test_encode(void **state)
{
	(void)state;
	encodes("plain (text)", false, "plain (text)");
	encodes("plain text", true, "plain text");
	encodes("Doe, John", true, "=?utf-8?q?Doe=2C_John?=");
	encodes("caf\xc3\xa9", false, "=?utf-8?q?caf=C3=A9?=");
	encodes("=?utf-8?q?x?=", false, "=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=");
	/* 75 octets a word, characters whole */
	encodes("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
		"\xac\xe2\x82\xac",
	    false,
	    "=?utf-8?q?=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC?= "
	    "=?utf-8?q?=E2=82=AC?=");
}

static void
composes(void (*fn)(struct buf *, const char *, struct str), const char *value, const char *want)
{
	struct buf out;

	buf_init(&out, 100000);
	fn(&out, "Subject", str_z(value));
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	buf_free(&out);
}

static void
test_compose(void **state)
{
	char boundary[40];
	struct buf out;

	(void)state;
	composes(compose_text, "hello", "Subject: hello\r\n");
	composes(compose_text, "", "Subject: \r\n");
	composes(compose_text, "a\r\nBcc: x@y", "Subject: a  Bcc: x@y\r\n");
	composes(compose_text, "\xc3\xa9", "Subject: =?utf-8?q?=C3=A9?=\r\n");
	composes(compose_raw,
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb "
	    "ccccccccccccc",
	    "Subject: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n "
	    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccc\r\n");
	buf_init(&out, 1000);
	compose_address(&out, "From", STR("Mail, System"), STR("a@b"));
	compose_address(&out, "To", STR(""), STR("a@b\r\nX: y"));
	compose_lines(&out, STR("one\ntwo\r\nthree"));
	buf_putc(&out, '\0');
	assert_string_equal(
	    out.p, "From: \"Mail, System\" <a@b>\r\nTo: <a@b  X: y>\r\none\r\ntwo\r\nthree\r\n");
	buf_free(&out);
	compose_boundary(STR("01hx7h5k2mabcdefghjk"), 1, boundary);
	assert_string_equal(boundary, "=_1-01hx7h5k2mabcdefghjk");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_decode),
	    cmocka_unit_test(test_charsets), cmocka_unit_test(test_encode),
	    cmocka_unit_test(test_compose)};

	charset_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
