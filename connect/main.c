/*
 * main.c - gk-connect: connections to the model's provider, for gk-aid, which can make none
 * (INVARIANTS 10).
 *
 * Where they go is said by the configuration alone: gk-aid, which reads mail and what a model makes
 * of it, asks for a connection and cannot say to whom; gk-statd likewise, to see whether it
 * answers. Nothing is read from the sockets here.
 */
#include <stdlib.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/mem.h"
#include "connect/reach.h"
#include "svc/svc.h"

#define REACH_MS 5000u /* for each address */
#define AT_ONCE  64u

struct call {
	struct ipc_chan *chan;
	uint64_t id;
	struct reach *reach;
	TAILQ_ENTRY(call) link;
};

static struct {
	struct dns *dns;
	struct provider provider;
	bool local_only, off;
	size_t n;
	TAILQ_HEAD(, call) calls;
} self = {.calls = TAILQ_HEAD_INITIALIZER(self.calls)};

static int
take_conf(struct err *e)
{
	const struct conf *c = svc_conf();
	struct str url = conf_str(c, CONF_ASSISTANT_URL);

	self.off = str_eq_z(conf_str(c, CONF_ASSISTANT_PROVIDER), "builtin");
	self.local_only = conf_bool(c, CONF_ASSISTANT_LOCAL_ONLY);
	if (provider_parse(url, &self.provider) < 0)
		return err_set(e, E_INVAL, "assistant.url: write %s", provider_wanted);
	return 0;
}

static int
start(struct err *e)
{
	self.dns = dns_new(svc_channel(PEER_DNSD));
	return take_conf(e);
}

static void
forget(struct call *k)
{
	reach_cancel(&k->reach);
	TAILQ_REMOVE(&self.calls, k, link);
	self.n--;
	free(k);
}

static void
reached(void *arg, int fd, const char *address, const struct err *e)
{
	struct call *k = arg;
	struct ipc_out m;

	k->reach = NULL;
	if (fd < 0) {
		log_warn("connect.failed", LZ("host", self.provider.host), LE(e));
		ipc_reply_error(k->chan, k->id, e);
	} else {
		log_debug("connect.open", LZ("to", address));
		ipc_begin(&m, MSG_PROVIDER_OPEN_R);
		ipc_put_z(&m, address);
		ipc_put_fd(&m, fd);
		ipc_reply(k->chan, k->id, &m);
	}
	forget(k);
}

static void
refuse(struct ipc_chan *c, struct ipc_in *m, const char *why)
{
	struct err e;

	err_set(&e, E_TEMP, "%s", why);
	ipc_reply_error(c, m->id, &e);
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct call *k;

	(void)arg;
	if (m->type != MSG_PROVIDER_OPEN) {
		ipc_refuse(m);
		return;
	}
	if (ipc_end(m) < 0)
		return;
	if (self.off || svc_draining()) {
		refuse(c, m, self.off ? "there is no provider" : "going down");
		return;
	}
	if (self.n >= AT_ONCE) {
		refuse(c, m, "too many connections are being made");
		return;
	}
	k = mem_alloc(sizeof(*k));
	k->chan = c;
	k->id = m->id;
	TAILQ_INSERT_TAIL(&self.calls, k, link);
	self.n++;
	k->reach = reach_start(self.dns, &self.provider, self.local_only, REACH_MS, reached, k);
}

/* Nobody waits for them any more. */
static void
channel(struct ipc_chan *c, bool open)
{
	struct call *k, *next;

	if (open)
		return;
	for (k = TAILQ_FIRST(&self.calls); k != NULL; k = next) {
		next = TAILQ_NEXT(k, link);
		if (k->chan == c)
			forget(k);
	}
}

static const struct svc svc = {
    .name = "connect",
    .peer = PEER_CONNECT,
    .sections = "server assistant",
    .sandbox = SB_IPC | SB_STREAM | SB_CONNECT,
    .start = start,
    .reload = take_conf,
    .message = message,
    .channel = channel,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
