/*
 * agent_session.h - sessions of agents, as the change log has them: AgentSession/get, /query and
 * /undo (docs/adr/0035-undo-audit-trace.md).
 */
#pragma once

#include "mailboxd/jmap/jmap.h"

/* An agent is about to change something: the log says its name first, once a session. */
int agent_session_begin(struct jmap_call *c, struct err *e);
/* The name of the agent of a session; STR_NONE: the log does not say. */
int agent_session_name(
    struct home *h, struct str session, struct arena *a, struct str *out, struct err *e);
