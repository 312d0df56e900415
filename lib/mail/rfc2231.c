/*
 * rfc2231.c - parameters of MIME fields.
 *
 * First every "name=value" is read as it stands; then the sections of continued parameters
 * ("name*0", "name*1*") are joined, each where its first section stood. A section that is missing
 * ends the value (RFC 2231 3).
 */
#include "mail/rfc2231.h"

#include "base/num.h"
#include "mail/charset.h"
#include "mail/rfc2047.h"

struct section {
	struct str name, value; /* name: without the section number and '*' */
	uint32_t number;
	bool continued, extended, used;
};

/* Comments (nested, RFC 5322 3.2.2), blanks and line ends. */
static void
skip_cfws(struct str *in)
{
	size_t depth = 0, i;

	for (i = 0; i < in->n; i++) {
		char c = in->p[i];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (c == '\\' && depth > 0)
			i++;
		else if (depth == 0 && !is_space(c) && c != '\r' && c != '\n')
			break;
	}
	*in = str_from(*in, i);
}

static bool
is_token(char c)
{
	/* RFC 2045 5.1: anything but controls, space and tspecials. 8-bit octets are not rare:
	 * taken. */
	return !is_cntl(c) && c != ' ' && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static struct str
take_token(struct str *in)
{
	size_t n = 0;

	while (n < in->n && is_token(in->p[n]))
		n++;
	*in = str_from(*in, n);
	return str_of(in->p - n, n);
}

/* Behind the opening quote: with escapes and folding undone. An end that is missing is the end of
 * the octets. */
static struct str
take_quoted(struct str *in, struct arena *a)
{
	size_t end = 1, n = 0;
	bool plain = true;
	char *to;

	for (; end < in->n && in->p[end] != '"'; end++) {
		if (in->p[end] == '\\' || in->p[end] == '\r' || in->p[end] == '\n')
			plain = false;
		if (in->p[end] == '\\' && end + 1 < in->n)
			end++;
	}
	if (plain) {
		struct str s = str_sub(*in, 1, end - 1);

		*in = str_from(*in, end + 1);
		return s;
	}
	to = arena_alloc(a, end);
	for (size_t i = 1; i < end; i++) {
		if (in->p[i] == '\\' && i + 1 < end)
			i++;
		else if (in->p[i] == '\r' || in->p[i] == '\n')
			continue;
		to[n++] = in->p[i];
	}
	*in = str_from(*in, end + 1);
	return str_of(to, n);
}

struct str
rfc2231_word(struct str *in, struct arena *a)
{
	skip_cfws(in);
	if (in->n > 0 && in->p[0] == '"')
		return take_quoted(in, a);
	return take_token(in);
}

/* An unquoted value: what is allowed, and what is found: slashes, '=' or blanks in file names. It
 * ends with a ';', a comment, or blanks before either. */
static struct str
take_loose(struct str *in)
{
	size_t n = 0;

	while (
	    n < in->n && in->p[n] != ';' && in->p[n] != '\n' && in->p[n] != '\r' && in->p[n] != '(')
		n++;
	*in = str_from(*in, n);
	return str_trim(str_of(in->p - n, n));
}

/* "name*3*" into name, number and marks. Other stars are left in the name. */
static void
split_name(struct section *s)
{
	struct str n = s->name;
	size_t star;
	uint64_t number;

	if (n.n > 1 && n.p[n.n - 1] == '*') {
		s->extended = true;
		n.n--;
	}
	star = str_rchr(n, '*');
	if (star > 0 && star < n.n &&
	    num_parse(str_from(n, star + 1), 0, RFC2231_PARAMS_MAX, &number) == 0) {
		s->continued = true;
		s->number = (uint32_t)number;
		n.n = star;
	}
	s->name = n;
}

static bool
take_section(struct str *in, struct arena *a, struct section *s)
{
	*s = (struct section){0};
	skip_cfws(in);
	s->name = take_token(in);
	skip_cfws(in);
	if (s->name.n == 0 || in->n == 0 || in->p[0] != '=')
		return false;
	*in = str_from(*in, 1);
	skip_cfws(in);
	if (in->n > 0 && in->p[0] == '"') {
		s->value = take_quoted(in, a);
	} else {
		s->value = take_loose(in);
		if (s->value.n == 0)
			return false;
	}
	split_name(s);
	return true;
}

static size_t
take_sections(struct str in, struct arena *a, struct section *v)
{
	size_t n = 0;

	/* A missing ';' between two parameters is forgiven; other noise before the next ';' is
	 * passed over. */
	while (in.n > 0 && n < RFC2231_PARAMS_MAX) {
		if (take_section(&in, a, &v[n]))
			n++;
		else
			in = str_from(in, str_chr(in, ';') + 1);
	}
	return n;
}

static struct section *
find_section(struct section *v, size_t n, struct str name, uint32_t number)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].continued && v[i].number == number && str_ieq(v[i].name, name))
			return &v[i];
	return NULL;
}

