/*
 * exchange_test.c - exchanges of HTTP as gk-webd hands them over, and sessions of clients of
 * before: who is let in, what is answered and in what form, how much there may be at a time, and
 * how each ends: by its client, its agent, the owner, or the end of gk-mcpd.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "mcpd/scene_web.h"

#include <cmocka.h>

#define META                                                      \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":" \
	"\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define CALL                                                                  \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":" \
	"{\"name\":\"list_mailboxes\",\"arguments\":{}," META "}}"
#define DISCOVER \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\",\"params\":{" META "}}"
#define LISTEN                                                                           \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscriptions/listen\",\"params\":{" \
	"\"notifications\":{\"resourceSubscriptions\":[\"mail://mailbox/inbox\"]}," META "}}"
#define INITIALIZE                                                            \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":" \
	"{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{}}}"
#define OLD_CALL(id)                                                                 \
	"{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"tools/call\",\"params\":{" \
	"\"name\":\"list_mailboxes\",\"arguments\":{}}}"

/* ---- asking ---- */

static struct web_exchange *
open_one(size_t i)
{
	struct web_exchange *x = &web.x[i];

	web_open(x);
	for (int n = 0; n < 500 && x->waits; n++)
		loop_once(2);
	assert_false(x->waits);
	return x;
}

static struct web_exchange *
modern(size_t i, const char *token, const char *rpc, const char *name, const char *body)
{
	const char *const fields[PIPE_MCP_FIELDS] = {
	    "POST", token, "json,sse", "2026-07-28", rpc, name, NULL};
	struct web_exchange *x = open_one(i);

	web_head(x, fields);
	web_body(x, str_z(body));
	web_say(x, PIPE_END);
	return x;
}

static struct web_exchange *
old(size_t i, const char *method, const char *token, const char *session, const char *body)
{
	const char *const fields[PIPE_MCP_FIELDS] = {
	    method, token, "json,sse", NULL, NULL, NULL, session};
	struct web_exchange *x = open_one(i);

	web_head(x, fields);
	web_body(x, str_z(body));
	web_say(x, PIPE_END);
	return x;
}

static struct web_exchange *
call(size_t i)
{
	return modern(i, SCENE_TOKEN, "tools/call", "list_mailboxes", CALL);
}

static struct web_exchange *
listen_one(size_t i)
{
	return modern(i, SCENE_TOKEN, "subscriptions/listen", NULL, LISTEN);
}

static void
expect(struct web_exchange *x, unsigned status)
{
	until(&x->ended);
	assert_int_equal(x->head.status, status);
	until(&x->closed);
}

static void
begin_session(char id[SESSION_ID + 1], const char *token)
{
	struct web_exchange *x = old(WEB_EXCHANGES - 1, "POST", token, NULL, INITIALIZE);

	expect(x, 200);
	assert_int_equal(strlen(x->session), SESSION_ID);
	memcpy(id, x->session, SESSION_ID + 1);
}

static unsigned
status_in(const char *token, const char *session)
{
	struct web_exchange *x = old(WEB_EXCHANGES - 2, "POST", token, session, OLD_CALL(9));

	until(&x->ended);
	return x->head.status;
}

/* ---- exchanges ---- */

static void
test_answered(void **state)
{
	struct web_exchange *x = call(0);

	(void)state;
	expect(x, 200);
	assert_string_equal(x->type, "application/json");
	assert_true(said(x, "Inbox"));
	assert_string_equal(x->session, "");
	/* The agent session stays for the next, which is of the same. */
	expect(call(1), 200);
	assert_int_equal(scene.opened, 1);
}

static void
test_every_split_of_a_body(void **state)
{
	static const char *const fields[PIPE_MCP_FIELDS] = {
	    "POST", SCENE_TOKEN, "json,sse", "2026-07-28", "server/discover", NULL, NULL};
	struct str body = STR(DISCOVER);

	(void)state;
	for (size_t cut = 1; cut < body.n; cut++) {
		struct web_exchange *x = open_one(0);

		web_head(x, fields);
		web_body(x, str_sub(body, 0, cut));
		loop_once(0);
		web_body(x, str_from(body, cut));
		web_say(x, PIPE_END);
		expect(x, 200);
		assert_true(said(x, "supportedVersions"));
	}
}

