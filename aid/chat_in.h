/*
 * chat_in.h - what chat.c and turn.c share: a conversation and the turn that is under way in it.
 */
#pragma once

#include <sys/queue.h>

#include "aid/mcp.h"
#include "aid/memory.h"
#include "aid/turn.h"
#include "base/buf.h"
#include "io/loop.h"
#include "ipc/frames.h"
#include "json/json.h"

#define CHAT_MAGIC    0x63686174u
#define CHAT_ID_MAX   64u
#define CHAT_SELECTED 100u

struct chat;

/* A call of a tool, until its then() is through. */
struct tool_call {
	struct turn *turn;
	uint64_t number; /* for the page */
	uint64_t mcp;    /* for mcp_cancel(); 0: it never began, and `why` says why */
	const char *why;
	char *name;
	bool changes; /* it is no tool that only reads */
	uint64_t began_us;
	turn_then_fn then;
	void *arg;
	TAILQ_ENTRY(tool_call) link;
};

enum turn_state {
	TURN_ON,
	TURN_HANDING, /* to brain_builtin, at the end of the loop's turn */
	TURN_OVER     /* what is said is passed over; it is freed at the end of the loop's turn */
};

struct turn {
	unsigned magic;
	struct chat *chat;
	const struct brain *brain;
	enum turn_state state;
	struct arena arena;
	struct str id;
	struct turn_asked asked;
	struct loop_defer defer;
	struct loop_timer *timer;
	uint64_t began_us;

	TAILQ_HEAD(, tool_call) calls; /* under way */
	unsigned ncalls, running;
	uint64_t changed;

	struct buf said; /* what the page has been told, for the memory */
	char tail[4];    /* of a character that has begun */
	size_t ntail;
	bool spoke; /* it cannot be handed over any more */
	struct str
	    owed[TURN_CALLS_AT_ONCE]; /* approvals that tools told of, and the page was not */
	size_t nowed;
	uint64_t input_tokens, output_tokens;
	const char *outcome; /* "done", or the code of the error */
};

struct chat {
	unsigned magic;
	struct frames *frames; /* the page; NULL: gone */
	char *user;
	char *key; /* opens the agent session; octets, a secret */
	size_t key_n;
	enum language language;
	int32_t zone; /* minutes east of UTC */
	const struct brain *brain;
	void *slot, *slot_builtin; /* the brains' own */
	struct memory memory;

	struct mcp *mcp; /* NULL: not opened; a lost one stays until the turn is over */
	bool lost;
	uint64_t opening; /* the call of MCP_STREAM */
	int fd;           /* our end, meanwhile */
	char session[64]; /* of the agent */
	struct turn *turn;
	bool waits; /* the turn does, for mcp */
	TAILQ_ENTRY(chat) link;
};

/* To the page; the object is taken. */
void chat_tell(struct chat *c, cJSON *message);
/* The turn's object is gone. */
void chat_turn_gone(struct chat *c);

/* A turn begins: nothing is asked of the brain before turn_start(). text: of the person. */
struct turn *turn_new(struct chat *c, struct str id);
void turn_start(struct turn *t);
/* It ends from outside, at once: the brain hears cancel(). */
void turn_stop(struct turn *t, const char *code, const char *text);
