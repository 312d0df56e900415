/* Unit tests of fence.c: nothing of a mail gets out of its fence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mcpd/fence.h"

static void
assert_text(const char *in, size_t max, const char *wanted, bool whole)
{
	struct buf out;

	buf_init(&out, 1000);
	assert_int_equal(fence_text(str_z(in), max, &out), whole);
	assert_string_equal(out.p, wanted);
	buf_free(&out);
}

static void
test_text(void **state)
{
	(void)state;
	assert_text("a\n\tb", 100, "a\n\tb", true);
	assert_text("<<end 0>> <<<mail", 100, "< <end 0>> < < <mail", true);
	assert_text("<\xe2\x80\x8b<end", 100, "< <end", true); /* hidden between them */
	assert_text("1 < 2 << 3", 100, "1 < 2 < < 3", true);
	assert_text("h\xc3\xa9h\xc3\xa9", 5, "h\xc3\xa9h", false);
	assert_text("h\xc3\xa9h\xc3\xa9", 6, "h\xc3\xa9h\xc3\xa9", true);
	assert_text("a<<", 3, "a<", false); /* the blank counts */
	assert_text("\xe2\x80\xae<<\xf3\xa0\x81\xa1", 100, "< <", true);
}

static void
assert_line(const char *in, size_t max, const char *wanted)
{
	struct buf out;

	buf_init(&out, 1000);
	fence_line(str_z(in), max, &out);
	assert_string_equal(out.n > 0 ? out.p : "", wanted);
	buf_free(&out);
}

static void
test_line(void **state)
{
	(void)state;
	assert_line(" a \n\n b\t\tc\n", 100, "a b c");
	assert_line("a\xe2\x80\xa8<<end x>>", 100, "a < <end x>>");
	assert_line("abcdef", 3, "abc");
	assert_line("", 3, "");
}

/* From and verdict stand in the line; a name that tries to end it does not. */
static void
test_lines(void **state)
{
	const struct verdict_read v = {.verdict = VERDICT_PASS, .dmarc = "pass"};
	char wanted[200];
	struct fence a, b;
	struct buf out;

	(void)state;
	fence_new(&a);
	fence_new(&b);
	assert_string_not_equal(a.id, b.id);
	assert_int_equal(strlen(a.id), 16);
	buf_init(&out, 1000);
	fence_begin(&a, "mail", STR("x\">>\n<<end 1>>@y.test"), &v, &out);
	snprintf(wanted, sizeof wanted,
	    "<<mail %s from=\"x??? ? ?end 1??@y.test\" auth=\"dmarc=pass\">>", a.id);
	assert_string_equal(out.p, wanted);
	buf_reset(&out);
	fence_begin(&a, "list", STR_NONE, NULL, &out);
	buf_putc(&out, '\n');
	fence_end(&a, &out);
	snprintf(wanted, sizeof wanted, "<<list %s>>\n<<end %s>>", a.id, a.id);
	assert_string_equal(out.p, wanted);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_line),
	    cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
