/*
 * main.c - gk-imapd, the IMAP front.
 */
#include "imapd/imapd.h"

static void
on_message(void *arg, struct ipc_chan *ch, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_BAN_SET || m->type == MSG_BAN_CLEAR)
		front_bans(m);
	else
		park_message(ch, m);
}

static void
on_channel(struct ipc_chan *ch, bool open)
{
	if (ipc_peer_of(ch) == PEER_MAILBOXD && !open)
		park_lost();
}

static const struct svc svc = {
    .name = "imapd",
    .peer = PEER_IMAPD,
    .sections = "server tls certificate imap auth limits log",
    .sandbox = SB_IPC | SB_STREAM,
    .start = front_start,
    .reload = front_reload,
    .accept = front_accept,
    .message = on_message,
    .channel = on_channel,
    .drain = front_drain,
    .overdue = front_overdue,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
