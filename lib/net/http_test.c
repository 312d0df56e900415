/* http_test.c - requests as they may be, and as they may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/http.h"

static struct arena arena;
static struct http_head head;
static struct http_error error;

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* Reads a head in two pieces, at every place: all agree. */
static int
read_at(const char *text, size_t *used)
{
	struct str all = str_z(text);
	int rc = -2;

	for (size_t cut = 0; cut <= all.n; cut++) {
		struct http_head h;
		struct http_error e = {0};
		size_t seen = 0, n = 0;
		int one = http_head_read(str_sub(all, 0, cut), &seen, &arena, &h, &n, &e);

		if (one == 0)
			one = http_head_read(all, &seen, &arena, &h, &n, &e);
		assert_true(rc == -2 || rc == one);
		rc = one;
		head = h;
		error = e;
		*used = n;
	}
	return rc;
}

static void
good(const char *text)
{
	size_t used;

	if (read_at(text, &used) != 1)
		fail_msg("refused (%s): %s", error.why, text);
	assert_int_equal(used, strlen(text));
}

static void
bad(enum http_refusal status, const char *text)
{
	size_t used;

	if (read_at(text, &used) != -1 || error.status != status)
		fail_msg("%d: %s", (int)error.status, text);
}

#define HOST "Host: mail.test\r\n"

