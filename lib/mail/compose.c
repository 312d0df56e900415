/* compose.c - header fields of messages that we write. */
#include "mail/compose.h"

#include <stdio.h>

#include "base/clock.h"
#include "mail/address.h"
#include "mail/rfc2047.h"

#define COLUMNS 78u /* RFC 5322 2.1.1: should */

/* A copy in which nothing can end the field: what is a control character becomes a space. */
static void
clean(struct str s, struct buf *out)
{
	char *to = buf_room(out, s.n);

	if (to == NULL)
		return;
	for (size_t i = 0; i < s.n; i++)
		to[i] = is_cntl(s.p[i]) ? ' ' : s.p[i];
	buf_added(out, s.n);
}

/* "Name:" and the value, folded at single spaces so that lines stay within the columns where that
 * is possible. A line of blanks only is never made (RFC 5322 3.2.2). */
static void
put_folded(struct buf *out, const char *name, struct str value)
{
	size_t column = strlen(name) + 1;
	struct str word;
	bool more = true, first = true;

	value = str_trim(value);
	buf_puts(out, name);
	buf_putc(out, ':');
	while (more) {
		more = str_cut(&value, ' ', &word);
		if (!first && word.n > 0 && column + 1 + word.n > COLUMNS) {
			buf_puts(out, "\r\n");
			column = 0;
		}
		buf_putc(out, ' ');
		buf_str(out, word);
		column += 1 + word.n;
		first = false;
	}
	buf_puts(out, "\r\n");
}

void
compose_raw(struct buf *out, const char *name, struct str value)
{
	struct buf plain;

	buf_init(&plain, value.n);
	clean(value, &plain);
	put_folded(out, name, buf_view(&plain));
	buf_free(&plain);
}

void
compose_text(struct buf *out, const char *name, struct str utf8)
{
	struct buf plain, encoded;

	buf_init(&plain, utf8.n);
	buf_init(&encoded, utf8.n * 16 + 64);
	clean(utf8, &plain);
	rfc2047_encode(buf_view(&plain), false, &encoded);
	put_folded(out, name, buf_view(&encoded));
	buf_free(&encoded);
	buf_free(&plain);
}

/* ---- addresses ---- */

static bool
is_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 126 || is_cntl(s.p[i]))
			return false;
	return true;
}

static void
put_quoted(struct str s, struct buf *out)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, s.p[i]);
	}
	buf_putc(out, '"');
}

/* A display name: words as they are, a quoted string, or encoded words (RFC 5322 3.2.5). */
static void
put_phrase(struct str text, struct buf *out)
{
	struct buf plain;
	struct str s;
	bool special = false;

	buf_init(&plain, text.n);
	clean(text, &plain);
	s = str_trim(buf_view(&plain));
	for (size_t i = 0; i < s.n && !special; i++)
		special = strchr("()<>[]:;@\\,.\"", s.p[i]) != NULL;
	/* A quoted string is folded at its spaces, where the reader joins it again. */
	if (special && is_printable(s) && s.n <= COMPOSE_WORD_MAX / 2 &&
	    str_find(s, STR("=?")) == s.n)
		put_quoted(s, out);
	else
		rfc2047_encode(s, true, out);
	buf_free(&plain);
}

static void
put_mailbox(struct str display, struct str address, struct buf *out)
{
	size_t before = out->n;

	put_phrase(display, out);
	if (out->n > before)
		buf_putc(out, ' ');
	buf_putc(out, '<');
	clean(address, out);
	buf_putc(out, '>');
}

void
compose_address(struct buf *out, const char *name, struct str display, struct str address)
{
	const struct compose_item item = {.name = display, .email = address};

	compose_list(out, name, &item, 1);
}

void
compose_list(struct buf *out, const char *name, const struct compose_item *v, size_t n)
{
	struct buf value;
	bool first = true;
	size_t max = 64;

	for (size_t i = 0; i < n; i++)
		max += v[i].name.n * 16 + v[i].email.n + 64;
	buf_init(&value, max);
	for (size_t i = 0; i < n; i++) {
		if (v[i].kind == COMPOSE_END) {
			buf_putc(&value, ';');
			first = false;
			continue;
		}
		if (!first)
			buf_puts(&value, ", ");
		first = v[i].kind == COMPOSE_GROUP;
		if (v[i].kind == COMPOSE_MAILBOX) {
			put_mailbox(v[i].name, v[i].email, &value);
			continue;
		}
		if (v[i].name.n > 0)
			put_phrase(v[i].name, &value);
		else
			buf_puts(&value, "\"\"");
		buf_puts(&value, ": ");
	}
	put_folded(out, name, buf_view(&value));
	buf_free(&value);
}

/* ---- ids, addresses of the web, dates ---- */

static void
put_bracketed(struct buf *out, const char *name, const struct str *v, size_t n, const char *between)
{
	struct buf value;
	size_t max = 1;

	for (size_t i = 0; i < n; i++)
		max += v[i].n + 4;
	buf_init(&value, max);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_puts(&value, between);
		buf_putc(&value, '<');
		clean(v[i], &value);
		buf_putc(&value, '>');
	}
	put_folded(out, name, buf_view(&value));
	buf_free(&value);
}

