/*
 * main.c - gk-smtpd: the SMTP server on ports 25, 587 and 465.
 *
 * Takes messages from other hosts for our users, and from our users for anybody that they may write
 * to. Holds no file and no secret but its TLS key; what it may know it asks authd, what it has
 * taken it hands to the queue.
 */
#include "smtpd/answers.h"
#include "smtpd/message.h"
#include "smtpd/session.h"
#include "smtpd/signing.h"

static void
revoked(struct ipc_in *m)
{
	struct str user = ipc_get_str(m);

	ipc_get_u32(m); /* whether the user is gone: the same to us */
	if (ipc_end(m) == 0) {
		answers_forget();
		session_revoke(user);
	}
}

static void
space(struct ipc_in *m)
{
	bool low = ipc_get_u32(m) != 0;

	if (ipc_end(m) == 0)
		message_space(low);
}

/* The owner of a user's mailbox has something to send (INVARIANTS 19). */
static void
owner(struct ipc_chan *chan, struct ipc_in *m)
{
	struct svc_conn c = {.name = "owner", .peer_text = "local"};

	c.user = ipc_get_str(m);
	c.token = ipc_get_str(m);
	c.fd = ipc_take_fd(m);
	if (ipc_end(m) < 0 || c.user.n == 0 || svc_draining()) {
		if (c.fd >= 0)
			close(c.fd);
		session_end_token(c.token);
		if (!m->bad)
			ipc_reply_ok(chan, m->id, MSG_OWNER_SMTP_R);
		return;
	}
	ipc_reply_ok(chan, m->id, MSG_OWNER_SMTP_R);
	session_accept(&c);
}

static void
smtpd_message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_USER_REVOKED)
		revoked(m);
	else if (m->type == MSG_OWNER_SMTP)
		owner(c, m);
	else if (m->type == MSG_SPOOL_SPACE)
		space(m);
	else if (m->type == MSG_SIGN_DOMAINS)
		signing_domains(m);
	else if (m->type == MSG_BAN_SET || m->type == MSG_BAN_CLEAR)
		door_bans(m);
	else if (m->type != MSG_AUTH_CHANGED)
		ipc_refuse(m);
	else if (ipc_end(m) == 0)
		answers_forget();
}

/* A new authd may know other things. */
static void
smtpd_channel(struct ipc_chan *c, bool open)
{
	if (ipc_peer_of(c) == PEER_AUTHD && open)
		answers_forget();
}

static int
smtpd_reload(struct err *e)
{
	return door_configure(e) < 0 ? -1 : tls_load(e);
}

static int
smtpd_start(struct err *e)
{
	session_init(dns_new(svc_channel(PEER_DNSD)));
	return smtpd_reload(e);
}

static const struct svc svc = {
    .name = "smtpd",
    .peer = PEER_SMTPD,
    .sections = "server screen tls certificate smtp submission auth limits",
    .sandbox = SB_IPC | SB_STREAM,
    .start = smtpd_start,
    .reload = smtpd_reload,
    .accept = session_accept,
    .message = smtpd_message,
    .channel = smtpd_channel,
    .drain = session_drain_all,
    .overdue = session_overdue,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
