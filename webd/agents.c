/*
 * agents.c - /auth/agents, /auth/agent-calls and /auth/approvals: a user's agents, and a human's
 *word for what one of them has asked (docs/adr/0032-agents-and-approvals.md). For browsers'
 *sessions only.
 *
 *	GET    /auth/agents       {"agents": [{"name", "scopes": [...], "policy": {class: decision},
 *	                          "rate", "created", "lastUsed", "expires", "revoked", "builtIn"}]};
 *	                          times are missing where there are none
 *	POST   /auth/agents       {"name", "scopes": [...]} and, optional, "rate" (calls a minute),
 *	                          "expires", "policy": {…}: 201 {"name", "token"}; the token is told
 *	                          this once
 *	PATCH  /auth/agents/NAME  {"policy": {class: decision}}: changes what it names; 204
 *	DELETE /auth/agents/NAME  revoked, with its sessions; 204
 *	GET    /auth/agent-calls  ?agent=NAME&from=NEXT, both optional: {"calls": [{"at", "agent",
 *	                          "session", "peer", "tool", "arguments", "decision", "outcome",
 *	                          "result", "ms"}], "next"}: what the user's agents have called, of
 *	                          the audit log, the newest first; next is missing where there is no
 *	                          more. A page may have few, or none, and a next
 *	POST   /auth/approvals    {"session", "digest", "what"}: session and digest of the Approval
 *	                          that the user has seen (digest: 64 hexadecimal digits), what: a
 *	                          line for the log; 201 {"id", "until"}
 *
 * POST and PATCH want the password shown within 15 minutes: else 403 with "code":
 * "password-needed", then with "current", or after /auth/prove. Owner: the exchange. Errors:
 * problem details.
 */
#include <sodium.h>

#include "base/mem.h"
#include "base/num.h"
#include "ipc/agent.h"
#include "mail/date.h"
#include "webd/auth_op.h"
#include "webd/routes.h"

#define COLUMNS 8u /* of WEB_AGENT_LIST_R */
#define DIGEST  32u
/* Of WEB_AUDIT_R; those behind the texts are numbers. */
#define CALL_COLUMNS 10u
#define CALL_TEXTS   8u
#define WHAT_MAX     1000u
#define WORD_MAX     32u

/* ---- the list ---- */

static void
put_scopes(cJSON *to, struct arena *a, struct str words)
{
	cJSON *list = cJSON_AddArrayToObject(to, "scopes");
	struct str word;

	while (words.n > 0) {
		(void)str_cut(&words, ',', &word);
		cJSON_AddItemToArray(list, cJSON_CreateString(arena_dupz(a, word)));
	}
}

static void
put_policy(cJSON *to, struct arena *a, struct str words)
{
	cJSON *all = cJSON_AddObjectToObject(to, "policy");
	struct str word, class;

	while (words.n > 0) {
		(void)str_cut(&words, ',', &word);
		if (str_cut(&word, '=', &class))
			cJSON_AddStringToObject(all, arena_dupz(a, class), arena_dupz(a, word));
	}
}

static void
put_agent(struct auth_op *o, cJSON *list, struct ipc_in *m)
{
	static const char *const times[] = {"created", "lastUsed", "expires"};
	struct arena *a = &o->x->arena;
	cJSON *one = cJSON_CreateObject();
	struct str name = ipc_get_item(m), v;
	uint64_t rate = 0;

	auth_op_put(o, one, "name", name);
	put_scopes(one, a, ipc_get_item(m));
	put_policy(one, a, ipc_get_item(m));
	(void)num_parse(ipc_get_item(m), 0, UINT32_MAX, &rate);
	cJSON_AddNumberToObject(one, "rate", (double)rate);
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if ((v = ipc_get_item(m)).n > 0)
			auth_op_put(o, one, times[i], v);
	cJSON_AddBoolToObject(one, "revoked", ipc_get_item(m).n > 0);
	cJSON_AddBoolToObject(one, "builtIn", agent_is_built_in(name));
	cJSON_AddItemToArray(list, one);
}

