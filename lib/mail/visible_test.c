/* Unit tests of visible.c: what nobody sees is left out, what people write stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/visible.h"

static void
test_visible(void **state)
{
	static const struct {
		const char *in, *out;
		size_t left_out;
	} cases[] = {{"Hello,\n\tworld!", "Hello,\n\tworld!", 0},
	    {"na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac \xd7\xa9\xd7\x9c",
		"na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac \xd7\xa9\xd7\x9c", 0},
	    /* E WITH COMBINING ACUTE stays: it is seen */
	    {"e\xcc\x81", "e\xcc\x81", 0}, {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 0},
	    /* ZERO WIDTH SPACE, JOINER, WORD JOINER, BYTE ORDER MARK, SOFT HYPHEN */
	    {"a\xe2\x80\x8b\xe2\x80\x8d\xe2\x81\xa0\xef\xbb\xbf\xc2\xad"
	     "b",
		"ab", 5},
	    /* RIGHT-TO-LEFT OVERRIDE, FIRST STRONG ISOLATE, ARABIC LETTER MARK */
	    {"gpj.\xe2\x80\xae"
	     "exe\xe2\x81\xa8\xd8\x9c",
		"gpj.exe", 3},
	    /* tag characters that spell "hi", a variation selector of the supplement and of the BMP
	     */
	    {"x\xf3\xa0\x81\xa8\xf3\xa0\x81\xa9\xf3\xa0\x84\x80\xef\xb8\x8f", "x", 4},
	    /* HANGUL FILLER, BRAILLE PATTERN BLANK, private use, a control, ESC */
	    {"\xe3\x85\xa4\xe2\xa0\x80\xee\x80\x80\x01\x1b", "", 5},
	    /* NO-BREAK SPACE and EM SPACE are blanks, LINE SEPARATOR ends a line */
	    {"a\xc2\xa0"
	     "b\xe2\x80\x83"
	     "c\xe2\x80\xa8"
	     "d",
		"a b c\nd", 0},
	    {"\xff"
	     "a\xc3",
		"\xef\xbf\xbd"
		"a\xef\xbf\xbd",
		0}};
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&out);
		assert_int_equal(visible_text(str_z(cases[i].in), 100, &out), cases[i].left_out);
		assert_string_equal(buf_view(&out).p, cases[i].out);
	}
	buf_free(&out);
}

/* Characters are not cut, and what is there before stays. */
static void
test_bounds(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	buf_puts(&out, "> ");
	visible_text(STR("\xc3\xa9\xc3\xa9\xc3\xa9"), 5, &out);
	assert_string_equal(buf_view(&out).p, "> \xc3\xa9\xc3\xa9");
	buf_reset(&out);
	visible_text(STR("\xc3\xa9"), 1, &out);
	assert_int_equal(out.n, 0);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_visible), cmocka_unit_test(test_bounds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
