/* imap_structure_test.c - IMAP's forms of a message. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/imap_structure.h"

static void
string_is(void (*fn)(struct str, struct buf *), struct str in, const char *want)
{
	struct buf out;

	buf_init(&out, 100000);
	fn(in, &out);
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	buf_free(&out);
}

static void
test_strings(void **state)
{
	(void)state;
	string_is(imap_string, STR(""), "\"\"");
	string_is(imap_string, STR("a \"b\" \\c\t"), "\"a \\\"b\\\" \\\\c\t\"");
	string_is(imap_string, STR("a\r\nb"), "{4}\r\na\r\nb");
	string_is(imap_string, STR("caf\xc3\xa9"), "{5}\r\ncaf\xc3\xa9");
	string_is(imap_string, STR("a\0b"),
	    "{3}\r\na\x80"
	    "b");
	string_is(imap_string, STR("\x7f"), "{1}\r\n\x7f");
	string_is(imap_nstring, STR_NONE, "NIL");
	string_is(imap_nstring, STR(""), "\"\"");
	string_is(imap_astring, STR("INBOX"), "INBOX");
	string_is(imap_astring, STR("a]b/c.d"), "a]b/c.d");
	string_is(imap_astring, STR(""), "\"\"");
	string_is(imap_astring, STR("nil"), "\"nil\"");
	string_is(imap_astring, STR("a b"), "\"a b\"");
	string_is(imap_astring, STR("a%"), "\"a%\"");
}

static void
test_envelope(void **state)
{
	(void)state;
	string_is(imap_envelope, STR(""), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
	string_is(imap_envelope,
	    STR("Date: Mon, 7 Feb 1994\r\n 21:52:25 -0800 (PST)\r\nFrom: Fred "
		"<fred@x.test>\r\nSubject: afternoon\r\n"
		"To: a@b, \"C, D\" <c@d>\r\nMessage-Id: <B27397@x.test>\r\nIn-Reply-To: "
		"<1@y>\r\nSubject: second\r\n\r\n"),
	    "(\"Mon, 7 Feb 1994 21:52:25 -0800 (PST)\" \"afternoon\" ((\"Fred\" NIL \"fred\" "
	    "\"x.test\")) "
	    "((\"Fred\" NIL \"fred\" \"x.test\")) ((\"Fred\" NIL \"fred\" \"x.test\")) "
	    "((NIL NIL \"a\" \"b\")(\"C, D\" NIL \"c\" \"d\")) NIL NIL \"<1@y>\" "
	    "\"<B27397@x.test>\")");
	/* Sender and Reply-To of their own, and empty; groups; To in two fields */
	string_is(imap_envelope,
	    STR("From: a@b\nSender: s@b\nReply-To: \nTo: G: c@d;\nSubject:\nTo: e@f\n\n"),
	    "(NIL \"\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"s\" \"b\")) ((NIL NIL \"a\" \"b\")) "
	    "((NIL NIL \"G\" NIL)(NIL NIL \"c\" \"d\")(NIL NIL NIL NIL)(NIL NIL \"e\" \"f\")) NIL "
	    "NIL NIL NIL)");
	string_is(imap_envelope, STR("Subject: caf\xc3\xa9\r\n\r\n"),
	    "(NIL {5}\r\ncaf\xc3\xa9 NIL NIL NIL NIL NIL NIL NIL NIL)");
}

static void
structure_is(struct str msg, bool extended, const char *want)
{
	struct arena a;
	struct buf out;

	arena_init(&a);
	buf_init(&out, 100000);
	imap_body(mime_parse(msg, &a), msg, extended, &out);
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	buf_free(&out);
	arena_free(&a);
}

static void
test_body(void **state)
{
	struct str plain = STR("A: b\r\n\r\nx\r\ny");
	struct str multi = STR("Content-Type: multipart/mixed; boundary=a\r\nContent-Language: en, "
			       "fr\r\n\r\n--a\r\n\r\nx\r\n"
			       "--a\r\nContent-Type: message/rfc822\r\nContent-Disposition: "
			       "inline\r\n\r\nSubject: s\r\n\r\nhi\r\n"
			       "--a\r\nContent-Type: Image/PNG; "
			       "name*=utf-8''%C3%A9\r\nContent-Transfer-Encoding: BASE64\r\n"
			       "Content-ID: <i>\r\nContent-MD5: m\r\nContent-Disposition: "
			       "attachment; filename=f\r\n\r\neA==\r\n"
			       "--a--\r\n");

	(void)state;
	structure_is(
	    plain, false, "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 2)");
	structure_is(plain, true,
	    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 2 NIL NIL NIL NIL)");
	structure_is(multi, false,
	    "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 1)"
	    "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 (NIL \"s\" NIL NIL NIL NIL NIL NIL "
	    "NIL NIL) "
	    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 2 1) 3)"
	    "(\"Image\" \"PNG\" (\"name*\" \"utf-8''%C3%A9\") \"<i>\" NIL \"BASE64\" 4) "
	    "\"mixed\")");
	structure_is(multi, true,
	    "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 1 NIL NIL NIL NIL)"
	    "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 (NIL \"s\" NIL NIL NIL NIL NIL NIL "
	    "NIL NIL) "
	    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 2 1 NIL NIL NIL NIL) "
	    "3 NIL (\"inline\" NIL) NIL NIL)"
	    "(\"Image\" \"PNG\" (\"name*\" \"utf-8''%C3%A9\") \"<i>\" NIL \"BASE64\" 4 \"m\" "
	    "(\"attachment\" (\"filename\" \"f\")) NIL NIL) \"mixed\" (\"boundary\" \"a\") NIL "
	    "(\"en\" \"fr\") NIL)");
}

/* Parts as many and fields as large as they may be: still no more than is promised. */
static void
test_bounds(void **state)
{
	static char field[65000];
	struct buf msg, out;
	struct arena a;

	(void)state;
	arena_init(&a);
	buf_init(&msg, 512u << 20);
	buf_init(&out, IMAP_STRUCTURE_MAX);
	memset(field, 'x', sizeof(field));
	buf_puts(&msg, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (size_t i = 0; i < MIME_PARTS_MAX / 2; i++) {
		size_t n = i < 300 ? sizeof(field) : 120;

		buf_puts(&msg, "--b\r\nContent-Type: message/rfc822\r\nContent-Description: ");
		buf_put(&msg, field, n);
		buf_puts(&msg, "\r\n\r\nContent-Type: ");
		buf_put(&msg, field, n);
		buf_puts(&msg, "/y\r\nContent-Transfer-Encoding: ");
		buf_put(&msg, field, n);
		buf_puts(&msg, "\r\nFrom: ");
		for (size_t k = 0; k < n; k += 4)
			buf_puts(&msg, "a@b,");
		buf_puts(&msg, "\r\n\r\nx\r\n");
	}
	imap_body(mime_parse(buf_view(&msg), &a), buf_view(&msg), true, &out);
	assert_false(out.over);
	assert_int_equal(out.p[out.n - 1], ')');
	buf_free(&out);
	buf_free(&msg);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_strings),
	    cmocka_unit_test(test_envelope), cmocka_unit_test(test_body),
	    cmocka_unit_test(test_bounds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
