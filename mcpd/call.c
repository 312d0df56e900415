/*
 * call.c - what a tool may do, and how a call ends. See tool.h.
 *
 * Owner of a call: its request (request.c). Errors of the owner process become the call's: no tool
 * has to look for them.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/pipe.h"
#include "mcpd/audited.h"
#include "mcpd/owner.h"
#include "mcpd/request_in.h"

#define VALUES_MAX 250000u

/* What a client of mcpd asks an owner for (RFC 8620 3.3). */
static const char *const using[] = {
    "urn:ietf:params:jmap:core",
    "urn:ietf:params:jmap:mail",
    "urn:ietf:params:jmap:submission",
    "urn:ietf:params:jmap:vacationresponse",
    "urn:x-gkmail:approval",
    "urn:x-gkmail:agents",
};

/* ---- to the owner ---- */

static const char *
why_of(const struct err *e)
{
	switch (e->code) {
	case E_DENIED:
		return "the agent's session is over";
	case E_LIMIT:
		return "that is too much at a time, or too large an answer: ask for less";
	case E_OK:
	case E_TEMP:
	case E_PERM:
	case E_INVAL:
	case E_PROTO:
	case E_NOTFOUND:
	case E_EXISTS:
	case E_QUOTA:
	case E_NOSPACE:
	case E_IO:
	case E_TIMEOUT:
	case E_CLOSED:
	case E_INTERNAL:
		break;
	}
	return "the mailbox cannot be reached now: try again in a moment";
}

static void
owner_failed(struct mcp_call *c, const struct err *e)
{
	log_info("mcp.owner", LS("sid", c->agent->session), LE(e));
	mcp_tool_error(c, "%s", why_of(e));
}

static void
answered(void *arg, unsigned status, struct str octets, const struct err *e)
{
	struct mcp_call *c = arg;
	const cJSON *responses;
	cJSON *root;
	struct err bad;

	c->owner = NULL;
	if (e != NULL) {
		owner_failed(c, e);
		return;
	}
	root = json_parse(octets, VALUES_MAX, &bad);
	responses = json_get(root, "methodResponses");
	if (status == 200 && cJSON_IsArray(responses)) {
		audited_answers(c, responses);
		/* then() may end the call, and what it was given goes with the tree. */
		c->then(c, responses);
	} else {
		log_warn("mcp.owner", LS("sid", c->agent->session), LU("status", status),
		    LS("type", json_str(json_get(root, "type"))));
		mcp_tool_error(c, "%s",
		    status == 400 ? "the mailbox refused the request"
				  : "the mailbox did not answer as it should");
	}
	cJSON_Delete(root);
}

static void
name_account(struct mcp_call *c, cJSON *calls)
{
	char account[PIPE_ACCOUNT];
	cJSON *one;

	pipe_account(c->agent->user, account);
	cJSON_ArrayForEach(one, calls)
	{
		cJSON *args = cJSON_GetArrayItem(one, 1);

		if (cJSON_IsObject(args) && json_get(args, "accountId") == NULL)
			json_put_str(args, "accountId", str_z(account));
	}
}

/* ---- held ---- */

/* Has the client said that it wants to ask its user before anything changes? */
static bool
is_to_hold(const struct mcp_call *c)
{
	const cJSON *meta = json_member(c->request->message.params, "_meta");

	return c->tool != NULL && cJSON_IsTrue(json_member(meta, MCP_HOLD));
}

/* To ask a human changes nothing. */
static bool
is_change(const cJSON *calls)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, calls)
	{
		struct str name = json_str(cJSON_GetArrayItem(one, 0));

		if (!audited_is_reading(name) && !str_eq_z(name, "Approval/set"))
			return true;
	}
	return false;
}

/* Told, and not done; calls are taken. */
static void
hold(struct mcp_call *c, cJSON *calls)
{
	cJSON *v = call_result(
		  c, STR("This would change the mail, and was to be held: nothing is done."), true),
	      *meta = cJSON_CreateObject();

	json_put(meta, MCP_HELD, calls);
	json_put(v, "_meta", meta);
	c->held = true;
	request_done(c->request, v, false, "held");
}

/* ---- asking ---- */

void
mcp_jmap(struct mcp_call *c, cJSON *calls, void (*then)(struct mcp_call *c, const cJSON *responses))
{
	cJSON *root, *names;
	struct buf body;

	assume(c->owner == NULL);
	if (is_to_hold(c) && is_change(calls)) {
		hold(c, calls);
		return;
	}
	root = cJSON_CreateObject();
	names = cJSON_CreateArray();
	audited_asks(c, calls);
	name_account(c, calls);
	for (size_t i = 0; i < ARRAY_LEN(using); i++)
		json_add(names, json_new_str(str_z(using[i])));
	json_put(root, "using", names);
	json_put(root, "methodCalls", calls);
	buf_init(&body, MCP_ANSWER_MAX);
	json_print(root, &body);
	cJSON_Delete(root);
	c->then = then;
	/* How many of these it takes shows on the way only. */
	mcp_progress(c, ++c->rounds, 0, "the mailbox is asked");
	/* What does not fit is no JSON any more, and refused there. */
	c->owner = owner_request(c->agent, buf_view(&body), answered, c);
	buf_free(&body);
}

