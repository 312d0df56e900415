/*
 * main.c - gk-screen: who really sent a message, before anybody takes it.
 *
 * It reads what strangers send (headers, signatures) and what their DNS says of them, holds no key
 * and nobody's mail, and has a directory of its own for what it reports to others.
 */
#include "base/mem.h"
#include "smtpd/screen/job.h"
#include "smtpd/screen/reports.h"
#include "svc/svc.h"

static struct dns *dns;

static int
start(struct err *e)
{
	dns = dns_new(svc_channel(PEER_DNSD));
	job_init(dns);
	return reports_start(dns, svc_channel(PEER_QUEUE), e);
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
	else if (!reports_message(c, m))
		ipc_refuse(m);
}

/* Only gk-smtpd asks, and gkmail about reports. */
static void
channel(struct ipc_chan *c, bool open)
{
	if (ipc_peer_of(c) == PEER_SMTPD && !open)
		job_forget_all();
	else if (!open)
		reports_forget(c);
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
    .sandbox = SB_IPC | SB_THREADS | SB_FILES | SB_WRITE | SB_SQLITE,
    .paths = paths,
    .npaths = ARRAY_LEN(paths),
    .start = start,
    .reload = reports_reload,
    .message = message,
    .channel = channel,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	int rc = svc_main(&svc, argc, argv);

	reports_stop();
	dns_free(&dns);
	return rc;
}
