/*
 * message.h - messages of the Model Context Protocol: JSON-RPC 2.0 in and out, in both of its eras.
 *
 * A modern request (2026-07-28) says its version and what its client can do in _meta, and by HTTP
 * in header fields as well, which must say the same. A legacy one (2025-11-25 and before) belongs
 * to a session that began with `initialize`. Which it is shows in the message itself
 * (basic/versioning). Nothing here waits or keeps state.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "json/json.h"

#define MCP_MODERN_VERSION "2026-07-28"
#define MCP_LEGACY_VERSION "2025-11-25" /* the newest with a session */

#define MCP_MESSAGE_MAX (1024u * 1024u)
#define MCP_VALUES_MAX  20000u
#define MCP_ID_MAX      256u

enum mcp_code {
	MCP_PARSE_ERROR = -32700,
	MCP_INVALID_REQUEST = -32600,
	MCP_METHOD_NOT_FOUND = -32601,
	MCP_INVALID_PARAMS = -32602,
	MCP_INTERNAL_ERROR = -32603,
	MCP_RATE_LIMITED = -32000,       /* of our own */
	MCP_RESOURCE_NOT_FOUND = -32002, /* legacy; modern: MCP_INVALID_PARAMS */
	MCP_HEADER_MISMATCH = -32020,
	MCP_MISSING_CAPABILITY = -32021,
	MCP_UNSUPPORTED_VERSION = -32022
};

enum mcp_kind {
	MCP_REQUEST,
	MCP_NOTIFICATION,
	MCP_RESPONSE /* legacy only */
};

/* Header fields that mirror the body. STR_NONE: not sent. */
struct mcp_headers {
	struct str version; /* MCP-Protocol-Version */
	struct str method;  /* Mcp-Method */
	struct str name;    /* Mcp-Name, as sent */
	struct str session; /* Mcp-Session-Id */
};

struct mcp_message {
	cJSON *root; /* owned: mcp_message_done() */
	enum mcp_kind kind;
	bool modern;
	const cJSON *id;     /* a string or an integer; NULL in notifications */
	struct str method;   /* empty in responses */
	const cJSON *params; /* an object, or NULL */
	/* modern */
	const cJSON *capabilities; /* the client's */
	const cJSON *progress;     /* the token, or NULL */
};

struct mcp_failure {
	enum mcp_code code;
	char text[256];
	cJSON *data; /* or NULL; owned: mcp_failure_print() takes it */
};

/* Takes one message. headers: NULL on a stream (stdio), where in_session says that `initialize` was
 * answered on it. -1: *f says what to answer; *m is to be ended all the same, its id is set where
 * it could be read. */
int mcp_message_parse(struct mcp_message *m, struct str body, const struct mcp_headers *headers,
    bool in_session, struct mcp_failure *f);
void mcp_message_done(struct mcp_message *m);

/* The versions with a session, newest first; NULL behind the last. */
const char *mcp_legacy_version(size_t i);

/* -1, so that a failing function can return it. */
int mcp_fail(struct mcp_failure *f, enum mcp_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Has the client said that it can do this ("elicitation"; "elicitation", "url")? sub may be NULL.
 * Without: -1 and MCP_MISSING_CAPABILITY. */
int mcp_need_capability(
    const struct mcp_message *m, const char *name, const char *sub, struct mcp_failure *f);

/* The HTTP status of an answer: 200 for what was understood, also where it failed; 400 or 404 as
 * the transport says. */
unsigned mcp_failure_status(const struct mcp_message *m, const struct mcp_failure *f);

/* Append one line of JSON, without its end. Both take the trees. The result of a modern request
 * gets its resultType ("complete" unless it has one) and who we are. */
void mcp_result_print(const struct mcp_message *m, cJSON *result, struct buf *out);
void mcp_failure_print(const struct mcp_message *m, struct mcp_failure *f, struct buf *out);
/* A notification; params is taken. */
void mcp_notification_print(const char *method, cJSON *params, struct buf *out);

/* What a header field may carry for a value (Value Encoding); -1: it is not what it should be. */
int mcp_header_decode(struct str field, struct buf *out);
