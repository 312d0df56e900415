/*
 * call.c - the tools that a turn calls (aid/turn.h), and the gate before them.
 *
 * A brain that obeys what it reads (a language model) has its calls carried out one after the
 * other. Those that it asked for after it was given mail are called with MCP_HOLD: what would
 * change something is told by gk-mcpd and not done. When nothing else is left to do the person is
 * asked about it (confirm.c), and what is agreed to is called anew, without. What is asked for in
 * one go was decided before any of it was answered, so that mail which one call gives does not
 * count for its neighbours. Nothing of this hangs on what a tool is called or says of itself.
 *
 * Owner of a call: its turn. Errors reach then().
 */
#include <stdio.h>
#include <stdlib.h>

#include "aid/chat_in.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "svc/svc.h"

#define CALL_MS     60000u /* a tool that takes longer is given up */
#define SHOWN_STR   200u   /* octets of an argument that the page is shown */
#define SHOWN_ITEMS 20u
#define SHOWN_ARGS  4096u

/* ---- its end ---- */

static void
call_free(struct tool_call *c)
{
	struct turn *t = c->turn;

	if (c->mcp != 0 && t->chat->mcp != NULL)
		mcp_cancel(t->chat->mcp, c->mcp);
	TAILQ_REMOVE(&t->calls, c, link);
	t->running--;
	cJSON_Delete(c->args);
	cJSON_Delete(c->changes);
	free(c->about);
	free(c->name);
	free(c);
}

void
calls_drop(struct turn *t)
{
	struct tool_call *c;

	while ((c = TAILQ_FIRST(&t->calls)) != NULL)
		call_free(c); /* NOLINT(clang-analyzer-unix.Malloc) */
}

/* ---- what the page is told ---- */

/* Of a long list the first, and how many more there are. */
static void
cut_list(cJSON *v)
{
	int left = cJSON_GetArraySize(v) - (int)SHOWN_ITEMS;
	char more[32];

	if (!cJSON_IsArray(v) || left <= 0)
		return;
	for (int i = 0; i < left; i++)
		cJSON_DeleteItemFromArray(v, (int)SHOWN_ITEMS);
	snprintf(more, sizeof(more), "(+ %d)", left);
	json_add(v, json_new_str(str_z(more)));
}

/* Strings and lists are cut, in place. */
static void
cut_strings(cJSON *v)
{
	cut_list(v);
	for (cJSON *child = v->child; child != NULL; child = child->next)
		cut_strings(child);
	if (cJSON_IsString(v) && strlen(v->valuestring) > SHOWN_STR)
		v->valuestring[str_cut_utf8(str_z(v->valuestring), SHOWN_STR).n] = '\0';
}

static void
tell_running(struct tool_call *c)
{
	cJSON *m = turn_message(c->turn, "tool"), *shown = NULL;
	struct buf b;

	buf_init(&b, SHOWN_ARGS);
	json_put_num(m, "call", (int64_t)c->number);
	json_put_str(m, "name", str_z(c->name));
	json_put_str(m, "state", STR("running"));
	if (c->args != NULL) {
		shown = cJSON_Duplicate(c->args, true);
		cut_strings(shown);
		json_print(shown, &b);
	}
	if (shown == NULL || b.over) {
		cJSON_Delete(shown);
		shown = cJSON_CreateObject();
	}
	json_put(m, "arguments", shown);
	buf_free(&b);
	chat_tell(c->turn->chat, m);
	c->told = true;
}

/* How many things came back, in a word or two. */
static void
put_summary(struct turn *t, cJSON *m, const struct turn_result *r, bool counts)
{
	bool fr = t->asked.language == LANGUAGE_FR;
	const cJSON *v = r->data != NULL ? r->data->child : NULL;
	char text[64] = "";

	if (r->failed) {
		json_put(m, "summary", turn_shown(r->text, SHOWN_STR));
		return;
	}
	while (v != NULL && (!counts || !cJSON_IsArray(v)))
		v = v->next;
	if (v != NULL) {
		int n = cJSON_GetArraySize(v);

		snprintf(text, sizeof(text), fr ? "%d résultat%s" : "%d result%s", n,
		    n > 1 || (n == 0 && !fr) ? "s" : "");
	}
	json_put_str(m, "summary", str_z(text));
}

static void
tell_ended(const struct tool_call *c, const struct turn_result *r)
{
	cJSON *m = turn_message(c->turn, "tool");

	json_put_num(m, "call", (int64_t)c->number);
	json_put_str(m, "name", str_z(c->name));
	json_put_str(m, "state",
	    c->refused  ? STR("refused")
	    : r->failed ? STR("failed")
			: STR("done"));
	if (c->refused)
		json_put_str(m, "summary", STR(""));
	else
		put_summary(c->turn, m, r, !c->writes);
	json_put_num(m, "ms", (int64_t)((clock_us() - c->began_us) / 1000));
	chat_tell(c->turn->chat, m);
}

/* ---- one call ---- */

/* How many changes a tool says it has made. */
static uint64_t
changes_of(const cJSON *data)
{
	const cJSON *changed = json_get(data, "changed");

	if (cJSON_IsArray(changed))
		return (uint64_t)cJSON_GetArraySize(changed);
	return json_str(json_get(data, "draft")).n > 0;
}

