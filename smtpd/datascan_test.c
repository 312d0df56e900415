/* datascan_test.c - the end of DATA and nothing else ends it; every split of every input gives the
 * same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "smtpd/datascan.h"

static void
gather(void *arg, const char *p, size_t n)
{
	assert_true(n > 0);
	(void)buf_put(arg, p, n);
}

struct result {
	struct buf out;
	size_t used;
	bool ended, bare, longer;
};

/* Feeds in two pieces, cut at `at`, then octet by octet when at is past the end. */
static void
scan(struct str in, bool dots, size_t at, struct result *r)
{
	struct datascan d;
	size_t n;

	buf_init(&r->out, 1u << 20);
	datascan_init(&d, dots, gather, &r->out);
	r->used = 0;
	while (r->used < in.n && d.state != DATASCAN_END) {
		n = at > in.n ? 1 : r->used < at ? at - r->used : in.n - r->used;
		r->used += datascan_feed(&d, in.p + r->used, n);
	}
	r->ended = d.state == DATASCAN_END;
	if (!dots)
		datascan_finish(&d);
	r->bare = d.bare_eol;
	r->longer = d.long_line;
	assert_int_equal(d.octets, r->out.n);
}

static void
expect(struct str in, bool dots, struct str out, size_t used, bool ended, bool bare)
{
	for (size_t at = 0; at <= in.n + 1; at++) {
		struct result r;

		scan(in, dots, at, &r);
		assert_int_equal(r.used, used);
		assert_int_equal(r.ended, ended);
		assert_int_equal(r.bare, bare);
		if (!bare) {
			assert_int_equal(r.out.n, out.n);
			assert_memory_equal(buf_view(&r.out).p, out.p, out.n);
		}
		buf_free(&r.out);
	}
}

static void
ordinary_ends(void **state)
{
	(void)state;
	expect(STR("a\r\n.\r\nQUIT\r\n"), true, STR("a\r\n"), 6, true, false);
	expect(STR(".\r\n"), true, STR(""), 3, true, false);
	expect(STR("\r\n.\r\n"), true, STR("\r\n"), 5, true, false);
	expect(STR("a\r\n\r\nb c\r\n.\r\n"), true, STR("a\r\n\r\nb c\r\n"), 13, true, false);
}

static void
dots_are_unstuffed(void **state)
{
	(void)state;
	expect(STR("..\r\n.\r\n"), true, STR(".\r\n"), 7, true, false);
	expect(STR("..a\r\na.\r\n...\r\n.\r\n"), true, STR(".a\r\na.\r\n..\r\n"), 17, true, false);
	expect(STR(".a\r\n.\r\n"), true, STR("a\r\n"), 7, true, false);
	expect(STR("a\r\n..\r\n..\r\n.\r\n"), true, STR("a\r\n.\r\n.\r\n"), 14, true, false);
	expect(STR("x..\r\n. \r\n.\r\n"), true, STR("x..\r\n \r\n"), 12, true, false);
}

/* Every known idea of an end that is none: the message goes on, and is refused. */
static void
smuggled_ends_end_nothing(void **state)
{
	static const char *const ends[] = {"\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\n",
	    "\r\n.\r", "\n.\r", "\r.\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\n\n.\n\n", "\r\n.\n\r\n",
	    "\r\n\r.\r\n", "\n.\r\r\n", "\r\n.\r.\r\n", "\r.\r\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char in[128];
		int n = snprintf(in, sizeof(in), "a%sMAIL FROM:<x@y>\r\n", ends[i]);

		expect(str_of(in, (size_t)n), true, STR_NONE, (size_t)n, false, true);
		n = snprintf(in, sizeof(in), "a%sMAIL FROM:<x@y>\r\n.\r\n", ends[i]);
		expect(str_of(in, (size_t)n), true, STR_NONE, (size_t)n, true, true);
	}
}

static void
bare_line_ends(void **state)
{
	(void)state;
	expect(STR("a\nb\r\n.\r\n"), true, STR_NONE, 8, true, true);
	expect(STR("a\rb\r\n.\r\n"), true, STR_NONE, 8, true, true);
	expect(STR("\r\r\n.\r\n"), true, STR_NONE, 6, true, true);
	expect(STR("a\r\n\n.\r\n"), true, STR_NONE, 7, false, true);
	expect(STR("\n"), true, STR_NONE, 1, false, true);
	expect(STR("a\rb\rc\r\r\n..\r\n.\r\n"), true, STR_NONE, 15, true, true);
}

static void
chunks_keep_their_dots(void **state)
{
	(void)state;
	expect(STR(".\r\n"), false, STR(".\r\n"), 3, false, false);
	expect(STR("a\r\n.\r\n..b\r\nc"), false, STR("a\r\n.\r\n..b\r\nc"), 12, false, false);
	expect(STR("a\r"), false, STR_NONE, 2, false, true);
	expect(STR("a\nb"), false, STR_NONE, 3, false, true);
}

static void
any_octet_passes(void **state)
{
	char in[600];
	size_t n = 0;

	(void)state;
	for (int c = 0; c < 256; c++)
		if (c != '\r' && c != '\n')
			in[n++] = (char)c;
	memcpy(in + n, "\r\n.\r\n", 5);
	expect(str_of(in, n + 5), true, str_of(in, n + 2), n + 5, true, false);
}

static void
both_sides_of_the_line_length(void **state)
{
	static char in[DATASCAN_LINE_MAX + 10];
	struct result r;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		size_t n = DATASCAN_LINE_MAX + over;

		memset(in, 'x', n);
		memcpy(in + n, "\r\n.\r\n", 5);
		for (size_t at = 0; at < n; at += 9973) {
			scan(str_of(in, n + 5), true, at, &r);
			assert_true(r.ended);
			assert_int_equal(r.longer, over);
			assert_int_equal(r.out.n, n + 2);
			buf_free(&r.out);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ordinary_ends),
	    cmocka_unit_test(dots_are_unstuffed),
	    cmocka_unit_test(smuggled_ends_end_nothing),
	    cmocka_unit_test(bare_line_ends),
	    cmocka_unit_test(chunks_keep_their_dots),
	    cmocka_unit_test(any_octet_passes),
	    cmocka_unit_test(both_sides_of_the_line_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
