/*
 * ask_test.c - a tool that asks the client (a move to the trash, which a human has to approve): in
 * a session, by today's protocol and on a stream; whose answers are taken, and what becomes of a
 * call that waits for one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "mcpd/ask.h"
#include "mcpd/scene_web.h"

#include <cmocka.h>

#define CAN  "{\"elicitation\":{\"url\":{}}}"
#define MOVE "\"name\":\"move\",\"arguments\":{\"messages\":[\"e1\"],\"to\":\"trash\"}"
#define META                                                                     \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," \
	"\"io.modelcontextprotocol/clientCapabilities\":" CAN "}"
#define APPROVAL(state) "{\"id\":\"a1\",\"state\":\"" state "\"}"
#define BOXES                                                                        \
	"{\"methodResponses\":[[\"Mailbox/get\",{\"list\":[{\"id\":\"m9\",\"name\":" \
	"\"Trash\",\"role\":\"trash\",\"parentId\":null}]},\"c\"]]}"
#define ASKED                                                                    \
	"{\"methodResponses\":[[\"Approval/set\",{\"created\":{\"k\":" APPROVAL( \
	    "requested") "}},\"c\"]]}"
#define LOOKED(state) \
	"{\"methodResponses\":[[\"Approval/get\",{\"list\":[" APPROVAL(state) "]},\"c\"]]}"

static const char *const done[] = {BOXES, ASKED, LOOKED("done"), NULL};

static struct web_exchange *
post(size_t i, const char *token, const char *version, const char *session, const char *body)
{
	const char *const fields[PIPE_MCP_FIELDS] = {"POST", token, "json,sse", version,
	    version != NULL ? "tools/call" : NULL, version != NULL ? "move" : NULL, session};
	struct web_exchange *x = &web.x[i];

	web_open(x);
	web_head(x, fields);
	web_body(x, str_z(body));
	web_say(x, PIPE_END);
	return x;
}

static struct web_exchange *
answered(struct web_exchange *x, unsigned status)
{
	until(&x->ended);
	assert_int_equal(x->head.status, status);
	return x;
}

static void
begin(char id[SESSION_ID + 1], const char *token)
{
	struct web_exchange *x = post(WEB_EXCHANGES - 1, token, NULL, NULL,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
	    "\"protocolVersion\":\"2025-11-25\",\"capabilities\":" CAN ",\"clientInfo\":{}}}");

	memcpy(id, answered(x, 200)->session, SESSION_ID + 1);
}

/* The response to what was asked in x. */
static struct web_exchange *
respond(const struct web_exchange *x, const char *token, const char *session, const char *action)
{
	const char *id = strstr(x->body.p, "\"gk-");
	char body[300];

	assert_non_null(id);
	(void)snprintf(body, sizeof(body),
	    "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"action\":\"%s\"}}",
	    (int)(strchr(id + 1, '"') + 1 - id), id, action);
	return answered(post(WEB_EXCHANGES - 2, token, NULL, session, body), 202);
}

/* The call, in a session; it waits for the human. */
static struct web_exchange *
ask(const char *session)
{
	struct web_exchange *x;

	scene.mode = OWNER_SAYS;
	scene.says = done;
	x = post(0, SCENE_TOKEN, NULL, session,
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{" MOVE "}}");
	hear(x, "elicitation/create");
	assert_true(said(x, "https://a.test/#/approve/a1"));
	return x;
}

static void
test_in_a_session(void **state)
{
	char mine[SESSION_ID + 1], its[SESSION_ID + 1];
	struct web_exchange *x;

	(void)state;
	begin(mine, SCENE_TOKEN);
	begin(its, SCENE_BOBS);
	x = ask(mine);
	/* An id of ours is good for who was asked. */
	(void)respond(x, SCENE_BOBS, its, "accept");
	turns();
	assert_false(x->ended);
	assert_int_equal(scene.asked, 2);
	(void)respond(x, SCENE_TOKEN, mine, "accept");
	(void)answered(x, 200);
	assert_true(said(x, "\"state\":\"done\""));
	assert_int_equal(scene.asked, 3);
	/* And once. */
	(void)respond(x, SCENE_TOKEN, mine, "accept");
	turns();
	assert_int_equal(scene.asked, 3);
	assert_int_equal(mcp_requests_active(), 0);
}

/* Whatever the client says of it, how it stands is what the user's mailbox says. */
static void
test_refused_by_the_client(void **state)
{
	static const char *const open[] = {BOXES, ASKED, LOOKED("requested"), NULL};
	char id[SESSION_ID + 1];
	struct web_exchange *x;

	(void)state;
	begin(id, SCENE_TOKEN);
	x = ask(id);
	scene.says = open + 2;
	(void)respond(x, SCENE_TOKEN, id, "decline");
	(void)answered(x, 200);
	assert_true(said(x, "\"state\":\"requested\""));
}

static void
test_cancelled_while_it_waits(void **state)
{
	char id[SESSION_ID + 1];
	struct web_exchange *x;

	(void)state;
	begin(id, SCENE_TOKEN);
	x = ask(id);
	(void)answered(post(1, SCENE_TOKEN, NULL, id,
			   "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
			   "\"params\":{\"requestId\":2}}"),
	    202);
	(void)answered(x, 200);
	assert_int_equal(mcp_requests_active(), 0);
	(void)respond(x, SCENE_TOKEN, id, "accept");
	turns();
	assert_int_equal(scene.asked, 2);
}

