/*
 * message.h - the messages that the spool knows: one small struct each, found by id.
 *
 * Envelope and octets stay in the journal and are read when they are needed. Of messages that were
 * not tried yet the envelope is kept in memory too, and the octets where they came in the packet or
 * else the memory file, up to MESSAGE_KEPT octets and MESSAGE_FDS files. A message whose
 * targets are all decided stays known until its segment goes, so that its id cannot be taken twice
 * and a failed checkpoint can deliver it again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/hash.h"
#include "mail/envelope.h"
#include "queue/journal.h"

#define MESSAGE_MAGIC 0x676b6d73u
#define MESSAGE_FDS   256u         /* memory files held */
#define MESSAGE_KEPT  (16u << 20)  /* octets held */
#define MESSAGE_NEAR  8u           /* outcomes kept without another allocation */
#define MESSAGE_SMALL (256u << 10) /* larger ones are files of their own (ARCHITECTURE 3) */

#define MESSAGE_LARGE    0x01u
#define MESSAGE_HELD     0x02u
#define MESSAGE_REPLAY   0x04u /* names of it in Maildirs prove nothing */
#define MESSAGE_DELAYED  0x08u /* its sender was told that it waits */
#define MESSAGE_APPROVED 0x10u /* by a human, for an agent */
#define MESSAGE_MOVING   0x20u /* a MOVED record is on its way */
#define MESSAGE_DELETED  0x40u
#define MESSAGE_LINGERS  0x80u /* in message_table.large */

struct message {
	unsigned magic;
	unsigned flags;
	char mid[ID_SIZE];
	uint32_t ntargets, nwaiting;
	uint32_t running;   /* jobs that another daemon has */
	uint32_t unwritten; /* RESULT records of it that are not durable yet */
	uint8_t *outcomes;  /* enum record_outcome of each target */
	uint8_t near[MESSAGE_NEAR];
	int64_t arrived; /* microseconds */
	int64_t release; /* the same: nothing of it is tried before (RFC 4865); 0: at once */
	uint64_t size;
	struct segment *segment; /* where its record is; NULL until that is durable */
	uint64_t envelope_at, octets_at;
	uint32_t envelope_n;
	int fd;     /* its memory file, or -1 */
	char *kept; /* its envelope, and maybe its octets, or NULL */
	size_t kept_n;
	uint64_t settles; /* the checkpoint that makes its deliveries durable; 0: nothing to make
			     durable */
	struct job *jobs; /* one for each destination of what waits (destination.h) */
	uint32_t party;  /* whose it is, for taking turns: a hash of the user, or else the sender */
	uint32_t sender; /* a hash of the sender */
	UT_hash_handle hh;
	TAILQ_ENTRY(message) in_segment;
	TAILQ_ENTRY(message)
	in_line; /* of those that wait, by arrival; or of large ones done with */
};

struct message_table {
	struct message *by_mid;
	struct message_list line;
	struct message_list large; /* done with, their files still in .incoming */
	size_t waiting;            /* messages with a target undecided */
	uint64_t octets;           /* of these */
	size_t fds, kept;          /* held: memory files, octets */
};

void message_table_init(struct message_table *t);
void message_table_done(struct message_table *t);

/* Since when the message waits that waits longest, in microseconds; 0: none does. What is held, or
 * to be sent later, does not wait. */
int64_t message_oldest(const struct message_table *t, int64_t now);

struct message *message_find(const struct message_table *t, struct str mid);
/* NULL when the id is known already. All targets wait. */
struct message *message_new(struct message_table *t, const struct record_message *m);
/* Its record is durable at off (of the message payload) of segment s; it leaves its former place.
 */
void
message_place(struct message *m, struct segment *s, uint64_t off, const struct record_message *r);
void message_set(
    struct message_table *t, struct message *m, uint32_t target, enum record_outcome outcome);
/* Deliveries so far do not count: they wait again, to be written anew. False when there were none.
 */
bool message_replay(struct message_table *t, struct message *m);
/* It has other targets from now on, all of them as undecided as it is. */
void message_retarget(struct message_table *t, struct message *m, uint32_t ntargets);
bool message_is_done(const struct message *m);
void message_forget(struct message_table *t, struct message *m);
/* Its file in .incoming is nobody's concern any more. */
void message_dropped(struct message_table *t, struct message *m);

/* Keeps fd (taken over) for the delivery, unless too many are held. */
void message_keep_fd(struct message_table *t, struct message *m, int fd);
/* The same with the n octets at p, its envelope and then maybe its octets. The message has its
 * place.
 */
void message_keep(struct message_table *t, struct message *m, char *p, size_t n);
/* What is kept of it goes. */
void message_close(struct message_table *t, struct message *m);
/* A sealed memory file with the octets of a small message: the caller's. */
int message_open(const struct message *m, struct err *e);
/* The octets where they are kept in memory, good until message_close(); else nothing. */
struct str message_kept(const struct message *m);
/* At most n octets of a small message from its start. */
int
message_read(const struct message *m, size_t n, struct arena *a, struct str *out, struct err *e);
/* The envelope out of the journal; raw (may be NULL) gets its octets. */
int message_envelope(
    const struct message *m, struct arena *a, struct envelope *env, struct str *raw, struct err *e);

/* Targets of an envelope as the journal counts them: a recipient without any is one. */
uint32_t message_targets(const struct envelope *env);

/* A walk over the targets of an envelope, in the order in which the journal counts them. */
struct message_walk {
	const struct envelope *env;
	uint32_t rcpt, of_rcpt; /* what comes next */
	/* What came last: */
	uint32_t target;                /* its number */
	const struct envelope_rcpt *of; /* whose it is */
	struct str address;             /* empty: not looked up yet */
	bool first;                     /* of its recipient's */
	bool local;                     /* a mailbox of ours */
};

void message_walk(struct message_walk *w, const struct envelope *env);
bool message_walk_next(struct message_walk *w);
