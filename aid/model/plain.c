/*
 * plain.c - a model's words as text. See plain.h.
 *
 * Owner: who made it. Errors: none; what does not fit is taken for unknown.
 */
#include "aid/model/plain.h"

#include <stdlib.h>

#include "base/mem.h"
#include "mail/visible.h"

/* Schemes without "//" that a page or a program would follow. */
static const char *const bare_schemes[] = {"mailto:", "javascript:", "data:", "vbscript:", "tel:",
    "sms:", "file:", "blob:", "cid:", "about:", "view-source:", "intent:", "callto:", "magnet:"};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* An address ends before these, wherever it stands (RFC 3986 appendix C, and Markdown's marks). */
static bool
ends_address(char c)
{
	return is_blank(c) || (c != '\0' && strchr("<>\"`\\^{}|[]()'", c) != NULL);
}

static bool
is_scheme_char(char c)
{
	return is_alnum(c) || c == '+' || c == '-' || c == '.';
}

/* A scheme that begins at s[at]: its octets with colon and slashes, or 0. */
static size_t
scheme_at(struct str s, size_t at)
{
	struct str rest = str_from(s, at);
	size_t n = 0;

	if (!is_scheme_char(s.p[at]) || (at > 0 && is_scheme_char(s.p[at - 1])))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(bare_schemes); i++)
		if (str_istarts(rest, str_z(bare_schemes[i])))
			n = strlen(bare_schemes[i]);
	if (n == 0) {
		while (n < rest.n && is_scheme_char(rest.p[n]))
			n++;
		if (!str_starts(str_from(rest, n), STR("://")))
			return 0;
		n++;
	}
	while (n < rest.n && rest.p[n] == '/')
		n++;
	return n;
}

/* The whole address that begins at s[at], without the punctuation that ends a sentence. */
static struct str
address_at(struct str s, size_t at, size_t scheme)
{
	size_t n = scheme;

	while (at + n < s.n && !ends_address(s.p[at + n]))
		n++;
	while (n > scheme && strchr(".,;:!?*_~", s.p[at + n - 1]) != NULL)
		n--;
	return str_sub(s, at, n);
}

static bool
is_known(const struct plain *p, struct str address)
{
	for (size_t i = 0; i < p->nlinks; i++)
		if (str_eq(p->links[i], address))
			return true;
	return false;
}

void
plain_know(struct plain *p, struct str source)
{
	for (size_t at = 0; at < source.n; at++) {
		size_t scheme = scheme_at(source, at);
		struct str address;

		if (scheme == 0)
			continue;
		address = address_at(source, at, scheme);
		at += address.n > 0 ? address.n - 1 : 0;
		if (address.n > PLAIN_WORD_MAX / 2 || p->nlinks == PLAIN_LINKS ||
		    is_known(p, address))
			continue;
		if (p->nlinks == p->room) {
			struct str *more = arena_array(p->arena, p->room * 2 + 16, sizeof(*more));

			if (p->nlinks > 0)
				memcpy(more, p->links, p->nlinks * sizeof(*more));
			p->links = more;
			p->room = p->room * 2 + 16;
		}
		p->links[p->nlinks++] = arena_dup(p->arena, address);
	}
}

/* Without the schemes of addresses that are not known. */
static void
put_links(const struct plain *p, struct str w, struct buf *out)
{
	size_t from = 0;

	for (size_t at = 0; at < w.n; at++) {
		size_t scheme = scheme_at(w, at);
		struct str address;

		if (scheme == 0)
			continue;
		address = address_at(w, at, scheme);
		if (is_known(p, address)) {
			at += address.n - 1;
			continue;
		}
		(void)buf_str(out, str_sub(w, from, at - from));
		from = at + scheme;
		at = from - 1; /* another scheme may hide behind it */
	}
	(void)buf_str(out, str_from(w, from));
}

/* "![" begins an image in Markdown. */
static void
drop_image_marks(struct str w, struct buf *out)
{
	for (size_t i = 0; i < w.n; i++) {
		size_t end = i;

		while (end < w.n && w.p[end] == '!')
			end++;
		if (end > i && end < w.n && w.p[end] == '[')
			i = end;
		(void)buf_putc(out, w.p[i]);
	}
}

/* A word: what stands between blanks. What is not seen goes first, or it would hide a scheme. */
static void
say_word(struct plain *p, struct str w)
{
	struct buf seen, linked, out;

	buf_init(&seen, 4 * PLAIN_WORD_MAX);
	buf_init(&linked, 4 * PLAIN_WORD_MAX);
	buf_init(&out, 4 * PLAIN_WORD_MAX);
	(void)visible_text(w, 4 * PLAIN_WORD_MAX, &seen);
	put_links(p, buf_view(&seen), &linked);
	drop_image_marks(buf_view(&linked), &out);
	if (out.n > 0)
		p->say(p->arg, buf_view(&out));
	buf_free(&seen);
	buf_free(&linked);
	buf_free(&out);
}

/* Too long for any address that is known: nothing in it can lead anywhere. */
static void
say_long(struct plain *p, struct str w)
{
	char *q = mem_dup(w.p, w.n);

	for (size_t i = 0; i < w.n; i++)
		if (q[i] == ':' || (q[i] == '!' && (i + 1 == w.n || q[i + 1] == '[')))
			q[i] = ' ';
	p->say(p->arg, str_of(q, w.n));
	free(q);
}

static void
flush(struct plain *p, bool whole)
{
	if (p->word.n == 0)
		return;
	if (whole)
		say_word(p, buf_view(&p->word));
	else
		say_long(p, buf_view(&p->word));
	buf_reset(&p->word);
}

void
plain_put(struct plain *p, struct str text)
{
	size_t from = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (!is_blank(text.p[i])) {
			if (buf_putc(&p->word, text.p[i]) < 0) {
				flush(p, false);
				(void)buf_putc(&p->word, text.p[i]);
			}
			from = i + 1;
			continue;
		}
		flush(p, true);
		while (i + 1 < text.n && is_blank(text.p[i + 1]))
			i++;
		p->say(p->arg, str_sub(text, from, i + 1 - from));
		from = i + 1;
	}
}

void
plain_end(struct plain *p)
{
	flush(p, true);
}

void
plain_init(struct plain *p, struct arena *a, void (*fn)(void *arg, struct str text), void *arg)
{
	memset(p, 0, sizeof(*p));
	buf_init(&p->word, PLAIN_WORD_MAX);
	p->arena = a;
	p->say = fn;
	p->arg = arg;
}

void
plain_free(struct plain *p)
{
	buf_free(&p->word);
}
