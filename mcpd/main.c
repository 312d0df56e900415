/*
 * main.c - gk-mcpd, the server of the Model Context Protocol: what agents come by to work on a
 * user's mail. It has no file and no listener and touches no mail: it asks the user's owner
 * process, in the name of an agent session that gk-authd has opened.
 */
#include "svc/svc.h"

static int
start(struct err *e)
{
	(void)e;
	return 0;
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	ipc_refuse(m);
}

static const struct svc svc = {
    .name = "mcpd",
    .peer = PEER_MCPD,
    .sections = "server mcp limits log",
    .sandbox = SB_IPC | SB_STREAM,
    .start = start,
    .message = message,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
