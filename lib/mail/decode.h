/*
 * decode.h - content transfer encodings (RFC 2045 6) and searching in the text of parts.
 *
 * Decoders take any octets and pass over what does not belong. Results are appended; out->over says
 * that the ceiling was met (what fitted is there).
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "mail/mime.h"

void decode_qp(struct str in, struct buf *out);
void decode_base64(struct str in, struct buf *out);
/* By the part's encoding; 7bit, 8bit, binary and unknown ones as they are. */
void decode_part(const struct mime_part *part, struct str message, struct buf *out);
/* The text of a text part: decoded and brought to UTF-8 by its charset. */
void decode_text(const struct mime_part *part, struct str message, struct buf *out);

/* A needle made ready once and looked for in many texts. */
struct needle {
	struct str folded; /* in the arena given */
	bool ascii;
};

/* Case and compatibility differences are ignored (as i;unicode-casemap, RFC 5051, for practical
 * purposes). -1: not UTF-8. An empty needle is in everything. */
int needle_init(struct needle *nd, struct str utf8, struct arena *a);
/* hay is UTF-8 or ASCII. scratch is working space, its ceiling bounds what of a non-ASCII text is
 * looked at. */
bool needle_in(const struct needle *nd, struct str hay, struct buf *scratch);
/* In a field's value, encoded words decoded. */
bool needle_in_header(const struct needle *nd, struct str value, struct buf *scratch);
/* SEARCH BODY and (headers too) TEXT over a whole message: text parts decoded, MIME and message
 * headers. */
bool needle_in_message(const struct needle *nd, const struct mime_part *root, struct str message,
    bool headers, struct buf *scratch);
