/*
 * prompt.h - prompts (server/prompts): what a person chooses to have done, in English and French.
 */
#pragma once

#include "mcpd/tool.h"

void mcp_prompts_list(struct mcp_call *c);
void mcp_prompts_get(struct mcp_call *c);

/* What an argument of a prompt can be, for completion: PROMPT_VALUES has `values`. */
enum prompt_argument {
	PROMPT_NONE, /* there is no such argument */
	PROMPT_FREE,
	PROMPT_MAILBOX,
	PROMPT_MESSAGE,
	PROMPT_VALUES
};

enum prompt_argument
prompt_argument(struct str prompt, struct str argument, const char *const **values);
