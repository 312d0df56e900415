/*
 * forged.c - fields in which somebody else speaks in our name. See forged.h.
 */
#include "smtpd/forged.h"

#include "mail/header.h"

#define ID_MAX 255u

/* Blanks, line ends and comments off the front (RFC 5322 3.2.2). */
static void
skip_cfws(struct str *s)
{
	size_t depth = 0;

	while (s->n > 0) {
		char c = s->p[0];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !is_space(c) && c != '\r' && c != '\n')
			return;
		if (c == '\\' && depth > 0)
			*s = str_from(*s, 1);
		*s = str_from(*s, 1);
	}
}

/* Is the authserv-id at the front of the value (RFC 8601 2.2: a token, or between quotes) the host?
 * Read as a lenient reader would: case ignored, quoted pairs undone, a dot at the end. */
static bool
is_id(struct str value, struct str host)
{
	char id[ID_MAX];
	size_t n = 0;
	bool quoted;

	skip_cfws(&value);
	quoted = value.n > 0 && value.p[0] == '"';
	for (size_t i = quoted; i < value.n; i++) {
		char c = value.p[i];

		if (quoted ? c == '"'
			   : is_space(c) || is_cntl(c) || c == '(' || c == ')' || c == ';')
			break;
		if (quoted && (c == '\\' || c == '\r' || c == '\n'))
			continue;
		if (n == ID_MAX)
			return false;
		id[n++] = c;
	}
	if (n > 0 && id[n - 1] == '.')
		n--;
	return str_ieq(str_of(id, n), host);
}

static bool
is_spam_field(struct str name)
{
	return str_ieq_z(name, "X-Spam-Status") || str_ieq_z(name, "X-Spam-Flag");
}

size_t
forged_find(
    struct str header, struct str host, bool spam, struct forged out[FORGED_MAX], bool *more)
{
	struct str rest = header;
	struct header_field f;
	size_t n = 0;

	*more = false;
	while (header_next(&rest, &f)) {
		if (!(spam && is_spam_field(f.name)) &&
		    !(str_ieq_z(f.name, "Authentication-Results") && is_id(f.value, host)))
			continue;
		if (n == FORGED_MAX) {
			*more = true;
			break;
		}
		out[n++] = (struct forged){(size_t)(f.raw.p - header.p), f.raw.n};
	}
	return n;
}
