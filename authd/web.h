/*
 * web.h - sessions of gk-webd: what a login in the page, or over HTTP, has led to.
 *
 * A token is 32 random octets, told once and kept by its digest. A browser's session is durable in
 * accounts.db before its token is told, and ends unused after web.session_lifetime, used after
 * web.session_age. That of a program, which shows its password with each request (HTTP Basic), is
 * in memory for WEB_PROGRAM_S after its last use. A user has WEB_USER_MAX of each: the one unused
 * for longest makes room. What clients say of themselves is cut and made printable here.
 *
 * All of them are in memory, so that asking costs no disk; when one was last used is written down
 * every half minute.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "db/db.h"

#define WEB_TOKEN     32u
#define WEB_ID        16u /* hexadecimal digits */
#define WEB_USER_MAX  32u
#define WEB_MAX       100000u
#define WEB_PROGRAM_S 600
#define WEB_PROVEN_S  900 /* how long what needs the password again is allowed after it */
#define WEB_PEER_MAX  64u
#define WEB_AGENT_MAX 256u

enum web_kind {
	WEB_BROWSER,
	WEB_PROGRAM
};

struct web_rules {
	int64_t unused_s, age_s; /* of a browser's */
};

/* What is kept of a session. Times: clock_wall. */
struct web_row {
	unsigned char digest[WEB_TOKEN];
	uint64_t id; /* random, never 0 */
	int64_t created, proven, used;
	char peer[WEB_PEER_MAX + 1], agent[WEB_AGENT_MAX + 1];
};

struct web_user;

struct web {
	struct web_row row;
	enum web_kind kind;
	bool dirty;      /* accounts.db does not know how it was used last */
	struct str user; /* borrowed */
	struct web_user *of;
	TAILQ_ENTRY(web) link; /* of the user's: as they began */
	UT_hash_handle hh;
};

void web_configure(const struct web_rules *r);
int web_load(struct db *db, struct err *e);
void web_init(void); /* the timer */
void web_done(void);

/* Begins a session of a user whose password was just found right. hash: that of the password, which
 * must still be the user's when it is written (browsers). fn comes in the loop, possibly before
 * this returns; token NULL: it could not be. */
typedef void (*web_opened_fn)(void *arg, const unsigned char *token, const struct err *e);
void web_open(enum web_kind kind, struct str user, struct str hash, struct str peer,
    web_opened_fn fn, void *arg);

/* Whose token is it? NULL: nobody's, or not any more. Borrowed until the loop's next turn. */
struct web *web_find(struct str token);
/* It is used now, by this client. */
void web_used(struct web *w, struct str peer, struct str agent);
/* When it ends at the latest. */
int64_t web_until(const struct web *w);
/* A user's sessions: the first, and the one behind another. */
struct web *web_first(struct str user);
struct web *web_next(const struct web *w);
struct web *web_by_id(struct str user, struct str id);
void web_id(uint64_t id, char out[WEB_ID + 1]);

/* Ends sessions of a user: that of the id, or with id 0 all but keep. Durable, and gk-webd told,
 * when fn comes with n, how many there were; e: they stay. fn may be NULL. */
typedef void (*web_ended_fn)(void *arg, size_t n, const struct err *e);
void web_end(struct str user, uint64_t id, uint64_t keep, web_ended_fn fn, void *arg);
/* The same in memory alone: whoever calls has changed accounts.db (accounts_passwd,
 * accounts_user_del), or ends those of programs only. */
void web_revoke(struct str user, bool browsers, uint64_t keep);
/* The password was shown again. */
void web_proven(struct web *w);

/* Hands what changed to the writer; true when nothing is left to hand over. */
bool web_save(void);
size_t web_count(void);

/* ---- in accounts.db (web_db.c) ---- */

int web_db_load(struct db *db, void (*fn)(struct str user, const struct web_row *r), struct err *e);
/* E_TEMP when hash is not the user's any more. */
int
web_db_add(struct db *db, struct str user, struct str hash, const struct web_row *r, struct err *e);
/* All in one transaction. */
int web_db_save(struct db *db, const struct web_row *rows, size_t n, struct err *e);
int web_db_remove(struct db *db, const uint64_t *ids, size_t n, struct err *e);
