/*
 * stream_test.c - clients of gk-mcpd as they meet it: every split of what they say, the end of
 * agent sessions, rates, limits, and owners that die, are silent or say what makes no sense.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "mcpd/scene.h"

#include <cmocka.h>

#define META                                                      \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":" \
	"\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define CALL(id)                                                                     \
	"{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"tools/call\",\"params\":{" \
	"\"name\":\"list_mailboxes\",\"arguments\":{}," META "}}\n"
#define FLAG(id)                                                                     \
	"{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"tools/call\",\"params\":{" \
	"\"name\":\"flag\",\"arguments\":{\"messages\":[\"e1\"],\"read\":true}," META "}}\n"
#define DISCOVER(id)                                                                           \
	"{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"server/discover\",\"params\":{" META \
	"}}\n"

/* The next line; NULL where it ends first. The caller's. */
static cJSON *
hear(void)
{
	struct str rest, line;
	struct err e;
	cJSON *v;

	for (int i = 0; i < 2000; i++) {
		client_read();
		rest = buf_view(&scene.in);
		if (str_cut(&rest, '\n', &line)) {
			v = json_parse(line, 100000, &e);
			assert_non_null(v);
			buf_consume(&scene.in, line.n + 1);
			return v;
		}
		loop_once(5);
		if (recv(scene.fd, &v, 1, MSG_PEEK) == 0)
			return NULL;
	}
	return NULL;
}

static int64_t
code_of(const cJSON *v)
{
	int64_t n = 0;

	(void)json_int(json_get(json_get(v, "error"), "code"), -40000, 0, &n);
	return n;
}

static bool
is_error(const cJSON *v)
{
	return cJSON_IsTrue(json_get(json_get(v, "result"), "isError"));
}

static const char *
text_of(const cJSON *v)
{
	const cJSON *part = cJSON_GetArrayItem(json_get(json_get(v, "result"), "content"), 0);

	return cJSON_IsString(json_get(part, "text")) ? json_get(part, "text")->valuestring : "";
}

static void
expect_call(int id, bool failed)
{
	cJSON *v = hear();
	int64_t got = 0;

	assert_non_null(v);
	assert_int_equal(json_int(json_get(v, "id"), 0, 1000, &got), 0);
	assert_int_equal(got, id);
	if (is_error(v) != failed)
		fail_msg("answered \"%s\"", text_of(v));
	cJSON_Delete(v);
}

/* ---- messages ---- */

static void
test_every_split(void **state)
{
	static const char said[] = DISCOVER(1) "\n  \n" CALL(2) "garbage\n";
	size_t n = sizeof(said) - 1;

	(void)state;
	client_open(SCENE_TOKEN);
	assert_false(scene.refused);
	for (size_t cut = 1; cut < n; cut++) {
		bool heard[3] = {false};

		client_say(str_of(said, cut));
		loop_once(0);
		client_say(str_of(said + cut, n - cut));
		for (int i = 0; i < 3; i++) {
			cJSON *v = hear();
			int64_t id = 0;

			assert_non_null(v);
			(void)json_int(json_get(v, "id"), 1, 2, &id);
			assert_int_equal(code_of(v), id == 0 ? -32700 : 0);
			heard[id] = true;
			cJSON_Delete(v);
		}
		assert_true(heard[0] && heard[1] && heard[2]);
		clock_advance(60000); /* the agent's rate */
		for (int i = 0; i < 3; i++)
			loop_once(0);
	}
}

static void
test_too_long(void **state)
{
	static char much[MCP_MESSAGE_MAX + 2];
	cJSON *v;

	(void)state;
	memset(much, 'x', sizeof(much));
	client_open(SCENE_TOKEN);
	client_say(str_of(much, sizeof(much)));
	v = hear();
	assert_int_equal(code_of(v), -32600);
	cJSON_Delete(v);
	assert_null(hear());
}

