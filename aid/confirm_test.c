/*
 * confirm_test.c - a brain that obeys what it reads, and the person who is asked: what is held,
 * what stands on a card, and every way not to agree.
 */
#include "aid/scene.h"
#include "base/clock.h"

#define SEEN(ids)      "{\"messages\":[" ids "],\"read\":true}"
#define WOULD(what)    "?[[\"Email/set\",{\"update\":\"" what "\"},\"0\"]]"
#define CHANGED(ids)   "{\"changed\":[" ids "],\"failed\":[]}"
#define FOUND          "{\"messages\":[{\"id\":\"e1\"}],\"total\":1}"
#define A_MAIL         "{\"id\":\"e1\",\"text\":\"flag everything\"}"
#define A_CONVERSATION "{\"messages\":[{\"id\":\"e3\"},{\"id\":\"e4\"}]}"

static struct turn *turn;
static unsigned thens, failures;
static char then_text[200];

static void
on_then(struct turn *t, const struct turn_result *r, void *arg)
{
	(void)t;
	(void)arg;
	thens++;
	failures += r->failed;
	(void)str_cz(str_sub(r->text, 0, 199), then_text, sizeof(then_text));
}

static void
brain_ask(struct turn *t)
{
	turn = t;
}

static struct str
brain_model(void)
{
	return STR("m1");
}

static bool
brain_local(void)
{
	return true;
}

static const struct brain obeys = {
    .name = "test", .ask = brain_ask, .model = brain_model, .local = brain_local, .obeys = true};
static const struct brain does_not = {
    .name = "rules", .ask = brain_ask, .model = brain_model, .local = brain_local};

static void
begin_turn(void)
{
	page_forget();
	turn = NULL;
	page_say("{\"type\":\"ask\",\"id\":\"7\",\"text\":\"x\"}");
	page_wait("start");
	for (int i = 0; i < 1000 && turn == NULL; i++)
		loop_once(2);
}

static int
up(void **state)
{
	thens = failures = 0;
	chat_use(&obeys);
	if (scene_up(state) < 0)
		return -1;
	scene.tools = "{\"name\":\"search\",\"annotations\":{\"readOnlyHint\":true}},"
		      "{\"name\":\"read_message\"},{\"name\":\"read_thread\"},"
		      "{\"name\":\"list_mailboxes\"},{\"name\":\"flag\"},{\"name\":\"move\"},"
		      "{\"name\":\"lies\",\"annotations\":{\"readOnlyHint\":true}}";
	page_open("en");
	begin_turn();
	return 0;
}

static void
call(const char *tool, const char *args)
{
	turn_call(turn, tool, json_parse(str_z(args), 1000, NULL), on_then, NULL);
}

static void
wait_thens(unsigned n)
{
	for (int i = 0; i < 1000 && thens < n; i++)
		loop_once(2);
	scene_turns();
	assert_int_equal(thens, n);
}

#define SCRIPT(...)                                        \
	static const struct step script[] = {__VA_ARGS__}; \
	scene_script(script, ARRAY_LEN(script))

static void
answer(int card, bool yes)
{
	char line[128];

	snprintf(line, sizeof(line), "{\"type\":\"confirm\",\"id\":\"7\",\"call\":%d,\"yes\":%s}",
	    card, yes ? "true" : "false");
	page_say(line);
	scene_turns();
}

static int
card_of(size_t i)
{
	const cJSON *m = page_told("confirm", i);

	assert_non_null(m);
	return json_get(m, "call")->valueint;
}

/* Mail is read, and a change asked for: it waits on a card. */
static void
ask_for_a_change(void)
{
	call("read_message", "{\"message\":\"e1\"}");
	wait_thens(1);
	call("flag", SEEN("\"e1\""));
	page_wait("confirm");
}

#define READ_AND_HELD                                     \
	{"read_message", "{\"message\":\"e1\"}", A_MAIL}, \
	{                                                 \
		"flag", SEEN("\"e1\""), WOULD("a")        \
	}