static void
got_agents(struct auth_op *o, struct ipc_in *m)
{
	cJSON *j = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(j, "agents");

	for (uint32_t n = ipc_get_list(m) / COLUMNS; n > 0; n--)
		put_agent(o, list, m);
	if (ipc_end(m) < 0) {
		cJSON_Delete(j);
		auth_op_broken(o);
		return;
	}
	auth_op_answer(o, 200, j);
}

static void
agents_now(struct exchange *x, const struct webauth *who)
{
	auth_op_ask_for(auth_op_new(x, who), MSG_WEB_AGENT_LIST, NULL, got_agents);
}

static void
agents(struct exchange *x)
{
	webauth(x, agents_now);
}

/* ---- what a body says of an agent. False: answered ---- */

static bool
bad(struct auth_op *o, const char *text)
{
	exchange_problem(o->x, 400, text);
	return false;
}

/* Words of the page's in a list that authd reads: no other's dividers. */
static bool
is_word(const cJSON *v)
{
	return cJSON_IsString(v) && strlen(v->valuestring) <= WORD_MAX &&
	       strpbrk(v->valuestring, "=, \t") == NULL;
}

static bool
take_scopes(struct auth_op *o, uint32_t *out)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(o->body, "scopes"), *v;
	uint32_t one;

	*out = 0;
	cJSON_ArrayForEach(v, list)
	{
		if (!is_word(v) || agent_scopes_parse(str_z(v->valuestring), &one, NULL) < 0)
			return bad(o, "There is no such scope.");
		*out |= one;
	}
	return (cJSON_IsArray(list) && *out != 0) || bad(o, "The body needs scopes, a list.");
}

/* "send=never,delete=approval", in the arena; empty: none is given. */
static bool
take_policy(struct auth_op *o, struct str *out)
{
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(o->body, "policy"), *v;
	uint32_t policy = AGENT_POLICY_DEFAULT;
	struct err e;

	*out = STR("");
	if (all == NULL)
		return true;
	if (!cJSON_IsObject(all))
		return bad(o, "The policy is an object.");
	cJSON_ArrayForEach(v, all)
	{
		if (!is_word(v) || strpbrk(v->string, "=, \t") != NULL ||
		    strlen(v->string) > WORD_MAX || out->n > 1000)
			return bad(o, "There is no such policy.");
		*out = arena_printf(&o->x->arena, STR_FMT "%s%s=%s", STR_ARG(*out),
		    out->n > 0 ? "," : "", v->string, v->valuestring);
	}
	if (agent_policy_parse(*out, &policy, &e) < 0)
		return bad(o, "There is no such policy.");
	return true;
}

static bool
take_limits(struct auth_op *o, uint32_t *rate, uint64_t *expires)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o->body, "rate");
	struct str text = STR("");
	struct date d;

	*rate = 0;
	*expires = 0;
	if (v != NULL) {
		if (!cJSON_IsNumber(v) || v->valuedouble < 1 || v->valuedouble > 1e6)
			return bad(o, "The rate is a number of calls a minute.");
		*rate = (uint32_t)v->valuedouble;
	}
	if (!auth_op_may(o, "expires", 64, &text))
		return false;
	if (text.n > 0 && (date_rfc3339_parse(text, &d) < 0 || d.utc <= 0))
		return bad(o, "It expires at a time as in RFC 3339.");
	if (text.n > 0)
		*expires = (uint64_t)d.utc;
	return true;
}

/* ---- another, changed, revoked ---- */

static void
tell_token(struct auth_op *o)
{
	cJSON *j = cJSON_CreateObject();
	struct str name;

	if (auth_op_take(o, "name", AGENT_NAME_MAX, &name)) {
		auth_op_put(o, j, "name", name);
		auth_op_put(o, j, "token", o->token);
		auth_op_answer(o, 201, j);
	} else
		cJSON_Delete(j);
}

static void
begin_policy(struct auth_op *o, struct ipc_out *m, struct str name, struct str policy)
{
	ipc_begin(m, MSG_WEB_AGENT_POLICY);
	ipc_put_str(m, o->who->token);
	ipc_put_str(m, name);
	ipc_put_str(m, policy);
}

