/*
 * mime.h - the MIME structure of a message (RFC 2045, 2046), by exact octets.
 *
 * One pass over the whole message in memory (an mmap of the file). Any octets have a structure:
 * what is not understood is text/plain or application/octet-stream with all its octets. Past
 * MIME_DEPTH_MAX or MIME_PARTS_MAX the rest is opaque. Lines may end in CRLF or LF. Strings borrow
 * from the message where they can, so the message must outlive the tree; offsets count from its
 * first octet.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "mail/rfc2231.h"

#define MIME_DEPTH_MAX 100u
#define MIME_PARTS_MAX 10000u

enum mime_kind {
	MIME_LEAF,
	MIME_MULTIPART, /* children: its parts, at least one */
	MIME_MESSAGE    /* message/rfc822 or message/global: one child, the message in it */
};

enum mime_encoding {
	MIME_7BIT, /* also when none is given */
	MIME_8BIT,
	MIME_BINARY,
	MIME_QP,
	MIME_BASE64,
	MIME_OTHER /* opaque */
};

struct mime_range {
	size_t off, n;
};

struct mime_part {
	struct mime_part *parent, *child, *next;
	enum mime_kind kind;
	enum mime_encoding encoding;
	uint32_t number; /* position among its siblings, from 1 */
	bool is_message; /* the root, or the child of a MIME_MESSAGE: its header is a message header
			  */
	bool is_default; /* no valid Content-Type: text/plain, or message/rfc822 in a digest */
	struct mime_range header; /* with the empty line */
	struct mime_range body; /* without the line end before the next boundary (RFC 2046 5.1.1) */
	size_t header_lines;
	size_t body_lines;        /* LFs in the body, and one more for a last line without */
	struct str type, subtype; /* as given; compare with str_ieq */
	struct params params;     /* of Content-Type */
	struct str id, description, encoding_text, md5,
	    location;           /* trimmed, as stored; STR_NONE when not there */
	struct str language;    /* the value of Content-Language, as stored */
	struct str disposition; /* "attachment", or STR_NONE */
	struct params disposition_params;
};

/* The root; never NULL. */
struct mime_part *mime_parse(struct str message, struct arena *a);

/* What of a part an IMAP section names (RFC 9051 6.4.5.1). */
enum mime_what {
	MIME_WHAT_ALL,    /* [] the message; [1.2] the part's body */
	MIME_WHAT_HEADER, /* [HEADER], [1.HEADER]: the message header with its empty line */
	MIME_WHAT_TEXT,   /* [TEXT], [1.TEXT]: the message's body */
	MIME_WHAT_MIME    /* [1.2.MIME]: the part's header */
};

/* The part of a number such as 1.2; NULL when there is none. n == 0: the root. Part 1 of a message
 * that is not multipart is the message's body. */
const struct mime_part *mime_find(const struct mime_part *root, const uint32_t *path, size_t n);

/* The octets of a section; false when there is no such section (IMAP answers NIL). */
bool mime_section(const struct mime_part *root, const uint32_t *path, size_t n, enum mime_what what,
    struct mime_range *out);

static inline struct str
mime_octets(struct str message, struct mime_range r)
{
	return str_sub(message, r.off, r.n);
}
