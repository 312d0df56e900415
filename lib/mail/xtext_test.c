/* xtext_test.c - what is xtext, and there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/xtext.h"

static void
test_valid(void **state)
{
	static const char *const good[] = {
	    "", "abc", "rfc822;a@x.test", "a+2Bb", "+00", "a@b\xc3\xa9"};
	static const char *const bad[] = {
	    "a b", "a=b", "+", "a+2", "a+2b", "+G0", "a\x7f", "a\n", "a\xc3", "++2B"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(xtext_valid(str_z(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(xtext_valid(str_z(bad[i])));
}

static void
test_there_and_back(void **state)
{
	struct buf out, back;
	char all[256];

	(void)state;
	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	buf_init(&out, 4096);
	buf_init(&back, 4096);
	xtext_encode(str_of(all, sizeof(all)), &out);
	assert_true(xtext_valid(buf_view(&out)));
	xtext_decode(buf_view(&out), &back);
	assert_true(str_eq(buf_view(&back), str_of(all, sizeof(all))));
	buf_reset(&back);
	xtext_decode(STR("a+2Bb+2bc+"), &back);
	assert_true(str_eq(buf_view(&back), STR("a+b+2bc+")));
	buf_free(&out);
	buf_free(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_valid),
	    cmocka_unit_test(test_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
