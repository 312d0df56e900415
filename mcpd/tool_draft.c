/*
 * tool_draft.c - create_draft, update_draft, delete_draft: what an agent writes, which stands in
 * Drafts until the user or request_send does something with it.
 *
 * An email never changes (RFC 8621 4.1): an update is another one with what stays of the first,
 * which goes once the new one is there.
 */
#include "base/mem.h"
#include "mcpd/draft.h"
#include "mcpd/tools.h"

#define BODY_MAX  "100000"
#define VALUE_MAX 400000

#define AGENT_KEYWORD "$agentdraft" /* mailboxd/jmap/agent.h */

struct drafting {
	cJSON *email; /* what will be written */
	struct str old;
	const char *what;
	/* Which invocation asks for the original, for emails with attachments; 0: none, so that an
	 * agent that may not read can write. */
	size_t original_at, attached_at;
};

static void
clear(void *arg)
{
	struct drafting *d = arg;

	cJSON_Delete(d->email);
}

static struct drafting *
begin(struct mcp_call *c, const char *what)
{
	struct drafting *d = arena_new(&c->arena, struct drafting);

	d->email = cJSON_CreateObject();
	d->what = what;
	c->state = d;
	arena_defer(&c->arena, clear, d);
	return d;
}

/* ---- what was given ---- */

static int
put_given(struct mcp_call *c, cJSON *email)
{
	static const char *const lists[] = {"to", "cc", "bcc"};
	cJSON *list;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (json_get(c->args, lists[i]) == NULL)
			continue;
		if ((list = draft_addresses(c, lists[i])) == NULL)
			return -1;
		json_put(email, lists[i], list);
	}
	if (mail_arg(c, "subject").p != NULL)
		json_put_str(email, "subject", mail_arg(c, "subject"));
	return 0;
}

static void
put_body(cJSON *email, struct str body)
{
	cJSON *values = cJSON_CreateObject(), *value = cJSON_CreateObject();

	json_put_str(value, "value", body);
	json_put(values, "t", value);
	json_put(email, "textBody", mail_json("[{\"partId\":\"t\",\"type\":\"text/plain\"}]"));
	json_put(email, "bodyValues", values);
}

static bool
put_from(struct mcp_call *c, cJSON *email, const cJSON *identities, const cJSON *original)
{
	const cJSON *identity = draft_identity(identities, mail_arg(c, "from"), original);
	cJSON *list, *from;

	if (identity == NULL) {
		mcp_tool_error(c, "from: the user has no such address");
		return false;
	}
	list = cJSON_CreateArray();
	from = cJSON_CreateObject();
	if (json_str(json_get(identity, "name")).n > 0)
		json_put_str(from, "name", json_str(json_get(identity, "name")));
	json_put_str(from, "email", json_str(json_get(identity, "email")));
	json_add(list, from);
	json_put(email, "from", list);
	return true;
}

static bool
put_place(struct mcp_call *c, cJSON *email, const cJSON *response)
{
	cJSON *in = cJSON_CreateObject();
	struct search boxes;

	mail_boxes(c, response, &boxes);
	for (size_t i = 0; i < boxes.nboxes && in->child == NULL; i++)
		if (str_eq_z(boxes.boxes[i].role, "drafts"))
			json_put_named(in, boxes.boxes[i].id, cJSON_CreateTrue());
	if (in->child == NULL) {
		cJSON_Delete(in);
		mcp_tool_error(c, "the user has no mailbox for drafts");
		return false;
	}
	json_put(email, "mailboxIds", in);
	json_put(email, "keywords", mail_json("{\"$draft\":true,\"$seen\":true}"));
	return true;
}

/* ---- attachments ---- */

/* The email that a blob is of: "e…" itself, or "be…-2" (mailboxd/jmap/blob.h). */
static struct str
email_of(struct str blob)
{
	if (blob.n > 1 && blob.p[0] == 'b')
		blob = str_from(blob, 1);
	return str_sub(blob, 0, str_chr(blob, '-'));
}

