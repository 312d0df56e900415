/*
 * chat_test.c - conversations, by a brain of the test's own: what the page may say, the limits of a
 * turn, how it ends, and what is remembered.
 */
#include "aid/chat_in.h"
#include "aid/scene.h"
#include "base/clock.h"

static struct turn *turn;
static unsigned cancels, thens;
static bool then_failed;
static char then_text[200];
static unsigned forgotten;

static void
on_then(struct turn *t, const struct turn_result *r, void *arg)
{
	(void)t;
	(void)arg;
	thens++;
	then_failed = r->failed;
	(void)str_cz(str_sub(r->text, 0, 199), then_text, sizeof(then_text));
}

/* What it is asked says what it does. */
static void
brain_ask(struct turn *t)
{
	struct str text = turn_asked(t)->text;
	const struct turn_said *said;

	turn = t;
	if (str_eq_z(text, "hand over")) {
		turn_hand_over(t, "away");
	} else if (str_eq_z(text, "fail")) {
		turn_fail(t, "model", STR("no sense"));
		turn_say(t, STR("behind the end"));
	} else if (str_eq_z(text, "memory")) {
		turn_sayf(t, "%zu", turn_memory(t, &said));
		turn_done(t);
	} else if (str_eq_z(text, "slot")) {
		if (*turn_slot(t) == NULL)
			*turn_slot(t) = mem_dup("kept", 4);
		turn_done(t);
	} else if (!str_eq_z(text, "wait")) {
		turn_say(t, text);
		turn_done(t);
	}
}

static void
brain_cancel(struct turn *t)
{
	assert_ptr_equal(t, turn);
	cancels++;
}

static void
brain_forget(void *slot)
{
	forgotten++;
	free(slot);
}

static struct str
brain_model(void)
{
	return STR("m1");
}

static bool
brain_local(void)
{
	return false;
}

static const struct brain brain = {.name = "test",
    .ask = brain_ask,
    .cancel = brain_cancel,
    .forget = brain_forget,
    .model = brain_model,
    .local = brain_local};

static int
up(void **state)
{
	cancels = thens = forgotten = 0;
	chat_use(&brain);
	return scene_up(state);
}

static void
ask(const char *text)
{
	char line[1024];

	page_forget();
	snprintf(line, sizeof(line), "{\"type\":\"ask\",\"id\":\"7\",\"text\":\"%s\"}", text);
	page_say(line);
}

static void
test_hello(void **state)
{
	const cJSON *v;

	(void)state;
	page_open("fr");
	page_wait("hello");
	v = page_told("hello", 0);
	assert_string_equal(page_str("hello", "provider"), "test");
	assert_string_equal(page_str("hello", "model"), "m1");
	assert_true(cJSON_IsFalse(json_get(v, "local")));
	assert_int_equal(cJSON_GetArraySize(json_get(v, "providers")), 2);
	/* Nobody is asked for tools before they are needed. */
	assert_int_equal(scene.streams, 0);
	page_forget();
	page_say("{\"type\":\"provider\",\"name\":\"builtin\"}");
	page_wait("hello");
	assert_string_equal(page_str("hello", "provider"), "builtin");
}

static void
test_turns(void **state)
{
	(void)state;
	page_open("en");
	ask("good morning");
	page_wait("done");
	assert_string_equal(page_str("start", "id"), "7");
	assert_string_equal(page_text(), "good morning");
	assert_int_equal(scene.streams, 1);
	/* What a reader does not see is not said; what is cut in two comes whole. */
	ask("a\\u200bb\\u202ec");
	page_wait("done");
	assert_string_equal(page_text(), "abc");
	ask("memory");
	page_wait("done");
	assert_string_equal(page_text(), "4");
	ask("fail");
	page_wait("error");
	assert_string_equal(page_str("error", "code"), "model");
	assert_string_equal(page_str("error", "text"), "no sense");
	assert_string_equal(page_text(), "");
	page_forget();
	page_say("{\"type\":\"new\"}");
	page_wait("hello");
	ask("memory");
	page_wait("done");
	assert_string_equal(page_text(), "0");
	assert_int_equal(scene.streams, 1);
}

