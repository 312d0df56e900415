/*
 * session.h - sessions of HTTP: clients of before 2026-07-28, which begin with `initialize` and
 * show the id that they got then (Mcp-Session-Id; 2025-11-25, basic/transports, "Session
 * Management").
 *
 * Each has an agent session of its own. It is the credential's that made it alone: shown with
 * another it is not there. It ends by DELETE, with its agent session, when nothing has come for
 * mcp.idle_timeout, or when its credential has made SESSION_OF_ONE newer ones.
 */
#pragma once

#include <sys/queue.h>

#include "base/hash.h"
#include "io/loop.h"
#include "mcpd/request.h"

#define SESSION_ID     43u /* octets of an id: 32 random ones in base64url */
#define SESSION_OF_ONE 8u  /* authd keeps 16 of an agent, by whatever way they came */

struct mcp_exchange;

struct mcp_session {
	unsigned magic;
	char id[SESSION_ID + 1];
	struct mcp_peer peer;
	struct mcp_exchange *stream; /* the GET that is open; exchange.c */
	/* private */
	struct mcp_agent_hold hold;
	unsigned char credential[32];
	char *base, *where;
	size_t busy; /* exchanges that are going on */
	struct loop_timer *timer;
	void (*opened)(void *arg, struct mcp_session *s, const struct err *e);
	void *arg;
	TAILQ_ENTRY(mcp_session) link; /* used longest ago first */
	UT_hash_handle hh;
};

/* A session that is about to begin. opened() is called once, not from here: with its agent session
 * there (e is NULL), or the session is gone again. NULL: there are too many. */
struct mcp_session *mcp_session_new(struct str credential, struct str address, struct str base,
    void (*opened)(void *arg, struct mcp_session *s, const struct err *e), void *arg);
/* NULL: none of that id and credential. */
struct mcp_session *mcp_session_find(struct str id, struct str credential);
/* An exchange of it begins, or ends. */
void mcp_session_enter(struct mcp_session *s);
void mcp_session_leave(struct mcp_session *s);
/* Its exchanges are told by mcp_exchange_session_over() first. Not from inside a request of it. */
void mcp_session_end(struct mcp_session *s);
/* In a moment. */
void mcp_session_end_soon(struct mcp_session *s);
size_t mcp_session_count(void);
