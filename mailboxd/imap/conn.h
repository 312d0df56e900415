/*
 * conn.h - one IMAP connection inside the owner: what the files of this folder share.
 *
 * A connection runs one command at a time; what the client sends meanwhile waits in the stream
 * (pipelining, RFC 3501 5.5). A command is a function that is called until it says that it is done.
 * In between, other connections of the user get their turn. Its result is kept and written behind
 * what it has to report of the mailbox.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "io/loop.h"
#include "io/stream.h"
#include "mailboxd/imap/imap.h"
#include "mailboxd/imap/parse.h"
#include "mailboxd/imap/view.h"
#include "net/imap_frame.h"
#include "store/home.h"
#include "store/mailbox.h"

#define IMAP_CONN_MAGIC 0x696d6170u

#define IMAP_COMMAND_MAX (256u * 1024) /* lines and literals of one command together */
#define IMAP_LITERAL_MAX (64u * 1024)  /* one literal that is no message */
#define IMAP_OUT_HIGH    (256u * 1024) /* output that waits for the client before a command pauses */
#define IMAP_SET_MAX     (48u * 1024 * 1024) /* a set of numbers in a response; never met */
#define IMAP_MODSEQ_CODE 48                  /* room for "[HIGHESTMODSEQ n] " */
#define IMAP_SLICE_US    4000u /* how long a command runs before others have their turn */

enum imap_step {
	IMAP_DONE,  /* the result is set */
	IMAP_YIELD, /* call again in the next turn */
	IMAP_DRAIN, /* call again when the client has taken the output */
	IMAP_WAIT   /* imap_conn_continue() will be called */
};

struct imap_conn;
typedef enum imap_step (*imap_step_fn)(struct imap_conn *c);

enum imap_result {
	IMAP_OK,
	IMAP_NO,
	IMAP_BAD
};

struct imap_append;
struct imap_idle;

struct imap_conn {
	unsigned magic;
	const struct imap_host *host;
	struct home *home;
	struct stream *stream;
	uint64_t id;
	uint64_t consumed;
	struct arena arena; /* of the connection */
	struct str sid, peer, user;
	struct change_by by;

	struct loop_timer *timer; /* silence of the client */
	struct loop_timer *turn;  /* the next slice of a command */
	struct home_waiter waiter;
	/* Answers to APPENDs that are put off until they are durable, so that those that follow at
	 * once share their commit. */
	struct buf later;
	struct home_waiter later_waiter;
	bool held; /* a command waits for them */
	struct imap_frame frame;

	/* The command under way. */
	struct arena work;    /* until it is done */
	struct arena scratch; /* for one message of it */
	struct imap_cmd cmd;
	bool busy;
	bool runnable; /* its step is to be called */
	imap_step_fn step;
	void *op;                             /* its state, in work */
	void (*cleanup)(struct imap_conn *c); /* gives back what op holds */
	bool draining;                        /* waits for the stream */
	uint64_t began_us;
	uint64_t modseq_before;
	enum imap_result result;
	struct buf text; /* of the result, code included */

	/* What the client has enabled, for as long as it is connected (RFC 7162 3.1, 3.2.3). */
	bool condstore; /* MODSEQ and UID in untagged FETCH */
	bool qresync;   /* VANISHED instead of EXPUNGE; condstore too */

	bool selected;
	struct imap_view view;

	struct imap_append *append; /* a message's literal is coming in */
	struct imap_idle *idle;     /* in IDLE */

	unsigned bad;   /* commands that made no sense */
	bool ending;    /* BYE is said; only output remains */
	struct str bye; /* say this when the command under way is done */
	uint64_t commands, octets_in;
};

/* ---- conn.c ---- */

/* Goes on with a command that returned IMAP_WAIT. */
void imap_conn_continue(struct imap_conn *c);
/* Goes on reading commands: IDLE or a literal is over. */
void imap_conn_read_on(struct imap_conn *c);
/* Answers the command and makes room for the next. */
void imap_conn_finish(struct imap_conn *c);
/* The same, but the OK is written when everything done so far is durable, and other APPENDs may
 * begin before. */
void imap_conn_finish_later(struct imap_conn *c);
bool imap_conn_may_finish_later(const struct imap_conn *c);
/* Uses up input. */
void imap_conn_consume(struct imap_conn *c, size_t n);
/* The end, without a word: frees c. The owner hears of it. */
void imap_conn_end(struct imap_conn *c, const char *why);
/* Writes "* BYE text" and ends once it is written. */
void imap_conn_hang_up(struct imap_conn *c, const char *text);
/* The selected mailbox is going: a command that holds something of it is given up. */
void imap_conn_lost_mailbox(struct imap_conn *c);
/* Ends once all output is written. */
void imap_conn_close_soon(struct imap_conn *c);
/* Runs the step that follows when everything done so far is durable. For use as `return
 * imap_commit(c, step);` */
enum imap_step imap_commit(struct imap_conn *c, imap_step_fn step);
bool imap_is_choked(const struct imap_conn *c); /* too much output is waiting */
bool imap_slice_over(const struct imap_conn *c, uint64_t since_us);

