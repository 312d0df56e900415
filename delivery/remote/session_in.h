/*
 * session_in.h - the inside of a session: session.c (its life), transaction.c (a message on it).
 */
#pragma once

#include "delivery/remote/scram_client.h"
#include "delivery/remote/session.h"
#include "io/loop.h"

#define SESSION_MAGIC 0x52505353u

enum session_state {
	SESSION_GREETING,
	SESSION_EHLO,
	SESSION_HELO,
	SESSION_STARTTLS,
	SESSION_HANDSHAKE,
	SESSION_LOGIN, /* AUTH LOGIN: its name, then its password is asked for */
	SESSION_PASSWORD,
	SESSION_SCRAM, /* the server's first message is awaited, then its last */
	SESSION_SCRAM_PROVEN,
	SESSION_AUTHED, /* the last answer of AUTH */
	SESSION_READY,
	SESSION_MAIL, /* transaction.c */
	SESSION_QUIT,
	SESSION_OVER
};

enum transaction_step {
	TRANSACTION_COMMANDS, /* RSET, MAIL, RCPT ... are answered in their order */
	TRANSACTION_BODY,     /* octets are going out */
	TRANSACTION_FINAL     /* all is sent: one answer is awaited */
};

struct transaction {
	struct mail *mail;
	struct arena arena;
	enum transaction_step step;
	struct mail_rcpt **rcpts;
	struct str *addresses; /* as they are given to this host */
	size_t n;
	size_t sent, answered; /* commands */
	size_t accepted;
	bool *taken;      /* of rcpts */
	bool reset;       /* RSET is the first command */
	bool mail_ok;     /* MAIL was taken */
	bool chunking;    /* BDAT in place of DATA (RFC 3030) */
	bool early;       /* ... and the octets go with the commands */
	bool stale;       /* nothing was answered so far */
	bool complete;    /* all octets are put out */
	bool eight, utf8; /* BODY=8BITMIME, SMTPUTF8 */
	struct str sender;
	uint64_t at;     /* octets of the message that were put out */
	bool line_start; /* where the next of them stands */
};

struct session {
	unsigned magic;
	enum session_state state;
	struct stream *stream;
	struct session_events ev;
	void *arg;
	struct arena arena;
	struct session_setup setup;
	struct policy_tls tls;
	struct reply reply;
	struct offer offer;
	struct scram_client scram;
	struct loop_timer *timer;
	struct loop_defer act; /* what is to be told at the end of the turn */
	struct transaction tx;
	bool needs_reset; /* a transaction of before is still open */
	bool is_ready;    /* ready() is due */
	bool is_done;     /* done() is due */
	bool in_mail;     /* it failed within a transaction */
	bool closed;      /* the stream is */
	bool quits;       /* nobody's any more */
	uint32_t messages;
	uint64_t began;
	enum session_failure failure;
	char why[REPLY_WORDS_MAX + 200]; /* of failure; empty: none */
};

/* Waits so long for what comes next. */
void session_wait(struct session *s, uint64_t ms);
/* It is over: told at the end of the turn. */
void session_fail(struct session *s, enum session_failure kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, for a reply that says so. */
void session_refused(struct session *s, enum session_failure kind, const char *doing);
/* The transaction has ended in order; done() is told at the end of the turn. */
void session_done(struct session *s);

/* All is set up. */
void session_logged_in(struct session *s);

/* AUTH, and the answers to it. */
void login_begin(struct session *s);
void login_reply(struct session *s);

void transaction_init(struct session *s);
/* A complete reply stands in s->reply. */
void transaction_reply(struct session *s);
/* All that was put out is written. */
void transaction_drained(struct session *s);
/* The session broke: s->why is what is known of the recipients that are not decided. */
void transaction_broke(struct session *s);
void transaction_end(struct session *s);
/* Answers that are due. */
size_t transaction_awaits(const struct session *s);
const char *transaction_waits_for(const struct session *s);
