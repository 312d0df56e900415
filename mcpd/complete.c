/*
 * complete.c - completion/complete (server/utilities/completion): names of mailboxes, ids of the
 * newest messages, and what arguments of prompts can be. See resource.h.
 */
#include "base/mem.h"
#include "mcpd/mail.h"
#include "mcpd/method.h"
#include "mcpd/prompt.h"
#include "mcpd/resource.h"

#define VALUES_MAX 100
#define RECENT     "50"

struct completing {
	struct str typed;
};

static void
put_result(struct mcp_call *c, cJSON *values)
{
	cJSON *out = cJSON_CreateObject();
	int n = cJSON_GetArraySize(values);

	while (cJSON_GetArraySize(values) > VALUES_MAX)
		cJSON_DeleteItemFromArray(values, VALUES_MAX);
	json_put(out, "values", values);
	json_put_num(out, "total", n);
	json_put_bool(out, "hasMore", n > VALUES_MAX);
	c->result = cJSON_CreateObject();
	json_put(c->result, "completion", out);
	mcp_done(c);
}

static void
on_boxes(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *answer = mcp_response(c, responses, 0, "Mailbox/get");
	const struct completing *x = c->state;
	cJSON *values = cJSON_CreateArray();
	struct search boxes = {0};

	if (answer != NULL)
		mail_boxes(c, answer, &boxes);
	for (size_t i = 0; i < boxes.nboxes; i++) {
		const struct search_box *b = &boxes.boxes[i];

		if (b->role.n > 0 && str_istarts(b->role, x->typed))
			json_add(values, json_new_str(b->role));
		else if (str_istarts(b->name, x->typed))
			json_add(values, json_new_str(mail_line(c, b->name, 200)));
	}
	put_result(c, values);
}

static void
on_messages(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *answer = mcp_response(c, responses, 0, "Email/query"), *m;
	const struct completing *x = c->state;
	cJSON *values = cJSON_CreateArray();

	cJSON_ArrayForEach(m, json_get(answer, "ids")) if (str_starts(json_str(m), x->typed))
	    json_add(values, json_new_str(json_str(m)));
	put_result(c, values);
}

static void
ask(struct mcp_call *c, enum prompt_argument kind)
{
	cJSON *calls = cJSON_CreateArray();

	if (kind == PROMPT_MAILBOX) {
		mail_call(calls, "Mailbox/get", mail_boxes_args());
		mcp_jmap(c, calls, on_boxes);
		return;
	}
	mail_call(calls, "Email/query",
	    mail_json("{\"sort\":[{\"property\":\"receivedAt\",\"isAscending\":false}],"
		      "\"limit\":" RECENT "}"));
	mcp_jmap(c, calls, on_messages);
}

static void
put_values(struct mcp_call *c, struct str typed, const char *const *values)
{
	cJSON *out = cJSON_CreateArray();

	for (; values != NULL && *values != NULL; values++)
		if (str_istarts(str_z(*values), typed))
			json_add(out, json_new_str(str_z(*values)));
	put_result(c, out);
}

static enum prompt_argument
of_template(struct str uri, struct str name)
{
	if (str_eq_z(uri, "mail://mailbox/{name}"))
		return str_eq_z(name, "name") ? PROMPT_MAILBOX : PROMPT_NONE;
	if (str_eq_z(uri, "mail://message/{id}"))
		return str_eq_z(name, "id") ? PROMPT_MESSAGE : PROMPT_NONE;
	if (str_eq_z(uri, "mail://thread/{message}"))
		return str_eq_z(name, "message") ? PROMPT_MESSAGE : PROMPT_NONE;
	if (str_eq_z(uri, "mail://attachment/{attachment}"))
		return str_eq_z(name, "attachment") ? PROMPT_FREE : PROMPT_NONE;
	return PROMPT_NONE;
}

void
mcp_complete(struct mcp_call *c)
{
	const cJSON *ref = json_get(c->args, "ref"), *argument = json_get(c->args, "argument");
	struct str type = json_str(json_get(ref, "type")),
		   name = json_str(json_get(argument, "name"));
	struct completing *x = arena_new(&c->arena, struct completing);
	enum prompt_argument kind = PROMPT_NONE;
	const char *const *values = NULL;

	x->typed = json_str(json_get(argument, "value"));
	c->state = x;
	if (str_eq_z(type, "ref/prompt"))
		kind = prompt_argument(json_str(json_get(ref, "name")), name, &values);
	else if (str_eq_z(type, "ref/resource"))
		kind = of_template(json_str(json_get(ref, "uri")), name);
	if (kind == PROMPT_NONE || x->typed.p == NULL) {
		mcp_fail_call(c, MCP_INVALID_PARAMS, "there is no such argument to complete");
		return;
	}
	/* Names and ids of mail are for those who may read it. */
	if (kind == PROMPT_FREE || kind == PROMPT_VALUES || (c->agent->scopes & AGENT_READ) == 0)
		put_values(c, x->typed, values);
	else
		ask(c, kind);
}
