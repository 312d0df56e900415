/* reply_test.c - bodies of both kinds of providers, cut at every place, and bodies that are wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aid/model/reply.h"
#include "base/mem.h"

static char said[4096];

static void
say(void *arg, struct str text)
{
	(void)arg;
	memcpy(said + strlen(said), text.p, text.n);
}

static enum reply_state
read_split(struct reply *r, const struct reply_kind *kind, const char *body, size_t a, size_t b)
{
	struct str s = str_z(body);

	memset(said, 0, sizeof(said));
	reply_init(r, kind);
	r->say = say;
	(void)reply_put(r, str_sub(s, 0, a));
	(void)reply_put(r, str_sub(s, a, b - a));
	(void)reply_put(r, str_from(s, b));
	return reply_end(r);
}

static enum reply_state
read_body(struct reply *r, const struct reply_kind *kind, const char *body)
{
	return read_split(r, kind, body, 0, 0);
}

/* Every cut in two, and octet by octet. */
static void
every_split(const struct reply_kind *kind, const char *body, void (*check)(const struct reply *r))
{
	size_t n = strlen(body);
	struct reply r;

	for (size_t a = 0; a <= n; a++) {
		assert_int_equal(read_split(&r, kind, body, a, a < n ? a + 1 : n), REPLY_DONE);
		check(&r);
		reply_free(&r);
	}
	memset(said, 0, sizeof(said));
	reply_init(&r, kind);
	r.say = say;
	for (size_t a = 0; a < n; a++)
		(void)reply_put(&r, str_of(body + a, 1));
	assert_int_equal(reply_end(&r), REPLY_DONE);
	check(&r);
	reply_free(&r);
}

static void
bad(const struct reply_kind *kind, const char *body, const char *why)
{
	struct reply r;

	assert_int_equal(read_body(&r, kind, body), REPLY_BAD);
	if (strstr(r.error.text, why) == NULL)
		fail_msg("%s: \"%s\" is not \"%s\"", body, r.error.text, why);
	reply_free(&r);
}

#define OLLAMA_TEXT                                                                              \
	"{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"Tu as \"},\"done\":" \
	"false}\r\n"                                                                             \
	"\n"                                                                                     \
	"{\"message\":{\"content\":\"\",\"thinking\":\"hm\"},\"done\":false}\n"                  \
	"{\"message\":{\"content\":\"trois \xc3\xa9t\xc3\xa9s\"},\"done\":false}\n"              \
	"{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\","                \
	"\"prompt_eval_count\":26,\"eval_count\":298}\n"

static void
check_ollama_text(const struct reply *r)
{
	assert_string_equal(said, "Tu as trois \xc3\xa9t\xc3\xa9s");
	assert_true(str_eq_z(buf_view(&r->text), said));
	assert_int_equal(r->ncalls, 0);
	assert_int_equal(r->input_tokens, 26);
	assert_int_equal(r->output_tokens, 298);
	assert_false(r->cut);
}

#define OLLAMA_CALLS                                                                            \
	"{\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{" \
	"\"name\":\"search\",\"arguments\":{\"query\":\"from:bob\",\"limit\":5}}}]},\"done\":"  \
	"false}\n"                                                                              \
	"{\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"flag\","      \
	"\"arguments\":\"{\\\"ids\\\":[\\\"M1\\\"]}\"}},{\"function\":{\"name\":\"undo\"}}]},"  \
	"\"done\":false}\n"                                                                     \
	"{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"length\"}"

static void
check_ollama_calls(const struct reply *r)
{
	assert_int_equal(r->ncalls, 3);
	assert_string_equal(r->calls[0].name, "search");
	assert_true(str_eq_z(json_str(json_get(r->calls[0].args, "query")), "from:bob"));
	assert_string_equal(r->calls[1].name, "flag");
	assert_int_equal(cJSON_GetArraySize(json_get(r->calls[1].args, "ids")), 1);
	assert_string_equal(r->calls[2].name, "undo");
	assert_non_null(r->calls[2].args);
	assert_true(r->cut);
}

#define OPENAI_TEXT                                                                            \
	": comment\r\n"                                                                        \
	"event: message\r\n"                                                                   \
	"data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\n"  \
	"data:{\"choices\":[{\"delta\":{\"content\":\"Tu as \"},\"finish_reason\":null}]}\n\n" \
	"data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"trois\"}}]}\n\n"                \
	"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"                  \
	"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n"   \
	"data: [DONE]\n\n"

static void
check_openai_text(const struct reply *r)
{
	assert_string_equal(said, "Tu as trois");
	assert_int_equal(r->input_tokens, 7);
	assert_int_equal(r->output_tokens, 3);
	assert_int_equal(r->ncalls, 0);
}

#define OPENAI_CALLS                                                                               \
	"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":" \
	"\"function\",\"function\":{\"name\":\"search\",\"arguments\":\"\"}}]}}]}\n\n"             \
	"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"              \
	"\"arguments\":\"{\\\"query\\\":\"}}]}}]}\n\n"                                             \
	"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"              \
	"\"arguments\":\"\\\"from:bob\\\"}\"}}]}}]}\n\n"                                           \
	"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"function\":"  \
	"{\"name\":\"flag\",\"arguments\":{\"seen\":true}}}]}}]}\n\n"                              \
	"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"c\",\"function\":"              \
	"{\"name\":\"undo\"}}]}}]}\n\n"                                                            \
	"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"

