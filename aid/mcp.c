/* mcp.c - see mcp.h. */
#include "aid/mcp.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/stream.h"
#include "svc/build.h"
#include "json/json.h"

#define MCP_MAGIC  0x6d637063u
#define VERSION    "2026-07-28"
#define META       "io.modelcontextprotocol/"
#define HOLD       "x-gkmail/hold" /* mcpd/tool.h */
#define HELD       "x-gkmail/held"
#define VALUES_MAX 50000u
#define BEGIN_MS   30000u /* until it is ready */
#define OUT_MAX    (2u * MCP_LINE_MAX)
#define ERROR_TEXT 500u

enum state {
	ASKED,  /* server/discover */
	LISTED, /* tools/list, page by page */
	READY,
	LOST
};

struct call {
	uint64_t id;
	mcp_answer_fn fn;
	void *arg;
	struct mcp *m;
	struct loop_timer *timer;
	TAILQ_ENTRY(call) link;
};

struct mcp {
	unsigned magic;
	const struct mcp_events *events;
	void *arg;
	struct stream *stream;
	enum state state;
	uint64_t last_id;
	uint64_t asked; /* the request of ours that is under way before it is ready */
	struct loop_timer *timer;
	cJSON *tools; /* an array */
	TAILQ_HEAD(, call) calls;
	size_t ncalls;
	bool busy, freed;
};

/* ---- what is said ---- */

static void
put_line(struct mcp *m, cJSON *message)
{
	struct buf b;

	buf_init(&b, MCP_LINE_MAX);
	json_print(message, &b);
	cJSON_Delete(message);
	if (!b.over && buf_putc(&b, '\n') == 0)
		stream_write(m->stream, b.p, b.n);
	buf_free(&b);
}

/* Every request says who asks, and what that can do (basic, "_meta"). */
static cJSON *
new_meta(void)
{
	cJSON *meta = cJSON_CreateObject(), *info = cJSON_CreateObject();

	json_put_str(meta, META "protocolVersion", STR(VERSION));
	json_put_str(info, "name", STR("gk-aid"));
	json_put_str(info, "version", str_z(build_version()));
	json_put(meta, META "clientInfo", info);
	json_put(meta, META "clientCapabilities", cJSON_CreateObject());
	return meta;
}

static cJSON *
new_message(const char *method, cJSON *params)
{
	cJSON *message = cJSON_CreateObject();

	json_put_str(message, "jsonrpc", STR("2.0"));
	json_put_str(message, "method", str_z(method));
	json_put(params, "_meta", new_meta());
	json_put(message, "params", params);
	return message;
}

static uint64_t
put_request(struct mcp *m, const char *method, cJSON *params, bool hold)
{
	cJSON *message = new_message(method, params);

	if (hold)
		json_put_bool((cJSON *)json_get(params, "_meta"), HOLD, true);
	json_put_num(message, "id", (int64_t)++m->last_id);
	put_line(m, message);
	return m->last_id;
}

/* server/utilities/cancellation */
static void
put_cancelled(struct mcp *m, uint64_t id)
{
	cJSON *params = cJSON_CreateObject();

	json_put_num(params, "requestId", (int64_t)id);
	put_line(m, new_message("notifications/cancelled", params));
}

/* ---- calls ---- */

static struct call *
call_find(struct mcp *m, uint64_t id)
{
	struct call *c;

	TAILQ_FOREACH (c, &m->calls, link)
		if (c->id == id)
			return c;
	return NULL;
}

static void
call_free(struct call *c)
{
	TAILQ_REMOVE(&c->m->calls, c, link);
	c->m->ncalls--;
	loop_timer_free(&c->timer);
	free(c);
}

static void
call_end(struct call *c, const struct mcp_answer *a)
{
	mcp_answer_fn fn = c->fn;
	void *arg = c->arg;

	call_free(c);
	fn(arg, a);
}

static void
call_fail(struct call *c, const char *code, struct str why)
{
	const struct mcp_answer a = {.failed = true, .code = code, .text = why};

	call_end(c, &a);
}

static void
on_late(void *arg)
{
	struct call *c = arg;

	OBJ(c->m, MCP_MAGIC);
	put_cancelled(c->m, c->id);
	call_fail(c, "timeout", STR("The tool took too long."));
}

/* ---- the end ---- */

/* Callbacks may free it: nothing is touched behind the last one. */
static void
lose(struct mcp *m, const struct err *e)
{
	struct call *c;
	bool outer = m->busy;

	if (m->state == LOST)
		return;
	m->state = LOST;
	m->busy = true;
	stream_pause(m->stream);
	loop_timer_stop(m->timer);
	while (!m->freed && (c = TAILQ_FIRST(&m->calls)) != NULL)
		call_fail(c, "lost", STR("The tools cannot be reached now."));
	if (!m->freed)
		m->events->failed(m->arg, e);
	m->busy = outer;
	if (m->freed && !outer)
		free(m);
}

