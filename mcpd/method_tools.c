/*
 * method_tools.c - tools/list and tools/call (server/tools). What is outside of the agent's scopes
 * is not listed, and not there to be called.
 */
#include "base/mem.h"
#include "base/num.h"
#include "mcpd/audited.h"
#include "mcpd/method.h"
#include "mcpd/schema.h"

#define PAGE 50u
/* Of a deployment that does not change while it runs; scopes are the agent's. */
#define LIST_TTL_MS 300000

static struct {
	cJSON *input;
} * parsed; /* by the index of mcp_tools[] */

void
mcp_tools_init(void)
{
	size_t n = 0;
	struct err e;

	if (parsed != NULL)
		return;
	while (mcp_tools[n] != NULL)
		n++;
	parsed = mem_array(n + 1, sizeof(*parsed));
	for (size_t i = 0; i < n; i++)
		assume(
		    (parsed[i].input = json_parse(str_z(mcp_tools[i]->input), 10000, &e)) != NULL);
}

static bool
may(const struct mcp_call *c, const struct mcp_tool *t)
{
	return t->scopes == 0 || (c->agent->scopes & t->scopes) != 0;
}

/* ---- tools/list ---- */

static cJSON *
describe(const struct mcp_tool *t)
{
	cJSON *v = cJSON_CreateObject(), *hints = cJSON_CreateObject();

	json_put_str(v, "name", str_z(t->name));
	json_put_str(v, "title", str_z(t->title));
	json_put_str(v, "description", str_z(t->description));
	json_put_raw(v, "inputSchema", str_z(t->input));
	if (t->output != NULL)
		json_put_raw(v, "outputSchema", str_z(t->output));
	/* Where they are left out the worst is meant: what is better is said. */
	if ((t->hints & MCP_READ_ONLY) != 0)
		json_put_bool(hints, "readOnlyHint", true);
	else if ((t->hints & MCP_DESTRUCTIVE) == 0)
		json_put_bool(hints, "destructiveHint", false);
	if ((t->hints & (MCP_READ_ONLY | MCP_IDEMPOTENT)) == MCP_IDEMPOTENT)
		json_put_bool(hints, "idempotentHint", true);
	if ((t->hints & MCP_OPEN_WORLD) == 0)
		json_put_bool(hints, "openWorldHint", false);
	json_put(v, "annotations", hints);
	return v;
}

/* server/utilities/pagination: a cursor says how many of the table were looked at. */
static int
first_of(const struct mcp_call *c, size_t *first)
{
	const cJSON *cursor = json_member(c->args, "cursor");
	uint64_t n = 0;

	if (cursor != NULL && num_parse(json_str(cursor), 1, 10000, &n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (mcp_tools[i] == NULL)
			return -1;
	*first = (size_t)n;
	return 0;
}

void
mcp_tools_list(struct mcp_call *c)
{
	cJSON *list;
	size_t i, n = 0;
	char next[24];

	if (first_of(c, &i) < 0) {
		mcp_fail_call(c, MCP_INVALID_PARAMS, "no such cursor");
		return;
	}
	list = cJSON_CreateArray();
	for (; mcp_tools[i] != NULL && n < PAGE; i++)
		if (may(c, mcp_tools[i])) {
			json_add(list, describe(mcp_tools[i]));
			n++;
		}
	c->result = cJSON_CreateObject();
	json_put(c->result, "tools", list);
	if (mcp_tools[i] != NULL) {
		(void)snprintf(next, sizeof(next), "%zu", i);
		json_put_str(c->result, "nextCursor", str_z(next));
	}
	mcp_cacheable(c, LIST_TTL_MS, "private");
	mcp_done(c);
}

/* ---- tools/call ---- */

void
mcp_tools_call(struct mcp_call *c)
{
	static const cJSON none = {.type = cJSON_Object};
	struct str name = json_str(json_get(c->args, "name"));
	const cJSON *args = json_get(c->args, "arguments");
	size_t i = 0;
	struct err e;

	while (mcp_tools[i] != NULL && !str_eq_z(name, mcp_tools[i]->name))
		i++;
	if (mcp_tools[i] == NULL || !may(c, mcp_tools[i])) {
		mcp_fail_call(c, MCP_INVALID_PARAMS, "Unknown tool: " STR_FMT,
		    STR_ARG(str_cut_utf8(name, 100)));
		return;
	}
	c->tool = mcp_tools[i];
	c->args = args != NULL ? args : &none;
	/* A model can mend its arguments: it is told as the tool's result (SEP-1303). */
	if (schema_check(parsed[i].input, c->args, &e) < 0) {
		mcp_tool_error(c, "Wrong arguments for %s: %s", c->tool->name, e.text);
	} else if ((c->tool->hints & MCP_READ_ONLY) == 0 && audited_is_down()) {
		c->unaudited = true;
		mcp_tool_error(c, "nothing can be changed now: this server cannot write its "
				  "record of what agents do. Reading works; try again later");
	} else {
		c->tool->run(c);
	}
}
