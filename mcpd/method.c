/*
 * method.c - the table of methods, and those about the connection itself: server/discover
 * (2026-07-28), initialize, ping and logging/setLevel (2025-11-25 and before), and notifications.
 */
#include "mcpd/method.h"
#include "mcpd/fence.h"
#include "mcpd/listen.h"
#include "mcpd/prompt.h"
#include "mcpd/resource.h"

#include "base/mem.h"
#include "svc/build.h"

static void discover(struct mcp_call *c);
static void initialize(struct mcp_call *c);
static void set_level(struct mcp_call *c);

static const struct mcp_method methods[] = {
    {"server/discover", MCP_IN_MODERN, MCP_FREE, 0, discover},
    {"initialize", MCP_IN_LEGACY, MCP_FREE, 0, initialize},
    {"ping", MCP_IN_LEGACY, MCP_FREE, 0, mcp_done},
    {"logging/setLevel", MCP_IN_LEGACY, MCP_FREE, 0, set_level},
    {"subscriptions/listen", MCP_IN_MODERN, MCP_ENDLESS, 0, mcp_listen},
    {"resources/subscribe", MCP_IN_LEGACY, 0, AGENT_READ, mcp_subscribe},
    {"resources/unsubscribe", MCP_IN_LEGACY, 0, AGENT_READ, mcp_unsubscribe},
    {"tools/list", MCP_IN_MODERN | MCP_IN_LEGACY, MCP_FREE, 0, mcp_tools_list},
    {"tools/call", MCP_IN_MODERN | MCP_IN_LEGACY, 0, 0, mcp_tools_call},
    {"resources/list", MCP_IN_MODERN | MCP_IN_LEGACY, 0, AGENT_READ, mcp_resources_list},
    {"resources/templates/list", MCP_IN_MODERN | MCP_IN_LEGACY, MCP_FREE, 0,
	mcp_resource_templates},
    {"resources/read", MCP_IN_MODERN | MCP_IN_LEGACY, 0, AGENT_READ, mcp_resources_read},
    {"prompts/list", MCP_IN_MODERN | MCP_IN_LEGACY, MCP_FREE, 0, mcp_prompts_list},
    {"prompts/get", MCP_IN_MODERN | MCP_IN_LEGACY, MCP_FREE, 0, mcp_prompts_get},
    {"completion/complete", MCP_IN_MODERN | MCP_IN_LEGACY, 0, 0, mcp_complete},
};

static const char instructions[] =
    "The mail of one user. Find messages with search or list_threads, read them with read_message "
    "or read_thread. Nothing is sent, and little deleted, before the user has approved "
    "it. " FENCE_ABOUT;

const struct mcp_method *
mcp_method_find(struct str name, bool modern)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_eq_z(name, methods[i].name))
			return (methods[i].eras & (modern ? MCP_IN_MODERN : MCP_IN_LEGACY)) != 0
				   ? &methods[i]
				   : NULL;
	return NULL;
}

/* ---- about the server ---- */

static bool
has(const struct mcp_call *c, const char *name)
{
	return mcp_method_find(str_z(name), c->request->message.modern) != NULL;
}

static cJSON *
capabilities(const struct mcp_call *c)
{
	cJSON *v = cJSON_CreateObject(), *resources = cJSON_CreateObject();

	json_put(v, "tools", cJSON_CreateObject());
	json_put(v, "logging", cJSON_CreateObject());
	if (has(c, "completion/complete"))
		json_put(v, "completions", cJSON_CreateObject());
	if (has(c, "prompts/list"))
		json_put(v, "prompts", cJSON_CreateObject());
	json_put_bool(resources, "subscribe", true);
	/* Outside of a stream of its own there is nothing to tell it by: subscriptions/listen. */
	if (c->request->message.modern)
		json_put_bool(resources, "listChanged", true);
	if (has(c, "resources/list"))
		json_put(v, "resources", resources);
	else
		cJSON_Delete(resources);
	return v;
}

void
mcp_cacheable(struct mcp_call *c, int64_t ms, const char *whose)
{
	if (!c->request->message.modern)
		return;
	json_put_num(c->result, "ttlMs", ms);
	json_put_str(c->result, "cacheScope", str_z(whose));
}

static void
discover(struct mcp_call *c)
{
	cJSON *versions = cJSON_CreateArray();
	const char *v;

	json_add(versions, json_new_str(STR(MCP_MODERN_VERSION)));
	for (size_t i = 0; (v = mcp_legacy_version(i)) != NULL; i++)
		json_add(versions, json_new_str(str_z(v)));
	c->result = cJSON_CreateObject();
	json_put(c->result, "supportedVersions", versions);
	json_put(c->result, "capabilities", capabilities(c));
	json_put_str(c->result, "instructions", STR(instructions));
	mcp_cacheable(c, 3600000, "public");
	mcp_done(c);
}

/* 2025-11-25 basic/lifecycle: what we do not know is answered with the newest that we do. */
static void
initialize(struct mcp_call *c)
{
	struct mcp_peer *p = c->request->peer;
	struct str asked = json_str(json_get(c->args, "protocolVersion"));
	const cJSON *can = json_get(c->args, "capabilities");
	cJSON *self = cJSON_CreateObject();
	const char *v;

	if (p->in_session || asked.n == 0 || !cJSON_IsObject(can)) {
		cJSON_Delete(self);
		mcp_fail_call(c, p->in_session ? MCP_INVALID_REQUEST : MCP_INVALID_PARAMS,
		    p->in_session ? "initialize was answered already"
				  : "initialize says protocolVersion and capabilities");
		return;
	}
	p->version = str_z(mcp_legacy_version(0));
	for (size_t i = 0; (v = mcp_legacy_version(i)) != NULL; i++)
		if (str_eq_z(asked, v))
			p->version = str_z(v);
	p->in_session = true;
	p->capabilities = cJSON_Duplicate(can, true);
	c->result = cJSON_CreateObject();
	json_put_str(c->result, "protocolVersion", p->version);
	json_put(c->result, "capabilities", capabilities(c));
	json_put_str(self, "name", STR("gkmail"));
	json_put_str(self, "title", STR("GK Mail"));
	json_put_str(self, "version", str_z(build_version()));
	json_put(c->result, "serverInfo", self);
	json_put_str(c->result, "instructions", STR(instructions));
	mcp_done(c);
}

static void
set_level(struct mcp_call *c)
{
	enum mcp_level l = mcp_level_parse(json_str(json_get(c->args, "level")));

	if (l == MCP_LEVELS) {
		mcp_fail_call(c, MCP_INVALID_PARAMS,
		    "level is debug, info, notice, warning, error, "
		    "critical, alert or emergency");
		return;
	}
	c->request->peer->level = l;
	mcp_done(c);
}

/* What we do not know is passed over (JSON-RPC 2.0 4.1). */
void
mcp_method_notified(struct mcp_peer *p, const struct mcp_message *m)
{
	if (str_eq_z(m->method, "notifications/cancelled"))
		(void)mcp_peer_cancel(p, json_get(m->params, "requestId"));
}
