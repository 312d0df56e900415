/* ws_frame_test.c - frames of WebSocket in every split: messages, what stands between, breaches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/mem.h"
#include "webd/ws_frame.h"

#define MOST 100000u

/* What a reader tells, as text: "[abc]" is a message, "9(x)" control, "!1002" the end. */
static void
tell(struct ws_frame_reader *r, struct buf *in, struct buf *out)
{
	enum ws_frame_event v;
	struct str s;
	unsigned code;

	while ((v = ws_frame_next(r, in, &s, &code)) != WS_FRAME_MORE) {
		if (v == WS_FRAME_BEGIN)
			buf_putc(out, '[');
		else if (v == WS_FRAME_PIECE)
			buf_str(out, s);
		else if (v == WS_FRAME_END)
			buf_putc(out, ']');
		else if (v == WS_FRAME_CONTROL)
			buf_printf(out, "%u(" STR_FMT ")", code, STR_ARG(s));
		else
			buf_printf(out, "!%u", code);
		if (v == WS_FRAME_BAD)
			return;
	}
}

/* A client's frame. */
static void
put(struct buf *b, unsigned first, struct str payload)
{
	static const char mask[] = "\x11\xa0\xff\x07";
	unsigned char head[WS_FRAME_HEAD];
	size_t n = ws_frame_head(head, false, 0, payload.n);

	head[0] = (unsigned char)first;
	head[1] |= 0x80;
	buf_put(b, head, n);
	buf_put(b, mask, 4);
	for (size_t i = 0; i < payload.n; i++)
		buf_putc(b, (char)(payload.p[i] ^ mask[i & 3]));
}

/* The octets are read as that, however they are split. */
static void
reads(struct buf *octets, const char *expected)
{
	size_t steps[] = {1, 2, 3, 5, 7, 64, octets->n};
	struct ws_frame_reader r;
	struct buf in, out;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		buf_init(&in, 2 * MOST);
		buf_init(&out, 4 * MOST);
		ws_frame_init(&r, MOST);
		for (size_t at = 0; at < octets->n; at += steps[i]) {
			buf_str(&in, str_sub(buf_view(octets), at, steps[i]));
			tell(&r, &in, &out);
			if (str_chr(buf_view(&out), '!') < out.n)
				break;
		}
		if (strcmp(out.p ? out.p : "", expected) != 0)
			fail_msg(
			    "in steps of %zu: %s, not %s", steps[i], out.p ? out.p : "", expected);
		ws_frame_done(&r);
		buf_free(&in);
		buf_free(&out);
	}
	buf_free(octets);
}

static struct buf
begin(void)
{
	struct buf b;

	buf_init(&b, 2 * MOST);
	return b;
}

static void
test_messages(void **state)
{
	struct buf b = begin();

	(void)state;
	put(&b, 0x81, STR("one"));
	put(&b, 0x81, STR(""));
	put(&b, 0x01, STR("t"));
	put(&b, 0x89, STR("ping"));
	put(&b, 0x00, STR(""));
	put(&b, 0x00, STR("w"));
	put(&b, 0x8a, STR(""));
	put(&b, 0x80, STR("o"));
	put(&b, 0x88,
	    STR("\x03\xe8"
		"bye"));
	reads(&b, "[one][][t9(ping)w10()o]8(\x03\xe8"
		  "bye)");
}

/* Of each form of a length. */
static void
test_lengths(void **state)
{
	static const size_t lengths[] = {125, 126, 127, 65535, 65536, MOST};
	static char text[MOST], expected[MOST + 3];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct buf b = begin();

		put(&b, 0x81, str_of(text, lengths[i]));
		snprintf(expected, sizeof(expected), "[%.*s]", (int)lengths[i], text);
		reads(&b, expected);
	}
}

