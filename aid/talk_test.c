/*
 * talk_test.c - a turn with a model (aid/llm/talk*.c): the test is the provider in place of post.c,
 * which answers what it likes, cut where it likes, or nothing of use; gk-mcpd is scene.h's.
 */
#include "aid/chat_in.h"
#include "aid/llm/llm.h"
#include "aid/llm/talk.h"
#include "aid/scene.h"
#include "base/num.h"

/* ---- in place of post.c (linked with --wrap) ---- */

static struct {
	bool on;
	struct post_want want;
	char path[64];
	cJSON *body;
	unsigned asked, cancelled;
} provider;

struct post *__wrap_post_start(const struct post_want *w);
void __wrap_post_cancel(struct post **p);

struct post *
__wrap_post_start(const struct post_want *w)
{
	assert_false(provider.on);
	provider.on = true;
	provider.want = *w;
	provider.asked++;
	(void)snprintf(provider.path, sizeof(provider.path), "%s", w->path);
	cJSON_Delete(provider.body);
	provider.body = json_parse(w->body, 100000, NULL);
	assert_non_null(provider.body);
	return (struct post *)&provider;
}

void
__wrap_post_cancel(struct post **p)
{
	if (*p != NULL) {
		provider.cancelled++;
		provider.on = false;
	}
	*p = NULL;
}

/* Waits until the provider is asked for the n-th time. */
static void
until_asked(unsigned n)
{
	for (int i = 0; i < 1000 && provider.asked < n; i++)
		loop_once(2);
	assert_int_equal(provider.asked, n);
	assert_true(provider.on);
}

static void
ends(unsigned status, const struct err *e)
{
	provider.on = false;
	provider.want.ended(provider.want.arg, status, e);
}

static void
until_asked_again(void)
{
	for (int i = 0; i < 1000 && !provider.on; i++)
		loop_once(2);
	assert_true(provider.on);
}

/* An answer in pieces of so many octets. */
static void
answers(const char *octets, size_t piece)
{
	struct str rest = str_z(octets);

	while (rest.n > 0) {
		assert_true(provider.want.octets(provider.want.arg, str_sub(rest, 0, piece)));
		rest = str_from(rest, num_min(piece, rest.n));
	}
	ends(200, NULL);
}

static void
breaks(enum err_code code)
{
	const struct err e = {.code = code, .text = "it broke"};

	ends(0, &e);
}

/* ---- what Ollama says ---- */

#define END              ",\"done\":true,\"prompt_eval_count\":11,\"eval_count\":7}\n"
#define SAYS(text)       "{\"message\":{\"content\":\"" text "\"}" END
#define CALLS(calls)     "{\"message\":{\"content\":\"\",\"tool_calls\":[" calls "]}" END
#define CALL(name, args) "{\"function\":{\"name\":\"" name "\",\"arguments\":" args "}}"

/* ---- the turn ---- */

static int
up(void **state)
{
	memset(&provider, 0, sizeof(provider));
	if (scene_up(state) < 0)
		return -1;
	llm_conf = (struct llm_conf){.kind = &reply_ollama,
	    .model = "m:7b",
	    .num_ctx = 4096,
	    .max_rounds = 4,
	    .silence_ms = 1000,
	    .max_tokens = 1000,
	    .max_size = 1u << 20};
	chat_use(&brain_ollama);
	page_open("en");
	return 0;
}

static int
down(void **state)
{
	int rc = scene_down(state);

	cJSON_Delete(provider.body);
	return rc;
}

static void
ask(const char *text)
{
	char line[300];

	page_forget();
	(void)snprintf(line, sizeof(line), "{\"type\":\"ask\",\"id\":\"7\",\"text\":\"%s\"}", text);
	page_say(line);
}

static const cJSON *
message(int i)
{
	const cJSON *all = json_get(provider.body, "messages");
	int n = cJSON_GetArraySize(all);

	return cJSON_GetArrayItem(all, i < 0 ? n + i : i);
}

static const char *
content(int i)
{
	const cJSON *v = json_get(message(i), "content");

	return cJSON_IsString(v) ? v->valuestring : "";
}

