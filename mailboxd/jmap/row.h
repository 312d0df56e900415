/*
 * row.h - what lists show of an email, rendered once and kept by the index (CACHE_EMAIL): the
 * properties of RFC 8621 4.1.3 that follow from the header, preview and hasAttachment as the texts
 * of JSON values, and what emails are sorted by.
 *
 * Another format or other content raises JMAP_RENDER_VERSION.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "mail/mime.h"

#define JMAP_RENDER_VERSION 1

enum jmap_row_entry {
	ROW_MESSAGE_ID,
	ROW_IN_REPLY_TO,
	ROW_REFERENCES,
	ROW_SENDER,
	ROW_FROM,
	ROW_TO,
	ROW_CC,
	ROW_BCC,
	ROW_REPLY_TO,
	ROW_SUBJECT,
	ROW_SENT_AT,
	ROW_HAS_ATTACHMENT,
	ROW_PREVIEW,
	ROW_PROPERTIES, /* the entries before are values of properties */
	/* RFC 8621 4.4.2: name or address of the first; base subject (RFC 5256 2.1); folded as
	 * needle.h has it, in UTF-8, cut. */
	ROW_BY_FROM = ROW_PROPERTIES,
	ROW_BY_TO,
	ROW_BY_SUBJECT,
	ROW_BY_SENT_AT, /* big-endian seconds, the sign bit turned: compares as octets; or empty */
	ROW_ENTRIES
};

struct jmap_row {
	struct str v[ROW_ENTRIES];
};

/* For home_options.render. */
void jmap_row_write(struct str message, struct buf *out);
/* Strings borrow from text. Entries that are not there are empty. */
void jmap_row_read(struct str text, struct jmap_row *out);
/* The same without the detour, of a message whose structure is known. */
void jmap_row_make(struct str message, const struct mime_part *root, struct buf *out);
