/*
 * stored.h - objects of the store (store/object.h) as JSON, for the types that are kept so
 * (identity.c, preferences.c, submission.c, vacation.c).
 */
#pragma once

#include "mailboxd/jmap/jmap.h"
#include "store/object.h"

#define JMAP_VALUES_MAX 20000u /* of one object (json_parse) */

/* Of a kind by its number; the caller's. NULL with E_NOTFOUND, or another error. */
cJSON *jmap_stored(struct home *h, enum object_kind kind, uint64_t id, struct err *e);
int jmap_store(struct home *h, enum object_kind kind, uint64_t *id, const cJSON *v,
    const struct change_by *by, struct err *e);
/* changed() of a type: rows of that kind of object. */
int jmap_stored_changed(struct jmap_changes *ch, enum object_kind kind, const struct change *row);
/* all() of a type. */
int jmap_stored_all(
    struct jmap_call *c, enum object_kind kind, uint64_t **ids, size_t *n, struct err *e);
/* Letter and number; 0: it is none. */
uint64_t jmap_number(struct str id, char letter);
const char *jmap_number_text(uint64_t n, char letter, char out[JMAP_ID_SIZE]);
/* The one of a kind, or *v NULL and *id 0 where there is none yet; the caller's. */
int jmap_stored_one(struct home *h, enum object_kind kind, uint64_t *id, cJSON **v, struct err *e);
/* parse(), text() and all() of a type with one object (RFC 8620 5.3: "singleton"). */
uint64_t jmap_singleton(struct str id);
const char *jmap_singleton_text(uint64_t n, char out[JMAP_ID_SIZE]);
int jmap_singleton_all(struct jmap_call *c, uint64_t **ids, size_t *n, struct err *e);
/* Puts into out the members of v that are asked for, by the type's table of properties. */
void jmap_put_wanted(struct jmap_call *c, const cJSON *v, cJSON *out);

/* What a jmap_object wants of a type that is kept under a kind, its ids a letter and a number. */
#define JMAP_STORED_TYPE(letter, kind)                                                             \
	static uint64_t parse(struct str id)                                                       \
	{                                                                                          \
		return jmap_number(id, letter);                                                    \
	}                                                                                          \
	static const char *text(uint64_t n, char out[JMAP_ID_SIZE])                                \
	{                                                                                          \
		return jmap_number_text(n, letter, out);                                           \
	}                                                                                          \
	static int all(struct jmap_call *c, uint64_t **ids, size_t *n, struct err *e)              \
	{                                                                                          \
		return jmap_stored_all(c, kind, ids, n, e);                                        \
	}                                                                                          \
	static int changed(                                                                        \
	    struct jmap_call *c, struct jmap_changes *ch, const struct change *row, struct err *e) \
	{                                                                                          \
		(void)c, (void)e;                                                                  \
		return jmap_stored_changed(ch, kind, row);                                         \
	}
