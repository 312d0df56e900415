/*
 * imap_structure.c - ENVELOPE, BODY and BODYSTRUCTURE as text.
 *
 * What is written is bounded by IMAP_STRUCTURE_MAX whatever the message: a field over FIELD_MAX is
 * cut, and once ENOUGH is written, what may be NIL is NIL. So a hostile message has a structure
 * like any other.
 */
#include "mail/imap_structure.h"

#include "mail/addrlist.h"
#include "mail/header.h"

#define FIELD_MAX  65536u
#define ENOUGH     (512u << 10)
#define LONG_WORD  40u   /* a type that is cut when enough is written */
#define QUOTED_MAX 4096u /* a longer string goes as a literal: line buffers are finite */

/* ---- strings
 * ------------------------------------------------------------------------------------------------------
 */

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE, 7-bit and without CR, LF and NUL (RFC 3501 9) */
static bool
fits_quoted(struct str s, bool *escapes)
{
	*escapes = false;
	if (s.n > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (is_alnum(s.p[i]))
			continue;
		if (is_cntl(s.p[i]) ? s.p[i] != '\t' : (unsigned char)s.p[i] > 127)
			return false;
		*escapes |= s.p[i] == '"' || s.p[i] == '\\';
	}
	return true;
}

static void
put_quoted(struct str s, bool escapes, struct buf *out)
{
	char *to = buf_room(out, s.n * 2 + 2);
	size_t n = 0;

	if (to == NULL)
		return;
	to[n++] = '"';
	if (!escapes && s.n > 0) {
		memcpy(to + n, s.p, s.n);
		n += s.n;
	}
	for (size_t i = 0; escapes && i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			to[n++] = '\\';
		to[n++] = s.p[i];
	}
	to[n++] = '"';
	buf_added(out, n);
}

static void
put_literal(struct str s, struct buf *out)
{
	char *to;

	buf_printf(out, "{%zu}\r\n", s.n);
	to = buf_room(out, s.n);
	if (to == NULL)
		return;
	for (size_t i = 0; i < s.n; i++)
		to[i] = s.p[i] == '\0' ? (char)0x80 : s.p[i];
	buf_added(out, s.n);
}

void
imap_string(struct str s, struct buf *out)
{
	bool escapes;

	if (fits_quoted(s, &escapes))
		put_quoted(s, escapes, out);
	else
		put_literal(s, out);
}

void
imap_nstring(struct str s, struct buf *out)
{
	if (s.p == NULL)
		buf_puts(out, "NIL");
	else
		imap_string(s, out);
}

/* ASTRING-CHAR = ATOM-CHAR / "]" (RFC 9051 9) */
static bool
is_astring_char(char c)
{
	return !is_cntl(c) && (unsigned char)c < 128 && c != ' ' && strchr("(){%*\"\\", c) == NULL;
}

void
imap_astring(struct str s, struct buf *out)
{
	bool atom = s.n > 0 && !str_ieq(s, STR("NIL"));

	for (size_t i = 0; i < s.n && atom; i++)
		atom = is_astring_char(s.p[i]);
	if (atom)
		buf_str(out, s);
	else
		imap_string(s, out);
}

/* ---- ENVELOPE
 * -----------------------------------------------------------------------------------------------------
 */

enum envelope_text {
	TEXT_DATE,
	TEXT_SUBJECT,
	TEXT_IN_REPLY_TO,
	TEXT_MESSAGE_ID,
	TEXT_COUNT
};

enum envelope_list {
	LIST_FROM,
	LIST_SENDER,
	LIST_REPLY_TO,
	LIST_TO,
	LIST_CC,
	LIST_BCC,
	LIST_COUNT
};

struct fields {
	struct str text[TEXT_COUNT];
	struct list {
		struct str value;
		char *own; /* FIELD_MAX octets, once there is a second field */
	} list[LIST_COUNT];
};

static const struct str text_names[TEXT_COUNT] = {
    STR_INIT("Date"), STR_INIT("Subject"), STR_INIT("In-Reply-To"), STR_INIT("Message-ID")};
static const struct str list_names[LIST_COUNT] = {STR_INIT("From"), STR_INIT("Sender"),
    STR_INIT("Reply-To"), STR_INIT("To"), STR_INIT("Cc"), STR_INIT("Bcc")};

