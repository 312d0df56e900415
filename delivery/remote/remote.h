/*
 * remote.h - gk-remote as a whole: what its files share.
 *
 * A job (job.c) is one REMOTE_PUT or REMOTE_SEND of the queue: it takes a connection that the pool
 * (pool.c) holds for the destination, or has one made (reach.c: policy, MX, addresses, connection,
 * session), and sends its message on it (session.c, transaction.c).
 */
#pragma once

#include <sys/queue.h>

#include "delivery/remote/session.h"
#include "ipc/ipc.h"
#include "net/dns.h"

struct remote {
	struct dns *dns;
	struct policy *policy;
	char host[256]; /* our name */
	struct session_times times;
	uint64_t connect_ms, transaction_ms, dead_ms;
	size_t connections, messages_per_connection;
	bool chunking;
	bool draining;
};

/* ---- pool.c ---- */

/* A session with what makes it fit for other messages. */
struct conn {
	struct session *session;
	char *dest;     /* the destination that it was opened for, */
	char *endpoint; /* and the host, with all that policy demands of it there */
	bool used;      /* it has been idle before */
	TAILQ_ENTRY(conn) link, in_place;
	struct pool_place *place;
};

void pool_init(struct remote *r);
/* An idle connection, the caller's from now on; or NULL. */
struct conn *pool_take(struct str dest);
struct conn *pool_take_endpoint(struct str endpoint);
/* Takes a session over. dest and endpoint are copied. */
struct conn *pool_conn(struct session **s, struct str dest, struct str endpoint);
/* It is not needed any more: kept idle when it still may be of use. */
void pool_put(struct conn **c);
/* It is of no use: closed. */
void pool_drop(struct conn **c);
/* All that are idle say QUIT. */
void pool_close(void);
size_t pool_count(void); /* connections, being made ones too */

/* A place for one more connection: fn is called when there is one, from the loop, and it must be
 * given back by pool_leave(), unless pool_conn() has taken it over. */
struct pool_slot;
struct pool_slot *pool_enter(void (*fn)(void *arg), void *arg);
/* NULL inside is fine. */
void pool_leave(struct pool_slot **s);
/* The place is a connection's now. */
void pool_used(struct pool_slot **s);

/* ---- reach.c ---- */

struct reach;

struct reach_failure {
	enum remote_outcome outcome;
	struct str text, host;
};

/* c: a connection that is ready, the callee's; or NULL and why there is none. Called once for
 * reach_new() and each reach_next(), from the loop, never from inside. */
typedef void (*reach_fn)(void *arg, struct conn *c, const struct reach_failure *f);

struct reach *reach_new(struct remote *r, struct str dest, reach_fn fn, void *arg);
/* The connection that it gave was of no use: another address, or another host. why is told when
 * there is none. */
void reach_next(struct reach *x, struct str why, struct str host);
/* NULL inside is fine. */
void reach_free(struct reach **x);

/* ---- job.c ---- */

void job_message(struct remote *r, struct ipc_chan *c, struct ipc_in *m);
/* The queue is gone: what is not sent yet will be sent again by the next one. */
void job_queue_gone(const struct ipc_chan *c);
size_t job_count(void);
