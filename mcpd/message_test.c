/* Unit tests of message.c: what is a message, of which era, what its header fields must say, and
 * how answers look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mcpd/message.h"

#define META(version)                                                             \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" version "\"," \
	"\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{\"url\":{}}}}"
#define MODERN(id, method, params)                                \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method \
	"\",\"params\":{" params META("2026-07-28") "}}"

static struct buf out;

static int
setup(void **state)
{
	(void)state;
	buf_init(&out, 1u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

/* The code of the failure, 0 when it is taken; *status as HTTP would say it. */
static int
code_of(const char *body, const struct mcp_headers *h, bool in_session, unsigned *status)
{
	struct mcp_failure f;
	struct mcp_message m;
	int code = 0;

	if (mcp_message_parse(&m, str_z(body), h, in_session, &f) < 0) {
		code = (int)f.code;
		if (status != NULL)
			*status = mcp_failure_status(&m, &f);
		buf_reset(&out);
		mcp_failure_print(&m, &f, &out);
	}
	mcp_message_done(&m);
	return code;
}

static void
test_json_rpc(void **state)
{
	static const struct {
		const char *body;
		int code;
	} cases[] = {{"", MCP_PARSE_ERROR}, {"{", MCP_PARSE_ERROR}, {"nonsense", MCP_PARSE_ERROR},
	    {"{} {}", MCP_PARSE_ERROR}, {"[]", MCP_INVALID_REQUEST}, {"1", MCP_INVALID_REQUEST},
	    {"{}", MCP_INVALID_REQUEST},
	    {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", MCP_INVALID_REQUEST},
	    {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", MCP_INVALID_REQUEST},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", MCP_INVALID_REQUEST},
	    {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", MCP_INVALID_REQUEST},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1}", MCP_INVALID_REQUEST},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", MCP_INVALID_REQUEST},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}",
		MCP_INVALID_PARAMS},
	    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", 0},
	    {"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/list\",\"params\":{}}", 0},
	    {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", 0},
	    {"{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}", 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (code_of(cases[i].body, NULL, true, NULL) != cases[i].code)
			fail_msg("%s", cases[i].body);
}

static void
test_eras(void **state)
{
	static const char legacy[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}";
	static const char modern[] = MODERN("1", "tools/list", "");
	struct mcp_headers with = {.version = STR("2026-07-28"), .method = STR("tools/list")};
	struct mcp_headers old = {.version = STR("2025-06-18"), .session = STR("s")};
	struct mcp_failure f;
	struct mcp_message m;

	(void)state;
	assert_int_equal(mcp_message_parse(&m, STR(modern), NULL, true, &f), 0);
	assert_true(m.modern && m.kind == MCP_REQUEST && cJSON_IsObject(m.capabilities));
	mcp_message_done(&m);
	assert_int_equal(mcp_message_parse(&m, STR(legacy), NULL, true, &f), 0);
	assert_false(m.modern);
	mcp_message_done(&m);
	/* Nobody began a session, and the message does not say what it is. */
	assert_int_equal(code_of(legacy, NULL, false, NULL), MCP_INVALID_PARAMS);
	assert_int_equal(code_of(modern, &with, false, NULL), 0);
	assert_int_equal(mcp_message_parse(&m, STR(legacy), &old, false, &f), 0);
	assert_false(m.modern);
	mcp_message_done(&m);
	assert_int_equal(
	    mcp_message_parse(&m,
		STR("{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{}}"),
		&(struct mcp_headers){0}, false, &f),
	    0);
	assert_false(m.modern);
	mcp_message_done(&m);
}

static void
test_versions(void **state)
{
	static const char future[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
				     "\"params\":{" META("2031-01-01") "}}";
	unsigned status = 0;

	(void)state;
	assert_int_equal(code_of(future, NULL, false, &status), MCP_UNSUPPORTED_VERSION);
	assert_int_equal(status, 400);
	assert_non_null(strstr(buf_view(&out).p,
	    "\"data\":{\"supported\":[\"2026-07-28\",\"2025-11-25\",\"2025-06-18\",\"2025-03-26\"]"
	    ",\"requested\":\"2031-01-01\"}"));
	assert_int_equal(
	    code_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{"
		    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"
		    "\"2026-07-28\"}}}",
		NULL, false, &status),
	    MCP_INVALID_PARAMS);
	assert_int_equal(status, 400);
}

static void
test_header_fields(void **state)
{
	static const char call[] = MODERN("1", "tools/call", "\"name\":\"r\xc3\xa9sum\xc3\xa9\",");
	static const struct {
		const char *version, *method, *name;
		int code;
	} cases[] = {{"2026-07-28", "tools/call", "=?base64?csOpc3Vtw6k=?=", 0},
	    {"2026-07-28", "tools/call", "r\xc3\xa9sum\xc3\xa9", MCP_HEADER_MISMATCH},
	    {"2026-07-28", "tools/call", "=?base64?csOpc3Vtw6?=", MCP_HEADER_MISMATCH},
	    {"2026-07-28", "tools/call", "=?base64?/w==?=", MCP_HEADER_MISMATCH},
	    {"2026-07-28", "tools/call", "resume", MCP_HEADER_MISMATCH},
	    {"2026-07-28", "tools/call", NULL, MCP_HEADER_MISMATCH},
	    {"2026-07-28", "Tools/Call", "=?base64?csOpc3Vtw6k=?=", MCP_HEADER_MISMATCH},
	    {"2026-07-28", NULL, "=?base64?csOpc3Vtw6k=?=", MCP_HEADER_MISMATCH},
	    {"2025-11-25", "tools/call", "=?base64?csOpc3Vtw6k=?=", MCP_HEADER_MISMATCH},
	    {NULL, "tools/call", "=?base64?csOpc3Vtw6k=?=", MCP_HEADER_MISMATCH}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mcp_headers h = {.version = str_z(cases[i].version),
		    .method = str_z(cases[i].method),
		    .name = str_z(cases[i].name)};
		unsigned status = 400;

		assert_int_equal(code_of(call, &h, false, &status), cases[i].code);
		assert_int_equal(status, 400);
	}
}

static void
test_answers(void **state)
{
	struct mcp_failure f;
	struct mcp_message m;
	cJSON *result = cJSON_CreateObject();

	(void)state;
	assert_int_equal(
	    mcp_message_parse(&m, STR(MODERN("\"x\\n\"", "tools/list", "")), NULL, false, &f), 0);
	json_put_str(result, "a", STR("b"));
	mcp_result_print(&m, result, &out);
	assert_non_null(strstr(buf_view(&out).p,
	    "{\"jsonrpc\":\"2.0\",\"id\":\"x\\n\",\"result\":{\"a\":\"b\",\"_meta\":{"
	    "\"io.modelcontextprotocol/serverInfo\":{\"name\":\"gkmail\",\"version\":"));
	assert_true(str_ends(buf_view(&out), STR("\"resultType\":\"complete\"}}")));
	buf_reset(&out);
	assert_int_equal(mcp_need_capability(&m, "elicitation", "url", &f), 0);
	assert_int_equal(mcp_need_capability(&m, "elicitation", "form", &f), -1);
	assert_int_equal(mcp_failure_status(&m, &f), 400);
	mcp_failure_print(&m, &f, &out);
	assert_string_equal(buf_view(&out).p,
	    "{\"jsonrpc\":\"2.0\",\"id\":\"x\\n\",\"error\":{\"code\":-32021,\"message\":\"the "
	    "client "
	    "has to support elicitation by "
	    "form\",\"data\":{\"requiredCapabilities\":{\"elicitation\":"
	    "{\"form\":{}}}}}}");
	mcp_message_done(&m);
	buf_reset(&out);
	mcp_notification_print("notifications/progress", NULL, &out);
	assert_string_equal(
	    buf_view(&out).p, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_json_rpc, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_eras, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_header_fields, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_answers, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
