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
 *   {type:"ask", id, text, language?, zone?, context?, choice?}
 *     id: the page's number or name for the turn, a string of at most 64 octets; all that answers
 *     it has it. text: at most 16 KiB. language: "fr" or "en". zone: minutes east of UTC (a
 *     number). context: {emailId?, threadId?, mailboxId?, selected?: [emailId, …100]}. While a turn
 *     is under way another ask is refused with error "busy".
 *   {type:"cancel", id}       ends that turn with error "cancelled"; no such turn: nothing
 *   {type:"confirm", id, call, yes}   answers the card of that number: true or false. No such card
 *     (any more): nothing
 *   {type:"new"}              forgets what was said; ends what is under way. Answered by a hello
 *   {type:"resume", chat, turn?, all?}   the line broke: it goes on with that conversation, which
 *     was kept for five minutes for the same session of the browser. Before any ask. turn: the one
 *     that was under way, which is told again from its start behind the hello. all: true, of a page
 *     that was loaded anew: all that is kept (aid/kept.h) is told again, before the hello
 *   {type:"provider", name}   from now on this one of hello.providers answers; begins anew as "new"
 *
 * Server to page:
 *   {type:"hello", chat, provider, model, local, providers: [name, …], resumed?}   first, and when
 *     it changes. chat: the id for resume, a secret. resumed: answers resume; false: what was said
 *     is forgotten
 *   {type:"start", id, text}      text: what was asked, as a reader sees it
 *   {type:"delta", id, text}      more of the answer; plain text, with line ends
 *   {type:"tool", id, call, name, arguments, state:"running"}
 *   {type:"tool", id, call, name, state:"done"|"failed"|"refused", summary, ms}
 *     call: a number. arguments: an object, long strings cut. summary: a line for people
 *   {type:"confirm", id, call, tool, changes:[[method, arguments, …], …], read:[emailId, …],
 * listed} a model wants to change something, and was given mail before: it is done when the person
 * says yes. call: of the card. changes: the calls of JMAP (RFC 8620 3.2) that would be made, whole.
 *     read: mail that it was given, the latest first; listed: and lists or others
 *   {type:"confirmed", id, call, answer:"yes"|"no"|"time"}   that card is answered; time: by nobody
 *   {type:"messages", id, items:[{emailId, threadId, from:{name, email}, subject, receivedAt,
 *     unread, preview}], total, query}
 *   {type:"question", id, text, choices:[text, …]}     answered by an ask. Where the
 *     person has clicked on one of the choices, its `choice` says which, from 1: the text of a
 *     choice may come from mail, and is no request
 *   {type:"approval", id, approvalId, what}            the card is read by JMAP (Approval/get)
 *   {type:"undoable", id, session, count}              so many changes of that agent session: undo
 *     by AgentSession/undo
 *   {type:"notice", id, code, text}   an answer goes on, but: "fallback" (the model is away), "gap"
 *     (told again, and not all of it was kept)
 *   {type:"done", id, usage:{calls, ms, inputTokens?, outputTokens?}}
 *   {type:"error", id?, code, text}   ends the turn of that id. codes: cancelled, busy, time, size,
 *     rounds, tools, away, model, invalid, internal, lost (resumed, and not known any more). text
 *     may be empty: the page has words
 *
 * Exactly one done or error ends each start. Where the socket just closes, what is under way goes
 * on. It closes with 1012 when gk-aid starts anew and 1008 when the session is over: the
 * conversation is gone with it, its changes are not.
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
