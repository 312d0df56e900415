/*
 * mcp_test.c - the MCP client against a server that a test writes line by line: how it begins, that
 * any split of the octets is the same, what is too much, and what makes no sense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aid/mcp.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "io/loop.h"
#include "json/json.h"

static struct mcp *mcp;
static int server; /* its end, non-blocking */
static struct buf heard;
static unsigned readies, answers;
static enum err_code lost;
static char code[16], text[256];
static int64_t number;  /* "n" of the structured content */
static bool free_there; /* the next callback frees the client */

static void
on_ready(void *arg)
{
	(void)arg;
	readies++;
}

static void
on_failed(void *arg, const struct err *e)
{
	(void)arg;
	lost = e->code;
}

static void
on_answer(void *arg, const struct mcp_answer *a)
{
	(void)arg;
	answers++;
	(void)str_cz(str_z(a->code), code, sizeof(code));
	(void)str_cz(str_sub(a->text, 0, sizeof(text) - 1), text, sizeof(text));
	number = -1;
	(void)json_int(json_get(a->data, "n"), 0, 1000, &number);
	if (free_there)
		mcp_free(&mcp);
}

static void
turns(void)
{
	char piece[65536];
	ssize_t n;

	for (int i = 0; i < 4; i++)
		loop_once(1);
	while ((n = read(server, piece, sizeof(piece))) > 0)
		(void)buf_put(&heard, piece, (size_t)n);
}

static void
put(const char *z)
{
	assert_int_equal(write(server, z, strlen(z)), (ssize_t)strlen(z));
	turns();
}

static void
begin(void)
{
	static const struct mcp_events events = {.ready = on_ready, .failed = on_failed};
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	server = fd[1];
	readies = answers = 0;
	lost = E_OK;
	free_there = false;
	mcp = mcp_new(fd[0], &events, NULL);
	turns();
}

#define DISCOVERED                                                                                \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"supportedVersions\":[\"2025-11-25\",\"2026-" \
	"07-28\"]}}\n"
#define TOOLS1                                                                                  \
	"{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"tools\":[{\"name\":\"search\"},{\"name\":" \
	"\"flag\"}],\"nextCursor\":\"p2\"}}\n"
#define TOOLS2 "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"tools\":[{\"name\":\"move\"},{}]}}\n"

static int
up(void **state)
{
	(void)state;
	if (loop_init(NULL) < 0)
		return -1;
	buf_init(&heard, 4u << 20);
	begin();
	return 0;
}

static int
down(void **state)
{
	(void)state;
	mcp_free(&mcp);
	if (server >= 0)
		close(server);
	buf_free(&heard);
	return 0;
}

static bool
has_said(const char *what)
{
	return str_find(buf_view(&heard), str_z(what)) < heard.n;
}

static void
test_begins(void **state)
{
	(void)state;
	assert_true(has_said("\"method\":\"server/discover\""));
	assert_true(has_said("\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\""));
	assert_true(has_said("\"io.modelcontextprotocol/clientCapabilities\":{}"));
	put(DISCOVERED);
	assert_true(has_said("\"method\":\"tools/list\""));
	put(TOOLS1);
	assert_false(mcp_ready(mcp));
	assert_true(has_said("\"cursor\":\"p2\""));
	put(TOOLS2);
	assert_int_equal(readies, 1);
	assert_true(mcp_ready(mcp));
	assert_int_equal(cJSON_GetArraySize(mcp_tools(mcp)), 3);
	assert_non_null(mcp_tool(mcp, STR("move")));
	assert_null(mcp_tool(mcp, STR("mov")));
}

static void
test_every_split(void **state)
{
	const char *all = DISCOVERED TOOLS1 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
					    "progress\",\"params\":{}}\n\r\n" TOOLS2;
	size_t n = strlen(all);

	(void)state;
	for (size_t i = 1; i < n; i += 3) {
		mcp_free(&mcp);
		close(server);
		begin();
		assert_int_equal(write(server, all, i), (ssize_t)i);
		turns();
		put(all + i);
		assert_int_equal(readies, 1);
	}
}

static void
ready(void)
{
	put(DISCOVERED TOOLS1 TOOLS2);
	assert_true(mcp_ready(mcp));
}

static void
test_calls(void **state)
{
	cJSON *args = cJSON_CreateObject();

	(void)state;
	ready();
	json_put_str(args, "query", STR("from:bob"));
	assert_int_equal(mcp_call(mcp, "search", args, 1000, false, on_answer, NULL), 4);
	assert_int_equal(mcp_call(mcp, "flag", NULL, 1000, false, on_answer, NULL), 5);
	turns();
	assert_true(has_said("\"name\":\"search\",\"arguments\":{\"query\":\"from:bob\"}"));
	assert_true(has_said("\"name\":\"flag\",\"arguments\":{}"));
	put("{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"content\":[{\"type\":\"text\",\"text\":"
	    "\"one\"},{\"type\":\"image\",\"text\":\"no\"},{\"type\":\"text\",\"text\":\"two\"}],"
	    "\"structuredContent\":{\"n\":7}}}\n");
	assert_int_equal(answers, 1);
	assert_string_equal(code, "ok");
	assert_string_equal(text, "one\ntwo");
	assert_int_equal(number, 7);
	/* The same once more is an answer to nothing. */
	put("{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{}}\n");
	put("{\"jsonrpc\":\"2.0\",\"id\":99,\"result\":{}}\n");
	put("{\"jsonrpc\":\"2.0\",\"id\":\"4\",\"result\":{}}\n");
	assert_int_equal(answers, 1);
	put("{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"isError\":true,\"content\":[{\"type\":"
	    "\"text\",\"text\":\"no such thing\"}],\"structuredContent\":[]}}\n");
	assert_int_equal(answers, 2);
	assert_string_equal(code, "tool");
	assert_string_equal(text, "no such thing");
	assert_int_equal(lost, E_OK);
}