static void
test_pieces(void **state)
{
	static const char text[] = "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";

	(void)state;
	page_open("en");
	ask("wait");
	page_wait("start");
	scene_turns();
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		turn_say(turn, str_of(text + i, 1));
	turn_say(turn, STR("\xc3"));
	turn_done(turn);
	turn_done(turn);
	page_wait("done");
	assert_string_equal(page_text(), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\xef\xbf\xbd");
	assert_null(page_told("done", 1));
}

static void
test_nonsense(void **state)
{
	static const char *const said[] = {"", "hello", "[]", "{}", "{\"type\":7}",
	    "{\"type\":\"ask\"}", "{\"type\":\"ask\",\"id\":\"\",\"text\":\"x\"}",
	    "{\"type\":\"ask\",\"id\":7,\"text\":\"x\"}", "{\"type\":\"provider\",\"name\":\"x\"}",
	    "{\"type\":\"ask\",\"id\":\"x\",\"id\":\"y\",\"text\":\"x\"}"};

	(void)state;
	page_open("en");
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		page_forget();
		page_say(said[i]);
		page_wait("error");
		assert_string_equal(page_str("error", "code"), "invalid");
	}
	page_forget();
	page_say("{\"type\":\"cancel\",\"id\":\"none\"}");
	/* Odd members are passed over. */
	page_say("{\"type\":\"ask\",\"id\":\"1\",\"text\":\"x\",\"zone\":\"far\",\"language\":7,"
		 "\"context\":{\"selected\":[1,null,{},\"e1\"],\"emailId\":{}},\"more\":[]}");
	page_wait("done");
	assert_null(page_told("error", 0));
}

static void
test_one_at_a_time(void **state)
{
	(void)state;
	page_open("en");
	ask("wait");
	page_say("{\"type\":\"ask\",\"id\":\"8\",\"text\":\"x\"}");
	page_wait("error");
	assert_string_equal(page_str("error", "code"), "busy");
	assert_string_equal(page_str("error", "id"), "8");
	page_forget();
	page_say("{\"type\":\"cancel\",\"id\":\"8\"}");
	scene_turns();
	assert_int_equal(cancels, 0);
	page_say("{\"type\":\"cancel\",\"id\":\"7\"}");
	page_wait("error");
	assert_string_equal(page_str("error", "code"), "cancelled");
	assert_int_equal(cancels, 1);
	ask("again");
	page_wait("done");
}

static void
test_time(void **state)
{
	(void)state;
	page_open("en");
	ask("wait");
	page_wait("start");
	scene_turns();
	clock_advance(301000);
	page_wait("error");
	assert_string_equal(page_str("error", "code"), "time");
	assert_int_equal(cancels, 1);
}

static void
test_calls(void **state)
{
	static const struct step script[] = {
	    {"search", "{\"query\":\"x\"}", "{\"messages\":[{},{}],\"total\":2}"},
	    {"flag", "{}", "{\"changed\":[\"a\",\"b\",\"c\"]}"},
	    {"flag", "{}", "!no such message"},
	    {"search", "{}", NULL},
	};
	cJSON *args = cJSON_CreateObject();

	(void)state;
	page_open("en");
	scene_script(script, ARRAY_LEN(script));
	ask("wait");
	page_wait("start");
	scene_turns();
	json_put_str(args, "query", STR("x"));
	turn_call(turn, "search", args, on_then, NULL);
	assert_int_equal(thens, 0);
	for (int i = 0; i < 1000 && thens < 1; i++)
		loop_once(2);
	assert_false(then_failed);
	scene_turns();
	assert_string_equal(page_str("tool", "state"), "running");
	assert_string_equal(json_str(json_get(page_told("tool", 1), "summary")).p, "2 results");
	turn_call(turn, "flag", NULL, on_then, NULL);
	turn_call(turn, "flag", NULL, on_then, NULL);
	turn_call(turn, "nothing", cJSON_CreateObject(), on_then, NULL);
	for (int i = 0; i < 1000 && thens < 4; i++)
		loop_once(2);
	assert_int_equal(thens, 4);
	assert_true(then_failed);
	assert_string_equal(then_text, "no such message");
	/* One that is given up with its turn is cancelled there, and comes back no more. */
	turn_call(turn, "search", NULL, on_then, NULL);
	scene_turns();
	turn_done(turn);
	page_wait("done");
	scene_turns();
	assert_int_equal(scene.cancelled, 1);
	assert_int_equal(thens, 4);
	assert_string_equal(page_str("undoable", "session"), "0123456789abcdef");
	assert_int_equal(json_get(page_told("undoable", 0), "count")->valueint, 3);
}

