/*
 * lex.c - the tokens of IMAP.
 *
 * Purpose: turns the octets of one complete command into atoms, strings and numbers. Pure: no I/O,
 * allocates in the caller's arena only. Errors: E_INVAL with a text fit for a BAD response.
 */
#include "net/lex.h"

#include "base/num.h"

void
lex_init(struct lex *l, struct str s, struct arena *a, struct err *e)
{
	*l = (struct lex){s.p, s.n, a, e};
}

int
lex_fail(struct lex *l, const char *text)
{
	return err_set(l->e, E_INVAL, "%s", text);
}

static void
skip(struct lex *l, size_t n)
{
	l->p += n;
	l->n -= n;
}

char
lex_peek(const struct lex *l)
{
	return (char)(l->n > 0 ? *l->p : 0);
}

bool
lex_take(struct lex *l, char c)
{
	if (l->n == 0 || *l->p != c)
		return false;
	skip(l, 1);
	return true;
}

/* ATOM-CHAR: any CHAR except atom-specials (RFC 3501 9). */
static bool
is_atom_char(char c)
{
	unsigned char u = (unsigned char)c;

	return u > 32 && u < 127 && strchr("(){%*\"\\]", c) == NULL;
}

static bool
is_astring_char(char c)
{
	return is_atom_char(c) || c == ']';
}

bool
lex_is_atom(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_atom_char(s.p[i]))
			return false;
	return s.n > 0;
}

bool
lex_is_astring(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_astring_char(s.p[i]))
			return false;
	return s.n > 0;
}

bool
lex_word(struct lex *l, const char *word)
{
	struct str w = str_z(word);

	if (!str_istarts(str_of(l->p, l->n), w))
		return false;
	if (l->n > w.n && is_atom_char(l->p[w.n]) && l->p[w.n] != '[')
		return false;
	skip(l, w.n);
	return true;
}

int
lex_space(struct lex *l)
{
	return lex_take(l, ' ') ? 0 : lex_fail(l, "Missing argument or space");
}

int
lex_char(struct lex *l, char c)
{
	if (lex_take(l, c))
		return 0;
	return err_set(l->e, E_INVAL, "Expected '%c'", c);
}

int
lex_end(struct lex *l)
{
	return l->n == 0 ? 0 : lex_fail(l, "Unexpected text after the command");
}

static int
run(struct lex *l, bool (*is)(char), const char *what, struct str *out)
{
	size_t i = 0;

	while (i < l->n && is(l->p[i]))
		i++;
	if (i == 0)
		return err_set(l->e, E_INVAL, "Expected %s", what);
	*out = str_of(l->p, i);
	skip(l, i);
	return 0;
}

static bool
is_tag_char(char c)
{
	return is_astring_char(c) && c != '+';
}

int
lex_tag(struct lex *l, struct str *out)
{
	return run(l, is_tag_char, "a tag", out);
}

int
lex_atom(struct lex *l, struct str *out)
{
	return run(l, is_atom_char, "an atom", out);
}

/* quoted: no CR, LF or NUL; DQUOTE and backslash are escaped. Octets above 127 are let through:
 * what they must be (UTF-8) is the business of whoever uses the text. */
static int
quoted(struct lex *l, struct str *out)
{
	size_t i, escapes = 0, n = 0;
	char *copy;

	for (i = 1; i < l->n && l->p[i] != '"'; i++) {
		if (l->p[i] == '\\') {
			if (i + 1 >= l->n || (l->p[i + 1] != '"' && l->p[i + 1] != '\\'))
				return lex_fail(l, "Bad escape in a quoted string");
			escapes++;
			i++;
		} else if (l->p[i] == '\0' || l->p[i] == '\r' || l->p[i] == '\n') {
			return lex_fail(l, "Line break or NUL in a quoted string");
		}
	}
	if (i >= l->n)
		return lex_fail(l, "Unterminated quoted string");
	if (escapes == 0) {
		*out = str_of(l->p + 1, i - 1);
		skip(l, i + 1);
		return 0;
	}
	copy = arena_alloc(l->a, i);
	for (size_t k = 1; k < i; k++) {
		if (l->p[k] == '\\')
			k++;
		copy[n++] = l->p[k];
	}
	*out = str_of(copy, n);
	skip(l, i + 1);
	return 0;
}

/* "{" number ["+"] "}": how many octets it takes, 0 when there is none. */
static size_t
literal_header(struct str s, uint64_t *size, bool *sync)
{
	size_t i = 1;

	if (s.n < 3 || s.p[0] != '{')
		return 0;
	while (i < s.n && is_digit(s.p[i]))
		i++;
	if (num_parse(str_of(s.p + 1, i - 1), 0, UINT32_MAX, size) < 0)
		return 0;
	*sync = i >= s.n || s.p[i] != '+';
	if (!*sync)
		i++;
	return i < s.n && s.p[i] == '}' ? i + 1 : 0;
}

static int
literal(struct lex *l, struct str *out)
{
	uint64_t size;
	bool sync;
	size_t n = literal_header(str_of(l->p, l->n), &size, &sync);

	if (n == 0)
		return lex_fail(l, "Bad literal");
	if (n < l->n && l->p[n] == '\r')
		n++;
	if (n >= l->n || l->p[n] != '\n')
		return lex_fail(l, "Bad literal");
	n++;
	if (size > l->n - n)
		return lex_fail(l, "Literal is cut short");
	*out = str_of(l->p + n, (size_t)size);
	skip(l, n + (size_t)size);
	/* RFC 3501 9: literal is CHAR8, which leaves NUL out. */
	if (str_chr(*out, '\0') < out->n)
		return lex_fail(l, "NUL in a literal");
	return 0;
}

int
lex_literal_header(struct lex *l, uint64_t *size, bool *sync)
{
	size_t n = literal_header(str_of(l->p, l->n), size, sync);

	if (n == 0 || n != l->n)
		return lex_fail(l, "Expected a literal");
	skip(l, n);
	return 0;
}

int
lex_string(struct lex *l, struct str *out)
{
	if (lex_peek(l) == '"')
		return quoted(l, out);
	if (lex_peek(l) == '{')
		return literal(l, out);
	return lex_fail(l, "Expected a string");
}

int
lex_nstring(struct lex *l, struct str *out)
{
	if (lex_word(l, "NIL")) {
		*out = STR_NONE;
		return 0;
	}
	return lex_string(l, out);
}

int
lex_astring(struct lex *l, struct str *out)
{
	if (lex_peek(l) == '"' || lex_peek(l) == '{')
		return lex_string(l, out);
	return run(l, is_astring_char, "an argument", out);
}

static bool
is_list_char(char c)
{
	return is_astring_char(c) || c == '%' || c == '*';
}

int
lex_list_mailbox(struct lex *l, struct str *out)
{
	if (lex_peek(l) == '"' || lex_peek(l) == '{')
		return lex_string(l, out);
	return run(l, is_list_char, "a mailbox pattern", out);
}

static bool
is_number_char(char c)
{
	return is_digit(c);
}

int
lex_number(struct lex *l, uint64_t min, uint64_t max, uint64_t *out)
{
	struct str digits;

	if (run(l, is_number_char, "a number", &digits) < 0)
		return -1;
	if (num_parse(digits, min, max, out) < 0)
		return lex_fail(l, "Number out of range");
	return 0;
}