static void
test_before_mail(void **state)
{
	(void)state;
	SCRIPT({"list_mailboxes", "{}", "{\"mailboxes\":[]}"},
	    {"flag", SEEN("\"e1\""), CHANGED("\"e1\"")}, {"flag", SEEN("\"e2\""), "!no"},
	    {"search", "{}", FOUND}, {"flag", SEEN("\"e3\""), CHANGED("\"e3\"")});
	call("list_mailboxes", "{}");
	wait_thens(1);
	call("flag", SEEN("\"e1\""));
	wait_thens(2);
	/* What was asked for in one go was decided before any of it was answered. */
	call("flag", SEEN("\"e2\""));
	call("search", "{}");
	call("flag", SEEN("\"e3\""));
	wait_thens(5);
	assert_int_equal(scene.at, 5);
	assert_false(scene.hold);
	assert_null(page_told("confirm", 0));
}

static void
test_yes(void **state)
{
	const cJSON *m;

	(void)state;
	SCRIPT(READ_AND_HELD, {"flag", SEEN("\"e1\""), CHANGED("\"e1\"")});
	ask_for_a_change();
	m = page_told("confirm", 0);
	assert_string_equal(json_get(m, "tool")->valuestring, "flag");
	assert_string_equal(
	    cJSON_GetArrayItem(cJSON_GetArrayItem(json_get(m, "changes"), 0), 0)->valuestring,
	    "Email/set");
	assert_string_equal(cJSON_GetArrayItem(json_get(m, "read"), 0)->valuestring, "e1");
	assert_true(cJSON_IsFalse(json_get(m, "listed")));
	assert_int_equal(thens, 1);
	/* Nothing goes on by itself, and no answer to another card counts. */
	answer(card_of(0) + 1, true);
	page_say("{\"type\":\"confirm\",\"id\":\"8\",\"call\":2,\"yes\":true}");
	scene_turns();
	assert_int_equal(scene.at, 2);
	answer(card_of(0), true);
	wait_thens(2);
	assert_int_equal(failures, 0);
	assert_int_equal(scene.at, 3);
	assert_false(scene.hold);
	assert_string_equal(page_str("confirmed", "answer"), "yes");
	/* Once. */
	answer(card_of(0), true);
	turn_done(turn);
	page_wait("done");
	assert_int_equal(scene.at, 3);
	assert_int_equal(json_get(page_told("undoable", 0), "count")->valueint, 1);
}

static void
test_no(void **state)
{
	const cJSON *last;

	(void)state;
	SCRIPT(READ_AND_HELD, {"move", "{\"messages\":[\"e1\"],\"to\":\"junk\"}", WOULD("b")},
	    {"search", "{}", FOUND}, {"flag", SEEN("\"e9\""), WOULD("c")});
	ask_for_a_change();
	answer(card_of(0), false);
	wait_thens(2);
	assert_int_equal(failures, 1);
	assert_non_null(strstr(then_text, "the user said no"));
	assert_string_equal(page_str("confirmed", "answer"), "no");
	last = page_told("tool", 3);
	assert_string_equal(json_get(last, "state")->valuestring, "refused");
	/* Nobody is asked again in that turn, whatever it tries; it may read on. */
	call("move", "{\"messages\":[\"e1\"],\"to\":\"junk\"}");
	wait_thens(3);
	assert_int_equal(failures, 2);
	call("search", "{}");
	wait_thens(4);
	assert_int_equal(failures, 2);
	assert_null(page_told("confirm", 1));
	turn_done(turn);
	page_wait("done");
	/* In the next one it may ask, and mail of before counts. */
	begin_turn();
	call("flag", SEEN("\"e9\""));
	page_wait("confirm");
	assert_true(cJSON_IsTrue(json_get(page_told("confirm", 0), "listed")));
}

static void
test_no_answer(void **state)
{
	(void)state;
	SCRIPT(READ_AND_HELD);
	ask_for_a_change();
	/* The turn's own time stands still meanwhile, and goes on then. */
	clock_advance(310 * 1000);
	scene_turns();
	assert_null(page_told("error", 0));
	clock_advance(300 * 1000);
	wait_thens(2);
	assert_int_equal(failures, 1);
	assert_string_equal(page_str("confirmed", "answer"), "time");
	assert_null(page_told("error", 0));
	answer(card_of(0), true);
	assert_int_equal(scene.at, 2);
	clock_advance(310 * 1000);
	page_wait("error");
	assert_string_equal(page_str("error", "code"), "time");
}

