/* forged_test.c */
#include "smtpd/forged.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static struct forged found[FORGED_MAX];
static bool more;

static void
test_in_our_name(void **state)
{
	struct str header =
	    STR("Authentication-Results: mx.example.net; dkim=pass\r\n"
		"AUTHENTICATION-RESULTS: (oh)\r\n mx.EXAMPLE.org (yes) 1; dmarc=pass\r\n"
		"Subject: Authentication-Results: mx.example.org\r\n"
		"Authentication-Results: mx.example.org.evil.example; spf=pass\r\n"
		"Authentication-Results : \"mx.example.org\"; none\r\n"
		"Authentication-Results:mx.example.org;none\r\n"
		"\r\nAuthentication-Results: mx.example.org; body\r\n");

	(void)state;
	assert_int_equal(forged_find(header, STR("mx.example.org"), false, found, &more), 3);
	assert_false(more);
	assert_true(str_starts(str_from(header, found[0].at), STR("AUTHENTICATION")));
	assert_true(str_starts(str_from(header, found[0].at + found[0].n), STR("Subject")));
	assert_true(
	    str_starts(str_from(header, found[1].at), STR("Authentication-Results : \"mx")));
	assert_true(str_starts(str_from(header, found[2].at), STR("Authentication-Results:mx")));
}

static void
test_ways_to_write_an_id(void **state)
{
	static const struct {
		const char *value;
		bool ours;
	} rows[] = {
	    {"mx.example.org", true},
	    {"mx.example.org.", true},
	    {"\"mx.ex\\ample.org\"", true},
	    {"(a (b\\) c) d)mx.example.org(x)", true},
	    {"\r\n\tmx.example.org;", true},
	    {"", false},
	    {"\"", false},
	    {"(", false},
	    {"mx.example.orgx", false},
	    {"x mx.example.org", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b;

		buf_init(&b, 1000);
		buf_printf(&b, "Authentication-Results: %s\r\n\r\n", rows[i].value);
		assert_int_equal(
		    forged_find(buf_view(&b), STR("mx.example.org"), false, found, &more),
		    rows[i].ours);
		buf_free(&b);
	}
}

static void
test_spam_fields_and_the_limit(void **state)
{
	struct str header = STR("X-Spam-Status: No\r\nx-spam-flag : NO\r\nX-Spam-Level: *\r\n\r\n");
	struct buf b;

	(void)state;
	assert_int_equal(forged_find(header, STR("h"), false, found, &more), 0);
	assert_int_equal(forged_find(header, STR("h"), true, found, &more), 2);
	buf_init(&b, 100000);
	for (unsigned i = 0; i <= FORGED_MAX; i++)
		buf_puts(&b, "Authentication-Results: h;\r\n");
	assert_int_equal(forged_find(buf_view(&b), STR("h"), true, found, &more), FORGED_MAX);
	assert_true(more);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_in_our_name),
	    cmocka_unit_test(test_ways_to_write_an_id),
	    cmocka_unit_test(test_spam_fields_and_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
