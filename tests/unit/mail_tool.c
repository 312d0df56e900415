/*
 * mail_tool.c - lets tests in other languages drive lib/mail.
 *
 *	mail_tool VERB [ARGUMENT …] <octets
 *
 * Reads its input from standard input, to the end; with -z many inputs, each ending in NUL, and
 * answers each with a NUL behind. Answers on standard output; exit 1 says that the input was
 * refused.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/num.h"
#include "mail/address.h"
#include "mail/addrlist.h"
#include "mail/charset.h"
#include "mail/date.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/imap_structure.h"
#include "mail/mime.h"
#include "mail/msgid.h"
#include "mail/rfc2047.h"
#include "mail/text.h"
#include "mail/words.h"

#define INPUT_MAX (256u << 20)

static struct arena arena;
static struct buf out;

/* JSON text of octets; those that are no UTF-8 become U+FFFD. */
static void
put_json(struct str s)
{
	struct buf text;

	if (s.p == NULL) {
		buf_puts(&out, "null");
		return;
	}
	buf_init(&text, INPUT_MAX);
	charset_to_utf8(STR("utf-8"), s, &text);
	buf_putc(&out, '"');
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (is_cntl(c))
			buf_printf(&out, "\\u%04x", (unsigned)c);
		else if (c == '"' || c == '\\')
			buf_printf(&out, "\\%c", c);
		else
			buf_putc(&out, c);
	}
	buf_putc(&out, '"');
	buf_free(&text);
}

static void
put_key(const char *key, struct str value)
{
	buf_printf(&out, "\"%s\": ", key);
	put_json(value);
}

/* ---- verbs
 * --------------------------------------------------------------------------------------------------------
 */

static void
put_params(const struct params *p)
{
	buf_putc(&out, '{');
	for (size_t i = 0; i < p->n; i++) {
		struct str name = p->v[i].name;
		struct buf text;

		if (name.n > 1 && name.p[name.n - 1] == '*')
			name.n--;
		buf_init(&text, INPUT_MAX);
		rfc2231_text(p, name, &text);
		if (i > 0)
			buf_puts(&out, ", ");
		put_json(name);
		buf_puts(&out, ": ");
		put_json(buf_view(&text));
		buf_free(&text);
	}
	buf_putc(&out, '}');
}

static void
put_part(const struct mime_part *p)
{
	buf_putc(&out, '{');
	put_key("type", p->type);
	buf_puts(&out, ", ");
	put_key("subtype", p->subtype);
	buf_printf(&out, ", \"default\": %s", p->is_default ? "true" : "false");
	buf_puts(&out, ", \"params\": ");
	put_params(&p->params);
	buf_puts(&out, ", ");
	put_key("disposition", p->disposition);
	buf_puts(&out, ", \"disposition_params\": ");
	put_params(&p->disposition_params);
	buf_puts(&out, ", ");
	put_key("encoding", p->encoding_text);
	buf_printf(&out, ", \"header\": [%zu, %zu], \"body\": [%zu, %zu], \"lines\": %zu",
	    p->header.off, p->header.n, p->body.off, p->body.n, p->body_lines);
	buf_puts(&out, ", \"parts\": [");
	for (const struct mime_part *c = p->child; c != NULL; c = c->next) {
		put_part(c);
		if (c->next != NULL)
			buf_puts(&out, ", ");
	}
	buf_puts(&out, "]}");
}

static int
verb_structure(struct str in)
{
	put_part(mime_parse(in, &arena));
	return 0;
}

static int
verb_envelope(struct str in)
{
	imap_envelope(str_sub(in, 0, header_length(in)), &out);
	return 0;
}

static int
verb_bodystructure(struct str in)
{
	imap_body(mime_parse(in, &arena), in, true, &out);
	return 0;
}

static int
verb_body(struct str in)
{
	imap_body(mime_parse(in, &arena), in, false, &out);
	return 0;
}

/* All leaves' decoded octets, each behind its length. */
static void
put_decoded(const struct mime_part *p, struct str in)
{
	struct buf b;

	if (p->kind == MIME_LEAF) {
		buf_init(&b, INPUT_MAX);
		decode_part(p, in, &b);
		buf_printf(&out, "%zu\n", b.n);
		buf_str(&out, buf_view(&b));
		buf_free(&b);
	}
	for (const struct mime_part *c = p->child; c != NULL; c = c->next)
		put_decoded(c, in);
}

static int
verb_decoded(struct str in)
{
	put_decoded(mime_parse(in, &arena), in);
	return 0;
}