static cJSON *
attachment_emails(const struct mcp_call *c)
{
	cJSON *ids = cJSON_CreateArray();
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(c->args, "attachments"))
	    json_add(ids, json_new_str(email_of(json_str(m))));
	return ids;
}

/* A whole message, or one of its attachments. */
static cJSON *
attachment(struct mcp_call *c, struct str wanted, const cJSON *emails)
{
	const cJSON *email, *m;
	cJSON *out;

	cJSON_ArrayForEach(email, json_get(emails, "list"))
	{
		if (str_eq(json_str(json_get(email, "id")), wanted)) {
			out = mail_json(
			    "{\"type\":\"message/rfc822\",\"disposition\":\"attachment\"}");
			json_put_str(out, "blobId", json_str(json_get(email, "blobId")));
			json_put_str(out, "name",
			    arena_printf(&c->arena, "%.100s.eml",
				mail_line(c, json_str(json_get(email, "subject")), 80).p));
			return out;
		}
		cJSON_ArrayForEach(m, json_get(email, "attachments"))
		{
			struct str name = json_str(json_get(m, "name"));

			if (!str_eq(json_str(json_get(m, "blobId")), wanted))
				continue;
			out = mail_json("{\"disposition\":\"attachment\"}");
			json_put_str(out, "blobId", wanted);
			json_put_str(out, "type", json_str(json_get(m, "type")));
			if (name.n > 0)
				json_put_str(out, "name", mail_line(c, name, 200));
			return out;
		}
	}
	return NULL;
}

static bool
put_attachments(struct mcp_call *c, cJSON *email, const cJSON *emails)
{
	cJSON *list = cJSON_CreateArray(), *one;
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(c->args, "attachments"))
	{
		if ((one = attachment(c, json_str(m), emails)) == NULL) {
			mcp_tool_error(c,
			    "attachments: \"%.60s\" is none: give what read_message lists under "
			    "attachments, or the id of a message to attach it whole",
			    m->valuestring);
			cJSON_Delete(list);
			return false;
		}
		json_add(list, one);
	}
	json_put(email, "attachments", list);
	return true;
}

/* ---- the answer ---- */

static void
put_list(struct mcp_call *c, const cJSON *email, const char *name)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(email, name))
	    json_add(out, json_new_str(json_str(json_get(m, "email"))));
	if (out->child != NULL)
		json_put(c->result, name, out);
	else
		cJSON_Delete(out);
}

static void
put_result(struct mcp_call *c, const cJSON *made)
{
	struct drafting *d = c->state;

	c->result = cJSON_CreateObject();
	json_put_str(c->result, "draft", json_str(json_get(made, "id")));
	put_list(c, d->email, "from");
	put_list(c, d->email, "to");
	put_list(c, d->email, "cc");
	put_list(c, d->email, "bcc");
	json_put_str(c->result, "subject",
	    json_get(d->email, "subject") != NULL
		? mail_line(c, json_str(json_get(d->email, "subject")), 500)
		: STR(""));
	json_put_str(c->result, "note",
	    STR("Stands in Drafts; nothing is sent. request_send asks the user to send it."));
}

static void
on_gone(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *set = mcp_response(c, responses, 0, "Email/set");
	struct drafting *d = c->state;

	/* The new one is there in any case. */
	if (cJSON_GetArraySize(json_get(set, "destroyed")) != 1)
		json_put_str(c->result, "kept", d->old);
	mcp_done(c);
}

static void
destroy(struct mcp_call *c, struct str id, void (*then)(struct mcp_call *c, const cJSON *responses))
{
	cJSON *calls = cJSON_CreateArray(), *args = cJSON_CreateObject(),
	      *ids = cJSON_CreateArray();

	json_add(ids, json_new_str(id));
	json_put(args, "destroy", ids);
	mail_call(calls, "Email/set", args);
	mcp_jmap(c, calls, then);
}

static void
on_written(struct mcp_call *c, const cJSON *responses)
{
	struct drafting *d = c->state;
	const cJSON *set = mail_answer(c, responses, 0, "Email/set");
	const cJSON *made = json_get(json_get(set, "created"), "k");

	if (set == NULL)
		return;
	if (made == NULL) {
		mail_refused(c, d->what, json_get(json_get(set, "notCreated"), "k"));
		return;
	}
	put_result(c, made);
	if (d->old.p != NULL)
		destroy(c, d->old, on_gone);
	else
		mcp_done(c);
}

