/*
 * fixture.c - the real gk-mcpd with the tools, resources and prompts that the public conformance
 * suite asks for (@modelcontextprotocol/conformance) in place of ours: linked in front of the
 * methods that list and run them. Never in the product.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "io/loop.h"
#include "mcpd/method.h"
#include "mcpd/request_in.h"

#define PNG                                                                               \
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gA" \
	"AAABJRU5ErkJggg=="
#define WAV     "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
#define NAME    "test_input_required_result_"
#define TEXT(t) "{\"type\":\"text\",\"text\":\"" t "\"}"
#define IMAGE   "{\"type\":\"image\",\"data\":\"" PNG "\",\"mimeType\":\"image/png\"}"
#define EMBEDDED                                                                     \
	"{\"type\":\"resource\",\"resource\":{\"uri\":\"test://embedded-resource\"," \
	"\"mimeType\":\"text/plain\",\"text\":\"This is an embedded resource content.\"}}"
#define FORM(message, properties, required)                                                       \
	"{\"method\":\"elicitation/create\",\"params\":{\"mode\":\"form\",\"message\":\"" message \
	"\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{" properties                 \
	"},\"required\":[" required "]}}}"
#define ASK_NAME \
	"\"user_name\":" FORM("What is your name?", "\"name\":{\"type\":\"string\"}", "\"name\"")
#define ASK_OK    "\"confirm\":" FORM("Please confirm", "\"ok\":{\"type\":\"boolean\"}", "\"ok\"")
#define ASK_ROOTS "\"client_roots\":{\"method\":\"roots/list\",\"params\":{}}"
#define ASK_MODEL(key, text)                                                                      \
	"\"" key "\":{\"method\":\"sampling/createMessage\",\"params\":{\"messages\":[{\"role\":" \
	"\"user\",\"content\":{\"type\":\"text\",\"text\":\"" text "\"}}],\"maxTokens\":100}}"

/* What is answered, or asked first. content: parts of a result; ask: requests of ours. */
static const struct fixture {
	const char *name, *content, *ask;
} fixtures[] = {
    {"test_simple_text", TEXT("This is a simple text response for testing."), NULL},
    {"test_image_content", IMAGE, NULL},
    {"test_audio_content", "{\"type\":\"audio\",\"data\":\"" WAV "\",\"mimeType\":\"audio/wav\"}",
	NULL},
    {"test_embedded_resource", EMBEDDED, NULL},
    {"test_multiple_content_types", TEXT("Multiple content types test:") "," IMAGE "," EMBEDDED,
	NULL},
    {"test_error_handling", NULL, NULL},
    {"test_tool_with_progress", TEXT("progress"), NULL},
    {"test_tool_with_logging", TEXT("logged"), NULL},
    {"test_logging_tool", TEXT("logged"), NULL},
    {"test_sampling", TEXT("LLM response: there was one"), ASK_MODEL("s", "Test prompt")},
    {"test_elicitation", TEXT("User response: there was one"),
	"\"e\":" FORM("Please provide your information",
	    "\"username\":{\"type\":\"string\"},\"email\":{\"type\":\"string\"}",
	    "\"username\",\"email\"")},
    {"test_elicitation_sep1034_defaults", TEXT("Elicitation completed"),
	"\"e\":" FORM("Please review",
	    "\"name\":{\"type\":\"string\",\"default\":\"John Doe\"},"
	    "\"age\":{\"type\":\"integer\",\"default\":30},"
	    "\"score\":{\"type\":\"number\",\"default\":95.5},"
	    "\"status\":{\"type\":\"string\",\"enum\":[\"active\",\"inactive\",\"pending\"],"
	    "\"default\":\"active\"},\"verified\":{\"type\":\"boolean\",\"default\":true}",
	    "")},
    {"test_elicitation_sep1330_enums", TEXT("Elicitation completed"),
	"\"e\":" FORM("Please select",
	    "\"untitledSingle\":{\"type\":\"string\",\"enum\":[\"option1\",\"option2\","
	    "\"option3\"]},\"titledSingle\":{\"type\":\"string\",\"oneOf\":[{\"const\":\"value1\","
	    "\"title\":\"First Option\"},{\"const\":\"value2\",\"title\":\"Second Option\"},"
	    "{\"const\":\"value3\",\"title\":\"Third Option\"}]},\"legacyEnum\":{\"type\":"
	    "\"string\",\"enum\":[\"opt1\",\"opt2\",\"opt3\"],\"enumNames\":[\"Option One\","
	    "\"Option Two\",\"Option Three\"]},\"untitledMulti\":{\"type\":\"array\","
	    "\"minItems\":1,\"maxItems\":3,\"items\":{\"type\":\"string\",\"enum\":[\"option1\","
	    "\"option2\",\"option3\"]}},\"titledMulti\":{\"type\":\"array\",\"minItems\":1,"
	    "\"maxItems\":3,\"items\":{\"anyOf\":[{\"const\":\"value1\",\"title\":\"First "
	    "Choice\"},{\"const\":\"value2\",\"title\":\"Second Choice\"},{\"const\":\"value3\","
	    "\"title\":\"Third Choice\"}]}}",
	    "")},
    {"test_missing_capability", TEXT("asked"), ASK_MODEL("s", "x")},
    {"test_streaming_elicitation", TEXT("done"), ASK_NAME},
    {NAME "elicitation", TEXT("Hello!"), ASK_NAME},
    {NAME "sampling", TEXT("done"),
	ASK_MODEL("capital_question", "What is the capital of France?")},
    {NAME "list_roots", TEXT("file:///test/root"), ASK_ROOTS},
    {NAME "request_state", TEXT("state-ok"), ASK_OK},
    {NAME "tampered_state", TEXT("state-ok"), ASK_OK},
    {NAME "multiple_inputs", TEXT("done"),
	ASK_NAME "," ASK_MODEL("greeting", "Generate a greeting") "," ASK_ROOTS},
    {NAME "multi_round", TEXT("done"), ASK_NAME},
    {NAME "capabilities", TEXT("done"), ASK_MODEL("s", "x")},
};

