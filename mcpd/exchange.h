/*
 * exchange.h - clients that come by HTTP: exchanges that gk-webd hands over (MCP_EXCHANGE, and
 * PIPE_MCP of ipc/pipe.h), one a pipe.
 *
 * An exchange shows a token, and waits until its agent session is there; then its body is read. A
 * request of today's protocol has a peer of its own; one of before belongs to a session
 * (session.h). An answer is JSON, or events from the first thing on that has to be said before it
 * is there.
 */
#pragma once

#include "ipc/ipc.h"
#include "mcpd/session.h"

#define EXCHANGE_OF_ONE 32u    /* of an agent session at a time */
#define EXCHANGE_STILL  15000u /* ms without a word: a comment, so that nobody takes it for dead */

/* MCP_EXCHANGE */
void mcp_exchange_open(struct ipc_chan *ch, struct ipc_in *m);
/* Nothing new, and what would go on without end ends. */
void mcp_exchange_drain(void);
size_t mcp_exchange_count(void);

/* ---- for session.c ---- */

void mcp_exchange_session_over(struct mcp_session *s);