/* More than may be at a time, and in a turn. */
static void
test_too_many_calls(void **state)
{
	struct step script[TURN_CALLS_AT_ONCE];

	(void)state;
	page_open("en");
	for (size_t i = 0; i < ARRAY_LEN(script); i++)
		script[i] = (struct step){"search", "{}", NULL};
	scene_script(script, ARRAY_LEN(script));
	ask("wait");
	page_wait("start");
	scene_turns();
	for (size_t i = 0; i < 60; i++)
		turn_call(turn, "search", NULL, on_then, NULL);
	for (int i = 0; i < 1000 && thens < 52; i++)
		loop_once(2);
	assert_int_equal(thens, 52);
	assert_true(then_failed);
	assert_string_equal(then_text, "Too many tools were called for one request.");
	page_say("{\"type\":\"new\"}");
	page_wait("error");
}

static void
test_no_tools(void **state)
{
	(void)state;
	scene.away = true;
	page_open("en");
	ask("good morning");
	page_wait("error");
	assert_string_equal(page_str("error", "code"), "tools");
	assert_int_equal(cancels, 0);
	/* They are back. */
	scene.away = false;
	ask("good morning");
	page_wait("done");
	/* They go in the middle, and come again with the next question. */
	ask("wait");
	page_wait("start");
	scene_turns();
	stream_free(&scene.server);
	scene_turns();
	turn_call(turn, "search", NULL, on_then, NULL);
	for (int i = 0; i < 1000 && thens < 1; i++)
		loop_once(2);
	assert_true(then_failed);
	assert_int_equal(cJSON_GetArraySize(turn_tools(turn)), 2);
	turn_done(turn);
	page_wait("done");
	ask("good morning");
	page_wait("done");
	assert_int_equal(scene.streams, 3);
}

static void
test_hand_over(void **state)
{
	(void)state;
	page_open("en");
	ask("hand over");
	page_wait("done");
	assert_string_equal(page_str("notice", "code"), "fallback");
}

static void
test_slots(void **state)
{
	(void)state;
	page_open("en");
	ask("slot");
	page_wait("done");
	ask("slot");
	page_wait("done");
	assert_int_equal(forgotten, 0);
	page_say("{\"type\":\"new\"}");
	page_wait("hello");
	assert_int_equal(forgotten, 1);
	ask("slot");
	page_wait("done");
	page_end();
	assert_int_equal(forgotten, 2);
	assert_null(scene.server);
}

/* A page whose session ends in the middle of a turn. */
static void
test_gone(void **state)
{
	static const struct step script[] = {{"search", "{}", NULL}};

	(void)state;
	page_open("en");
	scene_script(script, 1);
	ask("wait");
	page_wait("start");
	scene_turns();
	turn_call(turn, "search", NULL, on_then, NULL);
	scene_turns();
	page_end();
	assert_int_equal(cancels, 1);
	assert_int_equal(thens, 0);
	assert_null(scene.server);
}

