/* mime_write_test.c - fields and messages of our own making (compose.h, mime_write.h). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/compose.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/mime_write.h"
#include "mail/rfc2047.h"
#include "mail/rfc2231.h"

#define ID STR("0123456789abcdefghjk")

static struct buf out;
static struct arena arena;

static int
set_up(void **state)
{
	(void)state;
	buf_init(&out, 1u << 20);
	arena_init(&arena);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_free(&out);
	arena_free(&arena);
	return 0;
}

static void
expect(const char *want)
{
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	buf_reset(&out);
}

static int
collect(void *arg, struct str octets, struct err *e)
{
	(void)e;
	return buf_str(arg, octets);
}

static void
write_out(const struct mime_out *root, const char *fields)
{
	struct err e;
	uint64_t n;

	assert_int_equal(mime_write(root, ID, str_z(fields), collect, &out, &e), 0);
	assert_int_equal(mime_write_size(root, ID, str_z(fields), &n, &e), 0);
	assert_int_equal(n, out.n);
}

static void
names_are_words_quoted_or_encoded(void **state)
{
	(void)state;
	compose_address(&out, "From", STR("Alice"), STR("a@x.test"));
	expect("From: Alice <a@x.test>\r\n");
	compose_address(&out, "From", STR("Smith, \"Al\" J."), STR("a@x.test"));
	expect("From: \"Smith, \\\"Al\\\" J.\" <a@x.test>\r\n");
	compose_address(&out, "From", STR("Zoé"), STR("a@x.test"));
	expect("From: =?utf-8?q?Zo=C3=A9?= <a@x.test>\r\n");
	compose_address(&out, "From", STR("=?utf-8?q?x?="), STR("a@x.test"));
	assert_int_equal(str_find(buf_view(&out), STR(": =?utf-8?q?x?=")), out.n);
	buf_reset(&out);
	compose_address(&out, "From", STR_NONE, STR("zoé@exämple.test"));
	expect("From: <zoé@exämple.test>\r\n");
}

static void
nothing_can_be_smuggled_in(void **state)
{
	const struct str bad = STR("x\r\nBcc: evil@x.test\r\n\r\nbody\n");
	struct str rest;
	struct header_field f;
	unsigned n = 0;

	(void)state;
	compose_text(&out, "Subject", bad);
	compose_address(&out, "From", bad, bad);
	compose_raw(&out, "X-Raw", bad);
	compose_ids(&out, "References", &bad, 1);
	compose_urls(&out, "List-Help", &bad, 1);
	buf_puts(&out, "Content-Type: a/b");
	compose_param(&out, "name", bad);
	buf_puts(&out, "\r\n");
	rest = buf_view(&out);
	while (header_next(&rest, &f)) {
		assert_true(f.name.n > 0 && !str_ieq_z(f.name, "Bcc"));
		n++;
	}
	assert_int_equal(rest.n, 0);
	assert_int_equal(n, 6);
}

static void
lists_groups_ids_and_dates(void **state)
{
	const struct compose_item v[] = {
	    {.name = STR("A"), .email = STR("a@x.test")},
	    {.kind = COMPOSE_GROUP, .name = STR("Team")},
	    {.email = STR("b@x.test")},
	    {.name = STR("C"), .email = STR("c@x.test")},
	    {.kind = COMPOSE_END},
	    {.email = STR("d@x.test")},
	    {.kind = COMPOSE_GROUP, .name = STR("undisclosed")},
	    {.kind = COMPOSE_END},
	};
	const struct str ids[] = {STR_INIT("1@x"), STR_INIT("2@x")};

	(void)state;
	compose_list(&out, "To", v, ARRAY_LEN(v));
	expect("To: A <a@x.test>, Team: <b@x.test>, C <c@x.test>;, <d@x.test>, undisclosed: ;\r\n");
	compose_ids(&out, "References", ids, 2);
	expect("References: <1@x> <2@x>\r\n");
	compose_urls(&out, "List-Post", ids, 2);
	expect("List-Post: <1@x>, <2@x>\r\n");
	compose_date(&out, "Date", 1700000000, -90);
	expect("Date: Tue, 14 Nov 2023 20:43:20 -0130\r\n");
	compose_date(&out, "Date", 1700000000, 120);
	expect("Date: Wed, 15 Nov 2023 00:13:20 +0200\r\n");
}

static void
says_what_may_be_written(void **state)
{
	(void)state;
	assert_true(compose_name_ok(STR("X-Foo")));
	assert_false(compose_name_ok(STR("X Foo")));
	assert_false(compose_name_ok(STR("X:Foo")));
	assert_false(compose_name_ok(STR("")));
	assert_false(compose_name_ok(STR("Caf\xc3\xa9")));
	assert_true(compose_email_ok(STR("a@x.test")));
	assert_true(compose_email_ok(STR("\"a b\"@x.test")));
	assert_true(compose_email_ok(STR("bob")));
	assert_false(compose_email_ok(STR("bob,alice")));
	assert_false(compose_email_ok(STR("a@x.test>, <b@x.test")));
	assert_false(compose_email_ok(STR("")));
	assert_true(compose_type_ok(STR("text/plain")));
	assert_false(compose_type_ok(STR("text")));
	assert_false(compose_type_ok(STR("text/plain; charset=x")));
	assert_false(compose_type_ok(STR("text/a/b")));
	assert_false(compose_word_ok(STR("a b")));
	assert_true(compose_foldable(STR("a b")));
}

/* A long word without spaces is no reason for a line that no server takes (RFC 5322 2.1.1). */
static void
long_words_are_encoded(void **state)
{
	char word[3000];
	struct buf text;
	struct str rest, line;

	(void)state;
	memset(word, 'x', sizeof(word));
	compose_text(&out, "Subject", str_of(word, sizeof(word)));
	rest = buf_view(&out);
	while (str_cut(&rest, '\n', &line))
		assert_true(line.n < 90);
	buf_init(&text, 10000);
	rfc2047_decode(header_value(buf_view(&out), STR("Subject")), &text);
	assert_true(str_eq(buf_view(&text), str_of(word, sizeof(word))));
	buf_free(&text);
}

