/*
 * audited.h - what becomes of each call of a tool: a record in gk-authd's audit log (AUDIT_ADD) and
 * a number in the metrics.
 *
 * Durability point: a call that has asked the owner for a change is answered when its record is
 * durable. Records that gk-authd has at the same time share one sync.
 */
#pragma once

#include <stdbool.h>

#include "ipc/ipc.h"
#include "mcpd/tool.h"

struct audited; /* a record on its way, that somebody waits for */

/* Does a method of JMAP change nothing (RFC 8620 5)? What is not known to only read does. */
bool audited_is_reading(struct str method);
/* What the call asks the owner, and what that answers: whether a human has to approve it, or it was
 * refused. */
void audited_asks(struct mcp_call *c, const cJSON *calls);
void audited_answers(struct mcp_call *c, const cJSON *responses);
/* It has ended. outcome: "ok", or why not. result: octets of the answer. Nothing where it is no
 * tool's. Where it has asked for a change: who is told when the record is durable, or cannot be
 * made so; done is not called from within. Else NULL. */
struct audited *audited_end(struct mcp_call *c, const char *outcome, size_t result, uint64_t ms,
    void (*done)(void *arg, bool kept), void *arg);
/* Nobody waits for it any more; it goes on record all the same. */
void audited_forget(struct audited **a);

/* Can what changes something go on record now? */
bool audited_is_down(void);
void audited_state(struct ipc_in *m); /* AUDIT_STATE */
void audited_reset(void);             /* gk-authd is another process */
