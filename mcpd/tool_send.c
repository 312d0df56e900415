/*
 * tool_send.c - request_send: the user is asked to send a draft, and sees exactly it (INVARIANTS
 * 20; docs/adr/0032-agents-and-approvals.md). Nothing here can send.
 *
 * Recipients that a mail named, and that the user has never written to, go with it as `origins`.
 * Asked again for the same draft it tells how that stands, and asks nobody twice.
 */
#include "base/mem.h"
#include "base/num.h"
#include "mcpd/approve.h"
#include "mcpd/draft.h"
#include "mcpd/tools.h"

#define LOOKED_MAX 12u  /* recipients that Sent is asked for: two invocations each */
#define LOOKED     "10" /* messages whose words hold the address; it must be in one of them */

struct sending {
	struct str identity, sent;
	struct str suspects[DRAFT_RCPTS_MAX];
	size_t nsuspects, looked;
	cJSON *origins;
};

static void
clear(void *arg)
{
	struct sending *s = arg;

	cJSON_Delete(s->origins);
}

/* ---- how it stands ---- */

static void
put(struct mcp_call *c, const cJSON *approval)
{
	const cJSON *m, *origins = json_get(approval, "origins");
	cJSON *to = cJSON_CreateArray();

	cJSON_ArrayForEach(m, json_get(json_get(approval, "envelope"), "rcptTo"))
	    json_add(to, json_new_str(json_str(json_get(m, "email"))));
	json_put(c->result, "recipients", to);
	json_put(c->result, "origins",
	    cJSON_IsArray(origins) ? cJSON_Duplicate(origins, true) : cJSON_CreateArray());
}

/* ---- ask ---- */

static void
on_asked(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *set = mail_answer(c, responses, 0, "Approval/set");
	const cJSON *made = json_get(json_get(set, "created"), "k");

	if (set == NULL)
		return;
	if (made == NULL)
		mail_refused(c, "request_send", json_get(json_get(set, "notCreated"), "k"));
	else
		approve_tell(c, made, put);
}

static void
ask(struct mcp_call *c)
{
	cJSON *calls = cJSON_CreateArray(), *args = cJSON_CreateObject(),
	      *create = cJSON_CreateObject(), *one = cJSON_CreateObject();
	struct sending *s = c->state;

	json_put_str(one, "identityId", s->identity);
	json_put_str(one, "emailId", mail_arg(c, "draft"));
	json_put(one, "origins", cJSON_Duplicate(s->origins, true));
	json_put(create, "k", one);
	json_put(args, "create", create);
	mail_call(calls, "Approval/set", args);
	mcp_jmap(c, calls, on_asked);
}

/* ---- where recipients came from ---- */

static bool
is_to(const cJSON *email, struct str address)
{
	static const char *const fields[] = {"to", "cc", "bcc"};
	const cJSON *m;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		cJSON_ArrayForEach(
		    m, json_get(email, fields[i])) if (str_ieq(json_str(json_get(m, "email")),
							   address)) return true;
	return false;
}

static bool
was_written_to(const cJSON *emails, struct str address)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(emails, "list")) if (is_to(m, address)) return true;
	return false;
}

static void
put_origin(struct mcp_call *c, struct str address)
{
	const struct origin *o = origins_find(c->agent->origins, address);
	struct sending *s = c->state;
	cJSON *one;

	if (o == NULL)
		return;
	one = cJSON_CreateObject();
	json_put_str(one, "value", mail_line(c, address, 300));
	json_put_str(one, "emailId", str_z(o->email));
	json_put_str(one, "where", str_z(o->where));
	json_add(s->origins, one);
}

static void
on_looked(struct mcp_call *c, const cJSON *responses)
{
	struct sending *s = c->state;

	/* Whom Sent was not asked for counts as never written to. */
	for (size_t i = 0; i < s->nsuspects; i++)
		if (i >= s->looked ||
		    !was_written_to(
			mcp_response(c, responses, 2 * i + 1, "Email/get"), s->suspects[i]))
			put_origin(c, s->suspects[i]);
	ask(c);
}

static cJSON *
written_to(const struct sending *s, struct str address)
{
	static const char *const fields[] = {"to", "cc", "bcc"};
	cJSON *args = mail_json("{\"sort\":[{\"property\":\"receivedAt\",\"isAscending\":false}],"
				"\"limit\":" LOOKED "}");
	cJSON *any = mail_json("{\"operator\":\"OR\",\"conditions\":[]}");
	cJSON *all = mail_json("{\"operator\":\"AND\",\"conditions\":[]}"), *one;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		one = cJSON_CreateObject();
		json_put_str(one, fields[i], address);
		json_add((cJSON *)json_get(any, "conditions"), one);
	}
	one = cJSON_CreateObject();
	json_put_str(one, "inMailbox", s->sent);
	json_add((cJSON *)json_get(all, "conditions"), one);
	json_add((cJSON *)json_get(all, "conditions"), any);
	json_put(args, "filter", all);
	return args;
}

