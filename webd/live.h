/*
 * live.h - what stays open for a page: the owner's side of a WebSocket or an event source.
 *
 * There is a pipe while something is going on, and for web.park_after behind it. Then the page
 * waits without one, and the user's owner process may end: where changes are to be told of, the
 * parent of the owners is asked to say when there are some (OWNER_WATCH, WAKE). A pipe that is lost
 * while nothing is under way is opened anew, and what has changed meanwhile is told.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "ipc/ipc.h"
#include "webd/webauth.h"

struct live;

/* Each may free it. None is called from inside a function of this page that is given a live. */
struct live_events {
	/* After live_want(): a message may be begun. */
	void (*ready)(void *arg);
	/* A message of the owner's, in pieces of which the last is empty. */
	void (*text)(void *arg, struct str piece, bool first, bool last);
	/* So far the client has been told of changes, by the last text. */
	void (*state)(void *arg, struct str state);
	/* The message that was said is dealt with. */
	void (*done)(void *arg);
	/* The owner takes more. */
	void (*drained)(void *arg);
	/* It is over. E_DENIED: the session is; E_CLOSED: what was under way is lost; else there is
	 * no owner to be had. Nothing follows but live_free(). */
	void (*ended)(void *arg, const struct err *e);
};

/* NULL: the user has too many. */
struct live *
live_new(const struct webauth *who, const char *peer, const struct live_events *events, void *arg);
void live_free(struct live **l); /* NULL inside is fine */

/* Changes of these types are told of from now on: names, or "*". since: what was told last, or
 * empty. */
void live_push(struct live *l, struct str types, struct str since);
/* Something is to be said: ready() follows. */
void live_want(struct live *l);
/* One message, once ready(), until done(). */
void live_begin(struct live *l);
void live_say(struct live *l, struct str octets);
void live_end(struct live *l);
bool live_blocked(const struct live *l);
/* The client takes nothing more, or takes it again. */
void live_pause(struct live *l, bool pause);

/* ---- for main.c ---- */

void live_init(void);
void live_message(struct ipc_in *m); /* WAKE, KICK */
/* The parent of the owners is gone, and with it every watch. */
void live_lost(void);
