/* address_test.c - SMTP addresses and addresses of ours. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/address.h"

static struct arena arena;
static struct err err;

static void
equal(struct str got, const char *want)
{
	if (!str_eq_z(got, want))
		fail_msg("got \"" STR_FMT "\", want \"%s\"", STR_ARG(got), want);
}

static void
test_paths(void **state)
{
	static const struct {
		const char *in, *text, *rest;
	} good[] = {
	    {"<a@x.test>", "a@x.test", ""},
	    {"<A.b@X.Test> SIZE=3", "A.b@x.test", " SIZE=3"},
	    {"<@one.test,@two.test:a@x.test>", "a@x.test", ""},
	    {"<\"a\"@x.test>", "a@x.test", ""},
	    {"<\"a b\"@x.test>", "\"a b\"@x.test", ""},
	    {"<\"a\\\"b\\c\"@x.test>", "\"a\\\"bc\"@x.test", ""},
	    {"<\"\"@x.test>", "\"\"@x.test", ""},
	    {"<a@[192.0.2.1]>", "a@[192.0.2.1]", ""},
	    {"<a@[IPv6:2001:DB8::1]>", "a@[ipv6:2001:db8::1]", ""},
	    {"<>", "", ""},
	    {"<PostMaster>", "PostMaster", ""},
	    {"<J\xc3\xbcrgen@B\xc3\x9c"
	     "cher.test>",
		"J\xc3\xbcrgen@b\xc3\xbc"
		"cher.test",
		""},
	    {"<a@e\xcc\x81.test>", "a@\xc3\xa9.test", ""}, /* NFC */
	    {"<!#$%&'*+-/=?^_`{|}~@x.test>", "!#$%&'*+-/=?^_`{|}~@x.test", ""},
	    {"<a@x>b", "a@x", "b"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct str in = str_z(good[i].in);
		struct address a;

		if (address_path(&in, ADDRESS_UTF8 | ADDRESS_NULL | ADDRESS_POSTMASTER, &arena, &a,
			&err) < 0)
			fail_msg("%s: %s", good[i].in, err.text);
		equal(a.text, good[i].text);
		equal(in, good[i].rest);
	}
}

static void
test_bad_paths(void **state)
{
	static const char *const bad[] = {"", "a@x.test", "<a@x.test", "<a>", "<@x.test>", "<a@>",
	    "<a@x..test>", "<a@.x>", "<a@x.>", "<a@-x.test>", "<a@x-.test>", "<.a@x>", "<a.@x>",
	    "<a..b@x>", "<a b@x>", "<a@x y>", "<\"a@x>", "<\"a\"b@x>", "<a@[1.2.3]>",
	    "<a@[1.2.3.256]>", "<a@[IPv6:1::2::3]>", "<a@[x-tag:y]>", "<a@[1.2.3.4>",
	    "<a@x_y.test>", "<a@x\xff.test>", "<\xff@x>", "<@a@b:c@d>", "<@a,b:c@d>", "<@a b@c>",
	    "<\"a\nb\"@x>", "<a\x01@x>", "< a@x>", "<a@x >", "<@a:>", "<<a@x>>",
	    "<\"\\\xc3\xa9\"@x>"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct str in = str_z(bad[i]);
		struct address a;

		if (address_path(&in, ADDRESS_UTF8, &arena, &a, &err) == 0)
			fail_msg("taken: %s", bad[i]);
		equal(in, bad[i]);
	}
}

static void
test_flags(void **state)
{
	struct address a;
	struct str s;

	(void)state;
	s = STR("<>");
	assert_int_equal(address_path(&s, ADDRESS_POSTMASTER, &arena, &a, &err), -1);
	s = STR("<postmaster>");
	assert_int_equal(address_path(&s, ADDRESS_NULL, &arena, &a, &err), -1);
	assert_int_equal(address_parse(STR("\xc3\xa9@x.test"), 0, &arena, &a, &err), -1);
	assert_int_equal(address_parse(STR("a@\xc3\xa9.test"), 0, &arena, &a, &err), -1);
	assert_int_equal(address_parse(STR("a@\xc3\xa9.test"), ADDRESS_UTF8, &arena, &a, &err), 0);
	assert_true(a.utf8);
	assert_int_equal(address_parse(STR("a@[1.2.3.4]"), 0, &arena, &a, &err), 0);
	assert_true(a.literal && !a.utf8);
}

