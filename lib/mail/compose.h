/*
 * compose.h - header fields of messages that we write ourselves (bounces, later drafts): folded at
 * 78 columns, 7-bit, and safe whatever the text holds (CR, LF and NUL become spaces: no field can
 * be smuggled in).
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

/* "Name: value" CRLF; the value is UTF-8 text, encoded (RFC 2047) where it must be. */
void compose_text(struct buf *out, const char *name, struct str utf8);
/* A structured value as it is (dates, message ids, parameters): folded at its spaces only. */
void compose_raw(struct buf *out, const char *name, struct str value);
/* "Name: display name <address>" CRLF; the display name may be empty. */
void compose_address(struct buf *out, const char *name, struct str display, struct str address);
/* A MIME boundary that cannot stand in text of ours: the id of a message with a prefix. */
void compose_boundary(struct str mid, unsigned level, char out[40]);
/* Lines of text with CRLF ends, octets above 127 kept. */
void compose_lines(struct buf *out, struct str text);