static void
test_errors(void **state)
{
	static const struct {
		const char *answer, *code;
	} cases[] = {
	    {"\"error\":{\"code\":-32602,\"message\":\"bad\"}", "refused"},
	    {"\"error\":7", "refused"},
	    {"\"result\":7", "refused"},
	    {"\"result\":{\"resultType\":\"input_required\",\"requestState\":\"x\"}", "refused"},
	    {"\"result\":{}", "ok"},
	};
	char line[256];

	(void)state;
	ready();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t id = mcp_call(mcp, "search", NULL, 1000, false, on_answer, NULL);

		snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":%u,%s}\n", (unsigned)id,
		    cases[i].answer);
		put(line);
		assert_int_equal(answers, i + 1);
		assert_string_equal(code, cases[i].code);
	}
}

static void
test_cancel_and_time(void **state)
{
	uint64_t id;

	(void)state;
	ready();
	id = mcp_call(mcp, "search", NULL, 1000, false, on_answer, NULL);
	mcp_cancel(mcp, id);
	turns();
	assert_true(has_said("\"method\":\"notifications/cancelled\""));
	assert_true(has_said("\"requestId\":4"));
	put("{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{}}\n");
	assert_int_equal(answers, 0);
	(void)mcp_call(mcp, "search", NULL, 1, false, on_answer, NULL);
	for (int i = 0; i < 1000 && answers == 0; i++)
		loop_once(5);
	turns();
	assert_string_equal(code, "timeout");
	assert_true(has_said("\"requestId\":5"));
}

static void
test_too_many(void **state)
{
	(void)state;
	assert_int_equal(mcp_call(mcp, "search", NULL, 1000, false, on_answer, NULL), 0);
	ready();
	for (unsigned i = 0; i < MCP_CALLS_MAX; i++)
		assert_int_not_equal(
		    mcp_call(mcp, "search", NULL, 1000, false, on_answer, NULL), 0);
	assert_int_equal(
	    mcp_call(mcp, "search", cJSON_CreateObject(), 1000, false, on_answer, NULL), 0);
	/* Who goes away takes all of them down. */
	close(server);
	server = -1;
	for (int i = 0; i < 4; i++)
		loop_once(1);
	assert_int_equal(answers, MCP_CALLS_MAX);
	assert_string_equal(code, "lost");
	assert_int_equal(lost, E_CLOSED);
	assert_int_equal(mcp_call(mcp, "search", NULL, 1000, false, on_answer, NULL), 0);
}

static void
test_nonsense(void **state)
{
	static const char *const lines[] = {"hello\n", "[]\n", "{\"a\":1,\"a\":2}\n", "{\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":7}\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"supportedVersions\":[\"2025-11-25\"]}}\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1,\"message\":\"no\"}}\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		put(lines[i]);
		assert_int_equal(lost, E_PROTO);
		mcp_free(&mcp);
		close(server);
		begin();
	}
}

static void
test_long_line(void **state)
{
	static char piece[65536];
	size_t sent = 0;

	(void)state;
	memset(piece, ' ', sizeof(piece));
	while (lost == E_OK && sent < 4u << 20) {
		ssize_t n = write(server, piece, sizeof(piece));

		sent += n > 0 ? (size_t)n : 0;
		loop_once(1);
	}
	assert_int_equal(lost, E_PROTO);
}

static void
test_freed_there(void **state)
{
	(void)state;
	ready();
	(void)mcp_call(mcp, "search", NULL, 1000, false, on_answer, NULL);
	(void)mcp_call(mcp, "search", NULL, 1000, false, on_answer, NULL);
	free_there = true;
	put("{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{}}\n{\"jsonrpc\":\"2.0\",\"id\":5,"
	    "\"result\":{}}\n");
	assert_int_equal(answers, 1);
	close(server);
	begin();
	ready();
	(void)mcp_call(mcp, "search", NULL, 1000, false, on_answer, NULL);
	(void)mcp_call(mcp, "search", NULL, 1000, false, on_answer, NULL);
	free_there = true;
	close(server);
	server = -1;
	for (int i = 0; i < 4; i++)
		loop_once(1);
	assert_int_equal(answers, 1);
	assert_null(mcp);
}

static void
test_never_ready(void **state)
{
	(void)state;
	put(DISCOVERED);
	clock_advance(31000);
	for (int i = 0; i < 100 && lost == E_OK; i++)
		loop_once(5);
	assert_int_equal(lost, E_TIMEOUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_begins, up, down),
	    cmocka_unit_test_setup_teardown(test_every_split, up, down),
	    cmocka_unit_test_setup_teardown(test_calls, up, down),
	    cmocka_unit_test_setup_teardown(test_errors, up, down),
	    cmocka_unit_test_setup_teardown(test_cancel_and_time, up, down),
	    cmocka_unit_test_setup_teardown(test_too_many, up, down),
	    cmocka_unit_test_setup_teardown(test_nonsense, up, down),
	    cmocka_unit_test_setup_teardown(test_long_line, up, down),
	    cmocka_unit_test_setup_teardown(test_freed_there, up, down),
	    cmocka_unit_test_setup_teardown(test_never_ready, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
