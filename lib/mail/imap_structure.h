/*
 * imap_structure.h - ENVELOPE, BODY and BODYSTRUCTURE of IMAP (RFC 9051 7.5.2, the same in RFC
 * 3501 7.4.2).
 *
 * Written once per message and cached by the index. Strings are quoted, or literals when they hold
 * CR, LF, 8-bit octets or are long; header text is given unfolded but otherwise as stored (8-bit
 * octets too).
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "mail/mime.h"

/* No message has more than this; to be the ceiling of out at least. */
#define IMAP_STRUCTURE_MAX (4u << 20)

/* "(date subject from sender reply-to to cc bcc in-reply-to message-id)" of a message header. */
void imap_envelope(struct str header, struct buf *out);

/* BODYSTRUCTURE, or (not extended) BODY without the extension data, of a whole tree. */
void imap_body(const struct mime_part *root, struct str message, bool extended, struct buf *out);

/* nstring: NIL for a STR_NONE (p == NULL), else as imap_string. */
void imap_nstring(struct str s, struct buf *out);
/* string: quoted, or a literal {n} where it must be. NULs, which neither may hold, become 0x80 (RFC
 * 3501 has no other way). */
void imap_string(struct str s, struct buf *out);
/* astring: an atom where it can be, else as imap_string. */
void imap_astring(struct str s, struct buf *out);
