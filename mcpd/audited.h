/*
 * audited.h - what becomes of each call of a tool: a record in gk-authd's audit log (AUDIT_ADD) and
 * a number in the metrics.
 */
#pragma once

#include "mcpd/tool.h"

/* What the call asks the owner, and what that answers: whether a human has to approve it, or it was
 * refused. */
void audited_asks(struct mcp_call *c, const cJSON *calls);
void audited_answers(struct mcp_call *c, const cJSON *responses);
/* It has ended. outcome: "ok", or why not. result: octets of the answer. Nothing where it is no
 * tool's. */
void audited_end(struct mcp_call *c, const char *outcome, size_t result, uint64_t ms);
