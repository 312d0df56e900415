/*
 * conf_in.h - private to the configuration: its values while they are set and checked.
 *
 * conf.c reads the sources, conf_table.c the tables in them, conf_value.c turns text into values,
 * conf_check.c knows what single keys ask beyond their type, conf_suggest.c guesses what was meant.
 */
#pragma once

#include "svc/conf.h"
#include "svc/toml.h"

struct conf_value {
	struct str text; /* as the environment would have it: lists joined by commas */
	uint64_t num;    /* UINT, SIZE, DURATION, BOOL */
	struct str *list;
	size_t n;
	const char *origin;
};

#define CONF_FIELDS (CONF_ALL - CONF_COUNT) /* keys of all tables */

struct conf_rows {
	struct conf_value *v[CONF_ROWS_MAX]; /* CONF_FIELDS each, by key - CONF_COUNT */
	size_t n;
};

struct conf {
	struct arena a;
	struct conf_value v[CONF_COUNT];
	struct conf_rows tables[CONF_TABLES_COUNT];
};

/* The key with that section and name, or CONF_ALL; of a table, when table is said. */
enum conf_key conf_find(struct str section, struct str key, bool table);
bool conf_has_section(struct str section);
/* The table of that name, or CONF_TABLES_COUNT. */
enum conf_table conf_find_table(struct str name);

/* Sets a value from text, checked for type, limits and the key's own rule. The error names key and
 * remedy, but no place. Strings are in a. */
int conf_value_set(
    struct conf_value *v, enum conf_key k, struct str text, struct arena *a, struct err *e);
int conf_value_set_list(struct conf_value *v, enum conf_key k, const struct str *items, size_t n,
    struct arena *a, struct err *e);
/* A value as text that the file would take. */
struct str conf_value_text(const struct conf_value *v, enum conf_key k, struct arena *a);
/* "section.key: what; write a number from 1 to 100"; what may be NULL. */
int conf_value_refuse(enum conf_key k, struct str value, struct err *e);
/* What to write: "a number from 1 to 100". */
struct str conf_value_wanted(enum conf_key k, char out[160]);

/* The key's own rule on one string (an item of a list, too): NULL when kept, else what to write. */
const char *conf_check_value(enum conf_key k, struct str value);
/* What no key can know alone. */
int conf_check_whole(const struct conf *c, const char *name, struct err *e);
/* The same of the keys of one row. The error has no place. */
int conf_check_row(const struct conf *c, enum conf_table t, size_t i, struct err *e);

/* ---- conf.c ---- */

/* "name:line:column: " before the error. */
int conf_place(const char *name, unsigned line, unsigned column, struct err *e);
int conf_no_such_key(struct str section, struct str key, struct err *e);
/* Sets a value from TOML that looks like its type. */
int conf_set_toml(struct conf *c, struct conf_value *out, enum conf_key k, const struct toml *v,
    const char *name, struct err *e);

/* ---- conf_table.c ---- */

/* The rows of an array of tables, in place of those there were. */
int conf_read_rows(
    struct conf *c, enum conf_table t, const struct toml *rows, const char *name, struct err *e);
/* "route.0.domain" = text, as conf_pack wrote it; rows come in their order. */
int conf_row_unpack(struct conf *c, struct str name, struct str text, struct err *e);
