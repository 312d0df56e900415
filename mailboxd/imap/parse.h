/*
 * parse.h - one complete command, as octets, into a struct.
 *
 * Pure: no I/O, memory from the caller's arena only, which must outlive the command. Strings borrow
 * from the input or the arena. Depth and counts are capped; the input's length is the framer's
 * business.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/mailbox.h"

/* clang-format off */
#define IMAP_VERBS(X) \
	X(CAPABILITY) X(NOOP) X(LOGOUT) X(ID) X(ENABLE) X(LOGIN) X(AUTHENTICATE) X(STARTTLS) \
	X(SELECT) X(EXAMINE) X(CREATE) X(DELETE) X(RENAME) X(SUBSCRIBE) X(UNSUBSCRIBE) \
	X(LIST) X(LSUB) X(NAMESPACE) X(STATUS) X(APPEND) X(CHECK) X(CLOSE) X(UNSELECT) \
	X(EXPUNGE) X(SEARCH) X(FETCH) X(STORE) X(COPY) X(MOVE) X(IDLE) X(GETQUOTA) \
	X(GETQUOTAROOT) X(SETQUOTA)
/* clang-format on */

#define IMAP_VERB_ENUM(v) VERB_##v,
enum imap_verb {
	VERB_NONE,
	IMAP_VERBS(IMAP_VERB_ENUM) VERB_COUNT
};

/* ---- numbers of messages ---- */

/* lo to hi in either order; 0 stands for "*". */
struct imap_range {
	uint32_t lo, hi;
};

struct imap_set {
	struct imap_range *r;
	size_t n;
};

/* Puts a set in order for a mailbox whose largest number is max (0: empty, and nothing is in the
 * set): sorted, joined, "*" replaced. Without max what is above it stays. */
void imap_set_resolve(struct imap_set *s, uint32_t max);
/* In a resolved set? */
bool imap_set_has(const struct imap_set *s, uint32_t number);

/* ---- flags ---- */

#define FLAG_RECENT \
	0x20u /* beside those of store/mailbox.h: a session's, never a client's; in SEARCH */

/* ---- FETCH ---- */

enum fetch_kind {
	FETCH_UID,
	FETCH_FLAGS,
	FETCH_INTERNALDATE,
	FETCH_SIZE,
	FETCH_ENVELOPE,
	FETCH_BODY, /* without extension data */
	FETCH_BODYSTRUCTURE,
	FETCH_MODSEQ,
	FETCH_EMAILID,
	FETCH_THREADID,
	FETCH_SECTION /* BODY[…] and the RFC822 forms */
};

enum fetch_part {
	PART_ALL, /* BODY[], BODY[1.2] */
	PART_HEADER,
	PART_FIELDS,
	PART_FIELDS_NOT,
	PART_TEXT,
	PART_MIME
};

#define IMAP_PATH_MAX 64 /* part numbers in one section; deeper than any message we take apart */

struct fetch_item {
	enum fetch_kind kind;
	struct str label; /* how the response names it, without "<origin>" */
	/* FETCH_SECTION */
	enum fetch_part part;
	bool peek;
	uint32_t *path; /* part numbers, 1-based */
	size_t depth;
	struct str *fields;
	size_t nfields;
	bool partial;
	uint32_t from, count; /* of a partial */
};

/* ---- SEARCH ---- */

enum search_op {
	SEARCH_ALL,
	SEARCH_AND,  /* child … */
	SEARCH_OR,   /* two children */
	SEARCH_NOT,  /* one child */
	SEARCH_SEQ,  /* set */
	SEARCH_UID,  /* set */
	SEARCH_FLAG, /* bits */
	SEARCH_KEYWORD,
	SEARCH_HEADER,  /* field; empty text: it is there */
	SEARCH_ADDRESS, /* field: From, To, Cc, Bcc */
	SEARCH_SUBJECT,
	SEARCH_BODY,
	SEARCH_TEXT,
	SEARCH_LARGER,
	SEARCH_SMALLER,
	SEARCH_BEFORE, /* internal date; day */
	SEARCH_ON,
	SEARCH_SINCE,
	SEARCH_SENTBEFORE, /* Date field; day */
	SEARCH_SENTON,
	SEARCH_SENTSINCE,
	SEARCH_MODSEQ,   /* number */
	SEARCH_EMAILID,  /* number; 0: none has it */
	SEARCH_THREADID, /* the same */
};

struct needle;
struct search_key {
	enum search_op op;
	struct search_key *next, *child;
	struct imap_set set;
	unsigned bits;
	struct str field, text; /* text in UTF-8; keyword */
	uint64_t number;
	struct needle *needle; /* text made ready for looking; match.c's */
	int64_t day;           /* days since 1970-01-01, time zone disregarded (RFC 3501 6.4.4) */
};