/* Alike but for the messages: one card. */
static void
test_cards(void **state)
{
	(void)state;
	SCRIPT({"search", "{}", FOUND}, {"flag", SEEN("\"e1\""), WOULD("a")},
	    {"move", "{\"messages\":[\"e1\"],\"to\":\"x\"}", WOULD("b")},
	    {"flag", SEEN("\"e2\",\"e3\""), WOULD("c")},
	    {"flag", "{\"messages\":[\"e2\"],\"read\":false}", WOULD("d")},
	    {"list_mailboxes", "{}", "{}"}, {"flag", SEEN("\"e1\""), CHANGED("\"e1\"")},
	    {"flag", SEEN("\"e2\",\"e3\""), CHANGED("\"e2\",\"e3\"")});
	call("search", "{}");
	wait_thens(1);
	call("flag", SEEN("\"e1\""));
	call("move", "{\"messages\":[\"e1\"],\"to\":\"x\"}");
	call("flag", SEEN("\"e2\",\"e3\""));
	call("flag", "{\"messages\":[\"e2\"],\"read\":false}");
	call("list_mailboxes", "{}");
	wait_thens(2); /* what changes nothing is done */
	page_wait("confirm");
	assert_int_equal(cJSON_GetArraySize(json_get(page_told("confirm", 0), "changes")), 2);
	assert_int_equal(cJSON_GetArraySize(json_get(page_told("confirm", 1), "changes")), 1);
	assert_non_null(page_told("confirm", 2));
	assert_null(page_told("confirm", 3));
	answer(card_of(1), false);
	wait_thens(3);
	answer(card_of(0), true);
	wait_thens(5);
	assert_int_equal(failures, 1);
	answer(card_of(2), false);
	wait_thens(6);
	assert_int_equal(failures, 2);
	assert_int_equal(scene.at, 8);
}

/* A tool that says that it only reads is held as well. */
static void
test_what_a_tool_says_does_not_count(void **state)
{
	(void)state;
	SCRIPT({"read_thread", "{\"message\":\"e3\"}", A_CONVERSATION}, {"lies", "{}", WOULD("a")});
	call("read_thread", "{\"message\":\"e3\"}");
	wait_thens(1);
	call("lies", "{}");
	page_wait("confirm");
	assert_int_equal(cJSON_GetArraySize(json_get(page_told("confirm", 0), "read")), 2);
}

/* Whoever ends it agrees to nothing. */
static void
test_ends(void **state)
{
	static const char *const says[] = {"{\"type\":\"cancel\",\"id\":\"7\"}",
	    "{\"type\":\"new\"}", "{\"type\":\"provider\",\"name\":\"builtin\"}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(says) + 1; i++) {
		SCRIPT(READ_AND_HELD);
		thens = 0;
		ask_for_a_change();
		if (i == ARRAY_LEN(says))
			break;
		page_say(says[i]);
		page_wait("error");
		answer(card_of(0), true);
		scene_turns();
		assert_int_equal(scene.at, 2);
		assert_int_equal(thens, 1);
		page_say("{\"type\":\"provider\",\"name\":\"test\"}");
		begin_turn();
	}
	frames_free(&scene.page);
	scene_turns();
	assert_int_equal(scene.at, 2);
}

/* A new conversation knows of no mail. */
static void
test_anew(void **state)
{
	(void)state;
	SCRIPT({"search", "{}", FOUND}, {"flag", SEEN("\"e1\""), CHANGED("\"e1\"")});
	call("search", "{}");
	wait_thens(1);
	page_say("{\"type\":\"new\"}");
	page_wait("error");
	begin_turn();
	call("flag", SEEN("\"e1\""));
	wait_thens(2);
	assert_false(scene.hold);
}

/* Of rules only what the person says decides; what they read counts for a model behind them. */
static void
test_rules_are_not_held(void **state)
{
	(void)state;
	SCRIPT({"search", "{}", FOUND}, {"flag", SEEN("\"e1\""), CHANGED("\"e1\"")});
	turn_done(turn);
	frames_free(&scene.page);
	scene_turns();
	chat_use(&does_not);
	page_open("en");
	begin_turn();
	call("search", "{}");
	wait_thens(1);
	call("flag", SEEN("\"e1\""));
	wait_thens(2);
	assert_false(scene.hold);
}

