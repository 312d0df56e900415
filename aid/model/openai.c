/*
 * openai.c - the body of an OpenAI-compatible server's answer to /v1/chat/completions with
 * "stream": server-sent events (WHATWG HTML 9.2), each a JSON object, the last "[DONE]".
 *
 * Calls of tools come in pieces: the first has the name, the arguments are a string that grows;
 * index says which call. Some servers send a call whole, without an index, or with arguments that
 * are an object.
 */
#include "aid/model/reply.h"

#define VALUES_MAX 20000u

/* The call that a piece belongs to: by its index, or it is a new one. */
static struct reply_call *
call_of(struct reply *r, const cJSON *piece)
{
	const cJSON *f = json_get(piece, "function");
	int64_t index = 0;
	bool numbered = json_int(json_get(piece, "index"), 0, REPLY_CALLS_MAX, &index) == 0;

	if (numbered && (size_t)index < r->ncalls)
		return &r->calls[index];
	if (numbered && (size_t)index > r->ncalls)
		return NULL;
	return reply_add_call(r, json_str(json_get(piece, "id")), json_str(json_get(f, "name")));
}

static int
take_calls(struct reply *r, const cJSON *pieces, struct err *e)
{
	const cJSON *piece;

	if (!cJSON_IsArray(pieces))
		return 0;
	cJSON_ArrayForEach(piece, pieces)
	{
		struct reply_call *c = call_of(r, piece);

		if (c == NULL)
			return err_set(e, E_PROTO, "calls that are out of order, or too many");
		reply_set_args(c, json_get(json_get(piece, "function"), "arguments"));
		if (c->text.over)
			return err_set(e, E_LIMIT, "arguments of over %u octets", REPLY_ARGS_MAX);
	}
	return 0;
}

static void
take_usage(struct reply *r, const cJSON *usage)
{
	int64_t n;

	if (json_int(json_get(usage, "prompt_tokens"), 0, UINT32_MAX, &n) == 0)
		r->input_tokens = (uint64_t)n;
	if (json_int(json_get(usage, "completion_tokens"), 0, UINT32_MAX, &n) == 0)
		r->output_tokens = (uint64_t)n;
}

static int
take_object(struct reply *r, const cJSON *o, struct err *e)
{
	const cJSON *choice = cJSON_GetArrayItem(json_get(o, "choices"), 0);
	const cJSON *delta = json_get(choice, "delta");
	struct str reason = json_str(json_get(choice, "finish_reason"));

	if (!cJSON_IsObject(o))
		return err_set(e, E_PROTO, "an event that is no object");
	if (json_member(o, "error") != NULL)
		return reply_told_error(json_get(o, "error"), e);
	take_usage(r, json_get(o, "usage"));
	if (reply_say(r, json_str(json_get(delta, "content")), e) < 0 ||
	    take_calls(r, json_get(delta, "tool_calls"), e) < 0)
		return -1;
	if (reason.n > 0) {
		r->ended = true; /* usage may follow, and not every server says [DONE] */
		r->cut = str_eq_z(reason, "length");
	}
	return 0;
}

static int
take_event(struct reply *r, struct err *e)
{
	struct str text = str_trim(buf_view(&r->event));
	cJSON *o;
	int rc = 0;

	if (str_eq_z(text, "[DONE]")) {
		r->state = REPLY_DONE;
	} else if (text.n > 0) {
		o = json_parse(text, VALUES_MAX, e);
		rc = o == NULL ? err_wrap(e, "an event that is no JSON") : take_object(r, o, e);
		cJSON_Delete(o);
	}
	buf_reset(&r->event);
	return rc;
}

/* WHATWG HTML 9.2.6: an empty line ends an event, one that begins with a colon is a comment; of the
 * fields "data" is of interest. */
static int
take_line(struct reply *r, struct str line, struct err *e)
{
	struct str name, value = line;

	if (line.n == 0)
		return take_event(r, e);
	/* An error that is no stream at all: a JSON object alone. */
	if (line.p[0] == '{' && r->event.n == 0) {
		(void)buf_str(&r->event, line);
		return take_event(r, e);
	}
	(void)str_cut(&value, ':', &name);
	if (!str_eq_z(name, "data"))
		return 0;
	if (value.n > 0 && value.p[0] == ' ')
		value = str_from(value, 1);
	if (buf_str(&r->event, value) < 0)
		return err_set(e, E_LIMIT, "an event of over %u octets", REPLY_LINE_MAX);
	return 0;
}

const struct reply_kind reply_openai = {.name = "openai", .line = take_line};
