/*
 * main.c - gk-aid, the assistant: answers what people ask in the page, by the tools of gk-mcpd, as
 * any MCP client would.
 *
 * It reads mail as those tools give it and, with a model, what that makes of it: nothing here
 * decides what may be done. It has no file and no socket beside those that it is handed.
 */
#include "aid/chat.h"
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
    .message = message,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
