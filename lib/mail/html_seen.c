/*
 * html_seen.c - see html_seen.h.
 */
#include "mail/html_seen.h"

#include "base/mem.h"
#include "base/num.h"

#define WHITE          0xffffff
#define TRANSPARENT    (-2)
#define TEXT_SIZE      1600 /* hundredths of a pixel */
#define SMALLEST       300  /* smaller letters are not read */
#define NEAREST        0x20 /* colours nearer to one another than this look alike */
#define FAR_OUT        (-30000)
#define DECLARATIONS_N 64u /* looked at in one style */

/* ---- numbers and colours ---- */

static struct str
word(struct str *s)
{
	struct str w;
	size_t n = 0;

	*s = str_trim(*s);
	while (n < s->n && !is_space(s->p[n]) && s->p[n] != ',' && s->p[n] != '/')
		n++;
	w = str_sub(*s, 0, n);
	*s = str_from(*s, n + (n < s->n));
	return w;
}

/* A number with its unit, in hundredths of a pixel, of letters of size em. false: it is none. */
static bool
length(struct str s, int em, int *out)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	int64_t hundredths = 0, scale = 100;
	size_t i = minus || str_starts(s, STR("+"));
	bool digits = false, point = false;
	struct str unit;

	for (; i < s.n && (is_digit(s.p[i]) || (s.p[i] == '.' && !point)); i++) {
		if (s.p[i] == '.') {
			point = true;
			continue;
		}
		digits = true;
		if (point && scale > 1) {
			scale /= 10;
			hundredths += (s.p[i] - '0') * scale;
		} else if (!point && hundredths < 1000000000) {
			hundredths = hundredths * 10 + (s.p[i] - '0') * 100;
		}
	}
	if (!digits)
		return false;
	unit = str_from(s, i);
	if (str_ieq_z(unit, "em") || str_ieq_z(unit, "rem") || str_ieq_z(unit, "ex") ||
	    str_ieq_z(unit, "ch"))
		hundredths = hundredths * em / 100;
	else if (str_ieq_z(unit, "%"))
		hundredths = hundredths * em / 10000;
	else if (str_ieq_z(unit, "pt"))
		hundredths = hundredths * 4 / 3;
	else if (str_ieq_z(unit, "in") || str_ieq_z(unit, "cm"))
		hundredths *= 40;
	hundredths = num_min(hundredths, 1000000000);
	*out = (int)(minus ? -hundredths : hundredths);
	return true;
}

static bool
hex_color(struct str s, int32_t *out)
{
	int32_t c = 0;

	if (s.n != 3 && s.n != 4 && s.n != 6 && s.n != 8)
		return false;
	for (size_t i = 0; i < (s.n < 6 ? 3u : 6u); i++) {
		int v = num_hex(s.p[i]);

		if (v < 0)
			return false;
		c = s.n < 6 ? c << 8 | v << 4 | v : c << 4 | v;
	}
	/* An alpha of nothing. */
	if ((s.n == 4 && s.p[3] == '0') || (s.n == 8 && s.p[6] == '0'))
		c = TRANSPARENT;
	*out = c;
	return true;
}

