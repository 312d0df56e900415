/*
 * tool_changes.c - mailbox_changes and undo_session: what has changed since an agent last looked,
 * and all that its session changed taken back.
 */
#include "base/mem.h"
#include "mcpd/mail.h"
#include "mcpd/tools.h"

#define CHANGES_MAX   200
#define APPROVALS_MAX 20 /* the newest */

/* ---- mailbox_changes ---- */

/* Who may not ask for any is not told. */
static bool
may_ask(const struct mcp_call *c)
{
	return (c->agent->scopes & (AGENT_SEND | AGENT_ORGANIZE)) != 0;
}

static void
get_approvals(const struct mcp_call *c, cJSON *calls)
{
	if (may_ask(c))
		mail_call(calls, "Approval/get",
		    mail_json("{\"ids\":null,\"properties\":[\"id\",\"action\",\"state\","
			      "\"outcome\"]}"));
}

/* False: the call has ended. */
static bool
put_approvals(struct mcp_call *c, const cJSON *responses, size_t at)
{
	const cJSON *answer, *m;
	cJSON *rows, *one;
	int i = 0, n;

	if (!may_ask(c))
		return true;
	if ((answer = mail_answer(c, responses, at, "Approval/get")) == NULL)
		return false;
	rows = cJSON_CreateArray();
	n = cJSON_GetArraySize(json_get(answer, "list"));
	cJSON_ArrayForEach(m, json_get(answer, "list"))
	{
		if (i++ < n - APPROVALS_MAX)
			continue;
		one = cJSON_CreateObject();
		json_put_str(one, "approval", json_str(json_get(m, "id")));
		json_put_str(one, "action", json_str(json_get(m, "action")));
		json_put_str(one, "state", json_str(json_get(m, "state")));
		if (cJSON_IsObject(json_get(m, "outcome")))
			json_put(one, "outcome", cJSON_Duplicate(json_get(m, "outcome"), true));
		json_add(rows, one);
	}
	json_put(c->result, "approvals", rows);
	return true;
}

static void
on_changed(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *changes = mcp_response(c, responses, 0, "Email/changes"), *emails, *boxes, *m;
	cJSON *rows, *ids;
	struct search found;
	struct fence f;

	if (changes == NULL && strstr(c->why, "cannotCalculateChanges") != NULL) {
		mcp_tool_error(c, "since: too much has changed since then, or it is no state of "
				  "this mailbox. Call without since, and list what you need anew");
		return;
	}
	if ((changes = mail_answer(c, responses, 0, "Email/changes")) == NULL ||
	    (emails = mail_answer(c, responses, 1, "Email/get")) == NULL ||
	    (boxes = mail_answer(c, responses, 2, "Mailbox/get")) == NULL)
		return;
	mail_boxes(c, boxes, &found);
	fence_new(&f);
	c->result = cJSON_CreateObject();
	json_put_str(c->result, "state", json_str(json_get(changes, "newState")));
	if (cJSON_IsTrue(json_get(changes, "hasMoreChanges")))
		json_put_bool(c->result, "more", true);
	mail_begin(c, &f, "list", NULL, c->result);
	rows = cJSON_CreateArray();
	cJSON_ArrayForEach(m, json_get(emails, "list"))
	{
		if (cJSON_GetArraySize(rows) == (int)MAIL_LIST_MAX)
			break;
		json_add(rows,
		    mail_row(c, m, &found, (size_t)cJSON_GetArraySize(json_get(emails, "list"))));
	}
	json_put(c->result, "new", rows);
	mail_end(c, &f, c->result);
	if (cJSON_GetArraySize(json_get(emails, "list")) > (int)MAIL_LIST_MAX)
		json_put_num(c->result, "new_total", cJSON_GetArraySize(json_get(emails, "list")));
	ids = cJSON_CreateArray();
	cJSON_ArrayForEach(m, json_get(changes, "updated"))
	    json_add(ids, cJSON_Duplicate(m, false));
	json_put(c->result, "changed", ids);
	ids = cJSON_CreateArray();
	cJSON_ArrayForEach(m, json_get(changes, "destroyed"))
	    json_add(ids, cJSON_Duplicate(m, false));
	json_put(c->result, "gone", ids);
	if (put_approvals(c, responses, 3))
		mcp_done(c);
}

static void
on_state(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *answer = mail_answer(c, responses, 0, "Email/get");

	if (answer == NULL)
		return;
	c->result = cJSON_CreateObject();
	json_put_str(c->result, "state", json_str(json_get(answer, "state")));
	if (put_approvals(c, responses, 1))
		mcp_done(c);
}

