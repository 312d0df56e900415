/* tools.c - the table of tools. See tool.h. */
#include <stddef.h>

#include "mcpd/tools.h"

const struct mcp_tool *const mcp_tools[] = {
    &tool_list_mailboxes,
    &tool_list_threads,
    &tool_search,
    &tool_read_message,
    &tool_read_thread,
    &tool_read_attachment_text,
    &tool_flag,
    &tool_move,
    &tool_create_draft,
    &tool_update_draft,
    &tool_delete_draft,
    &tool_request_send,
    &tool_set_vacation,
    &tool_contacts,
    &tool_mailbox_changes,
    &tool_undo_session,
    NULL,
};

const struct mcp_tool *
mcp_tool_find(struct str name)
{
	for (size_t i = 0; mcp_tools[i] != NULL; i++)
		if (str_eq_z(name, mcp_tools[i]->name))
			return mcp_tools[i];
	return NULL;
}
