/* author.c - who a message says that it is from. See author.h. */
#include "smtpd/screen/author.h"

#include "mail/addrlist.h"
#include "mail/header.h"
#include "net/idna.h"

/* The one From field. */
static int
find_from(struct str header, struct header_field *from, struct err *e)
{
	struct header_field f;
	size_t n = 0;

	while (header_next(&header, &f)) {
		if (str_ieq_z(f.name, "From")) {
			*from = f;
			n++;
		}
	}
	if (n == 0)
		return err_set(e, E_INVAL, "no From field");
	return n == 1 ? 0 : err_set(e, E_INVAL, "%zu From fields", n);
}

int
author_domain(struct str header, struct arena *a, struct str *domain, struct err *e)
{
	struct header_field from;
	struct addrlist list;
	struct str one;

	*domain = STR_NONE;
	if (find_from(header, &from, e) < 0)
		return -1;
	addrlist_parse(header_unfold(from.value, a), a, &list);
	for (size_t i = 0; i < list.n; i++) {
		if (list.v[i].host.p == NULL)
			continue; /* a group's beginning or end */
		if (idna_to_ascii(str_trim(list.v[i].host), a, &one, e) < 0)
			return err_wrap(e, "From");
		if (domain->n > 0 && !str_eq(*domain, one))
			return err_set(e, E_INVAL, "authors of several domains");
		*domain = one;
	}
	return domain->n > 0 ? 0 : err_set(e, E_INVAL, "no address in From");
}

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

/* authserv-id (RFC 8601 2.2): a token, or between quotes. */
static struct str
authserv_id(struct str value)
{
	size_t n = 0;

	skip_cfws(&value);
	if (value.n > 0 && value.p[0] == '"') {
		value = str_from(value, 1);
		return str_sub(value, 0, str_chr(value, '"'));
	}
	while (n < value.n && !is_space(value.p[n]) && !is_cntl(value.p[n]) &&
	       str_chr(STR("();"), value.p[n]) == 3)
		n++;
	return str_sub(value, 0, n);
}

size_t
author_forged(struct str header, struct str host, struct author_cut *out, bool *more)
{
	struct str rest = header;
	struct header_field f;
	size_t n = 0;

	*more = false;
	while (header_next(&rest, &f)) {
		if (!str_ieq_z(f.name, "Authentication-Results") ||
		    !str_ieq(authserv_id(f.value), host))
			continue;
		if (n == AUTHOR_CUTS_MAX) {
			*more = true;
			break;
		}
		out[n++] = (struct author_cut){(uint64_t)(f.raw.p - header.p), f.raw.n};
	}
	return n;
}
