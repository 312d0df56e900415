/* output_test.c - JSON that others can read, sizes that people can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/mem.h"
#include "ctl/output.h"
#include "ctl/password.h"

static void
json_is_escaped(void **state)
{
	struct json j;

	(void)state;
	json_init(&j);
	json_open(&j, NULL, '{');
	json_str(&j, "s", STR("a\"b\\c\n\x01\x7f\xc3\xa9"));
	json_str(&j, "latin1", STR("\xe9"));
	json_auto(&j, "n", STR("12"));
	json_auto(&j, "t", STR("12x"));
	json_open(&j, "list", '[');
	json_bool(&j, NULL, true);
	json_null(&j, NULL);
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_close(&j, ']');
	json_num(&j, "u", UINT64_MAX);
	json_close(&j, '}');
	assert_string_equal(j.b.p,
	    "{\"s\":\"a\\\"b\\\\c\\n\\u0001\\u007f\xc3\xa9\",\"latin1\":\"\\u00e9\","
	    "\"n\":12,\"t\":\"12x\",\"list\":[true,null,{}],\"u\":18446744073709551615}");
	buf_free(&j.b);
}

/* What senders of mail write into addresses and reports comes to the operator's terminal. */
static void
nothing_moves_the_cursor(void **state)
{
	static const struct {
		const char *text, *shown, *json;
	} rows[] = {
	    {"caf\xc3\xa9 \xf0\x9f\x8c\xb1", "caf\xc3\xa9 \xf0\x9f\x8c\xb1",
		"\"caf\xc3\xa9 \xf0\x9f\x8c\xb1\""},
	    {"a\x1b[31mb", "a?[31mb", "\"a\\u001b[31mb\""},
	    {"a\xc2\x9b"
	     "31mb",
		"a?31mb", "\"a\\u009b31mb\""},
	    {"a\xe2\x80\xaegpj.b", "a?gpj.b", "\"a\\u202egpj.b\""},
	    {"a\xe2\x80\xa8"
	     "b",
		"a?b", "\"a\\u2028b\""},
	    {"a\xf3\xa0\x80\x81"
	     "b",
		"a?b", "\"a\\udb40\\udc01b\""},
	    {"a\x9b"
	     "31mb",
		"a?31mb", "\"a\\u009b31mb\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[64] = "";
		struct json j;
		FILE *f = fmemopen(out, sizeof(out), "w");

		assert_non_null(f);
		out_str(f, str_z(rows[i].text));
		fclose(f);
		assert_string_equal(out, rows[i].shown);
		json_init(&j);
		json_str(&j, NULL, str_z(rows[i].text));
		assert_true(str_eq_z(buf_view(&j.b), rows[i].json));
		buf_free(&j.b);
	}
}

static void
sizes_are_short(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_string_equal(out_size(STR("0"), &a).p, "0 B");
	assert_string_equal(out_size(STR("1023"), &a).p, "1023 B");
	assert_string_equal(out_size(STR("1536"), &a).p, "1.5 KiB");
	assert_string_equal(out_size(STR("1073741824"), &a).p, "1.0 GiB");
	assert_true(str_eq_z(out_size(STR("none"), &a), "none"));
	arena_free(&a);
}

static void
made_passwords_differ(void **state)
{
	char one[PASSWORD_MAX], two[PASSWORD_MAX];

	(void)state;
	password_make(one);
	password_make(two);
	assert_int_equal(strlen(one), 19);
	assert_string_not_equal(one, two);
}

static void
words_are_quoted_for_a_shell(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_string_equal(out_word("/a/b_c.d-e", &a), "/a/b_c.d-e");
	assert_string_equal(out_word("a b", &a), "'a b'");
	assert_string_equal(out_word("it's $x", &a), "'it'\\''s $x'");
	assert_string_equal(out_word("", &a), "''");
	assert_string_equal(out_word("~", &a), "'~'");
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_is_escaped),
	    cmocka_unit_test(nothing_moves_the_cursor),
	    cmocka_unit_test(sizes_are_short),
	    cmocka_unit_test(made_passwords_differ),
	    cmocka_unit_test(words_are_quoted_for_a_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
