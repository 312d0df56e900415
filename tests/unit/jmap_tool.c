/*
 * jmap_tool.c - lets tests in other languages see a message as JMAP shows it (RFC 8621 4.1).
 *
 *	jmap_tool <message
 *
 * Writes a JSON object: the properties that lists have, bodyStructure, textBody, htmlBody,
 * attachments, bodyValues of all texts, headers.
 */
#include <stdio.h>

#include "base/mem.h"
#include "mail/charset.h"
#include "mailboxd/jmap/body.h"
#include "mailboxd/jmap/email_show.h"
#include "mailboxd/jmap/row.h"

#define INPUT_MAX (256u << 20)

static void
put_row(struct str message, struct buf *out)
{
	struct jmap_row row;
	struct buf text;

	buf_init(&text, INPUT_MAX);
	jmap_row_write(message, &text);
	jmap_row_read(buf_view(&text), &row);
	for (unsigned i = 0; i < ROW_PROPERTIES; i++)
		(void)buf_printf(out, "\"%s\":" STR_FMT ",", jmap_email_properties[EMAIL_ROW + i],
		    STR_ARG(row.v[i]));
	buf_free(&text);
}

static void
put_body(struct str message, struct arena *a, struct buf *out)
{
	struct jmap_body_args args = {
	    .properties = ~0u, .all = true, .max = INPUT_MAX, .left = INPUT_MAX};
	struct jmap_body body;

	jmap_body_open(&body, message, STR("be0"), a);
	(void)buf_puts(out, "\"bodyStructure\":");
	jmap_body_structure(&body, &args, out);
	(void)buf_puts(out, ",\"textBody\":");
	jmap_body_list(&body, &args, &body.parts.text, out);
	(void)buf_puts(out, ",\"htmlBody\":");
	jmap_body_list(&body, &args, &body.parts.html, out);
	(void)buf_puts(out, ",\"attachments\":");
	jmap_body_list(&body, &args, &body.parts.attachments, out);
	(void)buf_puts(out, ",\"bodyValues\":");
	jmap_body_values(&body, &args, out);
	(void)buf_puts(out, ",\"headers\":");
	jmap_headers_put(mime_octets(message, body.root->header), out);
}

int
main(void)
{
	struct buf in, out;
	struct arena a;
	size_t n;
	char *to;

	charset_init();
	arena_init(&a);
	buf_init(&in, INPUT_MAX);
	buf_init(&out, SIZE_MAX / 2);
	while ((to = buf_room(&in, 65536)) != NULL && (n = fread(to, 1, 65536, stdin)) > 0)
		buf_added(&in, n);
	(void)buf_puts(&out, "{");
	put_row(buf_view(&in), &out);
	put_body(buf_view(&in), &a, &out);
	(void)buf_puts(&out, "}");
	fwrite(out.p, 1, out.n, stdout);
	return 0;
}
