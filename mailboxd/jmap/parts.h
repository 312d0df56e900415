/*
 * parts.h - the body parts of an email (RFC 8621 4.1.4): which are its text, which are attachments.
 *
 * A message in a message (message/rfc822) is one part; whoever wants to see it opens its blob
 * (Email/parse). Parts that are no multipart have numbers from 1 in the order of the message: these
 * are their partIds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mail/mime.h"

struct jmap_part {
	const struct mime_part *mime;
	struct jmap_part *child, *next; /* child: of a multipart alone */
	uint32_t number;                /* 0: a multipart */
};

struct jmap_part_list {
	const struct jmap_part **v;
	size_t n;
};

struct jmap_parts {
	struct jmap_part *root;
	uint32_t n; /* the highest number */
	struct jmap_part_list text, html, attachments;
};

void jmap_parts_find(const struct mime_part *root, struct arena *a, struct jmap_parts *out);
/* RFC 8621 4.1.4: anything to be offered for download? */
bool jmap_parts_has_attachment(const struct jmap_parts *p);
bool jmap_part_is(const struct mime_part *p, const char *type, const char *subtype);