static void
look(struct mcp_call *c)
{
	cJSON *calls = cJSON_CreateArray(), *args;
	struct sending *s = c->state;

	s->looked = s->sent.n == 0 ? 0 : num_min(s->nsuspects, LOOKED_MAX);
	for (size_t i = 0; i < s->looked; i++) {
		mail_call(calls, "Email/query", written_to(s, s->suspects[i]));
		args = mail_json("{\"properties\":[\"to\",\"cc\",\"bcc\"]}");
		mail_ref(args, "#ids", calls, 2 * i, "/ids");
		mail_call(calls, "Email/get", args);
	}
	if (s->looked > 0) {
		mcp_jmap(c, calls, on_looked);
		return;
	}
	cJSON_Delete(calls);
	on_looked(c, NULL);
}

static void
find_suspects(struct mcp_call *c, const cJSON *email, const cJSON *identities)
{
	static const char *const fields[] = {"to", "cc", "bcc"};
	struct sending *s = c->state;
	const cJSON *m;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		cJSON_ArrayForEach(m, json_get(email, fields[i]))
		{
			struct str address = json_str(json_get(m, "email"));

			if (c->agent->origins != NULL && s->nsuspects < DRAFT_RCPTS_MAX &&
			    draft_identity(identities, address, NULL) == NULL &&
			    origins_find(c->agent->origins, address) != NULL)
				s->suspects[s->nsuspects++] = arena_dup(&c->arena, address);
		}
}

/* ---- the draft ---- */

static const cJSON *
asked_before(const cJSON *approvals, struct str draft)
{
	const cJSON *m;

	cJSON_ArrayForEach(
	    m, json_get(approvals, "list")) if (str_eq(json_str(json_get(m, "emailId")), draft) &&
						!str_eq_z(json_str(json_get(m, "state")),
						    "expired")) return m;
	return NULL;
}

static void
on_draft(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *emails, *identities, *boxes, *approvals, *email, *identity;
	struct sending *s = c->state;
	struct search found;

	if ((approvals = mail_answer(c, responses, 0, "Approval/get")) == NULL)
		return;
	if ((email = asked_before(approvals, mail_arg(c, "draft"))) != NULL) {
		approve_tell(c, email, put);
		return;
	}
	if ((emails = mail_answer(c, responses, 1, "Email/get")) == NULL ||
	    (identities = mail_answer(c, responses, 2, "Identity/get")) == NULL ||
	    (boxes = mail_answer(c, responses, 3, "Mailbox/get")) == NULL)
		return;
	email = cJSON_GetArrayItem(json_get(emails, "list"), 0);
	identity = draft_identity(identities, mail_sender(email), NULL);
	if (email == NULL || identity == NULL) {
		mcp_tool_error(c, "%s",
		    email == NULL ? "there is no such draft (any more): create_draft makes one"
				  : "the draft is not from an address of the user's: update_draft "
				    "with from");
		return;
	}
	mail_boxes(c, boxes, &found);
	for (size_t i = 0; i < found.nboxes; i++)
		if (str_eq_z(found.boxes[i].role, "sent"))
			s->sent = found.boxes[i].id;
	s->identity = arena_dup(&c->arena, json_str(json_get(identity, "id")));
	find_suspects(c, email, identities);
	look(c);
}

static void
run(struct mcp_call *c)
{
	cJSON *calls, *args, *ids;
	struct sending *s;

	if (approve_again(c, put))
		return;
	s = arena_new(&c->arena, struct sending);
	calls = cJSON_CreateArray();
	ids = cJSON_CreateArray();
	s->origins = cJSON_CreateArray();
	c->state = s;
	arena_defer(&c->arena, clear, s);
	mail_call(calls, "Approval/get", mail_json("{\"ids\":null}"));
	args = mail_json("{\"properties\":[\"id\",\"from\",\"to\",\"cc\",\"bcc\"]}");
	json_add(ids, json_new_str(mail_arg(c, "draft")));
	json_put(args, "ids", ids);
	mail_call(calls, "Email/get", args);
	mail_call(calls, "Identity/get", mail_json("{\"ids\":null}"));
	mail_call(calls, "Mailbox/get", mail_boxes_args());
	mcp_jmap(c, calls, on_draft);
}

const struct mcp_tool tool_request_send = {
    .name = "request_send",
    .title = "Ask the user to send a draft",
    .description =
	"Asks the user to send a draft that an agent wrote. It is sent once the user has "
	"seen exactly that and approved it. Called again for the same draft it says "
	"how that stands.",
    .input = "{\"type\":\"object\",\"required\":[\"draft\"],\"additionalProperties\":false,"
	     "\"properties\":{\"draft\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":40,"
	     "\"description\":\"draft of create_draft or update_draft\"}}}",
    .output =
	"{\"type\":\"object\",\"required\":[\"approval\",\"state\",\"recipients\",\"origins\"],"
	"\"properties\":{\"approval\":{\"type\":\"string\"},\"state\":{\"enum\":[\"requested\","
	"\"approved\",\"sent\",\"done\",\"failed\",\"refused\",\"expired\"]},\"note\":{"
	"\"type\":\"string\"},\"recipients\":{\"type\":\"array\",\"items\":{"
	"\"type\":\"string\"}},\"origins\":{\"type\":\"array\",\"description\":\"Recipients that a "
	"mail named and the user has never written to: the user is told\",\"items\":{\"type\":"
	"\"object\",\"required\":[\"value\",\"emailId\",\"where\"]}}}}",
    .scopes = AGENT_SEND,
    .hints = MCP_IDEMPOTENT | MCP_OPEN_WORLD,
    .run = run,
};
