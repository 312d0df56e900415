/*
 * toml_scalar.c - numbers, booleans, dates and times (toml.io/en/v1.0.0).
 */
#include <errno.h>
#include <stdlib.h>

#include "base/num.h"
#include "svc/toml_in.h"

/* The octets that may stand in such a value. */
static struct str
word(const struct toml_in *in)
{
	size_t n = 0;
	int c;

	while ((c = toml_peek(in, n)) >= 0 && (toml_is_bare(c) || c == '+' || c == '.' || c == ':'))
		n++;
	return str_of(in->text.p + in->off, n);
}

/* Underscores stand between digits only. Copies without them; out has room for s. NULL when one
 * stands elsewhere or a character is no digit of the base. */
static char *
digits(struct str s, int base, char *out)
{
	static const char all[] = "0123456789abcdef";

	if (s.n == 0)
		return NULL;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '_') {
			if (i == 0 || i + 1 == s.n || s.p[i - 1] == '_')
				return NULL;
			continue;
		}
		if (s.p[i] == '\0' || memchr(all, to_lower(s.p[i]), (size_t)base) == NULL)
			return NULL;
		*out++ = s.p[i];
	}
	return out;
}

static bool
leading_zero(struct str s)
{
	return s.n > 1 && s.p[0] == '0';
}

static bool
is_integer(struct toml_in *in, struct str s, struct toml *out, int *rc)
{
	char *text = arena_alloc(in->a, s.n + 2), *end;
	struct str body = s;
	int base = 10;

	if (s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'o' || s.p[1] == 'b')) {
		base = s.p[1] == 'x' ? 16 : s.p[1] == 'o' ? 8 : 2;
		body = str_from(s, 2);
	} else if (s.n > 0 && (s.p[0] == '+' || s.p[0] == '-')) {
		body = str_from(s, 1);
	}
	if (s.n > 0 && s.p[0] == '-')
		*text = '-';
	if ((end = digits(body, base, text + (s.n > 0 && s.p[0] == '-'))) == NULL)
		return false;
	*end = '\0';
	*rc = -1;
	if (base == 10 && leading_zero(body)) {
		toml_fail(in, in->off, "a number does not begin with 0 (octal is 0o17)");
		return true;
	}
	errno = 0;
	out->i = strtoll(text, NULL, base);
	if (errno == ERANGE) {
		toml_fail(in, in->off, "the number does not fit into 64 bits");
		return true;
	}
	out->type = TOML_INTEGER;
	*rc = 0;
	return true;
}

/* Takes sign, integer part, fraction and exponent apart, as each has its own rule about zeros and
 * underscores. */
static bool
is_float(struct toml_in *in, struct str s, struct toml *out, int *rc)
{
	char *text = arena_alloc(in->a, s.n + 1), *p = text;
	struct str rest = s, whole, fraction;
	size_t exponent;
	bool has_fraction;

	if (rest.n > 0 && (rest.p[0] == '+' || rest.p[0] == '-')) {
		*p++ = rest.p[0];
		rest = str_from(rest, 1);
	}
	if (str_eq_z(rest, "inf") || str_eq_z(rest, "nan")) {
		memcpy(p, rest.p, 3);
	} else {
		exponent = num_min(str_chr(rest, 'e'), str_chr(rest, 'E'));
		fraction = str_sub(rest, 0, exponent);
		has_fraction = str_cut(&fraction, '.', &whole);
		if ((!has_fraction && exponent == rest.n) || leading_zero(whole) ||
		    (p = digits(whole, 10, p)) == NULL)
			return false;
		if (has_fraction) {
			*p++ = '.';
			if ((p = digits(fraction, 10, p)) == NULL)
				return false;
		}
		if (exponent < rest.n) {
			*p++ = 'e';
			rest = str_from(rest, exponent + 1);
			if (rest.n > 0 && (rest.p[0] == '+' || rest.p[0] == '-')) {
				*p++ = rest.p[0];
				rest = str_from(rest, 1);
			}
			if (digits(rest, 10, p) == NULL)
				return false;
		}
	}
	/* No program of ours sets a locale: the point is a point. */
	out->f = strtod(text, NULL);
	out->type = TOML_FLOAT;
	*rc = 0;
	return true;
}

