/*
 * main.c - gk-screen: who really sent a message, before anybody takes it.
 *
 * It reads what strangers send (headers, signatures) and what their DNS says of them, holds no key
 * and nobody's mail, and has a directory of its own for what it reports to others.
 */
#include "base/mem.h"
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

static const struct sandbox_path paths[] = {
    {".", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_TRUNCATE},
};

static const struct svc svc = {
    .name = "screen",
    .peer = PEER_SCREEN,
    .sections = "server",
    .root = "screen",
    .sandbox = SB_IPC | SB_FILES | SB_WRITE | SB_SQLITE,
    .paths = paths,
    .npaths = ARRAY_LEN(paths),
    .start = start,
    .message = message,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
