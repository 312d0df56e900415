/*
 * stream_private.h - the inside of a stream: stream.c (its owner's side), stream_io.c (its
 * socket's).
 */
#pragma once

#include <netinet/in.h>

#include "base/buf.h"
#include "io/loop.h"
#include "io/stream.h"
#include "io/tls_private.h"

#define STREAM_MAGIC 0x5354524du

/* Output written in one turn before others come first. */
#define STREAM_TURN_MAX (256u * 1024u)

enum stream_state {
	STREAM_OPEN,
	STREAM_PLAIN_TAIL, /* TLS was asked for; what was written before goes out in plain */
	STREAM_HANDSHAKE,
	STREAM_FINISHING, /* output, then the closing alert */
	STREAM_LINGERING, /* our side is shut; waiting for the peer's end, so that no reset eats the
			     rest */
	STREAM_OVER       /* closed() was called or will be */
};

struct stream {
	unsigned magic;
	int fd;
	enum stream_state state;
	bool started;
	bool paused;
	bool resumed;   /* input() is due at the end of the turn */
	bool at_end;    /* the peer sends no more */
	bool secure;    /* the handshake is done: octets go through tls */
	bool more;      /* tls was not read dry */
	bool drained;   /* drained() is due */
	bool idle_read; /* an event came that nobody wanted: stop watching for it */
	bool tcp;
	bool ack;  /* stream_ack() was called in this turn */
	bool busy; /* inside a callback of ours: stream_free() only marks */
	bool freed;
	bool speaks_first;        /* in the handshake: a client */
	bool ends;                /* finished in the handshake: with its end come the last words */
	bool told;                /* closed() was called */
	unsigned write_needs;     /* LOOP_…: output waits for that */
	unsigned read_needs;      /* LOOP_WRITE: TLS must write to read on */
	unsigned handshake_needs; /* LOOP_… */
	struct stream_limits limits;
	struct stream_events events;
	void *arg;
	struct loop_io *io;
	unsigned watched;
	struct loop_timer *timer;
	struct loop_defer turn;
	uint64_t last; /* clock_ms() of the last octet */
	struct buf in, out;
	size_t plain_left;  /* in STREAM_PLAIN_TAIL: octets of out that were put before it */
	size_t got;         /* in the last read */
	size_t chunk;       /* what the next read asks for */
	uint64_t sent_turn; /* the turn that … */
	size_t sent;        /* … so much was written in */
	size_t linger_left; /* octets still drained after the end */
	struct tls_session *tls;
	/* Why it is over; why lives as long as the process. */
	enum err_code code;
	int no;
	const char *why;
	char peer[INET6_ADDRSTRLEN];
};

/* ---- stream_io.c ---- */

bool stream_may_read(const struct stream *s);
/* Reads a turn's share into the input; true when octets or the end came. */
bool stream_read(struct stream *s);
/* Writes what the socket takes, and goes on to the next state when all is out. */
void stream_write_out(struct stream *s);
/* One step of the handshake; true when it is done. */
bool stream_shake_hands(struct stream *s);
void stream_linger(struct stream *s);

/* ---- stream.c ---- */

/* It is over; closed() is told at the end of the event or turn. */
void stream_over(struct stream *s, enum err_code code, const char *why, int no);
