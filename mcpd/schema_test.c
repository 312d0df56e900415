/* Unit tests of schema.c: arguments that fit a schema, and what is said of those that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mcpd/schema.h"

static const char schema_text[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"query\"],\"properties\":{"
    "\"query\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":5},"
    "\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":50,\"default\":20},"
    "\"unread\":{\"type\":\"boolean\"},"
    "\"sort\":{\"type\":\"string\",\"enum\":[\"newest\",\"oldest\"]},"
    "\"to\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":{\"type\":\"object\","
    "\"required\":[\"email\"],\"properties\":{\"email\":{\"type\":\"string\"}}}}}}";

static void
test_check(void **state)
{
	static const struct {
		const char *value, *says; /* NULL: fits */
	} cases[] = {{"{\"query\":\"a\"}", NULL},
	    {"{\"query\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}", NULL},
	    {"{\"query\":\"a\",\"limit\":50,\"unread\":true,\"sort\":\"oldest\",\"to\":[{\"email\":"
	     "\"x\",\"name\":1}]}",
		NULL},
	    {"{}", "query is missing"}, {"[]", "the arguments have to be an object"},
	    {"{\"query\":7}", "query has to be a string"},
	    {"{\"query\":\"\"}", "query: characters: at least 1"},
	    {"{\"query\":\"abcdef\"}", "query: characters: at most 5"},
	    {"{\"query\":\"a\",\"limit\":0}", "limit: at least 1"},
	    {"{\"query\":\"a\",\"limit\":51}", "limit: at most 50"},
	    {"{\"query\":\"a\",\"limit\":1.5}", "limit has to be an integer"},
	    {"{\"query\":\"a\",\"unread\":\"true\"}", "unread has to be a boolean"},
	    {"{\"query\":\"a\",\"sort\":\"size\"}", "sort: one of newest oldest"},
	    {"{\"query\":\"a\",\"from\":\"b\"}", "from: there is no such argument"},
	    {"{\"query\":\"a\",\"to\":[]}", "to: entries: at least 1"},
	    {"{\"query\":\"a\",\"to\":[{\"email\":\"a\"},{}]}", "to[1].email is missing"},
	    {"{\"query\":\"a\",\"to\":[{\"email\":2}]}", "to[0].email has to be a string"}};
	cJSON *schema = json_parse(STR(schema_text), 1000, NULL);
	struct err e;

	(void)state;
	assert_non_null(schema);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cJSON *v = json_parse(str_z(cases[i].value), 1000, &e);

		assert_non_null(v);
		if (cases[i].says == NULL) {
			assert_int_equal(schema_check(schema, v, &e), 0);
		} else {
			assert_int_equal(schema_check(schema, v, &e), -1);
			assert_string_equal(e.text, cases[i].says);
			assert_int_equal(e.code, E_INVAL);
		}
		cJSON_Delete(v);
	}
	cJSON_Delete(schema);
}

static void
test_known(void **state)
{
	cJSON *schema = json_parse(STR(schema_text), 1000, NULL), *v;
	struct err e;

	(void)state;
	assert_true(schema_known(schema, &e));
	v = cJSON_GetObjectItem(cJSON_GetObjectItem(schema, "properties"), "query");
	json_put_str(v, "pattern", STR("^a"));
	assert_false(schema_known(schema, &e));
	assert_string_equal(e.text, "\"pattern\" is not checked");
	cJSON_Delete(schema);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_check), cmocka_unit_test(test_known)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
