/* pipe_test.c - fields of a pipe's frames: there and back, and what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/loop.h"
#include "ipc/pipe.h"

static struct frames *f;
static int other;

static int
setup(void **state)
{
	static const struct frames_events events = {0};
	struct err e;
	int pair[2];

	(void)state;
	assert_int_equal(loop_init(&e), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	f = frames_new(pair[0], &events, NULL);
	other = pair[1];
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	frames_free(&f);
	close(other);
	return 0;
}

/* What was put, as the other end reads it. */
static struct frames_one
said(void)
{
	static char wire[2 * FRAMES_MAX];
	struct frames_one one;
	ssize_t n;

	loop_once(1);
	n = read(other, wire, sizeof(wire));
	assert_true(n > 0);
	assert_int_equal(frames_parse(str_of(wire, (size_t)n), &one), FRAMES_DONE);
	assert_int_equal(one.size, n);
	return one;
}

static void
fields_there_and_back(void **state)
{
	const struct str fields[] = {
	    STR("a1"), STR("bE7-2"), STR("image/png"), STR(""), STR("bytes=0-")};
	struct str out[PIPE_FIELDS_MAX];
	struct frames_one one;

	(void)state;
	assert_int_equal(pipe_put(f, PIPE_DOWNLOAD, fields, 5), 0);
	one = said();
	assert_int_equal(one.kind, PIPE_DOWNLOAD);
	assert_int_equal(pipe_parse(one.kind, one.octets, out), 0);
	for (size_t i = 0; i < 5; i++)
		assert_true(str_eq(out[i], fields[i]));
	/* Too few, too many, cut anywhere, or of a kind that nobody knows. */
	assert_int_equal(pipe_parse(PIPE_UPLOAD, one.octets, out), -1);
	assert_int_equal(pipe_parse(PIPE_CALL, one.octets, out), -1);
	assert_int_equal(pipe_parse(PIPE_KINDS, one.octets, out), -1);
	for (size_t n = 0; n < one.octets.n; n++)
		assert_int_equal(pipe_parse(PIPE_DOWNLOAD, str_sub(one.octets, 0, n), out), -1);
	assert_int_equal(pipe_parse(PIPE_CALL, STR_NONE, out), 0);
}

static void
a_request_of_mcp(void **state)
{
	const struct str fields[] = {STR("POST"), STR("gka_00"), STR("json,sse"), STR("2026-07-28"),
	    STR("tools/call"), STR("=?base64?w6k=?="), STR("")};
	struct str out[PIPE_FIELDS_MAX];
	struct frames_one one;

	(void)state;
	assert_int_equal(pipe_put(f, PIPE_MCP, fields, PIPE_MCP_FIELDS), 0);
	one = said();
	assert_int_equal(pipe_parse(PIPE_MCP, one.octets, out), 0);
	for (size_t i = 0; i < PIPE_MCP_FIELDS; i++)
		assert_true(str_eq(out[i], fields[i]));
	for (size_t n = 0; n < one.octets.n; n++)
		assert_int_equal(pipe_parse(PIPE_MCP, str_sub(one.octets, 0, n), out), -1);
}

static void
heads(void **state)
{
	const struct pipe_head head = {.status = 201,
	    .length = PIPE_NO_LENGTH,
	    .from = 7,
	    .total = 1ull << 40,
	    .type = STR("application/json"),
	    .name = STR("f\xc3\xbcr.txt")};
	static const char zeros[36];
	struct pipe_head out;
	struct frames_one one;

	(void)state;
	pipe_put_head(f, &head);
	one = said();
	assert_int_equal(one.kind, PIPE_HEAD);
	assert_int_equal(pipe_parse_head(one.octets, &out), 0);
	assert_int_equal(out.status, 201);
	assert_true(out.length == PIPE_NO_LENGTH);
	assert_true(str_eq(out.type, head.type));
	assert_true(str_eq(out.name, head.name));
	assert_true(out.from == 7 && out.total == 1ull << 40);
	for (size_t n = 0; n < one.octets.n; n++)
		assert_int_equal(pipe_parse_head(str_sub(one.octets, 0, n), &out), -1);
	/* No status that HTTP could say. */
	assert_int_equal(pipe_parse_head(str_of(zeros, sizeof(zeros)), &out), -1);
}

static void
too_long_is_refused(void **state)
{
	static char many[FRAMES_MAX];
	const struct str fields[] = {{many, sizeof(many)}};
	char c;

	(void)state;
	assert_int_equal(pipe_put(f, PIPE_SESSION, fields, 1), -1);
	loop_once(1);
	assert_int_equal(read(other, &c, 1), -1);
}

static void
every_kind_has_a_name(void **state)
{
	(void)state;
	for (unsigned k = 0; k < PIPE_KINDS; k++)
		assert_non_null(pipe_kind_name(k));
	assert_string_equal(pipe_kind_name(PIPE_KINDS), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(fields_there_and_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_request_of_mcp, setup, teardown),
	    cmocka_unit_test_setup_teardown(heads, setup, teardown),
	    cmocka_unit_test_setup_teardown(too_long_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_kind_has_a_name, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
