/*
 * request.c - see request.h.
 *
 * A request: parsed, admitted, run, answered. What it has on the way (a call of the owner, a timer,
 * the message) goes with it, however it ends.
 */
#include "mcpd/request.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "mcpd/ask.h"
#include "mcpd/audited.h"
#include "mcpd/listen.h"
#include "mcpd/owner.h"
#include "mcpd/request_in.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define REQUEST_MAGIC 0x72657175u

static size_t active;

size_t
mcp_requests_active(void)
{
	return active;
}

/* ---- the end ---- */

static void
free_request(struct mcp_request *r)
{
	TAILQ_REMOVE(&r->peer->requests, r, link);
	r->peer->nrequests--;
	active--;
	if (r->gone != NULL)
		*r->gone = true;
	audited_forget(&r->record);
	buf_free(&r->json);
	owner_drop(&r->call.owner);
	loop_timer_free(&r->timer);
	cJSON_Delete(r->call.result);
	buf_free(&r->call.text);
	arena_free(&r->call.arena);
	mcp_message_done(&r->message);
	r->magic = 0;
	free(r);
}

/* Its sink may do away with the peer. */
static void
answer(struct mcp_request *r)
{
	const struct mcp_sink *sink = r->sink;
	unsigned status = r->status;
	struct buf json = r->json;
	void *arg = r->arg;

	buf_init(&r->json, 0);
	metric_observe(METRIC_MCP_SECONDS, (clock_ms() - r->began_ms) * 1000);
	free_request(r);
	sink->answer(arg, status, buf_view(&json));
	buf_free(&json);
}

static void
on_record(void *arg, bool kept)
{
	struct mcp_request *r = arg;

	OBJ(r, REQUEST_MAGIC);
	r->record = NULL;
	if (!kept) {
		buf_free(&r->json);
		buf_init(&r->json, MCP_ANSWER_MAX);
		mcp_result_print(&r->message,
		    call_result(&r->call,
			STR("it may be done, but this server could not put it on record: look "
			    "before it is asked for again"),
			true),
		    &r->json);
		r->status = 200;
	}
	answer(r);
}

/* r->json is the answer: now, or when what it tells of is on record. ok: else outcome says why not,
 * often in words that were asked with, which are for the audit log alone. */
static void
end(struct mcp_request *r, unsigned status, bool ok, const char *outcome)
{
	uint64_t ms = clock_ms() - r->began_ms;

	metric_add(ok ? METRIC_MCP_REQUESTS_OK : METRIC_MCP_REQUESTS_FAILED, 1);
	log_debug("mcp.request", LS("sid", r->call.agent->session), LS("method", r->message.method),
	    LZ("tool", r->call.tool != NULL ? r->call.tool->name : ""),
	    LZ("outcome", ok ? outcome : "failed"), LU("ms", ms));
	r->status = status;
	loop_timer_stop(r->timer);
	r->record = audited_end(&r->call, outcome, r->json.n, ms, on_record, r);
	if (r->record == NULL)
		answer(r);
}

void
request_failed(struct mcp_request *r, struct mcp_failure *f)
{
	unsigned status = mcp_failure_status(&r->message, f);

	OBJ(r, REQUEST_MAGIC);
	buf_init(&r->json, MCP_ANSWER_MAX);
	mcp_failure_print(&r->message, f, &r->json);
	end(r, status, false, f->text);
}

void
request_done(struct mcp_request *r, cJSON *result, bool ok, const char *outcome)
{
	struct mcp_failure f = {0};

	OBJ(r, REQUEST_MAGIC);
	buf_init(&r->json, MCP_ANSWER_MAX);
	mcp_result_print(&r->message, result, &r->json);
	if (r->json.over) {
		buf_free(&r->json);
		mcp_fail(&f, MCP_INTERNAL_ERROR, "the answer is too large: ask for less");
		request_failed(r, &f);
		return;
	}
	end(r, 200, ok, outcome);
}

