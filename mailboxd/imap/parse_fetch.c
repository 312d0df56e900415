/*
 * parse_fetch.c - the arguments of FETCH (RFC 3501 6.4.5, 9 "fetch-att").
 */
#include "mailboxd/imap/parse.h"
#include "net/lex.h"

#include "base/buf.h"
#include "base/mem.h"

#define ITEMS_MAX  100
#define FIELDS_MAX 200

/* HEADER.FIELDS wants "(" astring … ")". */
static int
header_list(struct lex *l, struct fetch_item *it)
{
	if (lex_space(l) < 0 || lex_char(l, '(') < 0)
		return -1;
	it->fields = arena_array(l->a, FIELDS_MAX, sizeof(struct str));
	do {
		if (it->nfields == FIELDS_MAX)
			return lex_fail(l, "Too many header fields");
		if (lex_astring(l, &it->fields[it->nfields++]) < 0)
			return -1;
	} while (lex_take(l, ' '));
	return lex_char(l, ')');
}

static int
section_text(struct lex *l, struct fetch_item *it)
{
	if (lex_word(l, "HEADER.FIELDS.NOT")) {
		it->part = PART_FIELDS_NOT;
		return header_list(l, it);
	}
	if (lex_word(l, "HEADER.FIELDS")) {
		it->part = PART_FIELDS;
		return header_list(l, it);
	}
	if (lex_word(l, "HEADER"))
		it->part = PART_HEADER;
	else if (lex_word(l, "TEXT"))
		it->part = PART_TEXT;
	/* "MIME" must be preceded by part numbers (RFC 3501 6.4.5). */
	else if (it->depth > 0 && lex_word(l, "MIME"))
		it->part = PART_MIME;
	else
		return lex_fail(l, "Unknown section");
	return 0;
}

/* section-spec: part numbers, then optionally what of that part. */
static int
section(struct lex *l, struct fetch_item *it)
{
	uint64_t v;

	it->part = PART_ALL;
	if (lex_take(l, ']'))
		return 0;
	it->path = arena_array(l->a, IMAP_PATH_MAX, sizeof(uint32_t));
	while (is_digit(lex_peek(l))) {
		if (it->depth == IMAP_PATH_MAX)
			return lex_fail(l, "Section too deep");
		if (lex_number(l, 1, UINT32_MAX, &v) < 0)
			return -1;
		it->path[it->depth++] = (uint32_t)v;
		if (lex_take(l, ']'))
			return 0;
		if (lex_char(l, '.') < 0)
			return -1;
	}
	if (section_text(l, it) < 0)
		return -1;
	return lex_char(l, ']');
}

/* "<" number "." nz-number ">" */
static int
partial(struct lex *l, struct fetch_item *it)
{
	uint64_t from, count;

	if (!lex_take(l, '<'))
		return 0;
	if (lex_number(l, 0, UINT32_MAX, &from) < 0 || lex_char(l, '.') < 0)
		return -1;
	if (lex_number(l, 1, UINT32_MAX, &count) < 0)
		return -1;
	it->partial = true;
	it->from = (uint32_t)from;
	it->count = (uint32_t)count;
	return lex_char(l, '>');
}

static void
put_astring(struct buf *b, struct str s)
{
	if (lex_is_astring(s)) {
		buf_str(b, s);
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_putc(b, '\\');
		/* A literal may have brought what a quoted string cannot say; no header field has
		 * such a name. */
		buf_putc(b, is_cntl(s.p[i]) ? '?' : s.p[i]);
	}
	buf_putc(b, '"');
}

/* The response repeats the section as it was asked for (RFC 3501 7.4.2). */
static void
label(struct lex *l, struct fetch_item *it)
{
	static const char *const names[] = {[PART_ALL] = "",
	    [PART_HEADER] = "HEADER",
	    [PART_FIELDS] = "HEADER.FIELDS",
	    [PART_FIELDS_NOT] = "HEADER.FIELDS.NOT",
	    [PART_TEXT] = "TEXT",
	    [PART_MIME] = "MIME"};
	struct buf b;

	buf_init(&b, 1u << 20);
	buf_puts(&b, "BODY[");
	for (size_t i = 0; i < it->depth; i++)
		buf_printf(&b, "%s%u", i ? "." : "", it->path[i]);
	if (it->depth > 0 && it->part != PART_ALL)
		buf_putc(&b, '.');
	buf_puts(&b, names[it->part]);
	for (size_t i = 0; i < it->nfields; i++) {
		buf_puts(&b, i == 0 ? " (" : " ");
		put_astring(&b, it->fields[i]);
	}
	buf_puts(&b, it->nfields ? ")]" : "]");
	it->label = arena_dup(l->a, buf_view(&b));
	buf_free(&b);
}