static void
test_too_many_chats(void **state)
{
	struct frames *pages[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		page_open("en");
		assert_false(scene.refused);
		pages[i] = scene.page;
	}
	page_open("en");
	assert_true(scene.refused);
	frames_free(&pages[3]);
	scene_turns();
	frames_free(&scene.page);
	page_open("en");
	assert_false(scene.refused);
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		frames_free(&pages[i]);
	scene_turns();
}

static void
test_long_memory(void **state)
{
	char line[512], word[300];

	(void)state;
	page_open("en");
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "%d %s", i, word);
		ask(line);
		page_wait("done");
	}
	ask("memory");
	page_wait("done");
	assert_string_equal(page_text(), "40");
}

/* ---- a line that breaks ---- */

static char chat_id[CHAT_NAME + 1];

/* The page was told its conversation's id. */
static void
open_and_note(void)
{
	page_forget();
	page_open("en");
	page_wait("hello");
	(void)str_cz(str_z(page_str("hello", "chat")), chat_id, sizeof(chat_id));
	assert_int_equal(strlen(chat_id), CHAT_NAME);
}

static void
resume_with(const char *what)
{
	char line[256];

	page_open("en");
	page_wait("hello");
	page_forget();
	snprintf(line, sizeof(line), "{\"type\":\"resume\",\"chat\":\"%s\",%s}", chat_id, what);
	page_say(line);
	page_wait("hello");
	scene_turns();
}

/* Another line, on which the page says what it had before. */
static void
resume(const char *turn_id)
{
	char what[100];

	snprintf(what, sizeof(what), "\"turn\":\"%s\"", turn_id);
	resume_with(what);
}

static bool
resumed(void)
{
	return cJSON_IsTrue(json_get(page_told("hello", 0), "resumed"));
}

static void
begin_waiting(void)
{
	open_and_note();
	ask("wait");
	page_wait("start");
	scene_turns();
}

static void
test_goes_on(void **state)
{
	(void)state;
	begin_waiting();
	turn_say(turn, STR("one "));
	turn_say(turn, STR("two "));
	page_wait("delta");
	frames_free(&scene.page);
	scene_turns();
	assert_int_equal(cancels, 0);
	turn_say(turn, STR("three "));
	resume("7");
	assert_true(resumed());
	assert_string_equal(page_str("hello", "chat"), chat_id);
	assert_string_equal(page_str("start", "id"), "7");
	assert_string_equal(page_text(), "one two three ");
	turn_say(turn, STR("four"));
	turn_done(turn);
	page_wait("done");
	assert_string_equal(page_text(), "one two three four");
	/* What was said before is remembered. */
	ask("memory");
	page_wait("done");
	assert_string_equal(page_text(), "2");
	assert_int_equal(scene.streams, 1);
}

static void
test_ends_while_away(void **state)
{
	(void)state;
	begin_waiting();
	frames_free(&scene.page);
	scene_turns();
	turn_say(turn, STR("all of it"));
	turn_done(turn);
	scene_turns();
	resume("7");
	assert_true(resumed());
	assert_string_equal(page_text(), "all of it");
	assert_non_null(page_told("done", 0));
	/* A question that never came here. */
	frames_free(&scene.page);
	scene_turns();
	resume("8");
	assert_true(resumed());
	assert_string_equal(page_str("error", "code"), "lost");
	assert_string_equal(page_str("error", "id"), "8");
	assert_null(page_told("start", 0));
}

/* The new line stands before the old one is known to be broken. */
static void
test_takes_over(void **state)
{
	struct frames *old;

	(void)state;
	begin_waiting();
	old = scene.page;
	frames_pass(old, &old);
	resume("7");
	assert_true(resumed());
	turn_done(turn);
	page_wait("done");
	frames_free(&old);
	ask("memory");
	page_wait("done");
	assert_string_equal(page_text(), "1");
}

