/*
 * main.c - gk-remote: the SMTP client that hands mail to other hosts (RFC 5321).
 *
 * The queue says what goes where; this process finds the hosts, talks to them and says what became
 * of each recipient. It reads what strangers' servers answer, may open sockets to the world, and
 * sees of our mail only what it is sending.
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
    .name = "remote",
    .peer = PEER_REMOTE,
    .sections = "server remote route",
    .root = "remote",
    .sandbox = SB_IPC | SB_STREAM | SB_CONNECT | SB_FILES | SB_WRITE,
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
