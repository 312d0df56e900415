/*
 * main.c - gk-statd: metrics, health and readiness of the suite, for Prometheus, for whoever starts
 * containers, and for gkmail status.
 *
 * It has no file, no socket of its own making and nothing to do with mail; docs/adr says why it is
 * a process of its own.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "io/file.h"
#include "statd/statd.h"
#include "svc/svc.h"

#define TEXT_MAX (8u << 20)

/* gkmail waits for the state as a client of the listener does. */
struct call {
	struct ipc_chan *chan;
	uint64_t id;
	enum ipc_type type;
	struct state_wait wait;
	TAILQ_ENTRY(call) link;
};

static TAILQ_HEAD(, call) calls = TAILQ_HEAD_INITIALIZER(calls);

static void
forget(struct call *k)
{
	state_leave(&k->wait);
	TAILQ_REMOVE(&calls, k, link);
	free(k);
}

static void
reply(void *arg)
{
	struct call *k = arg;
	bool health = k->type == MSG_CTL_HEALTH, healthy = false;
	struct ipc_out out;
	struct buf text;
	struct err e;
	int fd;

	buf_init(&text, TEXT_MAX);
	if (health)
		healthy = health_write(&text);
	else
		text_write(METRICS_PROMETHEUS, &text);
	fd = file_memory("text", text.p, text.n, &e);
	buf_free(&text);
	if (fd < 0) {
		ipc_reply_error(k->chan, k->id, &e);
	} else {
		ipc_begin(&out, health ? MSG_CTL_HEALTH_R : MSG_CTL_METRICS_R);
		if (health)
			ipc_put_u32(&out, healthy);
		ipc_put_fd(&out, fd);
		ipc_reply(k->chan, k->id, &out);
	}
	forget(k);
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	struct call *k;

	(void)arg;
	if (m->type != MSG_CTL_METRICS && m->type != MSG_CTL_HEALTH) {
		ipc_refuse(m);
		return;
	}
	if (ipc_end(m) < 0)
		return;
	k = mem_alloc(sizeof(*k));
	*k =
	    (struct call){.chan = c, .id = m->id, .type = m->type, .wait = {.fn = reply, .arg = k}};
	TAILQ_INSERT_TAIL(&calls, k, link);
	/* What gkmail has just asked master must not be contradicted. */
	state_forget();
	state_want(&k->wait);
}

static void
channel(struct ipc_chan *c, bool open)
{
	struct call *k, *next;

	if (open)
		return;
	for (k = TAILQ_FIRST(&calls); k != NULL; k = next) {
		next = TAILQ_NEXT(k, link);
		if (k->chan == c)
			forget(k);
	}
}

static int
start(struct err *e)
{
	pages_init();
	state_init();
	if (probe_init(e) < 0 || http_configure(e) < 0)
		return -1;
	return tries_init(e);
}

static int
reload(struct err *e)
{
	if (http_configure(e) < 0)
		return -1;
	return tries_reload(e);
}

static void
drain(void)
{
	tries_stop();
	svc_drained();
}

static const struct svc svc = {
    .name = "statd",
    .peer = PEER_STATD,
    .sections = "server metrics queue submission assistant",
    .sandbox = SB_IPC | SB_STREAM,
    .start = start,
    .reload = reload,
    .accept = http_accept,
    .message = message,
    .channel = channel,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
