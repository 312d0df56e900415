/*
 * header.h - header fields over the stored octets (RFC 5322 2.2).
 *
 * Nothing is copied or changed: fields are views, so that what goes out again is what came in.
 * Takes any octets. Lines end in LF, with or without CR before it. The header ends with the first
 * empty line, or with the octets.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

struct header_field {
	struct str
	    name; /* without trailing blanks (obsolete syntax); empty for a line that is no field */
	struct str value; /* behind the colon, folded as stored, without the last line end */
	struct str raw;   /* all of it, with its last line end */
};

/* How many octets of s are the header, the empty line behind it included. */
size_t header_length(struct str s);

/* Takes the next field from *rest; false at the empty line or the end. Lines that are no field come
 * with an empty name. */
bool header_next(struct str *rest, struct header_field *f);

/* The first field of that name (ASCII case ignored). */
bool header_find(struct str header, struct str name, struct header_field *f);
/* The value of the first field of that name, trimmed but folded as stored; STR_NONE when there is
 * none. */
struct str header_value(struct str header, struct str name);

/* The value on one line: line ends taken out (RFC 5322 2.2.3), blanks at both ends too. Borrows
 * when nothing was folded. */
struct str header_unfold(struct str value, struct arena *a);

/* The fields with one of these names, or (except) with none of them, as stored, then an empty line:
 * BODY [HEADER.FIELDS (…)] and [HEADER.FIELDS.NOT (…)] of IMAP (RFC 9051 6.4.5.1). */
void
header_select(struct str header, const struct str *names, size_t n, bool except, struct buf *out);
