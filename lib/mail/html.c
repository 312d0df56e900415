/*
 * html.c - plain text of HTML.
 *
 * Tokens are cut as HTML 13.2.5 (WHATWG) says, so that what a browser takes for a tag, a comment or
 * the value of an attribute is taken for one here; trees are not made. Each step takes octets off
 * the front of what is left and none comes back, hence the linear time.
 */
#include "mail/html.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "mail/html_seen.h"

#define NAME_MAX_LEN  10u /* of the elements that matter, "blockquote" */
#define ENTITY_MAX    8u  /* "thetasym" */
#define DIGITS_MAX    8u
#define REPLACEMENT_C 0xfffdu

struct html {
	struct str in; /* what is left */
	struct buf *out;
	size_t room; /* octets that may still go out */
	unsigned options;
	unsigned breaks; /* line ends before the next text, at most 2 */
	bool space;      /* a blank before the next text */
	bool any;        /* something has gone out */
	bool full;
	unsigned pre;                  /* open pre elements: line ends count */
	char hidden[NAME_MAX_LEN + 1]; /* the element that hides what is in it */
	unsigned hidden_depth;         /* of that name open; 0: nothing is hidden */
	struct seen *seen;             /* of HTML_SEEN; or NULL */
};

/* ---- elements ---- */

enum kind {
	KIND_INLINE,    /* all others */
	KIND_BLOCK,     /* on lines of its own */
	KIND_PARAGRAPH, /* with an empty line around */
	KIND_BREAK,
	KIND_CELL,
	KIND_PRE,
	KIND_QUOTE,
	KIND_RAW,  /* no markup inside, and not shown */
	KIND_HIDE, /* not shown */
	KIND_VOID  /* no end, nothing inside */
};

/* In order of octets. */
static const struct {
	char name[NAME_MAX_LEN + 1];
	unsigned char kind;
} elements[] = {{"address", KIND_BLOCK}, {"area", KIND_VOID}, {"article", KIND_BLOCK},
    {"aside", KIND_BLOCK}, {"audio", KIND_HIDE}, {"base", KIND_VOID}, {"blockquote", KIND_QUOTE},
    {"br", KIND_BREAK}, {"caption", KIND_BLOCK}, {"center", KIND_BLOCK}, {"col", KIND_VOID},
    {"dd", KIND_BLOCK}, {"details", KIND_BLOCK}, {"dir", KIND_BLOCK}, {"div", KIND_BLOCK},
    {"dl", KIND_PARAGRAPH}, {"dt", KIND_BLOCK}, {"embed", KIND_VOID}, {"fieldset", KIND_BLOCK},
    {"figcaption", KIND_BLOCK}, {"figure", KIND_BLOCK}, {"footer", KIND_BLOCK},
    {"form", KIND_BLOCK}, {"h1", KIND_PARAGRAPH}, {"h2", KIND_PARAGRAPH}, {"h3", KIND_PARAGRAPH},
    {"h4", KIND_PARAGRAPH}, {"h5", KIND_PARAGRAPH}, {"h6", KIND_PARAGRAPH}, {"header", KIND_BLOCK},
    {"hr", KIND_BREAK}, {"iframe", KIND_RAW}, {"img", KIND_VOID}, {"input", KIND_VOID},
    {"legend", KIND_BLOCK}, {"li", KIND_BLOCK}, {"link", KIND_VOID}, {"main", KIND_BLOCK},
    {"menu", KIND_BLOCK}, {"meta", KIND_VOID}, {"nav", KIND_BLOCK}, {"noembed", KIND_RAW},
    {"noframes", KIND_RAW}, {"ol", KIND_PARAGRAPH}, {"option", KIND_BLOCK}, {"p", KIND_PARAGRAPH},
    {"param", KIND_VOID}, {"pre", KIND_PRE}, {"script", KIND_RAW}, {"section", KIND_BLOCK},
    {"source", KIND_VOID}, {"style", KIND_RAW}, {"summary", KIND_BLOCK}, {"table", KIND_PARAGRAPH},
    {"tbody", KIND_BLOCK}, {"td", KIND_CELL}, {"template", KIND_HIDE}, {"tfoot", KIND_BLOCK},
    {"th", KIND_CELL}, {"thead", KIND_BLOCK}, {"title", KIND_RAW}, {"tr", KIND_BLOCK},
    {"track", KIND_VOID}, {"ul", KIND_PARAGRAPH}, {"video", KIND_HIDE}, {"wbr", KIND_VOID}};