static void
run_changes(struct mcp_call *c)
{
	struct str since = mail_arg(c, "since");
	cJSON *calls = cJSON_CreateArray(), *args;

	if (since.p == NULL) {
		mail_call(calls, "Email/get", mail_json("{\"ids\":[]}"));
		get_approvals(c, calls);
		mcp_jmap(c, calls, on_state);
		return;
	}
	args = cJSON_CreateObject();
	json_put_str(args, "sinceState", since);
	json_put_num(args, "maxChanges", CHANGES_MAX);
	mail_call(calls, "Email/changes", args);
	args = mail_json("{\"properties\":" MAIL_ROW "}");
	mail_ref(args, "#ids", calls, 0, "/created");
	mail_call(calls, "Email/get", args);
	mail_call(calls, "Mailbox/get", mail_boxes_args());
	get_approvals(c, calls);
	mcp_jmap(c, calls, on_changed);
}

const struct mcp_tool tool_mailbox_changes = {
    .name = "mailbox_changes",
    .title = "What has changed",
    .description = "What has changed in the mail since a state: new messages in short, ids of "
		   "those that were moved or marked, and of those that are gone. Without since: "
		   "the state of now. Both tell how what you asked the user to approve stands.",
    .input = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"since\":{"
	     "\"type\":\"string\",\"minLength\":1,\"maxLength\":100,\"description\":\"state of "
	     "an earlier call\"}}}",
    .output =
	"{\"type\":\"object\",\"required\":[\"state\"],\"properties\":{\"state\":{\"type\":"
	"\"string\"},"
	"\"more\":{\"type\":\"boolean\",\"description\":\"Call again with this state\"},"
	"\"begin\":{\"type\":\"string\"},\"new\":{\"type\":\"array\",\"items\":" MAIL_ROW_AGAIN "},"
	"\"end\":{\"type\":\"string\"},\"new_total\":{\"type\":\"integer\",\"description\":\"Where "
	"new has only the first 50\"},\"changed\":{\"type\":\"array\",\"items\":{\"type\":"
	"\"string\"}},\"gone\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"approvals\":{"
	"\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"approval\",\"state\"]}}}"
	"}",
    .scopes = AGENT_READ,
    .hints = MCP_READ_ONLY | MCP_IDEMPOTENT,
    .run = run_changes,
};

/* ---- undo_session ---- */

static void
put_reports(struct mcp_call *c, const cJSON *list, const char *name)
{
	cJSON *out = cJSON_CreateArray(), *one;
	const cJSON *m;

	cJSON_ArrayForEach(m, list)
	{
		struct str id = json_str(json_get(m, "emailId"));

		if (cJSON_GetArraySize(out) == (int)MAIL_LIST_MAX)
			break;
		if (id.p == NULL)
			id = json_str(json_get(m, "approvalId"));
		one = cJSON_CreateObject();
		json_put_str(one, "message", id.p != NULL ? id : STR(""));
		json_put_str(one, "code", json_str(json_get(m, "code")));
		json_put_str(one, "text", mail_line(c, json_str(json_get(m, "text")), 200));
		json_add(out, one);
	}
	json_put(c->result, name, out);
}

static void
on_undone(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *undone = mcp_response(c, responses, 0, "AgentSession/undo"), *m;
	cJSON *restored;

	if (undone == NULL && strstr(c->why, "notFound") != NULL) {
		mcp_tool_error(c, "this session has changed nothing that could be undone");
		return;
	}
	if ((undone = mail_answer(c, responses, 0, "AgentSession/undo")) == NULL)
		return;
	c->result = cJSON_CreateObject();
	json_put_str(c->result, "session", json_str(json_get(undone, "session")));
	restored = cJSON_CreateObject();
	cJSON_ArrayForEach(m, json_get(undone, "restored"))
	    json_put_named(restored, json_name(m), cJSON_Duplicate(m, false));
	json_put(c->result, "restored", restored);
	put_reports(c, json_get(undone, "conflicts"), "conflicts");
	put_reports(c, json_get(undone, "lost"), "lost");
	mcp_done(c);
}

static void
run_undo(struct mcp_call *c)
{
	struct str session = mail_arg(c, "session");
	cJSON *calls = cJSON_CreateArray(), *args = cJSON_CreateObject();

	json_put_str(args, "session", session.p != NULL ? session : c->agent->session);
	mail_call(calls, "AgentSession/undo", args);
	mcp_jmap(c, calls, on_undone);
}

#define REPORTS "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"

const struct mcp_tool tool_undo_session = {
    .name = "undo_session",
    .title = "Undo a session",
    .description = "Takes back all that an agent session has changed: marks and mailboxes as they "
		   "were, drafts it wrote to the Trash. What somebody changed again since stays, "
		   "and is told. Without session: this one.",
    .input = "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"session\":{"
	     "\"type\":\"string\",\"minLength\":16,\"maxLength\":16}}}",
    .output = "{\"type\":\"object\",\"required\":[\"session\",\"restored\",\"conflicts\",\"lost\"],"
	      "\"properties\":{\"session\":{\"type\":\"string\"},"
	      "\"restored\":{\"type\":\"object\"},"
	      "\"conflicts\":" REPORTS ",\"lost\":" REPORTS "}}",
    .scopes = AGENT_ORGANIZE | AGENT_DRAFT,
    .hints = MCP_DESTRUCTIVE | MCP_IDEMPOTENT,
    .run = run_undo,
};
