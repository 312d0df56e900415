/*
 * queue.h - gk-queue as a whole: what its files share.
 */
#pragma once

#include "io/loop.h"
#include "ipc/ipc.h"
#include "queue/destination.h"
#include "queue/fair.h"
#include "queue/journal.h"
#include "queue/message.h"
#include "queue/vouch.h"

struct queue_options {
	uint64_t lifetime, retry_first, retry_max, delay_notice; /* ms */
	uint64_t segment_size, checkpoint_ms;
	uint64_t max_backlog, min_free;            /* octets */
	size_t concurrency;                        /* messages under way to gk-local */
	size_t remote;                             /* transactions under way in gk-remote */
	size_t destination_first, destination_max; /* of these to one destination */
	size_t max_waiting;                        /* jobs */
	bool srs;                                  /* senders of what is forwarded are rewritten */
	char host[256];
};

TAILQ_HEAD(destination_list, destination);

struct schedule {
	struct heap waits; /* jobs, by when they are tried */
	struct heap dead;  /* destinations, by when they are probed */
	struct destination *local, *lookup;
	struct destination *remotes;    /* by key */
	struct destination_list active; /* remote ones that may start something, in turns */
	uint64_t away[DEST_KINDS];      /* clock_ms: the daemon is not there until then */
	size_t jobs, running, ndead;
	size_t remote;  /* transactions under way in gk-remote */
	uint64_t stamp; /* of schedule_message() */
	struct loop_timer *timer;
	struct loop_defer run;
	bool stopped; /* draining: nothing new is begun */
};

struct checkpoint {
	struct loop_timer *timer;
	struct loop_defer sweep;
	uint64_t started, done;       /* numbers of the last begun and of the last that succeeded */
	uint64_t recording, recorded; /* whose CHECKPOINT record is under way; is durable */
	uint64_t wanted;              /* some message waits for this one */
	uint64_t seq;                 /* results below it are covered by the one under way */
	uint64_t began;               /* clock_us */
	size_t moving;                /* MOVED records under way */
	bool running;
	bool final, over; /* the last before the end; it is done, or failed */
};

struct hold;
struct hold_user;
struct usage;
struct result;
struct commit;
struct asker;

struct queue {
	struct queue_options o;
	struct routes *routes;
	int dir; /* spool */
	int journal_dir;
	struct journal *journal;
	struct message_table messages;
	struct schedule schedule;
	struct checkpoint checkpoint;
	/* hold.c */
	struct hold *holds;
	struct hold_user *held; /* by name */
	struct loop_timer *holds_timer;
	bool holds_told; /* mailboxd knows of them */
	/* usage.c */
	struct usage *usages; /* by name */
	struct loop_timer *usage_timer;
	/* result.c: results that could not be written yet */
	STAILQ_HEAD(, result) results;
	struct loop_timer *results_timer;
	/* spool.c: commits that wait for room */
	struct fair withheld;
	TAILQ_HEAD(commit_list, commit) sealing, vouching;
	struct vouch vouch;
	struct loop_timer *withheld_timer;
	uint64_t space_checked; /* clock_ms */
	bool space_low;
	struct loop_timer *space_timer;
	/* reply.c */
	TAILQ_HEAD(asker_list, asker) askers;
	/* cut.c */
	const struct ipc_chan *cut_by;
	uint64_t cut_until; /* clock_ms */
	struct past *past;  /* past.c, by mid */
};

/* ---- reply.c: answers that come later, to a channel that may be gone by then ---- */

struct asker *asker_new(struct queue *q, struct ipc_chan *c, uint64_t id, enum ipc_type answer);
/* Answers and forgets the asker. */
void asker_error(struct queue *q, struct asker **a, const struct err *e);
void asker_ok(struct queue *q, struct asker **a);
void asker_fd(struct queue *q, struct asker **a, int fd);
void asker_count(struct queue *q, struct asker **a, uint64_t count);
/* SUBMITTED_R, without results. */
void asker_state(struct queue *q, struct asker **a, enum submitted_state state);
/* The channel is closed. */
void asker_forget(struct queue *q, const struct ipc_chan *c);

/* ---- spool.c ---- */

void spool_init(struct queue *q);
/* smtpd has come: it is told when space is low. */
void spool_tell_space(struct queue *q);
void spool_message(struct queue *q, struct ipc_chan *c, struct ipc_in *m);
/* Room was made: withheld commits go on. */
void spool_room(struct queue *q);
/* Is a message of that id being looked at, and not yet one of the queue's? */
bool spool_is_taking(const struct queue *q, struct str mid);

/* ---- schedule.c ---- */

void schedule_init(struct queue *q);
void schedule_done(struct queue *q);
/* What waits of the message is tried in ms from now; jobs are made where there are none yet. */
void schedule_message(struct queue *q, struct message *m, uint64_t ms);
/* Milliseconds until it may be tried; 0: it may. */
uint64_t schedule_embargo(const struct message *m);
/* Its jobs wait for nothing until the next schedule_message(). Those under way go on. */
void schedule_stop(struct queue *q, struct message *m);
/* Its jobs go, but for those under way. */
void schedule_forget(struct queue *q, struct message *m);
/* The wait after so many attempts, without jitter. */
uint64_t schedule_backoff(const struct queue_options *o, uint32_t attempts);
/* The daemon that serves the kind has come, or is not there: what is ready goes on, or waits. */
void schedule_back(struct queue *q, enum destination_kind kind);
void schedule_away(struct queue *q, enum destination_kind kind);
/* The destination of a target of an envelope, where there is one; NULL: none is known. */
struct destination *schedule_find(const struct queue *q, const struct message_walk *w);
/* A dead destination is probed now, or each (key empty): the operator asks, or routes are others.
 */