static void
test_left_while_it_waits(void **state)
{
	char id[SESSION_ID + 1];
	struct web_exchange *x;
	struct buf kept;

	(void)state;
	begin(id, SCENE_TOKEN);
	x = ask(id);
	/* Who asked is gone, and the session answers yet: it ends, for nobody. */
	buf_init(&kept, 65536);
	(void)buf_str(&kept, buf_view(&x->body));
	web_forget(x);
	x->body = kept;
	turns();
	assert_int_equal(mcp_requests_active(), 1);
	(void)respond(x, SCENE_TOKEN, id, "accept");
	for (int i = 0; i < 500 && mcp_requests_active() > 0; i++)
		loop_once(2);
	assert_int_equal(mcp_requests_active(), 0);
	assert_int_equal(scene.asked, 3);
}

static void
test_nobody_answers(void **state)
{
	char id[SESSION_ID + 1];
	struct web_exchange *x;

	(void)state;
	begin(id, SCENE_TOKEN);
	x = ask(id);
	/* A human has longer than a machine. */
	clock_advance(conf_num(scene.conf, CONF_MCP_CALL_TIMEOUT) + 1000);
	turns();
	assert_false(x->ended);
	clock_advance(ASK_MS);
	(void)answered(x, 200);
	assert_true(said(x, "given up"));
}

static void
test_session_ends_while_it_waits(void **state)
{
	static const char *const fields[PIPE_MCP_FIELDS] = {"DELETE", SCENE_TOKEN, "json,sse"};
	const char *v[PIPE_MCP_FIELDS];
	char id[SESSION_ID + 1];
	struct web_exchange *x;

	(void)state;
	begin(id, SCENE_TOKEN);
	x = ask(id);
	memcpy(v, fields, sizeof(v));
	v[PIPE_MCP_SESSION] = id;
	web_open(&web.x[1]);
	web_head(&web.x[1], v);
	web_say(&web.x[1], PIPE_END);
	(void)answered(&web.x[1], 204);
	until(&x->ended);
	assert_int_equal(mcp_requests_active(), 0);
}

static void
test_by_todays_protocol(void **state)
{
	static const char first[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{" MOVE "," META
	    "}}";
	static const char again[] = "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\","
				    "\"params\":{%s,\"requestState\":\"%.*s\",\"inputResponses\":{"
				    "\"approval\":{\"action\":\"accept\"}}," META "}}";
	static const char other[] =
	    "\"name\":\"move\",\"arguments\":{\"messages\":[\"e2\"],\"to\":\"trash\"}";
	struct web_exchange *x;
	char body[4000], sealed[2000];
	const char *at;

	(void)state;
	scene.mode = OWNER_SAYS;
	scene.says = done;
	x = answered(post(0, SCENE_TOKEN, "2026-07-28", NULL, first), 200);
	assert_true(said(x, "input_required"));
	assert_int_equal(mcp_requests_active(), 0); /* nothing waits here */
	at = strstr(x->body.p, "\"requestState\":\"") + strlen("\"requestState\":\"");
	(void)snprintf(sealed, sizeof(sealed), "%.*s", (int)(strchr(at, '"') - at), at);
	/* Not for another call, nor another's agent, nor half of it. */
	(void)snprintf(body, sizeof(body), again, other, (int)strlen(sealed), sealed);
	x = answered(post(0, SCENE_TOKEN, "2026-07-28", NULL, body), 200);
	assert_true(said(x, "-32602"));
	(void)snprintf(body, sizeof(body), again, MOVE, (int)strlen(sealed), sealed);
	x = answered(post(0, SCENE_BOBS, "2026-07-28", NULL, body), 200);

	assert_true(said(x, "-32602"));
	(void)snprintf(body, sizeof(body), again, MOVE, (int)strlen(sealed) / 2, sealed);
	(void)answered(post(0, SCENE_TOKEN, "2026-07-28", NULL, body), 200);
	assert_int_equal(scene.asked, 2);
	(void)snprintf(body, sizeof(body), again, MOVE, (int)strlen(sealed), sealed);
	x = answered(post(0, SCENE_TOKEN, "2026-07-28", NULL, body), 200);
	assert_true(said(x, "\"state\":\"done\""));
	assert_int_equal(scene.asked, 3);
}

/* On a stream the peer goes with it. */
static void
test_stream_closed_while_it_waits(void **state)
{
	(void)state;
	scene.mode = OWNER_SAYS;
	scene.says = done;
	client_open(SCENE_TOKEN);
	client_say(STR(
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
	    "\"protocolVersion\":\"2025-11-25\",\"capabilities\":" CAN "}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{" MOVE "}}\n"));
	for (int i = 0;
	     i < 1000 && str_find(buf_view(&scene.in), STR("elicitation/create")) >= scene.in.n;
	     i++) {
		loop_once(2);
		client_read();
	}
	assert_int_equal(mcp_requests_active(), 1);
	close(scene.fd);
	scene.fd = -1;
	for (int i = 0; i < 500 && mcp_requests_active() > 0; i++) {
		loop_once(2);
		clock_advance(2000);
	}
	assert_int_equal(mcp_requests_active(), 0);
	assert_int_equal(mcp_stream_count(), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, web_up, web_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(test_in_a_session),
	    TEST(test_refused_by_the_client),
	    TEST(test_cancelled_while_it_waits),
	    TEST(test_left_while_it_waits),
	    TEST(test_nobody_answers),
	    TEST(test_session_ends_while_it_waits),
	    TEST(test_by_todays_protocol),
	    TEST(test_stream_closed_while_it_waits),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
