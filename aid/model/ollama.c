/*
 * ollama.c - the body of Ollama's answer to /api/chat: JSON objects, one a line (ollama/ollama,
 * docs/api.md).
 *
 * A call of a tool comes whole, in a line that is not the last; a line {"error": …} may follow the
 * status 200; what the model thinks is not said.
 */
#include "aid/model/reply.h"

#define VALUES_MAX 20000u

static int
take_calls(struct reply *r, const cJSON *calls)
{
	const cJSON *call;

	if (!cJSON_IsArray(calls))
		return 0;
	cJSON_ArrayForEach(call, calls)
	{
		const cJSON *f = json_get(call, "function");
		struct reply_call *c = reply_add_call(
		    r, json_str(json_get(call, "id")), json_str(json_get(f, "name")));

		if (c != NULL)
			reply_set_args(c, json_get(f, "arguments"));
	}
	return 0;
}

static void
take_count(const cJSON *v, uint64_t *out)
{
	int64_t n;

	if (json_int(v, 0, UINT32_MAX, &n) == 0)
		*out = (uint64_t)n;
}

static int
take_object(struct reply *r, const cJSON *o, struct err *e)
{
	const cJSON *m = json_get(o, "message");

	if (!cJSON_IsObject(o))
		return err_set(e, E_PROTO, "a line that is no object");
	if (json_member(o, "error") != NULL)
		return reply_told_error(json_get(o, "error"), e);
	if (reply_say(r, json_str(json_get(m, "content")), e) < 0)
		return -1;
	take_calls(r, json_get(m, "tool_calls"));
	if (cJSON_IsTrue(json_get(o, "done"))) {
		take_count(json_get(o, "prompt_eval_count"), &r->input_tokens);
		take_count(json_get(o, "eval_count"), &r->output_tokens);
		r->cut = str_eq_z(json_str(json_get(o, "done_reason")), "length");
		r->state = REPLY_DONE;
	}
	return 0;
}

static int
take_line(struct reply *r, struct str line, struct err *e)
{
	cJSON *o;
	int rc;

	line = str_trim(line);
	if (line.n == 0)
		return 0;
	o = json_parse(line, VALUES_MAX, e);
	if (o == NULL)
		return err_wrap(e, "a line that is no JSON");
	rc = take_object(r, o, e);
	cJSON_Delete(o);
	return rc;
}

const struct reply_kind reply_ollama = {.name = "ollama", .line = take_line};
