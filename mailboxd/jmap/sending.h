/*
 * sending.h - what the types that send mail share: the addresses that the user may write from, and
 * a message under way to gk-smtpd (identity.c, submission.c, vacation.c).
 */
#pragma once

#include "mailboxd/jmap/outside.h"
#include "mailboxd/jmap/smtp_out.h"
#include "mailboxd/jmap/stored.h"

/* ---- the user's addresses ---- */

/* Asks for them where that was not done lately, and sees to it that each has an identity; then goes
 * on with the step. */
enum jmap_step jmap_with_senders(struct jmap_call *c, jmap_step_fn then);
/* The answer to such a question has come; v NULL: e. */
void jmap_senders_known(struct jmap *j, const struct str *v, size_t n, const struct err *e);
/* Is it one of them? Others may be the user's too: outside.h, sender(). */
bool jmap_is_listed(const struct jmap *j, struct str address);
/* The properties of an Identity that nobody has said anything about (RFC 8621 6). */
cJSON *jmap_identity_new(struct str email, bool may_delete);
/* Is mail to that address for the user, who is away? Tags are those of '+'. */
bool jmap_is_sender(const struct jmap *j, struct str address);

/* ---- a message under way ---- */

/* What becomes of what the user has submitted (submission_follow.c), for as long as the user's JMAP
 * lives. */
void jmap_following_open(struct jmap *j);
/* When an owner has to look what became of something (seconds since the epoch); 0: need not. */
int64_t jmap_following_due(const struct jmap *j);
/* It looks just now, or will in a moment. */
bool jmap_following_is_busy(const struct jmap *j);
void jmap_following_close(struct jmap *j); /* behind jmap_sending_free() */

struct jmap_state_of_sending; /* sending.c: what of it a user's JMAP keeps */
void jmap_sending_free(struct jmap *j);

/* Sends, whatever becomes of who asked: r NULL: e says why there was no connection. letter and what
 * it holds must last until then. */
void jmap_send(struct jmap *j, const struct smtp_letter *letter,
    void (*done)(void *arg, const struct smtp_result *r, const struct err *e), void *arg);

/* The same of what an agent session has asked for. */
void jmap_send_approved(struct jmap *j, struct str session, const struct smtp_letter *letter,
    void (*done)(void *arg, const struct smtp_result *r, const struct err *e), void *arg);

/* Asks the queue what became of a message, for as long as the user's JMAP lives. */
void jmap_ask_submitted(struct jmap *j, struct str mid,
    void (*fn)(void *to, const struct jmap_submitted *s, const struct err *e), void *to);

/* The same of authd: a human's word for an action is used up (outside.h, action), or what was not
 * used is over (settle). */
void jmap_ask_action(struct jmap *j, struct str session, struct str digest,
    void (*fn)(void *to, struct str approval, const struct err *e), void *to);
void jmap_ask_settle(struct jmap *j, struct str session, struct str digest, int64_t since,
    void (*fn)(void *to, bool used, struct str mid, const struct err *e), void *to);

/* The address of a mailbox as a path of SMTP has it; STR_NONE: it is none. */
struct str jmap_path(struct str mailbox, struct str host, struct arena *a);