static enum kind
kind_of(const char *name)
{
	size_t low = 0, high = ARRAY_LEN(elements);

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(name, elements[middle].name);

		if (order == 0)
			return (enum kind)elements[middle].kind;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return KIND_INLINE;
}

static bool
is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* ---- text out ---- */

static void
line_break(struct html *h, unsigned n)
{
	if (h->breaks < n)
		h->breaks = n;
}

/* A line end that adds to those before it. */
static void
one_more_break(struct html *h)
{
	if (h->breaks < 2)
		h->breaks++;
}

/* Whole characters as far as there is room. */
static void
put(struct html *h, struct str s)
{
	if (s.n > h->room) {
		s.n = h->room;
		while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
			s.n--;
		h->full = true;
	}
	h->room -= s.n;
	if (buf_str(h->out, s) < 0)
		h->full = true;
}

static void
emit(struct html *h, struct str s)
{
	if (h->any && h->breaks > 0)
		put(h, str_of("\n\n", h->breaks));
	else if (h->any && h->space)
		put(h, STR(" "));
	h->breaks = 0;
	h->space = false;
	h->any = true;
	if (!h->full)
		put(h, s);
}

/* A character that stands for what it is not: a blank, or nothing. */
static bool
emit_invisible(struct html *h, unsigned c)
{
	/* NO-BREAK SPACE */
	if (c == 0xa0 || (c < 128 && is_white((char)c))) {
		h->space = true;
		return true;
	}
	/* SOFT HYPHEN, ZERO WIDTH SPACE and BYTE ORDER MARK stand inside words. */
	return c == 0xad || c == 0x200b || c == 0xfeff || c < 32 || (c >= 127 && c < 0xa0);
}

static void
emit_char(struct html *h, unsigned c)
{
	unsigned char text[4];

	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = REPLACEMENT_C;
	if (!emit_invisible(h, c))
		emit(h, str_of(text, (size_t)utf8proc_encode_char((utf8proc_int32_t)c, text)));
}

/* ---- entities ---- */