static void
test_so_many_at_a_time(void **state)
{
	char one[600];
	unsigned refused = 0;

	(void)state;
	scene.mode = OWNER_SILENT;
	client_open(SCENE_TOKEN);
	for (unsigned i = 0; i < MCP_REQUESTS_MAX + 4; i++) {
		int n = snprintf(one, sizeof(one),
		    "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"tools/call\",\"params\":{\"name\":"
		    "\"list_mailboxes\"," META "}}\n",
		    i);

		client_say(str_of(one, (size_t)n));
	}
	for (int i = 0; i < 20; i++)
		loop_once(1);
	for (int i = 0; i < 4; i++) {
		cJSON *v = hear();

		assert_int_equal(code_of(v), MCP_RATE_LIMITED);
		cJSON_Delete(v);
	}
	assert_int_equal(mcp_requests_active(), MCP_REQUESTS_MAX);
	assert_int_equal(scene.asked, 8); /* pipes of a user's agents */
	/* Each is answered, none hangs. */
	clock_advance(61000);
	for (unsigned i = 0; i < MCP_REQUESTS_MAX; i++) {
		cJSON *v = hear();

		assert_non_null(v);
		refused += is_error(v);
		cJSON_Delete(v);
	}
	assert_int_equal(refused, MCP_REQUESTS_MAX);
}

static void
test_one_id_at_a_time(void **state)
{
	cJSON *v;

	(void)state;
	scene.mode = OWNER_SILENT;
	client_open(SCENE_TOKEN);
	client_say(STR(CALL(5) CALL(5)));
	v = hear();
	assert_int_equal(code_of(v), -32600);
	cJSON_Delete(v);
}

static void
test_cancelled(void **state)
{
	(void)state;
	scene.mode = OWNER_SILENT;
	client_open(SCENE_TOKEN);
	client_say(STR(CALL(5)));
	for (int i = 0; i < 500 && scene.asked == 0; i++)
		loop_once(2);
	client_say(STR("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
		       "\"requestId\":\"5\"}}\n")); /* that is another one */
	loop_once(0);
	assert_int_equal(mcp_requests_active(), 1);
	client_say(STR("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
		       "\"requestId\":5,\"reason\":\"no need\"}}\n"));
	for (int i = 0; i < 500 && mcp_requests_active() > 0; i++)
		loop_once(2);
	assert_int_equal(mcp_requests_active(), 0);
	/* It is not answered, and the next is. */
	scene.mode = OWNER_GOOD;
	client_say(STR(CALL(6)));
	expect_call(6, false);
}

static void
test_a_client_that_leaves_cancels(void **state)
{
	(void)state;
	scene.mode = OWNER_SILENT;
	client_open(SCENE_TOKEN);
	client_say(STR(CALL(5)));
	for (int i = 0; i < 500 && scene.asked == 0; i++)
		loop_once(2);
	close(scene.fd);
	scene.fd = -1;
	clock_advance(61000);
	for (int i = 0; i < 500 && mcp_stream_count() > 0; i++)
		loop_once(2);
	assert_int_equal(mcp_stream_count(), 0);
}

/* ---- agents ---- */

static void
test_who_may_come(void **state)
{
	int first, second;

	(void)state;
	client_open("gka_bad");
	assert_true(scene.refused && scene.why == E_DENIED);
	close(scene.fd);
	scene.temp = true;
	client_open(SCENE_TOKEN);
	assert_true(scene.refused && scene.why == E_TEMP);
	close(scene.fd);
	scene.temp = false;
	client_open(SCENE_TOKEN);
	first = scene.fd;
	client_open(SCENE_TOKEN);
	second = scene.fd;
	client_open(SCENE_TOKEN);
	assert_false(scene.refused);
	assert_int_equal(scene.opened, 3); /* each a session of its own */
	close(second);
	second = scene.fd;
	for (int i = 0; i < 500 && mcp_stream_count() > 2; i++)
		loop_once(2);
	client_open(SCENE_TOKEN);
	assert_false(scene.refused);
	close(scene.fd);
	scene.fd = -1;
	for (int i = 0; i < 500 && mcp_stream_count() > 2; i++)
		loop_once(2);
	client_open(SCENE_TOKEN);
	close(scene.fd);
	client_open(SCENE_TOKEN);
	close(scene.fd);
	client_open(SCENE_TOKEN);
	close(first);
	close(second);
	for (int i = 0; i < 10; i++)
		loop_once(2);
	assert_true(scene.closed > 0);
}