static void
downloaded(void *arg, unsigned status, struct str octets, const struct err *e)
{
	struct mcp_call *c = arg;

	c->owner = NULL;
	if (e != NULL && e->code != E_LIMIT)
		owner_failed(c, e);
	else
		c->octets(c, e == NULL && status == 200 ? octets : STR_NONE);
}

void
mcp_download(struct mcp_call *c, struct str blob, size_t max,
    void (*then)(struct mcp_call *c, struct str octets))
{
	assume(c->owner == NULL);
	c->octets = then;
	c->owner = owner_download(c->agent, blob, max, downloaded, c);
}

const cJSON *
mcp_response(struct mcp_call *c, const cJSON *responses, size_t i, const char *method)
{
	const cJSON *one = cJSON_GetArrayItem(responses, (int)i),
		    *args = cJSON_GetArrayItem(one, 1);
	struct str name = json_str(cJSON_GetArrayItem(one, 0));
	struct str type = json_str(json_get(args, "type"));
	struct str said = json_str(json_get(args, "description"));

	if (str_eq_z(name, method) && cJSON_IsObject(args))
		return args;
	if (type.n == 0)
		type = STR("no answer");
	(void)snprintf(c->why, sizeof(c->why), STR_FMT "%s" STR_FMT,
	    STR_ARG(str_cut_utf8(type, 60)), said.n > 0 ? ": " : "",
	    STR_ARG(str_cut_utf8(said, 120)));
	return NULL;
}

/* ---- the end of a call ---- */

cJSON *
call_result(struct mcp_call *c, struct str text, bool failed)
{
	cJSON *v = cJSON_CreateObject(), *content = cJSON_CreateArray(),
	      *part = cJSON_CreateObject();
	struct buf printed;

	buf_init(&printed, MCP_ANSWER_MAX);
	if (text.n == 0 && c->result != NULL) {
		json_print(c->result, &printed);
		text = buf_view(&printed);
	}
	json_put_str(part, "type", STR("text"));
	json_put_str(part, "text", text.p != NULL ? text : STR(""));
	json_add(content, part);
	json_put(v, "content", content);
	if (c->result != NULL && !failed) {
		json_put(v, "structuredContent", c->result);
		c->result = NULL;
	}
	json_put_bool(v, "isError", failed);
	buf_free(&printed);
	return v;
}

void
mcp_done(struct mcp_call *c)
{
	cJSON *v;

	if (c->tool != NULL) {
		request_done(c->request, call_result(c, buf_view(&c->text), false), true, "ok");
		return;
	}
	v = c->result != NULL ? c->result : cJSON_CreateObject();
	c->result = NULL;
	request_done(c->request, v, true, "ok");
}

void
mcp_tool_error(struct mcp_call *c, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->tool == NULL) {
		mcp_fail_call(c, MCP_INTERNAL_ERROR, "%s", text);
		return;
	}
	request_done(c->request, call_result(c, str_z(text), true), false, text);
}

void
mcp_fail_call(struct mcp_call *c, enum mcp_code code, const char *fmt, ...)
{
	struct mcp_failure f = {.code = code};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f.text, sizeof(f.text), fmt, ap);
	va_end(ap);
	request_failed(c->request, &f);
}

/* ---- on the way ---- */

/* basic/utilities/progress: it only ever grows. */
void
mcp_progress(struct mcp_call *c, double done, double total, const char *what)
{
	struct mcp_request *r = c->request;
	cJSON *v;

	if (r->message.progress == NULL || done <= r->progress)
		return;
	r->progress = done;
	v = cJSON_CreateObject();
	json_put(v, "progressToken", cJSON_Duplicate(r->message.progress, false));
	json_put(v, "progress", cJSON_CreateNumber(done));
	if (total > 0)
		json_put(v, "total", cJSON_CreateNumber(total));
	if (what != NULL)
		json_put_str(v, "message", str_z(what));
	request_notify(r, "notifications/progress", v);
}

static const char *const levels[MCP_LEVELS] = {
    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};

enum mcp_level
mcp_level_parse(struct str name)
{
	enum mcp_level l = MCP_DEBUG;

	while (l < MCP_LEVELS && !str_eq_z(name, levels[l]))
		l++;
	return l;
}

/* A modern request says what it wants itself, or gets none (RequestMetaObject). */
static enum mcp_level
level_of(const struct mcp_request *r)
{
	const cJSON *meta = json_member(r->message.params, "_meta");

	if (!r->message.modern)
		return r->peer->level;
	return mcp_level_parse(json_str(json_member(meta, "io.modelcontextprotocol/logLevel")));
}

void
mcp_log(struct mcp_call *c, enum mcp_level level, const char *fmt, ...)
{
	enum mcp_level least = level_of(c->request);
	char text[512];
	va_list ap;
	cJSON *v;

	if (least == MCP_LEVELS || level < least)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v = cJSON_CreateObject();
	json_put_str(v, "level", str_z(levels[level]));
	json_put_str(v, "logger", STR("gkmail"));
	json_put_str(v, "data", str_z(text));
	request_notify(c->request, "notifications/message", v);
}

bool
mcp_client_can(const struct mcp_call *c, const char *name, const char *sub)
{
	const struct mcp_request *r = c->request;
	const cJSON *all = r->message.modern ? r->message.capabilities : r->peer->capabilities;
	const cJSON *has = json_member(all, name);

	return cJSON_IsObject(has) && (sub == NULL || cJSON_IsObject(json_member(has, sub)));
}
