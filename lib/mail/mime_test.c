/* mime_test.c - the structure of messages, by exact octets. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/mime.h"

static struct arena arena;

/* A tree as text: "type/subtype{header|body}lines(children)", the octets as they are. */
static void
put(const struct mime_part *p, struct str msg, struct buf *out)
{
	buf_printf(out, STR_FMT "/" STR_FMT, STR_ARG(p->type), STR_ARG(p->subtype));
	if (p->child == NULL) {
		buf_putc(out, '{');
		buf_str(out, mime_octets(msg, p->body));
		buf_printf(out, "}%zu", p->body_lines);
		return;
	}
	buf_putc(out, '(');
	for (const struct mime_part *c = p->child; c != NULL; c = c->next) {
		put(c, msg, out);
		if (c->next != NULL)
			buf_putc(out, ',');
	}
	buf_putc(out, ')');
}

/* With LF as it stands here, and with CRLF: the same tree, whose octets differ in their line ends
 * only. */
static void
check(const char *lf, const char *want)
{
	struct buf out, crlf, want_crlf;
	struct str msg = str_z(lf);

	buf_init(&out, 1 << 20);
	buf_init(&crlf, 1 << 20);
	buf_init(&want_crlf, 1 << 20);
	put(mime_parse(msg, &arena), msg, &out);
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	for (const char *p = lf; *p != '\0'; p++)
		buf_puts(&crlf, *p == '\n' ? "\r\n" : (char[]){*p, '\0'});
	for (const char *p = want; *p != '\0'; p++)
		buf_puts(&want_crlf, *p == '\n' ? "\r\n" : (char[]){*p, '\0'});
	buf_reset(&out);
	put(mime_parse(buf_view(&crlf), &arena), buf_view(&crlf), &out);
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want_crlf.p);
	buf_free(&want_crlf);
	buf_free(&crlf);
	buf_free(&out);
}

#define MULTI(b) "Content-Type: multipart/mixed; boundary=\"" b "\"\n\n"
#define HTML     "Content-Type: text/html\n\n"

static void
test_single(void **state)
{
	(void)state;
	check("", "text/plain{}0");
	check("\n", "text/plain{}0");
	check("A: b\n", "text/plain{}0");
	check("A: b\n\nx", "text/plain{x}1");
	check("A: b\n\nx\n", "text/plain{x\n}1");
	check("A: b\n\nx\n\n", "text/plain{x\n\n}2");
	check("Content-Type: image/png\n\nx", "image/png{x}1");
	check("content-TYPE : (c) Image (c) / (c) PNG (c); a=b\n\nx", "Image/PNG{x}1");
	check("Content-Type: text\n\nx", "text/plain{x}1");
	check("Content-Type: image/png\nContent-Type: text/html\n\nx", "image/png{x}1");
	/* RFC 2045 5.2: what is no type is plain text. */
	check("Content-Type: /x\n\nx", "text/plain{x}1");
	check("Content-Type: multipart/mixed\n\nx", "text/plain{x}1");
}

static void
test_multipart(void **state)
{
	(void)state;
	check(MULTI("b") "pre\n--b\n\none\n--b\n" HTML "two\n\n--b--\nepi\n--b\n",
	    "multipart/mixed(text/plain{one}1,text/html{two\n}1)");
	/* no close delimiter; a last line without an end */
	check(MULTI("b") "--b\n\none\n--b\n" HTML "two",
	    "multipart/mixed(text/plain{one}1,text/html{two}1)");
	/* parts without octets */
	check(MULTI("b") "--b\n--b\n\n--b\n\n\n--b--",
	    "multipart/mixed(text/plain{}0,text/plain{}0,text/plain{}0)");
	/* blanks behind a boundary (transport padding), and a line that only begins with it (RFC
	 * 2046 5.1.1) */
	check(MULTI("b") "--b \t\n\none\n--bc\n\ntwo\n--b-- x\nepi",
	    "multipart/mixed(text/plain{one}1,text/plain{two}1)");
	/* blanks at the end of the boundary itself count */
	check(MULTI("b ") "--b \n\none\n--b\ntwo\n--b --",
	    "multipart/mixed(text/plain{one\n--b\ntwo}3)");
	/* without parts it is text */
	check(MULTI("b") "only\n--x\n", "text/plain{only\n--x\n}2");
	check(MULTI("b"), "text/plain{}0");
	check(MULTI("b") "--b--\n", "text/plain{--b--\n}1");
}

