/* form_test.c - header fields as JMAP shows them: RFC 8621 4.1.2 and 4.1.3, and the row of a
 * message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mailboxd/jmap/form.h"
#include "mailboxd/jmap/row.h"
#include "json/json.h"

static struct buf out;

static const char *
property(const char *name, const char *header)
{
	struct jmap_field f;

	buf_reset(&out);
	if (jmap_field_parse(str_z(name), &f) < 0)
		return "refused";
	jmap_field_put(&f, str_z(header), &out);
	assert_int_equal(json_check(buf_view(&out), SIZE_MAX, NULL), 0);
	return out.p;
}

#define expect(name, header, want) assert_string_equal(property((name), (header)), (want))

/* 4.1.3 */
static void
properties_have_names(void **state)
{
	static const char *const bad[] = {"header", "header:", "header:From:asText",
	    "header:From:", "header:Subject:asDate", "header:X:astext", "header:X:all:asText",
	    "header:X:asRaw:any", "header:X:asRaw:all:all", "header:X Y", "header:Received:asText",
	    "headers:X", "header:List-Post:asText", "header:Caf\xc3\xa9",
	    "header:Message-ID:asAddresses"};
	const char *two = "X: 1\r\nY: no\r\nx: 2\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_string_equal(property(bad[i], ""), "refused");
	/* The last one, or all of them. */
	expect("header:X", two, "\" 2\"");
	expect("header:x:all", two, "[\" 1\",\" 2\"]");
	expect("header:X:asText:all", two, "[\"1\",\"2\"]");
	expect("header:Z", two, "null");
	expect("header:Z:asDate:all", two, "[]");
	expect("header:Z:asAddresses", two, "null");
}

/* 4.1.2.1 */
static void
raw(void **state)
{
	(void)state;
	expect("header:X", "X:  a\r\n  b \r\n", "\"  a\\r\\n  b \"");
	expect("header:X:asRaw", "X: \xff\xc3\xa9\r\n", "\" \xef\xbf\xbd\xc3\xa9\"");
	expect("header:From", "From: a@b\r\n", "\" a@b\"");
}

/* 4.1.2.2 */
static void
text(void **state)
{
	(void)state;
	expect("header:Subject:asText", "Subject:   =?utf-8?q?Caf=C3=A9?=\r\n bar\r\n",
	    "\"Caf\xc3\xa9 bar\"");
	/* NFC; encoded controls go. */
	expect("header:X:asText", "X: =?utf-8?q?Cafe=CC=81=00=07?=\r\n", "\"Caf\xc3\xa9\"");
	expect("header:X:asText", "X: a =?utf-8?q?b\r\n", "\"a =?utf-8?q?b\"");
	expect("header:X:asText", "X:\r\n", "\"\"");
}

/* 4.1.2.3 */
static void
addresses(void **state)
{
	(void)state;
	expect("header:To:asAddresses",
	    "To: \"James \\\"J\\\" S\" <james@example.com>,\r\n"
	    " Friends: jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?= <john@example.com>;\r\n",
	    "[{\"name\":\"James \\\"J\\\" S\",\"email\":\"james@example.com\"},"
	    "{\"name\":null,\"email\":\"jane@example.com\"},"
	    "{\"name\":\"John Sm\xc3\xaeth\",\"email\":\"john@example.com\"}]");
	/* A comment is the name where there is none; odd local parts are in quotes. */
	expect("header:From:asAddresses", "From: a@b (A Person)\r\n",
	    "[{\"name\":\"A Person\",\"email\":\"a@b\"}]");
	expect("header:From:asAddresses", "From: \"a b\"@c, \"x\\\"y\"@z\r\n",
	    "[{\"name\":null,\"email\":\"\\\"a b\\\"@c\"},"
	    "{\"name\":null,\"email\":\"\\\"x\\\\\\\"y\\\"@z\"}]");
	expect("header:Cc:asAddresses", "Cc: nobody:;\r\n", "[]");
	expect("header:Cc:asAddresses", "Cc: local\r\n", "[{\"name\":null,\"email\":\"local\"}]");
}

/* 4.1.2.4 */
static void
groups(void **state)
{
	(void)state;
	expect("header:To:asGroupedAddresses", "To: a@x, b@x, Friends: c@x, d@x;, e@x, Empty:;\r\n",
	    "[{\"name\":null,\"addresses\":[{\"name\":null,\"email\":\"a@x\"},"
	    "{\"name\":null,\"email\":\"b@x\"}]},"
	    "{\"name\":\"Friends\",\"addresses\":[{\"name\":null,\"email\":\"c@x\"},"
	    "{\"name\":null,\"email\":\"d@x\"}]},"
	    "{\"name\":null,\"addresses\":[{\"name\":null,\"email\":\"e@x\"}]},"
	    "{\"name\":\"Empty\",\"addresses\":[]}]");
	expect("header:To:asGroupedAddresses", "To: \r\n", "[]");
}

