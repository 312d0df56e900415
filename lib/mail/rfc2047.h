/*
 * rfc2047.h - encoded words in header fields (RFC 2047): "=?utf-8?q?caf=C3=A9?=".
 *
 * Decoding takes any octets and always gives valid UTF-8: unknown charsets and wrong octets become
 * U+FFFD, raw 8-bit octets that are no UTF-8 are read as windows-1252.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

/* Appends the text of an unstructured value or a phrase, unfolded, encoded words decoded. out->over
 * when it did not fit. */
void rfc2047_decode(struct str value, struct buf *out);

/* Appends UTF-8 text as it may stand in an unstructured field or (phrase) before an address: as it
 * is when it is plain, else as encoded words of at most 75 octets with single spaces between. No
 * folding: header_write() does. */
void rfc2047_encode(struct str utf8, bool phrase, struct buf *out);
