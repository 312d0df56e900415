/*
 * ungated.c - a gk-aid without its gate (aid/call.c): nothing that a model wants is held. The suite
 * of attacks has to fail on it (test_attacks.py).
 */
#include "aid/mcp.h"

uint64_t __real_mcp_call(struct mcp *m, const char *tool, cJSON *args, uint64_t ms, bool hold,
    mcp_answer_fn fn, void *arg);
uint64_t __wrap_mcp_call(struct mcp *m, const char *tool, cJSON *args, uint64_t ms, bool hold,
    mcp_answer_fn fn, void *arg);

uint64_t
__wrap_mcp_call(struct mcp *m, const char *tool, cJSON *args, uint64_t ms, bool hold,
    mcp_answer_fn fn, void *arg)
{
	(void)hold;
	return __real_mcp_call(m, tool, args, ms, false, fn, arg);
}
