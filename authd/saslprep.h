/*
 * saslprep.h - SASLprep (RFC 4013), the form in which user names and passwords are compared.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SASLPREP_MAX 1024u /* octets of the result */

/* Appends the prepared form of s to out. E_INVAL for what is no UTF-8 or has prohibited characters,
 * E_LIMIT past out's ceiling; also for what comes out empty. */
int saslprep(struct str s, struct buf *out, struct err *e);