static void
check_name(struct str name)
{
	struct params params;
	struct buf text;

	buf_puts(&out, "a/b");
	compose_param(&out, "filename", name);
	rfc2231_parse(str_from(buf_view(&out), 3), &arena, &params);
	buf_init(&text, 10000);
	assert_int_equal(rfc2231_text(&params, STR("filename"), &text), 0);
	assert_true(str_eq(buf_view(&text), name));
	buf_free(&text);
	buf_reset(&out);
}

static void
file_names_come_back(void **state)
{
	char longest[700];

	(void)state;
	check_name(STR("a.txt"));
	check_name(STR("a \"b\" \\ c.txt"));
	check_name(STR("r\xc3\xa9sum\xc3\xa9 100%.pdf"));
	memset(longest, 'x', sizeof(longest));
	check_name(str_of(longest, sizeof(longest)));
	for (size_t i = 0; i + 1 < sizeof(longest); i += 2)
		memcpy(longest + i, "\xc3\xa9", 2);
	check_name(str_of(longest, sizeof(longest)));
}

static void
a_text_is_one_part(void **state)
{
	struct mime_out text = {.type = STR("text/plain"),
	    .charset = STR("utf-8"),
	    .is_text = true,
	    .octets = STR("hello\nworld")};

	(void)state;
	write_out(&text, "Subject: x\r\n");
	expect("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n"
	       "\tcharset=utf-8\r\n\r\nhello\r\nworld\r\n");
	text.octets = STR("hello\n");
	write_out(&text, "");
	assert_true(str_ends(buf_view(&out), STR("\r\n\r\nhello\r\n")));
}

static void
check_content(struct mime_out *part, enum mime_encoding encoding, struct str want)
{
	struct mime_out mixed = {.type = STR("multipart/mixed"), .child = part};
	const struct mime_part *p;
	struct buf got;
	struct str message, line;

	buf_reset(&out);
	write_out(&mixed, "");
	message = buf_view(&out);
	p = mime_parse(message, &arena)->child;
	assert_int_equal(p->encoding, encoding);
	assert_null(p->next);
	buf_init(&got, 100000);
	decode_part(p, message, &got);
	assert_true(str_eq(buf_view(&got), want));
	buf_free(&got);
	while (str_cut(&message, '\n', &line))
		assert_true(line.n < 999);
}

