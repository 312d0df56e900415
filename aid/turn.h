/*
 * turn.h - what a brain gets to answer with: one question of a person's, and the answer to it.
 *
 * A brain (aid/builtin, aid/llm) is asked by ask() and answers by the functions below, from ask()
 * or from any callback later, until it ends the turn with exactly one of turn_done(), turn_fail()
 * or turn_hand_over(). After that, and after cancel(), the turn is gone: whatever the brain keeps
 * for it was freed by turn_defer() or lies in turn_arena().
 *
 * The chat (aid/chat.h) sees to all else: one turn at a time, limits (calls, octets, time: past
 * them the turn is ended and the brain hears cancel()), what the page is shown, memory, logs and
 * metrics. Nothing a brain says here has an effect by itself: effects come from tools alone, and
 * what they may do is decided by others (ADR 32), and by the person (ADR 42). What it says is shown
 * as text.
 *
 * No callback is ever called from inside a function of this page.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aid/grammar/request.h"
#include "base/arena.h"
#include "base/str.h"

struct turn;

/* ---- brains ---- */

struct brain {
	const char *name; /* "builtin", "ollama", "openai": also the label of its metrics */
	/* Answers; see above. */
	void (*ask)(struct turn *t);
	/* The person has stopped it, has gone, or a limit was met: the turn is gone when this
	 * returns, callbacks of turn_call() no longer come. Nothing may be said any more. Optional
	 * for who keeps nothing outside the turn. */
	void (*cancel)(struct turn *t);
	/* What it kept of a conversation in turn_slot() is not needed any more. Optional. */
	void (*forget)(void *slot);
	/* The model's name, or "". */
	struct str (*model)(void);
	/* Does what a person says stay on this machine? */
	bool (*local)(void);
	/* What it calls may come from mail that it was given: it is a language model. Its calls go
	 * one after the other, and from the first mail on the person is asked before one changes
	 * anything. Of one without, the person's words alone decide what is called. */
	bool obeys;
};

/* The one that works without a model; also when another one hands over. */
extern const struct brain brain_builtin;

/* ---- what was asked ---- */

/* Strings live as long as the turn, are bounded, and are UTF-8; they come from the page. */
struct turn_asked {
	struct str text;        /* REQUEST_TEXT_MAX */
	size_t choice;          /* of a question's, from 1; then text may be of mail. 0: none */
	enum language language; /* of the page; the text may be in the other */
	struct now now;         /* with the person's time zone */
	/* What the page shows beside it; empty where there is nothing. */
	struct str email, thread, mailbox;
	const struct str *selected; /* ids of emails */
	size_t nselected;
};

const struct turn_asked *turn_asked(const struct turn *t);
struct str turn_user(const struct turn *t); /* whose mail it is: an address */
struct arena *turn_arena(struct turn *t);   /* freed with the turn */
/* fn(arg) when the turn is gone, however it ended. */
void turn_defer(struct turn *t, void (*fn)(void *), void *arg);

/* ---- tools ---- */

#define TURN_CALLS_AT_ONCE 8u

/* tools/list as gk-mcpd gave it: an array of objects with name, description, inputSchema,
 * annotations. Borrowed, stays for the turn. Never NULL: a turn begins when it is there. */
const cJSON *turn_tools(const struct turn *t);

/* How a call ended. Lives until then() returns. */
struct turn_result {
	bool failed; /* the tool says so, it could not be called, or the person said no: text says
		      * why */
	const cJSON *data; /* structuredContent, or NULL */
	struct str text;   /* of its content: fenced text, for a model or for nobody */
};
typedef void (*turn_then_fn)(struct turn *t, const struct turn_result *r, void *arg);

/* Calls a tool; args is taken (NULL: none). The page sees that it runs, and how it ended. then() is
 * called once, unless the turn is gone before. A tool that there is not, more than
 * TURN_CALLS_AT_ONCE at a time (of a brain that obeys: they wait), and more in a turn than
 * assistant.max_calls come back failed: the brain may go on without. */
void turn_call(struct turn *t, const char *tool, cJSON *args, turn_then_fn then, void *arg);

/* ---- the answer ---- */

/* Some text, shown as it comes, and kept for turn_memory(). Markdown is not read: it is text. What
 * is past TURN_TEXT_MAX in one turn is left out. Octets that are no UTF-8 become U+FFFD; a
 * character may be cut in two by calls. */
#define TURN_TEXT_MAX (64u << 10)
void turn_say(struct turn *t, struct str text);
void turn_sayf(struct turn *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A list of mail to click on. items: an array of {emailId, threadId, from, subject, receivedAt,
 * unread, preview} (taken; others' members are dropped, strings cut); total: how many there are in
 * all; query: what the page would search for to see them all, or empty. */
void turn_messages(struct turn *t, cJSON *items, uint64_t total, struct str query);
/* Something is to be answered before it goes on; choices (borrowed, may be none) are answers to
 * click on. The turn still ends with turn_done(): what is said next comes as a new turn, of
 * brain_builtin's where it is a choice: no other asks in this way. */
void turn_question(struct turn *t, struct str text, const struct str *choices, size_t n);
/* A person has to agree to that on its card: the id of an Approval, and a line on what it is. Also
 * shown where a tool's result has an `approval` and the brain says nothing. */
void turn_approval(struct turn *t, struct str id, struct str what);
/* What a model has used, added to what was said before. */
void turn_usage(struct turn *t, uint64_t input_tokens, uint64_t output_tokens);

/* ---- its end ---- */

void turn_done(struct turn *t);
/* code: for the page and the log: "away" (of the model), "time", "size", "rounds", "model" (it made
 * no sense), "tools" (gk-mcpd is away), "internal"; a literal. text: for the person, in its
 * language; empty: the page has words for the code. */
void turn_fail(struct turn *t, const char *code, struct str text);
/* This brain cannot (the model is away): brain_builtin goes on with the same question, and the page
 * is told why. Only before anything was said or called. */
void turn_hand_over(struct turn *t, const char *why);

/* ---- memory ---- */

/* What was said in this conversation before this turn, oldest first; borrowed, stays for the turn.
 * At most TURN_MEMORY_SAID pieces of TURN_MEMORY_MAX octets in all: the oldest go first. */
#define TURN_MEMORY_SAID 40u
#define TURN_MEMORY_MAX  (48u << 10)
struct turn_said {
	bool by_person;
	struct str text;
};
size_t turn_memory(const struct turn *t, const struct turn_said **out);

/* A place of the brain's own in the conversation, NULL at first; brain.forget() frees what it put
 * there when the conversation ends, begins anew, or goes on with another brain. */
void **turn_slot(struct turn *t);
