/*
 * errand.c - see errand.h. An owner may be gone, and another be there, when the answer comes: a
 * process is known by its number.
 */
#include "mailboxd/errand.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "svc/svc.h"

#define ERRANDS_MAX 64u /* of one owner at a time */

struct errand {
	char *user;
	int pid; /* of the owner */
	uint64_t call;
	enum ipc_type type;
	int fd; /* OWN_SMTP, OWN_AGENT_SMTP: the owner's end */
};

static struct errand *
errand_new(struct user *u, const struct ipc_in *m)
{
	struct errand *x = mem_alloc(sizeof(*x));

	u->nerrands++;
	x->user = mem_dup(u->name, strlen(u->name));
	x->pid = u->pid;
	x->call = m->id;
	x->type = m->type;
	x->fd = -1;
	return x;
}

/* Its channel, or NULL: the owner has ended. */
static struct ipc_chan *
owner_of(const struct errand *x)
{
	const struct user *u = user_find(str_z(x->user));

	return u != NULL && u->pid == x->pid && u->state != OWNER_NONE ? u->owner : NULL;
}

static void
errand_free(struct errand *x)
{
	struct user *u = user_find(str_z(x->user));

	if (u != NULL && u->pid == x->pid)
		u->nerrands--;
	if (x->fd >= 0)
		close(x->fd);
	free(x->user);
	free(x);
}

static void
fail(struct errand *x, const struct err *e)
{
	struct ipc_chan *owner = owner_of(x);

	if (owner != NULL)
		ipc_reply_error(owner, x->call, e);
	errand_free(x);
}

/* All of the message was read; has the owner not too many on their way? */
static bool
is_allowed(const struct user *u, struct ipc_in *m)
{
	struct err e;

	if (ipc_end(m) < 0)
		return false;
	if (u->nerrands < ERRANDS_MAX)
		return true;
	err_set(&e, E_LIMIT, "too many questions at a time");
	ipc_reply_error(u->owner, m->id, &e);
	return false;
}

/* ---- a connection to gk-smtpd ---- */

static void
smtp_taken(void *arg, struct ipc_in *m, const struct err *e)
{
	struct errand *x = arg;
	struct ipc_chan *owner = owner_of(x);
	struct ipc_out out;

	if (m == NULL) {
		fail(x, e);
		return;
	}
	if (ipc_end(m) == 0 && owner != NULL) {
		ipc_begin(&out, x->type + 1);
		ipc_put_fd(&out, x->fd);
		x->fd = -1;
		ipc_reply(owner, x->call, &out);
	}
	errand_free(x);
}

/* An authd that does not answer now ends it: nothing is sent that could not be signed. */
static void
smtp_vouched(void *arg, struct ipc_in *m, const struct err *why)
{
	struct errand *x = arg;
	struct ipc_out out;
	struct str token;
	struct err e;
	int pair[2];

	if (m == NULL) {
		fail(x, why);
		return;
	}
	token = ipc_get_str(m);
	if (ipc_end(m) < 0) {
		errand_free(x);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		err_sys(&e, "socketpair");
		fail(x, &e);
		return;
	}
	x->fd = pair[0];
	ipc_begin(&out, MSG_OWNER_SMTP);
	ipc_put_z(&out, x->user);
	ipc_put_str(&out, token);
	ipc_put_fd(&out, pair[1]);
	ipc_call(svc_channel(PEER_SMTPD), &out, smtp_taken, x);
}

static void
smtp(struct user *u, struct ipc_in *m)
{
	struct ipc_out out;

	if (!is_allowed(u, m))
		return;
	ipc_begin(&out, MSG_SENDER_TOKEN);
	ipc_put_z(&out, u->name);
	ipc_put_u32(&out, 0);
	ipc_call(svc_channel(PEER_AUTHD), &out, smtp_vouched, errand_new(u, m));
}

/* authd makes a token that says whose it is and that a human has to approve what comes with it. */
static void
agent_smtp(struct user *u, struct ipc_in *m)
{
	struct str session = ipc_get_str(m);
	struct ipc_out out;

	if (!is_allowed(u, m))
		return;
	ipc_begin(&out, MSG_AGENT_TOKEN);
	ipc_put_z(&out, u->name);
	ipc_put_str(&out, session);
	ipc_call(svc_channel(PEER_AUTHD), &out, smtp_vouched, errand_new(u, m));
}

/* ---- the user's addresses ---- */

static void
put_items(struct ipc_out *out, struct ipc_in *m)
{
	uint32_t n = ipc_get_list(m);
	struct str *v = mem_array((size_t)n + 1, sizeof(*v));

	for (uint32_t i = 0; i < n; i++)
		v[i] = ipc_get_item(m);
	ipc_put_list(out, v, n);
	free(v);
}

static void
pass_on(struct errand *x, struct ipc_in *m, struct ipc_out *out)
{
	struct ipc_chan *owner = owner_of(x);

	if (ipc_end(m) == 0 && owner != NULL)
		ipc_reply(owner, x->call, out);
	else
		ipc_drop(out);
	errand_free(x);
}

static void
senders_told(void *arg, struct ipc_in *m, const struct err *e)
{
	struct ipc_out out;

	if (m == NULL) {
		fail(arg, e);
		return;
	}
	ipc_begin(&out, MSG_OWN_SENDERS_R);
	put_items(&out, m);
	pass_on(arg, m, &out);
}

static void
senders(struct user *u, struct ipc_in *m)
{
	struct ipc_out out;

	if (!is_allowed(u, m))
		return;
	ipc_begin(&out, MSG_SENDER_LIST);
	ipc_put_z(&out, u->name);
	ipc_call(svc_channel(PEER_AUTHD), &out, senders_told, errand_new(u, m));
}

