/* idna_test.c */
#include "net/idna.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

static void
test_to_ascii(void **state)
{
	static const char *const rows[][2] = {{"Example.ORG", "example.org"},
	    {"example.org.", "example.org"}, {"bücher.example", "xn--bcher-kva.example"},
	    {"BÜCHER.example", "xn--bcher-kva.example"},
	    {"straße.example", "xn--strae-oqa.example"},
	    {"_dmarc.example.org", "_dmarc.example.org"},
	    {"例え.テスト", "xn--r8jz45g.xn--zckzah"}};
	struct arena a;
	struct str out;
	struct err e;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(idna_to_ascii(str_z(rows[i][0]), &a, &out, &e), 0);
		assert_true(str_eq_z(out, rows[i][1]));
	}
	arena_free(&a);
}

static void
test_refused(void **state)
{
	char longer[300];
	struct arena a;
	struct str out;
	struct err e;

	(void)state;
	arena_init(&a);
	memset(longer, 'a', sizeof(longer));
	assert_int_equal(idna_to_ascii(str_of(longer, sizeof(longer)), &a, &out, &e), -1);
	assert_int_equal(idna_to_ascii(STR(""), &a, &out, &e), -1);
	assert_int_equal(idna_to_ascii(STR("."), &a, &out, &e), -1);
	assert_int_equal(idna_to_ascii(STR("\xff\xfe.example"), &a, &out, &e), -1);
	assert_int_equal(idna_to_ascii(STR("a\0b.example"), &a, &out, &e), -1);
	assert_int_equal(idna_to_ascii(STR("a\xe2\x80\x8b"
					   "b\xe2\x98\xba\xcc\x80.example"),
			     &a, &out, &e),
	    -1);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_to_ascii), cmocka_unit_test(test_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