static void
test_who_is_let_in(void **state)
{
	(void)state;
	expect(modern(0, "gka_none", "tools/call", "list_mailboxes", CALL), 401);
	expect(old(0, "GET", SCENE_TOKEN, NULL, ""), 405);
	expect(old(0, "DELETE", SCENE_TOKEN, NULL, ""), 405);
	expect(old(0, "POST", SCENE_TOKEN, "no such session", OLD_CALL(1)), 404);
	scene.temp = true;
	expect(modern(0, SCENE_BOBS, "tools/call", "list_mailboxes", CALL), 503);
	assert_int_equal(scene.asked, 0);
}

static void
test_too_long(void **state)
{
	static const char *const fields[PIPE_MCP_FIELDS] = {
	    "POST", SCENE_TOKEN, "json,sse", "2026-07-28", NULL, NULL, NULL};
	static char much[MCP_MESSAGE_MAX + 1];
	struct web_exchange *x = open_one(0);

	(void)state;
	memset(much, ' ', sizeof(much));
	web_head(x, fields);
	web_body(x, str_of(much, sizeof(much)));
	expect(x, 413);
}

/* Nothing is believed of who hands exchanges over. */
static void
test_frames_out_of_order(void **state)
{
	static const char *const fields[PIPE_MCP_FIELDS] = {"POST", SCENE_TOKEN, "json,sse"};
	static const unsigned first[] = {PIPE_END, PIPE_DRAIN, PIPE_HEAD, PIPE_TEXT, 200};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(first); i++) {
		struct web_exchange *x = open_one(0);

		web_say(x, first[i]);
		until(&x->closed);
		assert_false(x->headed);
	}
	web_head(open_one(0), fields);
	web_head(&web.x[0], fields);
	until(&web.x[0].closed);
	frames_put(open_one(0)->frames, PIPE_MCP, STR("\1\2\3"));
	until(&web.x[0].closed);
	assert_int_equal(mcp_exchange_count(), 0);
}

static void
test_so_many_of_an_agent(void **state)
{
	unsigned refused = 0;

	(void)state;
	scene.mode = OWNER_SILENT;
	/* mcp.max_clients is 3 here: four times as many exchanges. */
	for (size_t i = 0; i < 12; i++)
		assert_false(call(i)->refused);
	for (size_t i = 12; i < 15; i++)
		refused += open_one(i)->refused;
	assert_int_equal(refused, 3);
	web_forget(&web.x[0]);
	turns();
	assert_false(open_one(0)->refused);
}

/* By today's protocol who leaves gives up what it asked for. */
static void
test_left(void **state)
{
	(void)state;
	scene.mode = OWNER_SILENT;
	(void)call(0);
	for (int i = 0; i < 500 && scene.asked == 0; i++)
		loop_once(2);
	assert_int_equal(mcp_requests_active(), 1);
	web_forget(&web.x[0]);
	turns();
	assert_int_equal(mcp_requests_active(), 0);
	assert_int_equal(mcp_exchange_count(), 0);
	assert_string_equal(scene.audited_outcome, "cancelled");
	/* Also before its agent session is there. */
	web_open(&web.x[0]);
	web_forget(&web.x[0]);
	turns();
	assert_int_equal(mcp_exchange_count(), 0);
}

static void
test_agent_over(void **state)
{
	struct web_exchange *x;
	struct ipc_out m;

	(void)state;
	scene.mode = OWNER_SILENT;
	x = call(0);
	for (int i = 0; i < 500 && scene.asked == 0; i++)
		loop_once(2);
	ipc_begin(&m, MSG_AGENT_GONE);
	ipc_put_z(&m, "alice@example.test");
	ipc_put_z(&m, "0000000000000001");
	ipc_send(scene.authd, &m);
	expect(x, 200);
	assert_true(said(x, "session is over"));
	assert_int_equal(mcp_requests_active(), 0);
	/* The token may be good still. */
	scene.mode = OWNER_GOOD;
	expect(call(0), 200);
}

static void
test_owner_fails(void **state)
{
	(void)state;
	for (enum scene_owner mode = OWNER_REFUSES; mode < OWNER_MODES; mode++) {
		if (mode == OWNER_SILENT || mode == OWNER_TALKS_ON)
			continue;
		scene.mode = mode;
		expect(call(0), 200);
		assert_true(said(&web.x[0], "\"isError\":true"));
	}
}

/* Where the mailbox has nothing of what is asked for, and where any one of its methods fails, each
 * tool ends, once. */
