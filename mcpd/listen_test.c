/*
 * listen_test.c - who wants to hear of changes, in both eras: what is told of what has changed,
 * limits, and a watch whose owner refuses, makes no sense or goes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include "base/clock.h"
#include "mcpd/listen.h"
#include "mcpd/scene_web.h"

#include <cmocka.h>

#define META                                                      \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":" \
	"\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define STATES                                                                             \
	"{\"methodResponses\":[[\"Mailbox/get\",{\"state\":\"1\"},\"c\"],[\"Email/get\",{" \
	"\"state\":\"1\"},\"c\"]]}"
#define CHANGES(mailboxes, emails, updated)                                                 \
	"{\"methodResponses\":[[\"Mailbox/changes\",{\"newState\":\"2\"," mailboxes         \
	"},\"c\"],[\"Email/changes\",{\"newState\":\"2\"," emails                           \
	"},\"c\"],[\"Mailbox/get\",{\"list\":[" BOXES "]},\"c\"],[\"Email/get\",{\"list\":" \
	"[" updated "]},\"c\"]]}"
#define NONE "\"created\":[],\"updated\":[],\"destroyed\":[]"
#define BOXES                                                                            \
	"{\"id\":\"m1\",\"name\":\"Inbox\",\"role\":\"inbox\"},{\"id\":\"m2\",\"name\":" \
	"\"\\u00c9t\\u00e9 1\",\"role\":null}"

static struct web_exchange *
listen_to(size_t i, const char *wish)
{
	static const char *const fields[PIPE_MCP_FIELDS] = {
	    "POST", SCENE_TOKEN, "json,sse", "2026-07-28", "subscriptions/listen", NULL, NULL};
	struct web_exchange *x = &web.x[i];
	char body[1000];

	(void)snprintf(body, sizeof(body),
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscriptions/listen\",\"params\":{"
	    "\"notifications\":{%s}," META "}}",
	    wish);
	web_open(x);
	web_head(x, fields);
	web_body(x, str_z(body));
	web_say(x, PIPE_END);
	return x;
}

static struct web_exchange *
in_session(size_t i, const char *method, const char *session, const char *body)
{
	const char *const fields[PIPE_MCP_FIELDS] = {
	    method, SCENE_TOKEN, "json,sse", NULL, NULL, NULL, session};
	struct web_exchange *x = &web.x[i];

	web_open(x);
	web_head(x, fields);
	web_body(x, str_z(body));
	web_say(x, PIPE_END);
	return x;
}

static void
begin_session(char id[SESSION_ID + 1])
{
	struct web_exchange *x = in_session(WEB_EXCHANGES - 1, "POST", NULL,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
	    "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}}}");

	until(&x->ended);
	memcpy(id, x->session, SESSION_ID + 1);
}

/* Is it taken? */
static bool
subscribe(const char *session, const char *verb, const char *uri)
{
	struct web_exchange *x;
	char body[2000];

	(void)snprintf(body, sizeof(body),
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"resources/"
	    "%s\",\"params\":{\"uri\":\"%s\"}}",
	    verb, uri);
	x = in_session(WEB_EXCHANGES - 2, "POST", session, body);
	until(&x->ended);
	return said(x, "\"result\"");
}

static struct scene_pipe *
watching(void)
{
	for (size_t i = 0; i < scene.nowners; i++)
		if (scene.owner[i].frames != NULL && scene.owner[i].push && !scene.owner[i].left)
			return &scene.owner[i];
	return NULL;
}

static void
until_watching(bool yes)
{
	for (int i = 0; i < 1000 && (watching() != NULL) != yes; i++) {
		loop_once(2);
		clock_advance(20);
	}
	assert_true((watching() != NULL) == yes);
}

/* ---- what is told ---- */

static void
test_what_has_changed(void **state)
{
	static const char *const says[] = {STATES,
	    CHANGES("\"created\":[],\"updated\":[\"m2\"],\"destroyed\":[],\"updatedProperties\":["
		    "\"totalEmails\"]",
		NONE, ""),
	    CHANGES("\"created\":[\"m3\"],\"updated\":[],\"destroyed\":[]", NONE, ""),
	    CHANGES(NONE, "\"created\":[],\"updated\":[\"e1\"],\"destroyed\":[]",
		"{\"id\":\"e1\",\"mailboxIds\":{\"m1\":true}}"),
	    "{\"methodResponses\":[[\"error\",{\"type\":\"cannotCalculateChanges\"},\"c\"]]}",
	    STATES, NULL};
	struct web_exchange *x;

	(void)state;
	scene.mode = OWNER_SAYS;
	scene.says = says;
	x = listen_to(0, "\"resourcesListChanged\":true,\"resourceSubscriptions\":["
			 "\"mail://mailbox/inbox\",\"mail://mailbox/%C3%89t%C3%A9%201\","
			 "\"mail://message/e1\",\"file:///x\",7]");
	hear(x, "acknowledged");
	assert_false(said(x, "file:"));
	buf_reset(&x->body);
	owner_tells(); /* the second mailbox has another count */
	hear(x, "mailbox/%C3%89t%C3%A9%201");
	turns();
	assert_false(said(x, "mailbox/inbox") || said(x, "list_changed") || said(x, "message/e1"));
	buf_reset(&x->body);
	owner_tells(); /* there is one more */
	hear(x, "list_changed");
	assert_false(said(x, "resources/updated"));
	buf_reset(&x->body);
	owner_tells();
	hear(x, "message/e1"); /* it has other marks, so what its mailbox shows */
	hear(x, "mailbox/inbox");
	turns();
	assert_false(said(x, "%201") || said(x, "list_changed"));
	buf_reset(&x->body);
	owner_tells(); /* nobody knows: anything may have */
	hear(x, "mailbox/inbox");
	hear(x, "message/e1");
	hear(x, "list_changed");
	turns();
	assert_false(x->ended);
}

