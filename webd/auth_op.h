/*
 * auth_op.h - a request below /auth/ that asks authd: its JSON in and out, the questions, and what
 * becomes of them when the client leaves.
 *
 * Owner: the exchange, in whose arena it lives. Bodies hold passwords and are wiped. Errors:
 * problem details, answered here.
 */
#pragma once

#include <cjson/cJSON.h>

#include "webd/exchange.h"
#include "webd/webauth.h"

#define AUTH_BODY_MAX   8192u
#define AUTH_USER_MAX   512u
#define AUTH_SECRET_MAX 1024u /* octets of a password, as authd takes them */

/* Of a route that takes JSON. */
#define AUTH_SENT (ROUTE_WHOLE | ROUTE_JSON | ROUTE_OUR_ORIGIN)

struct auth_waiting;

struct auth_op {
	struct exchange *x;
	const struct webauth *who; /* NULL: nobody yet */
	void (*then)(struct auth_op *o, struct ipc_in *m);
	void (*next)(struct auth_op *o); /* once the password was shown */
	uint64_t call;                   /* 0: none under way that ends with the client */
	struct auth_waiting *waiting;    /* or one that goes on */
	uint64_t conn;                   /* that a proof is bound to */
	cJSON *body;
	struct str token, proof; /* of an answer, in the arena */
};

typedef void (*auth_op_fn)(struct auth_op *o, struct ipc_in *m);

struct auth_op *auth_op_new(struct exchange *x, const struct webauth *who);

/* ---- JSON in. False: answered ---- */

/* The whole body, an object; it is wiped. */
bool auth_op_body(struct auth_op *o);
void auth_op_forget_body(struct auth_op *o);
/* A member that has to be there: a string of 1 to max octets. */
bool auth_op_take(struct auth_op *o, const char *name, size_t max, struct str *out);
/* One that may be there; else *out stays. */
bool auth_op_may(struct auth_op *o, const char *name, size_t max, struct str *out);
/* The one word behind the route's path. */
bool auth_op_word(struct exchange *x, struct str *out);

/* ---- JSON out ---- */

void auth_op_put(struct auth_op *o, cJSON *to, const char *name, struct str v);
void auth_op_put_time(cJSON *to, const char *name, int64_t seconds);
/* Takes j, and wipes it. */
void auth_op_answer(struct auth_op *o, unsigned status, cJSON *j);
void auth_op_no_content(struct auth_op *o);

/* ---- asking authd: then() gets the answer; an error is told to the client ---- */

void auth_op_ask(struct auth_op *o, struct ipc_out *m, auth_op_fn then);
/* The same where the answer matters though the client has left: nobody() gets it then. */
void auth_op_ask_anyway(
    struct auth_op *o, struct ipc_out *m, auth_op_fn then, void (*nobody)(struct ipc_in *m));
/* With the session's token and, where it is not NULL, one more word. */
void
auth_op_ask_for(struct auth_op *o, enum ipc_type type, const struct str *word, auth_op_fn then);
/* What authd said does not fit: its channel is closed. */
void auth_op_broken(struct auth_op *o);
/* A then(): an answer without fields is 204. */
void auth_op_done(struct auth_op *o, struct ipc_in *m);

/* ---- passwords that are shown ---- */

/* The ticket of AUTH_START_R, in the arena; false: answered. */
bool auth_op_ticket(struct auth_op *o, struct ipc_in *m, struct str *out);
/* The user of the session shows the password; then() gets AUTH_START_R. */
void auth_op_show(struct auth_op *o, struct str password, auth_op_fn then);
/* SESSION_PROVE and WEB_PASSWD begin alike. */
void
auth_op_begin_proven(struct auth_op *o, enum ipc_type type, struct str proof, struct ipc_out *m);
/* The password is right, and that is noted for the session: next(). */
void auth_op_prove(struct auth_op *o, struct str password, void (*next)(struct auth_op *o));
/* The same where the body has it as "current"; else next() at once: authd says what it lacks. */
void auth_op_proven(struct auth_op *o, void (*next)(struct auth_op *o));