static void
test_tools_without_mail(void **state)
{
	static const char *const args[][2] = {
	    {"list_threads", "{\"mailbox\":\"inbox\"}"},
	    {"search", "{\"query\":\"from:bob\"}"},
	    {"read_message", "{\"message\":\"e1\"}"},
	    {"read_thread", "{\"message\":\"e1\"}"},
	    {"read_attachment_text", "{\"message\":\"e1\",\"attachment\":\"b1\"}"},
	    {"flag", "{\"messages\":[\"e1\"],\"read\":true}"},
	    {"move", "{\"messages\":[\"e1\"],\"to\":\"archive\"}"},
	    {"create_draft", "{\"body\":\"x\",\"reply_to_message\":\"e1\"}"},
	    {"create_draft", "{\"body\":\"x\",\"to\":[\"b@x.test\"]}"},
	    {"update_draft", "{\"draft\":\"e1\",\"body\":\"x\"}"},
	    {"delete_draft", "{\"draft\":\"e1\"}"},
	    {"request_send", "{\"draft\":\"e1\"}"},
	    {"set_vacation", "{\"enabled\":true,\"text\":\"x\"}"},
	    {"contacts", "{\"query\":\"b\"}"},
	    {"mailbox_changes", "{\"since\":\"s\"}"},
	    {"undo_session", "{}"},
	};
	char body[1000];

	(void)state;
	scene.mode = OWNER_NOTHING;
	for (size_t i = 0; i < ARRAY_LEN(args); i++)
		for (scene.fails = 0; scene.fails < 6; scene.fails++) {
			(void)snprintf(body, sizeof(body),
			    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
			    "\"name\":\"%s\",\"arguments\":%s," META "}}",
			    args[i][0], args[i][1]);
			expect(modern(0, SCENE_TOKEN, "tools/call", args[i][0], body), 200);
			assert_false(said(&web.x[0], "does not fit"));
		}
}

static void
test_too_late(void **state)
{
	struct web_exchange *x;

	(void)state;
	scene.mode = OWNER_SILENT;
	x = call(0);
	turns();
	assert_false(x->headed);
	/* Long before it is given up it is events, so that nobody takes it for dead. */
	clock_advance(EXCHANGE_STILL);
	turns();
	assert_string_equal(x->type, "text/event-stream");
	hear(x, ":\n\n");
	clock_advance(3600000);
	until(&x->ended);
	assert_true(said(x, "it took longer than"));
}

/* ---- listening ---- */

static void
test_listener(void **state)
{
	struct web_exchange *x = listen_one(0);

	(void)state;
	hear(x, "acknowledged");
	owner_tells();
	/* The owner of the scene says no changes it knows: anything may have changed. */
	hear(x, "resources/updated");
	assert_false(x->ended);
	/* gk-webd is about to end: so does the listener, by its result. */
	web_say(x, PIPE_DRAIN);
	expect(x, 200);
	assert_true(said(x, "subscriptionId"));
}

static void
test_listener_loses_the_owner(void **state)
{
	struct web_exchange *x = listen_one(0);
	struct ipc_out m;

	(void)state;
	hear(x, "acknowledged");
	ipc_begin(&m, MSG_KICK);
	for (size_t i = 0; i < scene.nowners; i++)
		if (scene.owner[i].push)
			ipc_put_u64(&m, scene.owner[i].conn);
	ipc_send(scene.parent, &m);
	until(&x->ended);
	assert_true(said(x, "\"error\"") || said(x, "isError"));
}

static void
tell_parent(enum ipc_type type, uint64_t conn)
{
	struct ipc_out m;

	ipc_begin(&m, type);
	ipc_put_u64(&m, conn);
	ipc_send(scene.parent, &m);
}

/* The pipe that a watch has now; NULL: none. */
static struct scene_pipe *
watching(void)
{
	struct scene_pipe *found = NULL;

	for (size_t i = 0; i < scene.nowners; i++)
		if (scene.owner[i].frames != NULL && scene.owner[i].push)
			found = &scene.owner[i];
	return found;
}

static uint64_t
watching_conn(void)
{
	const struct scene_pipe *o = watching();

	return o != NULL ? o->conn : 0;
}

static void
let_it_rest(void)
{
	unsigned before = scene.watched;

	turns();
	clock_advance(10000);
	for (int i = 0; i < 500 && scene.watched == before; i++)
		loop_once(2);
	assert_int_equal(scene.watched, before + 1);
	turns();
}