/* Nothing is wished for that an agent may hear: it is told so, and no owner asked. */
static void
test_nothing_to_hear(void **state)
{
	struct web_exchange *x;

	(void)state;
	scene.scopes = AGENT_DRAFT;
	x = listen_to(0, "\"resourceSubscriptions\":[\"mail://mailbox/inbox\"]");
	hear(x, "\"notifications\":{}");
	turns();
	assert_int_equal(scene.tickets, 0);
}

/* ---- limits ---- */

static void
test_subscriptions_at_most(void **state)
{
	char id[SESSION_ID + 1], uri[LISTEN_URI_MAX + 100];

	(void)state;
	begin_session(id);
	for (unsigned i = 0; i < LISTEN_URIS; i++) {
		(void)snprintf(uri, sizeof(uri), "mail://message/e%u", i);
		assert_true(subscribe(id, "subscribe", uri));
	}
	assert_false(subscribe(id, "subscribe", "mail://message/more"));
	assert_true(subscribe(id, "subscribe", "mail://message/e7")); /* there already */
	assert_true(subscribe(id, "unsubscribe", "mail://message/e7"));
	assert_true(subscribe(id, "subscribe", "mail://message/more"));
	memset(uri, 'x', sizeof(uri));
	memcpy(uri, "mail://message/", 15);
	uri[LISTEN_URI_MAX + 1] = '\0';
	assert_true(subscribe(id, "unsubscribe", "mail://message/more"));
	assert_false(subscribe(id, "subscribe", uri));
	assert_false(subscribe(id, "subscribe", "https://x.test/"));
	assert_false(subscribe(id, "subscribe", ""));
}

static void
test_unsubscribed(void **state)
{
	char id[SESSION_ID + 1];

	(void)state;
	begin_session(id);
	assert_true(subscribe(id, "subscribe", "mail://mailbox/inbox"));
	until_watching(true);
	assert_true(subscribe(id, "unsubscribe", "mail://mailbox/inbox"));
	until_watching(false);
	assert_true(subscribe(id, "unsubscribe", "mail://mailbox/inbox"));
	/* A session that ends watches nothing either. */
	assert_true(subscribe(id, "subscribe", "mail://mailbox/inbox"));
	until_watching(true);
	until(&in_session(0, "DELETE", id, "")->ended);
	until_watching(false);
}

/* ---- owners ---- */

static void
test_owner_refuses(void **state)
{
	struct web_exchange *x;

	(void)state;
	scene.mode = OWNER_REFUSES;
	x = listen_to(0, "\"resourceSubscriptions\":[\"mail://mailbox/inbox\"]");
	for (int i = 0; i < 3000 && !x->ended; i++) {
		loop_once(1);
		clock_advance(100);
	}
	assert_true(x->ended);
	assert_true(said(x, "cannot be watched"));
}

static void
test_owner_makes_no_sense(void **state)
{
	static const unsigned kinds[] = {PIPE_HEAD, PIPE_DATA, PIPE_END, PIPE_LEFT, PIPE_DONE, 200};
	static char wide[2000];
	struct str fields[] = {STR("Mailbox"), str_of(wide, sizeof(wide))};
	struct web_exchange *x;
	struct scene_pipe *o;

	(void)state;
	memset(wide, 'x', sizeof(wide));
	x = listen_to(0, "\"resourceSubscriptions\":[\"mail://mailbox/inbox\"]");
	hear(x, "acknowledged");
	for (size_t i = 0; i < ARRAY_LEN(kinds) + 2; i++) {
		until_watching(true);
		o = watching();
		assert_non_null(o);
		if (i < ARRAY_LEN(kinds)) {
			frames_put(o->frames, kinds[i], STR("x"));
		} else if (i == ARRAY_LEN(kinds)) {
			(void)pipe_put(o->frames, PIPE_TEXT, NULL, 0);
			(void)pipe_put(o->frames, PIPE_TEXT, NULL, 0);
		} else {
			(void)pipe_put(o->frames, PIPE_STATE, fields, 2);
		}
		/* Another is asked for, and the client hears nothing of it. */
		for (int n = 0; n < 500 && o->frames != NULL; n++)
			loop_once(2);
		assert_null(o->frames);
	}
	until_watching(true);
	assert_false(x->ended);
	buf_reset(&x->body);
	owner_tells();
	hear(x, "resources/updated");
}

static void
test_agent_over(void **state)
{
	struct web_exchange *x = listen_to(0, "\"resourcesListChanged\":true");
	struct ipc_out m;

	(void)state;
	hear(x, "acknowledged");
	ipc_begin(&m, MSG_AGENT_GONE);
	ipc_put_z(&m, "alice@example.test");
	ipc_put_z(&m, "0000000000000001");
	ipc_send(scene.authd, &m);
	until(&x->closed);
	turns();
	assert_int_equal(mcp_requests_active(), 0);
	assert_int_equal(mcp_exchange_count(), 0);
	assert_null(watching());
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, web_up, web_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(test_what_has_changed),
	    TEST(test_nothing_to_hear),
	    TEST(test_subscriptions_at_most),
	    TEST(test_unsubscribed),
	    TEST(test_owner_refuses),
	    TEST(test_owner_makes_no_sense),
	    TEST(test_agent_over),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
