/*
 * conn.h - a pipe of gk-webd inside the owner (ipc/pipe.h): requests one after the other, or all
 * that a WebSocket or an event source says and hears.
 *
 * Nothing of a message is looked at before all of it is there. While one is dealt with the next
 * waits in the socket. What is told of changes is never kept for a client that reads slowly: it is
 * told the latest when it has read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct jmap;
struct jmap_agent;
struct jmap_conn;

/* What the owner process provides: one, outliving all of them. */
struct jmap_conn_host {
	struct jmap *jmap;
	/* It has ended and is freed when this returns. Not called for jmap_conn_free(). */
	void (*closed)(void *arg, uint64_t conn);
	void *arg;
};

struct jmap_conn_args {
	int fd;                         /* taken over */
	uint64_t conn;                  /* gk-webd's number */
	struct str peer;                /* the client's address, for the log */
	struct str sid;                 /* of the session, for the log and the change log */
	struct str user;                /* for the log */
	const struct jmap_agent *agent; /* whose it is; NULL: the user's own. Copied */
};

struct jmap_conn *jmap_conn_new(const struct jmap_conn_host *host, const struct jmap_conn_args *a);
/* OWN_REST: LEFT, behind all that there is to tell. */
void jmap_conn_rest(struct jmap_conn *c);
/* Ends when what is under way is answered. */
void jmap_conn_bye(struct jmap_conn *c);
/* At once, without a word. NULL inside is fine. */
void jmap_conn_free(struct jmap_conn **c);
