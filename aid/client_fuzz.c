/*
 * client_fuzz.c - fuzz target of the MCP client: what a server says, before and after it is ready.
 * A 0xff goes in a piece of its own turn; calls are made as soon as they can be.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aid/mcp.h"
#include "base/mem.h"
#include "io/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mcp *mcp;
static unsigned calls, answers;

static void
on_answer(void *arg, const struct mcp_answer *a)
{
	(void)arg;
	assume(a->code != NULL && a->text.n <= MCP_TEXT_MAX);
	answers++;
}

static void
on_ready(void *arg)
{
	(void)arg;
	assume(cJSON_IsArray(mcp_tools(mcp)));
	for (int i = 0; i < 3; i++)
		calls += mcp_call(mcp, "search", NULL, 60000, false, on_answer, NULL) > 0;
}

static void
on_failed(void *arg, const struct err *e)
{
	(void)arg;
	assume(e->code != E_OK && answers == calls);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mcp_events events = {.ready = on_ready, .failed = on_failed};
	struct str rest = str_of(data, size), piece;
	bool more;
	int fd[2];

	calls = answers = 0;
	assume(loop_init(NULL) == 0);
	assume(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	mcp = mcp_new(fd[0], &events, NULL);
	do {
		more = str_cut(&rest, (char)0xff, &piece);
		if (piece.n > 0 && write(fd[1], piece.p, piece.n) < 0)
			break;
		loop_once(0);
		loop_once(0);
	} while (more);
	close(fd[1]);
	for (int i = 0; i < 4; i++)
		loop_once(0);
	assume(answers <= calls);
	mcp_free(&mcp);
	return 0;
}
