#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/saslprep.h"

/* The prepared form, or NULL. */
static const char *
prep(const char *in, size_t n)
{
	static char out[SASLPREP_MAX + 1];
	struct buf b;
	int rc;

	buf_init(&b, SASLPREP_MAX);
	rc = saslprep(str_of(in, n), &b, NULL);
	if (rc == 0)
		memcpy(out, b.p, b.n + 1);
	buf_free(&b);
	return rc == 0 ? out : NULL;
}

#define PREP(lit) prep(lit, sizeof(lit) - 1)

static void
rfc_4013_examples(void **state)
{
	(void)state;
	assert_string_equal(PREP("I\xc2\xadX"), "IX");
	assert_string_equal(PREP("user"), "user");
	assert_string_equal(PREP("USER"), "USER");
	assert_string_equal(PREP("\xc2\xaa"), "a");
	assert_string_equal(PREP("\xe2\x85\xa8"), "IX");
	assert_null(PREP("\x07"));
	assert_null(PREP("\xd8\xa7\x31"));
}

static void
spaces_and_compositions(void **state)
{
	(void)state;
	assert_string_equal(PREP("a\xc2\xa0"
				 "b"),
	    "a b");
	assert_string_equal(PREP("pa ss word"), "pa ss word");
	assert_string_equal(PREP("e\xcc\x81"), "\xc3\xa9");
	assert_string_equal(PREP("\xc3\xa9"), "\xc3\xa9");
	assert_string_equal(PREP("\xd8\xa7\xd8\xa8"), "\xd8\xa7\xd8\xa8");
}

static void
prohibited_characters(void **state)
{
	(void)state;
	assert_null(PREP(""));
	assert_null(PREP("\xc2\xad"));
	assert_null(PREP("a\x7f"));
	assert_null(PREP("a\0b"));
	assert_null(PREP("a\xc2\x85"));
	assert_null(PREP("a\xee\x80\x80"));
	assert_null(PREP("a\xef\xbf\xbd"));
	assert_null(PREP("a\xe2\x80\xae"
			 "b"));
	assert_null(PREP("a\xef\xbf\xbe"));
	assert_null(PREP("\xff"));
	assert_null(PREP("\xed\xa0\x80"));
	assert_null(PREP("\xc3"));
}

static void
lengths(void **state)
{
	char long_one[SASLPREP_MAX + 1];

	(void)state;
	memset(long_one, 'a', sizeof(long_one));
	assert_non_null(prep(long_one, SASLPREP_MAX));
	assert_null(prep(long_one, SASLPREP_MAX + 1));
	/* One that grows: U+FDFA is 18 characters of NFKC. */
	for (size_t i = 0; i + 3 <= SASLPREP_MAX; i += 3)
		memcpy(long_one + i, "\xef\xb7\xba", 3);
	assert_null(prep(long_one, 1023));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rfc_4013_examples),
	    cmocka_unit_test(spaces_and_compositions),
	    cmocka_unit_test(prohibited_characters),
	    cmocka_unit_test(lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
