/*
 * str.h - borrowed strings with a length.
 *
 * A struct str never owns its octets and need not end in NUL. ASCII case only; locale never
 * matters.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(lit) ((struct str){(lit), sizeof(lit) - 1})
#define STR_INIT(lit)                  \
	{                              \
		(lit), sizeof(lit) - 1 \
	}
#define STR_NONE   ((struct str){NULL, 0})
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str
str_of(const void *p, size_t n)
{
	return (struct str){p, n};
}

static inline struct str
str_z(const char *z)
{
	return z ? (struct str){z, strlen(z)} : STR_NONE;
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_z(struct str a, const char *b);
bool str_ieq_same(struct str a, struct str b); /* str_ieq for two of one length */

/* ASCII case ignored. Most differ in length. */
static inline bool
str_ieq(struct str a, struct str b)
{
	return a.n == b.n && str_ieq_same(a, b);
}

bool str_ieq_z(struct str a, const char *b);
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_istarts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Offset of the first c, or s.n. */
static inline size_t
str_chr(struct str s, char c)
{
	const char *at = s.n > 0 ? (const char *)memchr(s.p, c, s.n) : NULL;

	return at ? (size_t)(at - s.p) : s.n;
}

/* Offset of the last c, or s.n. */
size_t str_rchr(struct str s, char c);
/* Offset of needle, or s.n. */
size_t str_find(struct str s, struct str needle);
/* From offset off, at most n octets; both are cut to what is there. */
static inline struct str
str_sub(struct str s, size_t off, size_t n)
{
	if (off > s.n)
		off = s.n;
	if (n > s.n - off)
		n = s.n - off;
	return str_of(off == 0 ? s.p : s.p + off, n);
}

/* Everything from offset off. */
static inline struct str
str_from(struct str s, size_t off)
{
	return str_sub(s, off, s.n);
}

/* Without spaces, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);
/* Takes what stands before the first c into *head and moves *s behind it; false (and *head = all)
 * when there is no c. */
bool str_cut(struct str *s, char c, struct str *head);
/* The first octets, n at most, not ending within a character of UTF-8. */
struct str str_cut_utf8(struct str s, size_t n);
/* Copies into out with a NUL; -1 when it does not fit or has a NUL inside. */
int str_cz(struct str s, char *out, size_t size);
/* Lower-cases ASCII letters from s into out (may be s.p itself; room for s.n). */
void str_lower(struct str s, char *out);
bool str_is_ascii(struct str s); /* no octet above 127 */
bool str_is_utf8(struct str s);  /* valid UTF-8 (RFC 3629), no NUL */

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
is_alnum(char c)
{
	return is_digit(c) || is_alpha(c);
}

static inline bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool
is_cntl(char c)
{
	return (unsigned char)c < 32 || c == 127;
}

static inline char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline char
to_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}
