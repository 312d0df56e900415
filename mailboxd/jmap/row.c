/*
 * row.c - see row.h.
 *
 * A row is its entries in their order, each with its length before it, seven bits an octet, the
 * lowest first.
 */
#include "mailboxd/jmap/row.h"

#include "base/mem.h"
#include "base/num.h"
#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/needle.h"
#include "mail/subject.h"
#include "mail/text.h"
#include "mailboxd/jmap/form.h"
#include "mailboxd/jmap/parts.h"
#include "json/json.h"

#define ENTRY_MAX (512u << 10) /* octets of a value that is shown whole */
#define VALUE_MAX (48u << 10)  /* of a field's value where it would be more */
#define KEY_MAX   96u

static const struct jmap_field fields[ROW_SENT_AT + 1] = {
    [ROW_MESSAGE_ID] = {STR_INIT("Message-ID"), FORM_MESSAGE_IDS, false},
    [ROW_IN_REPLY_TO] = {STR_INIT("In-Reply-To"), FORM_MESSAGE_IDS, false},
    [ROW_REFERENCES] = {STR_INIT("References"), FORM_MESSAGE_IDS, false},
    [ROW_SENDER] = {STR_INIT("Sender"), FORM_ADDRESSES, false},
    [ROW_FROM] = {STR_INIT("From"), FORM_ADDRESSES, false},
    [ROW_TO] = {STR_INIT("To"), FORM_ADDRESSES, false},
    [ROW_CC] = {STR_INIT("Cc"), FORM_ADDRESSES, false},
    [ROW_BCC] = {STR_INIT("Bcc"), FORM_ADDRESSES, false},
    [ROW_REPLY_TO] = {STR_INIT("Reply-To"), FORM_ADDRESSES, false},
    [ROW_SUBJECT] = {STR_INIT("Subject"), FORM_TEXT, false},
    [ROW_SENT_AT] = {STR_INIT("Date"), FORM_DATE, false},
};

/* ---- writing ---- */

static void
put_entry(struct buf *out, struct str text)
{
	size_t n = text.n;

	for (; n > 127; n >>= 7)
		(void)buf_putc(out, (char)(n | 128));
	(void)buf_putc(out, (char)n);
	(void)buf_str(out, text);
}

/* The last field of that name, as properties mean it (RFC 8621 4.1.2). */
static void
find_values(struct str header, struct str values[ROW_SENT_AT + 1])
{
	struct header_field f;

	while (header_next(&header, &f))
		for (unsigned i = 0; i <= ROW_SENT_AT; i++)
			if (str_ieq(f.name, fields[i].name))
				values[i] = f.value.p != NULL ? f.value : STR("");
}

/* What is absurdly long is cut, so that the row stays in bounds whatever the header. */
static void
put_field(const struct jmap_field *f, struct str value, struct buf *scratch, struct buf *out)
{
	buf_reset(scratch);
	if (value.p == NULL)
		(void)buf_puts(scratch, "null");
	else
		jmap_form_put(f->form, value, scratch);
	if (scratch->over) {
		buf_reset(scratch);
		jmap_form_put(f->form, str_sub(value, 0, VALUE_MAX), scratch);
	}
	put_entry(out, scratch->over ? STR("null") : buf_view(scratch));
}

static void
put_key(struct str text, struct arena *a, struct buf *out)
{
	struct needle folded;

	text = str_cut_utf8(text, KEY_MAX);
	if (needle_init(&folded, text, a) < 0)
		folded.folded = text;
	put_entry(out, str_sub(folded.folded, 0, KEY_MAX));
}

/* RFC 8621 4.4.2: the name of the first address or, without one, the address. */
static void
put_address_key(struct str value, struct arena *a, struct buf *out)
{
	struct addrlist list;
	struct str name = STR("");

	addrlist_parse(str_sub(value, 0, VALUE_MAX), a, &list);
	for (size_t i = 0; i < list.n && name.n == 0; i++) {
		if (list.v[i].host.p == NULL)
			continue;
		name = list.v[i].name.n > 0 ? jmap_form_text(list.v[i].name, a) : STR("");
		if (name.n == 0)
			name = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(list.v[i].mailbox),
			    STR_ARG(list.v[i].host));
	}
	put_key(name, a, out);
}

static void
put_date_key(struct str value, struct buf *out)
{
	char octets[8];
	struct date d;

	if (date_parse(str_trim(value), &d) < 0) {
		put_entry(out, STR(""));
		return;
	}
	num_put_u64(octets, (uint64_t)d.utc ^ UINT64_C(1) << 63);
	put_entry(out, str_of(octets, sizeof octets));
}

void
jmap_row_make(struct str message, const struct mime_part *root, struct buf *out)
{
	struct str values[ROW_SENT_AT + 1] = {{NULL, 0}};
	struct jmap_parts parts;
	struct buf scratch, preview;
	struct arena a;

	arena_init(&a);
	buf_init(&scratch, ENTRY_MAX);
	buf_init(&preview, TEXT_PREVIEW_CHARS * 4 + 16);
	find_values(mime_octets(message, root->header), values);
	for (unsigned i = 0; i <= ROW_SENT_AT; i++)
		put_field(&fields[i], values[i], &scratch, out);
	jmap_parts_find(root, &a, &parts);
	put_entry(out, jmap_parts_has_attachment(&parts) ? STR("true") : STR("false"));
	buf_reset(&scratch);
	text_preview(root, message, &preview);
	json_print_str(buf_view(&preview), &scratch);
	put_entry(out, buf_view(&scratch));
	put_address_key(values[ROW_FROM], &a, out);
	put_address_key(values[ROW_TO], &a, out);
	put_key(subject_base(values[ROW_SUBJECT], &a), &a, out);
	put_date_key(values[ROW_SENT_AT], out);
	buf_free(&preview);
	buf_free(&scratch);
	arena_free(&a);
}

void
jmap_row_write(struct str message, struct buf *out)
{
	struct arena a;

	arena_init(&a);
	jmap_row_make(message, mime_parse(message, &a), out);
	arena_free(&a);
}

/* ---- reading ---- */

static bool
take_length(struct str *s, size_t *n)
{
	*n = 0;
	for (unsigned shift = 0; s->n > 0 && shift < 35; shift += 7) {
		unsigned char c = (unsigned char)s->p[0];

		*s = str_from(*s, 1);
		*n |= (size_t)(c & 127) << shift;
		if (c < 128)
			return *n <= s->n;
	}
	return false;
}

void
jmap_row_read(struct str text, struct jmap_row *out)
{
	size_t n;

	for (unsigned i = 0; i < ROW_ENTRIES; i++) {
		out->v[i] = STR("");
		if (!take_length(&text, &n))
			continue;
		out->v[i] = str_sub(text, 0, n);
		text = str_from(text, n);
	}
}
