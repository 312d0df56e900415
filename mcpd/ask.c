/*
 * ask.c - see ask.h.
 *
 * In a legacy session what was asked is kept with its call until all of it is answered, or the call
 * is over. An id of ours is good for one response, of the peer that it was sent to.
 */
#include "mcpd/ask.h"

#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"
#include "mcpd/request_in.h"
#include "mcpd/seal.h"
#include "svc/svc.h"

#define ID "gk-"

struct mcp_asking {
	uint64_t first; /* number of the first request; the others follow */
	size_t n, left;
	cJSON *requests, *answers, *state;
};

static uint64_t last_id;

static void
delete_tree(void *v)
{
	cJSON_Delete(v);
}

/* ---- what the client can do ---- */

/* A form is what a client that says nothing more can do (client/elicitation, "Capabilities"). */
static bool
can(const struct mcp_call *c, const cJSON *request, const char **name, const char **sub)
{
	struct str method = json_str(json_get(request, "method"));
	struct str mode = json_str(json_get(json_get(request, "params"), "mode"));

	*sub = NULL;
	if (str_eq_z(method, "sampling/createMessage")) {
		*name = "sampling";
	} else if (str_eq_z(method, "roots/list")) {
		*name = "roots";
	} else {
		*name = "elicitation";
		*sub = str_eq_z(mode, "url") ? "url" : NULL;
		if (*sub == NULL && mcp_client_can(c, "elicitation", "url") &&
		    !mcp_client_can(c, "elicitation", "form"))
			*sub = "form";
	}
	return mcp_client_can(c, *name, *sub);
}

/* False: the call has ended. */
static bool
can_all(struct mcp_call *c, const cJSON *requests)
{
	struct mcp_request *r = c->request;
	struct mcp_message m = r->message;
	struct mcp_failure f = {0};
	const char *name, *sub;
	const cJSON *one;

	cJSON_ArrayForEach(one, requests)
	{
		if (can(c, one, &name, &sub))
			continue;
		if (!m.modern)
			m.capabilities = r->peer->capabilities;
		(void)mcp_need_capability(&m, name, sub, &f);
		request_failed(r, &f);
		return false;
	}
	return true;
}

/* ---- today's protocol ---- */

static void
ask_by_result(struct mcp_call *c, cJSON *requests, const cJSON *state)
{
	struct mcp_request *r = c->request;
	cJSON *v = cJSON_CreateObject();
	struct seal_use use;
	struct buf sealed;

	seal_use_init(&use, c->agent->session, r->message.method, r->message.params);
	buf_init(&sealed, SEAL_TEXT_MAX);
	/* What a tool keeps is its own, and bounded by it. */
	assume(seal(&use, state, &sealed) == 0);
	json_put_str(v, "resultType", STR("input_required"));
	json_put(v, "inputRequests", requests);
	json_put_str(v, "requestState", buf_view(&sealed));
	buf_free(&sealed);
	request_done(r, v, true, "asked");
}

static bool
has_input(const struct mcp_message *m)
{
	return str_eq_z(m->method, "tools/call") || str_eq_z(m->method, "prompts/get") ||
	       str_eq_z(m->method, "resources/read");
}

int
mcp_ask_take(struct mcp_call *c, struct mcp_failure *f)
{
	const struct mcp_message *m = &c->request->message;
	const cJSON *answers = json_get(m->params, "inputResponses"), *one;
	const cJSON *sealed = json_get(m->params, "requestState");
	struct seal_use use;
	cJSON *state = NULL;
	struct err e;

	if (!m->modern || !has_input(m) || (answers == NULL && sealed == NULL))
		return 0;
	if (answers != NULL && !cJSON_IsObject(answers))
		return mcp_fail(f, MCP_INVALID_PARAMS, "inputResponses is an object");
	cJSON_ArrayForEach(one, answers) if (!cJSON_IsObject(one)) return mcp_fail(
	    f, MCP_INVALID_PARAMS, "each of inputResponses is an object");
	if (sealed != NULL) {
		seal_use_init(&use, c->agent->session, m->method, m->params);
		if (seal_open(&use, json_str(sealed), &state, &e) < 0)
			return mcp_fail(f, MCP_INVALID_PARAMS, "%.200s", e.text);
		if (state != NULL)
			arena_defer(&c->arena, delete_tree, state);
	}
	c->answers = answers;
	c->asked = state;
	return 0;
}

