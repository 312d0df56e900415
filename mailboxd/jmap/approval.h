/*
 * approval.h - between approval.c (the type), approval_ask.c (what an agent asks for is frozen) and
 * approval_run.c (what a human has agreed to is done).
 *
 * An Approval (urn:x-gkmail:approval; docs/adr/0032-agents-and-approvals.md):
 *
 *	id, agent, session, requestedAt
 *	state     "requested"; "approved": a human has agreed, and it is under way; "sent",
 *	          "done"; "refused"; "expired" (a week after it was asked for); "failed":
 *	          error says why, and the agent would have to ask again
 *	action    "send", "forward" (a send with another message attached), "delete",
 *	          "move", "vacation"
 *	emailId, envelope, subject, size, octets
 *	          of a send: the draft, and what will go out, to the octet (base64)
 *	mid       of a send that is "sent": the id in the queue and in logs
 *	what      of another action: exactly what it does. delete: {emailIds, destroy,
 *	          mailboxId, mailboxName} (the Trash; null where it is destroyed); move:
 *	          {emailIds, mailboxId, mailboxName}; vacation: the whole VacationResponse
 *	          as it will be
 *	outcome   of another action that is "done": {done, failed}, numbers of emails
 *	origins   [{value, emailId, where}]: values that the agent has from the text of
 *	          emails, as gk-mcpd says; shown, no part of what is done
 *	digest    what authd's approval is for (POST /auth/approvals), hexadecimal digits
 *	error     why it was not done the last time, or null
 *
 * An agent creates {identityId, emailId, envelope, origins} (action "send" or "forward" may be
 * said), {action: "delete", emailIds, destroy, origins}, {action: "move", emailIds, mailboxId,
 * origins}, {action: "vacation", vacation: a patch of VacationResponse, origins}. A human updates
 * state to "approved", having had authd mint the approval before, or to "refused".
 */
#pragma once

#include "mail/approval.h"
#include "mailboxd/jmap/stored.h"

/* Is the record in that state? */
bool jmap_approval_is(const cJSON *v, const char *state);
/* When it was asked for. */
int64_t jmap_approval_since(const cJSON *v);
/* create(). */
enum jmap_step jmap_approval_ask(struct jmap_call *c, struct jmap_item *it);
/* The digest of an action that is no send, as it is kept. */
void jmap_approval_digest(const struct jmap *j, const cJSON *v, unsigned char out[APPROVAL_DIGEST]);

/* A human agrees: to be called again with the same item until it says JMAP_DONE. */
enum jmap_step jmap_approval_run(struct jmap_call *c, struct jmap_item *it, cJSON *v);
/* One is said to be under way: where nobody is at it, what became of it is found out. */
void jmap_approval_look(struct jmap *j, uint64_t id, const cJSON *v);
/* Those that an owner before had under way. */
void jmap_approval_start(struct jmap *j);
bool jmap_approval_is_busy(const struct jmap *j);
/* With the user's JMAP; before what sends ends. */
void jmap_approval_stop(struct jmap *j);