static void
test_nested(void **state)
{
	(void)state;
	check(MULTI("a") "--a\n" MULTI("b") "--b\n\none\n--b--\nepi\n--a\n\ntwo\n--a--",
	    "multipart/mixed(multipart/mixed(text/plain{one}1),text/plain{two}1)");
	/* an inner part that is not closed ends with the outer one's delimiter */
	check(MULTI("a") "--a\n" MULTI("b") "--b\n\none\n--a\n\ntwo\n--a--",
	    "multipart/mixed(multipart/mixed(text/plain{one}1),text/plain{two}1)");
	/* one boundary begins the other */
	check(MULTI("a") "--a\n" MULTI("a-1") "--a-1\n\none\n--a-1--\n--a\n\ntwo\n--a--",
	    "multipart/mixed(multipart/mixed(text/plain{one}1),text/plain{two}1)");
	check(MULTI("a-1") "--a-1\n" MULTI("a") "--a\n\none\n--a--\n--a-1\n\ntwo\n--a-1--",
	    "multipart/mixed(multipart/mixed(text/plain{one}1),text/plain{two}1)");
	/* a delimiter inside a header ends it */
	check(MULTI("a") "--a\n" MULTI("b") "--b\nX: y\n--a\n\ntwo",
	    "multipart/mixed(multipart/mixed(text/plain{}0),text/plain{two}1)");
	/* an inner part that ends with its header: the empty line's end is the delimiter's */
	check(MULTI("a") "--a\n" MULTI("b") "--b\nX: y\n\n--a--",
	    "multipart/mixed(multipart/mixed(text/plain{}0))");
}

static void
test_messages(void **state)
{
	(void)state;
	check("Content-Type: message/rfc822\n\nA: b\n\nx\n", "message/rfc822(text/plain{x\n}1)");
	check("Content-Type: message/rfc822\n\n", "message/rfc822(text/plain{}0)");
	check("Content-Type: message/rfc822", "message/rfc822(text/plain{}0)");
	check("Content-Type: message/global\n\nA: b\n\nx\n", "message/global(text/plain{x\n}1)");
	check("Content-Type: message/partial\n\nA: b\n\nx\n", "message/partial{A: b\n\nx\n}3");
	check(MULTI("a") "--a\nContent-Type: message/rfc822\n\n" MULTI("b") "--b\n\none\n--a--\n",
	    "multipart/mixed(message/rfc822(multipart/mixed(text/plain{one}1)))");
	check(MULTI("a") "--a\nContent-Type: message/rfc822\n--a--\n",
	    "multipart/mixed(message/rfc822(text/plain{}0))");
	check(MULTI("a") "--a\nContent-Type: message/rfc822\n\nA: b\n--a--\n",
	    "multipart/mixed(message/rfc822(text/plain{}0))");
	/* RFC 2046 5.1.5 */
	check("Content-Type: multipart/digest; boundary=a\n\n--a\n\nA: b\n\nx\n--a\n" HTML
	      "y\n--a--\n",
	    "multipart/digest(message/rfc822(text/plain{x}1),text/html{y}1)");
	/* in base64, which is forbidden: a file */
	check("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\neA==",
	    "application/octet-stream{eA==}1");
	check("Content-Type: multipart/x; boundary=b\nContent-Transfer-Encoding: base64\n\neA==",
	    "application/octet-stream{eA==}1");
}

static void
test_fields(void **state)
{
	struct str msg = STR(
	    "Content-Type: text/html; charset=\"x\\\"y\";\r\n format=flowed\r\n"
	    "Content-ID: <1@x>\r\nContent-Description: two\r\n words \r\n"
	    "Content-Transfer-Encoding: Quoted-Printable (c)\r\n"
	    "Content-Disposition: attachment; filename*0=a; filename*1=b\r\n"
	    "Content-Language: en, fr\r\nContent-Location: http://x\r\nContent-MD5: abc=\r\n\r\nx");
	struct mime_part *p = mime_parse(msg, &arena);

	(void)state;
	assert_true(str_eq(rfc2231_get(&p->params, STR("CHARSET")), STR("x\"y")));
	assert_true(str_eq(rfc2231_get(&p->params, STR("format")), STR("flowed")));
	assert_null(rfc2231_get(&p->params, STR("form")).p);
	assert_true(str_eq(p->id, STR("<1@x>")));
	assert_true(str_eq(p->description, STR("two\r\n words")));
	assert_int_equal(p->encoding, MIME_QP);
	assert_true(str_eq(p->encoding_text, STR("Quoted-Printable")));
	assert_true(str_eq(p->disposition, STR("attachment")));
	assert_true(str_eq(rfc2231_get(&p->disposition_params, STR("filename")), STR("ab")));
	assert_true(str_eq(p->language, STR("en, fr")) && str_eq(p->location, STR("http://x")));
	assert_true(str_eq(p->md5, STR("abc=")));
	assert_false(p->is_default);
	assert_int_equal(p->header_lines, 11);
}

/* How deep it goes: below the cap a message in a message, at the cap a file. */
static void
test_depth(void **state)
{
	const struct mime_part *p;
	struct buf msg;
	size_t depth = 0;

	(void)state;
	buf_init(&msg, 1 << 20);
	for (size_t i = 0; i < MIME_DEPTH_MAX * 2; i++)
		buf_puts(&msg, "Content-Type: message/rfc822\r\n\r\n");
	for (p = mime_parse(buf_view(&msg), &arena); p->child != NULL; p = p->child)
		depth++;
	assert_int_equal(depth, MIME_DEPTH_MAX - 1);
	assert_true(str_eq(p->type, STR("application")));
	assert_int_equal(p->body.off + p->body.n, msg.n);
	buf_free(&msg);
}

