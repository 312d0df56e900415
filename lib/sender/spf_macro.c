/* spf_macro.c - macro strings and domain-specs (RFC 7208 7). */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/num.h"
#include "sender/spf_in.h"

struct macro {
	char letter;   /* lower case */
	bool escape;   /* it stood in upper case: URL-escaped (7.3) */
	uint64_t keep; /* right-hand parts; 0: all */
	bool reverse;
	struct str delimiters;
};

static char
first(struct str s)
{
	return s.n > 0 ? s.p[0] : '\0';
}

/* Takes the octets of `set` (a digit stands for all digits) off the front. */
static struct str
take_run(struct str *s, const char *set)
{
	struct str all = *s, of = str_z(set);

	while (s->n > 0 && (str_chr(of, s->p[0]) < of.n || (of.p[0] == '0' && is_digit(s->p[0]))))
		*s = str_from(*s, 1);
	return str_sub(all, 0, all.n - s->n);
}

/* What stands between the braces of "%{…}": letter, digits, "r", delimiters. */
static bool
take_braced(struct str *s, struct macro *m)
{
	struct str run;

	m->letter = to_lower(first(*s));
	m->escape = m->letter != first(*s);
	*s = str_from(*s, 1);
	run = take_run(s, "0");
	/* 7.1: not zero; 7.3: a large number is as good as all parts. */
	if (run.n > 0 && num_parse(str_sub(run, 0, 9), 1, UINT32_MAX, &m->keep) < 0)
		return false;
	if ((m->reverse = to_lower(first(*s)) == 'r'))
		*s = str_from(*s, 1);
	run = take_run(s, ".-+,/_=");
	m->delimiters = run.n > 0 ? run : STR(".");
	if (first(*s) != '}')
		return false;
	*s = str_from(*s, 1);
	return is_alpha(m->letter);
}

/* Takes "%{…}", "%%", "%_" or "%-" off the front; letter 0 for the last three, whose text is in
 * *literal. */
static bool
take(struct str *s, struct macro *m, struct str *literal)
{
	char kind = first(str_from(*s, 1));

	*m = (struct macro){0};
	*s = str_from(*s, 2);
	*literal = kind == '%' ? STR("%") : kind == '_' ? STR(" ") : STR("%20");
	if (kind == '{')
		return take_braced(s, m);
	return kind == '%' || kind == '_' || kind == '-';
}

/* toplabel: letters, digits and hyphens, no hyphen at an end, not digits alone. */
static bool
is_toplabel(struct str s)
{
	bool digits = true;

	if (s.n == 0 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
		digits = digits && is_digit(s.p[i]);
	}
	return !digits;
}

/* domain-end: "." toplabel [ "." ], when no macro stands last. tail: what is behind the last macro.
 */
static bool
is_domain_end(struct str tail)
{
	size_t dot;

	if (tail.n > 0 && tail.p[tail.n - 1] == '.')
		tail.n--;
	dot = str_rchr(tail, '.');
	return dot < tail.n && is_toplabel(str_from(tail, dot + 1));
}

bool
spf_macro_ok(struct str s, unsigned flags)
{
	struct str letters = flags & SPF_MACRO_EXP ? STR("slodipvhcrt") : STR("slodipvh");
	struct str tail = s, literal;
	struct macro m;
	bool macro_last = false;

	while (s.n > 0) {
		if (s.p[0] == '%') {
			if (!take(&s, &m, &literal) ||
			    (m.letter != 0 && str_chr(letters, m.letter) == letters.n))
				return false;
			macro_last = m.letter != 0;
			tail = s;
			continue;
		}
		/* Visible, but in an explanation, which may hold spaces too (6.2). */
		if (s.p[0] < (flags & SPF_MACRO_EXP ? ' ' : '!') || s.p[0] > '~')
			return false;
		macro_last = false;
		s = str_from(s, 1);
	}
	return flags & SPF_MACRO_STRING || macro_last || is_domain_end(tail);
}

struct str
spf_dotted(struct spf_check *c)
{
	char text[64];
	size_t n = 0;

	if (c->family == AF_INET) {
		inet_ntop(AF_INET, c->ip, text, sizeof(text));
		return arena_dup(c->a, str_z(text));
	}
	for (size_t i = 0; i < 16; i++) {
		text[n++] = "0123456789ABCDEF"[c->ip[i] >> 4];
		text[n++] = '.';
		text[n++] = "0123456789ABCDEF"[c->ip[i] & 15];
		text[n++] = '.';
	}
	return arena_dup(c->a, str_of(text, n - 1));
}

