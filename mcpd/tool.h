/*
 * tool.h - what a tool is, and what it may do: answer, call JMAP, read octets, tell how far it is.
 *
 * A call is one request of a client (tools/call, or another method that needs the mail). Its run()
 * begins it; everything goes on in callbacks. It ends once, by mcp_done(), mcp_tool_error() or
 * mcp_fail_call(), after which the call is not to be touched; a cancelled one never comes back:
 * what it has made is in its arena (arena_defer for what is not), or it is leaked.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "ipc/agent.h"
#include "mcpd/message.h"
#include "json/json.h"

/* hints (server/tools, "ToolAnnotations") */
#define MCP_READ_ONLY   0x01u
#define MCP_DESTRUCTIVE 0x02u
#define MCP_IDEMPOTENT  0x04u
#define MCP_OPEN_WORLD  0x08u

#define MCP_TEXT_MAX (256u * 1024u) /* of a result */

/* In _meta of tools/call, true: what would change the mail now, without a human's approval, is not
 * done but held. The result is then an error whose _meta has, by MCP_HELD, the JMAP method calls
 * that would have been made, as far as they were known (docs/adr/0042-changes-after-reading.md). */
#define MCP_HOLD "x-gkmail/hold"
#define MCP_HELD "x-gkmail/held"

struct mcp_call;
struct mcp_agent;   /* mcpd/agent.h */
struct mcp_request; /* mcpd/request.h */

struct mcp_tool {
	const char *name, *title, *description;
	const char *input, *output; /* JSON schemas (mcpd/schema.h) as text; output: or NULL */
	uint32_t scopes;            /* any of these: AGENT_ bits */
	unsigned hints;
	void (*run)(struct mcp_call *c);
};

/* NULL behind the last. */
extern const struct mcp_tool *const mcp_tools[];
const struct mcp_tool *mcp_tool_find(struct str name);

struct mcp_call {
	struct mcp_agent *agent; /* user, name, session, scopes, policy, zone, origins */
	struct arena arena;
	const cJSON *args; /* a tool's: checked against its input schema; never NULL */
	cJSON *result;     /* made by who runs; of a tool the structuredContent. The call's own */
	struct buf text;   /* of a tool; where empty the result is printed */
	void *state;       /* who runs keeps here what it likes */
	/* After mcp_ask(): what the client has answered, an object by the keys of the requests;
	 * each an object of the client's making. NULL: it has not been asked. */
	const cJSON *answers;
	const cJSON *asked; /* the state that mcp_ask() got, or NULL */
	/* private (request.c, call.c, audited.c) */
	bool by_approval, refused, held;
	unsigned rounds; /* to the owner */
	bool changes;    /* it has asked the owner for more than to be told something */
	bool unaudited;  /* refused, as nothing can go on record */
	struct mcp_request *request;
	const struct mcp_tool *tool;
	struct owner_call *owner;
	struct mcp_asking *asking; /* ask.c: what is not answered yet */
	void (*then)(struct mcp_call *c, const cJSON *responses);
	void (*octets)(struct mcp_call *c, struct str octets);
	char why[200]; /* the last JMAP call or download came to nothing */
};

/* calls: an array of invocations (RFC 8620 3.2), taken; accountId is put into each that has none.
 * then() gets the methodResponses, good until it returns; where the owner does not answer, or not
 * with a Response, the call fails without it. One at a time. The last of who calls it: the call may
 * have ended when it returns (MCP_HOLD). */
void mcp_jmap(
    struct mcp_call *c, cJSON *calls, void (*then)(struct mcp_call *c, const cJSON *responses));
/* The octets of a blob, good until then() returns; STR_NONE (p == NULL) where there is none of that
 * id, or it has more than max. */
void mcp_download(struct mcp_call *c, struct str blob, size_t max,
    void (*then)(struct mcp_call *c, struct str octets));

/* result and text are what they are. */
void mcp_done(struct mcp_call *c);
/* isError, with a text a model can act on. Of a method that is no tool's: -32603. */
void mcp_tool_error(struct mcp_call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An error of JSON-RPC. */
void mcp_fail_call(struct mcp_call *c, enum mcp_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* total: 0 where it is not known. Where the client has asked for it. */
void mcp_progress(struct mcp_call *c, double done, double total, const char *what);

/* Asks the client for input: requests is an object, key → {"method": "elicitation/create",
 * "params": …}; both trees are taken. Ends the run as mcp_done() does: run() is called anew with
 * `answers` and `asked` once they are there, in today's protocol in another call
 * (basic/patterns/mrtr), in a legacy session in this one. Whether the client can do what is asked
 * is for the caller to look at (mcp_client_can()); where it cannot, the call fails with -32021.
 * Without `asked` what is in `answers` was never asked for: who needs to know looks at that. */
void mcp_ask(struct mcp_call *c, cJSON *requests, cJSON *state);
/* "https://mail.example.org": where this server's pages are, for the client of this call. */
struct str mcp_base(struct mcp_call *c);

/* The arguments of the response to the i-th invocation where it is of that method; NULL where it is
 * another, an error: the call's `why` says which. */
const cJSON *mcp_response(struct mcp_call *c, const cJSON *responses, size_t i, const char *method);