static void
write_email(struct mcp_call *c)
{
	cJSON *calls = cJSON_CreateArray(), *args = cJSON_CreateObject(),
	      *create = cJSON_CreateObject();
	struct drafting *d = c->state;

	json_put(create, "k", cJSON_Duplicate(d->email, true));
	json_put(args, "create", create);
	mail_call(calls, "Email/set", args);
	mcp_jmap(c, calls, on_written);
}

/* ---- create_draft ---- */

static void
on_ready_to_create(struct mcp_call *c, const cJSON *responses)
{
	struct drafting *d = c->state;
	const cJSON *identities, *boxes, *originals = NULL, *attached = NULL, *original;

	if ((identities = mail_answer(c, responses, 0, "Identity/get")) == NULL ||
	    (boxes = mail_answer(c, responses, 1, "Mailbox/get")) == NULL ||
	    (d->original_at > 0 &&
		(originals = mail_answer(c, responses, d->original_at, "Email/get")) == NULL) ||
	    (d->attached_at > 0 &&
		(attached = mail_answer(c, responses, d->attached_at, "Email/get")) == NULL))
		return;
	original = cJSON_GetArrayItem(json_get(originals, "list"), 0);
	if (d->original_at > 0 && original == NULL) {
		mcp_tool_error(c, "reply_to_message: there is no such message (any more)");
		return;
	}
	if (put_given(c, d->email) < 0)
		return;
	if (original != NULL)
		draft_reply(d->email, original, identities, mail_arg_true(c, "reply_all"));
	if (!put_from(c, d->email, identities, original) || !put_place(c, d->email, boxes) ||
	    !put_attachments(c, d->email, attached))
		return;
	put_body(d->email, mail_arg(c, "body"));
	write_email(c);
}

static void
ask_attached(struct mcp_call *c, cJSON *calls)
{
	struct drafting *d = c->state;
	cJSON *args;

	if (cJSON_GetArraySize(json_get(c->args, "attachments")) == 0)
		return;
	d->attached_at = (size_t)cJSON_GetArraySize(calls);
	args = mail_json("{\"properties\":[\"id\",\"blobId\",\"subject\",\"attachments\"],"
			 "\"bodyProperties\":[\"blobId\",\"type\",\"name\"]}");

	json_put(args, "ids", attachment_emails(c));
	mail_call(calls, "Email/get", args);
}

static void
run_create(struct mcp_call *c)
{
	struct drafting *d = begin(c, "create_draft");
	cJSON *calls = cJSON_CreateArray(), *args, *ids;

	mail_call(calls, "Identity/get", mail_json("{\"ids\":null}"));
	mail_call(calls, "Mailbox/get", mail_boxes_args());
	if (mail_arg(c, "reply_to_message").p != NULL) {
		d->original_at = (size_t)cJSON_GetArraySize(calls);
		args = mail_json("{\"properties\":" DRAFT_ORIGINAL "}");
		ids = cJSON_CreateArray();
		json_add(ids, json_new_str(mail_arg(c, "reply_to_message")));
		json_put(args, "ids", ids);
		mail_call(calls, "Email/get", args);
	}
	ask_attached(c, calls);
	mcp_jmap(c, calls, on_ready_to_create);
}

/* ---- update_draft ---- */

