/*
 * email.h - numbers of emails, of their threads and of mailboxes, as clients are told them.
 *
 * An email is one message wherever it stands in a home: copies and moves keep its number (EMAILID
 * of RFC 8474, the id of an Email in RFC 8621). It follows from the name of the file alone, so it
 * survives the loss of the index: a copy's name carries it as `,E=<text>`, any other's is a hash of
 * the id in the name, or of the whole base where other programs made it. Pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define EMAIL_TEXT_SIZE 15 /* a letter, 13 characters of base 32, a NUL */

#define EMAIL_LETTER  'e'
#define THREAD_LETTER 't'

/* Of the base of a file (maildir.h); never 0. */
uint64_t email_number(struct str base);
/* A number that stands for octets; never 0. */
uint64_t email_hash(struct str octets);
/* letter and number, as in ObjectIDs (RFC 8474 7). Returns out. */
const char *email_text(uint64_t number, char letter, char out[EMAIL_TEXT_SIZE]);
/* 0 for what email_text() did not make with that letter. */
uint64_t email_parse(struct str text, char letter);