/* Marks the sections of one parameter and measures them; *extended: any of them is. */
static size_t
measure(struct section *v, size_t n, struct str name, bool *extended)
{
	struct section *s;
	size_t octets = 2;

	*extended = false;
	for (uint32_t i = 0; (s = find_section(v, n, name, i)) != NULL; i++) {
		octets += s->value.n;
		*extended |= s->extended;
	}
	for (size_t i = 0; i < n; i++)
		if (v[i].continued && str_ieq(v[i].name, name))
			v[i].used = true;
	return octets;
}

/* attribute-char of RFC 2231 7 */
static bool
is_attribute_char(char c)
{
	return is_token(c) && (unsigned char)c < 128 && strchr("*'%", c) == NULL;
}

/* A plain section between extended ones is encoded, so that the whole can be decoded as one. */
static size_t
put_encoded(struct str s, char *to)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (is_attribute_char(s.p[i])) {
			to[n++] = s.p[i];
			continue;
		}
		to[n++] = '%';
		to[n++] = hex[c >> 4];
		to[n++] = hex[c & 15];
	}
	return n;
}

static void
join(struct section *v, size_t n, struct str name, struct arena *a, struct param *out)
{
	bool extended;
	size_t octets = measure(v, n, name, &extended), len = 0;
	char *to = arena_alloc(a, extended ? octets * 3 : octets);
	struct section *s;

	for (uint32_t i = 0; (s = find_section(v, n, name, i)) != NULL; i++) {
		/* Charset and language stand in the first section only; without them they are
		 * unknown. */
		if (i == 0 && extended && !s->extended) {
			to[len++] = '\'';
			to[len++] = '\'';
		}
		if (extended && !s->extended) {
			len += put_encoded(s->value, to + len);
		} else {
			memcpy(to + len, s->value.p, s->value.n);
			len += s->value.n;
		}
	}
	out->name = extended ? arena_printf(a, STR_FMT "*", STR_ARG(name)) : name;
	out->value = str_of(to, len);
}

void
rfc2231_parse(struct str in, struct arena *a, struct params *out)
{
	/* The first n are set; clearing all of them would take longer than the rest. */
	struct section v[RFC2231_PARAMS_MAX] __attribute__((uninitialized));
	size_t n = take_sections(in, a, v);

	*out = (struct params){0};
	if (n == 0)
		return;
	out->v = arena_array(a, n, sizeof(*out->v));
	for (size_t i = 0; i < n; i++) {
		struct param *p = &out->v[out->n];

		if (v[i].used)
			continue;
		if (v[i].continued) {
			/* Sections without a first one are no parameter. */
			if (find_section(v, n, v[i].name, 0) == NULL)
				continue;
			join(v, n, v[i].name, a, p);
		} else {
			/* "name*": the star goes with it. */
			p->name = str_of(v[i].name.p, v[i].name.n + (v[i].extended ? 1 : 0));
			p->value = v[i].value;
		}
		out->n++;
	}
}

/* The extended form is preferred (RFC 6266 4.3 says so for the same syntax). */
static const struct param *
find(const struct params *p, struct str name, bool *extended)
{
	const struct param *plain = NULL;

	*extended = false;
	for (size_t i = 0; i < p->n; i++) {
		struct str n = p->v[i].name;

		if (n.n == name.n + 1 && n.p[name.n] == '*' && str_istarts(n, name)) {
			*extended = true;
			return &p->v[i];
		}
		if (plain == NULL && str_ieq(n, name))
			plain = &p->v[i];
	}
	return plain;
}

struct str
rfc2231_get(const struct params *p, struct str name)
{
	bool extended;
	const struct param *found = find(p, name, &extended);

	return found ? found->value : STR_NONE;
}

static void
put_decoded(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int octet = s.p[i] == '%' ? num_hex_octet(s, i + 1) : -1;

		buf_putc(out, octet >= 0 ? (char)octet : s.p[i]);
		i += octet >= 0 ? 2 : 0;
	}
}

int
rfc2231_text(const struct params *p, struct str name, struct buf *out)
{
	bool extended;
	const struct param *found = find(p, name, &extended);
	struct str value, charset, language;
	struct buf octets;

	if (found == NULL)
		return -1;
	if (!extended) {
		/* Blanks at the ends belong to a value. */
		if (str_is_ascii(found->value) &&
		    str_find(found->value, STR("=?")) == found->value.n)
			buf_str(out, found->value);
		else
			rfc2047_decode(found->value, out);
		return 0;
	}
	value = found->value;
	if (!str_cut(&value, '\'', &charset) || !str_cut(&value, '\'', &language)) {
		/* No charset'language' at all: what is there is the value. */
		value = found->value;
		charset = STR("utf-8");
	}
	buf_init(&octets, value.n);
	put_decoded(value, &octets);
	charset_to_utf8(charset.n > 0 ? charset : STR("utf-8"), buf_view(&octets), out);
	buf_free(&octets);
	return 0;
}