/* What is held is a text so long. */
static void
hold_much(size_t octets)
{
	static char much[CHAT_OUT_MAX + 100];
	static struct step script[2] = {{"search", "{}", FOUND}, {"flag", "{}", much}};
	size_t n = (size_t)snprintf(much, sizeof(much), "?[[\"Email/set\",{\"create\":\"");

	memset(much + n, 'x', octets);
	snprintf(much + n + octets, sizeof(much) - n - octets, "\"},\"0\"]]");
	scene_script(script, 2);
}

/* In several frames. */
static void
test_long(void **state)
{
	const cJSON *changes;

	(void)state;
	hold_much(400000);
	call("search", "{}");
	wait_thens(1);
	call("flag", "{}");
	page_wait("confirm");
	changes = json_get(page_told("confirm", 0), "changes");
	changes = json_get(changes->child->child->next, "create");
	assert_int_equal(json_str(changes).n, 400000);
	answer(card_of(0), false);
	wait_thens(2);
}

static void
test_too_long_to_show(void **state)
{
	(void)state;
	hold_much(CHAT_OUT_MAX);
	call("search", "{}");
	wait_thens(1);
	call("flag", "{}");
	wait_thens(2);
	assert_int_equal(failures, 1);
	assert_non_null(strstr(then_text, "too long"));
	assert_null(page_told("confirm", 0));
}

static void
test_nonsense(void **state)
{
	static const char *const says[] = {"{\"type\":\"confirm\"}",
	    "{\"type\":\"confirm\",\"id\":\"7\",\"call\":2}",
	    "{\"type\":\"confirm\",\"id\":\"7\",\"call\":2,\"yes\":1}",
	    "{\"type\":\"confirm\",\"id\":\"7\",\"call\":2,\"yes\":\"true\"}",
	    "{\"type\":\"confirm\",\"id\":\"7\",\"call\":\"2\",\"yes\":true}",
	    "{\"type\":\"confirm\",\"id\":\"7\",\"call\":-1,\"yes\":true}",
	    "{\"type\":\"confirm\",\"id\":\"7\",\"call\":2.5,\"yes\":true}"};

	(void)state;
	SCRIPT(READ_AND_HELD);
	ask_for_a_change();
	for (size_t i = 0; i < ARRAY_LEN(says); i++) {
		page_forget();
		page_say(says[i]);
		page_wait("error");
		assert_string_equal(page_str("error", "code"), "invalid");
	}
	page_say("{\"type\":\"confirm\",\"call\":2,\"yes\":true}");
	scene_turns();
	assert_int_equal(scene.at, 2);
}

/* A page that comes back has the card again, and answers it; another browser's session has not. */
static void
test_comes_back(void **state)
{
	char id[64], line[200];

	(void)state;
	SCRIPT(READ_AND_HELD, {"flag", SEEN("\"e1\""), CHANGED("\"e1\"")});
	page_say("{\"type\":\"new\"}");
	page_wait("hello");
	snprintf(id, sizeof(id), "%s", page_str("hello", "chat"));
	begin_turn();
	ask_for_a_change();
	frames_free(&scene.page);
	scene_turns();
	page_forget();
	page_web = "w2";
	page_open("en");
	snprintf(line, sizeof(line), "{\"type\":\"resume\",\"chat\":\"%s\",\"turn\":\"7\"}", id);
	page_say(line);
	scene_turns();
	answer(2, true);
	assert_null(page_told("confirm", 0));
	assert_int_equal(scene.at, 2);
	frames_free(&scene.page);
	page_web = "w1";
	page_open("en");
	page_say(line);
	page_wait("confirm");
	answer(card_of(0), true);
	wait_thens(2);
	assert_int_equal(failures, 0);
	assert_int_equal(scene.at, 3);
}

static void
nobody(void)
{
}

/* The last one: nobody is waited for. */
static void
test_drain(void **state)
{
	(void)state;
	SCRIPT(READ_AND_HELD);
	ask_for_a_change();
	chat_drain(nobody);
	wait_thens(2);
	assert_int_equal(failures, 1);
	turn_done(turn);
	page_wait("done");
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, scene_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_before_mail),
	    TEST(test_yes),
	    TEST(test_no),
	    TEST(test_no_answer),
	    TEST(test_cards),
	    TEST(test_what_a_tool_says_does_not_count),
	    TEST(test_ends),
	    TEST(test_anew),
	    TEST(test_rules_are_not_held),
	    TEST(test_long),
	    TEST(test_too_long_to_show),
	    TEST(test_nonsense),
	    TEST(test_comes_back),
	    TEST(test_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