/* "rgb(1, 2, 3)", "rgba(0 0 0 / 0)" behind the parenthesis. */
static bool
rgb_color(struct str s, int32_t *out)
{
	int v[4] = {0, 0, 0, 100};
	size_t n = 0;
	struct str w;

	s = str_sub(s, 0, str_chr(s, ')'));
	while (n < 4 && (w = word(&s)).n + s.n > 0) {
		if (w.n == 0)
			continue;
		if (!length(w, 100, &v[n]))
			return false;
		if (str_ends(w, STR("%")) && n < 3)
			v[n] = v[n] * 255;
		n++;
	}
	if (n < 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		v[i] = num_max(0, num_min(255, v[i] / 100));
	*out = v[3] < 10 ? TRANSPARENT : v[0] << 16 | v[1] << 8 | v[2];
	return true;
}

/* *out: 0xRRGGBB, or TRANSPARENT. false: no colour that is known. */
static bool
color(struct str s, int32_t *out)
{
	static const struct {
		const char *name;
		int32_t color;
	} names[] = {{"white", 0xffffff}, {"black", 0}, {"transparent", TRANSPARENT},
	    {"red", 0xff0000}, {"green", 0x8000}, {"blue", 0xff}, {"yellow", 0xffff00},
	    {"gray", 0x808080}, {"grey", 0x808080}, {"silver", 0xc0c0c0}, {"whitesmoke", 0xf5f5f5},
	    {"snow", 0xfffafa}, {"ivory", 0xfffff0}, {"ghostwhite", 0xf8f8ff},
	    {"floralwhite", 0xfffaf0}, {"azure", 0xf0ffff}, {"mintcream", 0xf5fffa}, {"navy", 0x80},
	    {"maroon", 0x800000}, {"purple", 0x800080}, {"teal", 0x8080}, {"olive", 0x808000},
	    {"lime", 0xff00}, {"aqua", 0xffff}, {"fuchsia", 0xff00ff}, {"orange", 0xffa500},
	    {"seashell", 0xfff5ee}, {"linen", 0xfaf0e6}, {"oldlace", 0xfdf5e6}, {"beige", 0xf5f5dc},
	    {"honeydew", 0xf0fff0}, {"aliceblue", 0xf0f8ff}, {"lavenderblush", 0xfff0f5},
	    {"lightyellow", 0xffffe0}, {"cornsilk", 0xfff8dc}, {"lavender", 0xe6e6fa},
	    {"gainsboro", 0xdcdcdc}, {"lightgray", 0xd3d3d3}, {"lightgrey", 0xd3d3d3},
	    {"darkgray", 0xa9a9a9}, {"darkgrey", 0xa9a9a9}, {"dimgray", 0x696969},
	    {"dimgrey", 0x696969}, {"darkblue", 0x8b}, {"mediumblue", 0xcd}, {"darkred", 0x8b0000},
	    {"darkgreen", 0x6400}, {"crimson", 0xdc143c}, {"tomato", 0xff6347}, {"gold", 0xffd700},
	    {"brown", 0xa52a2a}, {"pink", 0xffc0cb}, {"cyan", 0xffff}, {"magenta", 0xff00ff},
	    {"slategray", 0x708090}, {"steelblue", 0x4682b4}, {"royalblue", 0x4169e1},
	    {"dodgerblue", 0x1e90ff}, {"firebrick", 0xb22222}, {"chocolate", 0xd2691e}};

	s = str_trim(s);
	if (str_starts(s, STR("#")))
		return hex_color(str_from(s, 1), out);
	if (str_istarts(s, STR("rgb(")))
		return rgb_color(str_from(s, 4), out);
	if (str_istarts(s, STR("rgba(")))
		return rgb_color(str_from(s, 5), out);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_ieq_z(s, names[i].name)) {
			*out = names[i].color;
			return true;
		}
	return false;
}

static bool
look_alike(int32_t a, int32_t b)
{
	for (int shift = 0; shift <= 16; shift += 8) {
		int difference = (a >> shift & 0xff) - (b >> shift & 0xff);

		if (difference >= NEAREST || difference <= -NEAREST)
			return false;
	}
	return true;
}

/* ---- declarations ---- */

struct box {
	bool clipped, flat; /* overflow: hidden; no height or width */
};

static void
take_background(struct seen_open *o, struct str value)
{
	int32_t c;

	if (str_find(value, STR("url(")) < value.n || str_find(value, STR("gradient")) < value.n) {
		o->background = SEEN_UNKNOWN;
		return;
	}
	if (!color(value, &c)) {
		struct str rest = value, w = word(&rest);

		if (!color(w, &c)) {
			o->hidden |= str_chr(value, '(') < value.n;
			return;
		}
	}
	if (c >= 0)
		o->background = c;
}

static bool
is_inherited(struct str value)
{
	static const char *const words[] = {
	    "inherit", "initial", "unset", "revert", "currentcolor", "windowtext", "auto", "none"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_ieq_z(value, words[i]))
			return true;
	return value.n == 0;
}