void
request_notify(struct mcp_request *r, const char *method, cJSON *params)
{
	struct buf json;

	OBJ(r, REQUEST_MAGIC);
	buf_init(&json, MCP_ANSWER_MAX);
	mcp_notification_print(method, params, &json);
	if (!json.over)
		r->sink->notify(r->arg, buf_view(&json));
	buf_free(&json);
}

/* What it did before is done. */
static void
give_up(struct mcp_request *r)
{
	struct audited *record;

	if (r->record == NULL) {
		record =
		    audited_end(&r->call, "cancelled", 0, clock_ms() - r->began_ms, on_record, r);
		audited_forget(&record);
	}
	free_request(r);
}

void
mcp_request_drop(struct mcp_request *r)
{
	OBJ(r, REQUEST_MAGIC);
	give_up(r);
}

static void
too_late(void *arg)
{
	struct mcp_request *r = arg;
	unsigned long long s = conf_num(svc_conf(), CONF_MCP_CALL_TIMEOUT) / 1000;

	OBJ(r, REQUEST_MAGIC);
	log_warn("mcp.timeout", LS("sid", r->call.agent->session), LS("method", r->message.method));
	owner_drop(&r->call.owner);
	mcp_tool_error(&r->call, "it took longer than %llu s and was given up", s);
}

/* ---- the beginning ---- */

static struct mcp_request *
find(struct mcp_peer *p, const cJSON *id)
{
	struct mcp_request *r;

	TAILQ_FOREACH (r, &p->requests, link)
		if (cJSON_Compare(r->message.id, id, true))
			return r;
	return NULL;
}

bool
mcp_peer_cancel(struct mcp_peer *p, const cJSON *id)
{
	struct mcp_request *r = id != NULL ? find(p, id) : NULL;
	const struct mcp_sink *sink;
	void *arg;

	/* basic/utilities/cancellation: never the initialize request, which is answered at once */
	if (r == NULL)
		return false;
	sink = r->sink;
	arg = r->arg;
	log_debug("mcp.cancel", LS("sid", r->call.agent->session), LS("method", r->message.method));
	give_up(r);
	sink->answer(arg, 0, STR(""));
	return true;
}

/* What is wrong with the request before it is run; 0: nothing. */
static int
admit(struct mcp_peer *p, const struct mcp_message *m, struct mcp_failure *f)
{
	const struct mcp_method *method = mcp_method_find(m->method, m->modern);
	const struct mcp_agent *g = p->hold->agent;

	/* 2025-11-25, basic/transports, "Session Management" */
	if (!m->modern && !p->in_session && !str_eq_z(m->method, "initialize"))
		return mcp_fail(f, MCP_INVALID_REQUEST, "initialize comes first");
	if (find(p, m->id) != NULL)
		return mcp_fail(f, MCP_INVALID_REQUEST, "a request of that id is under way");
	if (method == NULL)
		return mcp_fail(f, MCP_METHOD_NOT_FOUND, "there is no " STR_FMT,
		    STR_ARG(str_cut_utf8(m->method, 100)));
	if (method->scopes != 0 && (g->scopes & method->scopes) == 0)
		return mcp_fail(f, MCP_METHOD_NOT_FOUND, "outside of the agent's scopes");
	if (p->nrequests >= MCP_REQUESTS_MAX)
		return mcp_fail(
		    f, MCP_RATE_LIMITED, "more than %u requests at a time", MCP_REQUESTS_MAX);
	return 0;
}

/* The rate is of everything that makes work; a tool's caller is told so that a model reads it. */
static bool
within_rate(struct mcp_request *r)
{
	struct mcp_agent *g = r->call.agent;
	uint64_t wait;

	if ((r->method->flags & MCP_FREE) != 0 || (wait = mcp_agent_spend(g)) == 0)
		return true;
	metric_add(METRIC_MCP_REQUESTS_REFUSED, 1);
	log_info("mcp.rate", LS("sid", g->session), LS("user", g->user), LS("agent", g->name));
	mcp_fail_call(&r->call, MCP_RATE_LIMITED,
	    "more than %u calls a minute: go on in %llu seconds", mcp_agent_rate(g),
	    (unsigned long long)(wait + 999) / 1000);
	return false;
}

