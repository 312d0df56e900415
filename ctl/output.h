/*
 * output.h - what verbs print: JSON on one line, or tables for people.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"

/* ---- JSON (RFC 8259). key is NULL within arrays and at the top. ---- */

/* lib/json/json.h, which reads, has functions of these names too. */
#define json_str   out_json_str
#define json_print out_json_print

struct json {
	struct buf b;
	bool comma;
};

void json_init(struct json *j);
void json_open(struct json *j, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json *j, char bracket);                 /* '}' or ']' */
void json_str(struct json *j, const char *key, struct str v);
void json_z(struct json *j, const char *key, const char *v);
void json_num(struct json *j, const char *key, uint64_t v);
/* Digits as a number, anything else as a string. */
void json_auto(struct json *j, const char *key, struct str v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);
/* A value that is JSON text already. */
void json_raw(struct json *j, const char *key, struct str text);
/* Writes it and a line end to standard output, and frees it. */
void json_print(struct json *j);

/* ---- text ---- */

/* Without control characters, which could play with the terminal. */
void out_str(FILE *f, struct str s);
/* As one word of a shell's line, quoted where it has to be. */
const char *out_word(const char *text, struct arena *a);
/* How this program is called from anywhere: by name where PATH leads to it, else by its path. */
const char *out_self(struct arena *a);
/* Columns wide enough for what is in them. cells: rows of `width`, the first row being the heading.
 */
void out_table(const struct str *cells, size_t n, size_t width);
/* "1.5 MiB" of decimal digits (which s may not be: then s). */
struct str out_size(struct str digits, struct arena *a);