static const char *
role(int i)
{
	return json_str(json_get(message(i), "role")).p;
}

/* The built-in brain went on. */
static void
handed_over(void)
{
	page_wait("notice");
	assert_string_equal(page_str("notice", "code"), "fallback");
	page_wait("done");
}

static void
failed(const char *code)
{
	page_wait("error");
	assert_string_equal(page_str("error", "code"), code);
}

/* ---- an answer ---- */

static void
test_answer(void **state)
{
	const cJSON *usage;

	(void)state;
	for (size_t piece = 1; piece < 200; piece += 50) {
		ask("hello");
		until_asked_again();
		assert_string_equal(provider.path, "/api/chat");
		assert_string_equal(json_str(json_get(provider.body, "model")).p, "m:7b");
		assert_int_equal(cJSON_GetArraySize(json_get(provider.body, "tools")), 2);
		assert_string_equal(role(0), "system");
		assert_string_equal(role(-1), "user");
		assert_non_null(strstr(content(-1), "hello"));
		answers("{\"message\":{\"content\":\"Good \"}}\n" SAYS("day."), piece);
		page_wait("done");
		assert_string_equal(page_text(), "Good day.");
		usage = json_get(page_told("done", 0), "usage");
		assert_int_equal(json_get(usage, "inputTokens")->valueint, 11);
		assert_int_equal(json_get(usage, "outputTokens")->valueint, 7);
	}
	/* What was said before is told. */
	ask("again");
	until_asked_again();
	assert_string_equal(content(-2), "Good day.");
	assert_string_equal(role(-2), "assistant");
	answers(SAYS("Yes."), 100);
	page_wait("done");
}

/* The page's context and what the tools of a turn gave are no others'. */
static void
test_tools(void **state)
{
	static const struct step script[] = {{"search", "{\"query\":\"a\"}", "!nothing like it"},
	    {"flag", "{\"messages\":[\"e1\"],\"read\":true}",
		"{\"changed\":[\"e1\"],\"failed\":[]}"}};

	(void)state;
	scene_script(script, ARRAY_LEN(script));
	ask("do it");
	until_asked(1);
	answers(CALLS(CALL("search", "{\"query\":\"a\"}") "," CALL("fly", "{}") "," CALL("flag",
		    "\"no object\"") "," CALL("flag", "{\"messages\":[\"e1\"],\"read\":true}")),
	    17);
	until_asked(2);
	assert_int_equal(scene.at, 2);
	/* In their order, each with what became of it. */
	assert_string_equal(role(-5), "assistant");
	assert_int_equal(cJSON_GetArraySize(json_get(message(-5), "tool_calls")), 4);
	assert_string_equal(content(-4), "nothing like it");
	assert_string_equal(content(-3), "Error: there is no tool \"fly\".");
	assert_string_equal(content(-2), "Error: the arguments are no JSON object.");
	assert_string_equal(content(-1), "x");
	assert_string_equal(role(-1), "tool");
	answers(SAYS("Done."), 1000);
	page_wait("done");
	assert_string_equal(page_text(), "Done.");
	assert_int_equal(json_get(page_told("undoable", 0), "count")->valueint, 1);
}

#define LISTED                                                                                   \
	"{\"total\":2,\"messages\":[{\"id\":\"e1\",\"thread\":\"t1\",\"from\":\"Bob "            \
	"<bob@x.test>\",\"subject\":\"one\"},{\"id\":\"e2\",\"thread\":\"t2\",\"from\":\"eve@x." \
	"test\",\"subject\":\"two\",\"unread\":true}]}"

