/*
 * toml_in.h - private to the TOML reader: the text, and where in it we are.
 *
 * toml.c reads statements and tables, toml_string.c keys' and values' strings, toml_scalar.c the
 * rest.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "svc/toml.h"

/* More of anything is no configuration. */
#define TOML_SIZE_MAX   (1024u * 1024)
#define TOML_VALUES_MAX 10000u
#define TOML_DEPTH_MAX  100u

struct toml_in {
	struct str text;
	size_t off;
	const char *name;
	struct arena *a;
	struct err *e;
	struct buf scratch; /* a string while it is read */
	size_t values;
	/* The place asked for last, so that lines are counted once. */
	size_t at_off;
	unsigned at_line, at_column;
};

/* The octet k places on, or -1 past the end. */
static inline int
toml_peek(const struct toml_in *in, size_t k)
{
	return k < in->text.n - in->off ? (unsigned char)in->text.p[in->off + k] : -1;
}

static inline bool
toml_is_bare(int c)
{
	return c >= 0 && (is_alnum((char)c) || c == '-' || c == '_');
}

/* Line and column (in characters) of an offset. Offsets that grow are cheap. */
void toml_place(struct toml_in *in, size_t off, unsigned *line, unsigned *column);
/* "name:line:column: …" at an offset; returns -1. */
int toml_fail(struct toml_in *in, size_t off, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));
/* What stands at in->off, for messages: a character in quotes, or "the end of the file". */
const char *toml_found(struct toml_in *in, char out[32]);
/* Octets of a line end here: 0, 1 (LF) or 2 (CRLF). */
size_t toml_newline(const struct toml_in *in);
/* Is the octet a control character that TOML allows nowhere but escaped? */
bool toml_is_control(int c);

/* At a quote. multi: three quotes open a multi-line string; keys have none. */
int toml_string(struct toml_in *in, bool multi, struct str *out);
/* At anything that is no string, array or table. */
int toml_scalar(struct toml_in *in, struct toml *out);
