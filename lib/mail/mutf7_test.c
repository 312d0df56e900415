/* Modified UTF-7: RFC 3501 5.1.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/mutf7.h"

static void
both_ways(void **state)
{
	static const struct {
		const char *wire, *name;
	} pairs[] = {
	    {"INBOX", "INBOX"},
	    {"", ""},
	    {"A&-B", "A&B"},
	    {"&-", "&"},
	    {"&-&-", "&&"},
	    {"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"},
	    {"Entw&APw-rfe", "Entwürfe"},
	    {"&AOk-", "é"},
	    {"&2D3cqQ-", "💩"},
	    {"&AOnYPdyp-x&IKw-", "é💩x€"},
	};
	struct arena a;
	struct str out;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		assert_int_equal(mutf7_decode(str_z(pairs[i].wire), &a, &out), 0);
		assert_true(str_eq_z(out, pairs[i].name));
		assert_int_equal(mutf7_encode(str_z(pairs[i].name), &a, &out), 0);
		assert_true(str_eq_z(out, pairs[i].wire));
	}
	arena_free(&a);
}

static void
refused(void **state)
{
	static const char *const bad[] = {
	    "&",          /* never ends */
	    "&AOk",       /* never ends */
	    "&AE-",       /* half a unit */
	    "&AGE-",      /* "a" in base64 */
	    "&2D0-",      /* a high surrogate alone */
	    "&3Kk-",      /* a low one alone */
	    "&AOk-&AOk-", /* two runs that are one */
	    "&AOl-",      /* bits left over */
	    "&AO k-",     /* not base64 */
	    "&AAo-",      /* a control character */
	    "a\tb",
	    "\xff",
	    "a\x7f",
	};
	struct arena a;
	struct str out;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(mutf7_decode(str_z(bad[i]), &a, &out), -1);
	assert_int_equal(mutf7_encode(STR("\xc3"), &a, &out), -1);
	arena_free(&a);
}

static void
utf8_passes(void **state)
{
	struct arena a;
	struct str out;

	(void)state;
	arena_init(&a);
	assert_int_equal(mutf7_decode(STR("Entwürfe"), &a, &out), 0);
	assert_true(str_eq_z(out, "Entwürfe"));
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_ways),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(utf8_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