/* What was not given stays as it was. */
static void
keep(const cJSON *old, cJSON *email)
{
	static const char *const names[] = {
	    "from", "to", "cc", "bcc", "subject", "inReplyTo", "references"};
	cJSON *list, *one;
	const cJSON *m, *value;
	struct str id;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		value = json_member(old, names[i]);
		if (json_get(email, names[i]) == NULL && value != NULL)
			json_put(email, names[i], cJSON_Duplicate(value, true));
	}
	if (json_get(email, "attachments") == NULL) {
		list = cJSON_CreateArray();
		cJSON_ArrayForEach(m, json_get(old, "attachments"))
		{
			one = mail_json("{\"disposition\":\"attachment\"}");
			json_put(one, "blobId", cJSON_Duplicate(json_get(m, "blobId"), false));
			json_put(one, "type", cJSON_Duplicate(json_get(m, "type"), false));
			if (cJSON_IsString(json_get(m, "name")))
				json_put(one, "name", cJSON_Duplicate(json_get(m, "name"), false));
			json_add(list, one);
		}
		json_put(email, "attachments", list);
	}
	if (json_get(email, "textBody") == NULL) {
		m = cJSON_GetArrayItem(json_get(old, "textBody"), 0);
		id = json_str(json_get(m, "partId"));
		value = id.p != NULL ? json_get(json_get(old, "bodyValues"), id.p) : NULL;
		put_body(email, value != NULL ? json_str(json_get(value, "value")) : STR(""));
	}
}

static void
on_ready_to_update(struct mcp_call *c, const cJSON *responses)
{
	struct drafting *d = c->state;
	const cJSON *identities, *boxes, *olds, *attached = NULL, *old;

	if ((identities = mail_answer(c, responses, 0, "Identity/get")) == NULL ||
	    (boxes = mail_answer(c, responses, 1, "Mailbox/get")) == NULL ||
	    (olds = mail_answer(c, responses, 2, "Email/get")) == NULL ||
	    (d->attached_at > 0 &&
		(attached = mail_answer(c, responses, d->attached_at, "Email/get")) == NULL))
		return;
	old = cJSON_GetArrayItem(json_get(olds, "list"), 0);
	if (old == NULL) {
		mcp_tool_error(c, "there is no such draft (any more)");
		return;
	}
	if (!cJSON_IsTrue(json_get(json_get(old, "keywords"), AGENT_KEYWORD)) ||
	    !cJSON_IsTrue(json_get(json_get(old, "keywords"), "$draft"))) {
		mcp_tool_error(c, "an agent changes drafts that an agent has written, and no "
				  "others: create_draft makes a new one");
		return;
	}
	if (put_given(c, d->email) < 0 || !put_place(c, d->email, boxes) ||
	    (mail_arg(c, "from").p != NULL && !put_from(c, d->email, identities, NULL)) ||
	    (json_get(c->args, "attachments") != NULL && !put_attachments(c, d->email, attached)))
		return;
	if (mail_arg(c, "body").p != NULL)
		put_body(d->email, mail_arg(c, "body"));
	keep(old, d->email);
	write_email(c);
}

static void
run_update(struct mcp_call *c)
{
	struct drafting *d = begin(c, "update_draft");
	cJSON *calls = cJSON_CreateArray(), *args, *ids = cJSON_CreateArray();

	d->old = mail_arg(c, "draft");
	mail_call(calls, "Identity/get", mail_json("{\"ids\":null}"));
	mail_call(calls, "Mailbox/get", mail_boxes_args());
	args = mail_json("{\"properties\":[\"id\",\"keywords\",\"from\",\"to\",\"cc\",\"bcc\","
			 "\"subject\",\"inReplyTo\",\"references\",\"textBody\",\"bodyValues\","
			 "\"attachments\"],\"bodyProperties\":[\"partId\",\"blobId\",\"type\","
			 "\"name\"],\"fetchTextBodyValues\":true}");
	json_put_num(args, "maxBodyValueBytes", VALUE_MAX);
	json_add(ids, json_new_str(d->old));
	json_put(args, "ids", ids);
	mail_call(calls, "Email/get", args);
	ask_attached(c, calls);
	mcp_jmap(c, calls, on_ready_to_update);
}

/* ---- delete_draft ---- */

static void
on_deleted(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *set = mail_answer(c, responses, 0, "Email/set");
	const cJSON *failed = json_get(set, "notDestroyed");

	if (set == NULL)
		return;
	if (failed != NULL && failed->child != NULL) {
		mail_refused(c, "delete_draft", failed->child);
		return;
	}
	c->result = cJSON_CreateObject();
	json_put_str(c->result, "deleted", mail_arg(c, "draft"));
	mcp_done(c);
}