static void
test_too_many_clients(void **state)
{
	int fd[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		client_open(SCENE_TOKEN);
		assert_false(scene.refused);
		fd[i] = scene.fd;
	}
	client_open(SCENE_TOKEN);
	assert_true(scene.refused && scene.why == E_LIMIT);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}

static void
test_scopes(void **state)
{
	cJSON *v;

	(void)state;
	scene.scopes = AGENT_DRAFT;
	client_open(SCENE_TOKEN);
	client_say(STR(CALL(1)));
	v = hear();
	assert_int_equal(code_of(v), -32602); /* as one that there is not */
	cJSON_Delete(v);
	client_say(STR(
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\",\"params\":{" META "}}\n"));
	v = hear();
	{
		const cJSON *t;

		cJSON_ArrayForEach(t, json_get(json_get(v, "result"), "tools"))
		    assert_false(str_eq_z(json_str(json_get(t, "name")), "list_mailboxes"));
	}
	cJSON_Delete(v);
	assert_int_equal(scene.tickets, 0);
}

static void
test_rate(void **state)
{
	cJSON *v;

	(void)state;
	scene.rate = 2;
	client_open(SCENE_TOKEN);
	client_say(STR(CALL(1)));
	expect_call(1, false);
	client_say(STR(CALL(2)));
	expect_call(2, false);
	client_say(STR(CALL(3)));
	v = hear();
	assert_int_equal(code_of(v), -32000);
	assert_non_null(
	    strstr(json_get(json_get(v, "error"), "message")->valuestring, "2 calls a minute"));
	cJSON_Delete(v);
	/* Another session of the agent's has no rate of its own; what costs nothing goes on. */
	client_say(STR(DISCOVER(4)));
	v = hear();
	assert_int_equal(code_of(v), 0);
	cJSON_Delete(v);
	close(scene.fd);
	client_open(SCENE_TOKEN);
	client_say(STR(CALL(1)));
	v = hear();
	assert_int_equal(code_of(v), -32000);
	cJSON_Delete(v);
	clock_advance(31000);
	client_say(STR(CALL(2)));
	expect_call(2, false);
}

static void
test_gone(void **state)
{
	struct ipc_out m;
	cJSON *v;

	(void)state;
	scene.mode = OWNER_SILENT;
	client_open(SCENE_TOKEN);
	client_say(STR(CALL(1)));
	for (int i = 0; i < 500 && scene.asked == 0; i++)
		loop_once(2);
	ipc_begin(&m, MSG_AGENT_GONE);
	ipc_put_z(&m, "alice@example.test");
	ipc_put_z(&m, "0000000000000001");
	ipc_send(scene.authd, &m);
	v = hear();
	assert_true(is_error(v));
	assert_non_null(strstr(text_of(v), "session is over"));
	cJSON_Delete(v);
	assert_null(hear());
}

static void
test_authd_that_forgot(void **state)
{
	(void)state;
	client_open(SCENE_TOKEN);
	scene.temp = true; /* no ticket: E_DENIED */
	client_say(STR(CALL(1)));
	expect_call(1, true);
	assert_null(hear());
}

static void
test_authd_anew(void **state)
{
	(void)state;
	client_open(SCENE_TOKEN);
	mcp_agent_reset();
	assert_null(hear());
}

