/*
 * talk.h - private to the brains with a model: one turn of theirs.
 */
#pragma once

#include "aid/llm/post.h"
#include "aid/model/plain.h"
#include "aid/model/reply.h"
#include "aid/turn.h"

#define TALK_MAGIC 0x54414c4bu

struct llm_conf {
	const struct reply_kind *kind;
	char model[256];
	bool local_only;
	bool local; /* the provider is on this machine */
	uint64_t num_ctx, keep_alive_ms, max_rounds, silence_ms, max_tokens, max_size;
};
extern struct llm_conf llm_conf;

enum talk_phase {
	TALK_CHECK, /* Ollama: where does the model run? */
	TALK_TOOLS, /* it is asked, and may call tools */
	TALK_PICK   /* which messages belong to the answer? */
};

struct talk {
	unsigned magic;
	struct turn *turn;
	enum talk_phase phase;
	cJSON *messages;   /* aid/model/ask.h */
	struct post *post; /* under way, or NULL */
	struct reply reply;
	struct buf show; /* of TALK_CHECK */
	struct plain plain;
	bool spoke; /* something was said or called: it cannot be handed over */
	bool said;  /* some text */
	bool fresh; /* what is said next begins a paragraph */
	unsigned round;
	size_t octets; /* that the provider has answered */
	uint64_t tokens, began_us, asked_us, first_us;
	cJSON *results[REPLY_CALLS_MAX]; /* of the reply's calls: messages for the model */
	size_t left;                     /* of them, to come */
	cJSON *listed;                   /* what tools listed: items of turn_messages(), by id */
};

/* ---- talk.c ---- */

/* The next request of the phase. */
void talk_ask(struct talk *k);
/* The turn fails, or the built-in brain takes it over where nothing was said. */
void talk_fail(struct talk *k, const char *code, const char *why);

/* ---- talk_tools.c ---- */

/* Calls what the reply asks for, then talk_ask(). */
void talk_call_tools(struct talk *k);

/* ---- talk_pick.c ---- */

/* What a tool listed is remembered. */
void talk_listed(struct talk *k, const cJSON *data);
/* Shows what the reply names of it. */
void talk_show_picked(struct talk *k);