void __wrap_mcp_tools_list(struct mcp_call *c);
void __wrap_mcp_tools_call(struct mcp_call *c);
void __wrap_mcp_resources_list(struct mcp_call *c);
void __wrap_mcp_resource_templates(struct mcp_call *c);
void __wrap_mcp_resources_read(struct mcp_call *c);
void __wrap_mcp_complete(struct mcp_call *c);
void __wrap_mcp_prompts_list(struct mcp_call *c);
void __wrap_mcp_prompts_get(struct mcp_call *c);
bool __wrap_mcp_resource_known(struct str uri);

static cJSON *
tree(const char *text)
{
	cJSON *v = json_parse(str_z(text), 10000, NULL);

	assume(v != NULL);
	return v;
}

/* The result is that text. */
static void
end(struct mcp_call *c, const char *text)
{
	c->result = tree(text);
	mcp_cacheable(c, 0, "private");
	cJSON *v = c->result;

	c->result = NULL;
	request_done(c->request, v, true, "ok");
}

static void
answer(struct mcp_call *c, const char *before, const char *content, const char *after)
{
	struct buf b;

	buf_init(&b, 65536);
	buf_puts(&b, before);
	buf_puts(&b, content);
	buf_puts(&b, after);
	request_done(c->request, tree(b.p), true, "ok");
	buf_free(&b);
}

static void
ask(struct mcp_call *c, const char *requests, cJSON *state)
{
	struct buf b;

	buf_init(&b, 65536);
	buf_putc(&b, '{');
	buf_puts(&b, requests);
	buf_putc(&b, '}');
	mcp_ask(c, tree(b.p), state);
	buf_free(&b);
}

/* Each of the keys was answered by an object. */
static bool
answered(struct mcp_call *c, const char *requests)
{
	struct buf b;
	cJSON *all;
	const cJSON *one;
	bool yes = c->answers != NULL;

	buf_init(&b, 65536);
	buf_putc(&b, '{');
	buf_puts(&b, requests);
	buf_putc(&b, '}');
	all = tree(b.p);
	cJSON_ArrayForEach(one, all) yes = yes && json_get(c->answers, one->string) != NULL;
	cJSON_Delete(all);
	buf_free(&b);
	return yes;
}