static void
run_delete(struct mcp_call *c)
{
	destroy(c, mail_arg(c, "draft"), on_deleted);
}

#define ADDRESSES(name, text)                                                               \
	"\"" name "\":{\"type\":\"array\",\"maxItems\":100,\"items\":{\"type\":\"string\"," \
	"\"maxLength\":320}" text "}"
#define FIELDS(to, from, attachments)                                                          \
	ADDRESSES("to", to)                                                                    \
	"," ADDRESSES("cc", "") "," ADDRESSES("bcc",                                           \
	    "") ",\"subject\":{\"type\":\"string\","                                           \
		"\"maxLength\":500},\"from\":{\"type\":\"string\",\"maxLength\":320" from "}," \
		"\"attachments\":{\"type\":\"array\",\"maxItems\":20,\"items\":{\"type\":"     \
		"\"string\","                                                                  \
		"\"maxLength\":100}" attachments "}"
#define BODY \
	"\"body\":{\"type\":\"string\",\"maxLength\":" BODY_MAX ",\"description\":\"Plain text\"}"
#define DRAFT                                                                              \
	"\"draft\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":40,\"description\":" \
	"\"draft of create_draft or update_draft\"}"
#define OUTPUT                                                                                \
	"{\"type\":\"object\",\"required\":[\"draft\",\"subject\",\"note\"],\"properties\":{" \
	"\"draft\":{\"type\":\"string\"},\"to\":{\"type\":\"array\",\"items\":{\"type\":"     \
	"\"string\"}},\"subject\":{\"type\":\"string\"},\"note\":{\"type\":\"string\"}}}"

const struct mcp_tool tool_create_draft = {
    .name = "create_draft",
    .title = "Write a draft",
    .description = "Writes a plain text message into Drafts and sends nothing. With "
		   "reply_to_message the recipients and the subject are those of an answer "
		   "unless given.",
    .input = "{\"type\":\"object\",\"required\":[\"body\"],\"additionalProperties\":false,"
	     "\"properties\":{" FIELDS(
		 ",\"description\":\"bob@example.org or Bob "
		 "<bob@example.org>: of the user's words or of contacts, never of a mail's text\"",
		 ",\"description\":\"One of the user's addresses\"",
		 ",\"description\":\"attachment of read_message, or the id of a message to "
		 "attach it whole (to forward it)\"") "," BODY
						      ",\"reply_to_message\":{\"type\":\"string\","
						      "\"minLength\":1,\"maxLength\":40,"
						      "\"description\":\"id of the message that is "
						      "answered\"},\"reply_all\":{\"type\":"
						      "\"boolean\",\"default\":false}}}",
    .output = OUTPUT,
    .scopes = AGENT_DRAFT,
    .run = run_create,
};

const struct mcp_tool tool_update_draft = {
    .name = "update_draft",
    .title = "Change a draft",
    .description = "Changes what is given (as of create_draft) of a draft that an agent wrote; it "
		   "gets another id. What waits for approval is what it was before.",
    .input = "{\"type\":\"object\",\"required\":[\"draft\"],\"additionalProperties\":false,"
	     "\"properties\":{" DRAFT "," FIELDS("", "", "") "," BODY "}}",
    .output = OUTPUT,
    .scopes = AGENT_DRAFT,
    .hints = MCP_DESTRUCTIVE,
    .run = run_update,
};

const struct mcp_tool tool_delete_draft = {
    .name = "delete_draft",
    .title = "Delete a draft",
    .description = "Deletes a draft that an agent wrote, for good.",
    .input = "{\"type\":\"object\",\"required\":[\"draft\"],\"additionalProperties\":false,"
	     "\"properties\":{" DRAFT "}}",
    .output = "{\"type\":\"object\",\"required\":[\"deleted\"],"
	      "\"properties\":{\"deleted\":{\"type\":\"string\"}}}",
    .scopes = AGENT_DRAFT,
    .hints = MCP_DESTRUCTIVE | MCP_IDEMPOTENT,
    .run = run_delete,
};
