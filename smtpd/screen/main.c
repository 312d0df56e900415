/*
 * main.c - gk-screen: who really sent a message, before anybody takes it.
 *
 * It reads what strangers send (headers, signatures) and what their DNS says of them, holds no key
 * and nobody's mail, and has a directory of its own for what it reports to others.
 */
#include "base/mem.h"
#include "smtpd/screen/job.h"
#include "svc/svc.h"

static int
start(struct err *e)
{
	(void)e;
	job_init(dns_new(svc_channel(PEER_DNSD)));
	return 0;
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_SCREEN_PUT || m->type == MSG_SCREEN_STREAM)
		job_start(c, m);
	else if (m->type == MSG_SCREEN_END)
		job_end(m);
	else if (m->type == MSG_SCREEN_ABORT)
		job_abort(m);
	else
		ipc_refuse(m);
}

/* Only gk-smtpd asks. */
static void
channel(struct ipc_chan *c, bool open)
{
	if (ipc_peer_of(c) == PEER_SMTPD && !open)
		job_forget_all();
}

static void
drain(void)
{
	if (job_idle())
		svc_drained();
}

static const struct sandbox_path paths[] = {
    {".", SBP_READ | SBP_LIST | SBP_WRITE | SBP_MAKE | SBP_REMOVE | SBP_TRUNCATE},
};

static const struct svc svc = {
    .name = "screen",
    .peer = PEER_SCREEN,
    .sections = "server screen dmarc",
    .root = "screen",
    .sandbox = SB_IPC | SB_FILES | SB_WRITE | SB_SQLITE,
    .paths = paths,
    .npaths = ARRAY_LEN(paths),
    .start = start,
    .message = message,
    .channel = channel,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
