/* tools.c - the table of tools. See tool.h. */
#include <stddef.h>

#include "mcpd/tool.h"

extern const struct mcp_tool tool_list_mailboxes;

const struct mcp_tool *const mcp_tools[] = {
    &tool_list_mailboxes,
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
