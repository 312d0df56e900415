/*
 * local.h - gk-local as a whole: what its files share.
 */
#pragma once

#include "io/loop.h"
#include "io/pool.h"
#include "ipc/ipc.h"

struct told;

#define COPY_SUFFIX ".copy" /* of a file in .incoming that exists only while it is being linked */

struct local {
	int mail;     /* data_dir/mail */
	int incoming; /* mail/.incoming */
	int sync; /* opened before the first write and kept: what CHECKPOINT syncs (INVARIANTS 5) */
	int reserve; /* store/reserve.h */
	uint64_t reserve_size;
	struct loop_timer *refill;
	bool share; /* homes may share a file */
	struct ipc_chan *mailboxd, *queue;
	struct pool *pool;
	struct told *told; /* users to tell mailboxd of at the end of the turn */
	struct loop_defer tell;
	struct loop_timer *sweep;
	char host[256];
};

/* ---- deliver.c ---- */

void deliver_init(struct local *l);
/* DELIVER_PUT, DELIVER and DELIVER_LARGE. */
void deliver_message(struct local *l, struct ipc_chan *c, struct ipc_in *m);
/* Nothing waits for mailboxd. */
bool deliver_idle(void);

/* ---- large.c ---- */

void large_new(struct local *l, struct ipc_chan *c, struct ipc_in *m);
void large_seal(struct local *l, struct ipc_chan *c, struct ipc_in *m);
void large_drop(struct local *l, struct ipc_in *m);
void large_read(struct local *l, struct ipc_chan *c, struct ipc_in *m);

/* ---- checkpoint.c ---- */

void checkpoint_run(struct local *l, struct ipc_chan *c, struct ipc_in *m);

/* ---- room.c ---- */

/* Makes the reserve, lets go of it when the disk is full, and makes it whole again. */
int room_init(struct local *l, struct err *e);
/* The configuration is another one. */
void room_reload(struct local *l);

/* ---- sweep.c ---- */

/* What a crash left behind in .incoming goes: at start, and from time to time. */
void sweep_init(struct local *l);
