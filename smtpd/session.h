/*
 * session.h - one SMTP connection, and what its parts need of one another.
 *
 * session.c owns the connection: events, timeouts, the end. commands.c takes its lines, replies.c
 * keeps its replies in order. Each group of verbs has its own file (helo.c, mailrcpt.c, data.c,
 * bdat.c, auth.c); message.c receives the octets of a message. All run in the loop's thread. A
 * session is freed only from its stream's closed() and its own timer, so no verb has to fear for
 * it.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/id.h"
#include "io/loop.h"
#include "io/stream.h"
#include "mail/envelope.h"
#include "net/dns_client.h"
#include "net/limits.h"
#include "smtpd/command.h"
#include "smtpd/reply.h"
#include "svc/login.h"
#include "svc/metrics.h"
#include "svc/svc.h"

#define SESSION_MAGIC 0x534d5450u

#define SESSION_INPUT_MAX 65536u
#define SESSION_HELO_MAX  255u

enum session_kind {
	SESSION_SMTP,        /* port 25: mail for us from anybody */
	SESSION_SUBMISSION,  /* port 587: mail from users, STARTTLS */
	SESSION_SUBMISSIONS, /* port 465: the same under TLS from the start, RFC 8314 */
	SESSION_LOCAL, /* run_dir/submit.sock: a program on this machine, known from the start */
	SESSION_OWNER, /* the owner of a user's mailbox, by its parent's word */
};

enum session_state {
	SESSION_GREETING, /* the greeting waits: who speaks before it has no manners */
	SESSION_COMMAND,  /* reading command lines */
	SESSION_AUTH,     /* the next line belongs to a SASL exchange */
	SESSION_DATA,     /* octets of DATA */
	SESSION_BDAT,     /* octets of a chunk */
	SESSION_WAIT,     /* for another process: input stays where it is */
	SESSION_HANDSHAKE,
	SESSION_CLOSING /* the last reply is on its way */
};

struct message;
struct session;

/* A reply that is not ready, or waits for one before it: replies go out in the order of their
 * commands (RFC 2920). */
struct slot {
	TAILQ_ENTRY(slot) link;
	struct session *s;
	/* Called when the reply's turn has come; decides what it is. */
	enum reply (*apply)(struct slot *slot);
	bool ready;
	enum reply reply;
	struct str about;          /* for the log: the address */
	struct str arg;            /* of the reply */
	bool first;                /* RCPT: by which the message is counted */
	struct envelope_rcpt rcpt; /* RCPT */
	struct ipc_chan *chan;     /* of a call under way */
	uint64_t call;
	uint64_t began;
};

/* From MAIL to the end of the message or RSET. Everything in it lives in its arena. */
struct transaction {
	bool pending; /* MAIL waits for its answer */
	bool open;
	bool bdat;   /* a BDAT was taken */
	bool failed; /* a chunk was refused: only RSET helps (RFC 3030 2) */
	struct arena arena;
	struct str sender, envid;
	enum envelope_ret ret;
	uint32_t flags;  /* ENVELOPE_ bits */
	uint64_t size;   /* SIZE=, or 0 */
	int64_t release; /* RFC 4865: not before, microseconds since the epoch; 0: at once */
	struct envelope_rcpt *rcpts;
	uint32_t nrcpts, cap;
	uint32_t waiting; /* RCPTs under way */
	uint32_t seen;    /* RCPTs taken, repeated ones too */
	uint32_t asked;   /* of these, those that authd was asked about */
	struct str
	    refused;   /* the user has sent enough: how long to wait, the same for every RCPT */
	size_t weight; /* octets of the recipients in an encoded envelope */
	struct message *message;
};

struct session {
	uint32_t magic;
	enum session_kind kind;
	enum session_state state;
	TAILQ_ENTRY(session) link;
	struct stream *stream;
	struct loop_timer *timer;
	struct limits_source source;
	uint64_t conn; /* our number for it: tickets are bound to it */
	char sid[ID_SIZE];
	char peer[INET6_ADDRSTRLEN];
	struct str client; /* its confirmed name in the DNS; empty: not known (yet) */
	enum screen_iprev iprev;
	struct dns_client *looking_up;
	uint64_t started, active; /* clock_ms: of the session, of the last sign of life */
	unsigned errors;
	unsigned chatter;  /* commands since the last message that lead nowhere */
	unsigned messages; /* answered 250 */
	bool running;      /* in session_run(): no second one inside */
	bool revoked;      /* the login is worth nothing any more (INVARIANTS 16) */
	bool skip;         /* the rest of an over-long line is dropped */
	bool esmtp;
	bool tls_next; /* the handshake begins when STARTTLS is consumed */
	enum metric result;
	size_t helo_n;
	char helo[SESSION_HELO_MAX + 1];
	struct arena arena;
	struct str user;  /* who authenticated, or whose program it is; empty: nobody */
	bool trusted;     /* SESSION_LOCAL: may write as anybody */
	struct str token; /* proves to gk-sign, by authd, who the user is */
	struct login *login;
	TAILQ_HEAD(, slot) slots;
	struct transaction tx;
	uint64_t chunk; /* octets of the BDAT chunk still to come */
	bool chunk_last;
	enum reply chunk_refused; /* or REPLY_COUNT */
	char chunk_text[24];      /* its size, for the reply */
};

