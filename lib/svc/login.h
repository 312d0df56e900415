/*
 * login.h - the fronts' half of SASL (RFC 4422): base64 and lines here, secrets and exchanges in
 * authd.
 *
 * One struct login is one attempt. The front feeds it the client's lines and gets one of three
 * callbacks at a time; after ok() or failed() the attempt is over and only login_free() remains.
 * Callbacks come from the loop, never from inside a call of this page, and may free the login.
 * Secrets are wiped here; the front wipes nothing but its own input (stream_consume does).
 *
 *	l = login_start(&where, mech, has_initial, initial, &events, session);
 *	...
 *	if (login_wants_line(l))
 *		login_line(l, line);
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "io/stream.h"
#include "ipc/ipc.h"
#include "svc/conf.h"

/* The longest line of an exchange, RFC 4954 4: 12,288 octets without CRLF. */
#define LOGIN_LINE_MAX 12288u

struct login;

enum login_failure {
	LOGIN_FAILED,    /* wrong credential */
	LOGIN_TEMP,      /* cannot be checked now */
	LOGIN_BAD,       /* not base64, too long, or against the mechanism */
	LOGIN_NO_MECH,   /* unknown or not offered */
	LOGIN_NEEDS_TLS, /* not without TLS */
	LOGIN_ABORTED    /* the client sent "*" */
};

struct login_events {
	/* Send the base64 of a challenge ("334 %s", "+ %s"; may be empty) and read a line for
	 * login_line(). */
	void (*challenge)(void *arg, struct str base64);
	/* user: the whole canonical address. ticket: for OWNER_OPEN (INVARIANTS 16). Both borrowed.
	 */
	void (*ok)(void *arg, struct str user, struct str ticket);
	void (*failed)(void *arg, enum login_failure why);
};

/* Where an attempt comes from. Borrowed for the call, but stream, auth and conf live longer than
 * the login. */
struct login_where {
	struct ipc_chan *auth;   /* svc_channel(PEER_AUTHD) */
	const struct conf *conf; /* svc_conf(): sections of the front must include "auth" */
	const char *service;     /* "smtp", "imap" */
	struct stream *stream;   /* peer address, TLS state, channel bindings */
	uint64_t conn;    /* the front's number for the connection: the ticket is bound to it */
	struct str sid;   /* the session id, for authd's log */
	bool without_tls; /* submission.auth_without_tls, imap.auth_without_tls */
};

/* initial: what stood behind the mechanism, in base64; "=" is an empty one (RFC 4954 4, RFC 4959
 * 3). Never NULL. */
struct login *login_start(const struct login_where *where, struct str mech, bool has_initial,
    struct str initial, const struct login_events *events, void *arg);
/* A user name and a password that came by themselves (IMAP LOGIN). Never NULL. */
struct login *login_password(const struct login_where *where, struct str user, struct str password,
    const struct login_events *events, void *arg);
/* Between challenge() and login_line(): the next line belongs to the exchange. Otherwise leave
 * input alone. */
bool login_wants_line(const struct login *l);
/* The client's line without CRLF. */
void login_line(struct login *l, struct str line);
/* Also in the middle: the exchange is given up and no callback follows. NULL inside is fine. */
void login_free(struct login **l);

/* Appends the mechanisms that may be offered on this connection now, each with prefix in front,
 * blank-separated
 * ("PLAIN LOGIN", "AUTH=PLAIN AUTH=LOGIN"). Appends nothing where none may be. */
void login_offer(const struct login_where *where, const char *prefix, struct buf *out);
/* May a bare user name and password be sent here (else IMAP says LOGINDISABLED)? */
bool login_password_offered(const struct login_where *where);

/* What to say: "535 5.7.8 Authentication failed" and "NO [AUTHENTICATIONFAILED] Authentication
 * failed". */
const char *login_failure_smtp(enum login_failure why); /* RFC 4954 6 */
const char *login_failure_imap(enum login_failure why); /* RFC 5530 3 */
const char *login_failure_name(enum login_failure why); /* for logs */