/* n digits at offset off of s within min and max, or -1. */
static int
field(struct str s, size_t off, size_t n, unsigned min, unsigned max)
{
	uint64_t v;

	if (off > s.n || s.n - off < n || num_parse(str_sub(s, off, n), min, max, &v) < 0)
		return -1;
	return (int)v;
}

static bool
is_date(struct str s)
{
	static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;

	if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-')
		return false;
	year = field(s, 0, 4, 0, 9999);
	month = field(s, 5, 2, 1, 12);
	day = field(s, 8, 2, 1, 31);
	if (year < 0 || month < 1 || day < 1 || day > days[month - 1])
		return false;
	return month != 2 || day < 29 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/* RFC 3339 partial-time; seconds are not optional in TOML 1.0. *rest is what stands behind. */
static bool
is_time(struct str s, struct str *rest)
{
	size_t n = 8;

	if (s.n < 8 || s.p[2] != ':' || s.p[5] != ':' || field(s, 0, 2, 0, 23) < 0 ||
	    field(s, 3, 2, 0, 59) < 0 || field(s, 6, 2, 0, 59) < 0)
		return false;
	if (s.n > 8 && s.p[8] == '.') {
		for (n = 9; n < s.n && is_digit(s.p[n]);)
			n++;
		if (n == 9)
			return false;
	}
	*rest = str_from(s, n);
	return true;
}

static bool
is_offset(struct str s)
{
	if (s.n == 1 && to_lower(s.p[0]) == 'z')
		return true;
	return s.n == 6 && (s.p[0] == '+' || s.p[0] == '-') && s.p[3] == ':' &&
	       field(s, 1, 2, 0, 23) >= 0 && field(s, 4, 2, 0, 59) >= 0;
}

static int
date_or_time(struct toml_in *in, struct str s, struct toml *out)
{
	struct str rest;
	char *text;

	if (s.n > 2 && s.p[2] == ':') {
		if (!is_time(s, &rest) || rest.n != 0)
			return toml_fail(in, in->off, "not a time; write 07:32:00");
		out->type = TOML_TIME_LOCAL;
		out->text = arena_dup(in->a, s);
		return 0;
	}
	if (!is_date(str_sub(s, 0, 10)))
		return toml_fail(in, in->off, "not a date; write 1979-05-27");
	out->type = TOML_DATE_LOCAL;
	if (s.n > 10) {
		if ((to_lower(s.p[10]) != 't' && s.p[10] != ' ') ||
		    !is_time(str_from(s, 11), &rest) || (rest.n != 0 && !is_offset(rest)))
			return toml_fail(
			    in, in->off, "not a date with time; write 1979-05-27T07:32:00Z");
		out->type = rest.n != 0 ? TOML_DATETIME : TOML_DATETIME_LOCAL;
	}
	text = arena_dupz(in->a, s);
	if (s.n > 10)
		text[10] = 'T';
	if (s.n > 0)
		text[s.n - 1] = to_upper(text[s.n - 1]);
	out->text = str_of(text, s.n);
	return 0;
}

static bool
looks_like_date(struct str s)
{
	return (s.n > 4 && s.p[4] == '-' && field(s, 0, 4, 0, 9999) >= 0) ||
	       (s.n > 2 && s.p[2] == ':' && field(s, 0, 2, 0, 99) >= 0);
}

int
toml_scalar(struct toml_in *in, struct toml *out)
{
	struct str s = word(in);
	char found[32];
	int rc = 0;

	/* A date may be parted from its time by a blank. */
	if (s.n == 10 && s.p[4] == '-' && toml_peek(in, 10) == ' ' && toml_peek(in, 11) >= '0' &&
	    toml_peek(in, 11) <= '9') {
		in->off += 11;
		s.n = 11 + word(in).n;
		in->off -= 11;
	}
	if (s.n == 0)
		return toml_fail(
		    in, in->off, "a value is missing before %s", toml_found(in, found));
	if (str_eq_z(s, "true") || str_eq_z(s, "false")) {
		out->type = TOML_BOOL;
		out->i = s.p[0] == 't';
	} else if (looks_like_date(s)) {
		rc = date_or_time(in, s, out);
	} else if (!is_integer(in, s, out, &rc) && !is_float(in, s, out, &rc)) {
		rc = toml_fail(in, in->off,
		    "\"" STR_FMT "\" is no value; write true or false, a number, or text in quotes",
		    STR_ARG(str_sub(s, 0, 40)));
	}
	if (rc == 0)
		in->off += s.n;
	return rc;
}
