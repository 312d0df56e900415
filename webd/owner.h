/*
 * owner.h - pipes (ipc/pipe.h) to the owner processes of users' mail.
 *
 * A pipe is opened in the name of a session, with a ticket of gk-authd's for it, and is that
 * session's alone. One that has answered is kept for some seconds, for the session's next request.
 * Of each user there is so much at a time of each class; what is more waits in a line, or is
 * refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ipc/pipe.h"
#include "webd/webauth.h"

enum owner_class {
	OWNER_CALL,
	OWNER_UPLOAD,
	OWNER_DOWNLOAD,
	OWNER_SOCKET, /* counted by owner_socket_enter(), whether it has a pipe or not */
	OWNER_CLASSES
};

struct owner;

/* Each may free the pipe. None is called from inside a function of this page, but
 * owner_session_gone() and owner_message(). */
struct owner_events {
	void (*open)(void *arg);
	void (*frame)(void *arg, unsigned kind, struct str octets);
	void (*drained)(void *arg);
	/* It could not be opened, or is lost. E_DENIED: the session is over; E_LIMIT: too much at a
	 * time. Nothing follows but owner_free(). */
	void (*closed)(void *arg, const struct err *e);
};

/* peer: the client's address. */
struct owner *owner_open(const struct webauth *who, const char *peer, enum owner_class class,
    const struct owner_events *events, void *arg);
/* Closes it, whatever is going on. NULL inside is fine. */
void owner_free(struct owner **o);
/* Its exchange is over: another of the session may have it. */
void owner_give(struct owner **o);
/* Once it is open. */
struct frames *owner_frames(struct owner *o);
/* Our number of it, at the parent of the owners. */
uint64_t owner_conn(const struct owner *o);

/* A WebSocket or an event source of the user begins; false: there are too many. */
bool owner_socket_enter(struct str user);
void owner_socket_leave(struct str user);

/* For webauth_on_gone(). */
void owner_session_gone(struct str user, struct str id);
/* KICK: false when it is of no pipe. */
bool owner_kick(uint64_t conn);