static void
policy_set(struct auth_op *o, struct ipc_in *m)
{
	if (ipc_end(m) < 0)
		auth_op_broken(o);
	else
		tell_token(o);
}

static void
agent_made(struct auth_op *o, struct ipc_in *m)
{
	struct str token = ipc_get_str(m), name, policy;
	struct ipc_out out;

	o->token = arena_dup(&o->x->arena, token);
	if (ipc_end(m) < 0) {
		auth_op_broken(o);
		return;
	}
	if (!auth_op_take(o, "name", AGENT_NAME_MAX, &name) || !take_policy(o, &policy))
		return;
	if (policy.n == 0) {
		tell_token(o);
		return;
	}
	begin_policy(o, &out, name, policy);
	auth_op_ask(o, &out, policy_set);
}

static void
make_agent(struct auth_op *o)
{
	struct str name, policy;
	uint32_t scopes, rate;
	uint64_t expires;
	struct ipc_out m;

	if (!auth_op_take(o, "name", AGENT_NAME_MAX, &name) || !take_scopes(o, &scopes) ||
	    !take_policy(o, &policy) || !take_limits(o, &rate, &expires))
		return;
	ipc_begin(&m, MSG_WEB_AGENT_ADD);
	ipc_put_str(&m, o->who->token);
	ipc_put_str(&m, name);
	ipc_put_u32(&m, scopes);
	ipc_put_u32(&m, rate);
	ipc_put_u64(&m, expires);
	auth_op_ask(o, &m, agent_made);
}

static void
new_agent_now(struct exchange *x, const struct webauth *who)
{
	struct auth_op *o = auth_op_new(x, who);

	if (auth_op_body(o))
		auth_op_proven(o, make_agent);
}

static void
new_agent(struct exchange *x)
{
	webauth(x, new_agent_now);
}

static void
change_agent(struct auth_op *o)
{
	struct str name, policy;
	struct ipc_out m;

	if (!auth_op_word(o->x, &name) || !take_policy(o, &policy))
		return;
	if (policy.n == 0) {
		(void)bad(o, "The body needs a policy.");
		return;
	}
	begin_policy(o, &m, name, policy);
	auth_op_ask(o, &m, auth_op_done);
}

static void
change_agent_now(struct exchange *x, const struct webauth *who)
{
	struct auth_op *o = auth_op_new(x, who);

	if (auth_op_body(o))
		auth_op_proven(o, change_agent);
}

static void
set_policy(struct exchange *x)
{
	webauth(x, change_agent_now);
}

static void
drop_agent_now(struct exchange *x, const struct webauth *who)
{
	struct str name;

	if (auth_op_word(x, &name))
		auth_op_ask_for(auth_op_new(x, who), MSG_WEB_AGENT_REVOKE, &name, auth_op_done);
}

static void
drop_agent(struct exchange *x)
{
	webauth(x, drop_agent_now);
}

/* ---- what they have called ---- */

static void
put_call(struct auth_op *o, cJSON *list, struct ipc_in *m)
{
	static const char *const names[] = {"at", "agent", "session", "peer", "tool", "arguments",
	    "decision", "outcome", "result", "ms"};
	cJSON *one = cJSON_CreateObject();

	_Static_assert(ARRAY_LEN(names) == CALL_COLUMNS, "of WEB_AUDIT_R");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str v = ipc_get_item(m);
		uint64_t n;

		if (i < CALL_TEXTS)
			auth_op_put(o, one, names[i], v);
		else if (num_parse(v, 0, INT64_MAX, &n) == 0)
			cJSON_AddNumberToObject(one, names[i], (double)n);
	}
	cJSON_AddItemToArray(list, one);
}

static void
got_calls(struct auth_op *o, struct ipc_in *m)
{
	uint64_t file = ipc_get_u64(m), at = ipc_get_u64(m);
	cJSON *j = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(j, "calls");

	for (uint32_t n = ipc_get_list(m) / CALL_COLUMNS; n > 0; n--)
		put_call(o, list, m);
	if (ipc_end(m) < 0) {
		cJSON_Delete(j);
		auth_op_broken(o);
		return;
	}
	if (file != 0)
		auth_op_put(o, j, "next",
		    arena_printf(&o->x->arena, "%llu-%llu", (unsigned long long)file,
			(unsigned long long)at));
	auth_op_answer(o, 200, j);
}

