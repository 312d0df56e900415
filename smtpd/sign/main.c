/*
 * main.c - gk-sign: signs what our users send, and alone holds the keys for it (INVARIANTS 15).
 *
 * It reads no stranger's message, only submissions, each with a ticket of authd's for the domain it
 * is to be signed for. It has no file and no socket beside the key files that master opened.
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

/* gk-smtpd asks about the mail of these domains only. */
static void
channel(struct ipc_chan *c, bool open)
{
	struct ipc_out m;

	if (!open || ipc_peer_of(c) != PEER_SMTPD)
		return;
	ipc_begin(&m, MSG_SIGN_DOMAINS);
	ipc_put_u32(&m, 0);
	ipc_put_list(&m, NULL, 0);
	ipc_send(c, &m);
}

static const struct svc svc = {
    .name = "sign",
    .peer = PEER_SIGN,
    .sections = "server",
    .sandbox = SB_IPC,
    .start = start,
    .message = message,
    .channel = channel,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
