/* Where a command ends: every split of the input gives the same commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/imap_frame.h"

static bool
wants(struct str text)
{
	return str_istarts(text, STR("m APPEND x "));
}

static const struct imap_frame_limits limits = {200, 50, wants};

/* Feeds all of in, at most chunk octets in the buffer grow at a time; writes what came of it into
 * out. */
static void
feed(struct str in, size_t first, struct buf *out)
{
	static const char *const names[] = {"", "<go on>", "<message>", "", "<refused>"};
	struct imap_frame f;
	size_t have = first, at = 0;

	imap_frame_init(&f, &limits);
	buf_reset(out);
	while (true) {
		size_t used;
		enum imap_frame_end end = imap_frame_feed(&f, str_sub(in, at, have - at), &used);

		at += used;
		if (end == FRAME_MORE) {
			if (have == in.n)
				break;
			have = in.n;
			continue;
		}
		buf_puts(out, names[end]);
		if (end == FRAME_CONTINUE)
			continue;
		buf_str(out, buf_view(&f.text));
		buf_puts(out, "|");
		imap_frame_reset(&f);
	}
	imap_frame_free(&f);
}

static void
expect(struct str in, const char *want)
{
	struct buf out;

	buf_init(&out, 1u << 20);
	for (size_t i = 0; i <= in.n; i++) {
		feed(in, i, &out);
		if (!str_eq_z(buf_view(&out), want))
			fail_msg("split at %zu:\n%s\nwanted\n%s", i, out.p ? out.p : "", want);
	}
	buf_free(&out);
}

static void
commands(void **state)
{
	(void)state;
	expect(STR("a NOOP\r\nb NOOP\n"), "a NOOP|b NOOP|");
	expect(STR("a LOGIN {3}\r\nx\r\n {2}\r\nyz\r\nb NOOP\r\n"),
	    "<go on><go on>a LOGIN {3}\r\nx\r\n {2}\r\nyz|b NOOP|");
	expect(STR("a LOGIN {3+}\r\n{1} {0+}\r\n\r\nb\r\n"), "a LOGIN {3+}\r\n{1} {0+}\r\n|b|");
	/* A literal's octets announce nothing. */
	expect(STR("a X {3+}\r\n{9}\r\nb\r\n"), "a X {3+}\r\n{9}|b|");
	expect(STR("a X {}\r\nb {x}\r\nc {1\r\n"), "a X {}|b {x}|c {1|");
	expect(STR("m APPEND x {5}\r\n"), "<message>m APPEND x {5}|");
	expect(STR("unfinished"), "");
}

static void
too_much(void **state)
{
	struct buf b, want;

	(void)state;
	/* The client asked: it sends nothing. */
	expect(STR("a X {51}\r\nb NOOP\r\n"), "<refused>a X {51}|b NOOP|");
	/* The client did not ask: it is read and dropped. */
	expect(STR("a X {51+}\r\n012345678901234567890123456789012345678901234567890 y\r\nb\r\n"),
	    "<refused>a X {51+}|b|");
	buf_init(&b, 1u << 20);
	for (int i = 0; i < 300; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, "\r\nb NOOP\r\n");
	buf_init(&want, 1u << 20);
	buf_printf(&want, "<refused>%.200s|b NOOP|", b.p);
	expect(buf_view(&b), want.p);
	buf_free(&want);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commands),
	    cmocka_unit_test(too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