/* Who only waits keeps no owner: its pipes are given back, and there again when it is woken. */
static void
test_listener_rests(void **state)
{
	struct web_exchange *x = listen_one(0);
	uint64_t conn;

	(void)state;
	hear(x, "acknowledged");
	conn = watching_conn();
	let_it_rest();
	for (size_t i = 0; i < scene.nowners; i++)
		assert_null(scene.owner[i].frames);
	for (int n = 0; n < 3; n++) {
		buf_reset(&x->body);
		tell_parent(MSG_WAKE, conn);
		for (int i = 0; i < 500 && watching() == NULL; i++)
			loop_once(2);
		assert_non_null(watching());
		/* Nobody waits by that number any more. */
		assert_int_equal(scene.unwatched, n + 1);
		assert_true(watching_conn() != conn);
		conn = watching_conn();
		owner_tells();
		hear(x, "resources/updated");
		let_it_rest();
		assert_null(watching());
	}
	web_forget(x);
	turns();
	assert_int_equal(scene.unwatched, 4);
	tell_parent(MSG_WAKE, conn);
	turns();
	assert_int_equal(scene.unwatched, 5);
}

/* Something changed between OWNER_WATCH and LEFT. */
static void
test_woken_before_it_rests(void **state)
{
	struct web_exchange *x = listen_one(0);
	struct scene_pipe *o;

	(void)state;
	hear(x, "acknowledged");
	o = watching();
	scene.mode = OWNER_SILENT; /* says no LEFT by itself */
	let_it_rest();
	assert_ptr_equal(watching(), o);
	scene.mode = OWNER_GOOD;
	tell_parent(MSG_WAKE, o->conn);
	turns();
	o->push = false;
	(void)pipe_put(o->frames, PIPE_LEFT, NULL, 0);
	for (int i = 0; i < 500 && watching() == NULL; i++)
		loop_once(2);
	assert_non_null(watching());
}

static void
test_resting_listener_ends(void **state)
{
	struct web_exchange *x = listen_one(0);
	uint64_t conn;

	(void)state;
	hear(x, "acknowledged");
	conn = watching_conn();
	let_it_rest();
	/* The parent begins anew, and has forgotten who waits: all are there again. */
	watch_lost();
	for (int i = 0; i < 500 && watching() == NULL; i++) {
		clock_advance(200);
		loop_once(2);
	}
	assert_non_null(watching());
	assert_true(watching_conn() != conn);
	conn = watching_conn();
	let_it_rest();
	tell_parent(MSG_KICK, conn);
	until(&x->ended);
	assert_true(said(x, "\"error\"") || said(x, "isError"));
}

/* One that does not read is ended, rather than told half. */
static void
test_listener_that_does_not_read(void **state)
{
	struct web_exchange *x = listen_one(0);

	(void)state;
	hear(x, "acknowledged");
	frames_pause(x->frames);
	for (int i = 0; i < 20000 && mcp_exchange_count() > 0; i++) {
		owner_tells();
		loop_once(0);
		loop_once(0);
	}
	assert_int_equal(mcp_exchange_count(), 0);
	frames_resume(x->frames);
	until(&x->closed);
	assert_false(x->ended);
}

static void
test_drain(void **state)
{
	struct web_exchange *listener = listen_one(0), *x;

	(void)state;
	hear(listener, "acknowledged");
	scene.mode = OWNER_SILENT;
	x = call(1);
	turns();
	scene.draining = true;
	mcp_exchange_drain();
	expect(listener, 200);
	assert_true(open_one(2)->refused);
	/* What is under way is waited for. */
	assert_false(scene.drained);
	assert_false(x->ended);
	web_forget(x);
	turns();
	assert_true(scene.drained);
}

/* ---- sessions ---- */

static void
test_session(void **state)
{
	char id[SESSION_ID + 1];

	(void)state;
	begin_session(id, SCENE_TOKEN);
	expect(old(0, "POST", SCENE_TOKEN, id, OLD_CALL(2)), 200);
	assert_true(said(&web.x[0], "Inbox"));
	/* One of its own, and before it that of requests without a session. */
	assert_int_equal(scene.opened, 2);
	expect(old(0, "POST", SCENE_TOKEN, id, INITIALIZE), 400);
	expect(old(0, "DELETE", SCENE_TOKEN, id, ""), 204);
	assert_int_equal(status_in(SCENE_TOKEN, id), 404);
	assert_int_equal(mcp_session_count(), 0);
}

