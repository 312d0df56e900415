/* text.c - the text of a message as people read it. */
#include "mail/text.h"

#include <utf8proc.h>

#include "base/mem.h"
#include "base/num.h"
#include "mail/charset.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/html.h"
#include "mail/rfc2047.h"

#define PREVIEW_INPUT_MAX                                                                \
	(256u << 10)           /* octets of a part, as stored, that a preview is made of \
				*/
#define PREVIEW_TEXT_MAX 8192u /* octets of its text */
#define META_MAX         1024u /* where HTML may name its charset (HTML 4.2.5.4) */
#define RULE_MIN         4u    /* so many of one sign in a row are a drawn line */

/* ---- parts ---- */

const struct mime_part *
text_next_part(const struct mime_part *p)
{
	if (p->child != NULL)
		return p->child;
	while (p != NULL && p->next == NULL)
		p = p->parent;
	return p ? p->next : NULL;
}

bool
text_is_text(const struct mime_part *p)
{
	static const struct str markup[] = {
	    STR_INIT("rtf"), STR_INIT("css"), STR_INIT("javascript"), STR_INIT("ecmascript")};

	if (p->kind != MIME_LEAF || !str_ieq(p->type, STR("text")))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(markup); i++)
		if (str_ieq(p->subtype, markup[i]))
			return false;
	return true;
}

static bool
is_html(const struct mime_part *p)
{
	return str_ieq(p->subtype, STR("html"));
}

/* ---- text of a part ---- */

/* The charset that HTML names itself, <meta charset=…> or in http-equiv; empty for none. */
static struct str
meta_charset(struct str html)
{
	size_t n = 0;

	html = str_sub(html, 0, META_MAX);
	while (html.n > 0 && !str_istarts(html, STR("charset=")))
		html = str_from(html, 1);
	html = str_from(html, 8);
	if (html.n > 0 && (html.p[0] == '"' || html.p[0] == '\''))
		html = str_from(html, 1);
	while (n < html.n && (is_alnum(html.p[n]) || html.p[n] == '-' || html.p[n] == '_'))
		n++;
	return str_sub(html, 0, n);
}

static bool
has_replacement(struct str s)
{
	return str_find(s, STR("\xef\xbf\xbd")) < s.n;
}

void
text_decode(
    const struct mime_part *p, struct str message, size_t input, struct buf *utf8, bool *problem)
{
	struct str charset = rfc2231_get(&p->params, STR("charset")), octets;
	struct mime_part part = *p;
	struct buf decoded;

	part.body.n = num_min(part.body.n, input);
	octets = mime_octets(message, part.body);
	buf_init(&decoded, part.body.n + 3);
	if (p->encoding == MIME_QP || p->encoding == MIME_BASE64) {
		decode_part(&part, message, &decoded);
		octets = buf_view(&decoded);
	}
	if (charset.n == 0 && is_html(p))
		charset = meta_charset(octets);
	if (charset.n == 0 && !str_is_utf8(octets) && !str_is_ascii(octets))
		charset = STR("windows-1252");
	/* No charset makes more than three octets of one. */
	buf_init(utf8, octets.n * 3 + 64);
	charset_to_utf8(charset, octets, utf8);
	if (problem != NULL)
		*problem = p->encoding == MIME_OTHER || !charset_known(charset) ||
			   (has_replacement(buf_view(utf8)) && !has_replacement(octets));
	buf_free(&decoded);
}

/* As much as max allows, cut between characters. */
static void
put_cut(struct str s, size_t max, struct buf *out)
{
	if (s.n > max) {
		s.n = max;
		while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
			s.n--;
	}
	buf_str(out, s);
}

static void
text_with(const struct mime_part *p, struct str message, unsigned html_options, size_t input,
    size_t max, struct buf *out)
{
	struct buf utf8;

	text_decode(p, message, input, &utf8, NULL);
	if (is_html(p))
		html_text(buf_view(&utf8), html_options, max, out);
	else
		put_cut(buf_view(&utf8), max, out);
	buf_free(&utf8);
}

void
text_of_part(const struct mime_part *p, struct str message, unsigned html_options, size_t max,
    struct buf *out)
{
	text_with(p, message, html_options, TEXT_INPUT_MAX, max, out);
}

