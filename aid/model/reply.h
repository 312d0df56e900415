/*
 * reply.h - what a model answers, as it comes: octets of a body in, text and calls of tools out.
 *
 * Two kinds of bodies: Ollama's (a JSON object a line) and that of OpenAI-compatible servers
 * (server-sent events, each with a JSON object). Both may arrive cut anywhere, say an error after
 * the status 200, end early, and hold anything at all: a provider is believed in nothing. All is
 * bounded; members that are not known are passed over.
 *
 * No I/O; memory is the reply's own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "json/json.h"

#define REPLY_LINE_MAX  (256u << 10) /* of a body */
#define REPLY_TEXT_MAX  (64u << 10)
#define REPLY_ARGS_MAX  (64u << 10) /* of one call */
#define REPLY_CALLS_MAX 16u
#define REPLY_NAME_MAX  64u

struct reply_call {
	char id[REPLY_NAME_MAX + 1];   /* as the provider calls it; or empty */
	char name[REPLY_NAME_MAX + 1]; /* of the tool; empty: none that could be one */
	struct buf text;               /* the arguments' text, where they come as a string */
	cJSON *args;                   /* an object; NULL: they are none */
};

enum reply_state {
	REPLY_MORE,
	REPLY_DONE, /* the provider says that it is all */
	REPLY_BAD   /* it makes no sense, or passes a limit: error says what */
};

struct reply;

/* The two kinds. line: takes one line of the body, or what it stands for. */
struct reply_kind {
	const char *name;
	int (*line)(struct reply *r, struct str line, struct err *e);
};
extern const struct reply_kind reply_ollama, reply_openai;

struct reply {
	const struct reply_kind *kind;
	enum reply_state state;
	struct err error;
	/* Text as it comes; optional. It must not free the reply. */
	void (*say)(void *arg, struct str text);
	void *arg;
	struct buf text; /* all of it; what is past REPLY_TEXT_MAX is an error */
	struct reply_call calls[REPLY_CALLS_MAX];
	size_t ncalls;
	uint64_t input_tokens, output_tokens;
	bool cut; /* the model was not through: it met a limit of its own */
	/* private */
	struct buf line, event;
	bool ended; /* it says so, more may follow (usage) */
};

void reply_init(struct reply *r, const struct reply_kind *kind);
void reply_free(struct reply *r);
/* More of the body. Nothing is taken any more once state is not REPLY_MORE. */
enum reply_state reply_put(struct reply *r, struct str octets);
/* The body is at its end. Where the provider never said that it was all: REPLY_BAD. */
enum reply_state reply_end(struct reply *r);

/* ---- for the kinds ---- */

int reply_say(struct reply *r, struct str text, struct err *e);
/* A new call; NULL past REPLY_CALLS_MAX. A name that no tool can have becomes empty. */
struct reply_call *reply_add_call(struct reply *r, struct str id, struct str name);
/* Arguments as an object, or a string that holds one (anything else is none). */
void reply_set_args(struct reply_call *c, const cJSON *v);
/* "model not found" out of {"error": "…"} or {"error": {"message": "…"}}, one printable line. */
int reply_told_error(const cJSON *error, struct err *e);