/* Neither another user's nor another credential's. */
static void
test_session_of_another(void **state)
{
	char id[SESSION_ID + 1];

	(void)state;
	begin_session(id, SCENE_TOKEN);
	assert_int_equal(status_in(SCENE_BOBS, id), 404);
	assert_int_equal(status_in("gka_none", id), 401);
	expect(old(0, "DELETE", SCENE_BOBS, id, ""), 404);
	expect(old(0, "GET", SCENE_BOBS, id, ""), 404);
	assert_int_equal(status_in(SCENE_TOKEN, id), 200);
}

static void
test_sessions_at_a_time(void **state)
{
	char id[4][SESSION_ID + 1];

	(void)state;
	/* mcp.max_clients is 3 here. */
	for (int i = 0; i < 3; i++)
		begin_session(id[i], SCENE_TOKEN);
	expect(old(0, "POST", SCENE_TOKEN, NULL, INITIALIZE), 429);
	expect(old(0, "DELETE", SCENE_TOKEN, id[1], ""), 204);
	begin_session(id[3], SCENE_TOKEN);
	assert_int_equal(status_in(SCENE_TOKEN, id[0]), 200);
}

/* A credential that begins more than it may loses the one that it used longest ago. */
static void
test_sessions_of_one(void **state)
{
	char first[SESSION_ID + 1], second[SESSION_ID + 1], id[SESSION_ID + 1];

	(void)state;
	conf_free(&scene.conf);
	scene.conf = conf_parse(STR("[server]\nhost_name = \"a.test\"\n"), "test", NULL);
	assert_non_null(scene.conf);
	begin_session(first, SCENE_TOKEN);
	begin_session(second, SCENE_TOKEN);
	for (unsigned i = 2; i < SESSION_OF_ONE; i++)
		begin_session(id, SCENE_TOKEN);
	assert_int_equal(status_in(SCENE_TOKEN, first), 200);
	begin_session(id, SCENE_TOKEN);
	assert_int_equal(mcp_session_count(), SESSION_OF_ONE);
	assert_int_equal(status_in(SCENE_TOKEN, second), 404);
	assert_int_equal(status_in(SCENE_TOKEN, first), 200);
	/* Another's are its own. */
	begin_session(id, SCENE_BOBS);
	assert_int_equal(status_in(SCENE_TOKEN, first), 200);
}

static void
test_session_expires(void **state)
{
	uint64_t idle = conf_num(scene.conf, CONF_MCP_IDLE_TIMEOUT);
	char id[SESSION_ID + 1];

	(void)state;
	begin_session(id, SCENE_TOKEN);
	clock_advance(idle - 10000);
	turns();
	assert_int_equal(status_in(SCENE_TOKEN, id), 200);
	clock_advance(idle - 10000);
	turns();
	assert_int_equal(mcp_session_count(), 1);
	clock_advance(10001);
	turns();
	assert_int_equal(mcp_session_count(), 0);
	assert_int_equal(status_in(SCENE_TOKEN, id), 404);
}

/* 2025-11-25: who loses the connection has not cancelled; the session is not left by that. */
static void
test_left_in_a_session(void **state)
{
	char id[SESSION_ID + 1];

	(void)state;
	begin_session(id, SCENE_TOKEN);
	scene.mode = OWNER_SILENT;
	(void)old(0, "POST", SCENE_TOKEN, id, OLD_CALL(2));
	for (int i = 0; i < 500 && scene.asked == 0; i++)
		loop_once(2);
	web_forget(&web.x[0]);
	turns();
	assert_int_equal(mcp_requests_active(), 1);
	/* Its end is asked for by a notification. */
	expect(old(0, "POST", SCENE_TOKEN, id,
		   "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
		   "\"requestId\":2}}"),
	    202);
	turns();
	assert_int_equal(mcp_requests_active(), 0);
	assert_int_equal(mcp_exchange_count(), 0);
	assert_int_equal(mcp_session_count(), 1);
}

