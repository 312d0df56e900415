/*
 * main.c - gk-aid, the assistant: answers what people ask in the page, by the tools of gk-mcpd, as
 * any MCP client would.
 *
 * It reads mail as those tools give it and, with a model, what that makes of it: nothing here
 * decides what may be done. It has no file and no socket beside those that it is handed: to a model
 * it speaks through connections of gk-connect's (INVARIANTS 10).
 */
#include "aid/chat.h"
#include "aid/llm/llm.h"
#include "svc/svc.h"

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_AID_OPEN)
		chat_open(c, m);
	else
		ipc_refuse(m);
}

/* Chats that begin from now on. */
static int
reload(struct err *e)
{
	const struct brain *b;

	if (llm_configure(svc_conf(), &b, e) < 0)
		return -1;
	chat_use(b);
	return 0;
}

static int
start(struct err *e)
{
	return llm_init(e) < 0 ? -1 : reload(e);
}

static void
drain(void)
{
	chat_drain(svc_drained);
}

static const struct svc svc = {
    .name = "aid",
    .peer = PEER_AID,
    .sections = "server assistant",
    .sandbox = SB_IPC | SB_STREAM,
    .start = start,
    .reload = reload,
    .message = message,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
