/*
 * pipe.h - what gk-webd and a user's owner say to each other: the kinds of frames (ipc/frames.h) on
 * the socket that OWNER_OPEN passes; and gk-webd and gk-mcpd on that of MCP_EXCHANGE, which carries
 * one exchange.
 *
 * One exchange at a time: gk-webd asks, what it asks has a body in DATA and an END where the table
 * says so; the owner answers with HEAD, DATA, END. A pipe that has had TEXT or PUSH is a
 * WebSocket's or an event source's: each TEXT of gk-webd is followed by DONE when it is dealt with,
 * and the next one may come; the owner says TEXT, DATA, END whenever it has something to tell, one
 * message at a time. Who gives an exchange up closes the pipe.
 *
 * Neither side believes the other: kinds out of order, or fields that do not fit, end the pipe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "ipc/frames.h"

enum pipe_kind {
	PIPE_NONE,
	PIPE_DATA, /* of a body, either way */
	PIPE_END,  /* of it */
	/* gk-webd to the owner; fields in order. */
	PIPE_SESSION,  /* base: the URL of this server, "https://mail.example"; no body */
	PIPE_CALL,     /* body: a JMAP Request (RFC 8620 3.3) */
	PIPE_UPLOAD,   /* account, type; body: the octets (RFC 8620 6.1) */
	PIPE_DOWNLOAD, /* account, blob, type, name, range (a Range field's value, or empty); no
			* body (RFC 8620 6.2) */
	PIPE_TEXT,     /* body: a message of a WebSocket (RFC 8887 4.3); either way */
	/* Tell of changes from now on. types: names of data types between commas, "*" for all;
	 * state: what was told last (PIPE_STATE), or empty: from now. What has changed since is
	 * told. No body, no answer. */
	PIPE_PUSH,
	/* The owner to gk-webd. */
	PIPE_HEAD,  /* of an answer: struct pipe_head; a body follows */
	PIPE_STATE, /* types, state: so far the client knows now, behind what was told; types
		     * empty: it wants no more */
	PIPE_DONE,  /* a TEXT of the client's is dealt with; what there was to answer is said */
	PIPE_LEFT,  /* all that there was to tell is told (OWNER_WATCH): it may be closed */
	/* gk-webd to gk-mcpd: a request of HTTP (enum pipe_mcp), its body, END; answered by HEAD,
	 * whose name is then the id of a session, DATA, END. */
	PIPE_MCP,
	PIPE_DRAIN, /* gk-webd ends soon: so should an answer that goes on without end */
	PIPE_KINDS
};

/* The fields of PIPE_MCP; empty: the client sent none. */
enum pipe_mcp {
	PIPE_MCP_METHOD,  /* "POST", "GET", "DELETE" */
	PIPE_MCP_TOKEN,   /* of Authorization: Bearer */
	PIPE_MCP_ACCEPT,  /* "json", "sse", both with a comma between: what the client takes */
	PIPE_MCP_VERSION, /* MCP-Protocol-Version */
	PIPE_MCP_RPC,     /* Mcp-Method */
	PIPE_MCP_NAME,    /* Mcp-Name */
	PIPE_MCP_SESSION, /* Mcp-Session-Id */
	PIPE_MCP_FIELDS
};

#define PIPE_FIELDS_MAX 7u
#define PIPE_ACCOUNT    18u /* octets of pipe_account(), its NUL too */
#define PIPE_NO_LENGTH  UINT64_MAX

struct pipe_head {
	uint32_t status; /* of HTTP */
	uint64_t length; /* of the body; PIPE_NO_LENGTH: not known yet */
	uint64_t from;   /* of a part (206): where it begins in the whole, */
	uint64_t total;  /* which has so many octets (also with 416) */
	struct str type; /* of the content */
	struct str name; /* of a file, as the client asked for it; or empty */
};

const char *pipe_kind_name(unsigned kind);
/* The id of a user's account in JMAP: the same for as long as the address is. */
void pipe_account(struct str user, char out[PIPE_ACCOUNT]);

/* All that the kind has; a kind's fields are strings. -1: what comes from outside is too long. */
int pipe_put(struct frames *f, enum pipe_kind kind, const struct str *fields, size_t n);
/* Takes the fields of the kind out of the octets; -1 where they are others. */
int pipe_parse(unsigned kind, struct str octets, struct str out[PIPE_FIELDS_MAX]);
void pipe_put_head(struct frames *f, const struct pipe_head *head);
int pipe_parse_head(struct str octets, struct pipe_head *out);
