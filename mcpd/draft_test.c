/* Unit tests of draft.c: whom an answer goes to, under which subject, in which conversation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mcpd/draft.h"

#define OWN                                                                                       \
	"{\"list\":[{\"id\":\"i1\",\"email\":\"alice@here.test\"},{\"id\":\"i2\",\"email\":\"al@" \
	"here.test\"}]}"

static void
assert_reply(const char *given, const char *original, bool all, const char *wanted)
{
	cJSON *email = mail_json(given), *o = mail_json(original), *own = mail_json(OWN);
	cJSON *w = mail_json(wanted);
	char *text;

	draft_reply(email, o, own, all);
	text = cJSON_PrintUnformatted(email);
	if (!cJSON_Compare(email, w, true))
		fail_msg("%s", text);
	free(text);
	cJSON_Delete(email);
	cJSON_Delete(o);
	cJSON_Delete(own);
	cJSON_Delete(w);
}

#define BOB  "{\"email\":\"bob@there.test\"}"
#define DAN  "{\"email\":\"dan@there.test\"}"
#define SELF "{\"email\":\"Alice@here.test\"}"

static void
test_to(void **state)
{
	(void)state;
	assert_reply("{}", "{\"from\":[" BOB "],\"subject\":\"Hi\"}", false,
	    "{\"to\":[" BOB "],\"subject\":\"Re: Hi\"}");
	/* Reply-To goes before From, what was given before both. */
	assert_reply("{}", "{\"from\":[" BOB "],\"replyTo\":[" DAN "],\"subject\":\"Re: Hi\"}",
	    false, "{\"to\":[" DAN "],\"subject\":\"Re: Hi\"}");
	assert_reply("{\"to\":[" DAN "],\"subject\":\"X\"}", "{\"from\":[" BOB "]}", false,
	    "{\"to\":[" DAN "],\"subject\":\"X\"}");
	/* What the user has sent goes to the same again. */
	assert_reply("{}", "{\"from\":[" SELF "],\"to\":[" BOB "],\"subject\":\"Hi\"}", false,
	    "{\"to\":[" BOB "],\"subject\":\"Re: Hi\"}");
	assert_reply(
	    "{}", "{\"from\":null,\"subject\":null}", false, "{\"to\":[],\"subject\":\"Re: \"}");
}

static void
test_all(void **state)
{
	(void)state;
	assert_reply("{}",
	    "{\"from\":[" BOB "],\"to\":[" SELF "," DAN "],\"cc\":[" BOB "," DAN
	    "],\"subject\":\"Hi\"}",
	    true, "{\"to\":[" BOB "],\"cc\":[" DAN "],\"subject\":\"Re: Hi\"}");
}

/* RFC 5322 3.6.4 */
static void
test_references(void **state)
{
	(void)state;
	assert_reply("{}",
	    "{\"from\":[" BOB "],\"subject\":\"r\",\"messageId\":[\"b\"],\"references\":[\"a\"]}",
	    false,
	    "{\"to\":[" BOB "],\"subject\":\"Re: r\",\"inReplyTo\":[\"b\"],\"references\":["
	    "\"a\",\"b\"]}");
	assert_reply("{}",
	    "{\"from\":[" BOB "],\"subject\":\"r\",\"messageId\":[\"b\"],\"inReplyTo\":[\"a\"]}",
	    false,
	    "{\"to\":[" BOB "],\"subject\":\"Re: r\",\"inReplyTo\":[\"b\"],\"references\":["
	    "\"a\",\"b\"]}");
}

static void
test_identity(void **state)
{
	cJSON *own = mail_json(OWN),
	      *o = mail_json("{\"to\":[" DAN ",{\"email\":\"AL@here.test\"}]}");

	(void)state;
	assert_string_equal(json_get(draft_identity(own, STR_NONE, NULL), "id")->valuestring, "i1");
	assert_string_equal(json_get(draft_identity(own, STR_NONE, o), "id")->valuestring, "i2");
	assert_string_equal(
	    json_get(draft_identity(own, STR("ALICE@here.test"), o), "id")->valuestring, "i1");
	assert_null(draft_identity(own, STR("bob@there.test"), NULL));
	cJSON_Delete(own);
	cJSON_Delete(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_to),
	    cmocka_unit_test(test_all),
	    cmocka_unit_test(test_references),
	    cmocka_unit_test(test_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
