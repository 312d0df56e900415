/*
 * approve.h - what waits for the user: the page where a human answers it, and how it stands. See
 * docs/adr/0032-agents-and-approvals.md.
 *
 * Called at the end of a tool that asked for an approval, with the Approval (mailboxd/jmap/
 * approval.h): a client that can open pages is asked to show this one's, and run() is called anew
 * once it has; the others, and everybody after that, get the approval's id, its state and what that
 * means for an agent.
 */
#pragma once

#include "mcpd/tool.h"
#include "json/json.h"

/* Ends the call, or the run. put: adds what else is in the tool's result. */
void approve_tell(struct mcp_call *c, const cJSON *approval,
    void (*put)(struct mcp_call *c, const cJSON *approval));
/* At the beginning of run(): the client has shown the page, and approve_tell() is what is left to
 * do. True: it is under way. */
bool approve_again(struct mcp_call *c, void (*put)(struct mcp_call *c, const cJSON *approval));

#define APPROVE_SCHEMA                                                        \
	"\"approval\":{\"type\":\"string\"},\"state\":{\"type\":\"string\"}," \
	"\"note\":{\"type\":\"string\"}"
