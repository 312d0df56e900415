/*
 * method.h - the methods that method.c has in its table and others run.
 */
#pragma once

#include "mcpd/request.h"

/* method_tools.c */
void mcp_tools_init(void);
void mcp_tools_list(struct mcp_call *c);
void mcp_tools_call(struct mcp_call *c);

/* What a modern client may keep (CacheableResult). whose: "private" where it depends on the agent.
 */
void mcp_cacheable(struct mcp_call *c, int64_t ms, const char *whose);
