/*
 * mailbox.h - Mailboxes (RFC 8621 2), as the files mailbox_….c share them.
 *
 * A mailbox of the store has a path ("a/b"), JMAP's has a parent and a name. The parent is the
 * nearest mailbox above it; where one between is none (RFC 3501 6.3.4), the name has a "/" in it.
 */
#pragma once

#include "mailboxd/jmap/methods.h"
#include "mailboxd/jmap/model.h"
#include "store/mailbox.h"

/* Places in mailbox_properties[]. */
enum mailbox_property {
	MAILBOX_ID,
	MAILBOX_NAME,
	MAILBOX_PARENT,
	MAILBOX_ROLE,
	MAILBOX_SORT,
	MAILBOX_TOTAL_EMAILS,
	MAILBOX_UNREAD_EMAILS,
	MAILBOX_TOTAL_THREADS,
	MAILBOX_UNREAD_THREADS,
	MAILBOX_RIGHTS,
	MAILBOX_SUBSCRIBED,
	MAILBOX_PROPERTIES
};

extern const char *const jmap_mailbox_properties[];

uint64_t jmap_mailbox_parse(struct str id);
const char *jmap_mailbox_text(uint64_t n, char out[JMAP_ID_SIZE]);
/* Of an id, or of "#k" that this request has made; NULL: there is none. */
struct mailbox *jmap_mailbox_of(struct jmap_call *c, struct str id);
bool jmap_mailbox_is_inbox(const struct mailbox *mb);
/* NULL: at the top. */
struct mailbox *jmap_mailbox_parent(const struct mailbox *mb);
struct str jmap_mailbox_name(const struct mailbox *mb);
/* "inbox"; NULL: none. */
const char *jmap_mailbox_role(const struct mailbox *mb);
/* false: no role that a mailbox can be given. */
bool jmap_mailbox_use(struct str role, enum mailbox_use *out);
int64_t jmap_mailbox_sort(const struct mailbox *mb);
cJSON *jmap_mailbox_rights(const struct mailbox *mb);
cJSON *jmap_mailbox_id_of(const struct mailbox *mb); /* NULL: null */

/* All emails are known. */
enum jmap_step jmap_mailbox_ready(struct jmap_call *c);

/* mailbox_query.c, mailbox_set.c */
enum jmap_step jmap_mailbox_query(struct jmap_call *c, struct jmap_query *q);
int jmap_mailbox_set_begin(struct jmap_call *c);
enum jmap_step jmap_mailbox_create(struct jmap_call *c, struct jmap_item *it);
enum jmap_step jmap_mailbox_update(struct jmap_call *c, struct jmap_item *it);
enum jmap_step jmap_mailbox_destroy(struct jmap_call *c, struct jmap_item *it);
/* The one that has a role; NULL: none has. */
struct mailbox *jmap_mailbox_for(struct home *h, enum mailbox_use use);
