/*
 * tools.h - the tools, each in a tool_*.c of its subject; tools.c has them in one table.
 */
#pragma once

#include "mcpd/tool.h"

extern const struct mcp_tool tool_list_mailboxes, tool_list_threads, tool_search;
extern const struct mcp_tool tool_read_message, tool_read_thread, tool_read_attachment_text;
extern const struct mcp_tool tool_flag, tool_move;
extern const struct mcp_tool tool_create_draft, tool_update_draft, tool_delete_draft;
extern const struct mcp_tool tool_request_send, tool_set_vacation;
extern const struct mcp_tool tool_contacts, tool_mailbox_changes, tool_undo_session;
