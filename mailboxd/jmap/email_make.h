/*
 * email_make.h - an Email object of a client becomes a message (RFC 8621 4.6): its properties are
 * header fields and parts, what they hold is checked, and all that is wrong is told by name.
 */
#pragma once

#include "mail/mime_write.h"
#include "mailboxd/jmap/blob.h"
#include "mailboxd/jmap/jmap.h"

#define JMAP_EMAIL_PARTS 500u
#define JMAP_EMAIL_SIZE  (75u << 20) /* octets of a message that is made */

/* Fields that a message, or a part, has so far. */
struct jmap_names {
	struct str *v;
	size_t n;
	const struct jmap_names
	    *above; /* of a message's one part, whose fields are in its header */
};

/* A message to be written: lives in the call's arena, but for fields and blobs. */
struct jmap_draft {
	struct jmap_call *c;
	struct jmap_item *it;
	struct buf fields; /* the header without the MIME fields */
	struct mime_out *root;
	const cJSON *values; /* bodyValues */
	struct jmap_blob *blobs;
	size_t nblobs;
	cJSON *missing; /* blob ids that are none, or NULL */
	size_t nparts;
	struct jmap_names names;
};

/* -1: the item has failed. To be given back by jmap_draft_done() in any case. */
int jmap_draft_make(struct jmap_call *c, struct jmap_item *it, struct jmap_draft *d);
void jmap_draft_done(struct jmap_draft *d);

/* ---- between email_make.c and email_fields.c ---- */

/* A property that is a header field: 1 taken, 0 it is none, -1 the item has failed. A part has no
 * fields of its message, a message none of a part. names: &d->names for a message. */
int jmap_draft_field(
    struct jmap_draft *d, const cJSON *property, struct jmap_names *names, struct buf *out);
/* Another property stands for that field; -1: the item has failed, it is there. */
int jmap_draft_take_name(
    struct jmap_draft *d, const char *property, struct str field, struct jmap_names *names);