static void
check_openai_calls(const struct reply *r)
{
	assert_int_equal(r->ncalls, 3);
	assert_string_equal(r->calls[0].id, "call_1");
	assert_string_equal(r->calls[0].name, "search");
	assert_true(str_eq_z(json_str(json_get(r->calls[0].args, "query")), "from:bob"));
	assert_true(cJSON_IsTrue(json_get(r->calls[1].args, "seen")));
	assert_string_equal(r->calls[2].name, "undo");
	assert_non_null(r->calls[2].args);
}

static void
test_every_split(void **state)
{
	(void)state;
	every_split(&reply_ollama, OLLAMA_TEXT, check_ollama_text);
	every_split(&reply_ollama, OLLAMA_CALLS, check_ollama_calls);
	every_split(&reply_openai, OPENAI_TEXT, check_openai_text);
	every_split(&reply_openai, OPENAI_CALLS, check_openai_calls);
}

static void
test_what_is_no_answer(void **state)
{
	(void)state;
	bad(&reply_ollama, "", "ended too early");
	bad(&reply_ollama, "{\"message\":{\"content\":\"a\"},\"done\":false}\n", "ended too early");
	bad(&reply_ollama, "{\"message\":{\"content\":\"a", "no JSON");
	bad(&reply_ollama, "<html>\n", "no JSON");
	bad(&reply_ollama, "[]\n", "no object");
	bad(&reply_ollama, "{\"error\":\"model \\u001b[31mrunner\\n died\"}\n",
	    "says: model ?[31mrunner? died");
	bad(&reply_ollama,
	    "{\"message\":{\"content\":\"a\"},\"done\":false}\n{\"error\":{\"message\":\"oom\"}}\n",
	    "says: oom");
	bad(&reply_ollama, "{\"error\":[1]}\n", "an error");
	bad(&reply_openai, "data: {\"error\":{\"message\":\"quota\"}}\n\n", "says: quota");
	bad(&reply_openai, "{\"error\":{\"message\":\"no such model\"}}", "says: no such model");
	bad(&reply_openai, "data: nonsense\n\n", "no JSON");
	bad(&reply_openai, "data: 7\n\n", "no object");
	bad(&reply_openai, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
	    "ended too early");
	bad(&reply_openai, "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":3}]}}]}\n\n",
	    "out of order");
}

/* Members of other types than they should be are passed over; arguments that are none are NULL. */
static void
test_wrong_types(void **state)
{
	struct reply r;

	(void)state;
	assert_int_equal(
	    read_body(&r, &reply_ollama,
		"{\"message\":7,\"done\":\"no\"}\n{\"message\":{\"content\":[1],\"tool_calls\":{}}}"
		"\n"
		"{\"message\":{\"tool_calls\":[1,{\"function\":{\"name\":\"a b\",\"arguments\":3}},"
		"{\"function\":{\"name\":\"ok\",\"arguments\":\"{\"}},{\"function\":{\"name\":"
		"\"l\","
		"\"arguments\":[1]}},{\"function\":{\"name\":\"s\",\"arguments\":\"[1]\"}}]}}\n"
		"{\"done\":true,\"eval_count\":-1,\"prompt_eval_count\":\"x\"}\n"),
	    REPLY_DONE);
	assert_string_equal(said, "");
	assert_int_equal(r.ncalls, 5);
	assert_string_equal(r.calls[0].name, "");
	assert_string_equal(r.calls[1].name, "");
	for (size_t i = 1; i < 5; i++)
		assert_null(r.calls[i].args);
	assert_int_equal(r.output_tokens, 0);
	reply_free(&r);
}

static void
test_limits(void **state)
{
	static char big[REPLY_LINE_MAX + 100];
	struct reply r;

	(void)state;
	memset(big, ' ', sizeof(big) - 1);
	bad(&reply_ollama, big, "a line of over");
	memset(big, 'x', sizeof(big) - 1);
	bad(&reply_openai, big, "a line of over");
	/* Text beyond the limit, in lines that are not. */
	reply_init(&r, &reply_ollama);
	memcpy(big, "{\"message\":{\"content\":\"", 23);
	memcpy(big + 20023, "\"}}\n", 5);
	for (size_t i = 0; i < 4; i++)
		(void)reply_put(&r, str_z(big));
	assert_int_equal(r.state, REPLY_BAD);
	assert_non_null(strstr(r.error.text, "an answer of over"));
	reply_free(&r);
	/* Calls without end. */
	reply_init(&r, &reply_ollama);
	for (size_t i = 0; i < 100; i++)
		(void)reply_put(&r, STR("{\"message\":{\"tool_calls\":[{\"function\":{\"name\":"
					"\"search\"}}]}}\n"));
	assert_int_equal(r.ncalls, REPLY_CALLS_MAX);
	reply_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_split),
	    cmocka_unit_test(test_what_is_no_answer),
	    cmocka_unit_test(test_wrong_types),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
