/*
 * email_show.c - see email_show.h.
 *
 * Values come as the texts of JSON values, which cost one copy; a tree of each would be several
 * times as dear as everything else.
 */
#include "mailboxd/jmap/email_show.h"

#include "base/mem.h"
#include "mail/header.h"

/* clang-format off */
const char *const jmap_email_properties[EMAIL_PROPERTIES + 1] = {"id", "blobId", "threadId", "mailboxIds",
    "keywords", "size", "receivedAt", "messageId", "inReplyTo", "references", "sender", "from", "to", "cc",
    "bcc", "replyTo", "subject", "sentAt", "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody",
    "attachments", "headers", "bodyStructure", NULL};
/* clang-format on */

bool
jmap_email_is_property(struct str name)
{
	struct jmap_field f;

	return jmap_field_parse(name, &f) == 0;
}

static bool
wants_any(const struct jmap_call *c, unsigned from, unsigned to)
{
	while (from < to && !jmap_wants(c, from))
		from++;
	return from < to;
}

bool
jmap_email_wants_row(const struct jmap_call *c)
{
	return wants_any(c, EMAIL_ROW, EMAIL_BODY_VALUES);
}

bool
jmap_email_wants_octets(const struct jmap_call *c)
{
	size_t n;

	(void)jmap_more_properties(c, &n);
	return n > 0 || wants_any(c, EMAIL_BODY_VALUES, EMAIL_PROPERTIES);
}

void
jmap_email_show_row(struct jmap_call *c, struct str text, cJSON *out)
{
	struct jmap_row row;

	jmap_row_read(text, &row);
	for (unsigned i = 0; i < ROW_PROPERTIES; i++)
		if (jmap_wants(c, EMAIL_ROW + i))
			json_put_raw(out, jmap_email_properties[EMAIL_ROW + i],
			    row.v[i].n > 0 ? row.v[i] : STR("null"));
}

static void
write_property(enum jmap_email_property what, struct str header, const struct jmap_body *b,
    struct jmap_body_args *args, struct buf *out)
{
	switch ((unsigned)what) {
	case EMAIL_BODY_VALUES:
		jmap_body_values(b, args, out);
		break;
	case EMAIL_TEXT_BODY:
		jmap_body_list(b, args, &b->parts.text, out);
		break;
	case EMAIL_HTML_BODY:
		jmap_body_list(b, args, &b->parts.html, out);
		break;
	case EMAIL_ATTACHMENTS:
		jmap_body_list(b, args, &b->parts.attachments, out);
		break;
	case EMAIL_HEADERS:
		jmap_headers_put(header, out);
		break;
	default:
		jmap_body_structure(b, args, out);
		break;
	}
}

int
jmap_email_show_octets(struct jmap_call *c, struct str octets, const struct jmap_body *body,
    struct jmap_body_args *args, cJSON *out, struct err *e)
{
	struct str header = str_sub(octets, 0, header_length(octets));
	const struct str *more;
	struct jmap_field f;
	struct buf text;
	bool over = false;
	size_t n;

	buf_init(&text, JMAP_MAX_ANSWER);
	for (unsigned i = EMAIL_BODY_VALUES; i < EMAIL_PROPERTIES; i++) {
		if (!jmap_wants(c, i))
			continue;
		buf_reset(&text);
		write_property((enum jmap_email_property)i, header, body, args, &text);
		over |= text.over;
		json_put_raw(out, jmap_email_properties[i], buf_view(&text));
	}
	more = jmap_more_properties(c, &n);
	for (size_t i = 0; i < n; i++) {
		if (jmap_field_parse(more[i], &f) < 0)
			continue;
		buf_reset(&text);
		jmap_field_put(&f, header, &text);
		over |= text.over;
		json_put_raw_named(out, more[i], buf_view(&text));
	}
	buf_free(&text);
	return over ? err_set(e, E_LIMIT, "the email is too large to be shown") : 0;
}
