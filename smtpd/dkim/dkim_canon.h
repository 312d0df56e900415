/*
 * dkim_canon.h - the "relaxed" canonical forms of DKIM (RFC 6376 3.4.2, 3.4.4).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Appends a header field, given with or without its last CRLF, as "name:value" without one. */
void dkim_canon_field(struct str field, struct buf *out);

/* A body in pieces of any size. What comes out goes to put(). */
struct dkim_canon_body {
	void (*put)(void *arg, const char *p, size_t n);
	void *arg;
	uint64_t empty; /* lines that ended and may turn out to be the last */
	bool blank;     /* blanks are held back */
	bool cr;
	bool any; /* something has come out */
	size_t n;
	char out[4096];
};

void dkim_canon_body_init(
    struct dkim_canon_body *b, void (*put)(void *arg, const char *p, size_t n), void *arg);
void dkim_canon_body_feed(struct dkim_canon_body *b, struct str octets);
void dkim_canon_body_end(struct dkim_canon_body *b);