static void
take_color(struct seen_open *o, struct str value)
{
	int32_t c = TRANSPARENT;

	if (is_inherited(str_trim(value)))
		return;
	/* A colour that is not known may be that of what is behind. */
	(void)color(value, &c);
	o->color = c;
	o->hidden |= c == TRANSPARENT;
}

static bool
moves(struct str property)
{
	static const char *const names[] = {
	    "left", "top", "right", "bottom", "text-indent", "margin-left", "margin-top", "margin"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_ieq_z(property, names[i]))
			return true;
	return false;
}

static bool
is_extent(struct str property)
{
	return str_ieq_z(property, "height") || str_ieq_z(property, "max-height") ||
	       str_ieq_z(property, "width") || str_ieq_z(property, "max-width");
}

static void
declare(struct seen_open *o, struct box *box, struct str property, struct str value)
{
	int n;

	value = str_trim(str_sub(value, 0, str_chr(value, '!'))); /* !important */
	if (str_ieq_z(property, "display"))
		o->hidden |= str_ieq_z(value, "none");
	else if (str_ieq_z(property, "visibility"))
		o->hidden |= str_ieq_z(value, "hidden") || str_ieq_z(value, "collapse");
	else if (str_ieq_z(property, "opacity"))
		o->hidden |= length(value, 100, &n) && n < 10;
	else if (str_ieq_z(property, "font-size"))
		o->size = length(value, o->size, &n) ? n : o->size;
	else if (str_ieq_z(property, "color") || str_ieq_z(property, "-webkit-text-fill-color"))
		take_color(o, value);
	else if (str_istarts(property, STR("background")))
		take_background(o, value);
	else if (str_istarts(property, STR("overflow")))
		box->clipped |= str_ieq_z(value, "hidden") || str_ieq_z(value, "clip");
	else if (is_extent(property))
		box->flat |= length(value, TEXT_SIZE, &n) && n < 200;
	else if (moves(property))
		o->hidden |= length(word(&value), TEXT_SIZE, &n) && n <= FAR_OUT;
	else if (str_ieq_z(property, "clip"))
		o->hidden |=
		    str_istarts(value, STR("rect(0")) || str_istarts(value, STR("rect(1px"));
	else if (str_ieq_z(property, "clip-path"))
		o->hidden |= str_istarts(value, STR("circle(0")) ||
			     str_istarts(value, STR("inset(100%")) ||
			     str_istarts(value, STR("inset(50%"));
	else if (str_ieq_z(property, "transform"))
		o->hidden |= str_istarts(value, STR("scale(0"));
	else if (str_ieq_z(property, "font")) {
		struct str w;

		while ((w = word(&value)).n + value.n > 0)
			if (w.n > 0 && is_alpha(w.p[w.n - 1]) && length(w, o->size, &n))
				o->size = n;
	}
}

/* Escapes and entities that could spell what is looked for here; quotes are usual. */
static bool
is_disguised(struct str style)
{
	if (str_chr(style, '\\') < style.n)
		return true;
	for (struct str s = style; (s = str_from(s, str_chr(s, '&'))).n > 0; s = str_from(s, 1))
		if (!str_istarts(s, STR("&quot;")) && !str_istarts(s, STR("&amp;")) &&
		    !str_istarts(s, STR("&apos;")) && !str_starts(s, STR("&#39;")) &&
		    !str_starts(s, STR("&#34;")))
			return true;
	return false;
}

/* Without comments before it; one inside could part what belongs together. */
static struct str
uncommented(struct str declaration, bool *inside)
{
	declaration = str_trim(declaration);
	while (str_starts(declaration, STR("/*"))) {
		declaration = str_from(declaration, str_find(declaration, STR("*/")));
		declaration = str_trim(str_from(declaration, 2));
	}
	*inside = str_find(declaration, STR("/*")) < declaration.n;
	return declaration;
}

static void
take_style(struct seen_open *o, struct box *box, struct str style)
{
	struct str declaration, property;
	bool comment;

	o->styled |= style.n > 0;
	o->hidden |= is_disguised(style);
	for (unsigned n = 0; style.n > 0 && n < DECLARATIONS_N; n++) {
		str_cut(&style, ';', &declaration);
		declaration = uncommented(declaration, &comment);
		o->hidden |= comment;
		if (str_cut(&declaration, ':', &property))
			declare(o, box, str_trim(property), declaration);
	}
	/* More than anybody writes. */
	o->hidden |= style.n > 0;
}