void schedule_revive(struct queue *q, struct str key);

/* For deliver.c: a transaction has ended, and with it the job's; it goes on as said. */
void schedule_ended(struct queue *q, struct job *j);
void schedule_job(struct queue *q, struct job *j, uint64_t ms);
void schedule_retry(struct queue *q, struct job *j);
void schedule_job_done(struct queue *q, struct job *j);
/* How its destination fared: why is empty where a host was there. */
void schedule_fared(struct queue *q, struct destination *d, struct str why);
/* Is what waits of the message to be told to its sender: since it has waited so long, or too long?
 */
bool schedule_is_late(const struct message *m, uint64_t ms);

/* ---- deliver.c ---- */

void deliver_start(struct queue *q, struct job *j);

/* ---- result.c ---- */

void result_init(struct queue *q);
/* A record about m that must not be lost, although nobody waits for it. */
void result_append(struct queue *q, struct message *m, enum record_type type, struct str payload);

/* ---- checkpoint.c ---- */

void checkpoint_init(struct queue *q);
/* Deliveries of m are to be made durable by the next checkpoint. */
void checkpoint_wants(struct queue *q, struct message *m);
/* Segments in which nothing lives any more go, at the end of the turn. */
void checkpoint_sweep(struct queue *q);
/* All undurable deliveries of the message do not count: journalled, and they run again. */
void checkpoint_replay(struct queue *q, struct message *m);
/* The last one: all that was delivered is made durable and journalled as such, then svc_drained().
 */
void checkpoint_final(struct queue *q);

/* Begins the next one now, if anything waits for it. */
void checkpoint_now(struct queue *q);

/* ---- hold.c ---- */

/* After recovery: whose homes wait for a replay. */
void hold_init(struct queue *q);
void hold_done(struct queue *q);
/* mailboxd has come: it is told of all of them. */
void hold_tell(struct queue *q);
bool hold_has(const struct queue *q, struct str user);
/* Lets go of those whose replay is durable. */
void hold_review(struct queue *q);

/* ---- past.c: approved messages that the journal has let go of ---- */

/* Marks a message that is made anew if its envelope (as it is stored) holds an approval. */
void past_mark(struct message *m, struct str envelope);
/* The message goes: if it is marked it stays known by id and user, like the last 10,000 of them. */
void past_add(struct queue *q, const struct message *m);
bool past_has(const struct queue *q, struct str mid, struct str user);
void past_done(struct queue *q);

/* ---- usage.c ---- */

void usage_init(struct queue *q);
/* A message of so many octets was delivered to the user; authd is told soon. */
void usage_add(struct queue *q, struct str user, uint64_t octets);
/* Tells now what was not told yet. */
void usage_tell(struct queue *q);

/* ---- move.c ---- */

/* Takes waiting messages out of the oldest segment when too much of the journal is only kept
 * because of them. */
void move_some(struct queue *q);

/* The message is known by other targets now, all of which wait; or e says why not. */
typedef void (*move_fn)(void *arg, const struct err *e);

/* Rewrites a message of which all waits with another envelope. On -1 fn is not called. */
int move_resolved(struct queue *q, struct message *m, const struct envelope *env, move_fn fn,
    void *arg, struct err *e);

/* ---- operator.c ---- */

void operator_message(struct queue *q, struct ipc_chan *c, struct ipc_in *m);

/* ---- order.c ---- */

/* Which messages the operator means. */
struct order_filter {
	struct str what;        /* a message's id, or "all" */
	struct str sender;      /* empty: any; "<>": the null sender */
	struct str destination; /* empty: any */
};

bool order_matches(const struct order_filter *f, const struct message *m);
/* False: it is none of these. */
bool order_message(struct queue *q, struct ipc_chan *c, struct ipc_in *m);

/* ---- submitted.c ---- */

void submitted_message(struct queue *q, struct ipc_chan *c, struct ipc_in *in); /* SUBMITTED */

/* ---- cut.c ---- */

void cut_message(struct queue *q, struct ipc_chan *c, struct ipc_in *in); /* SPOOL_CUT */
/* A copy is being made: segments and large messages stay. */
bool cut_holds(const struct queue *q);
/* The channel is closed. */
void cut_forget(struct queue *q, const struct ipc_chan *c);

/* ---- recover.c ---- */

/* Reads the journal: fills the table of messages, opens the journal behind it. */
int recover(struct queue *q, const char *boot, bool forced, struct err *e);

/* ---- state.c ---- */

/* Is a replay of everything asked for by a file "replay" in the spool (operator, tests)? */
bool state_replay_asked(const struct queue *q);
/* It is journalled for each message; then the file goes. */
void state_replay(struct queue *q);