/* RFC 5321 4.5.3.1: both sides of each limit. */
static void
test_limits(void **state)
{
	char text[400];
	struct address a;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + 64, "@x.test", 7);
	assert_int_equal(address_parse(str_of(text, 71), 0, &arena, &a, &err), 0);
	text[64] = 'a';
	memcpy(text + 65, "@x.test", 7);
	assert_int_equal(address_parse(str_of(text, 72), 0, &arena, &a, &err), -1);
	assert_int_equal(err.code, E_LIMIT);
	/* a@ and labels of 63 up to 254 octets in all */
	memset(text, 'a', sizeof(text));
	text[1] = '@';
	for (size_t i = 65; i < 254; i += 64)
		text[i] = '.';
	assert_int_equal(address_parse(str_of(text, 254), 0, &arena, &a, &err), 0);
	assert_int_equal(address_parse(str_of(text, 255), 0, &arena, &a, &err), -1);
	assert_int_equal(err.code, E_LIMIT);
	text[65] = 'a';
	assert_int_equal(address_parse(str_of(text, 100), 0, &arena, &a, &err), -1);
}

static void
test_canonical(void **state)
{
	struct str out;

	(void)state;
	assert_int_equal(address_canonical(STR("Alice+Tag@Example.TEST"), &arena, &out, &err), 0);
	equal(out, "alice+tag@example.test");
	assert_int_equal(address_canonical(STR("\xc3\x89Ve@X.test"), &arena, &out, &err), 0);
	equal(out, "\xc3\xa9ve@x.test");
	assert_int_equal(address_canonical(STR("alice"), &arena, &out, &err), -1);
	assert_int_equal(address_domain(STR("Mail.Example.Test"), 0, &arena, &out, &err), 0);
	equal(out, "mail.example.test");
	assert_int_equal(address_domain(STR("[1.2.3.4]"), 0, &arena, &out, &err), -1);
	assert_int_equal(address_domain(STR(""), 0, &arena, &out, &err), -1);
	assert_int_equal(address_domain(STR("a@b"), 0, &arena, &out, &err), -1);
}

static void
test_tags(void **state)
{
	struct str user, tag;

	(void)state;
	address_split_tag(STR("alice+a+b"), '+', &user, &tag);
	equal(user, "alice");
	equal(tag, "a+b");
	address_split_tag(STR("alice"), '+', &user, &tag);
	equal(user, "alice");
	assert_null(tag.p);
	address_split_tag(STR("+x"), '+', &user, &tag);
	equal(user, "+x");
	address_split_tag(STR("alice+"), '+', &user, &tag);
	equal(user, "alice");
	assert_non_null(tag.p);
	assert_true(address_split(STR("\"a@b\"@x"), &user, &tag));
	equal(user, "\"a@b\"");
	equal(tag, "x");
	assert_false(address_split(STR("alice"), &user, &tag));
}

static void
test_homes(void **state)
{
	static const char *const bad[] = {"a", "A@x.test", "a/b@x.test", "\".a\"@x.test",
	    "\"..\"@x.test", "a@[1.2.3.4]", "\"\"@x.test", "\"a\\\\b\"@x.test",
	    "a\xe2\x80\xae@x.test" /* U+202E */, "a@X.test"};
	char home[ADDRESS_HOME_SIZE];

	(void)state;
	assert_int_equal(address_home(STR("alice@example.test"), home, &err), 0);
	assert_string_equal(home, "example.test/alice");
	assert_int_equal(address_home(STR("\"a b\"@example.test"), home, &err), 0);
	assert_string_equal(home, "example.test/a b");
	assert_int_equal(address_home(STR("\xc3\xa9ve@example.test"), home, &err), 0);
	assert_string_equal(home, "example.test/\xc3\xa9ve");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (address_home(str_z(bad[i]), home, &err) == 0)
			fail_msg("a home for %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_bad_paths), cmocka_unit_test(test_flags),
	    cmocka_unit_test(test_limits), cmocka_unit_test(test_canonical),
	    cmocka_unit_test(test_tags), cmocka_unit_test(test_homes)};
	int rc;

	arena_init(&arena);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return rc;
}
