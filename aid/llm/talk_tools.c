/*
 * talk_tools.c - the tools that a model calls; what they say goes back to it.
 *
 * All calls of an answer are asked for at once (the turn makes them one after the other), since all
 * of them were decided before any was answered: aid/call.c.
 *
 * A call that makes no sense (no such tool, arguments that are none) costs the model a round, with
 * words that it can act on: it reaches no tool. See talk.c.
 */
#include <stdlib.h>

#include "aid/llm/talk.h"
#include "aid/model/ask.h"
#include "base/mem.h"

#define RESULT_MAX (64u << 10) /* octets of a tool's text that a model is shown */

/* A call of the reply's. */
struct asked_for {
	struct talk *k;
	size_t i;
};

static bool
is_tool(const struct talk *k, struct str name)
{
	const cJSON *t;

	cJSON_ArrayForEach(
	    t, turn_tools(k->turn)) if (str_eq(json_str(json_get(t, "name")), name)) return true;
	return false;
}

static void
put_result(struct talk *k, size_t i, struct str text)
{
	const struct reply_call *c = &k->reply.calls[i];

	text = str_cut_utf8(text, RESULT_MAX);
	k->results[i] = ask_result(str_z(c->id), str_z(c->name), text);
	k->left--;
}

/* In the order of the calls, whatever came first. */
static void
go_on(struct talk *k)
{
	if (k->left > 0)
		return;
	for (size_t i = 0; i < k->reply.ncalls; i++) {
		json_add(k->messages, k->results[i]);
		k->results[i] = NULL;
	}
	talk_ask(k);
}

static void
on_result(struct turn *t, const struct turn_result *r, void *arg)
{
	const struct asked_for *one = arg;
	struct talk *k = one->k;

	(void)t;
	OBJ(k, TALK_MAGIC);
	if (!r->failed) {
		plain_know(&k->plain, r->text);
		talk_listed(k, r->data);
	}
	put_result(k, one->i,
	    r->text.n > 0 ? r->text
	    : r->failed   ? STR("It failed.")
			  : STR("Done."));
	go_on(k);
}

static void
call(struct talk *k, size_t i)
{
	struct arena *a = turn_arena(k->turn);
	const struct reply_call *c = &k->reply.calls[i];
	struct asked_for *one;

	if (!is_tool(k, str_z(c->name))) {
		put_result(k, i, arena_printf(a, "Error: there is no tool \"%s\".", c->name));
	} else if (c->args == NULL) {
		put_result(k, i, STR("Error: the arguments are no JSON object."));
	} else {
		k->spoke = true;
		one = arena_new(a, struct asked_for);
		*one = (struct asked_for){k, i};
		turn_call(k->turn, c->name, cJSON_Duplicate(c->args, true), on_result, one);
	}
}

/* Some providers name no call: then they are told apart by number. */
static void
name_calls(struct talk *k)
{
	for (size_t i = 0; i < k->reply.ncalls; i++)
		if (k->reply.calls[i].id[0] == '\0')
			snprintf(k->reply.calls[i].id, sizeof(k->reply.calls[i].id), "call_%u_%zu",
			    k->round, i);
}

void
talk_call_tools(struct talk *k)
{
	cJSON *m = ask_message("assistant", buf_view(&k->reply.text));

	name_calls(k);
	for (size_t i = 0; i < k->reply.ncalls; i++)
		ask_add_call(m, str_z(k->reply.calls[i].id), str_z(k->reply.calls[i].name),
		    k->reply.calls[i].args);
	json_add(k->messages, m);
	k->left = k->reply.ncalls;
	for (size_t i = 0; i < k->reply.ncalls; i++)
		call(k, i);
	go_on(k);
}
