/*
 * schema.h - checks the arguments of a tool against its input schema (JSON Schema 2020-12).
 *
 * The schemas are our own, so only the words that they use are known: type, properties, required,
 * additionalProperties (false), enum, minimum, maximum, minLength, maxLength, items, maxItems,
 * minItems, and description, title, default, format, which check nothing. schema_known() tells a
 * test that there is no other.
 */
#pragma once

#include "base/err.h"
#include "json/json.h"

/* 0, or -1 and E_INVAL with what is wrong and where ("limit: at most 50"). */
int schema_check(const cJSON *schema, const cJSON *value, struct err *e);

/* Does the schema hold nothing but what is checked here? Else *e names the word. */
bool schema_known(const cJSON *schema, struct err *e);
