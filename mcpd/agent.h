/*
 * agent.h - agent sessions: who a client of gk-mcpd works for, and what it may.
 *
 * A session begins at gk-authd by a credential (AGENT_OPEN). It ends when authd says so
 * (AGENT_GONE), when its only holder lets go of it, or, shared, when nobody has held it for
 * mcp.idle_timeout. A stream and a session of HTTP have one of their own; requests of HTTP without
 * a session share that of their credential.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"
#include "base/str.h"
#include "ipc/agent.h"
#include "ipc/ipc.h"

struct origins; /* mcpd/origin.h */

/* Good for as long as it is held. */
struct mcp_agent {
	struct str user, name, session;
	uint32_t scopes, policy;
	struct str zone;         /* where days begin, "+02:00", or empty */
	struct origins *origins; /* what texts of messages said; NULL: nothing yet */
};

/* Who works for an agent. Embedded in its owner, zeroed before mcp_agent_take(). */
struct mcp_agent_hold {
	struct mcp_agent *agent; /* NULL: not yet, or no more */
	/* e is NULL: it is open. Else it could not be opened (E_DENIED: no such agent; E_LIMIT;
	 * E_TEMP), or is over (E_DENIED): it is let go of already. Never called from inside
	 * mcp_agent_take(). */
	void (*fn)(void *arg, const struct err *e);
	void *arg;
	/* private */
	struct session *of;
	TAILQ_ENTRY(mcp_agent_hold) link;
};

/* peer, client: for authd's log. shared: the session of the credential that there is will do. */
void mcp_agent_take(struct mcp_agent_hold *h, struct str credential, struct str peer,
    struct str client, struct str zone, bool shared);
/* fn is not called any more. Nothing where nothing is held. */
void mcp_agent_drop(struct mcp_agent_hold *h);

/* One more call of the agent's: 0; or milliseconds until there is room for one (its rate, which all
 * its sessions share). */
uint64_t mcp_agent_spend(struct mcp_agent *g);
uint32_t mcp_agent_rate(struct mcp_agent *g); /* calls a minute */
/* A ticket for OWNER_OPEN of that number of a connection. */
uint64_t mcp_agent_ticket(struct mcp_agent *g, uint64_t conn, ipc_reply_fn fn, void *arg);

/* authd does not know the session any more. */
void mcp_agent_over(struct str session);

/* ---- for main.c ---- */

void mcp_agent_init(void);
/* AGENT_GONE. */
void mcp_agent_gone(struct ipc_in *m);
/* authd has begun anew: there is no session of before. */
void mcp_agent_reset(void);
