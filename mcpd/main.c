/*
 * main.c - gk-mcpd, the server of the Model Context Protocol: what agents come by to work on a
 * user's mail. It has no file and no listener and touches no mail: it asks the user's owner
 * process, in the name of an agent session that gk-authd has opened.
 */
#include "mcpd/agent.h"
#include "mcpd/audited.h"
#include "mcpd/exchange.h"
#include "mcpd/mcpd.h"
#include "mcpd/method.h"
#include "mcpd/owner.h"
#include "mcpd/stream.h"
#include "mcpd/watch.h"
#include "svc/svc.h"

static int
start(struct err *e)
{
	(void)e;
	mcp_agent_init();
	mcp_tools_init();
	return 0;
}

static void
kicked(struct ipc_in *m)
{
	uint64_t conn = ipc_get_u64(m);

	if (ipc_end(m) == 0 && !watch_kick(conn))
		owner_kick(conn);
}

static void
woken(struct ipc_in *m)
{
	uint64_t conn = ipc_get_u64(m);

	if (ipc_end(m) == 0)
		watch_wake(conn);
}

static void
message(void *arg, struct ipc_chan *c, struct ipc_in *m)
{
	(void)arg;
	if (m->type == MSG_MCP_STREAM)
		mcp_stream_open(c, m);
	else if (m->type == MSG_MCP_EXCHANGE)
		mcp_exchange_open(c, m);
	else if (m->type == MSG_AUDIT_STATE)
		audited_state(m);
	else if (m->type == MSG_AGENT_GONE)
		mcp_agent_gone(m);
	else if (m->type == MSG_KICK)
		kicked(m);
	else if (m->type == MSG_WAKE)
		woken(m);
	else
		ipc_refuse(m);
}

static void
channel(struct ipc_chan *c, bool open)
{
	if (open && ipc_peer_of(c) == PEER_AUTHD) {
		mcp_agent_reset();
		audited_reset();
	}
	if (!open)
		mcp_stream_forget(c);
	if (!open && ipc_peer_of(c) == PEER_MAILBOXD)
		watch_lost();
}

static void
drain(void)
{
	mcp_stream_drain();
	mcp_exchange_drain();
	mcpd_settle();
}

static const struct svc svc = {
    .name = "mcpd",
    .peer = PEER_MCPD,
    .sections = "server mcp limits log",
    .sandbox = SB_IPC | SB_STREAM,
    .start = start,
    .message = message,
    .channel = channel,
    .drain = drain,
};

int
main(int argc, char **argv)
{
	return svc_main(&svc, argc, argv);
}
