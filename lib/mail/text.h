/*
 * text.h - the text of a message as people read it: for searching, snippets and previews.
 *
 * Text parts are decoded and brought to UTF-8 by their charsets, HTML becomes plain text (html.h).
 * Each function is linear and bounded whatever the message: what lies past its bounds is left out.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "mail/mime.h"

#define TEXT_PREVIEW_CHARS 256u       /* RFC 8621 4.1.4 */
#define TEXT_INPUT_MAX     (2u << 20) /* octets of parts, as stored, that are looked at */

/* The part after p in the order of the message; NULL at the end. */
const struct mime_part *text_next_part(const struct mime_part *p);
/* Is this a text whose words count, text/plain, text/html, text/csv …? */
bool text_is_text(const struct mime_part *p);

/* The text of a text part as it was written, as UTF-8 in *utf8, which is initialized here; `input`
 * octets of the part as stored are looked at. Without a charset what is no UTF-8 is read as
 * windows-1252. *problem (or NULL): wrong octets were replaced, or charset or encoding are not
 * known. */
void text_decode(
    const struct mime_part *p, struct str message, size_t input, struct buf *utf8, bool *problem);
/* Appends the text of one text part, plain or of HTML, at most max octets. */
void text_of_part(const struct mime_part *p, struct str message, unsigned html_options, size_t max,
    struct buf *out);
/* Appends the text of all parts, with From, To and Subject of messages in it, at most max octets.
 */
void text_of_message(const struct mime_part *root, struct str message, size_t max, struct buf *out);
/* Appends the name of a part's file as UTF-8 on one line; false when it has none. */
bool text_file_name(const struct mime_part *p, struct buf *out);
/* Appends the names of all files, one on a line, at most max octets. */
void text_file_names(const struct mime_part *root, size_t max, struct buf *out);
/* Appends the beginning of what the message says, on one line and without quotes where there is
 * something else: at most TEXT_PREVIEW_CHARS characters. */
void text_preview(const struct mime_part *root, struct str message, struct buf *out);

/* What is looked for in a message by its words. */
enum text_field {
	TEXT_FROM,
	TEXT_TO,
	TEXT_CC,
	TEXT_BCC,
	TEXT_SUBJECT,
	TEXT_BODY,
	TEXT_FILES,
	TEXT_FIELDS
};

#define TEXT_ALL       ((1u << TEXT_FIELDS) - 1)
#define TEXT_BODY_MAX  (512u << 10) /* octets of TEXT_BODY; what is behind is not found */
#define TEXT_FIELD_MAX (64u << 10)  /* of each other */

struct text_fields {
	struct buf text[TEXT_FIELDS];
};

void text_fields_init(struct text_fields *f);
void text_fields_free(struct text_fields *f);
/* Those fields (bits: 1u << TEXT_FROM …) of a whole message; what was there before is forgotten. */
void text_fields_read(struct text_fields *f, struct str message, unsigned fields, struct arena *a);
