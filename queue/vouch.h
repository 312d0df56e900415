/*
 * vouch.h - whose submission a message is, by authd's word and not by who hands it over; and the
 * approval that an agent's needs (INVARIANTS 19, 20; docs/adr/0032-agents-and-approvals.md).
 */
#pragma once

#include <sys/queue.h>

#include "ipc/ipc.h"
#include "mail/envelope.h"

#define VOUCH_TOKEN_MAX 64u
#define VOUCH_MAX       4096u /* tokens of messages that have not come yet; the oldest goes */

struct vouch_token;

struct vouch {
	TAILQ_HEAD(vouch_tokens, vouch_token) tokens;
	size_t n;
};

void vouch_init(struct vouch *v);
void vouch_done(struct vouch *v);
/* SPOOL_TOKEN: kept until that message's commit on that channel. */
void vouch_message(struct vouch *v, struct ipc_chan *c, struct ipc_in *m);
/* Takes what came for the message; how many octets, 0: nothing. */
size_t vouch_take(struct vouch *v, struct ipc_chan *c, struct str mid, char out[VOUCH_TOKEN_MAX]);
/* The channel is closed. */
void vouch_forget(struct vouch *v, const struct ipc_chan *c);

/* The octets of a message that is about to be stored. */
struct vouch_octets {
	struct str all;    /* small: as they will be stored, with what was put on top */
	struct str prefix; /* large: what was put on top, */
	struct str digest; /* and the BLAKE2b-256 and number of the octets below */
	uint64_t size;
};

/* What a human would have to have approved, of this message of the agent session. */
int vouch_digest(const struct envelope *env, struct str session, const struct vouch_octets *o,
    unsigned char out[32], struct err *e);