/* 4.1.2.5, 4.1.2.6, 4.1.2.7 */
static void
ids_dates_urls(void **state)
{
	(void)state;
	expect("header:References:asMessageIds", "References: <a@x>\r\n <b@y>(c)\r\n",
	    "[\"a@x\",\"b@y\"]");
	expect("header:Message-ID:asMessageIds", "Message-ID: <>\r\n", "null");
	expect("header:Date:asDate", "Date: Thu, 30 Oct 2014 14:12:00 +0800\r\n",
	    "\"2014-10-30T14:12:00+08:00\"");
	expect("header:Date:asDate", "Date: Thu, 30 Oct 2014 14:12:00 -0000 (x)\r\n",
	    "\"2014-10-30T14:12:00Z\"");
	expect("header:Date:asDate", "Date: never\r\n", "null");
	expect("header:List-Unsubscribe:asURLs",
	    "List-Unsubscribe: (Use this) <mailto:a@x?subject=u>,\r\n <https://x/\r\n y>\r\n",
	    "[\"mailto:a@x?subject=u\",\"https://x/y\"]");
	expect("header:List-Post:asURLs", "List-Post: NO\r\n", "null");
}

/* ---- the row ---- */

static struct jmap_row row;

static void
read_row(const char *message)
{
	buf_reset(&out);
	jmap_row_write(str_z(message), &out);
	jmap_row_read(buf_view(&out), &row);
}

#define expect_row(entry, want)                                                    \
	do {                                                                       \
		if (!str_eq_z(row.v[entry], (want)))                               \
			fail_msg("got %.*s", (int)row.v[entry].n, row.v[entry].p); \
	} while (0)

static void
a_row_has_what_lists_show(void **state)
{
	(void)state;
	read_row("From: \"B\xc3\xa9\" <b@x>\r\nFrom: =?utf-8?q?=C3=89mile?= <e@x>\r\nTo: a@x\r\n"
		 "Subject: Re: =?utf-8?q?Caf=C3=89?=\r\nDate: Thu, 1 Jan 1970 00:00:01 +0000\r\n"
		 "Message-ID: <1@x>\r\n\r\nHello\r\n  there\r\n");
	expect_row(ROW_FROM, "[{\"name\":\"\xc3\x89mile\",\"email\":\"e@x\"}]");
	expect_row(ROW_SUBJECT, "\"Re: Caf\xc3\x89\"");
	expect_row(ROW_SENT_AT, "\"1970-01-01T00:00:01Z\"");
	expect_row(ROW_MESSAGE_ID, "[\"1@x\"]");
	expect_row(ROW_CC, "null");
	expect_row(ROW_HAS_ATTACHMENT, "false");
	expect_row(ROW_PREVIEW, "\"Hello there\"");
	expect_row(ROW_BY_TO, "a@x");
	assert_true(row.v[ROW_BY_SUBJECT].n > 0 && row.v[ROW_BY_FROM].n > 0);
	assert_memory_equal(row.v[ROW_BY_SENT_AT].p, "\x80\0\0\0\0\0\0\1", 8);
	read_row("");
	expect_row(ROW_SUBJECT, "null");
	expect_row(ROW_PREVIEW, "\"\"");
	expect_row(ROW_BY_SENT_AT, "");
	jmap_row_read(STR("\xff\xff\xff\xff\xff\xff"), &row);
	expect_row(ROW_MESSAGE_ID, "");
	expect_row(ROW_BY_SENT_AT, "");
}

/* A header that is all one list stays within bounds, and so does its text. */
static void
huge_headers_are_cut(void **state)
{
	struct buf message;

	(void)state;
	buf_init(&message, 32u << 20);
	buf_puts(&message, "To: ");
	for (unsigned i = 0; i < 100000; i++)
		buf_printf(&message, "\x01%u@x,", i);
	buf_puts(&message, "\r\nReferences: ");
	for (unsigned i = 0; i < 100000; i++)
		buf_printf(&message, "<%u@x>\r\n ", i);
	buf_puts(&message, "\r\nSubject: ");
	for (unsigned i = 0; i < 2000000; i++)
		buf_puts(&message, "\xff");
	buf_puts(&message, "\r\n\r\n");
	read_row(message.p);
	assert_true(out.n < 3u << 20);
	assert_true(str_starts(row.v[ROW_TO], STR("[{")));
	assert_true(str_starts(row.v[ROW_REFERENCES], STR("[\"0@x\"")));
	assert_int_equal(json_check(row.v[ROW_SUBJECT], SIZE_MAX, NULL), 0);
	buf_free(&message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(properties_have_names),
	    cmocka_unit_test(raw),
	    cmocka_unit_test(text),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(groups),
	    cmocka_unit_test(ids_dates_urls),
	    cmocka_unit_test(a_row_has_what_lists_show),
	    cmocka_unit_test(huge_headers_are_cut),
	};

	buf_init(&out, SIZE_MAX / 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
