/*
 * web.h - a connection of gk-webd, and the two protocols that may be spoken on it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/id.h"
#include "base/network.h"
#include "io/loop.h"
#include "io/stream.h"
#include "net/limits.h"
#include "svc/svc.h"
#include "webd/exchange_in.h"

#define WEB_MAGIC 0x77656263u

struct web_conn;

struct web_protocol {
	const char *name;
	void (*begin)(struct web_conn *c);
	void (*input)(struct web_conn *c);   /* octets, or the end, stand in the stream */
	void (*drained)(struct web_conn *c); /* all output is written */
	void (*timer)(struct web_conn *c);   /* web_wait() is over */
	void (*drain)(struct web_conn *c);   /* no more requests than those under way */
	void (*free)(struct web_conn *c);
};

extern const struct web_protocol http1_protocol, http2_protocol;

struct web_conn {
	unsigned magic;
	TAILQ_ENTRY(web_conn) link;
	char sid[ID_SIZE];
	struct sockaddr_storage from;
	struct limits_source source;
	bool entered;    /* counted in source */
	bool proxy;      /* of web.trusted_proxies: it tells whom it speaks for */
	bool challenges; /* by acme.listen */
	bool closing;    /* only output remains */
	struct stream *stream;
	struct loop_timer *timer;
	const struct web_protocol *protocol; /* NULL in the handshake */
	void *state;
	uint64_t written;      /* octets put into the stream */
	uint64_t seen_written; /* web_stuck() */
	bool seen_pending;
};

/* ---- web.c ---- */

/* A connection that was admitted. protocol: NULL where TLS tells it. */
void web_open(const struct svc_conn *sc, const struct web_conn *from, const struct web_protocol *p);
int web_start(struct err *e);
int web_reload(struct err *e);
void web_accept(const struct svc_conn *c);
void web_drain(void);

/* At once. */
void web_free(struct web_conn *c, const char *why);
/* Once all is written. */
void web_close(struct web_conn *c);
void web_write(struct web_conn *c, const void *p, size_t n);
/* The protocol's timer goes off in ms, unless it is set again. */
void web_wait(struct web_conn *c, uint64_t ms);
/* The same in the time in which a client has to go on (PACE_OCTETS). */
void web_wait_pace(struct web_conn *c);
/* Called once in that time: true when output waits, and less than PACE_OCTETS of it went since. */
bool web_stuck(struct web_conn *c);

/* The request's head is there: whom it comes from. False: answered, as too many come from there or
 * it is banned. */
bool web_admit(struct web_conn *c, struct exchange *x);
/* The peer broke the protocol: noted against its address. */
void web_fault(struct web_conn *c, const char *why);

#define WEB_DATE_SIZE 32
/* IMF-fixdate (RFC 9110 5.6.7). */
const char *web_date(int64_t s, char out[WEB_DATE_SIZE]);
