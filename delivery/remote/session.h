/*
 * session.h - one SMTP connection to a host, as its client (RFC 5321): greeting, EHLO, STARTTLS,
 * AUTH, then any number of mail transactions, then QUIT.
 *
 * Every wait for an answer has its end, and so has a message as a whole by its size: a host that
 * says or takes an octet a second holds nothing for long. Callbacks come from the loop, never from
 * inside a function of this page, and may free the session.
 *
 *	session_new(fd) ... ready()            a transaction may be begun
 *	session_send()  ... done()             each recipient of the mail that this host has spoken
 * of is decided; then session_is_idle(), or it is of no more use
 *	... gone()                             of no use any more: session_free(), or session_quit()
 */
#pragma once

#include "delivery/remote/mail.h"
#include "delivery/remote/offer.h"
#include "delivery/remote/policy.h"
#include "io/stream.h"

struct session;

struct session_times { /* ms; RFC 5321 4.5.3.2 */
	uint64_t greeting, command, data, block, final;
	uint64_t idle;     /* between messages */
	uint64_t min_rate; /* octets a second that a host must take */
};

enum session_failure {
	SESSION_REFUSED, /* it said so: 4yz or 5yz before any mail, or 421 */
	SESSION_LOST,    /* it went away */
	SESSION_SLOW,    /* it did not answer in time */
	SESSION_PROTO,   /* it does not speak SMTP */
	SESSION_TLS,     /* the handshake failed, or STARTTLS was refused */
	SESSION_NO_TLS,  /* TLS is demanded, and not offered */
	SESSION_AUTH,    /* our login was refused, or cannot be tried */
	SESSION_SELF,    /* it is ourselves */
	SESSION_IDLE     /* nothing is wrong: it was idle long enough */
};

struct session_why {
	enum session_failure kind;
	struct str text; /* "4.4.2 ..."; good until the callback returns */
};

struct session_events {
	void (*ready)(void *arg);
	/* The transaction is over. why: NULL, or the connection went with it: recipients that are
	 * not decided may be tried elsewhere. */
	void (*done)(void *arg, const struct session_why *why);
	/* Before ready(), or while it was idle. */
	void (*gone)(void *arg, const struct session_why *why);
};

struct session_setup {
	struct str helo;             /* our name */
	struct str host;             /* "mx1.example.org [192.0.2.1]:25" */
	struct tls_context *context; /* used at once, or at STARTTLS */
	const struct policy_tls *tls;
	bool tls_from_start;
	struct str user, password; /* empty: no AUTH */
	bool auth_without_tls;
	bool chunking; /* BDAT where it is offered */
	bool by_mx;    /* not by a route: to meet a host of our own name is a loop then */
	const struct session_times *times;
};

/* Takes over fd, a connected socket. Strings and tls are copied. */
struct session *
session_new(int fd, const struct session_setup *setup, const struct session_events *ev, void *arg);
/* Closed at once. */
void session_free(struct session **s);
/* Says QUIT and lets go: it ends by itself within some seconds. */
void session_quit(struct session **s);
/* Sessions that are saying QUIT. */
size_t session_quitting(void);
/* Whose callbacks they are changes when a session is handed on. */
void session_give(struct session *s, const struct session_events *ev, void *arg);

/* Begins a transaction for the recipients of m that are not decided, as many as one may have. m is
 * the caller's, and stays until done(). */
void session_send(struct session *s, struct mail *m);
/* Nothing is under way, and nothing is wrong. */
bool session_is_idle(const struct session *s);
/* In the transaction that has ended badly the host answered nothing at all: an idle connection that
 * it had closed. */
bool session_was_stale(const struct session *s);
/* The message was all sent when the connection went: it may have been taken. */
bool session_was_sent(const struct session *s);

struct str session_host(const struct session *s);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "". */
const char *session_cipher(const struct session *s);
/* "dane", "pkix", or "" */
const char *session_verified(const struct session *s);
const char *session_doubt(const struct session *s);
uint32_t session_messages(const struct session *s); /* transactions so far */
uint64_t session_began(const struct session *s);    /* clock_ms() */