static int
digit_value(char c, unsigned base)
{
	int v = is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10;

	return (is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f')) && v < (int)base ? v
											    : -1;
}

/* "&#8364;", "&#x20ac;"; in stands behind the '#'. Returns the octets taken of in; 0: none. */
static size_t
number(struct str in, unsigned *c)
{
	/* windows-1252 is what such numbers mean (HTML 13.2.5.80). */
	static const unsigned short c1[32] = {0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020,
	    0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019,
	    0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d,
	    0x17e, 0x178};
	unsigned base = in.n > 0 && to_lower(in.p[0]) == 'x' ? 16 : 10;
	size_t start = base == 16, i = start;

	*c = 0;
	for (; i < in.n && digit_value(in.p[i], base) >= 0; i++)
		if (*c <= 0x10ffff)
			*c = *c * base + (unsigned)digit_value(in.p[i], base);
	if (i == start)
		return 0;
	if (*c >= 0x80 && *c < 0xa0)
		*c = c1[*c - 0x80];
	return i + (i < in.n && in.p[i] == ';');
}

/* s begins with '&'. Returns the octets taken. */
static size_t
entity(struct html *h, struct str s)
{
	size_t n = 1;
	unsigned c;

	if (s.n > 1 && s.p[1] == '#') {
		if ((n = number(str_from(s, 2), &c)) > 0) {
			emit_char(h, c);
			return n + 2;
		}
	} else {
		while (n < s.n && n <= ENTITY_MAX && is_alnum(s.p[n]))
			n++;
		c = html_entity(str_sub(s, 1, n - 1));
		/* Without its ';' only the oldest ones are known (HTML 13.5). */
		if (c != 0 && ((n < s.n && s.p[n] == ';') || (c < 256 && c != '\''))) {
			emit_char(h, c);
			return n + (n < s.n && s.p[n] == ';');
		}
	}
	emit(h, STR("&"));
	return 1;
}

/* ---- text in ---- */

/* Octets that need a look: blanks, controls, '<', '&', and those that invisible characters begin
 * with (U+00A0, U+00AD, U+200B, U+FEFF). */
static bool
is_special(unsigned char c)
{
	return c <= ' ' || c == '<' || c == '&' || c == 0x7f || c == 0xc2 || c == 0xe2 || c == 0xef;
}

/* One of those but '<' at the front of s. Returns the octets taken. */
static size_t
special(struct html *h, struct str s)
{
	utf8proc_int32_t c = 0;
	utf8proc_ssize_t n;

	if (s.p[0] == '&')
		return entity(h, s);
	if (is_white(s.p[0])) {
		if (s.p[0] == '\n' && h->pre > 0)
			one_more_break(h);
		h->space = true;
		return 1;
	}
	n = utf8proc_iterate((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &c);
	if (n <= 0) {
		emit(h, str_of(s.p, 1));
		return 1;
	}
	if (!emit_invisible(h, (unsigned)c))
		emit(h, str_of(s.p, (size_t)n));
	return (size_t)n;
}

/* Text without markup. */
static void
text(struct html *h, struct str s)
{
	while (s.n > 0 && !h->full) {
		size_t n = 0;

		while (n < s.n && !is_special((unsigned char)s.p[n]))
			n++;
		if (n > 0)
			emit(h, str_of(s.p, n));
		else if (s.p[0] == '<')
			emit(h, str_of(s.p, n = 1));
		else
			n = special(h, s);
		s = str_from(s, n);
	}
}

/* ---- tags ---- */

struct tag {
	char name[NAME_MAX_LEN + 1]; /* empty for one that is longer than those that matter */
	bool end, hidden;
	struct str alt, title;
	struct seen_element seen;
};

/* The next attribute of the tag at the front of *in: 1; 0 behind the tag's end; -1: it has none. */
static int
next_attribute(struct str *in, struct str *name, struct str *value)
{
	size_t n = 0;

	*value = STR_NONE;
	while (in->n > 0 && (is_white(in->p[0]) || in->p[0] == '/'))
		*in = str_from(*in, 1);
	if (in->n == 0)
		return -1;
	if (in->p[0] == '>') {
		*in = str_from(*in, 1);
		return 0;
	}
	/* A '=' may begin a name. */
	do
		n++;
	while (n < in->n && !is_white(in->p[n]) && in->p[n] != '/' && in->p[n] != '>' &&
	       in->p[n] != '=');
	*name = str_sub(*in, 0, n);
	for (*in = str_from(*in, n); in->n > 0 && is_white(in->p[0]);)
		*in = str_from(*in, 1);
	if (in->n == 0 || in->p[0] != '=')
		return 1;
	for (*in = str_from(*in, 1); in->n > 0 && is_white(in->p[0]);)
		*in = str_from(*in, 1);
	if (in->n > 0 && (in->p[0] == '"' || in->p[0] == '\'')) {
		char quote = in->p[0];

		*in = str_from(*in, 1);
		str_cut(in, quote, value);
		return 1;
	}
	for (n = 0; n < in->n && !is_white(in->p[n]) && in->p[n] != '>';)
		n++;
	*value = str_sub(*in, 0, n);
	*in = str_from(*in, n);
	return 1;
}

/* Does a style keep its element from being shown? */
static bool
style_hides(struct str style)
{
	static const struct {
		struct str property, value;
	} hiding[] = {{STR_INIT("display"), STR_INIT("none")},
	    {STR_INIT("visibility"), STR_INIT("hidden")}, {STR_INIT("mso-hide"), STR_INIT("all")}};
	struct str declaration, property;

	while (style.n > 0) {
		str_cut(&style, ';', &declaration);
		if (!str_cut(&declaration, ':', &property))
			continue;
		for (size_t i = 0; i < ARRAY_LEN(hiding); i++)
			if (str_ieq(str_trim(property), hiding[i].property) &&
			    str_istarts(str_trim(declaration), hiding[i].value))
				return true;
	}
	return false;
}

static void
seen_attribute(struct seen_element *e, struct str name, struct str value)
{
	if (str_ieq(name, STR("class")))
		e->classes = value;
	else if (str_ieq(name, STR("id")))
		e->id = value;
	else if (str_ieq(name, STR("color")) || str_ieq(name, STR("text")))
		e->color = value;
	else if (str_ieq(name, STR("bgcolor")) || str_ieq(name, STR("background")))
		e->background = value;
	else if (str_ieq(name, STR("size")))
		e->size = value;
}

/* A tag behind its '<' and '/', taken from h->in. What has no end is none. */
static bool
take_tag(struct html *h, struct tag *t)
{
	struct str name, value;
	size_t n = 0;
	int more;

	while (n < h->in.n && !is_white(h->in.p[n]) && h->in.p[n] != '/' && h->in.p[n] != '>')
		n++;
	if (n <= NAME_MAX_LEN)
		str_lower(str_sub(h->in, 0, n), t->name);
	t->seen.name = str_sub(h->in, 0, n);
	h->in = str_from(h->in, n);
	while ((more = next_attribute(&h->in, &name, &value)) > 0) {
		if (str_ieq(name, STR("hidden"))) {
			t->hidden = true;
		} else if (str_ieq(name, STR("style"))) {
			t->hidden = t->hidden || style_hides(value);
			t->seen.style = value;
		} else if (str_ieq(name, STR("alt")))
			t->alt = value;
		else if (str_ieq(name, STR("title")))
			t->title = value;
		else
			seen_attribute(&t->seen, name, value);
	}
	t->seen.hidden = t->hidden;
	return more == 0;
}

/* What no markup is looked for in ends before its end tag, or not at all. */
static void
skip_raw(struct html *h, const char *name)
{
	size_t length = strlen(name);

	for (;;) {
		h->in = str_from(h->in, str_chr(h->in, '<'));
		if (h->in.n == 0)
			return;
		if (h->in.n > length + 2 && h->in.p[1] == '/' &&
		    str_ieq(str_sub(h->in, 2, length), str_of(name, length)) &&
		    (is_white(h->in.p[length + 2]) || h->in.p[length + 2] == '/' ||
			h->in.p[length + 2] == '>'))
			return;
		h->in = str_from(h->in, 1);
	}
}

/* A paragraph ends where the next block begins (HTML 13.2.6.4.7). */
static bool
ends_paragraph(enum kind kind)
{
	return kind == KIND_BLOCK || kind == KIND_PARAGRAPH || kind == KIND_PRE ||
	       kind == KIND_QUOTE;
}

/* Inside of what is hidden only its end counts. */
static void
hidden_tag(struct html *h, const struct tag *t, enum kind kind)
{
	if (!t->end && strcmp(h->hidden, "p") == 0 && ends_paragraph(kind))
		h->hidden_depth = 0;
	else if (strcmp(t->name, h->hidden) == 0)
		h->hidden_depth = t->end ? h->hidden_depth - 1 : h->hidden_depth + 1;
}

static void
attribute_text(struct html *h, struct str s)
{
	if (s.n == 0 || (h->options & HTML_ATTRIBUTES) == 0)
		return;
	h->space = true;
	text(h, s);
	h->space = true;
}

static void
breaks_of(struct html *h, enum kind kind, bool end)
{
	switch (kind) {
	case KIND_BLOCK:
		line_break(h, 1);
		break;
	case KIND_PARAGRAPH:
	case KIND_QUOTE:
		line_break(h, 2);
		break;
	case KIND_PRE:
		line_break(h, 2);
		if (!end)
			h->pre++;
		else if (h->pre > 0)
			h->pre--;
		break;
	case KIND_BREAK:
		one_more_break(h);
		break;
	case KIND_CELL:
		h->space = true;
		break;
	case KIND_INLINE:
	case KIND_RAW:
	case KIND_HIDE:
	case KIND_VOID:
		break;
	}
}

static bool
is_hidden(const struct html *h)
{
	return h->hidden_depth > 0 || (h->seen != NULL && !seen_now(h->seen));
}

/* Elements that go on behind the block that they were opened in (HTML 13.2.4.3). */
static bool
is_formatting(const char *name)
{
	static const char *const names[] = {"a", "b", "big", "code", "em", "font", "i", "nobr", "s",
	    "small", "strike", "strong", "tt", "u"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* What the page leaves out with all that is in it: it is no text, or for programs that lack
 * something. */
static bool
is_unshown(const char *name)
{
	static const char *const names[] = {
	    "colgroup", "datalist", "math", "noscript", "plaintext", "svg", "xmp"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void
seen_tag(struct html *h, struct tag *t, enum kind kind)
{
	if (h->seen == NULL || kind == KIND_VOID || kind == KIND_BREAK || kind == KIND_RAW)
		return;
	t->seen.hidden |= is_unshown(t->name);
	t->seen.level = is_formatting(t->name) ? SEEN_FORMATTING
			: kind == KIND_INLINE  ? SEEN_INLINE
					       : SEEN_BLOCK;
	if (t->end)
		seen_end(h->seen, t->seen.name, t->seen.level);
	else
		seen_begin(h->seen, &t->seen);
}

static void
tag(struct html *h, bool end)
{
	struct tag t = {.end = end};
	enum kind kind;

	if (!take_tag(h, &t))
		return;
	kind = kind_of(t.name);
	seen_tag(h, &t, kind);
	if (h->hidden_depth > 0)
		hidden_tag(h, &t, kind);
	if (h->hidden_depth == 0) {
		bool hides = t.hidden || kind == KIND_HIDE ||
			     (kind == KIND_QUOTE && (h->options & HTML_NO_QUOTES) != 0);

		breaks_of(h, kind, end);
		if (!end && hides && kind != KIND_VOID && kind != KIND_BREAK && t.name[0] != '\0') {
			memcpy(h->hidden, t.name, sizeof(t.name));
			h->hidden_depth = 1;
		} else if (!end && !hides && !is_hidden(h)) {
			attribute_text(h, t.title);
			attribute_text(h, t.alt);
		}
	}
	if (kind == KIND_RAW && !end)
		skip_raw(h, t.name);
}

/* ---- markup ---- */

/* Moves behind the next `end`, or to the end of all. */
static void
skip_past(struct html *h, struct str end)
{
	h->in = str_from(h->in, str_find(h->in, end));
	h->in = str_from(h->in, end.n);
}

/* "<!--" has been seen (HTML 13.2.5.43). */
static void
comment(struct html *h)
{
	h->in = str_from(h->in, 4);
	if (str_starts(h->in, STR(">")) || str_starts(h->in, STR("->")))
		skip_past(h, STR(">"));
	else
		skip_past(h, STR("-->"));
}

/* '<' is at the front. */
static void
markup(struct html *h)
{
	char next = h->in.n > 1 ? h->in.p[1] : ' ';

	if (is_alpha(next)) {
		h->in = str_from(h->in, 1);
		tag(h, false);
	} else if (next == '/' && h->in.n > 2 && is_alpha(h->in.p[2])) {
		h->in = str_from(h->in, 2);
		tag(h, true);
	} else if (str_starts(h->in, STR("<!--"))) {
		comment(h);
	} else if (next == '!' || next == '?' || next == '/') {
		skip_past(h, STR(">"));
	} else {
		if (!is_hidden(h))
			emit(h, STR("<"));
		h->in = str_from(h->in, 1);
	}
}

/* Sheets count for what stands before them as well. */
static void
read_sheets(struct seen *seen, struct str html)
{
	struct html h = {.in = html};

	seen_init(seen);
	for (;;) {
		struct tag t = {.end = false};
		struct str from;

		h.in = str_from(h.in, str_chr(h.in, '<'));
		if (h.in.n == 0)
			return;
		if (str_starts(h.in, STR("<!--"))) {
			comment(&h);
			continue;
		}
		h.in = str_from(h.in, 1);
		if (h.in.n == 0 || !is_alpha(h.in.p[0]) || !take_tag(&h, &t))
			continue;
		if (kind_of(t.name) != KIND_RAW)
			continue;
		from = h.in;
		skip_raw(&h, t.name);
		if (strcmp(t.name, "style") == 0)
			seen_sheet(seen, str_sub(from, 0, from.n - h.in.n));
	}
}

void
html_text(struct str html, unsigned options, size_t max, struct buf *out)
{
	struct html h = {.in = html, .out = out, .room = max, .options = options};

	if ((options & HTML_SEEN) != 0) {
		h.seen = mem_alloc(sizeof(*h.seen));
		read_sheets(h.seen, html);
	}
	while (h.in.n > 0 && !h.full) {
		size_t n = str_chr(h.in, '<');

		if (n == 0) {
			markup(&h);
			continue;
		}
		if (!is_hidden(&h))
			text(&h, str_sub(h.in, 0, n));
		h.in = str_from(h.in, n);
	}
	free(h.seen);
}