/* Not by a network: who it is was known from the start. */
static inline bool
session_is_inside(const struct session *s)
{
	return s->kind == SESSION_LOCAL || s->kind == SESSION_OWNER;
}

/* ---- session.c ---- */

/* Once, before anything else: who answers questions to the DNS; lent. */
void session_init(struct dns *d);
void session_accept(const struct svc_conn *c);
/* Ends what can be ended at once; the rest at its next command. */
void session_drain_all(void);
/* The time for that is over. */
void session_overdue(void);
/* Ends the sessions of a user at their next command. */
void session_revoke(struct str user);
/* How many the owner of a user's mailbox has. */
size_t session_of_owner(struct str user);
/* A token that authd has given for a session, which is over or never began. */
void session_end_token(struct str token);
bool session_none(void);
/* Goes on with the input, as far as the state lets. Called whenever something waited for has come.
 */
void session_run(struct session *s);
/* Says goodbye; the session ends when that is written. */
void session_finish(struct session *s, enum reply last, enum metric result);

/* Greets: the client may speak. */
void session_greet(struct session *s);
void session_each(void (*fn)(struct session *s));

/* ---- door.c: who may come in, and how to behave there ---- */

/* At the start, and when the configuration is another one. */
int door_configure(struct err *e);
/* False: turned away, the connection is closed. */
bool door_enter(const struct svc_conn *c, struct limits_source *source);
/* BAN_SET or BAN_CLEAR has come: those who are banned now and not logged in are ended. */
void door_bans(struct ipc_in *m);
/* Greets, at once or when it is known that the client waits for that. */
void door_greet(struct session *s);
/* The time of the greeting has come. */
void door_waited(struct session *s);
/* It has spoken before the greeting. */
void door_early(struct session *s);
/* Has it sent more behind a command whose answer it must wait for? Then the session is ended. */
bool door_hasty(struct session *s, size_t used);
/* A reply that is the client's fault; ends the session of one who has made too many. */
void door_fault(struct session *s, enum reply r);
/* REPLY_OK, or why no message, or no recipient, is taken from where the client is. */
enum reply door_message(struct session *s);
enum reply door_rcpt(struct session *s);
/* Is what it sends counted, or greylisted, by authd? */
bool door_is_weighed(const struct session *s);

/* ---- commands.c ---- */

/* One line. False: nothing more to do with the input there is. */
bool commands_input(struct session *s);

/* ---- replies.c ---- */

/* The reply of the current command, behind those that still wait. */
void session_reply(struct session *s, enum reply r);
void session_reply_arg(struct session *s, enum reply r, struct str arg);
/* The same for a refusal that concerns an address or the like. */
void session_refuse(struct session *s, enum reply r, struct str about);
/* A slot at the end of the queue. */
struct slot *slot_new(struct session *s, enum reply (*apply)(struct slot *));
/* Its reply is known: writes it and those behind it that wait only for it. */
void slot_ready(struct slot *slot, enum reply r);
/* Forgets all, and the calls under way. */
void slots_drop(struct session *s);

/* ---- helo.c: HELO, EHLO, STARTTLS, and the verbs that do little ---- */

void helo_helo(struct session *s, const struct command *c);
void helo_ehlo(struct session *s, const struct command *c);
void helo_starttls(struct session *s);
/* The server's own name. */
struct str helo_host(void);
/* Forgets what the client said (RFC 3207 4.2). */
void helo_forget(struct session *s);

/* ---- mailrcpt.c ---- */

void mail_command(struct session *s, const struct command *c);
/* False: not yet, the same line comes again when a reply is out. */
bool rcpt_command(struct session *s, const struct command *c);
void transaction_reset(struct session *s);
/* May messages be held until later (RFC 4865)? For how long, in seconds; 0: no. */
uint64_t mail_max_hold(const struct session *s);
/* Is what the session sends to bear its user's own addresses? Not where the operator lets the
 * user's domain, or everybody, send as they like (INVARIANTS 18). */
bool sender_must_own(const struct session *s);
/* Asks whether the user owns an address: at once (1), or by a call whose answer comes to fn (0). */
int sender_check(struct session *s, struct str address, ipc_reply_fn fn, void *arg, uint64_t *call);
/* The answer of such a call: REPLY_OK, REPLY_NOT_OWNER or a temporary refusal. */
enum reply
sender_verdict(struct str user, struct str address, struct ipc_in *m, const struct err *e);
/* What an error of a call to another process means to the client. */
enum reply reply_of_err(const struct err *e);

/* ---- data.c, bdat.c: false from _input: nothing more to do with the input there is ---- */

void data_command(struct session *s);
bool data_input(struct session *s);
void bdat_command(struct session *s, const struct command *c);
bool bdat_input(struct session *s);

/* ---- auth.c ---- */

void auth_command(struct session *s, const struct command *c);
bool auth_input(struct session *s);
struct login_where auth_where(struct session *s);

/* ---- tls.c ---- */

/* At the start, and when the certificate may be a new one. */
int tls_load(struct err *e);
/* NULL: no certificate, no TLS. */
struct tls_context *tls_server(enum session_kind kind);