static void
multi_round(struct mcp_call *c)
{
	if (c->asked == NULL)
		ask(c,
		    "\"step1\":" FORM(
			"Step 1: What is your name?", "\"name\":{\"type\":\"string\"}", "\"name\""),
		    tree("{\"round\":1}"));
	else if (json_get(c->answers, "step2") == NULL)
		ask(c,
		    "\"step2\":" FORM("Step 2: What is your favorite color?",
			"\"color\":{\"type\":\"string\"}", "\"color\""),
		    tree("{\"round\":2}"));
	else
		answer(c, "{\"content\":[", TEXT("done"), "]}");
}

void
__wrap_mcp_tools_call(struct mcp_call *c)
{
	struct str name = json_str(json_get(c->args, "name"));
	const struct fixture *f = NULL;

	for (size_t i = 0; i < ARRAY_LEN(fixtures); i++)
		if (str_eq_z(name, fixtures[i].name))
			f = &fixtures[i];
	if (f == NULL) {
		mcp_fail_call(c, MCP_INVALID_PARAMS, "Unknown tool");
		return;
	}
	if (f->content == NULL) {
		answer(c, "{\"isError\":true,\"content\":[",
		    TEXT("This tool intentionally returns an error for testing"), "]}");
		return;
	}
	if (strcmp(f->name, NAME "multi_round") == 0) {
		multi_round(c);
		return;
	}
	if (f->ask != NULL && !answered(c, f->ask)) {
		ask(c, f->ask, NULL);
		return;
	}
	if (strcmp(f->name, "test_tool_with_progress") == 0)
		for (int i = 1; i <= 3; i++)
			mcp_progress(c, i, 3, "step");
	if (strcmp(f->name, "test_tool_with_logging") == 0 ||
	    strcmp(f->name, "test_logging_tool") == 0)
		for (int i = 1; i <= 3; i++)
			mcp_log(c, MCP_INFO, "Tool log %d", i);
	answer(c, "{\"content\":[", f->content, "]}");
}

void
__wrap_mcp_tools_list(struct mcp_call *c)
{
	struct buf b;

	buf_init(&b, 65536);
	buf_puts(&b, "{\"tools\":[");
	for (size_t i = 0; i < ARRAY_LEN(fixtures); i++)
		buf_printf(&b,
		    "%s{\"name\":\"%s\",\"description\":\"For the conformance suite\","
		    "\"inputSchema\":{\"type\":\"object\"}}",
		    i > 0 ? "," : "", fixtures[i].name);
	buf_puts(&b, "]}");
	end(c, b.p);
	buf_free(&b);
}

void
__wrap_mcp_resources_list(struct mcp_call *c)
{
	end(c, "{\"resources\":[{\"uri\":\"test://static-text\",\"name\":\"static-text\","
	       "\"description\":\"text\",\"mimeType\":\"text/plain\"},{\"uri\":"
	       "\"test://static-binary\",\"name\":\"static-binary\",\"description\":\"image\","
	       "\"mimeType\":\"image/png\"},{\"uri\":\"test://watched-resource\",\"name\":"
	       "\"watched\",\"description\":\"watched\",\"mimeType\":\"text/plain\"}]}");
}

void
__wrap_mcp_resource_templates(struct mcp_call *c)
{
	end(c, "{\"resourceTemplates\":[{\"uriTemplate\":\"test://template/{id}/data\",\"name\":"
	       "\"template\",\"description\":\"template\",\"mimeType\":\"application/json\"}]}");
}

void
__wrap_mcp_resources_read(struct mcp_call *c)
{
	struct str uri = json_str(json_get(c->args, "uri"));

	if (str_eq_z(uri, "test://static-text") || str_eq_z(uri, "test://watched-resource"))
		end(c, "{\"contents\":[{\"uri\":\"test://static-text\",\"mimeType\":\"text/plain\","
		       "\"text\":\"This is the content of the static text resource.\"}]}");
	else if (str_eq_z(uri, "test://static-binary"))
		end(c,
		    "{\"contents\":[{\"uri\":\"test://static-binary\",\"mimeType\":\"image/png\","
		    "\"blob\":\"" PNG "\"}]}");
	else if (str_eq_z(uri, "test://template/123/data"))
		end(c,
		    "{\"contents\":[{\"uri\":\"test://template/123/data\",\"mimeType\":"
		    "\"application/json\",\"text\":\"{\\\"id\\\":\\\"123\\\",\\\"templateTest\\\":"
		    "true,\\\"data\\\":\\\"Data for ID: 123\\\"}\"}]}");
	else
		mcp_fail_call(c,
		    c->request->message.modern ? MCP_INVALID_PARAMS : MCP_RESOURCE_NOT_FOUND,
		    "Resource not found");
}

