/*
 * origin.c - see origin.h.
 *
 * Text is brought to one form first (compatibility decomposition, case), so that letters drawn
 * wide or an "@" of another block are what a model would make of them; "(at)" and "[dot]" are read
 * as such.
 */
#include "mcpd/origin.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"

#define VALUE_MAX 254u /* RFC 5321 4.5.3.1.3 */
#define MARKS_MAX 4u
#define TEXT_MAX  (256u << 10) /* of one text; more is never shown at a time */

struct value {
	UT_hash_handle hh;
	struct origin origin;
	char text[]; /* of the key */
};

struct origins {
	struct value *all;
	size_t n;
	bool full;
	struct origin beyond; /* what did not fit */
};

struct origins *
origins_new(void)
{
	return mem_alloc(sizeof(struct origins));
}

void
origins_free(struct origins **op)
{
	struct value *v, *tmp;

	if (*op == NULL)
		return;
	HASH_ITER (hh, (*op)->all, v, tmp) {
		HASH_DEL((*op)->all, v);
		free(v);
	}
	free(*op);
	*op = NULL;
}

static struct value *
find(const struct origins *o, struct str text)
{
	struct value *v;

	HASH_FIND(hh, o->all, text.p, text.n, v);
	return v;
}

static struct origin
origin_of(struct str email, const char *where)
{
	struct origin out = {.where = where};

	(void)str_cz(email, out.email, sizeof out.email);
	return out;
}

static void
add(struct origins *o, struct str text, struct str email, const char *where)
{
	struct value *v;

	if (text.n == 0 || text.n > VALUE_MAX || find(o, text) != NULL)
		return;
	if (o->n == ORIGIN_VALUES_MAX) {
		if (!o->full)
			o->beyond = origin_of(email, where);
		o->full = true;
		return;
	}
	v = mem_alloc(sizeof *v + text.n + 1);
	memcpy(v->text, text.p, text.n);
	v->origin = origin_of(email, where);
	HASH_ADD_KEYPTR(hh, o->all, v->text, text.n, v);
	o->n++;
}

/* ---- one form ---- */

static void
fold(struct str s, struct buf *out)
{
	utf8proc_uint8_t *folded = NULL;
	utf8proc_ssize_t n =
	    utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &folded,
		UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
		    UTF8PROC_IGNORE);

	if (n > 0)
		buf_put(out, folded, (size_t)n);
	free(folded);
}

/* "(at)", " [dot] ", "%40": the character that is meant, with the blanks around it. */
static size_t
disguised(struct str s, char *c)
{
	static const struct {
		const char *text;
		char c;
	} all[] = {{"(at)", '@'}, {"[at]", '@'}, {"{at}", '@'}, {"<at>", '@'}, {"%40", '@'},
	    {"(dot)", '.'}, {"[dot]", '.'}, {"{dot}", '.'}, {"<dot>", '.'}, {"(.)", '.'},
	    {"[.]", '.'}, {"(@)", '@'}, {"[@]", '@'}, {"(punkt)", '.'}, {"(point)", '.'},
	    {"[point]", '.'}, {"(arobase)", '@'}, {"[arobase]", '@'}};
	size_t before = 0, after;

	while (before < s.n && s.p[before] == ' ')
		before++;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!str_starts(str_from(s, before), str_z(all[i].text)))
			continue;
		after = before + strlen(all[i].text);
		while (after < s.n && s.p[after] == ' ')
			after++;
		*c = all[i].c;
		return after;
	}
	return 0;
}

/* Of what is not ASCII letters, marks and digits only: the rest ends a word. IDEOGRAPHIC FULL STOP
 * is a dot between labels (UTS 46). */
static size_t
put_wide(struct str s, struct buf *out)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t n =
	    utf8proc_iterate((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &c);
	utf8proc_category_t category = n > 0 ? utf8proc_category(c) : UTF8PROC_CATEGORY_CN;

	if (n <= 0)
		n = 1;
	if (c == 0x3002)
		buf_putc(out, '.');
	else if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO)
		buf_put(out, s.p, (size_t)n);
	else
		buf_putc(out, ' ');
	return (size_t)n;
}