static void
content_comes_back_in_the_encoding_that_fits(void **state)
{
	struct mime_out p = {.type = STR("text/plain"), .is_text = true};
	char longest[5000];

	(void)state;
	p.octets = STR("a\nb \n.\nFrom me\n--=_0\n");
	check_content(&p, MIME_7BIT, STR("a\r\nb \r\n.\r\nFrom me\r\n--=_0\r\n"));
	p.octets = STR("caf\xc3\xa9 is a word, this is a line of it\nFrom a = b \n.\r\nx\ry");
	check_content(&p, MIME_QP,
	    STR("caf\xc3\xa9 is a word, this is a line of it\r\nFrom a = b \r\n.\r\nx\ry"));
	p.octets = STR("\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82");
	check_content(&p, MIME_BASE64, p.octets);
	memset(longest, 'x', sizeof(longest));
	p.octets = str_of(longest, sizeof(longest));
	check_content(&p, MIME_QP, p.octets);
	p = (struct mime_out){.type = STR("text/csv"), .octets = STR("a\nb\r\n")};
	check_content(&p, MIME_BASE64, p.octets);
	p.octets = STR("a\r\nb\r\n");
	check_content(&p, MIME_7BIT, p.octets);
	p = (struct mime_out){.type = STR("image/png"), .octets = STR("\x89PNG\0\1\2")};
	check_content(&p, MIME_BASE64, p.octets);
	p.octets = str_of(longest, sizeof(longest));
	check_content(&p, MIME_BASE64, p.octets);
}

/* RFC 2046 5.2.1: a message has no encoding, and what holds it says so. */
static void
attached_messages_stay_as_they_are(void **state)
{
	struct mime_out message = {
	    .type = STR("message/rfc822"), .octets = STR("Subject: caf\xc3\xa9\r\n\r\nx\r\n")};
	struct mime_out mixed = {.type = STR("multipart/mixed"), .child = &message};
	const struct mime_part *root;

	(void)state;
	write_out(&mixed, "");
	root = mime_parse(buf_view(&out), &arena);
	assert_int_equal(root->encoding, MIME_8BIT);
	assert_int_equal(root->child->kind, MIME_MESSAGE);
	assert_int_equal(root->child->encoding, MIME_8BIT);
	assert_true(str_eq(mime_octets(buf_view(&out), root->child->body), message.octets));
}

static void
related_names_the_type_of_its_root(void **state)
{
	struct mime_out image = {.type = STR("image/png"),
	    .cid = STR("logo@x"),
	    .disposition = STR("inline"),
	    .name = STR("logo.png"),
	    .octets = STR("x")};
	struct mime_out html = {.type = STR("text/html"),
	    .is_text = true,
	    .octets = STR("<img src=cid:logo@x>"),
	    .next = &image};
	struct mime_out related = {.type = STR("multipart/related"), .child = &html};
	const struct mime_part *p;

	(void)state;
	write_out(&related, "");
	p = mime_parse(buf_view(&out), &arena);
	assert_true(str_eq_z(rfc2231_get(&p->params, STR("type")), "text/html"));
	p = p->child->next;
	assert_true(str_eq_z(p->id, "<logo@x>"));
	assert_true(str_eq_z(p->disposition, "inline"));
	assert_true(str_eq_z(rfc2231_get(&p->disposition_params, STR("filename")), "logo.png"));
}

static void
depth_has_an_end(void **state)
{
	struct mime_out part[MIME_WRITE_DEPTH + 2] = {{0}};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		part[i].type = STR("multipart/mixed");
		part[i].child = i + 1 < ARRAY_LEN(part) ? &part[i + 1] : NULL;
	}
	part[ARRAY_LEN(part) - 1].type = STR("text/plain");
	assert_int_equal(mime_write(part, ID, STR(""), collect, &out, &e), -1);
	assert_int_equal(e.code, E_LIMIT);
	assert_int_equal(mime_write(part + 1, ID, STR(""), collect, &out, &e), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(names_are_words_quoted_or_encoded),
	    TEST(nothing_can_be_smuggled_in),
	    TEST(lists_groups_ids_and_dates),
	    TEST(says_what_may_be_written),
	    TEST(long_words_are_encoded),
	    TEST(file_names_come_back),
	    TEST(a_text_is_one_part),
	    TEST(content_comes_back_in_the_encoding_that_fits),
	    TEST(attached_messages_stay_as_they_are),
	    TEST(related_names_the_type_of_its_root),
	    TEST(depth_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
