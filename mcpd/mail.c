/*
 * mail.c - see mail.h.
 */
#include "mcpd/mail.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "mcpd/method.h"
#include "svc/svc.h"

#define PERSON_MAX  160u
#define RESOURCE_MS 10000 /* how long a client may keep what it has read */

/* ---- invocations ---- */

void
mail_call(cJSON *calls, const char *method, cJSON *args)
{
	cJSON *call = cJSON_CreateArray();
	char id[16];

	snprintf(id, sizeof id, "%d", cJSON_GetArraySize(calls));
	json_add(call, json_new_str(str_z(method)));
	json_add(call, args);
	json_add(call, json_new_str(str_z(id)));
	json_add(calls, call);
}

cJSON *
mail_json(const char *text)
{
	cJSON *v = cJSON_Parse(text);

	assume(v != NULL);
	return v;
}

void
mail_ref(cJSON *args, const char *name, const cJSON *calls, size_t of, const char *path)
{
	const cJSON *call = cJSON_GetArrayItem(calls, (int)of);
	cJSON *ref = cJSON_CreateObject();
	char id[16];

	snprintf(id, sizeof id, "%zu", of);
	json_put_str(ref, "resultOf", str_z(id));
	json_put_str(ref, "name", json_str(cJSON_GetArrayItem(call, 0)));
	json_put_str(ref, "path", str_z(path));
	json_put(args, name, ref);
}

const cJSON *
mail_answer(struct mcp_call *c, const cJSON *responses, size_t i, const char *method)
{
	const cJSON *answer = mcp_response(c, responses, i, method);

	if (answer == NULL)
		mcp_tool_error(c, "%s", c->why);
	return answer;
}

void
mail_done(struct mcp_call *c)
{
	cJSON *list, *one;
	struct buf text;

	if (c->tool != NULL) {
		mcp_done(c);
		return;
	}
	buf_init(&text, MCP_TEXT_MAX);
	if (c->text.n == 0)
		json_print(c->result, &text);
	list = cJSON_CreateArray();
	one = cJSON_CreateObject();
	json_put_str(one, "uri", json_str(json_get(c->request->message.params, "uri")));
	json_put_str(one, "mimeType", c->text.n > 0 ? STR("text/plain") : STR("application/json"));
	json_put_str(one, "text", buf_view(c->text.n > 0 ? &c->text : &text));
	json_add(list, one);
	buf_free(&text);
	cJSON_Delete(c->result);
	c->result = cJSON_CreateObject();
	json_put(c->result, "contents", list);
	mcp_cacheable(c, RESOURCE_MS, "private");
	mcp_done(c);
}

void
mail_none(struct mcp_call *c, const char *text)
{
	if (c->tool != NULL)
		mcp_tool_error(c, "%s", text);
	else
		mcp_fail_call(c,
		    c->request->message.modern ? MCP_INVALID_PARAMS : MCP_RESOURCE_NOT_FOUND, "%s",
		    text);
}

void
mail_refused(struct mcp_call *c, const char *what, const cJSON *error)
{
	struct str type = json_str(json_get(error, "type"));
	struct str why = json_str(json_get(error, "description"));

	if (str_eq_z(type, "notFound"))
		mcp_tool_error(
		    c, "%s: there is no such message (any more); list or search again", what);
	else
		mcp_tool_error(c, "%s: " STR_FMT "%s" STR_FMT, what, STR_ARG(type),
		    why.n > 0 ? ": " : "", STR_ARG(why));
}

struct str
mail_arg(const struct mcp_call *c, const char *name)
{
	return json_str(json_get(c->args, name));
}

bool
mail_arg_true(const struct mcp_call *c, const char *name)
{
	return cJSON_IsTrue(json_get(c->args, name));
}

int64_t
mail_arg_int(const struct mcp_call *c, const char *name, int64_t fallback)
{
	int64_t n;

	return json_int(json_get(c->args, name), 0, JSON_INT_MAX, &n) == 0 ? n : fallback;
}

/* ---- mailboxes ---- */

