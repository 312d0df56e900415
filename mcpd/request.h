/*
 * request.h - one client, its requests, and the calls that answer them: what is the same for a
 * stream and for HTTP.
 *
 * A front (stream.c, exchange.c) makes a peer for each client once the agent session is there, and
 * gives it every message that comes; each request is answered through the sink it came with.
 * Requests of one peer go on side by side, MCP_REQUESTS_MAX at most.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "mcpd/agent.h"
#include "mcpd/message.h"
#include "mcpd/tool.h"

#define MCP_REQUESTS_MAX 32u /* of a client under way; by HTTP without a session there is one */
#define MCP_ANSWER_MAX   (2u * 1024u * 1024u)

/* Levels of logging (server/utilities/logging), RFC 5424 */
enum mcp_level {
	MCP_DEBUG,
	MCP_INFO,
	MCP_NOTICE,
	MCP_WARNING,
	MCP_ERROR,
	MCP_CRITICAL,
	MCP_ALERT,
	MCP_EMERGENCY,
	MCP_LEVELS /* none */
};

/* Where an answer goes. Either may be called from inside mcp_peer_take(). */
struct mcp_sink {
	/* A notification of a request that is under way. */
	void (*notify)(void *arg, struct str json);
	/* The last: the request is gone. status: of HTTP, 202 with no json for what has no answer;
	 * 0 with no json: it was cancelled, and nobody waits. */
	void (*answer)(void *arg, unsigned status, struct str json);
};

struct mcp_peer {
	/* The front's, set before mcp_peer_init(). */
	struct mcp_agent_hold *hold;
	struct str base; /* the URL of this server as the client knows it; empty: by no web */
	/* A notification of no request's; NULL where the front has no way to say one. */
	void (*notify)(void *arg, struct str json);
	void *arg;
	struct str where; /* the client's address, or what stands for it */
	/* Of a legacy session (2025-11-25 and before). */
	bool in_session;      /* initialize was answered */
	struct str version;   /* the one agreed on; a constant */
	cJSON *capabilities;  /* the client's, or NULL */
	enum mcp_level level; /* of notifications/message; MCP_LEVELS: none */
	TAILQ_HEAD(, mcp_request) requests;
	size_t nrequests;
	struct mcp_listener *listener; /* of resources/subscribe; listen.c */
};

struct mcp_request {
	unsigned magic;
	struct mcp_peer *peer;
	struct mcp_message message;
	const struct mcp_sink *sink;
	void *arg;
	const struct mcp_method *method;
	struct mcp_call call;
	struct loop_timer *timer; /* mcp.call_timeout */
	uint64_t began_ms;
	double progress; /* what was told last */
	bool *gone;      /* set when it ends while it begins */
	/* It has ended, and is answered when its record is durable (audited.h). */
	struct audited *record;
	unsigned status;
	struct buf json;
	TAILQ_ENTRY(mcp_request) link;
};

void mcp_peer_init(struct mcp_peer *p);
/* Its requests are cancelled; no sink hears of them. */
void mcp_peer_done(struct mcp_peer *p);
/* The agent session is over: what is under way is answered so. */
void mcp_peer_over(struct mcp_peer *p, const char *why);
/* One message of the client's. The request where its answer is still to come, else NULL. */
struct mcp_request *mcp_peer_take(struct mcp_peer *p, struct str body,
    const struct mcp_headers *headers, const struct mcp_sink *sink, void *arg);
/* Nobody waits for it any more: it ends, unanswered. */
void mcp_request_drop(struct mcp_request *r);
/* notifications/cancelled: false where there is none of that id. Its sink is told. */
bool mcp_peer_cancel(struct mcp_peer *p, const cJSON *id);
/* Requests under way, of all peers. */
size_t mcp_requests_active(void);

/* Can the client do that? In either era. */
bool mcp_client_can(const struct mcp_call *c, const char *name, const char *sub);
/* notifications/message, where the client wants that level. */
void mcp_log(struct mcp_call *c, enum mcp_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* MCP_LEVELS: there is none of that name. */
enum mcp_level mcp_level_parse(struct str name);

/* ---- methods (method.c): one table ---- */

#define MCP_IN_MODERN 0x01u
#define MCP_IN_LEGACY 0x02u
#define MCP_FREE      0x01u /* does not count for the agent's rate */
#define MCP_ENDLESS   0x02u /* goes on until it is given up */

struct mcp_method {
	const char *name;
	unsigned eras, flags;
	uint32_t scopes; /* any of these; 0: every agent */
	/* c->args are the params; c->result is the result. */
	void (*run)(struct mcp_call *c);
};

/* NULL: none, or not in that era. */
const struct mcp_method *mcp_method_find(struct str name, bool modern);
/* A notification of the client's. */
void mcp_method_notified(struct mcp_peer *p, const struct mcp_message *m);
