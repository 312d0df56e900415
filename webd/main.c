/*
 * main.c - gk-webd, the HTTP front: TLS, requests, sessions, WebSocket. It has no file and touches
 * no mail: what people ask about theirs goes to their owner process.
 */
#include <unistd.h>

#include "svc/certificates.h"
#include "svc/svc.h"

static struct tls_context *tls;

static int
configure(struct err *e)
{
	const struct certificates_use v = {.context = &tls, .alpn = STR("http/1.1")};

	return certificates_load(&v, 1, e);
}

static void
on_accept(const struct svc_conn *c)
{
	close(c->fd);
}

static void
on_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	(void)c;
	if (m->type == MSG_BAN_SET) {
		(void)ipc_get_u32(m);
		for (uint32_t n = ipc_get_list(m); n > 0; n--)
			(void)ipc_get_item(m);
		(void)ipc_end(m);
	} else if (m->type == MSG_BAN_CLEAR) {
		(void)ipc_get_str(m);
		(void)ipc_end(m);
	} else if (m->type == MSG_USER_REVOKED) {
		(void)ipc_get_str(m);
		(void)ipc_get_u32(m);
		(void)ipc_end(m);
	} else if (m->type == MSG_SESSION_GONE) {
		(void)ipc_get_str(m);
		(void)ipc_get_str(m);
		(void)ipc_end(m);
	} else {
		ipc_refuse(m);
	}
}

static const struct svc svc = {
    .name = "webd",
    .peer = PEER_WEBD,
    .sections = "server tls certificate web auth limits log",
    .sandbox = SB_IPC | SB_STREAM,
    .start = configure,
    .reload = configure,
    .accept = on_accept,
    .message = on_message,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