/* ---- legacy ---- */

static void
forget(void *arg)
{
	struct mcp_asking *a = arg;

	cJSON_Delete(a->requests);
	cJSON_Delete(a->answers);
	cJSON_Delete(a->state);
}

static void
send_request(struct mcp_request *r, uint64_t id, const cJSON *request)
{
	struct buf b;

	buf_init(&b, MCP_ANSWER_MAX);
	buf_printf(
	    &b, "{\"jsonrpc\":\"2.0\",\"id\":\"" ID "%llu\",\"method\":", (unsigned long long)id);
	json_print(json_get(request, "method"), &b);
	buf_puts(&b, ",\"params\":");
	json_print(json_get(request, "params"), &b);
	buf_putc(&b, '}');
	if (!b.over)
		r->sink->notify(r->arg, buf_view(&b));
	buf_free(&b);
}

static void
ask_by_request(struct mcp_call *c, cJSON *requests, cJSON *state)
{
	struct mcp_asking *a = arena_new(&c->arena, struct mcp_asking);
	const cJSON *one;

	arena_defer(&c->arena, forget, a);
	a->requests = requests;
	a->answers = cJSON_CreateObject();
	a->state = state;
	a->n = a->left = (size_t)cJSON_GetArraySize(requests);
	a->first = last_id + 1;
	last_id += a->n;
	c->asking = a;
	/* Of a human; mcp.call_timeout is of machines. */
	loop_timer_set(c->request->timer, ASK_MS);
	for (size_t i = 0; i < a->n; i++) {
		one = cJSON_GetArrayItem(requests, (int)i);
		send_request(c->request, a->first + i, one);
	}
}

static void
run_again(struct mcp_call *c)
{
	struct mcp_asking *a = c->asking;
	struct mcp_request *r = c->request;

	c->asking = NULL;
	c->answers = a->answers;
	c->asked = a->state;
	c->state = NULL;
	cJSON_Delete(c->result);
	c->result = NULL;
	buf_reset(&c->text);
	loop_timer_set(r->timer, conf_num(svc_conf(), CONF_MCP_CALL_TIMEOUT));
	if (c->tool != NULL)
		c->tool->run(c);
	else
		r->method->run(c);
}

static bool
take_answer(struct mcp_call *c, uint64_t id, const struct mcp_message *m)
{
	struct mcp_asking *a = c->asking;
	const cJSON *result = json_get(m->root, "result"), *one;

	if (a == NULL || id < a->first || id - a->first >= a->n)
		return false;
	one = cJSON_GetArrayItem(a->requests, (int)(id - a->first));
	if (json_get(a->answers, one->string) != NULL)
		return true;
	/* A refusal says nothing. */
	json_put_named(a->answers, json_name(one),
	    cJSON_IsObject(result) ? cJSON_Duplicate(result, true) : cJSON_CreateObject());
	if (--a->left == 0)
		run_again(c);
	return true;
}

void
mcp_ask_answered(struct mcp_peer *p, const struct mcp_message *m)
{
	struct str id = json_str(m->id);
	struct mcp_request *r;
	uint64_t n;

	if (!str_starts(id, STR(ID)) || num_parse(str_from(id, strlen(ID)), 1, UINT64_MAX, &n) < 0)
		return;
	TAILQ_FOREACH (r, &p->requests, link)
		if (take_answer(&r->call, n, m))
			return;
}

/* ---- both ---- */

void
mcp_ask(struct mcp_call *c, cJSON *requests, cJSON *state)
{
	assume(cJSON_GetArraySize(requests) > 0);
	if (!can_all(c, requests)) {
		cJSON_Delete(requests);
		cJSON_Delete(state);
	} else if (c->request->message.modern) {
		ask_by_result(c, requests, state);
		cJSON_Delete(state);
	} else {
		ask_by_request(c, requests, state);
	}
}

struct str
mcp_base(struct mcp_call *c)
{
	struct str base = c->request->peer->base;

	if (base.n == 0)
		base = arena_printf(
		    &c->arena, "https://%s", conf_z(svc_conf(), CONF_SERVER_HOST_NAME));
	return base;
}
