/*
 * rfc2231.h - parameters of Content-Type and Content-Disposition (RFC 2045 5.1), with the
 * continuations and charsets of RFC 2231.
 *
 * Takes any octets; a parameter that cannot be read is passed over. Continuations are joined in the
 * order of their numbers; a joined or single extended value keeps its form
 * charset'language'percent-encoded and a '*' at the end of its name, as IMAP hands it on.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define RFC2231_PARAMS_MAX 200u /* of one field; more are dropped */

struct param {
	struct str name;  /* as given: "charset", "filename*" */
	struct str value; /* without quotes */
};

struct params {
	struct param *v;
	size_t n;
};

/* in: what stands behind the type, from the first ';' on. Strings borrow from in where they can. */
void rfc2231_parse(struct str in, struct arena *a, struct params *out);

/* The value of a parameter as it stands (also that of "name*"); STR_NONE when it is not there. */
struct str rfc2231_get(const struct params *p, struct str name);

/* Appends the value as UTF-8: the extended form decoded, else encoded words (which do not belong
 * there, but are common) decoded. -1 when it is not there. */
int rfc2231_text(const struct params *p, struct str name, struct buf *out);

/* A token or quoted string at the front of *in behind comments and blanks (RFC 2045 5.1, RFC
 * 5322 3.2.2), moved over; empty when there is neither. */
struct str rfc2231_word(struct str *in, struct arena *a);
