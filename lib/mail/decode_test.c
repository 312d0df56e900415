/* decode_test.c - transfer encodings, message ids, and looking for text. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/charset.h"
#include "mail/decode.h"
#include "mail/msgid.h"
#include "mail/needle.h"

static void
decodes(void (*fn)(struct str, struct buf *), const char *in, const char *want)
{
	struct buf out;

	buf_init(&out, 100000);
	fn(str_z(in), &out);
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	buf_free(&out);
}

static void
test_base64(void **state)
{
	(void)state;
	decodes(decode_base64, "", "");
	decodes(decode_base64, "eA==", "x");
	decodes(decode_base64, "eHk=", "xy");
	decodes(decode_base64, "eHl6", "xyz");
	decodes(decode_base64, "eHl6eHl6eHl6", "xyzxyzxyz");
	decodes(decode_base64, "eHl\r\n6eH\r\nl6", "xyzxyz");
	decodes(decode_base64, "eHl6eHk", "xyzxy");
	decodes(decode_base64, "e!H*l 6", "xyz");
	decodes(decode_base64, "eA==eQ==", "xy");
	decodes(decode_base64, "e", "");
	decodes(decode_base64, "=", "");
}

static void
test_qp(void **state)
{
	(void)state;
	decodes(decode_qp, "", "");
	decodes(decode_qp, "a=3Db", "a=b");
	decodes(decode_qp, "caf=c3=A9", "caf\xc3\xa9");
	decodes(decode_qp, "soft=\r\nbreak=\nagain", "softbreakagain");
	decodes(decode_qp, "soft= \t\r\nbreak", "softbreak");
	decodes(decode_qp, "trailing  \r\nblank\t\n", "trailing\r\nblank\n");
	decodes(decode_qp, "keep=20\r\n", "keep \r\n");
	decodes(decode_qp, "bad=zz=4", "bad=zz=4");
	decodes(decode_qp, "end=", "end");
}

static void
test_part(void **state)
{
	struct str msg = STR("Content-Type: text/plain; charset=iso-8859-1\r\n"
			     "Content-Transfer-Encoding: quoted-printable\r\n\r\nna=EFve");
	struct arena a;
	struct buf out;

	(void)state;
	arena_init(&a);
	buf_init(&out, 1000);
	decode_text(mime_parse(msg, &a), msg, &out);
	buf_putc(&out, '\0');
	assert_string_equal(out.p, "na\xc3\xafve");
	buf_free(&out);
	arena_free(&a);
}

static void
ids_are(const char *in, const char *want)
{
	struct msgid_list l;
	struct arena a;
	struct buf out;

	arena_init(&a);
	buf_init(&out, 1000);
	msgid_parse(str_z(in), &a, &l);
	for (size_t i = 0; i < l.n; i++)
		buf_printf(&out, "%s" STR_FMT, i > 0 ? "," : "", STR_ARG(l.v[i]));
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	buf_free(&out);
	arena_free(&a);
}

static void
test_message_ids(void **state)
{
	(void)state;
	ids_are("", "");
	ids_are(" <a@b> ", "a@b");
	ids_are("<a@b>\r\n <c@d>junk<e@f>", "a@b,c@d,e@f");
	ids_are("<a (c) @ b>", "a@b");
	ids_are("<\"a (b)\"@c>", "\"a (b)\"@c");
	ids_are("a@b", "a@b");
	ids_are("<>", "");
	ids_are("<a@b", "");
	ids_are("<x <a@b>", "a@b");
}

static bool
found(const char *needle, const char *hay)
{
	struct needle nd;
	struct arena a;
	bool rc;

	arena_init(&a);
	assert_int_equal(needle_init(&nd, str_z(needle), &a), 0);
	rc = needle_in(&nd, str_z(hay));
	arena_free(&a);
	return rc;
}

static void
test_needles(void **state)
{
	(void)state;
	assert_true(found("", ""));
	assert_true(found("", "x"));
	assert_false(found("x", ""));
	assert_true(found("HeLLo", "say hello there, a long line of text"));
	assert_false(found("hello", "say hell o there, a long line of text"));
	assert_true(found("CAF\xc3\x89", "un caf\xc3\xa9 noir"));
	assert_true(found("caf\xc3\xa9", "un CAFE\xcc\x81 noir")); /* the same, decomposed */
	assert_true(found("strasse", "Hauptstra\xc3\x9f"
				     "e 1"));
	assert_true(
	    found("\xd0\x9f\xd0\xa0\xd0\x98", "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"));
	assert_true(found("fi", "\xef\xac\x81"
				"le")); /* the ligature */
	assert_false(found("\xef\xbf\xbe", "\xff\xfe"));
	assert_true(found("b", "\xff\xfe"
			       "b"));
}

