/*
 * desk.h - what the built-in brain keeps of a conversation: what was listed last, which mail was
 * spoken of, and what it has asked back. Bounded; owned by the conversation (turn_slot()).
 */
#pragma once

#include "aid/turn.h"
#include "base/buf.h"
#include "json/json.h"

#define DESK_ROWS    50u
#define DESK_ANSWERS 8u
#define DESK_PEOPLE  REQUEST_PEOPLE_MAX

/* A mail in short; strings owned. Only id is always there. */
struct row {
	char *id, *thread;
	char *from; /* "Name <address>" */
	char *subject, *date;
	bool unread;
};

/* Who is meant by a name that somebody typed. */
struct person {
	char *named, *address;
};

enum asked {
	ASKED_NOTHING,
	ASKED_MISSING, /* what the grammar misses */
	ASKED_PERSON,  /* who is meant by `about` */
	ASKED_WHICH,   /* which mail of those listed */
	ASKED_UNDO     /* all of it? */
};

struct desk {
	struct row rows[DESK_ROWS];
	size_t nrows;
	struct row current; /* that was read or written about last; id NULL: none */
	char *context;      /* the mail that was open in the page when it was asked last */
	unsigned changing;  /* requests that changed something since the last undo */
	/* What was asked back: the request in its words, and what was answered to it so far. */
	enum asked asked;
	char *text;
	char *answers[DESK_ANSWERS];
	size_t nanswers;
	char *about; /* a name */
	struct person people[DESK_PEOPLE];
	size_t npeople;
	char *choices[DESK_ROWS];
	size_t nchoices;
};

struct desk *desk_of(struct turn *t);
void desk_free(void *desk);

/* From a row of a list (mcpd's MAIL_ROW_SCHEMA) or a message of read_message. */
void row_take(struct row *r, const cJSON *v);
void row_copy(struct row *to, const struct row *from);
void row_clear(struct row *r);
void desk_clear_rows(struct desk *d);
/* Nothing is asked any more. */
void desk_settle(struct desk *d);
void desk_choice(struct desk *d, struct str s);
