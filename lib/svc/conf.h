/*
 * conf.h - the configuration: read by master, handed in parts to the daemons.
 *
 * The file is overridden by the environment (GKMAIL_<SECTION>_<KEY>), that by overrides (the
 * command line). A value knows where it came from, and an error names the place: "gkmail.toml:12:3:
 * smtp.max_sise: no such key; did you mean max_size?".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "svc/conf_keys.h"

enum conf_type {
	CONF_TYPE_STR,
	CONF_TYPE_UINT,
	CONF_TYPE_SIZE,
	CONF_TYPE_DURATION,
	CONF_TYPE_BOOL,
	CONF_TYPE_LIST,
	CONF_TYPE_CHOICE
};

struct conf_row {
	const char *section, *key;
	enum conf_type type;
	const char *value; /* the default, as text */
	const char *limits;
	const char *help;
};

/* From CONF_COUNT on: the keys of tables, whose section is the table's name. */
extern const struct conf_row conf_rows[CONF_ALL];

/* A table that stands in the file as often as wanted, as [[route]]. Neither the environment nor the
 * command line reach into it. */
struct conf_table_row {
	const char *name, *help;
};

extern const struct conf_table_row conf_tables[CONF_TABLES_COUNT];

#define CONF_ROWS_MAX 256u /* of one table */

/* GKMAIL_<SECTION>_<KEY> */
const char *conf_variable(const struct conf_row *r, struct arena *a);

#define CONF_SUGGESTION 96
/* "did you mean max_size?", or where to look; for a key or section that does not exist. */
const char *conf_suggest_key(struct str section, struct str key, char out[CONF_SUGGESTION]);
const char *conf_suggest_section(struct str section, char out[CONF_SUGGESTION]);

/* The word of v (n of them, NULL ones are passed over) that is nearest to s, near enough to be what
 * was meant; or NULL. */
const char *conf_suggest_word(struct str s, const char *const *v, size_t n);

struct conf;

/* Reads path (NULL: no file), then the environment, then overrides ("section.key=value", n of
 * them), and checks the whole. NULL with a message that says file, line, column and what to write.
 */
struct conf *conf_load(const char *path, const char *const *overrides, size_t n, struct err *e);
/* The same from text in memory, without environment and overrides; name is used in messages. */
struct conf *conf_parse(struct str toml, const char *name, struct err *e);
/* The same from several texts, each over those before it. */
struct conf *
conf_layers(const struct str *texts, const char *const *names, size_t n, struct err *e);
void conf_free(struct conf **c);

/* A type other than the key's is our own mistake (assume). Strings live as long as c. */
struct str conf_str(const struct conf *c, enum conf_key k); /* STR and CHOICE */
const char *conf_z(const struct conf *c, enum conf_key k);  /* the same, NUL-terminated */
uint64_t conf_num(const struct conf *c, enum conf_key k);   /* UINT, SIZE (octets), DURATION (ms) */
bool conf_bool(const struct conf *c, enum conf_key k);
const struct str *conf_list(const struct conf *c, enum conf_key k, size_t *n);
/* Where the value came from: "default", "gkmail.toml:12", "GKMAIL_SMTP_MAX_SIZE", "command line".
 */
const char *conf_origin(const struct conf *c, enum conf_key k);
/* The value as text that the file would take. */
struct str conf_text(const struct conf *c, enum conf_key k, struct arena *a);

/* How often the table stands there; the others take a key of it and which one, from 0, in the order
 * of the file. */
size_t conf_count(const struct conf *c, enum conf_table t);
struct str conf_row_str(const struct conf *c, enum conf_key k, size_t i);
const char *conf_row_z(const struct conf *c, enum conf_key k, size_t i);
uint64_t conf_row_num(const struct conf *c, enum conf_key k, size_t i);
bool conf_row_bool(const struct conf *c, enum conf_key k, size_t i);
const struct str *conf_row_list(const struct conf *c, enum conf_key k, size_t i, size_t *n);
const char *conf_row_origin(const struct conf *c, enum conf_key k, size_t i);
struct str conf_row_text(const struct conf *c, enum conf_key k, size_t i, struct arena *a);

/* The keys of the named sections and tables ("server smtp route") as a flat list "section.key",
 * value, … for CONFIG, and back; those of tables are "route.0.domain". */
size_t conf_pack(const struct conf *c, const char *sections, struct arena *a, struct str **out);
struct conf *conf_unpack(const struct str *v, size_t n, struct err *e);
