/*
 * body.h - what Email/get and Email/parse show of a message's body parts and their text (RFC 8621
 * 4.1.4, 4.2), as the texts of JSON values.
 */
#pragma once

#include "mailboxd/jmap/form.h"
#include "mailboxd/jmap/jmap.h"
#include "mailboxd/jmap/parts.h"

#define JMAP_BODY_ARGS                                                              \
	"bodyProperties fetchTextBodyValues fetchHTMLBodyValues fetchAllBodyValues" \
	" maxBodyValueBytes"

/* Those arguments, read. */
struct jmap_body_args {
	unsigned properties;       /* bits of enum body_property (body.c) */
	struct jmap_field *fields; /* header:… among them */
	struct str *names;
	size_t nfields;
	bool text, html, all;
	uint64_t max; /* octets of a value */
	size_t left;  /* octets that values of this call may still have together */
};

/* A message, taken apart. */
struct jmap_body {
	struct str message;
	struct str blob; /* id of the whole */
	const struct mime_part *root;
	struct jmap_parts parts;
	struct arena *arena;
};

/* -1: the call has failed. */
int jmap_body_args(struct jmap_call *c, struct jmap_body_args *out);

void jmap_body_open(struct jmap_body *b, struct str message, struct str blob, struct arena *a);
void
jmap_body_structure(const struct jmap_body *b, const struct jmap_body_args *args, struct buf *out);
void jmap_body_list(const struct jmap_body *b, const struct jmap_body_args *args,
    const struct jmap_part_list *list, struct buf *out);
void jmap_body_values(const struct jmap_body *b, struct jmap_body_args *args, struct buf *out);
/* The property `headers` (RFC 8621 4.1.3): all fields, as they stand. */
void jmap_headers_put(struct str header, struct buf *out);
