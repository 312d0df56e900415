/*
 * audited.c - see audited.h.
 *
 * The record is sent when the call ends. One of a call that only read is not waited for. While
 * gk-authd cannot write, calls that could change something are refused before they begin, and not
 * recorded: the metrics count them.
 */
#include "mcpd/audited.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "mcpd/agent.h"
#include "mcpd/audit.h"
#include "mcpd/request.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define OUTCOME_MAX 200u

struct audited {
	void (*done)(void *arg, bool kept); /* NULL: nobody waits */
	void *arg;
	bool again; /* it was sent to a gk-authd that ended */
	char *user, *agent, *session, *where, *outcome;
	const char *tool, *decision;
	struct buf args;
	size_t result;
	uint32_t ms;
};

static bool down;

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

bool
audited_is_reading(struct str method)
{
	static const char *const verbs[] = {
	    "get", "query", "changes", "queryChanges", "parse", "why", "echo"};
	struct str verb = str_from(method, str_rchr(method, '/'));

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (verb.n > 0 && str_eq_z(str_from(verb, 1), verbs[i]))
			return true;
	return false;
}

void
audited_asks(struct mcp_call *c, const cJSON *calls)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, calls)
	{
		struct str name = json_str(cJSON_GetArrayItem(one, 0));

		c->changes |= !audited_is_reading(name);
		if (str_eq_z(name, "Approval/set"))
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
audited_free(struct audited *a)
{
	free(a->user);
	free(a->agent);
	free(a->session);
	free(a->where);
	free(a->outcome);
	buf_free(&a->args);
	free(a);
}

static void add(struct audited *a);

static void
kept(void *arg, struct ipc_in *m, const struct err *e)
{
	struct audited *a = arg;

	if (m == NULL && e->code == E_CLOSED && !a->again) {
		/* Perhaps it is there twice then; the next gk-authd gets it as soon as it comes. */
		a->again = true;
		add(a);
		return;
	}
	if (m == NULL) {
		log_error("mcp.audit", LZ("user", a->user), LZ("sid", a->session),
		    LZ("tool", a->tool), LE(e));
		if (a->done != NULL)
			metric_add(METRIC_MCP_UNAUDITED, 1);
	} else {
		(void)ipc_get_u64(m);
		(void)ipc_end(m);
	}
	if (a->done != NULL)
		a->done(a->arg, m != NULL);
	audited_free(a);
}

static void
add(struct audited *a)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_AUDIT_ADD);
	ipc_put_z(&m, a->user);
	ipc_put_z(&m, a->agent);
	ipc_put_z(&m, a->session);
	ipc_put_z(&m, a->where);
	ipc_put_z(&m, a->tool);
	ipc_put_str(&m, buf_view(&a->args));
	ipc_put_z(&m, a->decision);
	ipc_put_z(&m, a->outcome);
	ipc_put_u64(&m, a->result);
	ipc_put_u32(&m, a->ms);
	(void)ipc_call(svc_channel(PEER_AUTHD), &m, kept, a);
}

static char *
copy(struct str s)
{
	return mem_dup(s.p != NULL ? s.p : "", s.n);
}

struct audited *
audited_end(struct mcp_call *c, const char *outcome, size_t result, uint64_t ms,
    void (*done)(void *arg, bool kept), void *arg)
{
	struct audited *a;

	if (c->tool == NULL)
		return NULL;
	count(c->tool->name);
	if (c->unaudited) {
		metric_add(METRIC_MCP_UNAUDITED, 1);
		return NULL;
	}
	a = mem_alloc(sizeof(*a));
	a->user = copy(c->agent->user);
	a->agent = copy(c->agent->name);
	a->session = copy(c->agent->session);
	a->where = copy(str_sub(c->request->peer->where, 0, 64));
	a->outcome = copy(str_cut_utf8(str_z(outcome), OUTCOME_MAX));
	a->tool = c->tool->name;
	a->decision = c->refused       ? "refused"
		      : c->held        ? "held"
		      : c->by_approval ? "approval"
				       : "free";
	a->result = result;
	a->ms = (uint32_t)(ms < UINT32_MAX ? ms : UINT32_MAX);
	buf_init(&a->args, AUDIT_ARGUMENTS_MAX);
	audit_arguments(c->args, &a->args);
	if (c->changes) {
		a->done = done;
		a->arg = arg;
	}
	add(a);
	return a->done != NULL ? a : NULL;
}

void
audited_forget(struct audited **a)
{
	if (*a != NULL)
		(*a)->done = NULL;
	*a = NULL;
}

/* ---- gk-authd's disk ---- */

bool
audited_is_down(void)
{
	return down;
}

static void
set_down(bool is)
{
	if (is != down && is)
		log_warn("mcp.audit_down", LZ("effect", "agents change nothing meanwhile"));
	else if (is != down)
		log_info("mcp.audit_up");
	down = is;
}

void
audited_state(struct ipc_in *m)
{
	bool is = ipc_get_u32(m) != 0;

	if (ipc_end(m) == 0)
		set_down(is);
}

void
audited_reset(void)
{
	set_down(false);
}
