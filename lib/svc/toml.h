/*
 * toml.h - TOML 1.0.0 (toml.io/en/v1.0.0), read into a tree.
 *
 * Errors say "name:line:column: what is wrong". Depth, keys and size are bounded.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum toml_type {
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOL,
	TOML_DATETIME, /* text kept as written, in normal form */
	TOML_DATETIME_LOCAL,
	TOML_DATE_LOCAL,
	TOML_TIME_LOCAL,
	TOML_ARRAY,
	TOML_TABLE
};

struct toml {
	enum toml_type type;
	unsigned line, column; /* of the value, 1-based */
	struct str key;        /* in its table */
	unsigned key_line, key_column;
	struct toml *next;  /* the next of a table or array */
	struct toml *child; /* the first of a table or array */
	struct str text;    /* STRING and the date types */
	int64_t i;          /* INTEGER, BOOL */
	double f;           /* FLOAT */
	unsigned flags;     /* private: how a table was defined */
};

/* The root table; everything lives in a. NULL on error. */
struct toml *toml_parse(struct str text, const char *name, struct arena *a, struct err *e);
/* The value of key in a table, or NULL. */
const struct toml *toml_get(const struct toml *table, struct str key);
