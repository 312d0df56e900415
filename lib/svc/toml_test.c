/* toml_test.c - the places that errors name, who may add to which table, and every split of a file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "svc/toml.h"

static struct arena arena;
static struct err err;

static const struct toml *
parse(const char *text)
{
	err.text[0] = '\0';
	return toml_parse(str_z(text), "f", &arena, &err);
}

/* The value at a path of bare keys. */
static const struct toml *
at(const struct toml *t, const char *path)
{
	struct str rest = str_z(path), key;
	bool more;

	do {
		more = str_cut(&rest, '.', &key);
		t = toml_get(t, key);
	} while (more && t != NULL);
	return t;
}

static void
refused(const char *text, const char *message)
{
	assert_null(parse(text));
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, E_INVAL);
}

static void
reads_every_kind_of_value(void **state)
{
	const struct toml *t = parse("s = \"a\\tb\\u00e9\"\ni = -0x\nx=1");

	(void)state;
	assert_null(t);
	t = parse("s = \"a\\tb\\u00e9\"\ni = -1_0\nh = 0xFF\nf = 1e3\nb = true\nd = 1979-05-27 "
		  "07:32:00z\n"
		  "a = [1, 'two', [3.0]]\n[t.u]\nv = {w.x = 1}\n");
	assert_non_null(t);
	assert_true(str_eq_z(at(t, "s")->text, "a\tb\xc3\xa9"));
	assert_int_equal(at(t, "i")->i, -10);
	assert_int_equal(at(t, "h")->i, 255);
	assert_true(at(t, "f")->f > 999 && at(t, "f")->f < 1001);
	assert_int_equal(at(t, "b")->type, TOML_BOOL);
	assert_true(str_eq_z(at(t, "d")->text, "1979-05-27T07:32:00Z"));
	assert_int_equal(at(t, "a")->child->next->next->type, TOML_ARRAY);
	assert_int_equal(at(t, "t.u.v.w.x")->i, 1);
	assert_null(at(t, "t.u.v.w.y"));
}

static void
values_know_their_place(void **state)
{
	const struct toml *t = parse("\xEF\xBB\xBF# \xc3\xa9\n[a]\n  \"\xc3\xa9\" =   5\n");
	const struct toml *v = toml_get(at(t, "a"), STR("\xc3\xa9"));

	(void)state;
	assert_int_equal(v->key_line, 3);
	assert_int_equal(v->key_column, 3);
	assert_int_equal(v->line, 3);
	assert_int_equal(v->column, 11); /* characters, not octets */
}

static void
errors_name_the_place_and_the_remedy(void **state)
{
	(void)state;
	refused("a = 1\nb = \n", "f:2:5: a value is missing before the end of the line");
	refused("a = yes\n",
	    "f:1:5: \"yes\" is no value; write true or false, a number, or text in quotes");
	refused("a = 1 b = 2", "f:1:7: the line should end before \"b\"");
	refused("a 1", "f:1:3: \"=\" is missing before \"1\"");
	refused("= 1", "f:1:1: a key is missing before \"=\"");
	refused("[a\n", "f:1:3: \"]\" is missing before the end of the line");
	refused("a = [1 2]", "f:1:8: \",\" or \"]\" is missing before \"2\"");
	refused("a = {b = 1\n}", "f:1:11: \",\" or \"}\" is missing before the end of the line");
	refused("a = 'x\n", "f:1:5: the string has no end: ' is missing");
	refused("a = \"\"\"x", "f:1:5: the string has no end: \"\"\" is missing");
	refused("a = \"C:\\Users\"", "f:1:8: \\U takes 8 hexadecimal digits (write \\\\ for a "
				     "backslash, or put the string in '\xe2\x80\xa6')");
	refused("a = \"C:\\Pu\"",
	    "f:1:8: no such escape; there are \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX "
	    "(write \\\\ for a backslash, or put the string in '\xe2\x80\xa6')");
	refused("a = \"\\ud800\"", "f:1:6: U+D800 is no character");
	refused("a = 010", "f:1:5: a number does not begin with 0 (octal is 0o17)");
	refused("a = 9223372036854775808", "f:1:5: the number does not fit into 64 bits");
	refused("a = 2023-02-29", "f:1:5: not a date; write 1979-05-27");
	refused("x = 1\na = 'ok'\n\xff\n", "f:3:1: this line is not UTF-8 text");
}

static void
a_table_is_defined_once(void **state)
{
	(void)state;
	refused("a = 1\na = 2", "f:2:1: \"a\" stands there already, on line 1");
	refused("[a]\n[a]", "f:2:2: \"a\" stands there already, on line 1");
	refused("a.b = 1\n[a]", "f:2:2: \"a\" stands there already, on line 1");
	refused("[a.b]\n[a]\nb.c = 1", "f:3:1: \"b\" stands there already, on line 1");
	refused("a = {}\na.b = 1", "f:2:1: \"a\" stands there already, on line 1");
	refused("a = {}\n[a.b]", "f:2:2: \"a\" on line 1 is no table that could be added to");
	refused("a = [{}]\n[[a]]", "f:2:3: \"a\" stands there already, on line 1");
	refused("[a]\n[[a]]", "f:2:3: \"a\" stands there already, on line 1");
	assert_non_null(parse("[a.b.c]\n[a]\n[a.b]"));
	assert_non_null(parse("[a]\nb.c = 1\nb.d = 2\n[a.b.e]"));
	assert_non_null(parse("[[a]]\n[a.b]\n[[a]]\n[a.b]"));
}

static void
bounds_hold(void **state)
{
	static char text[100000];
	size_t n;

	(void)state;
	memset(text, '[', 500);
	text[0] = 'a';
	text[1] = '=';
	text[500] = '\0';
	refused(text, "f:1:102: nested too deeply");
	for (n = 0; n < 400; n += 2) {
		text[n] = 'a';
		text[n + 1] = '.';
	}
	snprintf(text + n, 10, "a=1");
	refused(text, "f:1:201: nested too deeply");
	n = (size_t)snprintf(text, 10, "a=[");
	while (n < 25000) {
		text[n++] = '1';
		text[n++] = ',';
	}
	snprintf(text + n, 10, "]");
	assert_null(parse(text));
	assert_non_null(strstr(err.text, "more than 10000 values"));
}

/* Every prefix is read without harm, and what is cut off in the middle of a value is never taken
 * for the whole. */
static void
every_prefix_is_safe(void **state)
{
	static const char text[] = "a = \"\\u00e9\"\nb = '''\nx'''\nc = [1, {d = "
				   "1.5e3}]\n[e.\"f\"]\ng = 1979-05-27T07:32:00Z\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		char *copy = mem_dup(text, n); /* so that ASan sees a read too far */

		toml_parse(str_of(copy, n), "f", &arena, &err);
		free(copy);
	}
	assert_non_null(parse(text));
}

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(reads_every_kind_of_value),
	    T(values_know_their_place),
	    T(errors_name_the_place_and_the_remedy),
	    T(a_table_is_defined_once),
	    T(bounds_hold),
	    T(every_prefix_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
