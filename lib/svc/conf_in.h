/*
 * conf_in.h - private to the configuration: its values while they are set and checked.
 *
 * conf.c reads the sources, conf_value.c turns text into values, conf_check.c knows what single
 * keys ask beyond their type, conf_suggest.c guesses what was meant.
 */
#pragma once

#include "svc/conf.h"

struct conf_value {
	struct str text; /* as the environment would have it: lists joined by commas */
	uint64_t num;    /* UINT, SIZE, DURATION, BOOL */
	struct str *list;
	size_t n;
	const char *origin;
};

struct conf {
	struct arena a;
	struct conf_value v[CONF_COUNT];
};

/* The key with that section and name, or CONF_COUNT. */
enum conf_key conf_find(struct str section, struct str key);
bool conf_has_section(struct str section);

/* Sets a value from text, checked for type, limits and the key's own rule. The error names key and
 * remedy, but no place. */
int conf_value_set(struct conf *c, enum conf_key k, struct str text, struct err *e);
int conf_value_set_list(
    struct conf *c, enum conf_key k, const struct str *items, size_t n, struct err *e);
/* "section.key: what; write a number from 1 to 100"; what may be NULL. */
int conf_value_refuse(enum conf_key k, struct str value, struct err *e);
/* What to write: "a number from 1 to 100". */
struct str conf_value_wanted(enum conf_key k, char out[160]);

/* The key's own rule on one string (an item of a list, too): NULL when kept, else what to write. */
const char *conf_check_value(enum conf_key k, struct str value);
/* What no key can know alone. */
int conf_check_whole(const struct conf *c, const char *name, struct err *e);
