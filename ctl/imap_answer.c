/* imap_answer.c - see imap_answer.h. */
#include "ctl/imap_answer.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/date.h"
#include "net/lex.h"

#define DEPTH_MAX 32u

/* ---- tokens ---- */

static struct str
left(const struct lex *l)
{
	return str_of(l->p, l->n);
}

static struct str
take_until(struct lex *l, const char *ends)
{
	size_t n = 0;
	struct str out;

	while (n < l->n && strchr(ends, l->p[n]) == NULL && l->p[n] != '\0')
		n++;
	out = str_of(l->p, n);
	l->p += n;
	l->n -= n;
	return out;
}

/* "(\Seen $Work)": what stands between. Nothing in it is quoted (RFC 9051 9: flag-list). */
static int
flat_list(struct lex *l, struct str *out)
{
	if (lex_char(l, '(') < 0)
		return -1;
	*out = take_until(l, "()\"{");
	return lex_char(l, ')');
}

/* Any value, which nobody asked for. */
static int
skip_value(struct lex *l)
{
	unsigned depth = 0;
	struct str ignored;

	do {
		char c = lex_peek(l);

		if (c == '(') {
			if (++depth > DEPTH_MAX)
				return -1;
			(void)lex_take(l, c);
		} else if (c == ')' && depth > 0) {
			depth--;
			(void)lex_take(l, c);
		} else if (c == ' ' && depth > 0) {
			(void)lex_take(l, c);
		} else if (c == '"' || c == '{') {
			if (lex_string(l, &ignored) < 0)
				return -1;
		} else if (take_until(l, " ()\"{").n == 0) {
			return -1;
		}
	} while (depth > 0);
	return 0;
}

/* "UID", "BODY[]", "BODY[HEADER.FIELDS (A B)]<0>" */
static struct str
item_name(struct lex *l)
{
	const char *p = l->p;

	(void)take_until(l, " [(");
	if (lex_take(l, '[')) {
		(void)take_until(l, "]");
		(void)lex_take(l, ']');
		(void)take_until(l, " (");
	}
	return str_of(p, (size_t)(l->p - p));
}

/* ---- responses ---- */

static int
read_date(struct lex *l, struct imap_answer *out)
{
	struct str text;
	struct date d;

	if (lex_string(l, &text) < 0)
		return -1;
	out->has_date = date_imap_parse(text, &d) == 0 && d.utc >= 0;
	out->date = out->has_date ? d.utc : 0;
	return 0;
}

static int
read_item(struct lex *l, struct imap_answer *out)
{
	struct str name = item_name(l);
	uint64_t v;

	if (name.n == 0 || lex_space(l) < 0)
		return -1;
	if (str_ieq_z(name, "UID")) {
		if (lex_number(l, 1, UINT32_MAX, &v) < 0)
			return -1;
		out->uid = (uint32_t)v;
		return 0;
	}
	if (str_ieq_z(name, "RFC822.SIZE"))
		return lex_number(l, 0, INT64_MAX, &out->size);
	if (str_ieq_z(name, "FLAGS"))
		return flat_list(l, &out->flags);
	if (str_ieq_z(name, "INTERNALDATE"))
		return read_date(l, out);
	if (!str_ieq_z(name, "BODY[]"))
		return skip_value(l);
	if (lex_nstring(l, &out->body) < 0)
		return -1;
	out->has_body = out->body.p != NULL;
	return 0;
}

static int
read_fetch(struct lex *l, struct imap_answer *out)
{
	out->kind = IMAP_FETCH;
	if (lex_space(l) < 0 || lex_char(l, '(') < 0)
		return -1;
	while (!lex_take(l, ')')) {
		if (read_item(l, out) < 0)
			return -1;
		(void)lex_take(l, ' ');
	}
	return lex_end(l);
}

static int
read_list(struct lex *l, struct imap_answer *out)
{
	struct str separator;

	out->kind = IMAP_LIST;
	if (lex_space(l) < 0 || flat_list(l, &out->attributes) < 0 || lex_space(l) < 0 ||
	    lex_nstring(l, &separator) < 0 || separator.n > 1 || lex_space(l) < 0)
		return -1;
	out->separator = separator.n == 1 ? separator.p[0] : '\0';
	/* Servers write "&" and the like bare, and more than RFC 9051 has names made of. */
	if (lex_peek(l) == '"' || lex_peek(l) == '{')
		return lex_string(l, &out->name);
	out->name = take_until(l, " ");
	return out->name.n > 0 ? 0 : -1;
}