/* "FILE-AT", as it was told. */
static bool
take_place(struct str s, uint64_t *file, uint64_t *at)
{
	struct str first;

	return str_cut(&s, '-', &first) && num_parse(first, 1, INT64_MAX, file) == 0 &&
	       num_parse(s, 0, UINT64_MAX, at) == 0;
}

static void
calls_now(struct exchange *x, const struct webauth *who)
{
	struct str agent = STR(""), from;
	uint64_t file = 0, at = 0;
	struct ipc_out m;

	if (exchange_parameter(x, "from", &from) && !take_place(from, &file, &at)) {
		exchange_problem(x, 400, "There is no such place to go on from.");
		return;
	}
	if (exchange_parameter(x, "agent", &agent) && agent.n > AGENT_NAME_MAX) {
		exchange_problem(x, 400, "There is no such agent.");
		return;
	}
	ipc_begin(&m, MSG_WEB_AUDIT);
	ipc_put_str(&m, who->token);
	ipc_put_str(&m, agent);
	ipc_put_u64(&m, file);
	ipc_put_u64(&m, at);
	auth_op_ask(auth_op_new(x, who), &m, got_calls);
}

static void
calls(struct exchange *x)
{
	webauth(x, calls_now);
}

/* ---- approvals ---- */

static void
approved(struct auth_op *o, struct ipc_in *m)
{
	struct str id = ipc_get_str(m);
	uint64_t until = ipc_get_u64(m);
	cJSON *j;

	if (ipc_end(m) < 0) {
		auth_op_broken(o);
		return;
	}
	j = cJSON_CreateObject();
	auth_op_put(o, j, "id", id);
	auth_op_put_time(j, "until", (int64_t)until);
	auth_op_answer(o, 201, j);
}

static void
mint(struct auth_op *o)
{
	struct str session, digest, what = STR("");
	unsigned char raw[DIGEST];
	struct ipc_out m;
	size_t n;

	if (!auth_op_take(o, "session", AGENT_SESSION, &session) ||
	    !auth_op_take(o, "digest", 2 * DIGEST, &digest) ||
	    !auth_op_may(o, "what", WHAT_MAX, &what))
		return;
	if (sodium_hex2bin(raw, sizeof(raw), digest.p, digest.n, NULL, &n, NULL) != 0 ||
	    n != sizeof(raw)) {
		(void)bad(o, "The digest is 64 hexadecimal digits.");
		return;
	}
	ipc_begin(&m, MSG_APPROVAL_MINT);
	ipc_put_str(&m, o->who->token);
	ipc_put_str(&m, session);
	ipc_put_str(&m, str_of((char *)raw, sizeof(raw)));
	ipc_put_str(&m, what);
	auth_op_ask(o, &m, approved);
}

static void
approve_now(struct exchange *x, const struct webauth *who)
{
	struct auth_op *o = auth_op_new(x, who);

	if (auth_op_body(o))
		auth_op_proven(o, mint);
}

static void
approve(struct exchange *x)
{
	webauth(x, approve_now);
}

const struct route agents_routes[] = {
    {"/auth/agents", METHOD_GET, agents, 0, ROUTE_OUR_ORIGIN},
    {"/auth/agents", METHOD_POST, new_agent, AUTH_BODY_MAX, AUTH_SENT},
    {"/auth/agents/", METHOD_PATCH, set_policy, AUTH_BODY_MAX, AUTH_SENT},
    {"/auth/agents/", METHOD_DELETE, drop_agent, AUTH_BODY_MAX, AUTH_SENT},
    {"/auth/agent-calls", METHOD_GET, calls, 0, ROUTE_OUR_ORIGIN},
    {"/auth/approvals", METHOD_POST, approve, AUTH_BODY_MAX, AUTH_SENT},
    {NULL, 0, NULL, 0, 0},
};