/* Every character of ASCII in each place of a block folds to what it is without regard to case, and
 * to nothing else. */
static void
test_ascii_by_blocks(void **state)
{
	char hay[33], needle[2] = {0};

	(void)state;
	for (int c = 1; c < 128; c++)
		for (int n = 1; n < 128; n++)
			for (size_t at = 0; at < 32; at += 5) {
				memset(hay, n == 1 ? 2 : 1, 32);
				hay[32] = '\0';
				hay[at] = (char)c;
				needle[0] = (char)n;
				if (found(needle, hay) != (to_lower((char)c) == to_lower((char)n)))
					fail_msg("%d in a block with %d at %zu", n, c, at);
			}
}

/* Wherever in a text of several windows it stands, it is found. */
static void
test_every_offset(void **state)
{
	static char hay[40000];

	(void)state;
	for (size_t i = 0; i < 36000; i += i < 300 || (i > 15800 && i < 17000) ? 1 : 997) {
		memset(hay, 'a', sizeof(hay) - 1);
		memcpy(hay + i, "NEEDLE\xc3\x89", 8);
		if (!found("needle\xc3\xa9", hay))
			fail_msg("not found at %zu", i);
		hay[i + 3] = 'x';
		assert_false(found("needle\xc3\xa9", hay));
	}
}

static void
test_needle_limits(void **state)
{
	char text[NEEDLE_MAX + 1];
	struct needle nd;
	struct arena a;

	(void)state;
	arena_init(&a);
	memset(text, 'a', sizeof(text));
	assert_int_equal(needle_init(&nd, str_of(text, NEEDLE_MAX), &a), 0);
	assert_int_equal(needle_init(&nd, str_of(text, NEEDLE_MAX + 1), &a), -1);
	assert_int_equal(needle_init(&nd, STR("\xff"), &a), -1);
	arena_free(&a);
}

static void
test_in_message(void **state)
{
	static const struct {
		const char *what;
		bool body, text;
	} cases[] = {{"caf\xc3\xa9", true, true}, {"t\xc3\xa9st subject", false, true},
	    {"subject: t\xc3\xa9st", false, true}, {"inner subject", true, true},
	    {"inside", true, true}, {"secret.png", true, true}, {"hidden", false, false},
	    {"aGlkZGVu", false, false}, {"preamble", false, false}};
	struct str msg =
	    STR("Subject: =?utf-8?q?T=C3=A9st?=\r\n subject\r\nContent-Type: multipart/mixed; "
		"boundary=b\r\n\r\npreamble\r\n"
		"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: "
		"quoted-printable\r\n\r\ncaf=\r\n=C3=A9\r\n"
		"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n "
		"subject\r\n\r\nINSIDE\r\n"
		"--b\r\nContent-Type: image/png; name=secret.png\r\nContent-Transfer-Encoding: "
		"base64\r\n\r\naGlkZGVu\r\n--b--\r\n");
	struct mime_part *root;
	struct needle nd;
	struct arena a;
	struct buf scratch;

	(void)state;
	arena_init(&a);
	buf_init(&scratch, 1 << 20);
	root = mime_parse(msg, &a);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(needle_init(&nd, str_z(cases[i].what), &a), 0);
		if (needle_in_message(&nd, root, msg, false, &scratch) != cases[i].body ||
		    needle_in_message(&nd, root, msg, true, &scratch) != cases[i].text)
			fail_msg("%s", cases[i].what);
	}
	assert_int_equal(needle_init(&nd, STR("\xc3\x89st s"), &a), 0);
	assert_true(needle_in_header(&nd, STR(" =?utf-8?q?T=C3=A9st?=\r\n subject"), &scratch));
	assert_false(needle_in_header(&nd, STR(" plain"), &scratch));
	buf_free(&scratch);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_base64), cmocka_unit_test(test_qp),
	    cmocka_unit_test(test_part), cmocka_unit_test(test_message_ids),
	    cmocka_unit_test(test_needles), cmocka_unit_test(test_ascii_by_blocks),
	    cmocka_unit_test(test_every_offset), cmocka_unit_test(test_needle_limits),
	    cmocka_unit_test(test_in_message)};

	charset_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