bool
__wrap_mcp_resource_known(struct str uri)
{
	return str_starts(uri, STR("test://"));
}

void
__wrap_mcp_complete(struct mcp_call *c)
{
	answer(c, "{\"completion\":{\"values\":[", "\"test\"", "],\"total\":1,\"hasMore\":false}}");
}

/* ---- prompts ---- */

#define MESSAGE(content) "{\"role\":\"user\",\"content\":" content "}"

void
__wrap_mcp_prompts_list(struct mcp_call *c)
{
	end(c,
	    "{\"prompts\":[{\"name\":\"test_simple_prompt\",\"description\":\"simple\"},"
	    "{\"name\":\"test_prompt_with_arguments\",\"description\":\"arguments\",\"arguments\":["
	    "{\"name\":\"arg1\",\"description\":\"first\",\"required\":true},"
	    "{\"name\":\"arg2\",\"description\":\"second\",\"required\":true}]},"
	    "{\"name\":\"test_prompt_with_embedded_resource\",\"description\":\"resource\","
	    "\"arguments\":[{\"name\":\"resourceUri\",\"description\":\"uri\",\"required\":true}]},"
	    "{\"name\":\"test_prompt_with_image\",\"description\":\"image\"},"
	    "{\"name\":\"" NAME "prompt\",\"description\":\"asks\"}]}");
}

static void
with_arguments(struct mcp_call *c)
{
	const cJSON *args = json_get(c->args, "arguments");
	struct buf b, text;

	buf_init(&text, 8192);
	buf_init(&b, 65536);
	buf_printf(&text, "Prompt with arguments: arg1='" STR_FMT "', arg2='" STR_FMT "'",
	    STR_ARG(json_str(json_get(args, "arg1"))), STR_ARG(json_str(json_get(args, "arg2"))));
	buf_puts(&b, "{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":");
	json_print_str(buf_view(&text), &b);
	buf_puts(&b, "}}");
	answer(c, "{\"messages\":[", b.p, "]}");
	buf_free(&b);
	buf_free(&text);
}

static void
with_resource(struct mcp_call *c)
{
	struct str uri = json_str(json_get(json_get(c->args, "arguments"), "resourceUri"));
	struct buf b;

	buf_init(&b, 65536);
	buf_puts(
	    &b, "{\"role\":\"user\",\"content\":{\"type\":\"resource\",\"resource\":{\"uri\":");
	json_print_str(uri, &b);
	buf_puts(&b, ",\"mimeType\":\"text/plain\",\"text\":\"Embedded resource content for "
		     "testing.\"}}}," MESSAGE(TEXT("Please process the embedded resource above.")));
	answer(c, "{\"messages\":[", b.p, "]}");
	buf_free(&b);
}

void
__wrap_mcp_prompts_get(struct mcp_call *c)
{
	static const char asks[] = "\"user_context\":" FORM("What context should the prompt use?",
	    "\"context\":{\"type\":\"string\"}", "\"context\"");
	struct str name = json_str(json_get(c->args, "name"));

	if (str_eq_z(name, "test_simple_prompt"))
		answer(c, "{\"messages\":[", MESSAGE(TEXT("This is a simple prompt for testing.")),
		    "]}");
	else if (str_eq_z(name, "test_prompt_with_arguments"))
		with_arguments(c);
	else if (str_eq_z(name, "test_prompt_with_embedded_resource"))
		with_resource(c);
	else if (str_eq_z(name, "test_prompt_with_image"))
		answer(c, "{\"messages\":[",
		    MESSAGE(IMAGE) "," MESSAGE(TEXT("Please analyze the image above.")), "]}");
	else if (str_eq_z(name, NAME "prompt") && !answered(c, asks))
		ask(c, asks, NULL);
	else if (str_eq_z(name, NAME "prompt"))
		answer(c, "{\"messages\":[", MESSAGE(TEXT("context")), "]}");
	else
		mcp_fail_call(c, MCP_INVALID_PARAMS, "Unknown prompt");
}