static void
test_session_ends_under_a_call(void **state)
{
	struct web_exchange *x, *stream;
	char id[SESSION_ID + 1];

	(void)state;
	begin_session(id, SCENE_TOKEN);
	stream = old(1, "GET", SCENE_TOKEN, id, "");
	hear(stream, ":\n\n");
	scene.mode = OWNER_SILENT;
	x = old(0, "POST", SCENE_TOKEN, id, OLD_CALL(2));
	for (int i = 0; i < 500 && scene.asked == 0; i++)
		loop_once(2);
	expect(old(2, "DELETE", SCENE_TOKEN, id, ""), 204);
	expect(x, 404);
	expect(stream, 200);
	assert_int_equal(mcp_requests_active(), 0);
}

/* Who begins a session and leaves before it hears of it has none. */
static void
test_session_that_nobody_knows(void **state)
{
	static const char *const fields[PIPE_MCP_FIELDS] = {"POST", SCENE_TOKEN, "json,sse"};

	(void)state;
	for (int late = 0; late < 3; late++) {
		struct web_exchange *x = open_one(0);

		web_head(x, fields);
		web_body(x, STR(INITIALIZE));
		web_say(x, PIPE_END);
		for (int i = 0; i < late; i++)
			loop_once(0);
		assert_false(x->headed);
		web_forget(x);
		turns();
		assert_int_equal(mcp_exchange_count(), 0);
		assert_int_equal(mcp_session_count(), 0);
		assert_true(scene.opened - scene.closed <= 1); /* that of none may stay */
	}
}

static void
test_stream_of_a_session(void **state)
{
	static const char subscribe[] =
	    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"resources/subscribe\",\"params\":{"
	    "\"uri\":\"mail://mailbox/inbox\"}}";
	struct web_exchange *x, *again;
	char id[SESSION_ID + 1];

	(void)state;
	begin_session(id, SCENE_TOKEN);
	x = old(0, "GET", SCENE_TOKEN, id, "");
	hear(x, ":\n\n");
	expect(old(1, "POST", SCENE_TOKEN, id, subscribe), 200);
	for (int i = 0; i < 500 && scene.asked == 0; i++)
		loop_once(2);
	turns();
	owner_tells();
	hear(x, "resources/updated");
	/* A client that comes for it again has lost the first. */
	again = old(1, "GET", SCENE_TOKEN, id, "");
	expect(x, 200);
	owner_tells();
	hear(again, "resources/updated");
	clock_advance(EXCHANGE_STILL);
	hear(again, ":\n\n");
}

/* What the client is asked, in a session: it never is answered by another peer. */
static void
test_answers_of_others(void **state)
{
	char mine[SESSION_ID + 1], its[SESSION_ID + 1];

	(void)state;
	begin_session(mine, SCENE_TOKEN);
	begin_session(its, SCENE_BOBS);
	scene.mode = OWNER_SILENT;
	(void)old(0, "POST", SCENE_TOKEN, mine, OLD_CALL(2));
	for (int i = 0; i < 500 && scene.asked == 0; i++)
		loop_once(2);
	/* Nor is a call cancelled by one, of whatever number it is. */
	expect(old(1, "POST", SCENE_BOBS, its,
		   "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
		   "\"requestId\":2}}"),
	    202);
	expect(
	    old(1, "POST", SCENE_BOBS, its, "{\"jsonrpc\":\"2.0\",\"id\":\"gk-1\",\"result\":{}}"),
	    202);
	assert_int_equal(mcp_requests_active(), 1);
	assert_false(web.x[0].ended);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, web_up, web_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(test_answered),
	    TEST(test_every_split_of_a_body),
	    TEST(test_who_is_let_in),
	    TEST(test_too_long),
	    TEST(test_frames_out_of_order),
	    TEST(test_so_many_of_an_agent),
	    TEST(test_left),
	    TEST(test_agent_over),
	    TEST(test_owner_fails),
	    TEST(test_tools_without_mail),
	    TEST(test_too_late),
	    TEST(test_listener),
	    TEST(test_listener_loses_the_owner),
	    TEST(test_listener_rests),
	    TEST(test_woken_before_it_rests),
	    TEST(test_resting_listener_ends),
	    TEST(test_listener_that_does_not_read),
	    TEST(test_drain),
	    TEST(test_session),
	    TEST(test_session_of_another),
	    TEST(test_sessions_at_a_time),
	    TEST(test_sessions_of_one),
	    TEST(test_session_expires),
	    TEST(test_left_in_a_session),
	    TEST(test_session_ends_under_a_call),
	    TEST(test_session_that_nobody_knows),
	    TEST(test_stream_of_a_session),
	    TEST(test_answers_of_others),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