static void
test_many_parts(void **state)
{
	const struct mime_part *p, *last = NULL;
	struct buf msg;
	size_t n = 0;

	(void)state;
	buf_init(&msg, 1 << 20);
	buf_puts(&msg, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (size_t i = 0; i < MIME_PARTS_MAX * 2; i++)
		buf_puts(&msg, "--b\r\n\r\nx\r\n");
	for (p = mime_parse(buf_view(&msg), &arena)->child; p != NULL; p = p->next, n++)
		last = p;
	assert_int_equal(n, MIME_PARTS_MAX - 1);
	assume(last != NULL);
	assert_int_equal(last->body.off + last->body.n, msg.n);
	buf_free(&msg);
}

static void
section(struct str msg, const char *path, enum mime_what what, const char *want)
{
	const struct mime_part *root = mime_parse(msg, &arena);
	uint32_t numbers[8];
	struct mime_range r;
	size_t n = 0;

	for (; *path != '\0'; path++)
		numbers[n++] = (uint32_t)(*path - '0');
	if (!mime_section(root, numbers, n, what, &r)) {
		assert_null(want);
		return;
	}
	assert_non_null(want);
	if (!str_eq_z(mime_octets(msg, r), want))
		fail_msg("got \"" STR_FMT "\", want \"%s\"", STR_ARG(mime_octets(msg, r)), want);
}

static void
test_sections(void **state)
{
	struct str plain = STR("A: b\r\n\r\nx\r\n");
	struct str deep =
	    STR("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\none\r\n--a\r\n"
		"Content-Type: message/rfc822\r\n\r\nC: d\r\nContent-Type: multipart/mixed; "
		"boundary=b\r\n\r\n"
		"--b\r\nX: y\r\n\r\ntwo\r\n--b--\r\n--a\r\nContent-Type: message/rfc822\r\n\r\nE: "
		"f\r\n\r\nthree\r\n--a--\r\n");

	(void)state;
	section(plain, "", MIME_WHAT_ALL, "A: b\r\n\r\nx\r\n");
	section(plain, "", MIME_WHAT_HEADER, "A: b\r\n\r\n");
	section(plain, "", MIME_WHAT_TEXT, "x\r\n");
	section(plain, "1", MIME_WHAT_ALL, "x\r\n");
	section(plain, "1", MIME_WHAT_MIME, "A: b\r\n\r\n");
	section(plain, "1", MIME_WHAT_HEADER, NULL);
	section(plain, "11", MIME_WHAT_ALL, NULL);
	section(plain, "2", MIME_WHAT_ALL, NULL);
	section(plain, "", MIME_WHAT_MIME, NULL);
	section(deep, "1", MIME_WHAT_ALL, "one");
	section(deep, "1", MIME_WHAT_MIME, "\r\n");
	section(deep, "2", MIME_WHAT_HEADER,
	    "C: d\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
	section(deep, "2", MIME_WHAT_TEXT, "--b\r\nX: y\r\n\r\ntwo\r\n--b--");
	section(deep, "21", MIME_WHAT_ALL, "two");
	section(deep, "21", MIME_WHAT_MIME, "X: y\r\n\r\n");
	section(deep, "211", MIME_WHAT_ALL, NULL);
	section(deep, "22", MIME_WHAT_ALL, NULL);
	section(deep, "3", MIME_WHAT_ALL, "E: f\r\n\r\nthree");
	section(deep, "3", MIME_WHAT_MIME, "Content-Type: message/rfc822\r\n\r\n");
	section(deep, "31", MIME_WHAT_ALL, "three");
	section(deep, "31", MIME_WHAT_HEADER, NULL);
	section(deep, "4", MIME_WHAT_ALL, NULL);
	section(deep, "0", MIME_WHAT_ALL, NULL);
	section(STR("Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx"), "1", MIME_WHAT_HEADER,
	    "A: b\r\n\r\n");
	section(STR("Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx"), "11", MIME_WHAT_ALL, "x");
}

/* Every prefix of a message is a message. */
static void
test_every_cut(void **state)
{
	static const char msg[] =
	    "Content-Type: multipart/mixed; boundary=a\r\n\r\npre\r\n--a\r\nContent-Type: "
	    "message/rfc822\r\n\r\nContent-Type: multipart/digest; "
	    "boundary=\"b\"\r\n\r\n--b\r\n\r\nA: "
	    "b\r\n\r\nx\r\n--b--\r\n\r\n--a\r\n\r\ny\r\n--a--\r\nepi";
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t n = 0; n < sizeof(msg); n++) {
		const struct mime_part *p = mime_parse(str_of(msg, n), &a);

		assert_int_equal(p->body.off + p->body.n, n);
		arena_reset(&a);
	}
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_single),
	    cmocka_unit_test(test_multipart), cmocka_unit_test(test_nested),
	    cmocka_unit_test(test_messages), cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_depth), cmocka_unit_test(test_many_parts),
	    cmocka_unit_test(test_sections), cmocka_unit_test(test_every_cut)};
	int rc;

	arena_init(&arena);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return rc;
}
