/*
 * talk_tools.c - the tools that a model calls, one after the other; what they say goes back to it.
 *
 * A call that makes no sense (no such tool, arguments that are none) costs the model a round, with
 * words that it can act on: it reaches no tool. See talk.c.
 */
#include <stdlib.h>

#include "aid/llm/talk.h"
#include "aid/model/ask.h"
#include "base/mem.h"

#define RESULT_MAX (64u << 10) /* octets of a tool's text that a model is shown */

static void next(struct talk *k);

static bool
is_tool(const struct talk *k, struct str name)
{
	const cJSON *t;

	cJSON_ArrayForEach(
	    t, turn_tools(k->turn)) if (str_eq(json_str(json_get(t, "name")), name)) return true;
	return false;
}

static void
put_result(struct talk *k, struct str text)
{
	const struct reply_call *c = &k->reply.calls[k->call++];

	text = str_cut_utf8(text, RESULT_MAX);
	json_add(k->messages, ask_result(str_z(c->id), str_z(c->name), text));
}

static void
on_result(struct turn *t, const struct turn_result *r, void *arg)
{
	struct talk *k = arg;

	(void)t;
	OBJ(k, TALK_MAGIC);
	if (!r->failed) {
		plain_know(&k->plain, r->text);
		talk_listed(k, r->data);
	}
	put_result(k, r->text.n > 0 ? r->text : r->failed ? STR("It failed.") : STR("Done."));
	next(k);
}

static void
next(struct talk *k)
{
	struct arena *a = turn_arena(k->turn);

	while (k->call < k->reply.ncalls) {
		struct reply_call *c = &k->reply.calls[k->call];

		if (!is_tool(k, str_z(c->name))) {
			put_result(k, arena_printf(a, "Error: there is no tool \"%s\".", c->name));
		} else if (c->args == NULL) {
			put_result(k, STR("Error: the arguments are no JSON object."));
		} else {
			k->spoke = true;
			turn_call(k->turn, c->name, cJSON_Duplicate(c->args, true), on_result, k);
			return;
		}
	}
	talk_ask(k);
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
	k->call = 0;
	next(k);
}
