/*
 * tool_vacation.c - set_vacation: the user is asked to turn the automatic answer on or off (RFC
 * 8621 8). What is sent in the user's name to others is for a human to approve.
 */
#include "mail/date.h"
#include "mcpd/approve.h"
#include "mcpd/mail.h"
#include "mcpd/tools.h"

static void
put_nothing(struct mcp_call *c, const cJSON *approval)
{
	(void)c;
	(void)approval;
}

static void
on_asked(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *set = mail_answer(c, responses, 0, "Approval/set");
	const cJSON *made = json_get(json_get(set, "created"), "k");

	if (set == NULL)
		return;
	if (made == NULL)
		mail_refused(c, "set_vacation", json_get(json_get(set, "notCreated"), "k"));
	else
		approve_tell(c, made, put_nothing);
}

/* With any offset, as UTC (RFC 8620 1.4); false: the call has ended. Not given: no such end. */
static bool
put_date(struct mcp_call *c, const char *argument, const char *property, cJSON *out)
{
	struct str given = mail_arg(c, argument);
	char text[DATE_RFC3339_SIZE];
	struct date date;

	if (given.p == NULL) {
		json_put(out, property, cJSON_CreateNull());
		return true;
	}
	if (date_rfc3339_parse(given, &date) < 0 || date_rfc3339(date.utc, 0, text)[0] == '\0') {
		mcp_tool_error(c, "%s: a date and time like 2026-08-01T00:00:00Z", argument);
		return false;
	}
	json_put_str(out, property, str_z(text));
	return true;
}

static void
run(struct mcp_call *c)
{
	cJSON *patch, *one, *create, *args, *calls;
	bool on = mail_arg_true(c, "enabled");

	if (approve_again(c, put_nothing))
		return;
	patch = cJSON_CreateObject();
	json_put_bool(patch, "isEnabled", on);
	if (on &&
	    (!put_date(c, "from", "fromDate", patch) || !put_date(c, "until", "toDate", patch))) {
		cJSON_Delete(patch);
		return;
	}
	if (mail_arg(c, "subject").p != NULL)
		json_put_str(patch, "subject", mail_arg(c, "subject"));
	if (mail_arg(c, "body").p != NULL)
		json_put_str(patch, "textBody", mail_arg(c, "body"));
	one = cJSON_CreateObject();
	json_put_str(one, "action", STR("vacation"));
	json_put(one, "vacation", patch);
	create = cJSON_CreateObject();
	json_put(create, "k", one);
	args = cJSON_CreateObject();
	json_put(args, "create", create);
	calls = cJSON_CreateArray();
	mail_call(calls, "Approval/set", args);
	mcp_jmap(c, calls, on_asked);
}

const struct mcp_tool tool_set_vacation = {
    .name = "set_vacation",
    .title = "Automatic answer",
    .description = "Asks the user to turn the automatic answer of who is away on or off; the user "
		   "approves it first.",
    .input = "{\"type\":\"object\",\"required\":[\"enabled\"],\"additionalProperties\":false,"
	     "\"properties\":{\"enabled\":{\"type\":\"boolean\"},\"subject\":{\"type\":\"string\","
	     "\"maxLength\":500},\"body\":{\"type\":\"string\",\"maxLength\":20000,"
	     "\"description\":\"Plain text\"},\"from\":{\"type\":\"string\",\"maxLength\":40,"
	     "\"description\":\"2026-08-01T00:00:00Z; not given: at once\"},\"until\":{\"type\":"
	     "\"string\",\"maxLength\":40,\"description\":\"Not given: without end\"}}}",
    .output =
	"{\"type\":\"object\",\"required\":[\"approval\",\"state\"],\"properties\":{" APPROVE_SCHEMA
	"}}",
    .scopes = AGENT_SEND,
    .hints = MCP_IDEMPOTENT | MCP_OPEN_WORLD,
    .run = run,
};
