/* Unit tests of the table of tools: schemas that are what we check, names that are found, and hints
 * that do not contradict one another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mcpd/schema.h"
#include "mcpd/tool.h"

#define VALUES_MAX 10000u

static void
test_schemas(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; mcp_tools[i] != NULL; i++) {
		const struct mcp_tool *t = mcp_tools[i];
		cJSON *in = json_parse(str_z(t->input), VALUES_MAX, &e);
		cJSON *out = json_parse(str_z(t->output), VALUES_MAX, &e);

		if (in == NULL || out == NULL || !schema_known(in, &e))
			fail_msg("%s: %s", t->name, e.text);
		assert_string_equal(json_get(in, "type")->valuestring, "object");
		/* What is misspelt is told, not passed over. */
		assert_true(cJSON_IsFalse(json_get(in, "additionalProperties")));
		assert_string_equal(json_get(out, "type")->valuestring, "object");
		cJSON_Delete(in);
		cJSON_Delete(out);
	}
}

static void
test_hints(void **state)
{
	(void)state;
	for (size_t i = 0; mcp_tools[i] != NULL; i++) {
		const struct mcp_tool *t = mcp_tools[i];
		bool reads = (t->hints & MCP_READ_ONLY) != 0;

		assert_ptr_equal(mcp_tool_find(str_z(t->name)), t);
		assert_false(reads && (t->hints & MCP_DESTRUCTIVE) != 0);
		assert_true(!reads || t->scopes == AGENT_READ);
		assert_true(t->scopes != 0 && (t->scopes & ~AGENT_SCOPES) == 0);
	}
	assert_null(mcp_tool_find(STR("send")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_schemas),
	    cmocka_unit_test(test_hints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