static void
test_nobody_elses(void **state)
{
	char known[CHAT_NAME + 1], line[128];
	struct turn *waiting;

	(void)state;
	begin_waiting();
	waiting = turn;
	frames_free(&scene.page);
	scene_turns();
	page_web = "w2";
	resume("7");
	page_web = "w1";
	assert_false(resumed());
	assert_string_not_equal(page_str("hello", "chat"), chat_id);
	assert_string_equal(page_str("error", "code"), "lost");
	page_end();
	memcpy(known, chat_id, sizeof(known));
	memset(chat_id, '0', CHAT_NAME);
	resume("7");
	assert_false(resumed());
	assert_int_equal(cancels, 0);
	/* Not when it has begun something of its own. */
	ask("slot");
	page_wait("done");
	page_forget();
	snprintf(line, sizeof(line), "{\"type\":\"resume\",\"chat\":\"%s\"}", known);
	page_say(line);
	page_wait("hello");
	assert_false(resumed());
	page_end();
	memcpy(chat_id, known, sizeof(known));
	turn = waiting;
	resume("7");
	assert_true(resumed());
}

static void
test_forgotten(void **state)
{
	(void)state;
	open_and_note();
	ask("slot");
	page_wait("done");
	frames_free(&scene.page);
	scene_turns();
	assert_int_equal(forgotten, 0);
	clock_advance(300001);
	for (int i = 0; i < 1000 && forgotten == 0; i++)
		loop_once(2);
	assert_int_equal(forgotten, 1);
	resume("");
	assert_false(resumed());
	assert_null(page_told("error", 0));
}

/* It is for the beginning. The turn that it names is under way, and not lost. */
static void
test_resume_behind_an_ask(void **state)
{
	(void)state;
	page_open("en");
	ask("wait");
	page_wait("start");
	page_forget();
	page_say("{\"type\":\"resume\",\"chat\":\"x\",\"turn\":\"7\"}");
	page_wait("hello");
	assert_false(resumed());
	scene_turns();
	assert_null(page_told("error", 0));
	turn_done(turn);
	page_wait("done");
	assert_string_equal(page_str("done", "id"), "7");
}

/* Of a long answer the end is told whatever was left out. */
static void
test_gap(void **state)
{
	cJSON *items;

	(void)state;
	begin_waiting();
	frames_free(&scene.page);
	scene_turns();
	for (int i = 0; i < 40; i++) {
		items = cJSON_CreateArray();
		for (int n = 0; n < 50; n++) {
			cJSON *item = cJSON_CreateObject();
			char text[300];

			memset(text, 'x', sizeof(text) - 1);
			text[sizeof(text) - 1] = '\0';
			json_put_str(item, "emailId", STR("e"));
			json_put_str(item, "threadId", STR("t"));
			json_put_str(item, "subject", str_z(text));
			json_add(items, item);
		}
		turn_messages(turn, items, 50, STR(""));
	}
	turn_done(turn);
	scene_turns();
	resume("7");
	page_wait("done");
	assert_string_equal(page_str("notice", "code"), "gap");
	assert_null(page_told("notice", 1));
	assert_non_null(page_told("messages", 10));
	assert_null(page_told("messages", 39));
}

/* ---- a page that is loaded anew ---- */

static void
say_as(const char *id, const char *text)
{
	char line[256];

	snprintf(line, sizeof(line), "{\"type\":\"ask\",\"id\":\"%s\",\"text\":\"%s\"}", id, text);
	page_say(line);
}

/* Which turns there are: "start" by "start". */
static const char *
told_again(unsigned n)
{
	return json_str(json_get(page_told("start", n), "id")).p;
}

