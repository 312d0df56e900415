/*
 * tool_mailboxes.c - list_mailboxes: the folders of the user's mail (RFC 8621 2).
 */
#include "mcpd/tool.h"

static void
put_box(cJSON *list, const cJSON *box)
{
	cJSON *v = cJSON_CreateObject();
	static const char *const kept[] = {"id", "name", "parentId", "role"};
	int64_t n;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (json_member(box, kept[i]) != NULL)
			json_put_str(v, kept[i], json_str(json_get(box, kept[i])));
	if (json_int(json_get(box, "totalEmails"), 0, JSON_INT_MAX, &n) == 0)
		json_put_num(v, "total", n);
	if (json_int(json_get(box, "unreadEmails"), 0, JSON_INT_MAX, &n) == 0)
		json_put_num(v, "unread", n);
	json_add(list, v);
}

static void
got(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *args = mcp_response(c, responses, 0, "Mailbox/get"), *box;
	cJSON *list;

	if (args == NULL) {
		mcp_tool_error(c, "the mailboxes cannot be listed: %s", c->why);
		return;
	}
	list = cJSON_CreateArray();
	cJSON_ArrayForEach(box, json_get(args, "list")) put_box(list, box);
	c->result = cJSON_CreateObject();
	json_put(c->result, "mailboxes", list);
	mcp_done(c);
}

static void
run(struct mcp_call *c)
{
	cJSON *calls =
	    cJSON_Parse("[[\"Mailbox/get\",{\"ids\":null,\"properties\":[\"id\",\"name\","
			"\"parentId\",\"role\",\"totalEmails\",\"unreadEmails\"]},\"0\"]]");

	mcp_jmap(c, calls, got);
}

const struct mcp_tool tool_list_mailboxes = {
    .name = "list_mailboxes",
    .title = "List mailboxes",
    .description =
	"The user's mailboxes (folders): id, name, parentId, role (inbox, archive, drafts, sent, "
	"trash, junk), and how many messages are in each: total, unread.",
    .input = "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}",
    .output =
	"{\"type\":\"object\",\"required\":[\"mailboxes\"],\"properties\":{\"mailboxes\":{"
	"\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"id\",\"name\"]}}}}",
    .scopes = AGENT_READ,
    .hints = MCP_READ_ONLY,
    .run = run,
};
