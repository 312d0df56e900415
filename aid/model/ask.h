/*
 * ask.h - what a model is asked, as Ollama and OpenAI-compatible servers want it.
 *
 * Messages are kept once, in a form of our own, as an array of objects: {role: "system", "user",
 * "assistant" or "tool", text, calls: [{id, name, args}] of an assistant, id and name of a tool}.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "json/json.h"

struct ask {
	struct str model;
	const cJSON *messages;
	const cJSON *tools;  /* tools/list of MCP; NULL: none may be called */
	const cJSON *schema; /* of the answer; NULL: text */
	uint64_t num_ctx, keep_alive_ms, max_tokens;
};

/* The bodies of the requests. */
cJSON *ask_ollama(const struct ask *a);
cJSON *ask_openai(const struct ask *a);

/* Making messages. */
cJSON *ask_message(const char *role, struct str text);
/* Of an assistant's: args is copied; NULL: none. */
void ask_add_call(cJSON *message, struct str id, struct str name, const cJSON *args);
cJSON *ask_result(struct str id, struct str name, struct str text);