/* A run of blanks is looked at once: what stands behind it says whether it counts. */
static void
plain(struct str s, struct buf *out)
{
	size_t n;
	char c;

	while (s.n > 0) {
		bool may = str_chr(STR("([{<% "), s.p[0]) < 6 &&
			   !(out->n > 0 && s.p[0] == ' ' && out->p[out->n - 1] == ' ');

		if (may && (n = disguised(s, &c)) > 0) {
			buf_putc(out, c);
		} else if ((unsigned char)s.p[0] >= 0x80) {
			n = put_wide(s, out);
		} else {
			buf_putc(out, s.p[0]);
			n = 1;
		}
		s = str_from(s, n);
	}
}

/* ---- addresses and hosts in it ---- */

static bool
is_host(char c, bool ascii)
{
	return is_alnum(c) || c == '-' || c == '.' || (!ascii && (unsigned char)c >= 0x80);
}

/* RFC 5322 3.2.3 with those of RFC 6532. ascii: of writing without blanks between words only what
 * an address is likely to be. */
static bool
is_local(char c, bool ascii)
{
	return is_host(c, ascii) || str_chr(STR("!#$%&'*+/=?^_`{|}~"), c) < 18;
}

/* Dots and dashes at its ends are not the host's. */
static struct str
trimmed(struct str s)
{
	while (s.n > 0 && (s.p[0] == '.' || s.p[0] == '-'))
		s = str_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == '-'))
		s.n--;
	return s;
}

/* Two labels or more, the last one no number: not a sum of money and not a version. */
static bool
is_host_name(struct str s)
{
	size_t dot = str_rchr(s, '.');

	return dot < s.n && s.n - dot > 2 && !is_digit(s.p[dot + 1]);
}

static struct str
host_at(struct str s, size_t at, bool ascii)
{
	size_t n = 0;

	while (at + n < s.n && is_host(s.p[at + n], ascii))
		n++;
	return trimmed(str_sub(s, at, n));
}

static size_t
local_from(struct str s, size_t at, bool ascii)
{
	size_t from = at;

	while (from > 0 && at - from < VALUE_MAX && is_local(s.p[from - 1], ascii))
		from--;
	return from;
}

/* "to='x@there.test": an address may begin behind each mark that could also be of its name. */
static void
add_addresses(struct origins *o, struct str s, size_t at, struct str host, bool ascii,
    struct str email, const char *where)
{
	size_t end = (size_t)(host.p - s.p) + host.n, marks = 0, from = local_from(s, at, ascii);

	for (size_t i = at; i > from; i--) {
		bool first = i - 1 == from;
		bool mark = !is_host(s.p[i - 1], false) && s.p[i - 1] != '_';

		if (mark && i < at && marks++ < MARKS_MAX)
			add(o, str_sub(s, i, end - i), email, where);
		if (first)
			add(o, str_sub(s, i - 1, end - i + 1), email, where);
	}
}

/* Each run of a host's characters is walked through where it begins, never from within. */
static void
scan(struct origins *o, struct str s, struct str email, const char *where)
{
	struct str host;

	for (size_t i = 0; i < s.n; i++) {
		bool is_at = s.p[i] == '@';
		bool begins = is_host(s.p[i], false) &&
			      (i == 0 || (!is_host(s.p[i - 1], false) && s.p[i - 1] != '@'));

		for (int ascii = 0; ascii < 2 && (is_at || begins); ascii++) {
			host = host_at(s, i + is_at, ascii);
			if (is_at && host.n > 0)
				add_addresses(o, s, i, host, ascii, email, where);
			else if (begins && is_host_name(host))
				add(o, host, email, where);
		}
	}
}

void
origins_see(struct origins *o, struct str text, struct str email, const char *where)
{
	struct buf folded, flat;

	buf_init(&folded, 4 * TEXT_MAX);
	buf_init(&flat, 4 * TEXT_MAX);
	fold(str_cut_utf8(text, TEXT_MAX), &folded);
	plain(buf_view(&folded), &flat);
	scan(o, buf_view(&flat), email, where);
	buf_free(&folded);
	buf_free(&flat);
}

const struct origin *
origins_find(const struct origins *o, struct str address)
{
	const struct value *v = NULL;
	struct buf folded;
	size_t at;

	buf_init(&folded, 4 * TEXT_MAX);
	fold(str_sub(address, 0, TEXT_MAX), &folded);
	v = find(o, buf_view(&folded));
	at = str_rchr(buf_view(&folded), '@');
	if (v == NULL && at < folded.n)
		v = find(o, str_from(buf_view(&folded), at + 1));
	buf_free(&folded);
	return v != NULL ? &v->origin : o->full ? &o->beyond : NULL;
}
