/*
 * owner.h - what is asked of the owner processes of users' mail: JMAP requests and downloads over
 * pipes (ipc/pipe.h), each in the name of an agent session.
 *
 * A pipe belongs to one agent session and carries one call at a time; what has answered is kept for
 * some seconds. A user's agents have PIPES_MAX at work together; what is more waits in a line. An
 * owner that dies, says what makes no sense or too much ends that call with an error; how long a
 * call may take is for who made it to say (owner_drop).
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "mcpd/agent.h"

#define OWNER_RESPONSE_MAX (16u * 1024u * 1024u)

struct owner_call;

/* Called once, never from inside a function of this page. e NULL: an answer of that status; octets
 * are good until this returns. E_LIMIT: too much at a time, or too long; E_PROTO: no sense;
 * E_DENIED: the session is over; E_CLOSED, E_TEMP: it could not be asked, or died meanwhile. */
typedef void (*owner_fn)(void *arg, unsigned status, struct str octets, const struct err *e);

/* body: a JMAP Request (RFC 8620 3.3); copied. */
struct owner_call *owner_request(struct mcp_agent *g, struct str body, owner_fn fn, void *arg);
struct owner_call *
owner_download(struct mcp_agent *g, struct str blob, size_t max, owner_fn fn, void *arg);
/* fn is not called any more. NULL inside is fine. */
void owner_drop(struct owner_call **c);
/* The session is over: its calls are told so, its pipes closed. */
void owner_agent_gone(struct mcp_agent *g);
/* KICK. */
void owner_kick(uint64_t conn);