/* ---- text of a message ---- */

/* The lines of a message in the message that say what it is. */
static void
put_header(struct str header, size_t max, struct buf *out)
{
	static const struct str names[] = {STR_INIT("From"), STR_INIT("To"), STR_INIT("Subject")};
	struct buf text;

	buf_init(&text, META_MAX * 64);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str value = header_value(header, names[i]);

		if (value.n == 0)
			continue;
		rfc2047_decode(str_sub(value, 0, META_MAX * 8), &text);
		buf_putc(&text, '\n');
	}
	put_cut(buf_view(&text), max, out);
	buf_free(&text);
}

void
text_of_message(const struct mime_part *root, struct str message, size_t max, struct buf *out)
{
	size_t start = out->n, input = TEXT_INPUT_MAX;

	for (const struct mime_part *p = root; p != NULL; p = text_next_part(p)) {
		size_t left = max - num_min(max, out->n - start);

		if (left == 0 || input == 0 || out->over)
			return;
		if (p != root && p->is_message)
			put_header(mime_octets(message, p->header), left, out);
		left = max - num_min(max, out->n - start);
		if (!text_is_text(p) || left == 0)
			continue;
		text_with(p, message, HTML_ATTRIBUTES, input, left, out);
		input -= num_min(input, p->body.n);
		if (out->n - start < max)
			buf_putc(out, '\n');
	}
}

/* ---- names of files ---- */

bool
text_file_name(const struct mime_part *p, struct buf *out)
{
	size_t start = out->n;

	if (rfc2231_text(&p->disposition_params, STR("filename"), out) < 0 || out->n == start)
		(void)rfc2231_text(&p->params, STR("name"), out);
	for (size_t i = start; i < out->n; i++)
		if (is_cntl(out->p[i]))
			out->p[i] = ' ';
	return out->n > start;
}

void
text_file_names(const struct mime_part *root, size_t max, struct buf *out)
{
	size_t start = out->n;
	struct buf name;

	buf_init(&name, 4096);
	for (const struct mime_part *p = root; p != NULL && out->n - start < max;
	     p = text_next_part(p)) {
		buf_reset(&name);
		if (!text_file_name(p, &name))
			continue;
		buf_putc(&name, '\n');
		put_cut(buf_view(&name), max - (out->n - start), out);
	}
	buf_free(&name);
}

/* ---- fields ---- */

void
text_fields_init(struct text_fields *f)
{
	for (unsigned i = 0; i < TEXT_FIELDS; i++)
		buf_init(&f->text[i], i == TEXT_BODY ? TEXT_BODY_MAX : TEXT_FIELD_MAX);
}

void
text_fields_free(struct text_fields *f)
{
	for (unsigned i = 0; i < TEXT_FIELDS; i++)
		buf_free(&f->text[i]);
}

/* All fields of a name count (RFC 5322 3.6 has one of each, but mail has more). */
static void
read_header(struct text_fields *f, struct str header)
{
	static const struct str names[TEXT_BODY] = {
	    STR_INIT("From"), STR_INIT("To"), STR_INIT("Cc"), STR_INIT("Bcc"), STR_INIT("Subject")};
	struct header_field field;

	while (header_next(&header, &field))
		for (unsigned i = 0; i < TEXT_BODY; i++)
			if (str_ieq(field.name, names[i])) {
				if (f->text[i].n > 0)
					buf_putc(&f->text[i], '\n');
				rfc2047_decode(field.value, &f->text[i]);
			}
}

void
text_fields_read(struct text_fields *f, struct str message, unsigned fields, struct arena *a)
{
	struct mime_part *root;

	for (unsigned i = 0; i < TEXT_FIELDS; i++)
		buf_reset(&f->text[i]);
	read_header(f, str_sub(message, 0, header_length(message)));
	if ((fields & (1u << TEXT_BODY | 1u << TEXT_FILES)) == 0)
		return;
	root = mime_parse(message, a);
	if (fields & 1u << TEXT_BODY)
		text_of_message(root, message, TEXT_BODY_MAX, &f->text[TEXT_BODY]);
	if (fields & 1u << TEXT_FILES)
		text_file_names(root, TEXT_FIELD_MAX, &f->text[TEXT_FILES]);
}

