/*
 * resource.c - see resource.h.
 *
 * Reading is what the tools do: the address becomes their arguments, and what they say in text the
 * contents (mail_done()).
 */
#include "mcpd/resource.h"

#include "base/mem.h"
#include "base/num.h"
#include "mcpd/mail.h"
#include "mcpd/method.h"
#include "mcpd/tools.h"

#define SCHEME  STR("mail://")
#define URI_MAX 600u
#define PAGE    100u
#define TTL_MS  60000

static const struct kind {
	const char *name, *template, *title, *description;
	const struct mcp_tool *tool;
} kinds[] = {
    {"mailbox", "mail://mailbox/{name}", "A mailbox", "Its newest conversations",
	&tool_list_threads},
    {"message", "mail://message/{id}", "A message", "What it says, as text", &tool_read_message},
    {"thread", "mail://thread/{message}", "A conversation",
	"The messages of the conversation that a message is in", &tool_read_thread},
    {"attachment", "mail://attachment/{attachment}", "An attachment",
	"Its text, where it has some; read_message lists attachments", &tool_read_attachment_text},
};

/* ---- addresses ---- */

static bool
is_plain(char c)
{
	return is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '~';
}

static void
put_escaped(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		if (is_plain(s.p[i]))
			buf_putc(out, s.p[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)s.p[i]);
	}
}

/* RFC 3986 2.1; -1: it is no escape, or none of text. */
static int
unescape(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int octet = s.p[i] == '%' ? num_hex_octet(s, i + 1) : s.p[i];

		if (s.p[i] == '%' && (i + 2 >= s.n || octet < 0))
			return -1;
		buf_putc(out, (char)octet);
		i += s.p[i] == '%' ? 2 : 0;
	}
	return str_is_utf8(buf_view(out)) && out->n > 0 ? 0 : -1;
}

/* "mail://message/e…": its kind, and *what unescaped. NULL: it is none of ours. */
static const struct kind *
parse(struct str uri, struct buf *what)
{
	struct str name;

	if (uri.n > URI_MAX || !str_istarts(uri, SCHEME))
		return NULL;
	uri = str_from(uri, SCHEME.n);
	if (!str_cut(&uri, '/', &name) || unescape(uri, what) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_ieq_z(name, kinds[i].name))
			return &kinds[i];
	return NULL;
}

bool
mcp_resource_known(struct str uri)
{
	struct buf what;
	bool known;

	buf_init(&what, URI_MAX + 1);
	known = parse(uri, &what) != NULL;
	buf_free(&what);
	return known;
}

/* ---- resources/templates/list ---- */

void
mcp_resource_templates(struct mcp_call *c)
{
	cJSON *list = cJSON_CreateArray(), *one;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		one = cJSON_CreateObject();
		json_put_str(one, "uriTemplate", str_z(kinds[i].template));
		json_put_str(one, "name", str_z(kinds[i].name));
		json_put_str(one, "title", str_z(kinds[i].title));
		json_put_str(one, "description", str_z(kinds[i].description));
		json_put_str(one, "mimeType", STR("text/plain"));
		json_add(list, one);
	}
	c->result = cJSON_CreateObject();
	json_put(c->result, "resourceTemplates", list);
	mcp_cacheable(c, 3600000, "public");
	mcp_done(c);
}

/* ---- resources/list: mailboxes ---- */

struct listing {
	uint64_t from;
};

static void
on_boxes(struct mcp_call *c, const cJSON *responses)
{
	const cJSON *answer = mcp_response(c, responses, 0, "Mailbox/get");
	const struct listing *l = c->state;
	cJSON *list, *one;
	struct search boxes;
	struct buf uri;
	size_t i;

	if (answer == NULL) {
		mcp_fail_call(c, MCP_INTERNAL_ERROR, "%s", c->why);
		return;
	}
	mail_boxes(c, answer, &boxes);
	list = cJSON_CreateArray();
	buf_init(&uri, 4 * URI_MAX);
	for (i = (size_t)l->from; i < boxes.nboxes && i < l->from + PAGE; i++) {
		const struct search_box *b = &boxes.boxes[i];

		buf_reset(&uri);
		buf_puts(&uri, "mail://mailbox/");
		put_escaped(b->role.n > 0 ? b->role : b->id, &uri);
		one = cJSON_CreateObject();
		json_put_str(one, "uri", buf_view(&uri));
		json_put_str(one, "name", mail_line(c, b->name, 200));
		json_put_str(one, "mimeType", STR("text/plain"));
		json_add(list, one);
	}
	buf_free(&uri);
	c->result = cJSON_CreateObject();
	json_put(c->result, "resources", list);
	if (i < boxes.nboxes)
		json_put_str(c->result, "nextCursor", arena_printf(&c->arena, "%zu", i));
	mcp_cacheable(c, TTL_MS, "private");
	mcp_done(c);
}

void
mcp_resources_list(struct mcp_call *c)
{
	struct listing *l = arena_new(&c->arena, struct listing);
	const cJSON *cursor = json_member(c->args, "cursor");
	cJSON *calls;

	if (cursor != NULL && num_parse(json_str(cursor), 1, 100000, &l->from) < 0) {
		mcp_fail_call(c, MCP_INVALID_PARAMS, "no such cursor");
		return;
	}
	c->state = l;
	calls = cJSON_CreateArray();
	mail_call(calls, "Mailbox/get", mail_boxes_args());
	mcp_jmap(c, calls, on_boxes);
}

/* ---- resources/read ---- */

static void
free_args(void *arg)
{
	cJSON_Delete(arg);
}

/* The email that an attachment's blob is of. */
static struct str
message_of(struct str blob)
{
	if (str_starts(blob, STR("b")))
		blob = str_from(blob, 1);
	return str_sub(blob, 0, str_chr(blob, '-'));
}

void
mcp_resources_read(struct mcp_call *c)
{
	struct str uri = json_str(json_get(c->args, "uri"));
	const struct kind *k;
	cJSON *args;
	struct buf what;

	buf_init(&what, URI_MAX + 1);
	if ((k = parse(uri, &what)) == NULL) {
		buf_free(&what);
		mail_none(c, "there is no such resource");
		return;
	}
	args = cJSON_CreateObject();
	arena_defer(&c->arena, free_args, args);
	if (k->tool == &tool_list_threads)
		json_put_str(args, "mailbox", buf_view(&what));
	else if (k->tool == &tool_read_attachment_text)
		json_put_str(args, "attachment", buf_view(&what));
	if (k->tool != &tool_list_threads)
		json_put_str(args, "message", message_of(buf_view(&what)));
	buf_free(&what);
	c->args = args;
	k->tool->run(c);
}
