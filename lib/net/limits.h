/*
 * limits.h - what one client address, and the network around it, may do to a front.
 *
 * An address is an IPv4 address or an IPv6 /64, which is what one customer has; a network an IPv4
 * /24 or an IPv6 /48, and may factor times as much as one address. Counted are connections at one
 * time, and what happens in a time: connections, messages, errors, unknown recipients. Trusted
 * networks (net/trusted.h) are not counted but in the total.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/network.h"
#include "base/str.h"
#include "net/tally.h"

/* Addresses and networks without a connection that are remembered, some 240 octets each. */
#define LIMITS_REMEMBERED 32768u

enum limits_what {
	LIMITS_CONNECTIONS,
	LIMITS_MESSAGES_MINUTE,
	LIMITS_MESSAGES_HOUR,
	LIMITS_ERRORS,
	LIMITS_UNKNOWN, /* recipients that do not exist */
	LIMITS_WHATS
};

struct limits_rules {
	uint64_t total, at_once; /* connections; at_once from one address */
	uint64_t factor;
	uint64_t n[LIMITS_WHATS]; /* in a minute, or an hour; 0: any number */
};

enum limits_verdict {
	LIMITS_OK,
	LIMITS_TOTAL,   /* as many connections as there may be in all */
	LIMITS_AT_ONCE, /* as many as there may be from there */
	LIMITS_RATE,    /* too many a minute */
	LIMITS_TROUBLE  /* has made too many errors */
};

/* A connection's place in the table. */
struct limits_source {
	struct tally_entry *address, *network; /* NULL: trusted */
	bool entered;
};

/* At the start, and when the configuration is another one. */
void limits_configure(const struct limits_rules *r);
/* Counts a connection in; but for LIMITS_OK nothing is counted. */
enum limits_verdict limits_enter(const struct sockaddr_storage *peer, struct limits_source *out);
void limits_leave(struct limits_source *s);
/* Is there room for one more? */
bool limits_room(const struct limits_source *s, enum limits_what w);
/* Counts one. */
void limits_count(struct limits_source *s, enum limits_what w);
/* One from somebody whom a proxy speaks for, and who has no connection here: counted, where there
 * is room for it. */
bool limits_allow(const struct network *who, enum limits_what w);
/* True once a minute for an address and a verdict: what is refused by the thousand is logged once.
 */
bool limits_tell(const struct sockaddr_storage *peer, enum limits_verdict v);
/* The address has shown good manners; known for as long as there is room. */
void limits_greet(struct limits_source *s);
bool limits_greeted(const struct limits_source *s); /* trusted ones always */
/* "connections_per_ip", for logs. */
const char *limits_verdict_name(enum limits_verdict v);
uint64_t limits_total(void); /* connections */
size_t limits_remembered(void);
void limits_done(void); /* tests */
