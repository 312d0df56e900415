/*
 * path.h - the path of a request in one form, so that two spellings of it are one path and none
 * leads upwards.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

/* Decodes what needs no percent-encoding (letters, digits, "-._~"; RFC 3986 6.2.2.2), writes other
 * encodings in upper case, and refuses (-1) what is none: no '/' in front, segments "." and "..",
 * empty ones but the last, control characters, a backslash, NUL. */
int path_normal(struct str path, struct arena *a, struct str *out);
/* The first parameter of that name in a query (application/x-www-form-urlencoded), decoded. False:
 * none, or no UTF-8. */
bool path_parameter(struct str query, const char *name, struct arena *a, struct str *out);
/* A segment, decoded: UTF-8 without control characters. */
bool path_segment(struct str path, size_t i, struct arena *a, struct str *out);
