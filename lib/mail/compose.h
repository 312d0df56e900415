/*
 * compose.h - header fields of messages that we write ourselves (bounces, drafts, replies of an
 * absent user): folded at 78 columns, 7-bit but for addresses that are not, and safe whatever the
 * text holds (CR, LF and NUL become spaces: no field can be smuggled in).
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* RFC 5322 2.1.1: no line may be longer; what cannot be folded into it is no value. */
#define COMPOSE_WORD_MAX 900u
#define COMPOSE_NAME_MAX 76u

/* "Name: value" CRLF; the value is UTF-8 text, encoded (RFC 2047) where it must be. */
void compose_text(struct buf *out, const char *name, struct str utf8);
/* A structured value as it is (dates, message ids, parameters): folded at its spaces only. */
void compose_raw(struct buf *out, const char *name, struct str value);
/* "Name: display name <address>" CRLF; the display name may be empty. */
void compose_address(struct buf *out, const char *name, struct str display, struct str address);

/* A list with names and groups (RFC 5322 3.4): a group stands between its two markers. */
enum compose_kind {
	COMPOSE_MAILBOX,
	COMPOSE_GROUP, /* begins one; name: its name */
	COMPOSE_END    /* ends it */
};

struct compose_item {
	enum compose_kind kind;
	struct str name;  /* UTF-8; may be empty */
	struct str email; /* compose_email_ok() */
};

void compose_list(struct buf *out, const char *name, const struct compose_item *v, size_t n);
/* "<id> <id>" (RFC 5322 3.6.4); each compose_word_ok(). */
void compose_ids(struct buf *out, const char *name, const struct str *v, size_t n);
/* "<url>, <url>" (RFC 2369 2); each compose_word_ok(). */
void compose_urls(struct buf *out, const char *name, const struct str *v, size_t n);
/* seconds since the epoch as a clock in that zone (minutes east of UTC) shows them. */
void compose_date(struct buf *out, const char *name, int64_t utc, int32_t zone);
/* Appends "; name=value" on a line of its own, behind a value that was begun: quoted, or in the
 * form of RFC 2231 where it is not ASCII or long. */
void compose_param(struct buf *out, const char *name, struct str utf8);

/* May this be the name of a field? (RFC 5322 2.2) */
bool compose_name_ok(struct str name);
/* May this stand between angle brackets: no space, control character or bracket, no longer than a
 * line? */
bool compose_word_ok(struct str word);
/* An address, or a word that may become one: whatever a reader finds in it again is itself. */
bool compose_email_ok(struct str email);
/* "type/subtype", tokens both (RFC 2045 5.1). */
bool compose_type_ok(struct str type);
/* Can a raw value be folded into lines? */
bool compose_foldable(struct str value);

/* A MIME boundary that cannot stand in text of ours: the id of a message with a prefix. */
void compose_boundary(struct str mid, unsigned level, char out[40]);
/* Lines of text with CRLF ends, octets above 127 kept. */
void compose_lines(struct buf *out, struct str text);
