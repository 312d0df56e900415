/* approve.c - see approve.h. */
#include "mcpd/approve.h"

#include "base/mem.h"
#include "mcpd/mail.h"
#include "mcpd/request.h"

/* What a call keeps over the question. */
#define ID "approval"

struct again {
	void (*put)(struct mcp_call *c, const cJSON *approval);
};

static const char *
note_of(struct str state, bool send)
{
	static const struct {
		const char *state, *send, *action;
	} notes[] = {
	    {"requested",
		"The user has to approve it, in the web client or by gkmail approve: it is not "
		"sent yet. Tell the user; do not ask again. Asked again for this draft, "
		"request_send tells how it stands.",
		"Nothing was changed yet: the user has to approve it, in the web client or by "
		"gkmail approve. Tell the user; do not ask again. mailbox_changes tells how it "
		"stands."},
	    {"approved", "The user has approved it; it is on its way.",
		"The user has approved it; it is being done."},
	    {"sent", "The user has approved it, and it was sent.", NULL},
	    {"done", "The user has approved it, and it was done.",
		"The user has approved it, and it was done."},
	    {"failed",
		"The user has approved it, but it could not be sent. update_draft makes one that "
		"can be asked for anew.",
		"The user has approved it, but it could not be done."},
	    {"refused", "The user has refused it. Do not ask again for it unless told to.",
		"The user has refused it. Do not ask again for it unless told to."},
	    {"expired", "Nobody answered in time.", "Nobody answered in time."}};

	for (size_t i = 0; i < ARRAY_LEN(notes); i++)
		if (str_eq_z(state, notes[i].state))
			return send ? notes[i].send : notes[i].action;
	return NULL;
}

/* By a page of ours, where a human is who the password says: a form that an agent's host shows, or
 * answers, proves nobody (client/elicitation, "URL mode"). Accepted is not approved. */
static void
ask(struct mcp_call *c, struct str id)
{
	cJSON *requests = cJSON_CreateObject(), *one = cJSON_CreateObject(),
	      *params = cJSON_CreateObject(), *state = cJSON_CreateObject();

	json_put_str(params, "mode", STR("url"));
	json_put_str(params, "message",
	    STR("An agent waits for your approval. The page shows exactly what would be done."));
	json_put_str(params, "url",
	    arena_printf(
		&c->arena, STR_FMT "/#/approve/" STR_FMT, STR_ARG(mcp_base(c)), STR_ARG(id)));
	/* Of 2025-11-25 alone. */
	if (!c->request->message.modern)
		json_put_str(params, "elicitationId", id);
	json_put_str(one, "method", STR("elicitation/create"));
	json_put(one, "params", params);
	json_put(requests, "approval", one);
	json_put_str(state, ID, id);
	mcp_ask(c, requests, state);
}

void
approve_tell(struct mcp_call *c, const cJSON *approval,
    void (*put)(struct mcp_call *c, const cJSON *approval))
{
	struct str id = json_str(json_get(approval, "id")),
		   state = json_str(json_get(approval, "state"));
	const char *note;

	/* Once: where the human has it open, or will not, the agent hears how it stands. */
	if (str_eq_z(state, "requested") && c->answers == NULL &&
	    mcp_client_can(c, "elicitation", "url")) {
		ask(c, id);
		return;
	}
	c->result = cJSON_CreateObject();
	json_put_str(c->result, "approval", id);
	json_put_str(c->result, "state", state);
	put(c, approval);
	note = note_of(state, json_str(json_get(approval, "emailId")).n > 0);
	if (note != NULL)
		json_put_str(c->result, "note", str_z(note));
	mcp_done(c);
}

static void
on_approval(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *answer = mail_answer(c, responses, 0, "Approval/get");
	const cJSON *one = cJSON_GetArrayItem(json_get(answer, "list"), 0);

	if (answer == NULL)
		return;
	if (one == NULL)
		mcp_tool_error(c, "what was asked for is gone");
	else
		approve_tell(c, one, ((const struct again *)c->state)->put);
}

bool
approve_again(struct mcp_call *c, void (*put)(struct mcp_call *c, const cJSON *approval))
{
	struct str id = json_str(json_get(c->asked, ID));
	cJSON *calls, *args, *ids;
	struct again *a;

	if (id.n == 0)
		return false;
	a = arena_new(&c->arena, struct again);
	a->put = put;
	c->state = a;
	calls = cJSON_CreateArray();
	args = cJSON_CreateObject();
	ids = cJSON_CreateArray();
	json_add(ids, json_new_str(id));
	json_put(args, "ids", ids);
	mail_call(calls, "Approval/get", args);
	mcp_jmap(c, calls, on_approval);
	return true;
}
