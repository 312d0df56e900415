/*
 * summary.h - a few sentences that say the most of a text, taken from it as they stand.
 *
 * For when no model runs. Sentences count by how often their words come in the text (H. P. Luhn,
 * "The Automatic Creation of Literature Abstracts", IBM Journal, 1958), with the first ones ahead,
 * and those that ask for something or name a date or a sum. What is quoted, greetings and
 * signatures are left out. French and English; linear but for the sentences, of which
 * SUMMARY_SENTENCES are looked at.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#define SUMMARY_SENTENCES 400u
#define SUMMARY_TEXT_MAX  (128u << 10) /* octets looked at */

/* Appends at most n sentences of text (UTF-8, as mail/text.h gives it), max octets in all, in their
 * order, each on a line. How many there are. */
size_t summary_make(struct str text, size_t n, size_t max, struct buf *out);