static void
test_heads(void **state)
{
	(void)state;
	good("GET /a%20b/c?x=1&y=%2F HTTP/1.1\r\n" HOST "Accept:  text/html \t\r\nX:\r\n\r\n");
	assert_true(str_eq_z(head.method, "GET") && str_eq_z(head.path, "/a%20b/c"));
	assert_true(str_eq_z(head.query, "x=1&y=%2F") && str_eq_z(head.host, "mail.test"));
	assert_true(str_eq_z(http_field(&head, "accept"), "text/html"));
	assert_int_equal(head.nfields, 3);
	assert_int_equal(head.framing, HTTP_NO_BODY);
	assert_false(head.close || head.expect_continue || head.http_1_0);
	good("POST / HTTP/1.1\r\nHost: [::1]:8443\r\nContent-Length: 12\r\nExpect: 100-continue\r\n"
	     "Connection: TE, Close\r\n\r\n");
	assert_true(head.close && head.expect_continue);
	assert_true(head.framing == HTTP_LENGTH && head.length == 12);
	good("\r\nGET / HTTP/1.0\r\n\r\n");
	assert_true(head.close && head.http_1_0);
	good("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_false(head.close);
	good("GET http://mail.test/x?y HTTP/1.1\r\n" HOST "\r\n");
	assert_true(str_eq_z(head.path, "/x") && str_eq_z(head.query, "y"));
	good("OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
	good("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n");
	assert_int_equal(head.framing, HTTP_CHUNKED);
}

static void
test_bad_lines(void **state)
{
	static const char *const all[] = {"GET / HTTP/1.1\n" HOST "\r\n\r\n",
	    "GET / HTTP/1.1\r\n\rX: y\r\n\r\n", "GET / HTTP/1.1\r\nX: a\rb\r\n" HOST "\r\n",
	    "GET / HTTP/1.1\r\nX: a\r\n b\r\n" HOST "\r\n", "GET / HTTP/1.1\r\n " HOST "\r\n",
	    "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n" HOST "\r\n",
	    "GET / HTTP/1.1\r\nnonsense\r\n" HOST "\r\n", "GET  / HTTP/1.1\r\n" HOST "\r\n",
	    "GET / HTTP/1.1 \r\n" HOST "\r\n", "GET /\r\n" HOST "\r\n",
	    " GET / HTTP/1.1\r\n" HOST "\r\n", "G[T / HTTP/1.1\r\n" HOST "\r\n",
	    "GET /\x7f HTTP/1.1\r\n" HOST "\r\n", "GET /<x> HTTP/1.1\r\n" HOST "\r\n",
	    "GET /%zz HTTP/1.1\r\n" HOST "\r\n", "GET /%2 HTTP/1.1\r\n" HOST "\r\n",
	    "GET /#x HTTP/1.1\r\n" HOST "\r\n", "GET x HTTP/1.1\r\n" HOST "\r\n",
	    "GET * HTTP/1.1\r\n" HOST "\r\n", "CONNECT mail.test:443 HTTP/1.1\r\n" HOST "\r\n",
	    "GET / http/1.1\r\n" HOST "\r\n", "GET / HTTP/1.1x\r\n" HOST "\r\n",
	    "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "GET / HTTP/1.1\r\nX: \x01\r\n" HOST "\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		bad(HTTP_BAD_REQUEST, all[i]);
	bad(HTTP_VERSION_NOT_SUPPORTED, "GET / HTTP/2.0\r\n" HOST "\r\n");
	bad(HTTP_VERSION_NOT_SUPPORTED, "GET / HTTP/1.2\r\n" HOST "\r\n");
}

/* What smuggling lives on. */
static void
test_bad_framing(void **state)
{
	static const char *const all[] = {"Content-Length: 1\r\nContent-Length: 1\r\n",
	    "Content-Length: 1, 1\r\n", "Content-Length: +1\r\n", "Content-Length: -1\r\n",
	    "Content-Length: 0x1\r\n", "Content-Length:\r\n", "Content-Length: 1 1\r\n",
	    "Content-Length: 99999999999999999999\r\n",
	    "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
	    "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
	    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Host: other.test\r\n",
	    "Content-Length : 1\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		bad(HTTP_BAD_REQUEST,
		    arena_printf(&arena, "POST / HTTP/1.1\r\n" HOST "%s\r\n", all[i]).p);
	bad(HTTP_NOT_IMPLEMENTED,
	    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n");
	bad(HTTP_NOT_IMPLEMENTED, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n");
	bad(HTTP_BAD_REQUEST, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \vchunked\r\n\r\n");
	bad(HTTP_BAD_REQUEST, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
	bad(HTTP_BAD_REQUEST, "GET / HTTP/1.1\r\n\r\n");
	bad(HTTP_BAD_REQUEST, "GET / HTTP/1.1\r\nHost:\r\n\r\n");
	bad(HTTP_BAD_REQUEST, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
	bad(HTTP_BAD_REQUEST, "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n");
	bad(HTTP_BAD_REQUEST, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n");
	bad(HTTP_BAD_REQUEST, "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n");
	bad(HTTP_BAD_REQUEST, "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n");
}

static void
test_limits(void **state)
{
	struct str long_one;
	struct buf b;
	size_t seen = 0, used;

	(void)state;
	buf_init(&b, 1u << 20);
	while (b.n < HTTP_TARGET_MAX + 10)
		buf_puts(&b, "aaaaaaaaaa");
	long_one = buf_view(&b);
	assert_int_equal(
	    http_head_read(arena_printf(&arena, "GET /" STR_FMT " HTTP/1.1\r\n" HOST "\r\n",
			       STR_ARG(long_one)),
		&seen, &arena, &head, &used, &error),
	    -1);
	assert_int_equal(error.status, HTTP_URI_TOO_LONG);
	buf_reset(&b);
	buf_puts(&b, "GET / HTTP/1.1\r\n" HOST);
	for (unsigned i = 0; i < HTTP_FIELDS_MAX; i++)
		buf_puts(&b, "X: y\r\n");
	buf_puts(&b, "\r\n");
	assert_int_equal(http_head_read(buf_view(&b), &seen, &arena, &head, &used, &error), -1);
	assert_int_equal(error.status, HTTP_FIELDS_TOO_LARGE);
	/* Octet by octet and without end. */
	buf_reset(&b);
	buf_puts(&b, "GET / HTTP/1.1\r\nX: ");
	for (seen = 0;;) {
		int rc = http_head_read(buf_view(&b), &seen, &arena, &head, &used, &error);

		if (rc < 0)
			break;
		assert_int_equal(rc, 0);
		assert_true(b.n <= HTTP_HEAD_MAX);
		buf_putc(&b, 'x');
	}
	assert_int_equal(error.status, HTTP_FIELDS_TOO_LARGE);
	buf_free(&b);
}

/* ---- bodies ---- */

/* Reads a body in pieces of n octets: its content, or NULL. rest: what is behind it. */
static const char *
body_in(const char *text, size_t n, uint64_t max, struct str *rest)
{
	const struct http_head h = {.framing = HTTP_CHUNKED};
	struct http_body b;
	struct buf out;
	const char *result = NULL;
	struct str in = str_z(text);
	int rc = 0;

	assert_int_equal(http_body_init(&b, &h, max, &error), 0);
	buf_init(&out, 1000);
	while (rc == 0 && in.n > 0) {
		struct str piece = str_sub(in, 0, n), content;
		size_t used;

		rc = http_body_read(&b, piece, &used, &content, &error);
		if (rc >= 0) {
			buf_str(&out, content);
			in = str_from(in, used);
		}
	}
	*rest = in;
	if (rc == 1)
		result = arena_dupz(&arena, buf_view(&out));
	buf_free(&out);
	return result;
}

static void
test_chunks(void **state)
{
	struct str rest;

	(void)state;
	for (size_t n = 1; n < 40; n++) {
		assert_string_equal(
		    body_in("5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0\r\n\r\nGET", n, 11, &rest),
		    "hello world");
		assert_true(str_eq_z(rest, "GET"));
		assert_string_equal(
		    body_in("000A\r\n0123456789\r\n0;a\r\nX: y\r\nZ:\r\n\r\n", n, 11, &rest),
		    "0123456789");
		assert_string_equal(body_in("0\r\n\r\n", n, 0, &rest), "");
	}
}

static void
test_bad_chunks(void **state)
{
	static const char *const all[] = {"\r\n", "x\r\n", "5 \r\nhello\r\n0\r\n\r\n",
	    " 5\r\nhello\r\n", "-1\r\n", "0x5\r\n", "5\nhello\r\n", "5\rhello\r\n",
	    "5\r\nhelloX\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0\r\n",
	    "00000000000000005\r\n", "5;\x01\r\n", "5;x\n\r\n", "0\r\nX\r\n\r\n",
	    "0\r\n X: y\r\n\r\n", "0\r\nX : y\r\n\r\n", "0\r\nX: y\n\r\n", "0\r\n\n"};
	struct str rest;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (size_t n = 1; n < 20; n++)
			if (body_in(all[i], n, 100, &rest) || error.status != HTTP_BAD_REQUEST)
				fail_msg("%zu: %s", i, all[i]);
	assert_null(body_in("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 7, 10, &rest));
	assert_int_equal(error.status, HTTP_CONTENT_TOO_LARGE);
	assert_null(body_in("ffffffffffffffff\r\n", 7, 10, &rest));
	assert_int_equal(error.status, HTTP_CONTENT_TOO_LARGE);
}

static void
test_length(void **state)
{
	struct http_head h = {.framing = HTTP_LENGTH, .length = 5};
	struct http_body b;
	struct str content;
	size_t used;

	(void)state;
	assert_int_equal(http_body_init(&b, &h, 4, &error), -1);
	assert_int_equal(error.status, HTTP_CONTENT_TOO_LARGE);
	assert_int_equal(http_body_init(&b, &h, 5, &error), 0);
	assert_int_equal(http_body_read(&b, STR("hel"), &used, &content, &error), 0);
	assert_int_equal(used, 3);
	assert_int_equal(http_body_read(&b, STR("loGET"), &used, &content, &error), 1);
	assert_true(used == 2 && str_eq_z(content, "lo"));
	h = (struct http_head){.framing = HTTP_NO_BODY};
	assert_int_equal(http_body_init(&b, &h, 0, &error), 0);
	assert_int_equal(http_body_read(&b, STR("GET"), &used, &content, &error), 1);
	assert_int_equal(used, 0);
}

static void
test_decoding(void **state)
{
	struct str s;

	(void)state;
	assert_int_equal(http_decode(STR("a%20b+c%C3%a9"), false, &arena, &s), 0);
	assert_true(str_eq_z(s, "a b+c\xc3\xa9"));
	assert_int_equal(http_decode(STR("a+b%2B"), true, &arena, &s), 0);
	assert_true(str_eq_z(s, "a b+"));
	assert_int_equal(http_decode(STR("%00"), false, &arena, &s), -1);
	assert_int_equal(http_decode(STR("%4"), false, &arena, &s), -1);
	assert_int_equal(http_decode(STR("%g0"), false, &arena, &s), -1);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {T(test_heads), T(test_bad_lines), T(test_bad_framing),
	    T(test_limits), T(test_chunks), T(test_bad_chunks), T(test_length), T(test_decoding)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
