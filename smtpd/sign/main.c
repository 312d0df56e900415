/*
 * main.c - gk-sign: signs what our users send, and alone holds the keys for it (INVARIANTS 15); and
 * what is asked of an authority for certificates, whose keys it makes (acme.h).
 *
 * It reads no stranger's message, only submissions, each with a token by which authd says whose it
 * is, and what the queue writes itself. It has no file and no socket beside the keys, which master
 * read for it.
 */
#include "base/mem.h"
#include "smtpd/sign/acme.h"
#include "smtpd/sign/keys.h"
#include "smtpd/sign/request.h"
#include "svc/svc.h"

static int
load(struct err *e)
{
	if (keys_load(conf_str(svc_conf(), CONF_SERVER_HOST_NAME), e) < 0)
		return -1;
	if (acme_load(e) < 0)
		return -1;
	acme_tell();
	keys_tell(svc_channel(PEER_SMTPD));
	return 0;
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	switch ((unsigned)m->type) {
	case MSG_SIGN_PUT:
	case MSG_SIGN_STREAM:
		request_submission(c, m);
		return;
	case MSG_SIGN_OWN:
	case MSG_SIGN_OWN_FILE:
		request_own(c, m);
		return;
	case MSG_ACME_SIGN:
		acme_sign(c, m);
		return;
	case MSG_ACME_CHAIN:
		acme_chain(c, m);
		return;
	case MSG_DKIM_LIST:
		keys_list(c, m);
		return;
	default:
		ipc_refuse(m);
	}
}

/* gk-smtpd asks about the mail of domains with keys only. */
static void
channel(struct ipc_chan *c, bool open)
{
	if (open && ipc_peer_of(c) == PEER_SMTPD)
		keys_tell(c);
	if (open && ipc_peer_of(c) == PEER_WEBD)
		acme_tell();
	if (!open)
		acme_gone(c);
}

static void
drain(void)
{
	request_drain(svc_drained);
}

static const struct svc svc = {
    .name = "sign",
    .peer = PEER_SIGN,
    .sections = "server dmarc acme",
    .sandbox = SB_IPC,
    .start = load,
    .reload = load,
    .message = message,
    .channel = channel,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	int rc = svc_main(&svc, argc, argv);

	keys_done();
	return rc;
}
