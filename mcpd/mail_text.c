/*
 * mail_text.c - what a message says, as text: see mail.h.
 *
 * The parts are those that the page shows (htmlBody, RFC 8621 4.1.4), HTML with nothing that a
 * reader could not see (html_seen.h): what is only in an alternative that nobody looks at is read
 * by no agent.
 */
#include "mcpd/mail.h"

#include "mail/html.h"

#define TEXT_MAX (512u << 10)

void
mail_text_args(cJSON *args, unsigned max)
{
	json_put_bool(args, "fetchHTMLBodyValues", true);
	json_put_num(args, "maxBodyValueBytes", max);
	json_put(args, "bodyProperties",
	    mail_json("[\"partId\",\"blobId\",\"type\",\"size\",\"name\",\"disposition\"]"));
}

/* Lines that quote another's, and the empty ones behind them. */
static void
put_unquoted(struct str text, struct buf *out)
{
	struct str line;
	bool more, quoted = false;

	do {
		more = str_cut(&text, '\n', &line);
		quoted = line.n > 0 ? line.p[0] == '>' : quoted;
		if (!quoted) {
			buf_str(out, line);
			buf_putc(out, '\n');
		}
	} while (more);
}

void
mail_text_of(struct str type, struct str value, bool quotes, struct buf *out)
{
	if (str_ieq_z(type, "text/html"))
		html_text(value, HTML_SEEN | (quotes ? 0 : HTML_NO_QUOTES), TEXT_MAX, out);
	else if (quotes)
		buf_str(out, value);
	else
		put_unquoted(value, out);
}

bool
mail_text(const cJSON *email, bool quotes, struct buf *out)
{
	const cJSON *values = json_get(email, "bodyValues"), *part;
	bool whole = true;

	cJSON_ArrayForEach(part, json_get(email, "htmlBody"))
	{
		struct str id = json_str(json_get(part, "partId"));
		const cJSON *value = id.p != NULL ? json_get(values, id.p) : NULL;

		if (value == NULL)
			continue;
		if (out->n > 0 && out->p[out->n - 1] != '\n')
			buf_putc(out, '\n');
		whole &= !cJSON_IsTrue(json_get(value, "isTruncated"));
		mail_text_of(json_str(json_get(part, "type")), json_str(json_get(value, "value")),
		    quotes, out);
	}
	return whole && !out->over;
}
