/*
 * audit_own.h - what of the audit log is a user's own: the calls of tools by that user's agents,
 * the newest first, some at a time.
 *
 * Files of the log are read backwards in a thread of their own, so that a long log holds up nobody,
 * and one question reads AUDIT_OWN_SCAN octets at most: where that is not enough it says where to
 * go on. Records from before the account was made are those of somebody else who had the address,
 * and are passed over. Errors: a log that ends early is one that has no more.
 */
#pragma once

#include "base/arena.h"
#include "ipc/ipc.h"

#define AUDIT_OWN_ROWS    50u
#define AUDIT_OWN_COLUMNS 10u
#define AUDIT_OWN_SCAN    (4u << 20)

/* Where to go on: within that file, from that octet backwards. file 0: at the end of the log; of an
 * answer: there is no more. */
struct audit_place {
	uint64_t file, at;
};

struct audit_own {
	struct str user, agent; /* agent empty: any */
	const char *since;      /* when the account was made, as records have it */
	int dir;
	struct audit_place end;  /* of what is durable */
	struct audit_place from; /* never behind that */
	/* The answer: rows of WEB_AUDIT_R, in the arena. */
	struct arena *arena;
	struct str *rows;
	size_t n;
	struct audit_place next;
};

/* Blocks. */
int audit_own_read(struct audit_own *q, struct err *e);

int audit_own_init(struct err *e);
void audit_own_done(void);
/* WEB_AUDIT; false when the message is another. */
bool audit_own_message(struct ipc_chan *c, struct ipc_in *m);
void audit_own_gone(struct ipc_chan *c);
