/*
 * ask.c - requests to models. See ask.h.
 *
 * Ollama: tool_choice is not honoured, a format keeps a model from calling tools (hence a phase for
 * each), and the context is small unless num_ctx says otherwise (ollama/ollama, docs/api.md).
 */
#include "aid/model/ask.h"

#include <stdio.h>

cJSON *
ask_message(const char *role, struct str text)
{
	cJSON *m = cJSON_CreateObject();

	json_put_str(m, "role", str_z(role));
	json_put_str(m, "text", text);
	return m;
}

void
ask_add_call(cJSON *message, struct str id, struct str name, const cJSON *args)
{
	cJSON *calls = cJSON_GetObjectItemCaseSensitive(message, "calls"), *c;

	if (calls == NULL) {
		calls = cJSON_CreateArray();
		json_put(message, "calls", calls);
	}
	c = cJSON_CreateObject();
	json_put_str(c, "id", id);
	json_put_str(c, "name", name);
	json_put(c, "args", args != NULL ? cJSON_Duplicate(args, true) : cJSON_CreateObject());
	json_add(calls, c);
}

cJSON *
ask_result(struct str id, struct str name, struct str text)
{
	cJSON *m = ask_message("tool", text);

	json_put_str(m, "id", id);
	json_put_str(m, "name", name);
	return m;
}

/* ---- tools ---- */

static cJSON *
tools_of(const cJSON *tools)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *t;

	cJSON_ArrayForEach(t, tools)
	{
		cJSON *f = cJSON_CreateObject(), *one = cJSON_CreateObject();
		const cJSON *schema = json_get(t, "inputSchema");

		json_put_str(f, "name", json_str(json_get(t, "name")));
		json_put_str(f, "description", json_str(json_get(t, "description")));
		json_put(f, "parameters",
		    schema != NULL ? cJSON_Duplicate(schema, true) : cJSON_CreateObject());
		json_put_str(one, "type", STR("function"));
		json_put(one, "function", f);
		json_add(out, one);
	}
	return out;
}

/* ---- messages ---- */

/* Ollama takes arguments as an object, the others as a string. */
static cJSON *
calls_of(const cJSON *calls, bool as_string)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *c;

	cJSON_ArrayForEach(c, calls)
	{
		cJSON *one = cJSON_CreateObject(), *f = cJSON_CreateObject();
		struct buf b;

		buf_init(&b, 128u << 10);
		json_put_str(f, "name", json_str(json_get(c, "name")));
		if (as_string) {
			json_print(json_get(c, "args"), &b);
			json_put_str(f, "arguments", b.over ? STR("{}") : buf_view(&b));
			json_put_str(one, "id", json_str(json_get(c, "id")));
			json_put_str(one, "type", STR("function"));
		} else {
			json_put(f, "arguments", cJSON_Duplicate(json_get(c, "args"), true));
		}
		buf_free(&b);
		json_put(one, "function", f);
		json_add(out, one);
	}
	return out;
}

static cJSON *
messages_of(const cJSON *messages, bool openai)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *m;

	cJSON_ArrayForEach(m, messages)
	{
		cJSON *one = cJSON_CreateObject();
		const cJSON *calls = json_get(m, "calls");
		struct str role = json_str(json_get(m, "role"));

		json_put_str(one, "role", role);
		json_put_str(one, "content", json_str(json_get(m, "text")));
		if (calls != NULL)
			json_put(one, "tool_calls", calls_of(calls, openai));
		if (str_eq_z(role, "tool"))
			json_put_str(one, openai ? "tool_call_id" : "tool_name",
			    json_str(json_get(m, openai ? "id" : "name")));
		json_add(out, one);
	}
	return out;
}

/* ---- requests ---- */

static cJSON *
begin(const struct ask *a, bool openai)
{
	cJSON *o = cJSON_CreateObject();

	json_put_str(o, "model", a->model);
	json_put(o, "messages", messages_of(a->messages, openai));
	if (a->tools != NULL)
		json_put(o, "tools", tools_of(a->tools));
	json_put_bool(o, "stream", true);
	return o;
}

cJSON *
ask_ollama(const struct ask *a)
{
	cJSON *o = begin(a, false), *options = cJSON_CreateObject();
	char keep[32];

	snprintf(keep, sizeof(keep), "%llus", (unsigned long long)(a->keep_alive_ms / 1000));
	json_put_str(o, "keep_alive", str_z(keep));
	json_put_num(options, "num_ctx", (int64_t)a->num_ctx);
	json_put_num(options, "num_predict", (int64_t)a->max_tokens);
	json_put_num(options, "temperature", 0);
	json_put(o, "options", options);
	if (a->schema != NULL)
		json_put(o, "format", cJSON_Duplicate(a->schema, true));
	return o;
}

cJSON *
ask_openai(const struct ask *a)
{
	cJSON *o = begin(a, true), *usage = cJSON_CreateObject(), *format, *schema;

	json_put_num(o, "max_tokens", (int64_t)a->max_tokens);
	json_put_num(o, "temperature", 0);
	json_put_bool(usage, "include_usage", true);
	json_put(o, "stream_options", usage);
	if (a->schema != NULL) {
		format = cJSON_CreateObject();
		schema = cJSON_CreateObject();
		json_put_str(schema, "name", STR("answer"));
		json_put_bool(schema, "strict", true);
		json_put(schema, "schema", cJSON_Duplicate(a->schema, true));
		json_put_str(format, "type", STR("json_schema"));
		json_put(format, "json_schema", schema);
		json_put(o, "response_format", format);
	}
	return o;
}
