/*
 * json_check.c - see json.h: is it one I-JSON value (RFC 8259, RFC 7493), within bounds?
 *
 * Duplicate names are looked for in the tree (json.c), where names are unescaped.
 */
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "json/json.h"

#define NUMBER_MAX 64u /* octets of a number; a double needs 24 */

struct scan {
	struct str s;
	size_t at;
	size_t values, max_values;
	struct err *e;
};

static int
bad(const struct scan *sc, const char *what)
{
	return err_set(sc->e, E_INVAL, "%s at octet %zu", what, sc->at);
}

static bool
peek(const struct scan *sc, char c)
{
	return sc->at < sc->s.n && sc->s.p[sc->at] == c;
}

static void
skip_space(struct scan *sc)
{
	while (sc->at < sc->s.n && (is_space(sc->s.p[sc->at]) || peek(sc, '\r') || peek(sc, '\n')))
		sc->at++;
}

/* ---- strings ---- */

static int
hex4(struct scan *sc, uint32_t *out)
{
	*out = 0;
	for (unsigned i = 0; i < 4; i++, sc->at++) {
		char c = sc->at < sc->s.n ? to_lower(sc->s.p[sc->at]) : '\0';

		if (!is_digit(c) && (c < 'a' || c > 'f'))
			return bad(sc, "a bad \\u escape");
		*out = *out << 4 | (uint32_t)(is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	return 0;
}

/* RFC 7493 2.1: neither surrogates nor noncharacters. U+0000 no string of ours can hold. */
static bool
is_character(uint32_t u)
{
	return u != 0 && u <= 0x10ffff && (u & 0xfffe) != 0xfffe && !(u >= 0xfdd0 && u <= 0xfdef) &&
	       !(u >= 0xd800 && u <= 0xdfff);
}

static int
escape_u(struct scan *sc)
{
	uint32_t u, low;

	if (hex4(sc, &u) < 0)
		return -1;
	if (u >= 0xd800 && u <= 0xdbff) {
		if (!peek(sc, '\\') || sc->at + 1 >= sc->s.n || sc->s.p[sc->at + 1] != 'u')
			return bad(sc, "a lone surrogate");
		sc->at += 2;
		if (hex4(sc, &low) < 0)
			return -1;
		if (low < 0xdc00 || low > 0xdfff)
			return bad(sc, "a lone surrogate");
		u = 0x10000 + ((u - 0xd800) << 10 | (low - 0xdc00));
	}
	return is_character(u) ? 0 : bad(sc, "no character of I-JSON");
}

static int
escape(struct scan *sc)
{
	char c;

	sc->at++;
	c = sc->at < sc->s.n ? sc->s.p[sc->at] : '\0';
	sc->at++;
	if (c == 'u')
		return escape_u(sc);
	return c != '\0' && strchr("\"\\/bfnrt", c) != NULL ? 0 : bad(sc, "a bad escape");
}

/* A character of more than one octet (RFC 3629 4). */
static int
utf8(struct scan *sc)
{
	unsigned char c = (unsigned char)sc->s.p[sc->at];
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	static const uint32_t lowest[] = {0, 0x80, 0x800, 0x10000};
	uint32_t u = c & (0x3fu >> more);

	if (c < 0xc2 || c > 0xf4 || sc->s.n - sc->at <= more)
		return bad(sc, "wrong UTF-8");
	for (unsigned i = 1; i <= more; i++) {
		unsigned char k = (unsigned char)sc->s.p[sc->at + i];

		if ((k & 0xc0) != 0x80)
			return bad(sc, "wrong UTF-8");
		u = u << 6 | (k & 0x3f);
	}
	if (u < lowest[more] || !is_character(u))
		return bad(sc, "no character of I-JSON");
	sc->at += more + 1;
	return 0;
}

static int
string(struct scan *sc)
{
	sc->at++;
	while (sc->at < sc->s.n && !peek(sc, '"')) {
		unsigned char c = (unsigned char)sc->s.p[sc->at];
		int rc = 0;

		if (c < 0x20)
			return bad(sc, "a control character in a string");
		if (c == '\\')
			rc = escape(sc);
		else if (c >= 0x80)
			rc = utf8(sc);
		else
			sc->at++;
		if (rc < 0)
			return -1;
	}
	if (sc->at >= sc->s.n)
		return bad(sc, "a string without end");
	sc->at++;
	return 0;
}

/* ---- numbers and words ---- */

static size_t
digits(struct scan *sc)
{
	size_t from = sc->at;

	while (sc->at < sc->s.n && is_digit(sc->s.p[sc->at]))
		sc->at++;
	return sc->at - from;
}

/* RFC 8259 6; a number that no double can hold is none (RFC 7493 2.2). */
static int
number(struct scan *sc)
{
	size_t from = sc->at, whole;
	char text[NUMBER_MAX + 1];

	if (peek(sc, '-'))
		sc->at++;
	whole = sc->at;
	if (digits(sc) == 0 || (sc->at - whole > 1 && sc->s.p[whole] == '0'))
		return bad(sc, "a bad number");
	if (peek(sc, '.')) {
		sc->at++;
		if (digits(sc) == 0)
			return bad(sc, "a bad number");
	}
	if (peek(sc, 'e') || peek(sc, 'E')) {
		sc->at++;
		if (peek(sc, '+') || peek(sc, '-'))
			sc->at++;
		if (digits(sc) == 0)
			return bad(sc, "a bad number");
	}
	if (str_cz(str_sub(sc->s, from, sc->at - from), text, sizeof text) < 0 ||
	    !isfinite(strtod(text, NULL)))
		return bad(sc, "a number out of range");
	return 0;
}

static int
word(struct scan *sc)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < 3; i++) {
		struct str w = str_z(words[i]);

		if (str_starts(str_from(sc->s, sc->at), w)) {
			sc->at += w.n;
			return 0;
		}
	}
	return bad(sc, "no value");
}