/* ---- reply.c ---- */

void imap_puts(struct imap_conn *c, const char *z);
void imap_put(struct imap_conn *c, struct str s);
void imap_printf(struct imap_conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The result of the command: "[CODE] text". For use as `return imap_no(…)`: IMAP_DONE. */
enum imap_step
imap_ok(struct imap_conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum imap_step
imap_no(struct imap_conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum imap_step
imap_bad(struct imap_conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An error of the store as NO with the code of RFC 5530. */
enum imap_step imap_err(struct imap_conn *c, const struct err *e);
/* A mailbox name as the wire has it. */
void imap_put_mailbox(struct imap_conn *c, struct str name);
/* "(\Seen $Forwarded)" */
void
imap_put_flags(struct imap_conn *c, const struct mailbox *mb, const struct message *m, bool recent);
/* Of a cached text of CACHE_HEADER: ENVELOPE, and the summary for SEARCH (mail/summary.h). */
struct str imap_row_envelope(struct str row);
struct str imap_row_summary(struct str row);
/* Is it among the fields of CACHE_FIELDS? That text is empty where they are too long to keep. */
bool imap_row_has_field(struct str name);
/* UIDs ascending as a set: "1:3,7". */
void imap_uid_set(struct buf *b, const uint32_t *uids, size_t n);
const char *imap_capabilities(struct imap_conn *c);

/* ---- commands, each in the file of its group; called once, may set c->step ---- */

enum imap_step imap_cmd_select(struct imap_conn *c);
enum imap_step imap_cmd_create(struct imap_conn *c);
enum imap_step imap_cmd_delete(struct imap_conn *c);
enum imap_step imap_cmd_rename(struct imap_conn *c);
enum imap_step imap_cmd_subscribe(struct imap_conn *c);
enum imap_step imap_cmd_list(struct imap_conn *c);
enum imap_step imap_cmd_lsub(struct imap_conn *c);
enum imap_step imap_cmd_namespace(struct imap_conn *c);
enum imap_step imap_cmd_status(struct imap_conn *c);
enum imap_step imap_cmd_unselect(struct imap_conn *c);
enum imap_step imap_cmd_expunge(struct imap_conn *c);
enum imap_step imap_cmd_search(struct imap_conn *c);
enum imap_step imap_cmd_fetch(struct imap_conn *c);
enum imap_step imap_cmd_store(struct imap_conn *c);
enum imap_step imap_cmd_copy(struct imap_conn *c);
enum imap_step imap_cmd_idle(struct imap_conn *c);
enum imap_step imap_cmd_getquota(struct imap_conn *c);
enum imap_step imap_cmd_getquotaroot(struct imap_conn *c);
enum imap_step imap_cmd_setquota(struct imap_conn *c);
/* Starts the command in c->cmd: table of what is allowed when. */
enum imap_step imap_command(struct imap_conn *c);

/* status.c: "* STATUS name (…)". */
int imap_put_status(struct imap_conn *c, struct mailbox *mb, unsigned items, struct err *e);

/* mailbox.c: the OK of SELECT and EXAMINE. */
enum imap_step imap_selected(struct imap_conn *c);

/* ---- condstore.c ---- */

/* The client knows of modseqs from now on. */
void imap_condstore_on(struct imap_conn *c);
enum imap_step imap_cmd_enable(struct imap_conn *c);
/* "* OK [HIGHESTMODSEQ n]" of the selected mailbox. */
void imap_put_highest(struct imap_conn *c);
/* At the end of a command, with its news told: "[HIGHESTMODSEQ n] " for the tagged OK when the
 * client has to hear it, or nothing; written untagged where that has a code already. */
void imap_tell_modseq(struct imap_conn *c, char code[IMAP_MODSEQ_CODE]);
/* "* VANISHED …" for what the view still shows and has to tell. */
void imap_put_gone(struct imap_conn *c);
/* "* VANISHED (EARLIER) …" for UIDs of a set (not resolved) that were expunged after modseq. */
int
imap_put_vanished(struct imap_conn *c, uint64_t modseq, const struct imap_set *set, struct err *e);
/* Behind the responses of SELECT: what has changed since the client was here. */
enum imap_step imap_resync(struct imap_conn *c);

/* ---- append.c ---- */

/* The literal of an APPEND begins; c->cmd is parsed. */
enum imap_step imap_append_begin(struct imap_conn *c);
/* The same for a command that is refused already: its result is set. */
enum imap_step imap_append_refused(struct imap_conn *c);
/* Input for the literal; true while more is wanted. */
bool imap_append_input(struct imap_conn *c);
void imap_append_free(struct imap_conn *c);

/* ---- idle.c ---- */

/* Input while in IDLE; true while it goes on. */
bool imap_idle_input(struct imap_conn *c);
/* The mailbox has changed. */
void imap_idle_notice(struct imap_conn *c);
void imap_idle_free(struct imap_conn *c);
/* Takes up a parked connection. -1: cannot, say BYE. */
int imap_idle_resume(struct imap_conn *c, struct str record, uint32_t told, struct err *e);
