/*
 * stream.h - clients that speak over a stream socket, one JSON-RPC message a line (MCP, stdio):
 * gk-aid, and `gkmail mcp`.
 */
#pragma once

#include <stddef.h>

#include "ipc/ipc.h"

/* MCP_STREAM: answered when the agent session is open. */
void mcp_stream_open(struct ipc_chan *c, struct ipc_in *m);
/* The channel goes: nobody is answered on it. */
void mcp_stream_forget(const struct ipc_chan *c);
/* No message is taken any more; what is under way is answered. */
void mcp_stream_drain(void);
size_t mcp_stream_count(void);