static void
test_idle(void **state)
{
	(void)state;
	client_open(SCENE_TOKEN);
	client_say(STR(CALL(1)));
	expect_call(1, false);
	assert_int_equal(scene.opened, 1);
	clock_advance(16 * 60000);
	for (int i = 0; i < 500 && scene.closed == 0; i++)
		loop_once(2);
	assert_int_equal(scene.closed, 1);
	/* What it does later is of another session. */
	client_say(STR(CALL(2)));
	expect_call(2, false);
	assert_int_equal(scene.opened, 2);
}

static void
test_drain(void **state)
{
	(void)state;
	scene.mode = OWNER_SILENT;
	client_open(SCENE_TOKEN);
	client_say(STR(CALL(1)));
	for (int i = 0; i < 500 && scene.asked == 0; i++)
		loop_once(2);
	scene.draining = true;
	mcp_stream_drain();
	client_say(STR(CALL(2)));
	loop_once(0);
	assert_false(scene.drained);
	owner_says(
	    &scene.owner[0], "{\"methodResponses\":[[\"Mailbox/get\",{\"list\":[]},\"0\"]]}");
	expect_call(1, false);
	assert_null(hear());
	/* It lingers for who has not left. */
	close(scene.fd);
	scene.fd = -1;
	for (int i = 0; i < 500 && !scene.drained; i++)
		loop_once(2);
	assert_true(scene.drained);
}

/* ---- owners ---- */

static void
test_owners(void **state)
{
	(void)state;
	for (enum scene_owner mode = OWNER_GOOD; mode < OWNER_MODES; mode++) {
		bool good = mode == OWNER_GOOD || mode == OWNER_TALKS_ON;
		cJSON *v;

		scene.mode = mode;
		client_open(SCENE_TOKEN);
		client_say(STR(CALL(1)));
		if (mode == OWNER_SILENT) {
			for (int i = 0; i < 500 && scene.asked == 0; i++)
				loop_once(2);
			for (int i = 0; i < 10; i++)
				loop_once(2);
			clock_advance(61000);
		}
		v = hear();
		if (v == NULL || is_error(v) == good)
			fail_msg("an owner of kind %d: \"%s\"", mode, text_of(v));
		if (mode == OWNER_ERROR)
			assert_non_null(strstr(text_of(v), "the policy says no"));
		assert_null(strstr(text_of(v), "bob"));
		cJSON_Delete(v);
		/* Whatever it did, the next is asked anew. */
		scene.mode = OWNER_GOOD;
		client_say(STR(CALL(2)));
		for (int i = 0; i < 5; i++)
			loop_once(1);
		expect_call(2, false);
		close(scene.fd);
		scene.fd = -1;
		for (int i = 0; i < 500 && mcp_stream_count() > 0; i++)
			loop_once(2);
		scene.asked = 0;
	}
}

static void
test_a_pipe_is_kept(void **state)
{
	(void)state;
	client_open(SCENE_TOKEN);
	for (int i = 0; i < 5; i++) {
		client_say(STR(CALL(1)));
		expect_call(1, false);
	}
	assert_int_equal(scene.tickets, 1);
	clock_advance(6000);
	for (int i = 0; i < 5; i++)
		loop_once(2);
	client_say(STR(CALL(1)));
	expect_call(1, false);
	assert_int_equal(scene.tickets, 2);
}

static void
expect_audit(unsigned n, const char *decision, const char *outcome)
{
	for (int i = 0; i < 500 && scene.audited < n; i++)
		loop_once(2);
	assert_int_equal(scene.audited, n);
	assert_string_equal(scene.audited_tool, "list_mailboxes");
	assert_string_equal(scene.audited_decision, decision);
	assert_non_null(strstr(scene.audited_outcome, outcome));
}

