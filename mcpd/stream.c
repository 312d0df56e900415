/*
 * stream.c - see stream.h.
 *
 * A client: its agent session is being opened, is there, or (after mcp.idle_timeout without a
 * request) was given back and is opened anew for the next message. Owner: the list. Errors: a line
 * that is too long ends it with an answer; a client that reads nothing is not read from either.
 */
#include "mcpd/stream.h"

#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/stream.h"
#include "mcpd/listen.h"
#include "mcpd/mcpd.h"
#include "mcpd/request.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define CLIENT_MAGIC 0x6d637073u
#define OUT_MAX      (16u * 1024u * 1024u)
#define OUT_HIGH     (256u * 1024u) /* so much waits: no more is taken */
#define LOOK_MS      500u           /* after the end of input: is anybody there? */

struct client {
	unsigned magic;
	struct mcp_agent_hold hold;
	struct mcp_peer peer;
	struct stream *stream;
	struct ipc_chan *chan; /* MCP_STREAM is to be answered; or NULL */
	uint64_t call;
	char *credential, *where, *zone;
	size_t credential_n;
	bool ending; /* nothing more is taken */
	struct loop_timer *idle;
	LIST_ENTRY(client) link;
};

static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static size_t nclients;

static void
free_client(struct client *c)
{
	LIST_REMOVE(c, link);
	nclients--;
	metric_add(METRIC_MCP_CLIENTS, -1);
	mcp_peer_done(&c->peer);
	mcp_agent_drop(&c->hold);
	stream_free(&c->stream);
	loop_timer_free(&c->idle);
	sodium_memzero(c->credential, c->credential_n);
	free(c->credential);
	free(c->where);
	free(c->zone);
	c->magic = 0;
	free(c);
	mcpd_settle();
}

static void
set_idle(struct client *c)
{
	loop_timer_set(c->idle, conf_num(svc_conf(), CONF_MCP_IDLE_TIMEOUT));
}

/* What is under way is answered; then it is over. */
static void
finish(struct client *c)
{
	struct mcp_request *r;

	c->ending = true;
	stream_pause(c->stream);
	TAILQ_FOREACH (r, &c->peer.requests, link)
		if ((r->method->flags & MCP_ENDLESS) != 0) {
			mcp_listen_end(r); /* and by its answer here again */
			return;
		}
	if (c->peer.nrequests == 0)
		stream_finish(c->stream);
	else
		loop_timer_set(c->idle, LOOK_MS);
}

/* Nothing more is read of it: whether it waits for answers, having said all it has to say, or has
 * gone, its socket alone knows. */