/* A list that comes in several fields (RFC 5322 4.5 lets it) is one list. */
static void
add_list(struct list *l, struct str value, struct arena *a)
{
	if (l->value.p == NULL) {
		l->value = value;
		return;
	}
	if (l->value.n + 1 + value.n > FIELD_MAX)
		return;
	if (l->own == NULL) {
		l->own = arena_alloc(a, FIELD_MAX);
		memcpy(l->own, l->value.p, l->value.n);
	}
	l->own[l->value.n] = ',';
	memcpy(l->own + l->value.n + 1, value.p, value.n);
	l->value = str_of(l->own, l->value.n + 1 + value.n);
}

static void
collect(struct str header, struct fields *f, struct arena *a)
{
	struct header_field field;

	while (header_next(&header, &field)) {
		struct str value = str_sub(field.value, 0, FIELD_MAX);

		/* The names differ in length mostly: this is cheap. The first of a text counts. */
		for (size_t i = 0; i < TEXT_COUNT; i++)
			if (f->text[i].p == NULL && str_ieq(field.name, text_names[i]))
				f->text[i] = header_unfold(value, a);
		for (size_t i = 0; i < LIST_COUNT; i++)
			if (str_ieq(field.name, list_names[i]))
				add_list(&f->list[i], value, a);
	}
}

static void
put_list(struct str value, struct arena *a, struct buf *out)
{
	struct addrlist l;

	addrlist_parse(value, a, &l);
	if (l.n == 0) {
		buf_puts(out, "NIL");
		return;
	}
	buf_putc(out, '(');
	for (size_t i = 0; i < l.n && !out->over; i++) {
		const struct addr *v = &l.v[i];

		buf_putc(out, '(');
		imap_nstring(v->name, out);
		buf_putc(out, ' ');
		imap_nstring(v->adl, out);
		buf_putc(out, ' ');
		imap_nstring(v->mailbox, out);
		buf_putc(out, ' ');
		imap_nstring(v->host, out);
		buf_putc(out, ')');
	}
	buf_putc(out, ')');
}

/* What stands in out already, once more. */
static void
put_again(struct buf *out, size_t at, size_t n)
{
	char *to = buf_room(out, n);

	if (to == NULL)
		return;
	memcpy(to, out->p + at, n);
	buf_added(out, n);
}

void
imap_envelope(struct str header, struct buf *out)
{
	struct fields f = {0};
	struct arena a;
	size_t at, from = 0, from_n = 0;

	arena_init(&a);
	collect(header, &f, &a);
	/* RFC 9051 7.5.2: the server fills Sender and Reply-To from From when they are absent or
	 * empty. */
	for (size_t i = LIST_SENDER; i <= LIST_REPLY_TO; i++)
		if (str_trim(f.list[i].value).n == 0)
			f.list[i].value = f.list[LIST_FROM].value;
	buf_putc(out, '(');
	imap_nstring(f.text[TEXT_DATE], out);
	buf_putc(out, ' ');
	imap_nstring(f.text[TEXT_SUBJECT], out);
	for (size_t i = 0; i < LIST_COUNT; i++) {
		buf_putc(out, ' ');
		at = out->n;
		if (i > LIST_FROM && f.list[i].value.p == f.list[LIST_FROM].value.p)
			put_again(out, from, from_n);
		else
			put_list(f.list[i].value, &a, out);
		if (i == LIST_FROM) {
			from = at;
			from_n = out->n - at;
		}
	}
	buf_putc(out, ' ');
	imap_nstring(f.text[TEXT_IN_REPLY_TO], out);
	buf_putc(out, ' ');
	imap_nstring(f.text[TEXT_MESSAGE_ID], out);
	buf_putc(out, ')');
	arena_free(&a);
}

/* ---- BODY
 * ---------------------------------------------------------------------------------------------------------
 */

struct writer {
	struct str message;
	bool extended;
	struct arena arena;
	struct buf *out;
	size_t start; /* of what is ours in out */
};

static bool
is_enough(const struct writer *w)
{
	return w->out->n - w->start > ENOUGH;
}

static void
put_params(struct writer *w, const struct params *p)
{
	struct buf *out = w->out;

	if (p->n == 0 || is_enough(w)) {
		buf_puts(out, "NIL");
		return;
	}
	for (size_t i = 0; i < p->n; i++) {
		buf_putc(out, i == 0 ? '(' : ' ');
		imap_string(p->v[i].name, out);
		buf_putc(out, ' ');
		imap_string(p->v[i].value, out);
	}
	buf_putc(out, ')');
}

