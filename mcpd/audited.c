/*
 * audited.c - see audited.h.
 *
 * The record is sent when the call ends and not waited for: what changed in the mail is in the
 * user's change log whatever becomes of it. One that authd could not keep is logged.
 */
#include "mcpd/audited.h"

#include "base/log.h"
#include "base/mem.h"
#include "mcpd/agent.h"
#include "mcpd/audit.h"
#include "mcpd/request.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define OUTCOME_MAX 200u

static const struct {
	const char *tool;
	enum metric metric;
} counters[] = {
    {"list_mailboxes", METRIC_MCP_TOOL_LIST_MAILBOXES},
    {"list_threads", METRIC_MCP_TOOL_LIST_THREADS},
    {"search", METRIC_MCP_TOOL_SEARCH},
    {"read_message", METRIC_MCP_TOOL_READ_MESSAGE},
    {"read_thread", METRIC_MCP_TOOL_READ_THREAD},
    {"read_attachment_text", METRIC_MCP_TOOL_READ_ATTACHMENT},
    {"flag", METRIC_MCP_TOOL_FLAG},
    {"move", METRIC_MCP_TOOL_MOVE},
    {"create_draft", METRIC_MCP_TOOL_CREATE_DRAFT},
    {"update_draft", METRIC_MCP_TOOL_UPDATE_DRAFT},
    {"delete_draft", METRIC_MCP_TOOL_DELETE_DRAFT},
    {"request_send", METRIC_MCP_TOOL_REQUEST_SEND},
    {"set_vacation", METRIC_MCP_TOOL_SET_VACATION},
    {"contacts", METRIC_MCP_TOOL_CONTACTS},
    {"mailbox_changes", METRIC_MCP_TOOL_CHANGES},
    {"undo_session", METRIC_MCP_TOOL_UNDO},
};

/* ---- by approval, or refused ---- */

void
audited_asks(struct mcp_call *c, const cJSON *calls)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, calls)
	{
		if (str_eq_z(json_str(cJSON_GetArrayItem(one, 0)), "Approval/set"))
			c->by_approval = true;
	}
}

static bool
is_forbidden(const cJSON *error)
{
	return str_eq_z(json_str(json_get(error, "type")), "forbidden");
}

/* RFC 8620 3.6.2, 5.3 */
void
audited_answers(struct mcp_call *c, const cJSON *responses)
{
	static const char *const failed[] = {"notCreated", "notUpdated", "notDestroyed"};
	const cJSON *one, *item;

	cJSON_ArrayForEach(one, responses)
	{
		const cJSON *args = cJSON_GetArrayItem(one, 1);

		if (str_eq_z(json_str(cJSON_GetArrayItem(one, 0)), "error") && is_forbidden(args))
			c->refused = true;
		for (size_t i = 0; i < ARRAY_LEN(failed); i++) {
			cJSON_ArrayForEach(item, json_get(args, failed[i])) c->refused |=
			    is_forbidden(item);
		}
	}
}

/* ---- the end ---- */

static void
count(const char *tool)
{
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		if (strcmp(tool, counters[i].tool) == 0) {
			metric_add(counters[i].metric, 1);
			return;
		}
	metric_add(METRIC_MCP_TOOL_OTHER, 1);
}

static void
kept(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	if (m == NULL) {
		log_error("mcp.audit", LE(e));
		return;
	}
	(void)ipc_get_u64(m);
	(void)ipc_end(m);
}

void
audited_end(struct mcp_call *c, const char *outcome, size_t result, uint64_t ms)
{
	struct buf args;
	struct ipc_out m;

	if (c->tool == NULL)
		return;
	count(c->tool->name);
	buf_init(&args, AUDIT_ARGUMENTS_MAX);
	audit_arguments(c->args, &args);
	ipc_begin(&m, MSG_AUDIT_ADD);
	ipc_put_str(&m, c->agent->user);
	ipc_put_str(&m, c->agent->name);
	ipc_put_str(&m, c->agent->session);
	ipc_put_str(&m, str_sub(c->request->peer->where, 0, 64));
	ipc_put_z(&m, c->tool->name);
	ipc_put_str(&m, buf_view(&args));
	ipc_put_z(&m, c->refused ? "refused" : c->by_approval ? "approval" : "free");
	ipc_put_str(&m, str_cut_utf8(str_z(outcome), OUTCOME_MAX));
	ipc_put_u64(&m, result);
	ipc_put_u32(&m, (uint32_t)(ms < UINT32_MAX ? ms : UINT32_MAX));
	(void)ipc_call(svc_channel(PEER_AUTHD), &m, kept, NULL);
	buf_free(&args);
}
