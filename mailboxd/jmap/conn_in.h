/* conn_in.h - one pipe: what conn.c, conn_text.c and conn_blob.c share. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "io/loop.h"
#include "ipc/pipe.h"
#include "mailboxd/jmap/blob.h"
#include "mailboxd/jmap/conn.h"
#include "mailboxd/jmap/jmap.h"

#define JMAP_CONN_MAGIC 0x6a636f6eu

enum jmap_conn_state {
	CONN_IDLE,
	CONN_BODY,   /* it is coming in */
	CONN_RUNS,   /* work is under way; nothing is read meanwhile */
	CONN_ANSWERS /* the client takes it */
};

struct jmap_conn {
	unsigned magic;
	const struct jmap_conn_host *host;
	struct jmap *jmap;
	struct frames *frames;
	struct arena arena; /* of the connection */
	uint64_t id;
	struct jmap_from from;
	struct str user;

	enum jmap_conn_state state;
	enum pipe_kind kind; /* of the exchange under way */
	struct buf body;
	struct jmap_request *request;
	char *request_id; /* that the client gave it, of a WebSocket's */
	struct jmap_upload *upload;
	struct err failed;     /* why there is none */
	struct jmap_blob blob; /* being downloaded */
	struct buf made;       /* an answer that is not the request's */
	struct str answer;     /* what is not yet written of it */

	/* Telling of changes (conn_text.c). */
	bool pushing;
	bool stale; /* there was no room for the last; told from `push` on when there is */
	struct jmap_watch watch;
	struct str types; /* as the client named them; owned */
	char push[sizeof(struct jmap_state)];

	bool resting, ending;
	struct loop_defer turn; /* LEFT, or the end, at the end of it */
	uint64_t exchanges;
};

/* ---- conn.c ---- */

/* A whole answer, kept until the client has taken it. */
void jmap_conn_answer(struct jmap_conn *c, const struct pipe_head *head, struct str body);
/* The same for an exchange of a WebSocket, whose body is a message; then DONE. */
void jmap_conn_say(struct jmap_conn *c, struct str text);
/* Nothing (more) is to be answered: the next exchange may come. */
void jmap_conn_over(struct jmap_conn *c);
/* The other side makes no sense. Frees c. */
void jmap_conn_end(struct jmap_conn *c, const char *why);

/* ---- conn_blob.c ---- */

void jmap_conn_upload(struct jmap_conn *c, struct str account, struct str type);
void jmap_conn_upload_data(struct jmap_conn *c, struct str octets);
void jmap_conn_upload_end(struct jmap_conn *c);
/* v: the fields of DOWNLOAD. */
void jmap_conn_download(struct jmap_conn *c, const struct str v[PIPE_FIELDS_MAX]);

/* ---- conn_text.c ---- */

/* A message of a WebSocket is in the body. */
void jmap_text(struct jmap_conn *c);
/* PUSH: an event source, or a WebSocket that is back. -1: it is none. */
int jmap_push(struct jmap_conn *c, struct str types, struct str since);
/* There is room again for what could not be told. */
void jmap_push_on(struct jmap_conn *c);
void jmap_push_off(struct jmap_conn *c);
