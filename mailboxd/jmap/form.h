/*
 * form.h - header fields as JMAP shows them (RFC 8621 4.1.2): each form of a field's value as the
 * text of a JSON value.
 *
 * Takes any octets. What comes out is bounded by the value's length, some tens of octets for each.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum jmap_form {
	FORM_RAW,
	FORM_TEXT,
	FORM_ADDRESSES,
	FORM_GROUPED_ADDRESSES,
	FORM_MESSAGE_IDS,
	FORM_DATE,
	FORM_URLS
};

/* "header:Name:asForm:all", read. */
struct jmap_field {
	struct str name;
	enum jmap_form form;
	bool all;
};

/* -1: no such property, or a form that its field may not have (RFC 8621 4.1.2). */
int jmap_field_parse(struct str property, struct jmap_field *out);
/* A field's value, folded as it is stored. */
void jmap_form_put(enum jmap_form form, struct str value, struct buf *out);
/* The last field of that name in a header, or (all) an array of all; null where there is none. */
void jmap_field_put(const struct jmap_field *f, struct str header, struct buf *out);

/* The text of an unstructured value, a phrase or a file's name: decoded, in NFC, without controls.
 */
struct str jmap_form_text(struct str value, struct arena *a);