/* "Sent (MESSAGES 17)": what stands in brackets at the end, as it was asked for alone. */
static void
read_status(struct lex *l, struct imap_answer *out)
{
	static const struct str item = STR_INIT("(MESSAGES ");
	struct str rest = left(l);
	uint64_t v;

	rest = str_from(rest, str_rchr(rest, '('));
	if (!str_istarts(rest, item))
		return;
	rest = str_from(rest, item.n);
	if (num_parse(str_sub(rest, 0, str_chr(rest, ')')), 0, UINT32_MAX, &v) == 0) {
		out->kind = IMAP_STATUS;
		out->messages = v;
	}
}

/* "[UIDVALIDITY 17] UIDs are valid" */
static void
read_code(struct lex *l, struct imap_answer *out)
{
	static const struct str code = STR_INIT("[UIDVALIDITY ");
	struct str rest = left(l);
	uint64_t v;

	if (!str_istarts(rest, code))
		return;
	rest = str_from(rest, code.n);
	if (num_parse(str_sub(rest, 0, str_chr(rest, ']')), 1, UINT32_MAX, &v) == 0) {
		out->kind = IMAP_UIDVALIDITY;
		out->uidvalidity = (uint32_t)v;
	}
}

static int
read_untagged(struct lex *l, struct imap_answer *out)
{
	uint64_t number;

	if (lex_peek(l) >= '0' && lex_peek(l) <= '9') {
		if (lex_number(l, 0, UINT32_MAX, &number) < 0 || lex_space(l) < 0)
			return -1;
		if (lex_word(l, "FETCH"))
			return read_fetch(l, out);
		out->kind = lex_word(l, "EXISTS") ? IMAP_EXISTS : IMAP_OTHER;
		out->messages = number;
		return 0;
	}
	if (lex_word(l, "LIST") || lex_word(l, "LSUB"))
		return read_list(l, out);
	if (lex_word(l, "CAPABILITY"))
		out->kind = IMAP_CAPABILITY;
	else if (lex_word(l, "SEARCH"))
		out->kind = IMAP_SEARCH;
	else if (lex_word(l, "STATUS"))
		read_status(l, out);
	else if (lex_word(l, "BYE"))
		out->kind = IMAP_BYE;
	else if (lex_word(l, "OK") && lex_take(l, ' '))
		read_code(l, out);
	out->text = str_trim(left(l));
	return 0;
}

int
imap_answer_read(struct str response, struct str tag, struct arena *a, struct imap_answer *out)
{
	struct err e;
	struct lex l;

	*out = (struct imap_answer){0};
	lex_init(&l, response, a, &e);
	if (lex_take(&l, '+')) {
		out->kind = IMAP_GO_ON;
		out->text = str_trim(left(&l));
		return 0;
	}
	if (lex_take(&l, '*'))
		return lex_space(&l) < 0 ? -1 : read_untagged(&l, out);
	if (!str_starts(response, tag) || tag.n == 0)
		return -1;
	lex_init(&l, str_from(response, tag.n), a, &e);
	if (lex_space(&l) < 0)
		return -1;
	out->kind = IMAP_TAGGED;
	out->ok = lex_word(&l, "OK");
	if (!out->ok && !lex_word(&l, "NO") && !lex_word(&l, "BAD"))
		return -1;
	out->text = str_trim(left(&l));
	return 0;
}

bool
imap_answer_has(struct str text, const char *word)
{
	struct str one;
	bool more = true;

	while (more) {
		more = str_cut(&text, ' ', &one);
		if (str_ieq_z(one, word))
			return true;
	}
	return false;
}

int
imap_answer_quote(struct str s, struct arena *a, struct str *out)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, 2 * s.n + 3);
	(void)buf_putc(&b, '"');
	for (size_t i = 0; i < s.n && rc == 0; i++) {
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
			rc = -1;
		if (s.p[i] == '"' || s.p[i] == '\\')
			(void)buf_putc(&b, '\\');
		(void)buf_putc(&b, s.p[i]);
	}
	(void)buf_putc(&b, '"');
	*out = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return rc;
}