static void
log_call(const struct tool_call *c, const char *outcome)
{
	const struct chat *chat = c->turn->chat;

	log_info("aid.tool", LZ("user", chat->user), LZ("session", chat->session),
	    LZ("tool", c->name), LZ("outcome", outcome),
	    LU("ms", (clock_us() - c->began_us) / 1000));
}

static void
answered(void *arg, const struct mcp_answer *a)
{
	struct tool_call *c = arg;
	struct turn *t = c->turn;
	struct turn_result r = {.failed = a->failed, .data = a->data, .text = a->text};
	struct str approval = json_str(json_get(a->data, "approval"));
	turn_then_fn then = c->then;
	void *then_arg = c->arg;

	c->mcp = 0;
	loop_defer(&t->defer);
	log_call(c, a->code);
	if (a->held != NULL && c->hold) {
		c->state = CALL_HELD;
		c->changes = cJSON_Duplicate(a->held, true);
		return;
	}
	tell_ended(c, &r);
	confirm_note(t->chat, c, a->data);
	if (!a->failed && c->writes)
		t->changed += changes_of(a->data);
	call_free(c);
	if (approval.n > 0 && t->nowed < ARRAY_LEN(t->owed))
		t->owed[t->nowed++] = arena_dup(&t->arena, approval);
	then(t, &r, then_arg);
}

static void
call_start(struct tool_call *c)
{
	struct mcp *m = c->turn->chat->mcp;
	cJSON *args = c->args;

	if (!c->told)
		tell_running(c);
	c->args = NULL;
	if (c->hold)
		c->args = args != NULL ? cJSON_Duplicate(args, true) : NULL;
	c->state = CALL_RUNS;
	if (m == NULL) {
		cJSON_Delete(args);
		call_refuse(c, "The tools cannot be reached now.");
		return;
	}
	c->mcp = mcp_call(m, c->name, args, CALL_MS, c->hold, answered, c);
	if (c->mcp == 0)
		call_refuse(c, "The tools cannot be reached now.");
}

void
call_refuse(struct tool_call *c, const char *why)
{
	c->state = CALL_EARLY;
	c->why = why;
	loop_defer(&c->turn->defer);
}

/* ---- one after the other ---- */

static void
tell_early(struct tool_call *c)
{
	struct turn *t = c->turn;
	turn_then_fn then = c->then;
	void *arg = c->arg;
	struct turn_result r = {.failed = true, .text = str_z(c->why)};

	if (c->told)
		tell_ended(c, &r);
	call_free(c);
	then(t, &r, arg);
}

static struct tool_call *
first(struct turn *t, enum call_state state)
{
	struct tool_call *c;

	TAILQ_FOREACH (c, &t->calls, link)
		if (c->state == state) /* NOLINT(clang-analyzer-unix.Malloc) */
			return c;
	return NULL;
}

void
calls_go(struct turn *t)
{
	struct tool_call *c;

	while (turn_is_on(t) && (c = first(t, CALL_EARLY)) != NULL)
		tell_early(c); /* which may make others */
	if (!turn_is_on(t) || first(t, CALL_RUNS) != NULL)
		return;
	if ((c = first(t, CALL_WAITS)) != NULL)
		call_start(c);
	else if (first(t, CALL_HELD) != NULL)
		confirm_ask(t);
}

static char *
dup_id(const cJSON *v)
{
	struct str s = json_str(v);

	return s.n > 0 && s.n <= CHAT_ID_MAX ? mem_dup(s.p, s.n) : NULL;
}

static struct tool_call *
call_new(struct turn *t, const char *tool, cJSON *args, turn_then_fn then, void *arg)
{
	struct tool_call *c = mem_alloc(sizeof(*c));

	c->turn = t;
	c->number = ++t->ncalls;
	c->name = mem_dup(tool, strlen(tool));
	c->args = args;
	c->about = dup_id(json_get(args, "message"));
	c->hold = t->brain->obeys && t->chat->read.any;
	c->then = then;
	c->arg = arg;
	c->began_us = clock_us();
	TAILQ_INSERT_TAIL(&t->calls, c, link);
	t->running++;
	return c;
}

void
turn_call(struct turn *t, const char *tool, cJSON *args, turn_then_fn then, void *arg)
{
	const cJSON *known;
	struct tool_call *c;

	if (!turn_is_on(t)) {
		cJSON_Delete(args);
		return;
	}
	t->spoke = true;
	c = call_new(t, tool, args, then, arg);
	known = t->chat->mcp != NULL ? mcp_tool(t->chat->mcp, str_z(tool)) : NULL;
	c->writes = !cJSON_IsTrue(json_get(json_get(known, "annotations"), "readOnlyHint"));
	if (t->chat->mcp == NULL)
		call_refuse(c, "The tools cannot be reached now.");
	else if (known == NULL)
		call_refuse(c, "There is no tool of that name.");
	else if (t->ncalls > conf_num(svc_conf(), CONF_ASSISTANT_MAX_CALLS))
		call_refuse(c, "Too many tools were called for one request.");
	else if (!t->brain->obeys && t->running > TURN_CALLS_AT_ONCE)
		call_refuse(c, "Too many tools were called at a time.");
	else if (!t->brain->obeys)
		call_start(c);
	else {
		c->state = CALL_WAITS;
		loop_defer(&t->defer);
	}
}