static int
verb_path(struct str in)
{
	struct address a;
	struct err e;

	if (address_path(&in, ADDRESS_UTF8 | ADDRESS_NULL | ADDRESS_POSTMASTER, &arena, &a, &e) <
	    0) {
		buf_puts(&out, e.text);
		return 1;
	}
	buf_str(&out, a.text);
	buf_putc(&out, '\n');
	buf_str(&out, in);
	return 0;
}

static int
verb_addresses(struct str in)
{
	struct addrlist l;

	addrlist_parse(in, &arena, &l);
	buf_putc(&out, '[');
	for (size_t i = 0; i < l.n; i++) {
		const struct addr *a = &l.v[i];
		struct buf name;

		buf_init(&name, INPUT_MAX);
		if (a->name.p != NULL)
			rfc2047_decode(a->name, &name);
		buf_puts(&out, i > 0 ? ", {" : "{");
		put_key("name", a->name.p ? buf_view(&name) : STR_NONE);
		buf_puts(&out, ", ");
		put_key("adl", a->adl);
		buf_puts(&out, ", ");
		put_key("mailbox", a->mailbox);
		buf_puts(&out, ", ");
		put_key("host", a->host);
		buf_putc(&out, '}');
		buf_free(&name);
	}
	buf_putc(&out, ']');
	return 0;
}

static int
verb_text(struct str in)
{
	rfc2047_decode(in, &out);
	return 0;
}

static int
verb_date(struct str in)
{
	struct date d;

	if (date_parse(in, &d) < 0)
		return 1;
	buf_printf(&out, "%lld %d", (long long)d.utc, d.zone);
	return 0;
}

static int
verb_ids(struct str in)
{
	struct msgid_list l;

	msgid_parse(in, &arena, &l);
	for (size_t i = 0; i < l.n; i++) {
		buf_str(&out, l.v[i]);
		buf_putc(&out, '\n');
	}
	return 0;
}

/* What is looked for in a message, and its preview. */
static int
verb_fields(struct str in)
{
	static const char *const names[TEXT_FIELDS] = {
	    "from", "to", "cc", "bcc", "subject", "body", "files"};
	struct text_fields f;
	struct buf preview;

	text_fields_init(&f);
	text_fields_read(&f, in, TEXT_ALL, &arena);
	buf_init(&preview, INPUT_MAX);
	text_preview(mime_parse(in, &arena), in, &preview);
	buf_putc(&out, '{');
	for (unsigned i = 0; i < TEXT_FIELDS; i++) {
		put_key(names[i], buf_view(&f.text[i]));
		buf_puts(&out, ", ");
	}
	put_key("preview", buf_view(&preview));
	buf_putc(&out, '}');
	buf_free(&preview);
	text_fields_free(&f);
	return 0;
}

static int
verb_words(struct str in)
{
	struct words w;
	bool first = true;

	words_init(&w, in);
	buf_putc(&out, '[');
	for (; words_next(&w); first = false) {
		buf_printf(&out, "%s[%zu, %zu, ", first ? "" : ", ", w.start, w.end);
		put_json(w.word);
		buf_putc(&out, ']');
	}
	buf_putc(&out, ']');
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(struct str in);
} verbs[] = {{"structure", verb_structure}, {"envelope", verb_envelope},
    {"bodystructure", verb_bodystructure}, {"body", verb_body}, {"decoded", verb_decoded},
    {"path", verb_path}, {"addresses", verb_addresses}, {"text", verb_text}, {"date", verb_date},
    {"ids", verb_ids}, {"fields", verb_fields}, {"words", verb_words}};

static struct buf
read_all(void)
{
	struct buf in;
	ssize_t n;
	char *room;

	buf_init(&in, INPUT_MAX);
	while ((room = buf_room(&in, 65536)) != NULL && (n = read(0, room, 65536)) > 0)
		buf_added(&in, (size_t)n);
	return in;
}

static int
run(int (*fn)(struct str in), struct str in, bool many)
{
	struct str one;
	int rc = 0;

	if (!many)
		return fn(in);
	while (in.n > 0) {
		str_cut(&in, '\0', &one);
		buf_puts(&out, fn(one) == 0 ? "" : "!");
		buf_putc(&out, '\0');
		arena_reset(&arena);
	}
	return rc;
}

int
main(int argc, char **argv)
{
	bool many = argc > 1 && strcmp(argv[1], "-z") == 0;
	const char *verb = argc > 1 + many ? argv[1 + many] : "";
	struct buf in = read_all();
	int rc = 2;

	charset_init();
	buf_init(&out, INPUT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strcmp(verb, verbs[i].name) == 0)
			rc = run(verbs[i].fn, buf_view(&in), many);
	fwrite(out.p ? out.p : "", 1, out.n, stdout);
	buf_free(&out);
	buf_free(&in);
	arena_free(&arena);
	return rc;
}
