/*
 * mutf7.h - mailbox names on the wire of IMAP4rev1: modified UTF-7 (RFC 3501 5.1.3), and UTF-8.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

/* -1 for what no correct encoder writes: bad base64, half surrogates, ASCII inside base64, a "&"
 * that never ends, control characters. Octets above 127 are taken as UTF-8 when they are. */
int mutf7_decode(struct str in, struct arena *a, struct str *out);
/* in must be UTF-8 (-1 if it is not). */
int mutf7_encode(struct str in, struct arena *a, struct str *out);
