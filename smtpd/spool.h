/*
 * spool.h - the client's side of the queue channel: one message on its way into the spool.
 *
 * A message up to SPOOL_SMALL_MAX gathers in memory and goes over in a packet (SPOOL_PUT) or, where
 * it does not fit there, as a sealed memory file (SPOOL_COMMIT). A larger one is written into a
 * file that the queue lends (SPOOL_OPEN), with a BLAKE2b-256 over it (SPOOL_COMMIT_LARGE).
 * While the file is asked for, spool_blocked() is true and the caller takes no more from its
 * client.
 *
 * What stands on top of the octets (spool_prefix) is known at their end, when others look at all of
 * the message first.
 *
 * Only after committed() with no error may a client be told 250. Callbacks come from the loop,
 * never from inside a call of this page, and may free the spool.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "ipc/ipc.h"
#include "mail/envelope.h"

#define SPOOL_SMALL_MAX (256u * 1024)

struct spool;

struct spool_events {
	/* No longer blocked. */
	void (*ready)(void *arg);
	/* The message cannot be kept: the spool is dead, and only spool_free() remains. Not after
	 * commit. */
	void (*failed)(void *arg, const struct err *e);
	/* e NULL: it is durable. */
	void (*committed)(void *arg, const struct err *e);
};

/* hold: octets that may come before spool_go(), which are held in memory. */
struct spool *spool_new(struct ipc_chan *queue, const char mid[ID_SIZE], size_t hold,
    const struct spool_events *events, void *arg);
/* The client went away, or its message was refused: the queue forgets it. NULL inside is fine. */
void spool_free(struct spool **s);

/* The octets so far, all in memory: before spool_go(). */
struct str spool_held(const struct spool *s);
/* Leaves n of these octets out, from `at` on. */
void spool_cut(struct spool *s, size_t at, size_t n);
/* From here on a large message may leave memory. */
void spool_go(struct spool *s);
/* What stands on top of the octets, at most TRACE_MAX of it; once, before the commit. */
void spool_prefix(struct spool *s, struct str prefix);
void spool_put(struct spool *s, const char *p, size_t n);
bool spool_blocked(const struct spool *s);
/* Octets with the prefix. */
uint64_t spool_size(const struct spool *s);
/* All octets are there. env is encoded at once. */
void spool_commit(struct spool *s, const struct envelope *env, struct str token);