/* The value of a letter (7.2). */
static enum spf_result
value(struct spf_check *c, char letter, struct str domain, struct str *out)
{
	char text[INET6_ADDRSTRLEN];
	bool under;

	switch (letter) {
	case 's':
		*out = c->sender;
		break;
	case 'l':
		*out = c->local;
		break;
	case 'o':
		*out = c->sender_domain;
		break;
	case 'd':
		*out = domain;
		break;
	case 'i':
		*out = spf_dotted(c);
		break;
	case 'p':
		if (spf_validated(c, domain, out, &under) == SPF_WAIT)
			return SPF_WAIT;
		if (out->n == 0)
			*out = STR("unknown");
		break;
	case 'v':
		*out = c->family == AF_INET ? STR("in-addr") : STR("ip6");
		break;
	case 'h':
		*out = c->q->helo;
		break;
	case 'c':
		inet_ntop(c->family, c->ip, text, sizeof(text));
		*out = arena_dup(c->a, str_z(text));
		break;
	case 'r':
		*out = c->q->receiver.n > 0 ? c->q->receiver : STR("unknown");
		break;
	default:
		*out = arena_printf(c->a, "%lld", (long long)c->q->now);
		break;
	}
	return SPF_NONE;
}

static void
put(struct buf *b, struct str s, bool escape)
{
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];

		/* unreserved of RFC 3986 2.3 */
		if (!escape || is_alnum(ch) || str_chr(STR("-._~"), ch) < 4)
			buf_putc(b, ch);
		else
			buf_printf(b, "%%%02X", (unsigned char)ch);
	}
}

/* 7.3: split at the delimiters, reverse, keep the right-hand parts, join with dots. */
static void
put_parts(struct buf *b, const struct macro *m, struct str s)
{
	size_t n = 1, part = 0, from;
	struct str *parts;
	struct arena a;

	arena_init(&a);
	parts = arena_array(&a, s.n + 1, sizeof(*parts));
	parts[0] = str_of(s.p, 0);
	for (size_t i = 0; i < s.n; i++) {
		if (str_chr(m->delimiters, s.p[i]) < m->delimiters.n)
			parts[n++] = str_of(s.p + i + 1, 0);
		else
			parts[n - 1].n++;
	}
	from = m->keep > 0 && m->keep < n ? n - (size_t)m->keep : 0;
	for (part = from; part < n; part++) {
		if (part > from)
			buf_putc(b, '.');
		put(b, parts[m->reverse ? n - 1 - part : part], m->escape);
	}
	arena_free(&a);
}

enum spf_result
spf_macro_expand(struct spf_check *c, struct str s, struct str domain, struct str *out)
{
	enum spf_result rc = SPF_WAIT;
	struct str literal, text;
	struct macro m;
	struct buf b;

	buf_init(&b, SPF_EXPAND_MAX);
	while (s.n > 0) {
		if (s.p[0] != '%') {
			buf_putc(&b, s.p[0]);
			s = str_from(s, 1);
		} else if (!take(&s, &m, &literal)) {
			break; /* spf_macro_ok() was asked before */
		} else if (m.letter == 0) {
			buf_str(&b, literal);
		} else if (value(c, m.letter, domain, &text) == SPF_WAIT) {
			goto out;
		} else {
			put_parts(&b, &m, text);
		}
	}
	*out = arena_dup(c->a, buf_view(&b));
	rc = SPF_NONE;
out:
	buf_free(&b);
	return rc;
}

enum spf_result
spf_macro_target(struct spf_check *c, struct str spec, struct str domain, struct str *out)
{
	struct str label;

	*out = domain;
	if (spec.n > 0 && spf_macro_expand(c, spec, domain, out) == SPF_WAIT)
		return SPF_WAIT;
	if (out->n > 0 && out->p[out->n - 1] == '.')
		out->n--;
	/* 7.3: labels go from the left until it fits. */
	while (out->n > 253 && str_cut(out, '.', &label))
		continue;
	return SPF_NONE;
}