cJSON *
mail_boxes_args(void)
{
	return mail_json("{\"ids\":null,\"properties\":[\"id\",\"name\",\"role\",\"parentId\"]}");
}

/* "+02:00", where the client has told an offset; a name of a zone would need files. */
static int32_t
zone_of(struct str zone)
{
	if (zone.n != 6 || (zone.p[0] != '+' && zone.p[0] != '-') || zone.p[3] != ':')
		return 0;
	for (size_t i = 1; i < 6; i++)
		if (i != 3 && !is_digit(zone.p[i]))
			return 0;
	return (zone.p[0] == '-' ? -1 : 1) * (((zone.p[1] - '0') * 10 + zone.p[2] - '0') * 60 +
						 (zone.p[4] - '0') * 10 + zone.p[5] - '0');
}

void
mail_boxes(struct mcp_call *c, const cJSON *response, struct search *out)
{
	const cJSON *list = json_get(response, "list"), *m;
	struct search_box *boxes =
	    arena_array(&c->arena, (size_t)cJSON_GetArraySize(list) + 1, sizeof *boxes);

	*out =
	    (struct search){.boxes = boxes, .now = clock_wall(), .zone = zone_of(c->agent->zone)};
	cJSON_ArrayForEach(m, list) boxes[out->nboxes++] =
	    (struct search_box){.id = arena_dup(&c->arena, json_str(json_get(m, "id"))),
		.name = arena_dup(&c->arena, json_str(json_get(m, "name"))),
		.role = arena_dup(&c->arena, json_str(json_get(m, "role")))};
}

const struct search_box *
mail_box(struct mcp_call *c, const struct search *boxes, struct str named)
{
	const struct search_box *box = search_box(boxes, named);
	struct buf names;

	if (box != NULL)
		return box;
	if (c->tool == NULL) {
		mail_none(c, "there is no mailbox of that name");
		return NULL;
	}
	buf_init(&names, 600);
	for (size_t i = 0; i < boxes->nboxes && names.n < 500; i++) {
		buf_puts(&names, i > 0 ? ", " : "");
		fence_line(boxes->boxes[i].name, 60, &names);
	}
	mcp_tool_error(c,
	    "there is no mailbox of that name or id, and agents make none. There are: %s",
	    names.n > 0 ? names.p : "none");
	buf_free(&names);
	return NULL;
}

/* ---- what mail said ---- */

void
mail_seen(struct mcp_call *c, struct str text, struct str email, const char *where)
{
	if (text.n == 0)
		return;
	if (c->agent->origins == NULL)
		c->agent->origins = origins_new();
	origins_see(c->agent->origins, text, email, where);
}

struct verdict_read
mail_verdict(const cJSON *email)
{
	const cJSON *all = json_get(email, "header:Authentication-Results:asRaw:all");
	struct verdict_read v;

	verdict_read(
	    json_str(cJSON_GetArrayItem(all, 0)), conf_str(svc_conf(), CONF_SERVER_HOST_NAME), &v);
	return v;
}

struct str
mail_sender(const cJSON *email)
{
	struct str s = json_str(json_get(cJSON_GetArrayItem(json_get(email, "from"), 0), "email"));

	return s.p != NULL ? s : STR("");
}

/* Octets that a string takes in JSON. */
static size_t
printed(struct str s)
{
	size_t n = s.n;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '"' || s.p[i] == '\\';
	return n;
}

struct str
mail_line(struct mcp_call *c, struct str text, size_t max)
{
	struct str line;
	struct buf out;

	buf_init(&out, max + 1);
	fence_line(text, max, &out);
	line = arena_dup(&c->arena, buf_view(&out));
	buf_free(&out);
	while (printed(line) > max)
		line = str_cut_utf8(line, line.n - 1);
	return line;
}

struct str
mail_subject(struct mcp_call *c, const cJSON *email, size_t max)
{
	struct str subject = json_str(json_get(email, "subject"));

	mail_seen(c, subject, json_str(json_get(email, "id")), "subject");
	return mail_line(c, subject, max);
}