static bool
has_left(const struct client *c)
{
	struct pollfd p = {.fd = stream_fd(c->stream)};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

/* ---- answers ---- */

static void
say(struct client *c, struct str json)
{
	if (json.n == 0)
		return;
	stream_write(c->stream, json.p, json.n);
	stream_write(c->stream, "\n", 1);
}

static void
on_notify(void *arg, struct str json)
{
	struct client *c = arg;

	OBJ(c, CLIENT_MAGIC);
	/* One that reads nothing misses how far we are, rather than being ended for it. */
	if (stream_pending(c->stream) < OUT_HIGH)
		say(c, json);
}

static void
on_answer(void *arg, unsigned status, struct str json)
{
	struct client *c = arg;

	(void)status;
	OBJ(c, CLIENT_MAGIC);
	say(c, json);
	set_idle(c);
	if (c->ending)
		finish(c);
}

static const struct mcp_sink sink = {.notify = on_notify, .answer = on_answer};

/* ---- messages ---- */

static void
too_long(struct client *c)
{
	say(c, STR("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"a message is one "
		   "line "
		   "of at most 1 MiB\"}}"));
	log_info("mcp.long", LS("sid", c->hold.agent->session));
	finish(c);
}

static void
take(struct client *c)
{
	struct str in, line;

	while (!c->ending && c->hold.agent != NULL) {
		in = stream_input(c->stream);
		if (stream_pending(c->stream) >= OUT_HIGH) {
			stream_pause(c->stream);
			return;
		}
		if (!str_cut(&in, '\n', &line)) {
			if (line.n > MCP_MESSAGE_MAX)
				too_long(c);
			else if (stream_at_end(c->stream))
				finish(c);
			return;
		}
		if (line.n > MCP_MESSAGE_MAX) {
			too_long(c);
			return;
		}
		if (str_trim(line).n > 0)
			(void)mcp_peer_take(&c->peer, str_trim(line), NULL, &sink, c);
		stream_consume(c->stream, line.n + 1);
	}
}

static void opened(void *arg, const struct err *e);

static void
take_agent(struct client *c)
{
	c->hold = (struct mcp_agent_hold){.fn = opened, .arg = c};
	mcp_agent_take(&c->hold, str_of(c->credential, c->credential_n), str_z(c->where),
	    STR("stream"), str_z(c->zone), false);
}

static void
on_input(void *arg)
{
	struct client *c = arg;

	OBJ(c, CLIENT_MAGIC);
	if (c->hold.agent != NULL) {
		take(c);
	} else if (stream_input(c->stream).n == 0) {
		finish(c); /* it left while nothing was going on */
	} else {
		stream_pause(c->stream);
		take_agent(c);
	}
}

/* There may be room again. */
static void
on_drained(void *arg)
{
	struct client *c = arg;

	OBJ(c, CLIENT_MAGIC);
	if (!c->ending && c->hold.agent != NULL)
		stream_resume(c->stream);
}

static void
on_closed(void *arg, const struct err *e)
{
	struct client *c = arg;

	OBJ(c, CLIENT_MAGIC);
	log_debug("mcp.closed", LE(e));
	free_client(c);
}

static void
on_idle(void *arg)
{
	struct client *c = arg;

	OBJ(c, CLIENT_MAGIC);
	if (c->ending && has_left(c))
		free_client(c); /* basic/utilities/cancellation: what it did is done */
	else if (c->ending)
		loop_timer_set(c->idle, LOOK_MS);
	else if (c->peer.nrequests > 0 || c->peer.listener != NULL || c->hold.agent == NULL)
		set_idle(c);
	else
		mcp_agent_drop(&c->hold);
}

/* ---- the agent session ---- */

static void
reply(struct client *c)
{
	struct ipc_out m;

	if (c->chan == NULL)
		return;
	ipc_begin(&m, MSG_MCP_STREAM_R);
	ipc_put_str(&m, c->hold.agent->user);
	ipc_put_str(&m, c->hold.agent->name);
	ipc_put_str(&m, c->hold.agent->session);
	ipc_reply(c->chan, c->call, &m);
	c->chan = NULL;
}

static void
opened(void *arg, const struct err *e)
{
	struct client *c = arg;

	OBJ(c, CLIENT_MAGIC);
	if (e == NULL) {
		reply(c);
		set_idle(c);
		stream_resume(c->stream);
		return;
	}
	if (c->chan != NULL) {
		ipc_reply_error(c->chan, c->call, e);
		free_client(c);
		return;
	}
	mcp_peer_over(&c->peer, e->text);
	finish(c);
}

void
mcp_stream_open(struct ipc_chan *chan, struct ipc_in *m)
{
	static const struct stream_limits limits = {
	    .in_max = MCP_MESSAGE_MAX + 4096, .out_max = OUT_MAX};
	static const struct stream_events events = {
	    .input = on_input, .drained = on_drained, .closed = on_closed};
	struct str credential = ipc_get_str(m), where = ipc_get_str(m), zone = ipc_get_str(m);
	int fd = ipc_take_fd(m);
	struct client *c;
	struct err e;

	if (ipc_end(m) < 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (svc_draining() || !mcpd_room()) {
		close(fd);
		err_set(&e, svc_draining() ? E_TEMP : E_LIMIT, "no room for a client now");
		ipc_reply_error(chan, m->id, &e);
		return;
	}
	c = mem_alloc(sizeof(*c));
	c->magic = CLIENT_MAGIC;
	c->chan = chan;
	c->call = m->id;
	c->credential = mem_dup(credential.p, credential.n);
	c->credential_n = credential.n;
	c->where = mem_dup(where.p, where.n);
	c->zone = mem_dup(zone.p, zone.n);
	c->idle = loop_timer_new(on_idle, c);
	c->peer.hold = &c->hold;
	c->peer.notify = on_notify;
	c->peer.arg = c;
	c->peer.where = str_z(c->where);
	mcp_peer_init(&c->peer);
	c->stream = stream_new(fd, &limits, &events, c);
	stream_start(c->stream);
	stream_pause(c->stream);
	LIST_INSERT_HEAD(&clients, c, link);
	nclients++;
	metric_add(METRIC_MCP_CLIENTS, 1);
	take_agent(c);
}

void
mcp_stream_forget(const struct ipc_chan *chan)
{
	struct client *c;

	LIST_FOREACH (c, &clients, link)
		if (c->chan == chan)
			c->chan = NULL;
}

void
mcp_stream_drain(void)
{
	struct client *c, *next;

	for (c = LIST_FIRST(&clients); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		finish(c);
	}
}

size_t
mcp_stream_count(void)
{
	return nclients;
}
