/*
 * ask.h - what stands behind mcp_ask() (tool.h): requests of ours to a client, in today's protocol
 * as a result that says what is missing (basic/patterns/mrtr), in a legacy session as requests on
 * the stream of the call.
 */
#pragma once

#include "mcpd/request.h"

#define ASK_MS 600000u /* how long a call may take in which a human was asked */

/* Before a request runs, once its arguments are there: takes inputResponses and requestState. -1:
 * *f. */
int mcp_ask_take(struct mcp_call *c, struct mcp_failure *f);
/* A response of the client's in a legacy session; what belongs to no request of ours is dropped. */
void mcp_ask_answered(struct mcp_peer *p, const struct mcp_message *m);