/* Of what tools listed it names some, in a form; of what they did not, nothing is shown. */
static void
test_pick(void **state)
{
	static const struct step script[] = {{"search", "{}", LISTED}};
	const cJSON *items, *one;

	(void)state;
	scene_script(script, 1);
	ask("list");
	until_asked(1);
	answers(CALLS(CALL("search", "{}")), 100);
	until_asked(2);
	answers(SAYS("Here."), 100);
	until_asked(3);
	assert_null(json_get(provider.body, "tools"));
	assert_non_null(json_get(provider.body, "format"));
	answers(SAYS("{\\\"messages\\\":[\\\"e2\\\",\\\"e9\\\",7,\\\"e2\\\"]}"), 9);
	page_wait("done");
	items = json_get(page_told("messages", 0), "items");
	assert_int_equal(cJSON_GetArraySize(items), 1);
	one = items->child;
	assert_string_equal(json_str(json_get(one, "emailId")).p, "e2");
	assert_string_equal(json_str(json_get(one, "threadId")).p, "t2");
	assert_true(cJSON_IsTrue(json_get(one, "unread")));
	assert_string_equal(json_str(json_get(json_get(one, "from"), "email")).p, "eve@x.test");
	assert_string_equal(page_text(), "Here.");
}

/* Its answer stands without: what it says there is not shown, and nothing goes wrong by it. */
static void
test_pick_of_nothing(void **state)
{
	static const struct step script[] = {{"search", "{}", LISTED}};
	static const char *const says[] = {SAYS("I like e1."), SAYS("{\\\"messages\\\":7}"),
	    SAYS("{\\\"messages\\\":[]}"), "{\"error\":\"no\"}\n", NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(says); i++) {
		scene_script(script, 1);
		ask("list");
		until_asked_again();
		answers(CALLS(CALL("search", "{}")), 100);
		until_asked_again();
		answers(SAYS("Here."), 100);
		until_asked_again();
		if (says[i] != NULL)
			answers(says[i], 100);
		else
			breaks(E_TEMP);
		page_wait("done");
		assert_string_equal(page_text(), "Here.");
		assert_null(page_told("messages", 0));
		assert_null(page_told("error", 0));
		page_forget();
		page_say("{\"type\":\"new\"}");
		page_wait("hello");
	}
}

/* ---- limits ---- */

static void
test_rounds(void **state)
{
	static const struct step script[] = {{"search", "{}", "{}"}};

	(void)state;
	llm_conf.max_rounds = 2;
	scene_script(script, 1);
	ask("loop");
	until_asked(1);
	answers(CALLS(CALL("search", "{}")), 100);
	until_asked(2);
	assert_non_null(json_get(provider.body, "tools"));
	answers(CALLS(CALL("fly", "{}")), 100);
	until_asked(3);
	/* The last round has no tools: who calls one all the same is at the end. */
	assert_null(json_get(provider.body, "tools"));
	answers(CALLS(CALL("fly", "{}")), 100);
	failed("rounds");
}

static void
test_tokens(void **state)
{
	static const struct step script[] = {{"search", "{}", "{}"}};

	(void)state;
	llm_conf.max_tokens = 7;
	scene_script(script, 1);
	ask("much");
	until_asked(1);
	answers(CALLS(CALL("search", "{}")), 100);
	handed_over();
	assert_int_equal(scene.at, 0);
}

/* What is left of assistant.max_size is what the next answer may have. */
static void
test_size(void **state)
{
	static const struct step script[] = {{"search", "{}", "{}"}};
	static const char first[] = CALLS(CALL("search", "{}"));

	(void)state;
	scene_script(script, 1);
	ask("much");
	until_asked(1);
	assert_int_equal(provider.want.max, 1u << 20);
	answers(first, 100);
	until_asked(2);
	assert_int_equal(provider.want.max, (1u << 20) - strlen(first));
	breaks(E_LIMIT);
	failed("size");
}

/* ---- what goes wrong ---- */

/* Before a word was said the built-in rules answer. */
static void
test_hand_over(void **state)
{
	static const char *const says[] = {
	    "", "x", "{\"error\":\"no such model\"}\n", SAYS(""), "{\"message\":7}\n"};

	(void)state;
	ask("help");
	until_asked(1);
	breaks(E_TEMP);
	handed_over();
	ask("help");
	until_asked(2);
	ends(503, NULL);
	handed_over();
	for (unsigned i = 0; i < ARRAY_LEN(says); i++) {
		ask("help");
		until_asked(3 + i);
		answers(says[i], 3);
		handed_over();
		assert_true(strlen(page_text()) > 0);
	}
}

