/*
 * chat_in.h - what chat.c and turn.c share: a conversation and the turn that is under way in it.
 */
#pragma once

#include <sys/queue.h>

#include "aid/kept.h"
#include "aid/mcp.h"
#include "aid/memory.h"
#include "aid/turn.h"
#include "base/buf.h"
#include "io/loop.h"
#include "ipc/frames.h"
#include "json/json.h"

#define CHAT_MAGIC    0x63686174u
#define CHAT_NAME     32u /* hexadecimal digits of a conversation's id */
#define CHAT_ID_MAX   64u
#define CHAT_SELECTED 100u
#define CHAT_CHOICES  100

struct chat;

enum call_state {
	CALL_EARLY, /* it never began, or is not to be done: `why` says why */
	CALL_WAITS, /* for those before it */
	CALL_RUNS,
	CALL_HELD, /* it would change something: the person is to be asked */
	CALL_ASKED /* the person was */
};

/* A call of a tool, until its then() is through. */
struct tool_call {
	struct turn *turn;
	enum call_state state;
	uint64_t number; /* for the page */
	uint64_t mcp;    /* for mcp_cancel(), while it runs */
	const char *why;
	char *name;
	cJSON *args;    /* as long as it may have to be called, or called anew */
	char *about;    /* the mail that it reads, or NULL */
	bool hold;      /* mail was given to the model before this was asked for */
	bool refused;   /* by the person */
	cJSON *changes; /* of one that is held: what it would do */
	uint64_t card;  /* of one that was asked about: the number of the first on the same card */
	bool told;      /* the page knows of it */
	bool writes;    /* it is no tool that only reads */
	uint64_t began_us;
	turn_then_fn then;
	void *arg;
	TAILQ_ENTRY(tool_call) link;
};

/* Mail that was given to the brain in this conversation. */
#define READ_MAX 8u
struct mail_read {
	bool any;
	bool listed;         /* more than the mails of `ids` */
	char *ids[READ_MAX]; /* of those read one by one, the latest */
	size_t n;
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

	TAILQ_HEAD(, tool_call) calls; /* under way, in the order that they were asked for */
	unsigned ncalls, running;
	uint64_t ends_ms; /* assistant.max_time; while the person is asked: what is left of it */
	bool asking;
	bool refused; /* the person has said no: nobody is asked again in this turn */
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
	char id[CHAT_NAME + 1];   /* a secret: who has it, and the session, goes on with it */
	struct frames *frames;    /* the page; NULL: it is away */
	struct loop_timer *timer; /* until it is forgotten that is away */
	struct kept kept;
	char *user, *web;
	char *key; /* opens the agent session; octets, a secret */
	size_t key_n;
	enum language language;
	int32_t zone; /* minutes east of UTC */
	const struct brain *brain;
	void *slot, *slot_builtin; /* the brains' own */
	struct memory memory;
	struct mail_read read;

	struct mcp *mcp; /* NULL: not opened; a lost one stays until the turn is over */
	bool lost;
	uint64_t opening; /* the call of MCP_STREAM */
	int fd;           /* our end, meanwhile */
	char session[64]; /* of the agent */
	struct turn *turn;
	bool waits; /* the turn does, for mcp */
	bool asked; /* something was */
	TAILQ_ENTRY(chat) link;
};

/* To the page; the object is taken. */
void chat_tell(struct chat *c, cJSON *message);
/* The turn's object is gone. */
void chat_turn_gone(struct chat *c);

/* ---- turn.c, for call.c and confirm.c ---- */

cJSON *turn_message(const struct turn *t, const char *type);
bool turn_is_on(const struct turn *t);
/* Text for the page, as a reader sees it. */
cJSON *turn_shown(struct str s, size_t max);

/* ---- call.c ---- */

/* Goes on with what waits; at the end of the loop's turn. */
void calls_go(struct turn *t);
/* Whatever is under way is given up. */
void calls_drop(struct turn *t);
/* It is not done; its then() hears so at the end of the loop's turn. */
void call_refuse(struct tool_call *c, const char *why);

/* ---- confirm.c ---- */

/* A tool has answered: was there mail in it? */
void confirm_note(struct chat *c, const struct tool_call *call, const cJSON *data);
/* Nothing is known of any mail any more. */
void confirm_forget(struct chat *c);
/* Asks the person about what is held. */
void confirm_ask(struct turn *t);
/* The person has answered; of no such card: nothing. */
void confirm_take(struct turn *t, uint64_t card, bool yes);
/* Nobody answers any more what was asked; how: for the page and the log. False: nothing was. */
bool confirm_over(struct turn *t, const char *how);

/* ---- turns ---- */

/* A turn begins: nothing is asked of the brain before turn_start(). text: of the person. */
struct turn *turn_new(struct chat *c, struct str id, struct str text);
void turn_start(struct turn *t);
/* It ends from outside, at once: the brain hears cancel(). */
void turn_stop(struct turn *t, const char *code, const char *text);