/* ---- sheets ---- */

static bool
has_class(struct str classes, struct str one)
{
	struct str w;

	while ((w = word(&classes)).n + classes.n > 0)
		if (str_ieq(w, one))
			return true;
	return false;
}

static bool
matches_one(struct seen *s, const struct seen_rule *r, unsigned i, const struct seen_open *o)
{
	s->steps += 1 + (r->chain[i].class.n > 0 ? o->classes.n : 0);
	return (r->chain[i].name.n == 0 || str_ieq(r->chain[i].name, o->name)) &&
	       (r->chain[i].class.n == 0 || has_class(o->classes, r->chain[i].class)) &&
	       (r->chain[i].id.n == 0 || str_ieq(r->chain[i].id, o->id));
}

/* The last of the chain is the element on top, the others are around it. */
static bool
matches(struct seen *s, const struct seen_rule *r)
{
	unsigned at = s->depth - 1, i = r->n - 1;

	if (!matches_one(s, r, i, &s->open[at]))
		return false;
	while (i > 0 && at > 0)
		if (matches_one(s, r, i - 1, &s->open[--at]))
			i--;
	return i == 0;
}

/* "div.note", "#a", ".x.y" (the last class counts), "*". false: what is not understood. */
static bool
take_compound(struct seen_rule *r, struct str s)
{
	size_t n = 0;

	if (r->n == SEEN_CHAIN_MAX)
		return false;
	memset(&r->chain[r->n], 0, sizeof(r->chain[0]));
	while (s.n > 0) {
		char kind = s.p[0];

		if (kind == ':' || kind == '[')
			return false;
		if (kind == '.' || kind == '#' || kind == '*')
			s = str_from(s, 1);
		for (n = 0; n < s.n && !strchr(".#:[*", s.p[n]);)
			n++;
		if (kind == '.')
			r->chain[r->n].class = str_sub(s, 0, n);
		else if (kind == '#')
			r->chain[r->n].id = str_sub(s, 0, n);
		else if (kind != '*')
			r->chain[r->n].name = str_sub(s, 0, n);
		s = str_from(s, n);
	}
	r->n++;
	return true;
}

static void
take_selector(struct seen *s, struct str selector, struct str declarations)
{
	struct seen_rule r = {.declarations = declarations};

	selector = str_trim(selector);
	while (selector.n > 0) {
		struct str w;
		size_t n = 0;

		while (n < selector.n && !strchr(" \t\r\n>+~", selector.p[n]))
			n++;
		w = str_sub(selector, 0, n);
		/* Neighbours count as if they were around: more is matched, not less. */
		if (w.n > 0 && !take_compound(&r, w))
			return;
		selector = str_from(selector, n + (n < selector.n));
	}
	if (r.n > 0 && s->nrules < SEEN_RULES_MAX)
		s->rules[s->nrules++] = r;
}

/* Behind '{': what belongs to it, with blocks in it; *s moves behind its '}'. */
static struct str
block(struct str *s)
{
	size_t n = 0;
	unsigned open = 1;

	for (; n < s->n; n++) {
		open += s->p[n] == '{';
		open -= s->p[n] == '}';
		if (open == 0)
			break;
	}
	struct str inside = str_sub(*s, 0, n);

	*s = str_from(*s, n + (n < s->n));
	return inside;
}

void
seen_sheet(struct seen *s, struct str css)
{
	struct str head, one;

	while (css.n > 0) {
		css = str_trim(css);
		if (str_starts(css, STR("/*"))) {
			css = str_from(css, str_find(css, STR("*/")));
			css = str_from(css, 2);
			continue;
		}
		if (str_starts(css, STR("<!--")) || str_starts(css, STR("-->"))) {
			css = str_from(css, css.p[0] == '<' ? 4 : 3);
			continue;
		}
		if (str_starts(css, STR("@")) && str_chr(css, ';') < str_chr(css, '{')) {
			css = str_from(css, str_chr(css, ';') + 1);
			continue;
		}
		if (!str_cut(&css, '{', &head))
			return;
		one = block(&css);
		if (str_starts(head, STR("@"))) {
			/* Of what depends on the medium only that for all screens counts. */
			if (str_ieq_z(str_trim(head), "@media screen") ||
			    str_ieq_z(str_trim(head), "@media all"))
				seen_sheet(s, one);
			continue;
		}
		for (struct str selector; head.n > 0;) {
			(void)str_cut(&head, ',', &selector);
			take_selector(s, selector, one);
		}
	}
}

