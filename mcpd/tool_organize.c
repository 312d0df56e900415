/*
 * tool_organize.c - flag and move: what changes where messages stand and how they are marked, all
 * of it undone by undo_session.
 *
 * What the policy gives to a human (the Trash, Junk, many at a time) becomes an approval
 * (Approval/set), which the answer names.
 */
#include "base/mem.h"
#include "mcpd/approve.h"
#include "mcpd/mail.h"
#include "mcpd/tools.h"

#define MESSAGES_ARG                                                                             \
	"\"messages\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":1000,\"items\":{\"type\":" \
	"\"string\",\"minLength\":1,\"maxLength\":40},\"description\":\"ids of messages\"}"

/* {"id": patch} for each message; patch is taken. */
static cJSON *
update_all(struct mcp_call *c, cJSON *patch)
{
	cJSON *update = cJSON_CreateObject(), *args = cJSON_CreateObject();
	const cJSON *m;

	cJSON_ArrayForEach(
	    m, json_get(c->args, "messages")) if (json_get(update, m->valuestring) == NULL)
	    json_put_named(update, json_str(m), cJSON_Duplicate(patch, true));
	cJSON_Delete(patch);
	json_put(args, "update", update);
	return args;
}

/* What was changed, and what was not and why: a part that fails stops no other. */
static void
put_outcome(struct mcp_call *c, const cJSON *set)
{
	cJSON *changed = cJSON_CreateArray(), *failed = cJSON_CreateArray(), *one;
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(set, "updated"))
	    json_add(changed, json_new_str(json_name(m)));
	cJSON_ArrayForEach(m, json_get(set, "notUpdated"))
	{
		struct str why = json_str(json_get(m, "description"));

		one = cJSON_CreateObject();
		json_put_str(one, "message", json_name(m));
		if (str_eq_z(json_str(json_get(m, "type")), "notFound"))
			why = STR("there is no such message (any more)");
		json_put_str(one, "why", why.n > 0 ? why : json_str(json_get(m, "type")));
		json_add(failed, one);
	}
	c->result = cJSON_CreateObject();
	json_put(c->result, "changed", changed);
	json_put(c->result, "failed", failed);
}

/* All of them refused for one reason: an error that says it. */
static bool
all_failed(struct mcp_call *c, const char *what, const cJSON *set)
{
	const cJSON *first = json_get(set, "notUpdated");

	if (first == NULL || first->child == NULL || json_get(c->result, "changed")->child != NULL)
		return false;
	mail_refused(c, what, first->child);
	return true;
}

/* ---- flag ---- */

static void
on_flagged(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *set = mail_answer(c, responses, 0, "Email/set");

	if (set == NULL)
		return;
	put_outcome(c, set);
	if (!all_failed(c, "flag", set))
		mcp_done(c);
}

static void
put_keyword(cJSON *patch, const char *path, const cJSON *wanted)
{
	if (wanted != NULL)
		json_put(
		    patch, path, cJSON_IsTrue(wanted) ? cJSON_CreateTrue() : cJSON_CreateNull());
}

static void
run_flag(struct mcp_call *c)
{
	cJSON *patch = cJSON_CreateObject(), *calls;

	put_keyword(patch, "keywords/$seen", json_get(c->args, "read"));
	put_keyword(patch, "keywords/$flagged", json_get(c->args, "flagged"));
	if (patch->child == NULL) {
		cJSON_Delete(patch);
		mcp_tool_error(c, "say what to change: read or flagged, true or false");
		return;
	}
	calls = cJSON_CreateArray();
	mail_call(calls, "Email/set", update_all(c, patch));
	mcp_jmap(c, calls, on_flagged);
}

/* ---- move ---- */

struct moving {
	struct search boxes;
	struct str to, role; /* the mailbox's id and role */
};

static bool
wants_human(const struct mcp_call *c, const struct moving *m)
{
	bool away = str_eq_z(m->role, "trash") || str_eq_z(m->role, "junk");
	enum agent_class class = away ? AGENT_CLASS_DELETE : AGENT_CLASS_MOVE;

	if (!away && cJSON_GetArraySize(json_get(c->args, "messages")) <= (int)AGENT_MOVE_FREE)
		return false;
	return agent_policy_get(c->agent->policy, class) == AGENT_APPROVAL;
}

static void
on_moved(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *set = mail_answer(c, responses, 0, "Email/set");

	if (set == NULL)
		return;
	put_outcome(c, set);
	if (!all_failed(c, "move", set))
		mcp_done(c);
}

/* What a human has agreed to is not told by its emails: outcome has numbers. */
static void
put_nothing(struct mcp_call *c, const cJSON *approval)
{
	(void)approval;
	json_put(c->result, "changed", cJSON_CreateArray());
	json_put(c->result, "failed", cJSON_CreateArray());
}

