/*
 * draft.h - what an agent writes, as Email/set takes it from one (mailboxd/jmap/agent.c): plain
 * text, addresses, a subject, attachments that are in the user's mail already.
 */
#pragma once

#include "mcpd/mail.h"

#define DRAFT_RCPTS_MAX 100

/* EmailAddress[] of what an agent gave for "to", "cc", "bcc"; NULL: the call has ended. */
cJSON *draft_addresses(struct mcp_call *c, const char *argument);
/* Properties of the original that draft_reply() reads. */
#define DRAFT_ORIGINAL                                                                    \
	"[\"id\",\"messageId\",\"inReplyTo\",\"references\",\"from\",\"replyTo\",\"to\"," \
	"\"cc\",\"subject\"]"
/* Puts to, cc, subject, inReplyTo and references into an Email that answers the original, where
 * they are not there already. identities: of Identity/get. */
void draft_reply(cJSON *email, const cJSON *original, const cJSON *identities, bool all);
/* The identity for an address, or for one that the original went to, or the first; NULL: that is
 * none of the user's. original: or NULL. */
const cJSON *draft_identity(const cJSON *identities, struct str wanted, const cJSON *original);