/* ---- an address: is it the user's to write from? ---- */

static void
sender_told(void *arg, struct ipc_in *m, const struct err *e)
{
	struct ipc_out out;

	if (m == NULL) {
		fail(arg, e);
		return;
	}
	ipc_begin(&out, MSG_OWN_SENDER_R);
	ipc_put_u32(&out, ipc_get_u32(m));
	pass_on(arg, m, &out);
}

static void
sender(struct user *u, struct ipc_in *m)
{
	struct str address = ipc_get_str(m);
	struct ipc_out out;

	if (!is_allowed(u, m))
		return;
	ipc_begin(&out, MSG_SENDER_CHECK);
	ipc_put_z(&out, u->name);
	ipc_put_str(&out, address);
	ipc_call(svc_channel(PEER_AUTHD), &out, sender_told, errand_new(u, m));
}

/* ---- what a human agreed to ---- */

static void
action_told(void *arg, struct ipc_in *m, const struct err *e)
{
	struct ipc_out out;

	if (m == NULL) {
		fail(arg, e);
		return;
	}
	ipc_begin(&out, MSG_OWN_ACTION_R);
	ipc_put_str(&out, ipc_get_str(m));
	pass_on(arg, m, &out);
}

static void
action(struct user *u, struct ipc_in *m)
{
	struct str session = ipc_get_str(m), digest = ipc_get_str(m);
	struct ipc_out out;

	if (!is_allowed(u, m))
		return;
	ipc_begin(&out, MSG_APPROVAL_ACTION);
	ipc_put_z(&out, u->name);
	ipc_put_str(&out, session);
	ipc_put_str(&out, digest);
	ipc_call(svc_channel(PEER_AUTHD), &out, action_told, errand_new(u, m));
}

static void
settled_told(void *arg, struct ipc_in *m, const struct err *e)
{
	struct ipc_out out;

	if (m == NULL) {
		fail(arg, e);
		return;
	}
	ipc_begin(&out, MSG_OWN_SETTLE_R);
	ipc_put_u32(&out, ipc_get_u32(m));
	ipc_put_str(&out, ipc_get_str(m));
	pass_on(arg, m, &out);
}

static void
settle(struct user *u, struct ipc_in *m)
{
	struct str session = ipc_get_str(m), digest = ipc_get_str(m);
	uint64_t since = ipc_get_u64(m);
	struct ipc_out out;

	if (!is_allowed(u, m))
		return;
	ipc_begin(&out, MSG_APPROVAL_SETTLE);
	ipc_put_z(&out, u->name);
	ipc_put_str(&out, session);
	ipc_put_str(&out, digest);
	ipc_put_u64(&out, since);
	ipc_call(svc_channel(PEER_AUTHD), &out, settled_told, errand_new(u, m));
}

/* ---- a message submitted before ---- */

static void
submitted_told(void *arg, struct ipc_in *m, const struct err *e)
{
	struct ipc_out out;

	if (m == NULL) {
		fail(arg, e);
		return;
	}
	ipc_begin(&out, MSG_OWN_SUBMITTED_R);
	ipc_put_u32(&out, ipc_get_u32(m));
	put_items(&out, m);
	pass_on(arg, m, &out);
}

static void
submitted(struct user *u, struct ipc_in *m)
{
	struct str mid = ipc_get_str(m);
	uint32_t cancel = ipc_get_u32(m);
	struct ipc_out out;

	if (!is_allowed(u, m))
		return;
	ipc_begin(&out, MSG_SUBMITTED);
	ipc_put_z(&out, u->name);
	ipc_put_str(&out, mid);
	ipc_put_u32(&out, cancel);
	ipc_call(svc_channel(PEER_QUEUE), &out, submitted_told, errand_new(u, m));
}

/* ---- a POST to a push service ---- */

static void
posted(void *arg, struct ipc_in *m, const struct err *e)
{
	struct ipc_out out;

	if (m == NULL) {
		fail(arg, e);
		return;
	}
	ipc_begin(&out, MSG_OWN_POST_R);
	ipc_put_u32(&out, ipc_get_u32(m));
	pass_on(arg, m, &out);
}

static void
post(struct user *u, struct ipc_in *m)
{
	struct str url = ipc_get_str(m), body = ipc_get_str(m);
	uint32_t sealed = ipc_get_u32(m);
	struct ipc_out out;

	if (!is_allowed(u, m))
		return;
	ipc_begin(&out, MSG_PUSH_POST);
	ipc_put_str(&out, url);
	ipc_put_str(&out, body);
	ipc_put_u32(&out, sealed);
	ipc_call(svc_channel(PEER_REMOTE), &out, posted, errand_new(u, m));
}

bool
errand_message(struct user *u, struct ipc_in *m)
{
	if (m->type == MSG_OWN_SMTP)
		smtp(u, m);
	else if (m->type == MSG_OWN_AGENT_SMTP)
		agent_smtp(u, m);
	else if (m->type == MSG_OWN_SENDERS)
		senders(u, m);
	else if (m->type == MSG_OWN_SENDER)
		sender(u, m);
	else if (m->type == MSG_OWN_ACTION)
		action(u, m);
	else if (m->type == MSG_OWN_SETTLE)
		settle(u, m);
	else if (m->type == MSG_OWN_SUBMITTED)
		submitted(u, m);
	else if (m->type == MSG_OWN_POST)
		post(u, m);
	else
		return false;
	return true;
}
