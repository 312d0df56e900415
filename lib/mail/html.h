/*
 * html.h - plain text of HTML: what a reader would see, for searching and previews.
 *
 * Not a parser that anything is shown by: it makes no tree, only text with the breaks of its
 * blocks. One pass, time and memory linear in what is put out and read, whatever the nesting: of
 * open elements it keeps two counters. Takes any octets (text of a message comes as UTF-8 from
 * charset.h); never fails.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#define HTML_ATTRIBUTES 0x1u /* texts of alt and title too (RFC 8621 4.4.1: for searching) */
#define HTML_NO_QUOTES  0x2u /* nothing of what is quoted (blockquote) */
#define HTML_SEEN       0x4u /* nothing that a reader could not see (html_seen.h) */

/* Appends at most max octets of text, whole characters; what is hidden (style, script, comments,
 * elements that are not displayed) is left out. */
void html_text(struct str html, unsigned options, size_t max, struct buf *out);

/* The characters of an entity's name, "amp" without its ends; 0: there is none of that name. Those
 * of HTML 4, and no others: they are what mail has. */
unsigned html_entity(struct str name);