/* ---- preview ---- */

struct preview {
	struct buf *out;
	unsigned chars;
	bool space;
};

/* A drawn line at the front ("-----"): how many octets; 0: there is none. */
static size_t
rule(struct str s)
{
	size_t n = 1;

	if (is_alnum(s.p[0]) || is_space(s.p[0]) || (unsigned char)s.p[0] > 127)
		return 0;
	while (n < s.n && s.p[n] == s.p[0])
		n++;
	return n >= RULE_MIN ? n : 0;
}

/* Characters that only take up room: controls, and joiners that join nothing (padding). */
static bool
is_padding(utf8proc_int32_t c, bool after_space)
{
	utf8proc_category_t category = utf8proc_category(c);

	if (c == 0x200c || c == 0x200d)
		return after_space;
	return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF || c == 0x34f ||
	       c == 0x115f || c == 0x1160 || c == 0x3164;
}

static bool
is_blank(utf8proc_int32_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') ||
	       utf8proc_category(c) == UTF8PROC_CATEGORY_ZS || c == 0x2028 || c == 0x2029;
}

/* Adds a line's characters; blanks between become one. */
static void
add_line(struct preview *w, struct str line)
{
	utf8proc_int32_t c = 0;
	size_t n;

	for (; line.n > 0 && w->chars < TEXT_PREVIEW_CHARS; line = str_from(line, n)) {
		utf8proc_ssize_t used = utf8proc_iterate(
		    (const utf8proc_uint8_t *)line.p, (utf8proc_ssize_t)line.n, &c);

		if (used <= 0) {
			n = 1;
			continue;
		}
		n = (size_t)used;
		if (is_blank(c) || rule(line) > 0) {
			n = num_max(n, rule(line));
			w->space = true;
			continue;
		}
		if (is_padding(c, w->space || w->chars == 0))
			continue;
		if (w->space && w->chars > 0) {
			if (w->chars + 1 == TEXT_PREVIEW_CHARS)
				return;
			buf_putc(w->out, ' ');
			w->chars++;
		}
		w->space = false;
		buf_str(w->out, str_of(line.p, n));
		w->chars++;
	}
	w->space = true;
}

/* "On Monday Ann wrote:" stands before what it quotes. */
static bool
is_attribution(struct str line, struct str rest)
{
	struct str next = STR_NONE;

	line = str_trim(line);
	if (line.n == 0 || line.p[line.n - 1] != ':')
		return false;
	while (next.n == 0 && rest.n > 0) {
		str_cut(&rest, '\n', &next);
		next = str_trim(next);
	}
	return next.n > 0 && next.p[0] == '>';
}

static void
add_plain(struct preview *w, struct str text, bool quotes)
{
	struct str line;

	while (text.n > 0 && w->chars < TEXT_PREVIEW_CHARS) {
		str_cut(&text, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		/* RFC 3676 4.3: the signature follows. */
		if (str_eq(line, STR("-- ")))
			return;
		if (quotes || (line.n > 0 && line.p[0] != '>' && !is_attribution(line, text)))
			add_line(w, line);
	}
}

static void
preview_of(struct preview *w, const struct mime_part *p, struct str message, bool quotes)
{
	struct buf text;

	buf_init(&text, PREVIEW_INPUT_MAX);
	text_with(
	    p, message, quotes ? 0 : HTML_NO_QUOTES, PREVIEW_INPUT_MAX, PREVIEW_TEXT_MAX, &text);
	if (is_html(p))
		add_line(w, buf_view(&text));
	else
		add_plain(w, buf_view(&text), quotes);
	buf_free(&text);
}

void
text_preview(const struct mime_part *root, struct str message, struct buf *out)
{
	struct preview w = {.out = out};

	for (int quotes = 0; quotes < 2; quotes++)
		for (const struct mime_part *p = root; p != NULL; p = text_next_part(p)) {
			/* Of alternatives the plain one comes first (RFC 2046 5.1.4). */
			if (!text_is_text(p) || str_ieq(p->disposition, STR("attachment")))
				continue;
			preview_of(&w, p, message, quotes != 0);
			if (w.chars > 0)
				return;
		}
}
