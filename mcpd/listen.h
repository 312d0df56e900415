/*
 * listen.h - clients that want to hear of changes: subscriptions/listen (2026-07-28,
 * basic/patterns/ subscriptions), resources/subscribe and unsubscribe (2025-11-25,
 * server/resources).
 *
 * What is told: a resource that was named has changed (notifications/resources/updated), and, where
 * that is asked for, there are other mailboxes (notifications/resources/list_changed). Tools and
 * prompts do not change while the server runs.
 */
#pragma once

#include "mcpd/request.h"

#define LISTEN_URIS    100u /* of one listener */
#define LISTEN_URI_MAX 512u /* octets of one */

/* Runs of methods. */
void mcp_listen(struct mcp_call *c);
void mcp_subscribe(struct mcp_call *c);
void mcp_unsubscribe(struct mcp_call *c);

/* Where the request is one of subscriptions/listen, it ends with its result. */
void mcp_listen_end(struct mcp_request *r);
/* The peer is over: what it has subscribed to is forgotten. */
void mcp_listen_forget(struct mcp_peer *p);
