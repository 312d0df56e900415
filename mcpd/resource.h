/*
 * resource.h - mail as resources (server/resources): what can be read by an address, and completed
 * while it is typed. Runs of methods, as method.c has them.
 *
 *	mail://mailbox/inbox        its conversations, by role, name or id
 *	mail://message/e…           a message
 *	mail://thread/e…            the conversation that the message is in
 *	mail://attachment/be…-2     the text of an attachment
 */
#pragma once

#include "mcpd/tool.h"

void mcp_resources_list(struct mcp_call *c);
void mcp_resource_templates(struct mcp_call *c);
void mcp_resources_read(struct mcp_call *c);
void mcp_complete(struct mcp_call *c); /* completion/complete, of prompts too */

/* Is it one of these addresses, for subscriptions? */
bool mcp_resource_known(struct str uri);
