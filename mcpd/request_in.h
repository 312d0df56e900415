/*
 * request_in.h - what call.c and request.c share.
 */
#pragma once

#include <stdbool.h>

#include "mcpd/request.h"

/* The request ends: result is taken. outcome: "ok", or why it is not, for the audit log. */
void request_done(struct mcp_request *r, cJSON *result, bool ok, const char *outcome);
/* A tool's result: text, or what the call has (server/tools, "CallToolResult"). */
cJSON *call_result(struct mcp_call *c, struct str text, bool failed);
/* The same by an error of JSON-RPC; f->data is taken. */
void request_failed(struct mcp_request *r, struct mcp_failure *f);
/* params are taken. */
void request_notify(struct mcp_request *r, const char *method, cJSON *params);