static struct mcp_request *
begin(struct mcp_peer *p, struct mcp_message *m, const struct mcp_sink *sink, void *arg)
{
	static const cJSON none = {.type = cJSON_Object};
	struct mcp_request *r = mem_alloc(sizeof(*r));
	struct mcp_failure f = {0};
	bool gone = false;

	r->magic = REQUEST_MAGIC;
	r->peer = p;
	r->message = *m;
	r->sink = sink;
	r->arg = arg;
	r->method = mcp_method_find(m->method, m->modern);
	r->began_ms = clock_ms();
	r->gone = &gone;
	r->call.request = r;
	r->call.agent = p->hold->agent;
	r->call.args = m->params != NULL ? m->params : &none;
	arena_init(&r->call.arena);
	buf_init(&r->call.text, MCP_TEXT_MAX);
	r->timer = loop_timer_new(too_late, r);
	TAILQ_INSERT_TAIL(&p->requests, r, link);
	p->nrequests++;
	active++;
	if (within_rate(r)) {
		if ((r->method->flags & MCP_ENDLESS) == 0)
			loop_timer_set(r->timer, conf_num(svc_conf(), CONF_MCP_CALL_TIMEOUT));
		if (mcp_ask_take(&r->call, &f) < 0)
			request_failed(r, &f);
		else
			r->method->run(&r->call);
	}
	if (gone)
		return NULL;
	r->gone = NULL;
	return r;
}

static void
refuse(struct mcp_message *m, struct mcp_failure *f, const struct mcp_sink *sink, void *arg)
{
	unsigned status = mcp_failure_status(m, f);
	struct buf json;

	metric_add(METRIC_MCP_REQUESTS_REFUSED, 1);
	buf_init(&json, MCP_ANSWER_MAX);
	mcp_failure_print(m, f, &json);
	mcp_message_done(m);
	sink->answer(arg, status, buf_view(&json));
	buf_free(&json);
}

struct mcp_request *
mcp_peer_take(struct mcp_peer *p, struct str body, const struct mcp_headers *headers,
    const struct mcp_sink *sink, void *arg)
{
	struct mcp_message m;
	struct mcp_failure f;

	assume(p->hold->agent != NULL);
	if (mcp_message_parse(&m, body, headers, p->in_session, &f) < 0) {
		refuse(&m, &f, sink, arg);
		return NULL;
	}
	if (m.kind == MCP_REQUEST) {
		if (admit(p, &m, &f) == 0)
			return begin(p, &m, sink, arg);
		refuse(&m, &f, sink, arg);
		return NULL;
	}
	if (m.kind == MCP_NOTIFICATION)
		mcp_method_notified(p, &m);
	else
		mcp_ask_answered(p, &m);
	mcp_message_done(&m);
	sink->answer(arg, 202, STR(""));
	return NULL;
}

/* One that has not ended: what the others did is done, and told. */
static struct mcp_request *
unended(struct mcp_peer *p)
{
	struct mcp_request *r;

	TAILQ_FOREACH (r, &p->requests, link)
		if (r->record == NULL)
			return r;
	return NULL;
}

void
mcp_peer_over(struct mcp_peer *p, const char *why)
{
	struct mcp_request *r;

	while ((r = unended(p)) != NULL) {
		owner_drop(&r->call.owner);
		mcp_tool_error(&r->call, "%s", why);
	}
}

void
mcp_peer_init(struct mcp_peer *p)
{
	TAILQ_INIT(&p->requests);
	p->level = MCP_LEVELS;
}

void
mcp_peer_done(struct mcp_peer *p)
{
	struct mcp_request *r;

	while ((r = TAILQ_FIRST(&p->requests)) != NULL)
		give_up(r);
	mcp_listen_forget(p);
	cJSON_Delete(p->capabilities);
	p->capabilities = NULL;
}