static void
broken(struct mcp *m, const char *why)
{
	struct err e;

	err_set(&e, E_PROTO, "%s", why);
	lose(m, &e);
}

/* ---- results ---- */

/* The text of its content, one block after another. */
static void
take_text(const cJSON *content, struct buf *out)
{
	const cJSON *block;

	cJSON_ArrayForEach(block, content)
	{
		struct str text = json_str(json_get(block, "text"));

		if (!str_eq_z(json_str(json_get(block, "type")), "text"))
			continue;
		if (out->n > 0)
			(void)buf_putc(out, '\n');
		text = str_cut_utf8(text, MCP_TEXT_MAX - 1 - out->n);
		(void)buf_str(out, text);
		if (out->n + 4 >= MCP_TEXT_MAX)
			return;
	}
}

/* tools/call (server/tools, "Tool Result"). */
static void
call_result(struct call *c, const cJSON *result)
{
	struct str type = json_str(json_get(result, "resultType"));
	struct mcp_answer a = {.code = "ok"};
	struct buf text;

	if (type.n > 0 && !str_eq_z(type, "complete")) {
		call_fail(c, "refused", STR("The tool asks for what cannot be given here."));
		return;
	}
	buf_init(&text, MCP_TEXT_MAX);
	take_text(json_get(result, "content"), &text);
	a.text = buf_view(&text);
	a.data = json_member(result, "structuredContent");
	if (!cJSON_IsObject(a.data))
		a.data = NULL;
	if (cJSON_IsTrue(json_get(result, "isError"))) {
		a.failed = true;
		a.code = "tool";
	}
	a.held = json_member(json_get(result, "_meta"), HELD);
	if (cJSON_IsArray(a.held))
		a.code = "held";
	else
		a.held = NULL;
	call_end(c, &a);
	buf_free(&text);
}

static void
call_error(struct call *c, const cJSON *error)
{
	struct str why = json_str(json_get(error, "message"));

	call_fail(c, "refused", why.n > 0 ? str_cut_utf8(why, ERROR_TEXT) : STR("refused"));
}

/* ---- beginning ---- */

static void
ask_tools(struct mcp *m, struct str cursor)
{
	cJSON *params = cJSON_CreateObject();

	if (cursor.n > 0)
		json_put_str(params, "cursor", cursor);
	m->state = LISTED;
	m->asked = put_request(m, "tools/list", params, false);
}

static void
take_tools(struct mcp *m, cJSON *result)
{
	cJSON *tools = cJSON_GetObjectItemCaseSensitive(result, "tools"), *tool;
	struct str cursor = json_str(json_get(result, "nextCursor"));

	while ((tool = cJSON_DetachItemFromArray(tools, 0)) != NULL) {
		if (cJSON_GetArraySize(m->tools) >= (int)MCP_TOOLS_MAX ||
		    json_str(json_get(tool, "name")).n == 0)
			cJSON_Delete(tool);
		else
			json_add(m->tools, tool);
	}
	if (cursor.n > 0 && cJSON_GetArraySize(m->tools) < (int)MCP_TOOLS_MAX) {
		ask_tools(m, cursor);
		return;
	}
	m->state = READY;
	loop_timer_stop(m->timer);
	m->events->ready(m->arg);
}

/* server/discover: it must speak our version. */
static bool
speaks(const cJSON *result)
{
	const cJSON *versions = json_get(result, "supportedVersions"), *v;

	cJSON_ArrayForEach(v, versions) if (str_eq_z(json_str(v), VERSION)) return true;
	return false;
}

static void
begin_result(struct mcp *m, cJSON *result)
{
	if (!cJSON_IsObject(result))
		broken(m, "tools that cannot be listed");
	else if (m->state == LISTED)
		take_tools(m, result);
	else if (speaks(result))
		ask_tools(m, STR(""));
	else
		broken(m, "a server of another version");
}

/* ---- what is heard ---- */

/* A response; requests and notifications are none of ours: a server asks nothing of who declared
 * no capability. */
static void
take_message(struct mcp *m, cJSON *root)
{
	cJSON *result = cJSON_GetObjectItemCaseSensitive(root, "result");
	int64_t id;
	struct call *c;

	if (json_get(root, "method") != NULL ||
	    json_int(json_get(root, "id"), 1, INT64_MAX / 2, &id) < 0)
		return;
	if (m->state != READY) {
		if ((uint64_t)id == m->asked)
			begin_result(m, result);
	} else if ((c = call_find(m, (uint64_t)id)) != NULL) {
		if (cJSON_IsObject(result))
			call_result(c, result);
		else
			call_error(c, json_get(root, "error"));
	}
}

