/*
 * imapd.h - the IMAP front: what its files share.
 *
 * A connection goes through these states: before login (session.c), relaying octets between client
 * and owner (relay.c), parked (park.c), and back. No mail is understood here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/id.h"
#include "io/loop.h"
#include "io/stream.h"
#include "ipc/ipc.h"
#include "net/imap_frame.h"
#include "net/limits.h"
#include "svc/login.h"
#include "svc/svc.h"

#define FRONT_MAGIC 0x66726f6eu

enum front_state {
	FRONT_GREETING, /* TLS from the start: its handshake */
	FRONT_COMMANDS, /* before login */
	FRONT_LOGIN,    /* authd is checking, or the client's next line belongs to the exchange */
	FRONT_DELAY,    /* a failed login is told a little later */
	FRONT_OPENING,  /* the mailboxd parent is looking for the owner */
	FRONT_RELAY,
	FRONT_LEAVING, /* parked, but the owner's last words are not yet read */
	FRONT_PARKED,
	FRONT_RESUMING,
	FRONT_CLOSING /* only output remains */
};

struct front_parked {
	struct str token, record;
	uint32_t told; /* messages that NEWS told the client of; 0: none */
	bool wake;     /* asked for before the owner had left */
	char data[];
};

struct front_conn {
	unsigned magic;
	uint64_t id;
	UT_hash_handle hh;
	enum front_state state;
	char sid[ID_SIZE];
	struct limits_source source;
	struct stream *client;
	struct stream *owner;
	struct loop_timer *timer; /* what it is for depends on the state */
	uint64_t forwarded;       /* octets given to the owner on this socketpair */
	uint64_t call;            /* OWNER_OPEN or OWNER_RESUME under way; 0: none */
	bool half_closed;         /* the owner was told that the client sends no more */
	char tail[8];             /* the last octets that the owner wrote */
	bool in_literal;          /* perhaps: the client may wait for an acknowledgment alone */
	bool bye_seen;            /* the owner has said BYE */
	struct front_parked *parked;
	uint64_t parked_since;

	/* Before login; freed then. */
	struct front_session *session;
	char *user;
};

/* ---- front.c: all connections ---- */

void front_accept(const struct svc_conn *c);
struct front_conn *front_find(uint64_t id);
/* At once. */
void front_free(struct front_conn *c, const char *why);
/* Writes "* BYE text" and closes once it is written. */
void front_bye(struct front_conn *c, const char *text);
/* Closes once everything is written. */
void front_close(struct front_conn *c);
void front_each(void (*fn)(struct front_conn *c));
/* BAN_SET or BAN_CLEAR has come: those who are banned now and not logged in are ended. */
void front_bans(struct ipc_in *m);
int front_start(struct err *e);
int front_reload(struct err *e);
#define FRONT_SHUTDOWN "Server shutting down"
void front_drain(void);
/* The time for that is over. */
void front_overdue(void);
struct tls_context *front_tls(void); /* NULL: there is no certificate */

/* ---- session.c: before login ---- */

void session_begin(struct front_conn *c);
void session_input(struct front_conn *c);
void session_greet(struct front_conn *c);
void session_secured(struct front_conn *c);
void session_timer(struct front_conn *c);
void session_free(struct front_conn *c);

/* ---- relay.c ---- */

/* A socketpair: our end becomes c->owner, the other is returned. -1 on failure. */
int relay_pair(struct front_conn *c, struct err *e);
void relay_begin(struct front_conn *c);
/* Moves octets both ways as far as it goes. */
void relay_pump(struct front_conn *c);
void relay_drop(struct front_conn *c); /* closes our end */
/* Tells the owner that the client sends no more. */
void relay_shut(struct front_conn *c);

/* ---- park.c ---- */

void park_message(struct ipc_chan *ch, struct ipc_in *m);
/* The owner has closed its end after PARK was accepted. */
void park_settle(struct front_conn *c);
/* The client has said something, or mailboxd asks for it. */
void park_resume(struct front_conn *c);
void park_timer(struct front_conn *c);
void park_forget(struct front_conn *c);
/* mailboxd is gone: nobody will wake those who are parked. */
void park_lost(void);