void
compose_ids(struct buf *out, const char *name, const struct str *v, size_t n)
{
	put_bracketed(out, name, v, n, " ");
}

void
compose_urls(struct buf *out, const char *name, const struct str *v, size_t n)
{
	put_bracketed(out, name, v, n, ", ");
}

void
compose_date(struct buf *out, const char *name, int64_t utc, int32_t zone)
{
	unsigned ahead = (unsigned)(zone < 0 ? -zone : zone);
	char text[CLOCK_RFC5322_SIZE], line[CLOCK_RFC5322_SIZE + 8];
	size_t n;

	clock_rfc5322(utc + zone * 60, text);
	n = strlen(text);
	n -= n > 6 ? 6 : n; /* " +0000" */
	snprintf(line, sizeof(line), "%.*s %c%02u%02u", (int)n, text, zone < 0 ? '-' : '+',
	    ahead / 60 % 100, ahead % 60);
	compose_raw(out, name, str_z(line));
}

/* ---- parameters ---- */

#define PARAM_PIECE 60u /* octets of a value on one line */

/* RFC 2231 7: attribute-char. */
static bool
is_attribute_char(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$&+-.^_`{|}~", c) != NULL);
}

static void
put_extended(const char *name, struct str value, struct buf *out)
{
	bool pieces = value.n * 3 > PARAM_PIECE;
	unsigned number = 0;

	do {
		size_t used = 0;

		if (pieces)
			buf_printf(
			    out, ";\r\n\t%s*%u*=%s", name, number, number == 0 ? "utf-8''" : "");
		else
			buf_printf(out, ";\r\n\t%s*=utf-8''", name);
		for (; value.n > 0 && used + 3 <= PARAM_PIECE; value = str_from(value, 1)) {
			if (is_attribute_char(value.p[0])) {
				buf_putc(out, value.p[0]);
				used++;
			} else {
				buf_printf(out, "%%%02X", (unsigned)(unsigned char)value.p[0]);
				used += 3;
			}
		}
		number++;
	} while (value.n > 0);
}

void
compose_param(struct buf *out, const char *name, struct str utf8)
{
	struct buf plain;
	struct str s;
	bool token;

	buf_init(&plain, utf8.n);
	clean(utf8, &plain);
	s = buf_view(&plain);
	token = s.n > 0 && s.n <= PARAM_PIECE;
	for (size_t i = 0; i < s.n && token; i++)
		token = is_alnum(s.p[i]) || strchr("!#$&+-.^_`{|}~", s.p[i]) != NULL;
	if (!is_printable(s) || s.n > PARAM_PIECE) {
		put_extended(name, s, out);
	} else {
		buf_printf(out, ";\r\n\t%s=", name);
		if (token)
			buf_str(out, s);
		else
			put_quoted(s, out);
	}
	buf_free(&plain);
}

/* ---- what may be written ---- */

bool
compose_name_ok(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= 32 || name.p[i] == 127 || name.p[i] == ':')
			return false;
	return name.n > 0 && name.n <= COMPOSE_NAME_MAX && str_is_ascii(name);
}

bool
compose_word_ok(struct str word)
{
	for (size_t i = 0; i < word.n; i++)
		if (is_cntl(word.p[i]) || strchr(" <>", word.p[i]) != NULL)
			return false;
	return word.n > 0 && word.n <= COMPOSE_WORD_MAX && str_is_utf8(word);
}

bool
compose_email_ok(struct str email)
{
	struct address address;
	struct arena a;
	bool ok;

	if (email.n > ADDRESS_PATH_MAX)
		return false;
	arena_init(&a);
	ok = address_parse(email, ADDRESS_UTF8, &a, &address, NULL) == 0;
	arena_free(&a);
	if (ok || !compose_word_ok(email))
		return ok;
	for (size_t i = 0; i < email.n; i++)
		if (strchr("()[]:;\\,\"", email.p[i]) != NULL)
			return false;
	return true;
}

static bool
is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 32 || s.p[i] == 127 || strchr("()<>@,;:\\\"/[]?=", s.p[i]) != NULL)
			return false;
	return s.n > 0 && s.n <= COMPOSE_NAME_MAX && str_is_ascii(s);
}

bool
compose_type_ok(struct str type)
{
	struct str main;

	return str_cut(&type, '/', &main) && is_token(main) && is_token(type);
}

bool
compose_foldable(struct str value)
{
	struct str word;
	bool more = true;

	while (more) {
		more = str_cut(&value, ' ', &word);
		if (word.n > COMPOSE_WORD_MAX)
			return false;
	}
	return true;
}

/* ---- bodies ---- */

void
compose_boundary(struct str mid, unsigned level, char out[40])
{
	/* "=_" cannot stand in quoted-printable text, nor in base64 (RFC 2045 6.7). */
	snprintf(out, 40, "=_%u-%.*s", level, (int)(mid.n < 24 ? mid.n : 24), mid.p);
}

void
compose_lines(struct buf *out, struct str text)
{
	struct str line;

	while (text.n > 0) {
		str_cut(&text, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		buf_str(out, line);
		buf_puts(out, "\r\n");
	}
}