/* Later it ends there. */
static void
test_breaks_off(void **state)
{
	static const struct step script[] = {{"search", "{}", "{}"}};

	(void)state;
	ask("talk");
	until_asked(1);
	assert_true(provider.want.octets(
	    provider.want.arg, STR("{\"message\":{\"content\":\"Once upon a time. \"}}\n")));
	breaks(E_TIMEOUT);
	failed("away");
	assert_non_null(strstr(page_text(), "Once upon"));
	scene_script(script, 1);
	ask("call");
	until_asked(2);
	answers(CALLS(CALL("search", "{}")), 100);
	until_asked(3);
	ends(500, NULL);
	failed("away");
	assert_null(page_told("notice", 0));
}

static void
test_cancelled(void **state)
{
	(void)state;
	ask("talk");
	until_asked(1);
	page_say("{\"type\":\"cancel\",\"id\":\"7\"}");
	failed("cancelled");
	assert_int_equal(provider.cancelled, 1);
	assert_false(provider.on);
}

/* ---- where the model runs ---- */

static void
test_where(void **state)
{
	static const char *const elsewhere[] = {"{\"remote_host\":\"https://ollama.com\"}",
	    "{\"remote_model\":\"big\"}", "{\"remote_host\":7}",
	    "{\"capabilities\":[\"completion\"]}", "[]", "", "x"};
	static const char *const here[] = {
	    "{}", "{\"remote_host\":null}", "{\"remote_host\":\"\",\"capabilities\":[\"tools\"]}"};

	(void)state;
	llm_conf.local_only = true;
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		ask("help");
		until_asked_again();
		assert_string_equal(provider.path, "/api/show");
		assert_null(json_get(provider.body, "messages"));
		answers(elsewhere[i], 5);
		handed_over();
	}
	for (size_t i = 0; i < ARRAY_LEN(here); i++) {
		ask("help");
		until_asked_again();
		assert_string_equal(provider.path, "/api/show");
		answers(here[i], 5);
		until_asked_again();
		assert_string_equal(provider.path, "/api/chat");
		answers(SAYS("Here I am."), 100);
		page_wait("done");
		assert_null(page_told("notice", 0));
	}
	ask("help");
	until_asked_again();
	breaks(E_TEMP);
	handed_over();
}

/* ---- the others' protocol ---- */

#define DELTA(what) "data: {\"choices\":[{\"index\":0,\"delta\":{" what "}}]}\n\n"

static void
test_openai(void **state)
{
	static const struct step script[] = {{"search", "{\"query\":\"a\"}", "{}"}};
	const cJSON *calls;

	(void)state;
	llm_conf.kind = &reply_openai;
	llm_conf.local_only = true; /* its own protocol has no way to ask */
	scene_script(script, 1);
	ask("do it");
	until_asked(1);
	assert_string_equal(provider.path, "/v1/chat/completions");
	answers(DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"search\","
		      "\"arguments\":\"{\\\"query\\\":\\\"a\\\"}\"}}]") "data: [DONE]\n\n",
	    11);
	until_asked(2);
	/* It named no call: then it has a number, and the result the same. */
	calls = json_get(message(-2), "tool_calls");
	assert_true(json_str(json_get(calls->child, "id")).n > 0);
	assert_string_equal(json_str(json_get(calls->child, "id")).p,
	    json_str(json_get(message(-1), "tool_call_id")).p);
	answers(DELTA("\"content\":\"Done.\"") "data: [DONE]\n\n", 7);
	page_wait("done");
	assert_string_equal(page_text(), "Done.");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_answer), TEST(test_tools), TEST(test_pick),
	    TEST(test_pick_of_nothing), TEST(test_rounds), TEST(test_tokens), TEST(test_size),
	    TEST(test_hand_over), TEST(test_breaks_off), TEST(test_cancelled), TEST(test_where),
	    TEST(test_openai)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
