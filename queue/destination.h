/*
 * destination.h - where mail goes, and what is to go there: the unit of scheduling is a message and
 * a destination, a job.
 *
 * The mailboxes of this server are one destination, each domain elsewhere (or each route) another.
 * A destination takes so many transactions at a time (its window): few at first, more as they
 * succeed, fewer when no host of it is reached. When as many in a row failed as the window holds it
 * is dead for a while, the longer the more often: its jobs wait without being read or tried, then
 * one of them goes ahead and says how things stand. Jobs that are ready wait in a line in which
 * senders take turns (fair.h).
 *
 * A destination lives as long as it has a job.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "base/str.h"
#include "queue/fair.h"
#include "queue/heap.h"
#include "svc/route.h"

#define JOB_MAGIC         0x676b6a62u
#define DESTINATION_MAGIC 0x676b6473u

struct message;
struct queue;

enum destination_kind {
	DEST_LOCAL,  /* gk-local: mailboxes of ours */
	DEST_LOOKUP, /* authd: whither does it lead? */
	DEST_REMOTE, /* gk-remote */
	DEST_KINDS
};

/* Text that many share. */
struct words {
	uint32_t refs;
	char text[];
};

struct destination {
	unsigned magic;
	enum destination_kind kind;
	UT_hash_handle hh;
	TAILQ_ENTRY(destination) next; /* of those that may start something */
	bool active;                   /* is among them */
	bool dead;
	struct heap_item timer; /* dead: until when */
	struct fair ready;
	size_t jobs, running;
	double window;   /* transactions at a time */
	double failures; /* in a row, as parts of the window; at 1 it is dead */
	uint32_t died;   /* times in a row */
	uint64_t stamp;  /* schedule_message() has seen it */
	struct words *error;
	char key[]; /* "local", "lookup"; a domain as A-labels in lower case, or a route's name */
};

enum job_state {
	JOB_IDLE,    /* its message is held */
	JOB_WAITS,   /* for a time */
	JOB_READY,   /* for its turn */
	JOB_RUNNING, /* another daemon has it */
};

struct job {
	unsigned magic;
	uint8_t state; /* enum job_state */
	bool late;     /* waits no more: its sender is to be told, without another attempt */
	uint32_t attempts;
	uint32_t from; /* the target that the next transaction begins with */
	struct message *m;
	struct job *next; /* of the message */
	struct destination *dest;
	struct words *error; /* of the last attempt */
	struct heap_item timer;
	struct fair_item turn;
};

struct words *words_new(struct str text);
void words_drop(struct words **w);
/* w refers to the text: a new one, or hint's where it is the same. */
void words_set(struct words **w, struct str text, struct words *hint);

/* Whither an address of another host goes: the key of its destination, borrowed from either.
 * routes may be NULL: there are none. */
struct str destination_key(const struct routes *routes, struct str address);
struct destination *destination_new(enum destination_kind kind, struct str key, double window);
void destination_free(struct destination **d);

/* What a transaction said about the destination as a whole: a host was there; none was. The latter
 * is true when it is dead from now on. */
void destination_worked(struct destination *d, size_t limit);
bool destination_failed(struct destination *d, struct str why);
/* One transaction is to find out whether it lives. */
void destination_probe(struct destination *d);