/* ---- values ---- */

static int value(struct scan *sc, unsigned depth);

static int
members(struct scan *sc, unsigned depth, bool named)
{
	char end = named ? '}' : ']';

	sc->at++;
	skip_space(sc);
	if (peek(sc, end)) {
		sc->at++;
		return 0;
	}
	for (;;) {
		if (named) {
			skip_space(sc);
			if (!peek(sc, '"'))
				return bad(sc, "no name");
			if (string(sc) < 0)
				return -1;
			skip_space(sc);
			if (!peek(sc, ':'))
				return bad(sc, "no colon");
			sc->at++;
		}
		if (value(sc, depth) < 0)
			return -1;
		if (peek(sc, end)) {
			sc->at++;
			return 0;
		}
		if (!peek(sc, ','))
			return bad(sc, "neither comma nor end");
		sc->at++;
	}
}

static int
value(struct scan *sc, unsigned depth)
{
	int rc;

	skip_space(sc);
	if (++sc->values > sc->max_values)
		return err_set(sc->e, E_LIMIT, "more than %zu values", sc->max_values);
	if (peek(sc, '{') || peek(sc, '[')) {
		if (depth >= JSON_DEPTH_MAX)
			return err_set(sc->e, E_LIMIT, "deeper than %u levels", JSON_DEPTH_MAX);
		rc = members(sc, depth + 1, peek(sc, '{'));
	} else if (peek(sc, '"')) {
		rc = string(sc);
	} else if (peek(sc, '-') || (sc->at < sc->s.n && is_digit(sc->s.p[sc->at]))) {
		rc = number(sc);
	} else {
		rc = word(sc);
	}
	skip_space(sc);
	return rc;
}

int
json_check(struct str text, size_t max_values, struct err *e)
{
	struct scan sc = {.s = text, .max_values = max_values, .e = e};

	if (value(&sc, 0) < 0)
		return -1;
	return sc.at == text.n ? 0 : bad(&sc, "more than one value");
}
