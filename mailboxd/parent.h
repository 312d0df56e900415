/*
 * parent.h - the parent of the owners: which user has which process, who waits, who is parked.
 *
 * The parent reads typed messages and nothing else, no mail and no byte of a client (INVARIANTS
 * 11). It alone starts owners; per user one at most (12).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "base/log.h"
#include "io/loop.h"
#include "ipc/ipc.h"
#include "mailboxd/owner.h"

#define NO_COUNT       UINT32_MAX
#define PARK_HASH_LEN  32u
#define PARK_TOKEN_LEN 32u
#define WAITING_MAX    100u   /* requests that wait for one user's owner */
#define WAIT_MS        25000u /* for an owner; the front gives up after 30 s */

enum owner_state {
	OWNER_NONE,
	OWNER_STARTING,
	OWNER_LIVE,
	OWNER_LEAVING /* nothing goes to it any more, whyever it ends */
};

enum conn_state {
	CONN_WAITING,
	CONN_LIVE,
	CONN_PARKED
};

/* Each front counts its own connections. */
struct conn_key {
	uint64_t id;
	uint64_t front; /* PEER_IMAPD, PEER_WEBD or PEER_MCPD */
};

/* A front's connection: waiting for the owner, served by it, or parked. */
struct conn {
	struct conn_key key;
	struct user *user;
	enum conn_state state;
	/* While waiting. */
	uint64_t call; /* the front's, to be answered */
	bool answered; /* it has been with an owner that had to end, and came back unread */
	bool resumed;
	uint64_t since;
	int fd;
	char *peer, *sid, *tag;
	struct str record; /* owned */
	char *agent[4];    /* of gk-mcpd, as in AGENT_REDEEM_R: for as long as it is there */
	bool kicked;       /* its user was revoked: it may end, and nothing else */
	/* While being parked. */
	uint64_t park_call; /* the owner's, to be answered; 0: none */
	uint64_t changes;   /* user->changes when the owner, or the front, asked */
	/* While parked. */
	bool watch; /* of gk-webd: there is nothing to take up, it is only woken. While live: it is
		     * to be parked when its owner has closed it */
	unsigned char hash[PARK_HASH_LEN];
	bool woken;
	uint32_t exists; /* messages in INBOX with what has come since; NO_COUNT: not there */
	uint32_t told;   /* what of that the front knows */
	UT_hash_handle hh;
	TAILQ_ENTRY(conn) link; /* of the user */
};

struct user {
	char *name;
	uint64_t quota;
	enum owner_state state;
	struct ipc_chan *owner; /* also before it is ready */
	int pid, pidfd;
	struct loop_io *reaper;
	struct loop_timer *kill; /* an owner told to end has so long */
	uint64_t idle_since;     /* when its last connection ended; 0: it has some */
	TAILQ_HEAD(, conn) conns;
	size_t nwaiting, nlive, nparked;
	/* Waking of parked connections. */
	uint64_t changes; /* counts deliveries and changes */
	uint64_t woke_at;
	bool wake_all; /* not watches alone */
	struct loop_timer *wake, *news;
	uint64_t told_at;
	bool mail; /* has come while it was not there, and somebody is to be answered (wake.c); or
		    * it is due */
	int64_t due_at; /* there has to be an owner then (due.c); 0: no */
	struct loop_timer *due;
	uint32_t ndelivered; /* told to its owner */
	size_t nerrands;     /* that its owner has sent others on (errand.c) */
	size_t njobs;        /* of the operator (operator.c), waiting or with the owner */
	bool slot;           /* waits for another owner to end */
	TAILQ_ENTRY(user) slots;
	UT_hash_handle hh;
};

/* ---- user.c: users and their connections ---- */