/* ---- LIST, STATUS ---- */

#define LIST_SUBSCRIBED     0x01u /* selection and return options (RFC 5258, 6154, 5819) */
#define LIST_REMOTE         0x02u
#define LIST_RECURSIVEMATCH 0x04u
#define LIST_SPECIAL_USE    0x08u
#define LIST_CHILDREN       0x10u
#define LIST_STATUS         0x20u

#define STATUS_MESSAGES        0x01u
#define STATUS_RECENT          0x02u
#define STATUS_UIDNEXT         0x04u
#define STATUS_UIDVALIDITY     0x08u
#define STATUS_UNSEEN          0x10u
#define STATUS_SIZE            0x20u /* RFC 8438 */
#define STATUS_DELETED         0x40u /* RFC 9208 */
#define STATUS_DELETED_STORAGE 0x80u
#define STATUS_HIGHESTMODSEQ   0x100u /* RFC 7162 */
#define STATUS_MAILBOXID       0x200u /* RFC 8474 */

/* ---- SELECT (QRESYNC (…)) ---- */

/* What the client knows of the mailbox (RFC 7162 3.2.5). */
struct imap_qresync {
	uint32_t uidvalidity;
	uint64_t modseq;
	bool has_known; /* else: all below UIDNEXT */
	struct imap_set known;
	/* Some numbers that messages had and, at the same places, their UIDs; ascending. */
	struct imap_set match_numbers, match_uids;
};

/* ---- a command ---- */

struct imap_cmd {
	struct str tag; /* empty when even that could not be read */
	enum imap_verb verb;
	bool uid;               /* UID form */
	struct str mailbox;     /* UTF-8; INBOX in capitals */
	struct str to;          /* RENAME, COPY, MOVE */
	struct str special_use; /* CREATE (USE (\…)): "\Sent" */

	struct str *patterns; /* LIST, LSUB */
	size_t npatterns;
	unsigned select, ret; /* LIST_ */
	bool extended;        /* LIST in its RFC 5258 form */
	unsigned status;      /* STATUS_ */

	bool has_set;
	struct imap_set set;
	struct fetch_item *items;
	size_t nitems;
	enum store_mode mode;
	bool silent;
	struct flag_set flags; /* STORE, APPEND */
	struct search_key *key;
	bool by_number, by_modseq; /* SEARCH names message numbers, a modseq */

	/* RFC 7162 */
	bool condstore;               /* SELECT (CONDSTORE) */
	struct imap_qresync *qresync; /* SELECT (QRESYNC …), or NULL */
	bool has_since;
	uint64_t since; /* CHANGEDSINCE, UNCHANGEDSINCE */
	bool vanished;  /* UID FETCH (… VANISHED) */

	bool has_date;
	int64_t date;     /* APPEND, seconds since the epoch */
	uint64_t literal; /* APPEND: size of the message */
	bool literal_sync;

	struct str root;   /* GETQUOTA, SETQUOTA */
	struct str *words; /* ENABLE: names; ID: field, value, … */
	size_t nwords;

	const char *code; /* on failure: a response code that makes it a NO ("BADCHARSET (…)"); else
			     NULL: BAD */
};

/* text: the command without its last line end, literals inside. -1: out->tag, out->verb as far as
 * they were read, and the error's text. For APPEND text ends with the header of the message's
 * literal, which is not in it. */
int imap_parse(struct str text, struct arena *a, struct imap_cmd *out, struct err *e);

/* Does a literal that starts after text (the command so far, "{n}" at its end) hold the message of
 * an APPEND? */
bool imap_parse_wants_message(struct str text);

const char *imap_verb_name(enum imap_verb v);

/* ---- between the parse*.c files ---- */

struct lex;
int parse_set(struct lex *l, struct imap_set *out);
int parse_fetch(struct lex *l, struct imap_cmd *cmd);
int parse_search(struct lex *l, struct imap_cmd *cmd);
int parse_list(struct lex *l, struct imap_cmd *cmd);
int parse_status_items(struct lex *l, unsigned *out);
int parse_select_params(struct lex *l, struct imap_cmd *cmd);
int parse_fetch_modifiers(struct lex *l, struct imap_cmd *cmd);
int parse_store_modifiers(struct lex *l, struct imap_cmd *cmd);
int parse_search_modseq(struct lex *l, uint64_t *out);
int parse_mailbox(struct lex *l, struct imap_cmd *cmd, struct str *out);
/* "(\Seen word)" or, when bare is allowed, "\Seen word". */
int parse_flags(struct lex *l, bool bare, struct flag_set *out);
