/*
 * mime_write.h - a message of ours as octets: a tree of parts, each with its fields, its encoding
 * and its lines (RFC 2045, 2046).
 *
 * Everything is written with CRLF, in lines of at most 998 octets, and in 7 bits, except in
 * messages that are attached as they are (RFC 2046 5.2.1 lets those have no encoding). The parts
 * are read twice where the caller asks for the length first; nothing is kept but what is on its
 * way.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define MIME_WRITE_DEPTH 20u /* of multiparts in multiparts */

struct mime_out {
	struct mime_out *child, *next; /* child: it is a multipart */
	struct str type;               /* compose_type_ok(); of a multipart "multipart/mixed" … */
	struct str charset;            /* of a text; empty: none is named */
	struct str name;               /* file name, UTF-8, or empty */
	struct str disposition;        /* a token, or empty */
	struct str cid;                /* without brackets, or empty */
	struct str language;           /* the field's value, or empty */
	struct str location;           /* the same */
	struct str fields;             /* other lines of the part's header, made by compose.h */
	bool is_text;      /* the octets are text: lines may get other ends, nothing else */
	struct str octets; /* decoded, as the reader shall have them */
};

/* id: what boundaries are made of, which nobody knew before (base/id.h). fields: the header without
 * the MIME fields, made by compose.h. put is called with some octets at a time, and ends it all
 * with -1. E_LIMIT: parts too deep. */
int mime_write(const struct mime_out *root, struct str id, struct str fields,
    int (*put)(void *arg, struct str octets, struct err *e), void *arg, struct err *e);
/* How many octets that are. */
int mime_write_size(
    const struct mime_out *root, struct str id, struct str fields, uint64_t *size, struct err *e);
