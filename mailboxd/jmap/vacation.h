/*
 * vacation.h - the answer of an absent user (RFC 8621 8): its object (vacation.c), to whom it is
 * given (vacation_rules.c), and giving it as mail comes (vacation_reply.c).
 */
#pragma once

#include "mailboxd/jmap/sending.h"

/* The object, with all its properties; the caller's. *id: its number; 0: it was never set. */
cJSON *jmap_vacation(struct home *h, uint64_t *id, struct err *e);
/* The object as it would be with a patch applied, the caller's; NULL: the item has failed. */
cJSON *jmap_vacation_then(struct jmap_call *c, struct jmap_item *it, const cJSON *patch);
/* Is it given at that time? */
bool jmap_vacation_is_on(const cJSON *v, int64_t now);

/* Mail has come, or may have while nobody was there; looked at in a later turn. */
void jmap_vacation_wake(struct jmap *j);
/* It was switched on or off: from now on it is looked for new mail, or not. */
int jmap_vacation_switch(struct jmap *j, bool on, struct err *e);
/* With the user's JMAP; stop comes before what is under way is given up. */
void jmap_vacation_start(struct jmap *j);
void jmap_vacation_stop(struct jmap *j);
void jmap_vacation_free(struct jmap *j);
/* Is an answer under way? The owner waits for it. */
bool jmap_vacation_is_busy(const struct jmap *j);

/* ---- vacation_rules.c ---- */

struct vacation_answer {
	struct str to;         /* whom: the return path */
	struct str from;       /* as whom: the address of the user that the message was for */
	struct str subject;    /* decoded; of the message */
	struct str id;         /* its Message-ID without brackets, or empty */
	struct str references; /* ids as they stand, or empty */
};

/* NULL: it is to be answered (RFC 3834 2); else why not. is_own: is the address the user's? All in
 * a. */
const char *vacation_judge(struct str header, bool (*is_own)(void *arg, struct str address),
    void *arg, struct arena *a, struct vacation_answer *out);
