/* dkim_input.c - a message in pieces into libopendkim's handles. See dkim_input.h. */
#include "smtpd/dkim/dkim_input.h"

#include <stdint.h>

#include "base/num.h"

void
dkim_input_init(struct dkim_input *in, DKIM **handles, size_t n)
{
	*in = (struct dkim_input){.handles = handles, .n = n};
	buf_init(&in->header, DKIM_HEADER_MAX);
}

void
dkim_input_free(struct dkim_input *in)
{
	buf_free(&in->header);
}

/* The library writes to nothing that it is given. */
static u_char *
octets_of(struct str s)
{
	return (u_char *)(uintptr_t)s.p;
}

/* Takes a field with its continuation lines off the front; its last CRLF is not in *field. */
static void
take_field(struct str *header, struct str *field)
{
	struct str rest = *header;
	size_t n = 0;

	do {
		size_t line = str_find(rest, STR("\r\n"));

		n += line;
		rest = str_from(rest, line + 2);
		if (rest.n > 0 && is_space(rest.p[0]))
			n += 2;
	} while (rest.n > 0 && is_space(rest.p[0]));
	*field = str_sub(*header, 0, n);
	*header = rest;
}

/* NOSIG and SYNTAX of a verifier are told by dkim_getsiglist() later; the body goes in all the
 * same. */
static bool
eoh_ok(DKIM_STAT st)
{
	return st == DKIM_STAT_OK || st == DKIM_STAT_NOSIG || st == DKIM_STAT_SYNTAX ||
	       st == DKIM_STAT_CANTVRFY;
}

static int
put_header(struct dkim_input *in, struct err *e)
{
	struct str header, field;
	DKIM_STAT st;

	for (size_t i = 0; i < in->n; i++) {
		size_t fields = 0;

		header = buf_view(&in->header);
		while (header.n > 0) {
			take_field(&header, &field);
			if (++fields > DKIM_FIELDS_MAX)
				return err_set(
				    e, E_LIMIT, "more than %u header fields", DKIM_FIELDS_MAX);
			st = field.n > 0 ? dkim_header(in->handles[i], octets_of(field), field.n)
					 : DKIM_STAT_OK;
			/* SYNTAX: no field at all, so nothing that could be signed. */
			if (st != DKIM_STAT_OK && st != DKIM_STAT_SYNTAX)
				return err_set(e, E_INTERNAL, "%s", dkim_getresultstr(st));
		}
		st = dkim_eoh(in->handles[i]);
		if (!eoh_ok(st))
			return err_set(e, E_INTERNAL, "%s", dkim_getresultstr(st));
	}
	in->body = true;
	buf_free(&in->header);
	buf_init(&in->header, DKIM_HEADER_MAX);
	return 0;
}

static int
put_body(struct dkim_input *in, struct str octets, struct err *e)
{
	if (octets.n > 0) {
		bool cr = octets.n > 1 ? octets.p[octets.n - 2] == '\r' : in->cr;

		in->open = octets.p[octets.n - 1] != '\n' || !cr;
		in->cr = octets.p[octets.n - 1] == '\r';
	}
	for (size_t i = 0; i < in->n; i++) {
		DKIM_STAT st = dkim_body(in->handles[i], octets_of(octets), octets.n);

		if (st != DKIM_STAT_OK && st != DKIM_STAT_INVALID)
			return err_set(e, E_INTERNAL, "%s", dkim_getresultstr(st));
	}
	return 0;
}

/* Offset behind the empty line that ends the header, or 0. from: what was looked at before. */
static size_t
header_end(struct str s, size_t from)
{
	struct str rest;

	if (str_starts(s, STR("\r\n")))
		return 2;
	from = from > 3 ? from - 3 : 0;
	rest = str_from(s, from);
	size_t at = str_find(rest, STR("\r\n\r\n"));

	return at < rest.n ? from + at + 4 : 0;
}

int
dkim_input_feed(struct dkim_input *in, struct str octets, struct err *e)
{
	size_t had = in->header.n, end, take;

	if (in->body)
		return put_body(in, octets, e);
	/* What does not fit any more may still be body. */
	take = num_min(octets.n, (size_t)DKIM_HEADER_MAX - had);
	buf_put(&in->header, octets.p, take);
	if ((end = header_end(buf_view(&in->header), had)) == 0)
		return take < octets.n
			   ? err_set(e, E_LIMIT, "a header over %u octets", DKIM_HEADER_MAX)
			   : 0;
	in->header.n = end;
	if (put_header(in, e) < 0)
		return -1;
	return put_body(in, str_from(octets, end - had), e);
}

/* The library calls a body whose last line does not end a syntax error; by RFC 6376 3.4.3 and 3.4.4
 * it ends there. */
int
dkim_input_end(struct dkim_input *in, struct err *e)
{
	if (!in->body && put_header(in, e) < 0)
		return -1;
	if (in->open && put_body(in, STR("\r\n"), e) < 0)
		return -1;
	return 0;
}
