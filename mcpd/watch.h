/*
 * watch.h - changes of a user's mail as they come: a pipe to the owner process that tells of them
 * (PIPE_PUSH of ipc/pipe.h), in the name of an agent session.
 *
 * One on which nothing is told is given back, so that who only waits keeps no owner process, and
 * opened anew when there is something; so is one that is lost. What has changed meanwhile is told.
 */
#pragma once

#include "mcpd/agent.h"

struct watch;

struct watch_events {
	/* From now on nothing is missed; once. */
	void (*ready)(void *arg);
	/* Something of the types has changed. */
	void (*changed)(void *arg);
	/* The owner cannot be had. Nothing follows but watch_free(). */
	void (*lost)(void *arg, const struct err *e);
};

/* types: names of data types of JMAP between commas; a constant. None of the events is called from
 * inside a function of this page, but lost() by watch_agent_gone(). */
struct watch *
watch_new(struct mcp_agent *g, const char *types, const struct watch_events *events, void *arg);
void watch_free(struct watch **w); /* NULL inside is fine */

/* The session is over. */
void watch_agent_gone(const struct mcp_agent *g);
/* KICK: false where it is of none. */
bool watch_kick(uint64_t conn);
/* WAKE. */
void watch_wake(uint64_t conn);
/* The channel to the parent of the owners is gone: nobody wakes those that wait. */
void watch_lost(void);
