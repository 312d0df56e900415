/*
 * json.h - JSON from outside: I-JSON (RFC 7493) in, cJSON trees inside, text out. JMAP and MCP
 * speak it.
 *
 * json_parse() takes hostile octets: it looks at all of them before cJSON sees any, so that what
 * cJSON would let pass (other values behind the first, odd numbers, NULs, wrong UTF-8, duplicate
 * names, depth without bound) never comes here. Trees are owned by who made them (cJSON_Delete).
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define JSON_DEPTH_MAX  64u
#define JSON_VALUES_MAX 250000u /* in a request; each takes about 100 octets */
#define JSON_PATCH_MAX  1000u
#define JSON_INT_MAX    9007199254740991 /* 2^53 - 1, RFC 8620 1.3 */

/* NULL: E_INVAL says where it is no I-JSON, E_LIMIT that it is too deep or has too many values. */
cJSON *json_parse(struct str text, size_t max_values, struct err *e);
/* Only looks (json_check.c). */
int json_check(struct str text, size_t max_values, struct err *e);
/* Appends the text of a tree; out->over when it does not fit. */
void json_print(const cJSON *v, struct buf *out);
/* Appends a string with quotes; octets that are no UTF-8, and noncharacters, become U+FFFD. */
void json_print_str(struct str s, struct buf *out);

/* ---- reading ---- */

/* A member, or NULL; null reads as NULL too with json_member(). */
const cJSON *json_get(const cJSON *object, const char *name);
const cJSON *json_member(const cJSON *object, const char *name);
/* STR_NONE when it is no string. */
struct str json_str(const cJSON *v);
/* -1 when it is none in [min, max]. */
int json_int(const cJSON *v, int64_t min, int64_t max, int64_t *out);
static inline struct str
json_name(const cJSON *member)
{
	return str_z(member->string);
}
size_t json_count(const cJSON *v); /* of values in a tree, itself included; stops at SIZE_MAX */

/* ---- making; names are string constants where they end in _put ---- */

cJSON *json_new_str(struct str s); /* STR_NONE: null; octets that are no UTF-8 become U+FFFD */
void json_put(cJSON *object, const char *name, cJSON *v); /* takes v; name is not copied */
/* The same in place of what was there. */
void json_replace(cJSON *object, const char *name, cJSON *v);
void json_put_str(cJSON *object, const char *name, struct str s);
void json_put_num(cJSON *object, const char *name, int64_t n);
void json_put_bool(cJSON *object, const char *name, bool v);
/* The same with a name from outside, which is copied. */
void json_put_named(cJSON *object, struct str name, cJSON *v);
/* A value that is JSON text already. */
void json_put_raw(cJSON *object, const char *name, struct str text);
void json_put_raw_named(cJSON *object, struct str name, struct str text);
/* Such texts in a tree become trees, for those who look into it. */
void json_expand(cJSON *v);
void json_add(cJSON *array, cJSON *v);

/* A copy of an object with a patch applied (RFC 8620 5.3): "a/b": value, null removes. NULL:
 * E_INVAL, the patch leads nowhere or parts of it into one another. Cost is bounded by both sizes.
 */
cJSON *json_patched(const cJSON *object, const cJSON *patch, struct err *e);