static void
test_all_again(void **state)
{
	(void)state;
	open_and_note();
	say_as("t1", "first");
	page_wait("done");
	page_forget();
	say_as("t2", "second");
	page_wait("done");
	page_forget();
	say_as("t3", "wait");
	page_wait("start");
	turn_say(turn, STR("so far"));
	frames_free(&scene.page);
	scene_turns();
	resume_with("\"all\":true");
	assert_true(resumed());
	assert_string_equal(told_again(0), "t1");
	assert_string_equal(json_str(json_get(page_told("start", 0), "text")).p, "first");
	assert_string_equal(told_again(1), "t2");
	assert_string_equal(told_again(2), "t3");
	assert_null(page_told("start", 3));
	assert_non_null(page_told("done", 1));
	assert_null(page_told("done", 2));
	assert_string_equal(page_text(), "firstsecondso far");
	/* What is under way goes on. */
	turn_done(turn);
	for (int i = 0; i < 1000 && page_told("done", 2) == NULL; i++)
		loop_once(2);
	assert_non_null(page_told("done", 2));
	/* What is forgotten is not told either. */
	page_forget();
	page_say("{\"type\":\"new\"}");
	page_wait("hello");
	frames_free(&scene.page);
	scene_turns();
	resume_with("\"all\":true");
	assert_true(resumed());
	assert_null(page_told("start", 0));
}

/* The oldest go, whole: by their number, and by what the last one needs. */
static void
test_oldest_go(void **state)
{
	char id[16];
	cJSON *items;

	(void)state;
	open_and_note();
	for (unsigned i = 1; i <= KEPT_TURNS + 3; i++) {
		page_forget();
		snprintf(id, sizeof(id), "t%u", i);
		say_as(id, "x");
		page_wait("done");
	}
	frames_free(&scene.page);
	scene_turns();
	resume_with("\"all\":true");
	assert_string_equal(told_again(0), "t4");
	assert_string_equal(told_again(KEPT_TURNS - 1), "t23");
	assert_null(page_told("start", KEPT_TURNS));
	page_forget();
	say_as("t24", "wait");
	page_wait("start");
	frames_free(&scene.page);
	scene_turns();
	for (int i = 0; i < 40; i++) {
		items = cJSON_CreateArray();
		for (int n = 0; n < 50; n++) {
			cJSON *item = cJSON_CreateObject();
			char text[300];

			memset(text, 'x', sizeof(text) - 1);
			text[sizeof(text) - 1] = '\0';
			json_put_str(item, "emailId", STR("e"));
			json_put_str(item, "subject", str_z(text));
			json_add(items, item);
		}
		turn_messages(turn, items, 50, STR(""));
	}
	resume_with("\"all\":true");
	assert_string_equal(told_again(0), "t24");
	assert_null(page_told("start", 1));
	assert_string_equal(page_str("notice", "code"), "gap");
}

/* Nobody is refused for those that are away. */
static void
test_make_room(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++) {
		page_open("en");
		assert_false(scene.refused);
		ask("slot");
		page_wait("done");
		frames_free(&scene.page);
		scene_turns();
	}
	assert_int_equal(forgotten, 4);
	clock_advance(300001);
	for (int i = 0; i < 1000 && forgotten < 12; i++)
		loop_once(2);
	assert_int_equal(forgotten, 12);
}

static bool drained;

static void
on_drained(void)
{
	drained = true;
}

/* The last one: it cannot be taken back. */
static void
test_drain(void **state)
{
	(void)state;
	page_open("en");
	ask("wait");
	page_wait("start");
	scene_turns();
	chat_drain(on_drained);
	scene_turns();
	assert_false(drained);
	turn_done(turn);
	page_wait("done");
	for (int i = 0; i < 1000 && !drained; i++)
		loop_once(2);
	assert_true(drained);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_hello, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_turns, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_pieces, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_nonsense, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_one_at_a_time, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_time, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_calls, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_too_many_calls, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_no_tools, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_hand_over, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_slots, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_gone, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_too_many_chats, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_long_memory, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_goes_on, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_ends_while_away, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_takes_over, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_nobody_elses, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_forgotten, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_resume_behind_an_ask, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_gap, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_all_again, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_oldest_go, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_make_room, up, scene_down),
	    cmocka_unit_test_setup_teardown(test_drain, up, scene_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