static void
take_line(struct mcp *m, struct str line)
{
	cJSON *root;

	line = str_trim(line);
	if (line.n == 0)
		return;
	root = json_parse(line, VALUES_MAX, NULL);
	if (cJSON_IsObject(root))
		take_message(m, root);
	else
		broken(m, "a line that is no message");
	cJSON_Delete(root);
}

static void
on_input(void *arg)
{
	struct mcp *m = arg;
	struct err e;

	OBJ(m, MCP_MAGIC);
	m->busy = true;
	while (!m->freed && m->state != LOST) {
		struct str in = stream_input(m->stream);
		size_t end = str_chr(in, '\n');

		if (end == in.n) {
			if (in.n >= MCP_LINE_MAX) {
				broken(m, "a line that is too long");
			} else if (stream_at_end(m->stream)) {
				err_set(&e, E_CLOSED, "the tools are gone");
				lose(m, &e);
			}
			break;
		}
		take_line(m, str_sub(in, 0, end));
		if (!m->freed)
			stream_consume(m->stream, end + 1);
	}
	m->busy = false;
	if (m->freed)
		free(m);
}

static void
on_closed(void *arg, const struct err *e)
{
	lose(arg, e);
}

static void
on_begin_late(void *arg)
{
	struct mcp *m = arg;
	struct err e;

	OBJ(m, MCP_MAGIC);
	err_set(&e, E_TIMEOUT, "no tools in time");
	lose(m, &e);
}

/* ---- the page ---- */

struct mcp *
mcp_new(int fd, const struct mcp_events *events, void *arg)
{
	static const struct stream_limits limits = {.in_max = MCP_LINE_MAX, .out_max = OUT_MAX};
	static const struct stream_events of_stream = {.input = on_input, .closed = on_closed};
	struct mcp *m = mem_alloc(sizeof(*m));

	m->magic = MCP_MAGIC;
	m->events = events;
	m->arg = arg;
	m->tools = cJSON_CreateArray();
	TAILQ_INIT(&m->calls);
	m->stream = stream_new(fd, &limits, &of_stream, m);
	m->timer = loop_timer_new(on_begin_late, m);
	loop_timer_set(m->timer, BEGIN_MS);
	stream_start(m->stream);
	m->asked = put_request(m, "server/discover", cJSON_CreateObject(), false);
	return m;
}

void
mcp_free(struct mcp **mp)
{
	struct mcp *m = *mp;
	struct call *c;

	if (m == NULL)
		return;
	OBJ(m, MCP_MAGIC);
	*mp = NULL;
	while ((c = TAILQ_FIRST(&m->calls)) != NULL)
		call_free(c);
	loop_timer_free(&m->timer);
	stream_free(&m->stream);
	cJSON_Delete(m->tools);
	m->magic = 0;
	m->freed = true;
	if (!m->busy)
		free(m);
}

bool
mcp_ready(const struct mcp *m)
{
	return m->state == READY;
}

const cJSON *
mcp_tools(const struct mcp *m)
{
	return m->tools;
}

const cJSON *
mcp_tool(const struct mcp *m, struct str name)
{
	const cJSON *tool;

	cJSON_ArrayForEach(
	    tool, m->tools) if (str_eq(json_str(json_get(tool, "name")), name)) return tool;
	return NULL;
}

uint64_t
mcp_call(struct mcp *m, const char *tool, cJSON *args, uint64_t ms, bool hold, mcp_answer_fn fn,
    void *arg)
{
	cJSON *params;
	struct call *c;

	if (m->state != READY || m->ncalls >= MCP_CALLS_MAX) {
		cJSON_Delete(args);
		return 0;
	}
	params = cJSON_CreateObject();
	json_put_str(params, "name", str_z(tool));
	json_put(params, "arguments", args != NULL ? args : cJSON_CreateObject());
	c = mem_alloc(sizeof(*c));
	c->m = m;
	c->fn = fn;
	c->arg = arg;
	c->timer = loop_timer_new(on_late, c);
	loop_timer_set(c->timer, ms);
	TAILQ_INSERT_TAIL(&m->calls, c, link);
	m->ncalls++;
	c->id = put_request(m, "tools/call", params, hold);
	return c->id;
}

void
mcp_cancel(struct mcp *m, uint64_t call)
{
	struct call *c = call_find(m, call);

	if (c == NULL)
		return;
	if (m->state == READY)
		put_cancelled(m, c->id);
	call_free(c);
}