static int
body(struct lex *l, bool peek, struct fetch_item *it)
{
	it->kind = FETCH_SECTION;
	it->peek = peek;
	if (lex_char(l, '[') < 0 || section(l, it) < 0 || partial(l, it) < 0)
		return -1;
	label(l, it);
	return 0;
}

static int
item(struct lex *l, struct fetch_item *it)
{
	static const struct {
		const char *word;
		struct fetch_item it;
	} plain[] = {
	    {"UID", {.kind = FETCH_UID}},
	    {"FLAGS", {.kind = FETCH_FLAGS}},
	    {"INTERNALDATE", {.kind = FETCH_INTERNALDATE}},
	    {"RFC822.SIZE", {.kind = FETCH_SIZE}},
	    {"ENVELOPE", {.kind = FETCH_ENVELOPE}},
	    {"BODYSTRUCTURE", {.kind = FETCH_BODYSTRUCTURE}},
	    {"MODSEQ", {.kind = FETCH_MODSEQ}},
	    {"EMAILID", {.kind = FETCH_EMAILID}},
	    {"THREADID", {.kind = FETCH_THREADID}},
	    {"RFC822.HEADER", {.kind = FETCH_SECTION, .part = PART_HEADER, .peek = true}},
	    {"RFC822.TEXT", {.kind = FETCH_SECTION, .part = PART_TEXT}},
	    {"RFC822", {.kind = FETCH_SECTION, .part = PART_ALL}},
	};

	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (lex_word(l, plain[i].word)) {
			*it = plain[i].it;
			it->label = str_z(plain[i].word);
			return 0;
		}
	if (lex_word(l, "BODY.PEEK"))
		return body(l, true, it);
	if (!lex_word(l, "BODY"))
		return lex_fail(l, "Unknown FETCH item");
	if (lex_peek(l) == '[')
		return body(l, false, it);
	it->kind = FETCH_BODY;
	it->label = STR("BODY");
	return 0;
}

static int
macro(struct lex *l, struct imap_cmd *cmd)
{
	static const enum fetch_kind all[] = {
	    FETCH_FLAGS, FETCH_INTERNALDATE, FETCH_SIZE, FETCH_ENVELOPE, FETCH_BODY};
	static const char *const names[] = {
	    "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"};

	/* FAST, ALL and FULL are the first three, four and five of these (RFC 3501 6.4.5). */
	if (lex_word(l, "ALL"))
		cmd->nitems = 4;
	else if (lex_word(l, "FAST"))
		cmd->nitems = 3;
	else if (lex_word(l, "FULL"))
		cmd->nitems = 5;
	else
		return 0;
	for (size_t i = 0; i < cmd->nitems; i++)
		cmd->items[i] = (struct fetch_item){.kind = all[i], .label = str_z(names[i])};
	return 1;
}

static int
items(struct lex *l, struct imap_cmd *cmd)
{
	cmd->items = arena_array(l->a, ITEMS_MAX, sizeof(struct fetch_item));
	if (macro(l, cmd))
		return 0;
	if (!lex_take(l, '(')) {
		cmd->nitems = 1;
		return item(l, &cmd->items[0]);
	}
	do {
		if (cmd->nitems == ITEMS_MAX)
			return lex_fail(l, "Too many FETCH items");
		if (item(l, &cmd->items[cmd->nitems++]) < 0)
			return -1;
	} while (lex_take(l, ' '));
	return lex_char(l, ')');
}

/* set SP items [SP "(" modifiers ")"] */
int
parse_fetch(struct lex *l, struct imap_cmd *cmd)
{
	if (parse_set(l, &cmd->set) < 0 || lex_space(l) < 0 || items(l, cmd) < 0)
		return -1;
	return parse_fetch_modifiers(l, cmd);
}
