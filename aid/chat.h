/*
 * chat.h - conversations: the page at one end (through gk-webd), gk-mcpd at the other, a brain
 * (aid/turn.h) between.
 *
 * The page opens the WebSocket /assistant?language=fr&zone=60 with its cookie; each message is one
 * JSON object with a "type". Unknown members are passed over on both sides, so are unknown types in
 * the page; an unknown type from the page, or a member of another type than is told here, is
 * answered by an error without id.
 *
 * Page to server:
 *   {type:"ask", id, text, language?, zone?, context?}
 *     id: the page's number or name for the turn, a string of at most 64 octets; all that answers
 *     it has it. text: at most 16 KiB. language: "fr" or "en". zone: minutes east of UTC (a
 *     number). context: {emailId?, threadId?, mailboxId?, selected?: [emailId, …100]}. While a turn
 *     is under way another ask is refused with error "busy".
 *   {type:"cancel", id}       ends that turn with error "cancelled"; no such turn: nothing
 *   {type:"new"}              forgets what was said; ends what is under way. Answered by a hello
 *   {type:"provider", name}   from now on this one of hello.providers answers; begins anew as "new"
 *
 * Server to page:
 *   {type:"hello", provider, model, local, providers: [name, …]}   first, and when it changes
 *   {type:"start", id}
 *   {type:"delta", id, text}      more of the answer; plain text, with line ends
 *   {type:"tool", id, call, name, arguments, state:"running"}
 *   {type:"tool", id, call, name, state:"done"|"failed", summary, ms}
 *     call: a number. arguments: an object, long strings cut. summary: a line for people
 *   {type:"messages", id, items:[{emailId, threadId, from:{name, email}, subject, receivedAt,
 *     unread, preview}], total, query}
 *   {type:"question", id, text, choices:[text, …]}     answered by an ask, whose text may be a
 * choice {type:"approval", id, approvalId, what}            the card is read by JMAP (Approval/get)
 *   {type:"undoable", id, session, count}              so many changes of that agent session: undo
 *     by AgentSession/undo
 *   {type:"notice", id, code, text}   an answer goes on, but: "fallback" (the model is away)
 *   {type:"done", id, usage:{calls, ms, inputTokens?, outputTokens?}}
 *   {type:"error", id?, code, text}   ends the turn of that id. codes: cancelled, busy, time, size,
 *     rounds, tools, away, model, invalid, internal. text may be empty: the page has words
 *
 * Exactly one done or error ends each start. The socket closes with 1012 when gk-aid starts anew
 * and 1008 when the session is over: the conversation is gone with it, its changes are not.
 */
#pragma once

#include "aid/turn.h"
#include "ipc/ipc.h"

/* Who answers in chats that begin from now on, unless the page says otherwise; brain_builtin where
 * nothing is said here. */
void chat_use(const struct brain *b);
/* AID_OPEN. */
void chat_open(struct ipc_chan *c, struct ipc_in *m);
/* No more turns; calls done() when none is under way. */
void chat_drain(void (*done)(void));
