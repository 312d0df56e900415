/* Unit tests of text.c: what of a message is text, names of files, previews. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/charset.h"
#include "mail/text.h"

static struct arena a;
static struct buf out;

static int
setup(void **state)
{
	(void)state;
	arena_init(&a);
	buf_init(&out, 1u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&a);
	buf_free(&out);
	return 0;
}

static const char *
preview(struct str message)
{
	buf_reset(&out);
	text_preview(mime_parse(message, &a), message, &out);
	return buf_view(&out).p;
}

static const char *
whole(struct str message, size_t max)
{
	buf_reset(&out);
	text_of_message(mime_parse(message, &a), message, max, &out);
	return buf_view(&out).p;
}

#define MIXED                                                                             \
	"Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n" \
	"--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"                  \
	"--c\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"                         \
	"Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9 plain\r\n"             \
	"--c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"                           \
	"<style>no</style><p>caf&eacute; <b>html</b><img alt=picture>\r\n--c--\r\n"       \
	"--b\r\nContent-Type: image/png; name=\"a.png\"\r\n\r\nbinary\r\n"                \
	"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: =?utf-8?q?J=C3=B6?= <j@x>\r\n"  \
	"Subject: inner\r\n\r\ninner text\r\n"                                            \
	"--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment;\r\n"           \
	" filename*=utf-8''n%C3%A4me%0A.csv\r\n\r\n1,two\r\n--b--\r\n"

static void
test_message(void **state)
{
	(void)state;
	assert_string_equal(whole(STR(MIXED), 10000),
	    "caf\xc3\xa9 plain\ncaf\xc3\xa9 html picture\nJ\xc3\xb6 "
	    "<j@x>\ninner\ninner text\n1,two\n");
	assert_string_equal(whole(STR("Content-Type: image/png\r\n\r\nx"), 100), "");
	assert_string_equal(whole(STR("Content-Type: text/css\r\n\r\nx"), 100), "");
	assert_string_equal(whole(STR(""), 100), "\n");
	for (size_t max = 0; max < 60; max++) {
		whole(STR(MIXED), max);
		assert_true(out.n <= max && str_is_utf8(buf_view(&out)));
	}
}

static void
test_names(void **state)
{
	struct str m = STR(MIXED);

	(void)state;
	buf_reset(&out);
	text_file_names(mime_parse(m, &a), 1000, &out);
	assert_string_equal(out.p, "a.png\nn\xc3\xa4me .csv\n");
	for (size_t max = 0; max < 12; max++) {
		buf_reset(&out);
		text_file_names(mime_parse(m, &a), max, &out);
		assert_true(out.n <= max && str_is_utf8(buf_view(&out)));
	}
}

/* HTML that names its charset itself, where the part does not. */
static void
test_meta_charset(void **state)
{
	(void)state;
	assert_string_equal(
	    preview(STR("Content-Type: text/html\r\n\r\n<meta charset=\"iso-8859-2\"><p>\xb3")),
	    "\xc5\x82");
	assert_string_equal(
	    preview(STR("Content-Type: text/html\r\n\r\n<meta http-equiv=x content=\""
			"text/html; charset=koi8-r\">\xd0\xd2")),
	    "\xd0\xbf\xd1\x80");
	assert_string_equal(
	    preview(
		STR("Content-Type: text/html; charset=utf-8\r\n\r\n<meta charset=koi8-r>\xc3\xa9")),
	    "\xc3\xa9");
}

static void
test_previews(void **state)
{
	static const struct {
		const char *body, *preview;
	} cases[] = {{"Hello,\r\n\r\nhow  are\tyou?\r\n", "Hello, how are you?"},
	    {"> quoted\r\nanswer\r\n> more\r\n", "answer"}, {"> only quoted\r\n", "> only quoted"},
	    {"On Monday Ann wrote:\r\n\r\n> q\r\n\r\nyes\r\n", "yes"},
	    {"a list:\r\nx\r\n", "a list: x"}, {"text\r\n-- \r\nsignature\r\n", "text"},
	    {"a\r\n-----------\r\nb ==== c -- d", "a b c -- d"},
	    {"a\x01\x02 \xe2\x80\x8c \xe2\x80\x8c b\xe2\x80\x8b", "a b"}, {"\xe2\x80\x8b \r\n", ""},
	    {"", ""}};
	char message[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(message, sizeof(message),
		    "Content-Type: text/plain; charset=utf-8\r\n\r\n%s", cases[i].body);
		if (strcmp(preview(str_z(message)), cases[i].preview) != 0)
			fail_msg("%s: \"%s\"", cases[i].body, out.p);
	}
	assert_string_equal(preview(STR(MIXED)), "caf\xc3\xa9 plain");
	/* A part without text gives way to the next, an attachment is none. */
	assert_string_equal(
	    preview(
		STR("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: "
		    "attachment\r\n\r\nno\r\n--b\r\n\r\n \r\n--b\r\nContent-Type: "
		    "text/html\r\n\r\n<blockquote>q</blockquote>yes")),
	    "yes");
}

static void
test_preview_is_bounded(void **state)
{
	size_t n = 2u << 20;
	char *message = mem_alloc(n);

	(void)state;
	for (size_t i = 0; i + 3 <= n; i += 3)
		memcpy(message + i, "\xe4\xb8\xad", 3);
	memcpy(message, "Content-Type: text/plain; charset=utf-8\r\n\r\n", 43);
	message[43] = message[44] = 'x';
	preview(str_of(message, n));
	assert_int_equal(out.n, 2 + 254 * 3);
	memset(message + 43, 'a', n - 43);
	for (size_t i = 43; i < n; i += 2)
		message[i] = ' ';
	preview(str_of(message, n));
	assert_int_equal(out.n, 255);
	free(message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(test_message), TEST(test_names), TEST(test_meta_charset), TEST(test_previews),
	    TEST(test_preview_is_bounded)};

	charset_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