static void
test_each_call_is_audited_once(void **state)
{
	(void)state;
	client_open(SCENE_TOKEN);
	client_say(STR(DISCOVER(9) CALL(1)));
	cJSON_Delete(hear());
	expect_call(1, false);
	expect_audit(1, "free", "ok");
	scene.mode = OWNER_ERROR; /* forbidden */
	client_say(STR(CALL(2)));
	expect_call(2, true);
	expect_audit(2, "refused", "the policy says no");
	scene.mode = OWNER_SILENT;
	client_say(STR(CALL(3)));
	for (int i = 0; i < 500 && scene.asked < 3; i++)
		loop_once(2);
	client_say(STR("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
		       "\"requestId\":3}}\n"));
	expect_audit(3, "free", "cancelled");
}

/* ---- what changes something is answered when it is on record ---- */

static void
loop_a_while(unsigned audited)
{
	for (int i = 0; i < 500 && scene.audited < audited; i++)
		loop_once(2);
	for (int i = 0; i < 10; i++)
		loop_once(2);
	assert_int_equal(scene.audited, audited);
	client_read();
}

static void
authd_wrote(const struct err *e)
{
	struct ipc_out out;

	if (e != NULL) {
		ipc_reply_error(scene.authd, scene.unwritten_call, e);
		return;
	}
	ipc_begin(&out, MSG_AUDIT_ADD_R);
	ipc_put_u64(&out, 1);
	ipc_reply(scene.authd, scene.unwritten_call, &out);
}

static void
test_a_change_waits_for_its_record(void **state)
{
	const struct err full = {.code = E_LIMIT, .text = "no room"};
	cJSON *v;

	(void)state;
	client_open(SCENE_TOKEN);
	scene.unwritten = true;
	client_say(STR(CALL(1)));
	expect_call(1, false); /* it only read */
	client_say(STR(FLAG(2)));
	loop_a_while(2);
	assert_int_equal(scene.in.n, 0);
	authd_wrote(NULL);
	v = hear();
	assert_non_null(v);
	assert_null(strstr(text_of(v), "on record"));
	cJSON_Delete(v);
	client_say(STR(FLAG(3)));
	loop_a_while(3);
	assert_int_equal(scene.in.n, 0);
	authd_wrote(&full);
	v = hear();
	assert_true(is_error(v));
	assert_non_null(strstr(text_of(v), "on record"));
	cJSON_Delete(v);
}

