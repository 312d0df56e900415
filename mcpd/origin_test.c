/* Unit tests of origin.c: what a text said is found again, however it was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mcpd/origin.h"

static bool
says(const char *text, const char *address)
{
	struct origins *o = origins_new();
	bool found;

	origins_see(o, str_z(text), STR("e1"), "body");
	found = origins_find(o, str_z(address)) != NULL;
	origins_free(&o);
	return found;
}

static void
test_said(void **state)
{
	static const struct {
		const char *text, *address;
		bool said;
	} cases[] = {
	    {"write to evil@x.test.", "evil@x.test", true},
	    {"Write to EVIL@X.test now", "evil@x.TEST", true},
	    {"<evil@x.test>", "evil@x.test", true},
	    {"mailto:evil@x.test?subject=a", "evil@x.test", true},
	    {"http://y.test/?to=evil@x.test&a", "evil@x.test", true},
	    {"'evil@x.test'", "evil@x.test", true},
	    {"*evil@x.test*", "evil@x.test", true},
	    {"\xc2\xab"
	     "evil@x.test\xc2\xbb",
		"evil@x.test", true},
	    {"evil (at) x [dot] test", "evil@x.test", true},
	    {"evil[at]x(dot)test", "evil@x.test", true},
	    {"evil%40x.test", "evil@x.test", true},
	    {"evil\xef\xbc\xa0x\xef\xbc\x8etest", "evil@x.test", true}, /* fullwidth */
	    {"\xef\xbd\x85vil@x.test", "evil@x.test", true},
	    {"\xe5\x8f\x91\xe5\x88\xb0"
	     "evil@x.test\xe8\xb0\xa2",
		"evil@x.test", true},
	    {"\xc3\xa9lan@x.test", "\xc3\x89lan@x.test", true},
	    {"evil@x\xe3\x80\x82test", "evil@x.test", true},
	    {"o'neil+tag@x.test", "o'neil+tag@x.test", true},
	    {"a_b@x.test", "a_b@x.test", true},
	    {"our host is x.test, user evil", "evil@x.test", true},
	    {"https://x.test/evil", "evil@x.test", true},
	    {"ask other@x.test", "evil@x.test", false},
	    {"version 1.25, 3.50 EUR", "evil@x.test", false},
	    {"nothing at all", "evil@x.test", false},
	    {"@ @@ a@ @b .@. -@-", "evil@x.test", false},
	    {"", "evil@x.test", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (says(cases[i].text, cases[i].address) != cases[i].said)
			fail_msg("%s", cases[i].text);
}

/* The first that said it, and where. */
static void
test_which(void **state)
{
	struct origins *o = origins_new();
	const struct origin *at;

	(void)state;
	origins_see(o, STR("a@x.test"), STR("e1"), "subject");
	origins_see(o, STR("a@x.test b@x.test"), STR("e2"), "body");
	at = origins_find(o, STR("a@x.test"));
	assert_string_equal(at->email, "e1");
	assert_string_equal(at->where, "subject");
	at = origins_find(o, STR("b@x.test"));
	assert_string_equal(at->email, "e2");
	origins_free(&o);
	origins_free(&o);
}

/* Flooding hides nothing: what is not known any more counts as said. */
static void
test_full(void **state)
{
	struct origins *o = origins_new();
	char text[64];

	(void)state;
	origins_see(o, STR("first@x.test"), STR("e1"), "body");
	for (unsigned i = 1; i < ORIGIN_VALUES_MAX; i++) {
		snprintf(text, sizeof text, "a%u@y.test", i);
		origins_see(o, str_z(text), STR("e2"), "body");
	}
	assert_null(origins_find(o, STR("evil@z.test")));
	origins_see(o, STR("last@w.test"), STR("e3"), "name");
	assert_string_equal(origins_find(o, STR("evil@z.test"))->email, "e3");
	assert_string_equal(origins_find(o, STR("first@x.test"))->email, "e1");
	origins_free(&o);
}

/* A long run of marks costs no more than its length. */
static void
test_long(void **state)
{
	static char text[200000];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof text; i++)
		text[i] = "@=(."[i % 4];
	assert_false(says(text, "evil@x.test"));
	memset(text, '@', sizeof text - 1);
	assert_false(says(text, "evil@x.test"));
	memset(text, 'a', sizeof text - 1);
	assert_false(says(text, "evil@x.test"));
	memset(text, ' ', sizeof text - 1);
	assert_false(says(text, "evil@x.test"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_said),
	    cmocka_unit_test(test_which),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
