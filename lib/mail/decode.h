/*
 * decode.h - content transfer encodings (RFC 2045 6). Searching in text is in needle.h.
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