static void
put_text(struct writer *w, struct str value)
{
	if (value.p == NULL || is_enough(w))
		buf_puts(w->out, "NIL");
	else
		imap_string(header_unfold(value, &w->arena), w->out);
}

/* body-fld-lang: "en, fr" of RFC 3282 as a list. */
static void
put_languages(struct writer *w, struct str value)
{
	struct str tag;
	bool more = !is_enough(w), any = false;

	value = header_unfold(value, &w->arena);
	while (more) {
		more = str_cut(&value, ',', &tag);
		tag = str_trim(tag);
		if (tag.n == 0)
			continue;
		buf_putc(w->out, any ? ' ' : '(');
		imap_string(tag, w->out);
		any = true;
	}
	buf_puts(w->out, any ? ")" : "NIL");
}

static void
put_disposition(struct writer *w, const struct mime_part *part)
{
	if (part->disposition.p == NULL || is_enough(w)) {
		buf_puts(w->out, "NIL");
		return;
	}
	buf_putc(w->out, '(');
	imap_string(part->disposition, w->out);
	buf_putc(w->out, ' ');
	put_params(w, &part->disposition_params);
	buf_putc(w->out, ')');
}

/* disposition SP language SP location, the end of both kinds' extension data */
static void
put_extension(struct writer *w, const struct mime_part *part)
{
	buf_putc(w->out, ' ');
	put_disposition(w, part);
	buf_putc(w->out, ' ');
	put_languages(w, part->language);
	buf_putc(w->out, ' ');
	put_text(w, part->location);
}

/* body-fld-param; RFC 2045 5.2: the default has a charset. */
static void
put_content_params(struct writer *w, const struct mime_part *part)
{
	if (part->is_default && part->kind == MIME_LEAF)
		buf_puts(w->out, "(\"charset\" \"us-ascii\")");
	else
		put_params(w, &part->params);
}

/* A word that may not be NIL. */
static void
put_word(struct writer *w, struct str word, struct str instead)
{
	imap_string(word.n > LONG_WORD && is_enough(w) ? instead : word, w->out);
}

static void put_part(struct writer *w, const struct mime_part *part);

static void
put_multipart(struct writer *w, const struct mime_part *part)
{
	for (const struct mime_part *c = part->child; c != NULL && !w->out->over; c = c->next)
		put_part(w, c);
	buf_putc(w->out, ' ');
	put_word(w, part->subtype, STR("mixed"));
	if (!w->extended)
		return;
	buf_putc(w->out, ' ');
	put_params(w, &part->params);
	put_extension(w, part);
}

/* body-fields, and what text and message have more */
static void
put_single(struct writer *w, const struct mime_part *part)
{
	put_word(w, part->type, STR("application"));
	buf_putc(w->out, ' ');
	put_word(w, part->subtype, STR("octet-stream"));
	buf_putc(w->out, ' ');
	put_content_params(w, part);
	buf_putc(w->out, ' ');
	put_text(w, part->id);
	buf_putc(w->out, ' ');
	put_text(w, part->description);
	buf_putc(w->out, ' ');
	put_word(
	    w, part->encoding_text.n > 0 ? part->encoding_text : STR("7bit"), STR("x-unknown"));
	buf_printf(w->out, " %zu", part->body.n);
	if (part->kind == MIME_MESSAGE) {
		buf_putc(w->out, ' ');
		imap_envelope(
		    is_enough(w) ? STR("") : mime_octets(w->message, part->child->header), w->out);
		buf_putc(w->out, ' ');
		put_part(w, part->child);
	}
	if (part->kind == MIME_MESSAGE || str_ieq(part->type, STR("text")))
		buf_printf(w->out, " %zu", part->body_lines);
	if (!w->extended)
		return;
	buf_putc(w->out, ' ');
	put_text(w, part->md5);
	put_extension(w, part);
}

static void
put_part(struct writer *w, const struct mime_part *part)
{
	buf_putc(w->out, '(');
	if (part->kind == MIME_MULTIPART)
		put_multipart(w, part);
	else
		put_single(w, part);
	buf_putc(w->out, ')');
}

void
imap_body(const struct mime_part *root, struct str message, bool extended, struct buf *out)
{
	struct writer w = {.message = message, .extended = extended, .out = out, .start = out->n};

	arena_init(&w.arena);
	put_part(&w, root);
	arena_free(&w.arena);
}