struct user *user_get(struct str name); /* made when unknown */
struct user *user_find(struct str name);
/* Frees the user when nothing is known of it any more. */
void user_settle(struct user *u);
struct conn *conn_find(enum ipc_peer front, uint64_t id);
struct conn *conn_new(struct user *u, enum ipc_peer front, uint64_t id);
/* The channel to the connection's front. */
struct ipc_chan *conn_front(const struct conn *c);
void conn_move(struct conn *c, enum conn_state state);
/* Lets go of what only a waiting one has. */
void conn_strip(struct conn *c);
void conn_free(struct conn **c);
void user_each(void (*fn)(struct user *u));
/* Has the user as many connections as may be? most: of all fronts. Those of agents are at most two
 * thirds of it: no agent keeps its user's own programs out. */
bool user_is_full(const struct user *u, enum ipc_peer front, size_t most);
/* Does anything wait for an owner? */
bool user_waits(const struct user *u);

/* ---- spawn.c: starting and ending owners ---- */

int spawn_init(struct err *e);
/* Starts the user's owner when there is none, or sees to it that one is started. */
void spawn_want(struct user *u);
/* Where its lines go from now on. */
void spawn_log(struct user *u, enum log_format format, enum log_level level, int fd);
/* The configuration is another one now. */
void spawn_config(struct user *u);
void spawn_next(void); /* there may be room for those in line */
/* The owner shall say goodbye to its connections and end. */
void spawn_end(struct user *u);
void spawn_message(struct user *u, struct ipc_in *m); /* OWN_READY, OWN_LEAVE, OWN_ENDING */
/* Its number of connections has changed. */
void spawn_idle(struct user *u);
size_t spawn_count(void);

/* ---- open.c: connections that come ---- */

/* OWNER_OPEN, OWNER_RESUME */
void open_message(struct ipc_chan *front, struct ipc_in *m);
void open_quota(struct ipc_in *m); /* QUOTA_CHANGED */
/* OWN_BACK: it waits for the next owner. */
void open_back(struct user *u, struct ipc_in *m);
/* Hands those that wait to the owner that is ready now. */
void open_ready(struct user *u);
/* Refuses those that have waited too long. */
void open_expire(void);
/* Those that wait are refused. */
void open_refuse(struct user *u, const struct err *e);

/* ---- park.c: connections without a process ---- */

void park_message(struct user *u, struct ipc_in *m);    /* OWN_PARK */
void park_watch(enum ipc_peer front, struct ipc_in *m); /* OWNER_WATCH */
/* The owner has closed such a connection, or died with it (lost). */
void park_closed(struct conn *c, bool lost);
void park_gone(enum ipc_peer front, struct ipc_in *m); /* CONN_GONE */
/* Takes a parked connection of IMAP up again; NULL when token, record and what was told are not
 * what was given. */
struct conn *park_take(uint64_t id, struct str token, struct str record, uint32_t told);
/* Tells the front that a connection has to end. */
void park_kick(enum ipc_peer front, uint64_t conn);
/* Something in the user's mail has changed. */
void park_changed(struct user *u);
/* So many messages have come to the user's INBOX. */
void park_delivered(struct user *u, uint32_t messages);
/* Some have come to the mailbox Junk. */
void park_junk(struct user *u);
void
park_hash(unsigned char out[PARK_HASH_LEN], struct str token, struct str record, struct str user);

/* ---- wake.c: mail for who is away ---- */

/* Mail has come for a user without a process: it gets one where it is to be answered. */
void wake_delivered(struct str user);
/* The user's sessions are ended: devices are told no more (jmap/push.h). */
void wake_revoked(struct str user);

/* ---- parent.c ---- */

void parent_message(void *arg, struct ipc_chan *c, struct ipc_in *m);
void parent_owner_message(struct user *u, struct ipc_in *m);
void parent_channel(struct ipc_chan *c, bool open);
/* Another number with each process that the front has been. */
uint64_t parent_front_age(enum ipc_peer front);
void parent_log(enum log_format format, enum log_level level, int fd);
void parent_drain(void);
int parent_reload(struct err *e);
int parent_start(struct err *e);
/* On a full disk: true when there is room again (store/reserve.h). */
bool parent_give_room(void);
/* An owner has ended. */
void parent_ended(void);
