/*
 * email_show.h - the properties of an Email that follow from its octets (RFC 8621 4.1.1 to 4.1.4),
 * for Email/get and Email/parse.
 */
#pragma once

#include "mailboxd/jmap/body.h"
#include "mailboxd/jmap/row.h"

/* Names in the order of jmap_email_properties[]. */
enum jmap_email_property {
	EMAIL_ID,
	EMAIL_BLOB_ID,
	EMAIL_THREAD_ID,
	EMAIL_MAILBOX_IDS,
	EMAIL_KEYWORDS,
	EMAIL_SIZE,
	EMAIL_RECEIVED_AT,
	EMAIL_ROW, /* from here on as enum jmap_row_entry */
	EMAIL_HAS_ATTACHMENT = EMAIL_ROW + ROW_HAS_ATTACHMENT,
	EMAIL_PREVIEW = EMAIL_ROW + ROW_PREVIEW,
	EMAIL_BODY_VALUES = EMAIL_ROW + ROW_PROPERTIES,
	EMAIL_TEXT_BODY,
	EMAIL_HTML_BODY,
	EMAIL_ATTACHMENTS,
	EMAIL_HEADERS,
	EMAIL_BODY_STRUCTURE,
	EMAIL_PROPERTIES
};

/* Ids of emails. */
uint64_t jmap_email_parse(struct str id);
const char *jmap_email_text(uint64_t n, char out[JMAP_ID_SIZE]);

extern const char *const jmap_email_properties[EMAIL_PROPERTIES + 1];

/* Is it header:…, in a form that the field may have? */
bool jmap_email_is_property(struct str name);
/* Does a property ask for what the row has, for the octets themselves? */
bool jmap_email_wants_row(const struct jmap_call *c);
bool jmap_email_wants_octets(const struct jmap_call *c);

/* What Email/get shows, its other arguments left out, of the properties that `given` names: 1; 0:
 * no such email; -1. In a call that is not Email/get. */
int jmap_email_as_it_is(
    struct jmap_call *c, uint64_t id, const cJSON *given, cJSON *out, struct err *e);

/* What is asked for of a row, as jmap_row_make() writes it. */
void jmap_email_show_row(struct jmap_call *c, struct str row, cJSON *out);
/* What is asked for of the octets. -1: E_LIMIT. */
int jmap_email_show_octets(struct jmap_call *c, struct str octets, const struct jmap_body *body,
    struct jmap_body_args *args, cJSON *out, struct err *e);
