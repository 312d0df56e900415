/*
 * email_set.h - what Email/set, Email/import and Email/copy share: where an email shall stand, and
 * with which keywords.
 */
#pragma once

#include "mailboxd/jmap/jmap.h"
#include "mailboxd/jmap/model.h"
#include "store/mailbox.h"

#define JMAP_EMAIL_PLACES 100u /* mailboxes of one email */
#define JMAP_KEYWORDS     KEYWORDS_MAX

struct jmap_standing {
	struct mailbox *boxes[JMAP_EMAIL_PLACES];
	size_t nboxes;
	struct flag_set set;
	struct str keywords[JMAP_KEYWORDS]; /* of set, in lower case */
	int64_t received;                   /* seconds; now where none is given */
};

/* Reads mailboxIds, keywords and receivedAt of an object; -1: the item has failed. */
int jmap_standing_read(
    struct jmap_call *c, struct jmap_item *it, const cJSON *v, struct jmap_standing *out);
/* Puts a message of `size` octets, written by write(), where it shall stand; it->id is its email,
 * and it->out has what a client is told of it. JMAP_DONE, whatever comes of it. */
enum jmap_step
jmap_email_put(struct jmap_call *c, struct jmap_item *it, const struct jmap_standing *s,
    uint64_t size, int (*write)(void *arg, struct append *ap, struct err *e), void *arg);

extern const struct jmap_object jmap_email_set_object;
