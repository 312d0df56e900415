/*
 * agents.h - agents of users, their sessions, and what humans have approved of what they asked for
 * (docs/adr/0032-agents-and-approvals.md).
 *
 * An agent is a row of accounts.db; its token is told once and kept by its BLAKE2b. Agent sessions
 * are in memory: they end unused after AGENT_IDLE_S, with their agent, and with everything else of
 * a user whose password changes. An approval is a row too: it is used once, durably before it is
 * told.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "db/db.h"
#include "ipc/agent.h"
#include "ipc/ipc.h"

#define AGENTS_USER_MAX   32u /* agents of a user, the revoked ones too */
#define AGENT_SESSIONS    16u /* of an agent at a time: the one unused for longest makes room */
#define AGENT_IDLE_S      3600
#define AGENT_RATE        120u /* calls a minute, where nothing is said */
#define AGENT_RATE_MAX    6000u
#define AGENT_DIGEST      32u
#define APPROVAL_LIFE_S   600     /* from the human's word to the queue's question */
#define APPROVAL_KEPT_S   7776000 /* for who asks what was approved */
#define APPROVAL_WHAT_MAX 200u

/* ---- in accounts.db (agents_db.c). Looking up: 1, 0, -1 ---- */

struct agent {
	int64_t id; /* 0: the assistant of a user who has changed nothing of it */
	struct str user, name;
	uint32_t scopes, policy, rate;
	int64_t expires, used; /* seconds since the epoch; 0: never */
	bool revoked;
};

struct agent_new {
	struct str name;
	uint32_t scopes, rate;
	uint64_t expires;
	unsigned char digest[AGENT_DIGEST];
};

int agents_db_token(struct db *db, const unsigned char digest[AGENT_DIGEST], struct arena *a,
    struct agent *out, struct err *e);
int agents_db_find(struct db *db, struct str user, struct str name, struct arena *a,
    struct agent *out, struct err *e);
/* Rows of AGENT_LIST_R. */
int agents_db_list(
    struct db *db, struct str user, struct arena *a, struct str **rows, size_t *n, struct err *e);
/* The writer's. E_EXISTS, E_NOTFOUND, E_LIMIT. */
int agents_db_add(struct db *db, struct str user, const struct agent_new *n, struct err *e);
int agents_db_revoke(struct db *db, struct str user, struct str name, struct err *e);
int
agents_db_policy(struct db *db, struct str user, struct str name, uint32_t policy, struct err *e);
int agents_db_used(struct db *db, int64_t id, int64_t when, struct err *e);

struct approving {
	struct str user, session, what;
	unsigned char digest[AGENT_DIGEST];
	uint64_t id;
	int64_t now, expires;
};

int agents_db_approve(struct db *db, const struct approving *a, struct err *e);
/* Uses it up for the message (or action) mid; its id. E_DENIED: there is none that is good. */
int agents_db_redeem(struct db *db, struct str user, struct str session,
    const unsigned char digest[AGENT_DIGEST], struct str mid, int64_t now, uint64_t *id,
    struct err *e);

/* Those since then that are not used are over; was one used? Its mid is put into a. */
int agents_db_settle(struct db *db, struct str user, struct str session,
    const unsigned char digest[AGENT_DIGEST], int64_t since, struct arena *a, bool *used,
    struct str *mid, struct err *e);

/* ---- sessions (agents.c) ---- */

struct agent_session {
	char id[AGENT_SESSION + 1];
	unsigned char credential[AGENT_DIGEST]; /* of the token or key that it was opened with */
	char *user, *name;
	uint32_t scopes, policy, rate;
	int64_t used, until; /* until 0: no end but for its use */
	uint64_t web;        /* the assistant's: the session of a browser that it ends with; or 0 */
	UT_hash_handle hh;
};

/* What is told in AGENT_TOKEN: "gka_" and 64 digits; raw: its 32 octets. */
void agents_token_new(char text[AGENT_TOKEN_LEN + 1], unsigned char digest[AGENT_DIGEST]);
/* The session of that id, opened with that credential; NULL: not (any more). */
struct agent_session *agents_session(struct str token, struct str id);
/* The same for who has the user's word for it: the parent of owners. */
struct agent_session *agents_session_of(struct str user, struct str id);
/* Ends those of a user: of an agent, of a browser's session, or (name empty, web 0) all. */
void agents_end(struct str user, struct str name, uint64_t web);
void agents_done(void);

/* ---- messages ---- */

/* False when the message is none of these. */
bool agents_message(struct ipc_chan *c, struct ipc_in *m);
/* The channel goes away: nobody is answered on it. With gk-mcpd go its sessions. */
void agents_gone(struct ipc_chan *c);

/* ---- approvals.c: the same for APPROVAL_… and SENDER_VOUCH ---- */

bool approvals_message(struct ipc_chan *c, struct ipc_in *m);
void approvals_gone(struct ipc_chan *c);
