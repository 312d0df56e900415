/*
 * ipc.h - typed messages over a SOCK_SEQPACKET channel.
 *
 * A channel joins two processes; master makes it and says who is at the other end. Messages gather
 * until the end of the loop turn and go out in one sendmmsg. A message that is not in the table,
 * from the wrong side, or whose octets do not fit its row ends the channel: it cannot come from our
 * own code.
 *
 * A channel whose peer died is not an error to its users: calls under way fail with E_CLOSED, new
 * ones wait a little for master to attach the restarted peer (ipc_attach), then fail with E_TEMP.
 *
 *	struct ipc_out m;
 *	ipc_begin(&m, MSG_RCPT_CHECK);
 *	ipc_put_str(&m, address);
 *	ipc_put_str(&m, user);
 *	ipc_put_u64(&m, size);
 *	ipc_call(chan, &m, rcpt_checked, session);
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "ipc/msg.h"

#define IPC_PAYLOAD_MAX 65536u
/* A message of more octets travels as a memory file; up to here in the packet, which costs a third
 * of the system calls (docs/LIMITS.md). */
#define IPC_INLINE_MAX 16384u

struct ipc_chan;

/* ---- building ---- */

struct ipc_out {
	enum ipc_type type;
	const char *fields; /* what the row still expects; misuse is our own mistake (assume) */
	unsigned char *p;   /* grows; freed by sending */
	size_t n, cap;
	int fd;
	bool over; /* payload too large: send fails with E_LIMIT */
};

void ipc_begin(struct ipc_out *m, enum ipc_type type);
void ipc_put_u32(struct ipc_out *m, uint32_t v);
void ipc_put_u64(struct ipc_out *m, uint64_t v);
void ipc_put_str(struct ipc_out *m, struct str s);
void ipc_put_z(struct ipc_out *m, const char *z);
void ipc_put_list(struct ipc_out *m, const struct str *v, size_t n);
/* The descriptor is taken over: closed once sent, or on failure. */
void ipc_put_fd(struct ipc_out *m, int fd);
/* Forgets a message that will not be sent. */
void ipc_drop(struct ipc_out *m);

/* ---- reading ---- */

struct ipc_in {
	enum ipc_type type;
	uint64_t id; /* of the call, for ipc_reply; 0 for a notice */
	const char *fields;
	const unsigned char *p;
	size_t n;
	int fd;
	bool bad;
	bool ended; /* ipc_end was called */
};

/* Strings borrow from the message, which lives until the callback returns. */
uint32_t ipc_get_u32(struct ipc_in *m);
uint64_t ipc_get_u64(struct ipc_in *m);
struct str ipc_get_str(struct ipc_in *m);
/* A list: how many, then each by ipc_get_item. */
uint32_t ipc_get_list(struct ipc_in *m);
struct str ipc_get_item(struct ipc_in *m);
/* The descriptor now belongs to the caller. -1 only when the message is bad. */
int ipc_take_fd(struct ipc_in *m);
/* Ends the channel after the callback: the message makes no sense at this place. */
void ipc_refuse(struct ipc_in *m);
/* 0 when every field was read and fitted. Otherwise -1: reply nothing, the channel is being closed.
 * Call it after the last get and before believing any value. */
int ipc_end(struct ipc_in *m);

/* ---- channels ---- */

/* A message that is no reply. It must be answered now or later if its row has a timeout. */
typedef void (*ipc_message_fn)(void *arg, struct ipc_chan *c, struct ipc_in *m);
/* A reply, or m = NULL and why there is none. Called exactly once for each call. */
typedef void (*ipc_reply_fn)(void *arg, struct ipc_in *m, const struct err *e);
/* The other end is gone. */
typedef void (*ipc_gone_fn)(void *arg, struct ipc_chan *c);

/* A channel from self to peer. fd -1: not attached yet. gone may be NULL. */
struct ipc_chan *ipc_new(int fd, enum ipc_peer self, enum ipc_peer peer, ipc_message_fn message,
    ipc_gone_fn gone, void *arg);
/* Takes a new descriptor in place of the old one. */
void ipc_attach(struct ipc_chan *c, int fd);
bool ipc_is_open(const struct ipc_chan *c);
enum ipc_peer ipc_peer_of(const struct ipc_chan *c);
/* What the channel's maker wants to find again (the user of an owner's channel, say). */
void ipc_set_label(struct ipc_chan *c, struct str label);
struct str ipc_label(const struct ipc_chan *c);
void *ipc_arg(const struct ipc_chan *c);
/* Calls under way end with E_CLOSED first. */
void ipc_free(struct ipc_chan **c);

/* Sends a notice. A closed channel drops it. */
void ipc_send(struct ipc_chan *c, struct ipc_out *m);
/* Sends a call; fn is called once with reply or error, never before ipc_call returns. The id serves
 * ipc_cancel. */
uint64_t ipc_call(struct ipc_chan *c, struct ipc_out *m, ipc_reply_fn fn, void *arg);
/* The caller is going away: fn will not be called; a late reply is dropped (its descriptor closed).
 */
void ipc_cancel(struct ipc_chan *c, uint64_t id);
/* Answers call `id` (ipc_in.id). Answering on a channel that was replaced meanwhile is dropped. */
void ipc_reply(struct ipc_chan *c, uint64_t id, struct ipc_out *m);
void ipc_reply_error(struct ipc_chan *c, uint64_t id, const struct err *e);
/* Answers with an empty MSG_…_R. */
void ipc_reply_ok(struct ipc_chan *c, uint64_t id, enum ipc_type type);
/* Calls under way. */
size_t ipc_pending(const struct ipc_chan *c);
/* Writes what is gathered now. */
void ipc_flush(struct ipc_chan *c);
/* Reads what the peer wrote before it died. No callback may free the channel meanwhile. */
void ipc_drain(struct ipc_chan *c);

/* ---- without a loop: gkmail, and tests ---- */

/* Sends and waits for the answer, blocking, at most the row's timeout. *in borrows from a static
 * buffer that the next call reuses. -1 with the peer's error, or our own. */
int ipc_call_wait(int fd, struct ipc_out *m, struct ipc_in *in, struct err *e);
/* n calls side by side: make() builds the i-th, all of one type that is answered without fields.
 * Ends at the first that fails: -1, and *failed says which (n: the channel), others may still
 * happen; the channel is to be closed then. */
int ipc_calls_wait(int fd, size_t n, void (*make)(void *arg, size_t i, struct ipc_out *m),
    void *arg, size_t *failed, struct err *e);