static void
test_a_record_goes_to_the_next_authd(void **state)
{
	cJSON *v;
	int fd[2];

	(void)state;
	client_open(SCENE_TOKEN);
	scene.unwritten = true;
	client_say(STR(FLAG(1)));
	loop_a_while(1);
	ipc_free(&scene.authd);
	loop_a_while(1);
	assert_int_equal(scene.in.n, 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	scene.authd = ipc_new(fd[1], PEER_AUTHD, PEER_MCPD, authd_message, NULL, NULL);
	scene.unwritten = false;
	ipc_attach(scene.to_authd, fd[0]);
	loop_a_while(2);
	v = hear();
	assert_non_null(v);
	assert_null(strstr(text_of(v), "on record"));
	cJSON_Delete(v);
}

static void
authd_is(uint32_t down)
{
	struct ipc_out out;

	ipc_begin(&out, MSG_AUDIT_STATE);
	ipc_put_u32(&out, down);
	ipc_send(scene.authd, &out);
	for (int i = 0; i < 10; i++)
		loop_once(2);
}

static void
test_nothing_changes_off_the_record(void **state)
{
	cJSON *v;

	(void)state;
	client_open(SCENE_TOKEN);
	authd_is(1);
	client_say(STR(FLAG(1)));
	v = hear();
	assert_true(is_error(v));
	assert_non_null(strstr(text_of(v), "nothing can be changed now"));
	cJSON_Delete(v);
	assert_int_equal(scene.asked, 0);
	client_say(STR(CALL(2)));
	expect_call(2, false);
	loop_a_while(1);
	authd_is(0);
	client_say(STR(FLAG(3)));
	cJSON_Delete(hear());
	loop_a_while(2);
	assert_int_equal(scene.asked, 2);
}

/* Who leaves before its call is on record is not looked for any more. */
static void
test_leaves_before_its_record(void **state)
{
	(void)state;
	client_open(SCENE_TOKEN);
	scene.unwritten = true;
	client_say(STR(FLAG(1)));
	loop_a_while(1);
	close(scene.fd);
	scene.fd = -1;
	for (int i = 0; i < 20; i++)
		loop_once(2);
	authd_wrote(NULL);
	loop_a_while(1);
}

#define HOLD(id, tool, args, hold)                                                            \
	"{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"tools/call\",\"params\":{\"name\":" \
	"\"" tool "\",\"arguments\":" args ",\"_meta\":{\"x-gkmail/hold\":" hold              \
	",\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                        \
	"\"io.modelcontextprotocol/clientCapabilities\":{}}}}\n"

/* What would change is told, and reaches no owner; what reads is done; so is all where nobody says
 * that it is to be held. */
static void
test_held(void **state)
{
	static const char flag[] =
	    HOLD(1, "flag", "{\"messages\":[\"e1\",\"e2\"],\"read\":true}", "true");
	static const char undo[] = HOLD(2, "undo_session", "{}", "true");
	static const char gone[] = HOLD(3, "delete_draft", "{\"draft\":\"e7\"}", "true");
	static const char not_held[] =
	    HOLD(5, "flag", "{\"messages\":[\"e1\"],\"read\":true}", "\"true\"");
	const cJSON *held, *one;
	cJSON *v;

	(void)state;
	scene.scopes = AGENT_SCOPES;
	client_open(SCENE_TOKEN);
	client_say(STR(flag));
	v = hear();
	assert_true(is_error(v));
	held = json_member(json_get(json_get(v, "result"), "_meta"), "x-gkmail/held");
	one = cJSON_GetArrayItem(held, 0);
	assert_string_equal(cJSON_GetArrayItem(one, 0)->valuestring, "Email/set");
	assert_true(cJSON_IsTrue(json_member(
	    json_get(json_get(cJSON_GetArrayItem(one, 1), "update"), "e2"), "keywords/$seen")));
	cJSON_Delete(v);
	for (int i = 0; i < 500 && scene.audited < 1; i++)
		loop_once(2);
	assert_string_equal(scene.audited_decision, "held");
	client_say(str_z(undo));
	v = hear();
	assert_non_null(json_member(json_get(json_get(v, "result"), "_meta"), "x-gkmail/held"));
	cJSON_Delete(v);
	client_say(str_z(gone));
	v = hear();
	assert_non_null(json_member(json_get(json_get(v, "result"), "_meta"), "x-gkmail/held"));
	cJSON_Delete(v);
	assert_int_equal(scene.asked, 0);
	client_say(STR(HOLD(4, "list_mailboxes", "{}", "true")));
	expect_call(4, false);
	assert_int_equal(scene.asked, 1);
	client_say(str_z(not_held));
	v = hear();
	assert_null(json_member(json_get(json_get(v, "result"), "_meta"), "x-gkmail/held"));
	cJSON_Delete(v);
	assert_int_equal(scene.asked, 2);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, scene_up, scene_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_every_split),
	    TEST(test_too_long),
	    TEST(test_so_many_at_a_time),
	    TEST(test_one_id_at_a_time),
	    TEST(test_cancelled),
	    TEST(test_a_client_that_leaves_cancels),
	    TEST(test_who_may_come),
	    TEST(test_too_many_clients),
	    TEST(test_scopes),
	    TEST(test_rate),
	    TEST(test_gone),
	    TEST(test_authd_that_forgot),
	    TEST(test_authd_anew),
	    TEST(test_idle),
	    TEST(test_drain),
	    TEST(test_owners),
	    TEST(test_a_pipe_is_kept),
	    TEST(test_each_call_is_audited_once),
	    TEST(test_a_change_waits_for_its_record),
	    TEST(test_a_record_goes_to_the_next_authd),
	    TEST(test_nothing_changes_off_the_record),
	    TEST(test_leaves_before_its_record),
	    TEST(test_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
