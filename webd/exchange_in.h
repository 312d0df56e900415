/*
 * exchange_in.h - the inside of an exchange: what exchange.c and respond.c share, and what a
 * protocol (http1.c, http2.c) gives and is asked for. Handlers include exchange.h alone.
 */
#pragma once

#include <zlib.h>

#include "base/buf.h"
#include "io/loop.h"
#include "webd/exchange.h"

#define EXCHANGE_MAGIC  0x65786368u
#define EXCHANGE_FIELDS 32u
#define EXCHANGE_NONE   (UINT64_MAX - 1)

/* What a protocol does for an exchange. None calls back. */
struct exchange_ops {
	/* The head: status, and the fields that x->in holds. length: of the content, or
	 * EXCHANGE_UNKNOWN or EXCHANGE_NONE; body: it follows (not so for HEAD). */
	void (*head)(struct exchange *x, uint64_t length, bool body);
	void (*write)(struct exchange *x, struct str s);
	void (*end)(struct exchange *x);
	void (*abort)(struct exchange *x);
	void (*pause)(struct exchange *x, bool pause);
	size_t (*pending)(const struct exchange *x);
	/* The client may send the body it asked leave for. */
	void (*go_on)(struct exchange *x);
	/* 101; from then on all octets are the handlers'. NULL: cannot be done in this protocol. */
	void (*upgrade)(struct exchange *x);
	/* It is over: the protocol forgets it, and may go on to the next. */
	void (*done)(struct exchange *x);
};

struct exchange_in {
	const struct exchange_ops *ops;
	void *owner;          /* the protocol's */
	const char *protocol; /* "HTTP/1.1", for the log */
	const struct exchange_events *events;
	void *arg;
	struct loop_defer turn;
	TAILQ_ENTRY(exchange_in) link; /* of all exchanges (exchange.c) */
	struct exchange *x;
	char user[128];
	uint64_t started_us;

	struct buf whole;
	uint64_t got, allowed; /* octets of the body */
	bool running;          /* run() was called */
	bool expects;          /* the client waits for leave to send its body */
	bool got_all, told_end;
	bool held;            /* nobody listens to the body yet */
	bool paused, stopped; /* by the handler; at the protocol */
	bool upgraded;

	unsigned status;
	struct http_field *fields; /* EXCHANGE_FIELDS at most; NULL once the head is written */
	size_t nfields;
	bool begun, ended, aborted, lost;
	bool as_is; /* not to be compressed */
	z_stream *gzip;
	uint64_t length, sent; /* as announced; so far */
	struct str rest;       /* static octets not yet written */
	bool starved;          /* the handler has met EXCHANGE_HIGH */

	/* Of the last look whether the client is too slow (exchange_slow). */
	uint64_t seen_got;
	bool seen_waiting;
};

/* ---- exchange.c: for a protocol ---- */

/* A new one, its request to be filled in by the protocol: fields, host, what is in the arena. */
struct exchange *exchange_new(const struct exchange_ops *ops, void *owner);
/* The request is there: it finds its route and runs, or is refused. body: one follows; length: its
 * octets, where it says so. */
void exchange_start(struct exchange *x, struct str method, struct str path, struct str query,
    bool body, uint64_t length);
/* Octets of the body have come; end: the last. Nothing is said to handlers that have ended. */
void exchange_got(struct exchange *x, struct str in, bool end);
/* There is room for output. */
void exchange_room(struct exchange *x);
/* The client is gone, or has cancelled. */
void exchange_lost(struct exchange *x);
/* The reader refuses what comes: answered with that, where nothing was answered yet. */
void exchange_refuse(struct exchange *x, unsigned status, const char *why);
/* A client sends its body, and takes its answer, no slower than this in web.request_timeout. */
#define PACE_OCTETS (8u << 10)
/* Called once in that time: true when it sends less. */
bool exchange_slow(struct exchange *x);

/* ---- exchange.c: for respond.c, and all ---- */

/* At the end of the turn what is due happens: the next static octets, or the end. */
void exchange_later(struct exchange *x);
/* Tells all exchanges that the server drains. */
void exchange_drain(void);
size_t exchange_count(void);
const char *exchange_method_name(unsigned method);

/* ---- respond.c ---- */

/* Writes the next of what is static. */
void respond_more(struct exchange *x);
void respond_free(struct exchange *x);
/* "Not Found" */
const char *respond_title(unsigned status);
/* The client takes gzip (RFC 9110 12.5.3). */
bool respond_takes_gzip(const struct exchange *x);
/* Fields that come by themselves (security.c) are put in here: true when that name is set. */
bool respond_has(const struct exchange *x, const char *name);