struct str
mail_person(
    struct mcp_call *c, const cJSON *address, struct str email, const char *where, size_t max)
{
	struct str name = json_str(json_get(address, "name"));
	struct str at = json_str(json_get(address, "email"));
	struct buf both;
	struct str out;

	mail_seen(c, name, email, "name");
	if (strcmp(where, "from") != 0)
		mail_seen(c, at, email, where);
	buf_init(&both, SIZE_MAX / 2);
	/* The address as a whole, of the name what there is room for. */
	at = mail_line(c, at, max);
	name = max > at.n + 8 ? mail_line(c, name, max - at.n - 3) : STR("");
	if (name.n > 0)
		buf_printf(&both, STR_FMT " <" STR_FMT ">", STR_ARG(name), STR_ARG(at));
	else
		buf_str(&both, at);
	out = arena_dup(&c->arena, buf_view(&both));
	buf_free(&both);
	return out;
}

cJSON *
mail_people(struct mcp_call *c, const cJSON *list, struct str email, const char *where)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *m;
	unsigned n = 0;

	cJSON_ArrayForEach(m, list)
	{
		if (n++ == MAIL_LIST_MAX)
			break;
		json_add(out, json_new_str(mail_person(c, m, email, where, PERSON_MAX)));
	}
	return out;
}

void
mail_begin(
    struct mcp_call *c, const struct fence *f, const char *what, const cJSON *email, cJSON *out)
{
	struct verdict_read v = mail_verdict(email);
	struct buf line;

	(void)c;
	buf_init(&line, 1000);
	fence_begin(f, what, email != NULL ? mail_sender(email) : STR_NONE,
	    email != NULL ? &v : NULL, &line);
	json_put_str(out, "begin", buf_view(&line));
	buf_free(&line);
}

void
mail_end(struct mcp_call *c, const struct fence *f, cJSON *out)
{
	struct buf line;

	(void)c;
	buf_init(&line, 100);
	fence_end(f, &line);
	json_put_str(out, "end", buf_view(&line));
	buf_free(&line);
}

/* ---- rows ---- */

static bool
has_keyword(const cJSON *email, const char *name)
{
	return cJSON_IsTrue(json_get(json_get(email, "keywords"), name));
}

/* In Sent or Drafts: who it is to says more. */
static bool
is_own(const cJSON *email, const struct search *boxes)
{
	const cJSON *in = json_get(email, "mailboxIds"), *m;

	cJSON_ArrayForEach(m, in) for (size_t i = 0; boxes != NULL && i < boxes->nboxes; i++)
	{
		struct str role = boxes->boxes[i].role;

		if (str_eq(boxes->boxes[i].id, json_name(m)) &&
		    (str_eq_z(role, "sent") || str_eq_z(role, "drafts")))
			return true;
	}
	return false;
}

cJSON *
mail_row(struct mcp_call *c, const cJSON *email, const struct search *boxes, size_t n)
{
	bool own = is_own(email, boxes);
	const char *who = own ? "to" : "from";
	struct str id = json_str(json_get(email, "id"));
	size_t room = MAIL_LIST_ROOM / num_max(n, 1);
	cJSON *out = cJSON_CreateObject();

	json_put_str(out, "id", id);
	json_put_str(out, "thread", json_str(json_get(email, "threadId")));
	json_put_str(out, who,
	    mail_person(
		c, cJSON_GetArrayItem(json_get(email, who), 0), id, who, room < 500 ? 56 : 100));
	json_put_str(out, "subject", mail_subject(c, email, room < 500 ? 62 : 150));
	json_put_str(out, "date", json_str(json_get(email, "receivedAt")));
	json_put_str(out, "auth", str_z(verdict_name(mail_verdict(email).verdict)));
	if (!has_keyword(email, "$seen"))
		json_put_bool(out, "unread", true);
	if (has_keyword(email, "$flagged"))
		json_put_bool(out, "flagged", true);
	if (has_keyword(email, "$draft"))
		json_put_bool(out, "draft", true);
	if (cJSON_IsTrue(json_get(email, "hasAttachment")))
		json_put_bool(out, "attachments", true);
	return out;
}
