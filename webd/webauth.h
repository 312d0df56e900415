/*
 * webauth.h - who asks: from an exchange to a session at gk-authd.
 *
 * A request shows a cookie (browsers), a Bearer token (the same octets), or a name and a password
 * (HTTP Basic, RFC 7617: programs, also with app passwords). What gk-authd said of a credential is
 * believed for WEBAUTH_FRESH_MS, under a keyed hash, and forgotten at once when authd says that the
 * session is over or the user has changed.
 *
 * No other site's page acts with a browser's credentials: a request that says it comes from one is
 * refused, and one that changes anything and has but a cookie must say that it comes from ours
 * (beside SameSite=Strict and the "__Host-" name of the cookie).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ipc/ipc.h"
#include "webd/exchange.h"

#define WEBAUTH_COOKIE   "__Host-gk"
#define WEBAUTH_TOKEN    32u
#define WEBAUTH_FRESH_MS 60000u
#define WEBAUTH_IDLE_MS  600000u /* a credential not shown for so long is forgotten */
#define WEBAUTH_MAX      10000u

/* A session. Strings live as long as the exchange. */
struct webauth {
	struct str user;  /* canonical address */
	struct str id;    /* of the session: for people, logs, and as sid of changes */
	struct str token; /* for SESSION_TICKET and whatever else authd is asked in its name */
	bool browser;     /* else a program */
	int64_t created, proven, until; /* seconds since the epoch: msg.h, SESSION_OPEN */
};

/* Whose request it is. fn is called once, possibly before this returns; or x is answered here (401,
 * 403, 503), or its client leaves, and fn is never called. Body and events of x are kept back until
 * fn, which may listen to them. */
typedef void (*webauth_fn)(struct exchange *x, const struct webauth *who);
void webauth(struct exchange *x, webauth_fn fn);
/* Answers 401: authd does not know the session (any more). */
void webauth_refuse(struct exchange *x);

/* A session is over, or (id empty) all of a user's have to be looked at again: whoever holds
 * something open in its name ends it. At most four listeners. */
typedef void (*webauth_gone_fn)(struct str user, struct str id);
void webauth_on_gone(webauth_gone_fn fn);

/* ---- for main.c ---- */

void webauth_init(void);
/* SESSION_GONE and USER_REVOKED; false: another message. */
bool webauth_message(struct ipc_in *m);
/* authd has begun anew: nothing that was known holds. */
void webauth_reset(void);

/* ---- for auth.c ---- */

/* The token in the request's cookie; false: none that could be one. */
bool webauth_cookie(const struct exchange *x, unsigned char token[WEBAUTH_TOKEN]);
/* AUTH_START of that service in the name of x's client; user and password hold no NUL. */
void webauth_begin(struct ipc_out *m, const struct exchange *x, const char *service,
    struct str user, struct str password, uint64_t conn);
/* Answers for an error of authd's. */
void webauth_problem(struct exchange *x, const struct err *e);

/* A credential that a request shows, read (credential.c). */
enum credential_kind {
	CREDENTIAL_NONE,
	CREDENTIAL_BAD, /* there is one, and it cannot be right */
	CREDENTIAL_COOKIE,
	CREDENTIAL_BEARER,
	CREDENTIAL_BASIC
};
struct credential {
	enum credential_kind kind;
	unsigned char token[WEBAUTH_TOKEN]; /* cookie, bearer */
	struct str user, password;          /* basic */
};
/* authorization, cookie: the values, STR_NONE where there is none. The first wins. */
void credential_read(
    struct str authorization, struct str cookie, struct arena *a, struct credential *out);