/* ---- elements ---- */

void
seen_init(struct seen *s)
{
	s->depth = 1;
	s->over = s->nrules = 0;
	s->steps = 0;
	s->open[0] =
	    (struct seen_open){.level = SEEN_BLOCK, .background = WHITE, .size = TEXT_SIZE};
}

static bool
closes_itself(struct str name)
{
	static const char *const names[] = {"p", "li", "td", "th", "tr", "dt", "dd", "option"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_ieq_z(name, names[i]))
			return true;
	return false;
}

void
seen_begin(struct seen *s, const struct seen_element *e)
{
	struct seen_open *top = &s->open[s->depth - 1], *o;
	struct box box = {false, false};

	s->steps += e->style.n + 1;
	if (s->depth == SEEN_DEPTH_MAX || s->steps > SEEN_STEPS_MAX) {
		s->over++;
		return;
	}
	/* "<p>a<p>b", "<li>a<li>b"; a paragraph ends before any block (HTML 13.2.6.4.7). */
	if (s->depth > 1 && e->level == SEEN_BLOCK &&
	    ((closes_itself(e->name) && str_ieq(top->name, e->name)) || str_ieq_z(top->name, "p")))
		seen_end(s, top->name, SEEN_BLOCK);
	top = &s->open[s->depth - 1];
	o = &s->open[s->depth++];
	*o = *top;
	o->name = e->name;
	o->classes = e->classes;
	o->id = e->id;
	o->level = e->level;
	o->styled = false;
	o->hidden |= e->hidden;
	if (e->color.n > 0)
		take_color(o, e->color);
	if (e->background.n > 0)
		take_background(o, e->background);
	if (str_ieq_z(e->name, "font") && str_eq_z(e->size, "-7"))
		o->hidden = true;
	for (unsigned i = 0; i < s->nrules; i++)
		if (matches(s, &s->rules[i])) {
			s->steps += s->rules[i].declarations.n;
			take_style(o, &box, s->rules[i].declarations);
		}
	take_style(o, &box, e->style);
	o->hidden |= box.clipped && box.flat;
}

void
seen_end(struct seen *s, struct str name, enum seen_level level)
{
	unsigned at = s->depth - 1, to;

	if (s->over > 0) {
		s->over--;
		return;
	}
	while (at > 0 && !str_ieq(s->open[at].name, name)) {
		/* An inline end tag does not reach out of its block. */
		if (level == SEEN_INLINE && s->open[at].level == SEEN_BLOCK)
			return;
		at--;
	}
	if (at == 0)
		return;
	if (level == SEEN_FORMATTING) {
		/* What was opened inside lost what it inherited: unclear where that was a style. */
		for (unsigned i = at + 1; i < s->depth; i++)
			s->open[i].hidden |= s->open[at].styled;
		memmove(&s->open[at], &s->open[at + 1], (s->depth - at - 1) * sizeof(s->open[0]));
		s->depth--;
		return;
	}
	/* Formatting that was opened inside goes on. */
	to = at;
	for (unsigned i = at + 1; i < s->depth; i++)
		if (s->open[i].level == SEEN_FORMATTING)
			s->open[to++] = s->open[i];
	s->depth = to;
}

bool
seen_now(const struct seen *s)
{
	const struct seen_open *o = &s->open[s->depth - 1];

	if (s->over > 0 || s->steps > SEEN_STEPS_MAX)
		return false;
	return !o->hidden && o->size >= SMALLEST &&
	       (o->color < 0 || o->background < 0 || !look_alike(o->color, o->background));
}
