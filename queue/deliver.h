/*
 * deliver.h - one attempt at one job: what the files that make it share.
 *
 * deliver.c gathers what is to be tried and concludes; to_local.c, to_remote.c and lookup.c ask
 * the other daemon and come back by deliver_finish() or deliver_later(); notify.c writes the
 * results and the notification that follows from them.
 */
#pragma once

#include "queue/queue.h"

#define DELIVERY_MAGIC 0x676b646cu

/* One target that is tried now. */
struct attempt {
	uint32_t target; /* its number in the message */
	const struct envelope_rcpt *rcpt;
	bool first; /* of its recipient's targets */
	struct str address;
	size_t at; /* in delivery.addresses */
	enum record_outcome outcome;
	struct str text; /* "5.1.1 no such user": status, then words */
	struct str host; /* elsewhere: who said it; or empty */
	bool took_over;  /* the next host has the duties of RFC 3461 now */
};

struct delivery {
	unsigned magic;
	struct queue *q;
	struct message *m;
	struct job *job;
	struct arena arena;
	struct envelope env;
	struct attempt *tries;
	size_t n;
	uint32_t from; /* the target that the next transaction begins with; 0: all were tried */
	struct str *addresses; /* each once, with the first attempt at it */
	const struct attempt **by_address;
	size_t naddresses;
	struct str leaving; /* what own_sign() made of it: goes in place of the message */
	struct str sender;  /* to_remote.c: under which it goes out */
	uint64_t began;     /* clock_us */
	struct str original;
};

/* The attempts have their outcomes: everything that follows. */
void deliver_finish(struct delivery *d);
/* The daemon is not there: no attempt was made. */
void deliver_away(struct delivery *d, const struct err *e);
/* The job is looked at anew, and no attempt counted. */
void deliver_again(struct delivery *d, uint64_t ms);
/* Something of ours is in the way: once more in a moment, and no attempt counted. */
void deliver_later(struct delivery *d, const struct err *e);
/* All attempts alike. */
void deliver_all(struct delivery *d, enum record_outcome outcome, struct str text);
/* "0" "1" "2": enum deliver_result. done: what success means. */
enum record_outcome deliver_outcome(struct str digit, enum record_outcome done);

void to_local(struct delivery *d);
void to_remote(struct delivery *d);
void lookup(struct delivery *d);

/* ---- own.c ---- */

/* Did the suite itself write it? */
bool own_is(const struct delivery *d);
/* Has it signed, and comes back to to_remote() with d->leaving. */
void own_sign(struct delivery *d);

/* ---- notify.c ---- */

/* Is the original's text needed for what will be told? */
bool notify_needs_original(const struct delivery *d);
/* Results into the journal, with the notifications they cause. */
void notify_results(struct delivery *d);
/* The sender is told that the message waits: for all targets that do. */
void notify_delay(struct delivery *d);