static void
test_utf8(void **state)
{
	static const struct {
		const char *text;
		const char *told;
	} rows[] = {
	    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "[\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80]"},
	    {"\xf4\x8f\xbf\xbf", "[\xf4\x8f\xbf\xbf]"},
	    {"\xed\x9f\xbf\xee\x80\x80", "[\xed\x9f\xbf\xee\x80\x80]"},
	};
	static const char *const bad[] = {"\xff", "\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
	    "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3x",
	    "\xe2\x82x"};
	static const char *const cut[] = {"\xc3", "\xe2\x82", "\xf0\x9f\x98"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b = begin();

		put(&b, 0x81, str_z(rows[i].text));
		reads(&b, rows[i].told);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad) + ARRAY_LEN(cut); i++) {
		const char *text = i < ARRAY_LEN(bad) ? bad[i] : cut[i - ARRAY_LEN(bad)];
		struct ws_frame_reader r;
		struct buf b = begin(), out = begin();

		put(&b, 0x81, str_z(text));
		ws_frame_init(&r, MOST);
		tell(&r, &b, &out);
		assert_true(str_ends(buf_view(&out), STR("!1007")));
		ws_frame_done(&r);
		buf_free(&b);
		buf_free(&out);
	}
	/* A character in two frames. */
	{
		struct buf b = begin();

		put(&b, 0x01, STR("\xe2"));
		put(&b, 0x80, STR("\x82\xac"));
		reads(&b, "[\xe2\x82\xac]");
	}
}

static void
test_breaches(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
		const char *told;
	} rows[] = {
#define ROW(octets, told) {octets, sizeof(octets) - 1, told}
	    ROW("\x81\x02{}", "!1002"), /* not masked */
	    ROW("\xc1\x80"
		"abcd",
		"!1002"), /* RSV1 */
	    ROW("\x83\x80"
		"abcd",
		"!1002"), /* no opcode */
	    ROW("\x8b\x80"
		"abcd",
		"!1002"),
	    ROW("\x80\x80"
		"abcd",
		"!1002"), /* continues nothing */
	    ROW("\x01\x80"
		"abcd\x81\x80"
		"abcd",
		"[!1002"), /* begins within one */
	    ROW("\x01\x80"
		"abcd\x82\x80"
		"abcd",
		"[!1002"),
	    ROW("\x82\x80"
		"abcd",
		"!1003"), /* binary */
	    ROW("\x09\x80"
		"abcd",
		"!1002"), /* a ping in fragments */
	    ROW("\x89\xfe\x00\x7e"
		"abcd",
		"!1002"), /* one of 126 octets */
	    ROW("\x81\xfe\x00\x7d"
		"abcd",
		"!1002"), /* not the shortest */
	    ROW("\x81\xff\0\0\0\0\0\0\xff\xff"
		"abcd",
		"!1002"),
	    ROW("\x81\xff\xff\0\0\0\0\0\0\0"
		"abcd",
		"!1002"), /* a sign */
	    ROW("\x81\xff\0\0\0\0\0\x01\x86\xa1"
		"abcdx",
		"!1009"), /* MOST + 1 */
	    ROW("\x01\x81"
		"\0\0\0\0x\x80\xff\0\0\0\0\0\x01\x86\xa0"
		"abcdx",
		"[x!1009"),
	    ROW("\x88\x81\0\0\0\0x", "!1002"),        /* half a code */
	    ROW("\x88\x82\0\0\0\0\x03\xe7", "!1002"), /* 999 */
	    ROW("\x88\x82\0\0\0\0\x03\xed", "!1002"), /* 1005 */
	    ROW("\x88\x83\0\0\0\0\x03\xe8\xff", "!1007"),
	    ROW("\x88\x82\0\0\0\0\x0f\xa0", "8(\x0f\xa0)"), /* 4000 */
	    ROW("\x88\x80\0\0\0\0", "8()"),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b = begin();

		buf_put(&b, rows[i].octets, rows[i].n);
		reads(&b, rows[i].told);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_utf8),
	    cmocka_unit_test(test_breaches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
