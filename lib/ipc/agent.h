/*
 * agent.h - what agents may do, in the words that authd, the owner, gk-mcpd and gkmail share
 * (docs/adr/0032-agents-and-approvals.md).
 *
 * Scopes: what an agent can do at all. Policy: whether it does it freely, by approval, or never.
 * Both are numbers in messages and on disk: bits and pairs of bits are added, never changed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define AGENT_READ     0x01u /* "mail:read" */
#define AGENT_ORGANIZE 0x02u /* "mail:organize": flags, moves, to the Trash */
#define AGENT_DRAFT    0x04u /* "mail:draft" */
#define AGENT_SEND     0x08u /* "mail:send": to ask for it */
#define AGENT_SCOPES   0x0fu

enum agent_class {
	AGENT_CLASS_READ,
	AGENT_CLASS_FLAG,
	AGENT_CLASS_DRAFT,
	AGENT_CLASS_SEND,
	AGENT_CLASS_DELETE, /* also to the Trash */
	AGENT_CLASS_MOVE,   /* of more than AGENT_MOVE_FREE emails by one call */
	AGENT_CLASS_FORWARD,
	AGENT_CLASS_VACATION,
	AGENT_CLASSES
};

enum agent_decision {
	AGENT_FREE,
	AGENT_APPROVAL,
	AGENT_NEVER
};

#define AGENT_MOVE_FREE 20u
#define AGENT_NAME_MAX  64u
#define AGENT_SESSION   16u /* hexadecimal digits of a session's id */
#define AGENT_TOKEN     "gka_"
#define AGENT_TOKEN_LEN (4u + 64u) /* of a token as it is shown */
/* Every user has these, without a token: the page's, and the operator's in the terminal. */
#define AGENT_ASSISTANT "assistant"
#define AGENT_TERMINAL  "terminal"

/* Read, flag and draft are free, the others need approval. */
#define AGENT_POLICY_DEFAULT                                                                      \
	(1u << 2 * AGENT_CLASS_SEND | 1u << 2 * AGENT_CLASS_DELETE | 1u << 2 * AGENT_CLASS_MOVE | \
	    1u << 2 * AGENT_CLASS_FORWARD | 1u << 2 * AGENT_CLASS_VACATION)

/* "mail:read,mail:draft", also divided by blanks. E_INVAL. */
int agent_scopes_parse(struct str s, uint32_t *out, struct err *e);
void agent_scopes_put(uint32_t scopes, struct buf *out);

/* What is no decision counts as never. */
enum agent_decision agent_policy_get(uint32_t policy, enum agent_class c);
/* "send=never,delete=approval": changes what is named. Sending is never free. */
int agent_policy_parse(struct str s, uint32_t *policy, struct err *e);
void agent_policy_put(uint32_t policy, struct buf *out);
bool agent_policy_valid(uint32_t policy);
const char *agent_class_name(enum agent_class c);
const char *agent_decision_name(enum agent_decision d);

/* Letters, digits, dots, dashes, underscores: a name for people, logs and URLs. */
bool agent_name_valid(struct str s);
/* AGENT_ASSISTANT or AGENT_TERMINAL. */
bool agent_is_built_in(struct str name);
bool agent_session_valid(struct str s);
