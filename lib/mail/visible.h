/*
 * visible.h - text without characters that a reader does not see.
 *
 * What is shown to a person and what is given to a program that reads for a person have to be the
 * same text: invisible characters can say something to the one that the other never sees (Unicode
 * TR 36 and 39; "ASCII smuggling" by tag characters and variation selectors).
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

/* Appends s as UTF-8 without format and control characters (but line ends and tabs), tags,
 * variation selectors, private use and what is not assigned; octets that are no UTF-8 become
 * U+FFFD, separators of lines and paragraphs line ends. At most max octets, whole characters. How
 * many characters were left out. */
size_t visible_text(struct str s, size_t max, struct buf *out);
