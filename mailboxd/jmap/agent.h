/*
 * agent.h - what an agent may do by JMAP (docs/adr/0032-agents-and-approvals.md): the one place
 * where that is decided in the owner. What is not named here is refused.
 */
#pragma once

#include "ipc/agent.h"
#include "mailboxd/jmap/jmap.h"

/* Every email that an agent has written bears it; no agent can set or take it. */
#define JMAP_AGENT_KEYWORD "$agentdraft"

/* Copies into a; NULL for none: v is name, session, scopes and policy (AGENT_REDEEM_R). */
const struct jmap_agent *jmap_agent_read(struct arena *a, const struct str *v, size_t n);

/* NULL: the agent may call it so; else why not. */
const char *
jmap_agent_refuses(const struct jmap_agent *agent, struct str method, const cJSON *args);
/* Is it a draft that an agent has written? */
bool jmap_agent_owns(struct jmap_call *c, uint64_t email);
/* An object of a /set, before anything is done of it; -1: the item has failed. */
int jmap_agent_item(struct jmap_call *c, struct jmap_item *it);
