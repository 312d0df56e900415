/*
 * main.c - gk-webd, the HTTP front: TLS, requests, sessions, WebSocket. It has no file and touches
 * no mail: what people ask about theirs goes to their owner process.
 */
#include "net/banlist.h"
#include "webd/assistant.h"
#include "webd/challenge.h"
#include "webd/live.h"
#include "webd/web.h"
#include "webd/webauth.h"

static void
on_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_BAN_SET || m->type == MSG_BAN_CLEAR) {
		/* Whoever is banned gets nothing more on a connection that is there (web_admit). */
		(void)banlist_message(m);
	} else if (m->type == MSG_WAKE || m->type == MSG_KICK) {
		live_message(m);
	} else if (challenge_message(c, m)) {
		return;
	} else if (!webauth_message(m)) {
		ipc_refuse(m);
	}
}

static void
on_channel(struct ipc_chan *c, bool open)
{
	if (open && ipc_peer_of(c) == PEER_AUTHD)
		webauth_reset();
	if (!open && ipc_peer_of(c) == PEER_MAILBOXD)
		live_lost();
	if (!open && ipc_peer_of(c) == PEER_ACME)
		challenge_reset();
}

static int
on_start(struct err *e)
{
	webauth_init();
	live_init();
	assistant_init();
	return web_start(e);
}

static const struct svc svc = {
    .name = "webd",
    .peer = PEER_WEBD,
    .sections = "server tls certificate acme web auth limits submission imap log",
    .sandbox = SB_IPC | SB_STREAM,
    .start = on_start,
    .reload = web_reload,
    .accept = web_accept,
    .message = on_message,
    .channel = on_channel,
    .drain = web_drain,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
