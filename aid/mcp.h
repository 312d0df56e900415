/*
 * mcp.h - a client of the Model Context Protocol (2026-07-28) on a stream of lines: gk-aid's way to
 * gk-mcpd.
 *
 * It asks server/discover, then all pages of tools/list, and is ready. Calls go side by side, each
 * with a time; who gives one up has it cancelled. The other end is not believed: lines, lists and
 * answers are bounded, an answer to nothing is passed over, what is no JSON-RPC ends the stream. It
 * declares no capability, so is never asked anything: what asks for it all the same
 * (input_required) has failed.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define MCP_LINE_MAX  (1u << 20)
#define MCP_TOOLS_MAX 200u
#define MCP_CALLS_MAX 16u          /* at a time */
#define MCP_TEXT_MAX  (256u << 10) /* of one result; the rest is cut */

struct mcp;

struct mcp_events {
	/* The tools are known: calls may be made. */
	void (*ready)(void *arg);
	/* The other end is gone (E_CLOSED), slow (E_TIMEOUT), or makes no sense (E_PROTO). Calls
	 * under way have been answered with that before. Nothing follows but mcp_free(). */
	void (*failed)(void *arg, const struct err *e);
};

/* Of a call; lives until the function that is told returns. */
struct mcp_answer {
	bool failed;
	const char *code;  /* "ok", "tool" (isError), "refused" (a JSON-RPC error), "timeout",
			    * "lost", "held" */
	const cJSON *data; /* structuredContent, or NULL */
	struct str text;   /* of its content */
	const cJSON *held; /* an array: what would have changed, and was held; or NULL */
};
typedef void (*mcp_answer_fn)(void *arg, const struct mcp_answer *a);

/* fd is taken over. No callback is ever called from inside a function of this page. */
struct mcp *mcp_new(int fd, const struct mcp_events *events, void *arg);
/* Calls under way are not answered any more. NULL inside is fine. */
void mcp_free(struct mcp **m);

bool mcp_ready(const struct mcp *m);
/* As they were given: objects with name, description, inputSchema, annotations. */
const cJSON *mcp_tools(const struct mcp *m);
/* NULL: there is none of that name. */
const cJSON *mcp_tool(const struct mcp *m, struct str name);

/* args is taken; NULL is none. hold: what would change something is told and not done. Its number;
 * 0: too many at a time (fn is not called). */
uint64_t mcp_call(struct mcp *m, const char *tool, cJSON *args, uint64_t ms, bool hold,
    mcp_answer_fn fn, void *arg);
/* Nobody wants the answer. */
void mcp_cancel(struct mcp *m, uint64_t call);