static void
on_asked(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *set = mail_answer(c, responses, 0, "Approval/set");
	const cJSON *made = json_get(json_get(set, "created"), "k");

	if (set == NULL)
		return;
	if (made == NULL) {
		mail_refused(c, "move", json_get(json_get(set, "notCreated"), "k"));
		return;
	}
	approve_tell(c, made, put_nothing);
}

static void
ask_human(struct mcp_call *c, const struct moving *m)
{
	bool trash = str_eq_z(m->role, "trash");
	cJSON *one = cJSON_CreateObject(), *create = cJSON_CreateObject(),
	      *args = cJSON_CreateObject(), *calls = cJSON_CreateArray();

	json_put_str(one, "action", trash ? STR("delete") : STR("move"));
	json_put(one, "emailIds", cJSON_Duplicate(json_get(c->args, "messages"), true));
	if (!trash)
		json_put_str(one, "mailboxId", m->to);
	json_put(create, "k", one);
	json_put(args, "create", create);
	mail_call(calls, "Approval/set", args);
	mcp_jmap(c, calls, on_asked);
}

static void
on_boxes(struct mcp_call *c, const cJSON *responses)
{
	struct moving *m = c->state;
	const cJSON *boxes = mail_answer(c, responses, 0, "Mailbox/get");
	const struct search_box *box;
	cJSON *patch, *in, *calls;

	if (boxes == NULL)
		return;
	mail_boxes(c, boxes, &m->boxes);
	if ((box = mail_box(c, &m->boxes, mail_arg(c, "to"))) == NULL)
		return;
	m->to = box->id;
	m->role = box->role;
	/* Sent says whom the user has written to (tool_send.c); no mail gets there by an agent. */
	if (str_eq_z(m->role, "sent") || str_eq_z(m->role, "drafts")) {
		mcp_tool_error(c, "to: nothing is moved to Sent or Drafts");
		return;
	}
	if (wants_human(c, m)) {
		ask_human(c, m);
		return;
	}
	patch = cJSON_CreateObject();
	in = cJSON_CreateObject();
	json_put_named(in, box->id, cJSON_CreateTrue());
	json_put(patch, "mailboxIds", in);
	calls = cJSON_CreateArray();
	mail_call(calls, "Email/set", update_all(c, patch));
	mcp_jmap(c, calls, on_moved);
}

static void
run_move(struct mcp_call *c)
{
	cJSON *calls;

	if (approve_again(c, put_nothing))
		return;
	calls = cJSON_CreateArray();
	c->state = arena_new(&c->arena, struct moving);
	mail_call(calls, "Mailbox/get", mail_boxes_args());
	mcp_jmap(c, calls, on_boxes);
}

#define OUTCOME                                                                                  \
	"\"changed\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"failed\":{\"type\":" \
	"\"array\",\"items\":{\"type\":\"object\",\"required\":[\"message\",\"why\"]}}"

const struct mcp_tool tool_flag = {
    .name = "flag",
    .title = "Mark messages",
    .description = "Marks up to 1,000 messages as read or unread, with or without a star.",
    .input = "{\"type\":\"object\",\"required\":[\"messages\"],\"additionalProperties\":false,"
	     "\"properties\":{" MESSAGES_ARG
	     ",\"read\":{\"type\":\"boolean\"},\"flagged\":{\"type\":\"boolean\"}}}",
    .output = "{\"type\":\"object\",\"required\":[\"changed\",\"failed\"],"
	      "\"properties\":{" OUTCOME "}}",
    .scopes = AGENT_ORGANIZE,
    .hints = MCP_IDEMPOTENT,
    .run = run_flag,
};

const struct mcp_tool tool_move = {
    .name = "move",
    .title = "Move messages",
    .description =
	"Moves up to 1,000 messages to a mailbox that exists. Throwing away, and more than 20 at a "
	"time, wait for the user's approval unless the agent's policy says otherwise.",
    .input = "{\"type\":\"object\",\"required\":[\"messages\",\"to\"],"
	     "\"additionalProperties\":false,\"properties\":{" MESSAGES_ARG
	     ",\"to\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255,\"description\":"
	     "\"Role (archive, junk, trash, inbox), name or id of a mailbox\"}}}",
    .output = "{\"type\":\"object\",\"required\":[\"changed\",\"failed\"],"
	      "\"properties\":{" OUTCOME "," APPROVE_SCHEMA "}}",
    .scopes = AGENT_ORGANIZE,
    .hints = MCP_DESTRUCTIVE | MCP_IDEMPOTENT,
    .run = run_move,
};
