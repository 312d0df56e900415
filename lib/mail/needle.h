/*
 * needle.h - looking for text in text, header fields and messages (SEARCH of IMAP).
 *
 * Case and compatibility differences are ignored (as i;unicode-casemap, RFC 5051, for practical
 * purposes).
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "mail/mime.h"

#define NEEDLE_MAX 1024u /* octets of what is looked for */

/* Made ready once and looked for in many texts. */
struct needle {
	struct str folded; /* in the arena given */
};

/* -1: not UTF-8, or over NEEDLE_MAX. An empty needle is in everything. */
int needle_init(struct needle *nd, struct str utf8, struct arena *a);

/* hay: ASCII or UTF-8; octets that are neither match nothing. */
bool needle_in(const struct needle *nd, struct str hay);

/* In a field's value, folded or not, encoded words decoded. scratch is working space; its ceiling
 * bounds what is looked at where something must be decoded. */
bool needle_in_header(const struct needle *nd, struct str value, struct buf *scratch);

/* The text of a field's value as needle_in_header() compares it, into room octets. -1: it does not
 * fit (needs some more room than it fills), or scratch was too small. */
int needle_fold_header(struct str value, struct buf *scratch, char *to, size_t room, size_t *n);
/* In text that needle_fold_header() gave. */
bool needle_in_folded(const struct needle *nd, struct str folded);

/* SEARCH BODY over a whole message, or (headers) TEXT: its text parts decoded, and the headers of
 * all parts and of messages in it. */
bool needle_in_message(const struct needle *nd, const struct mime_part *root, struct str message,
    bool headers, struct buf *scratch);
