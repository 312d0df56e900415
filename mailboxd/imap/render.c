/*
 * render.c - the texts of a message that the index keeps (see home_options.render), and what is
 * read of them.
 *
 * The text of the header is one row, since FETCH ENVELOPE and SEARCH ask for both halves of it in
 * turn: u16 length (big-endian), the summary, then ENVELOPE. A change of any of these formats
 * raises IMAP_RENDER_VERSION, and so does another list of fields.
 */
#include "base/mem.h"
#include "mail/header.h"
#include "mail/imap_structure.h"
#include "mail/summary.h"
#include "mailboxd/imap/conn.h"

static void
render_header(struct str octets, struct buf *out)
{
	char *length = buf_room(out, 2);
	size_t at = out->n, n;

	if (length == NULL)
		return;
	buf_added(out, 2);
	summary_write(octets, out);
	n = out->n - at - 2;
	out->p[at] = (char)(n >> 8);
	out->p[at + 1] = (char)n;
	imap_envelope(octets, out);
}

#define FIELDS_MAX (16u * 1024) /* who has more is read from the file */

/* What clients ask for in lists of messages. Dovecot keeps what a client has asked for once; here
 * all of it comes with the first question, which takes one reading of the file. */
static const struct str fields[] = {STR_INIT("Bcc"), STR_INIT("Cc"), STR_INIT("Chat-Version"),
    STR_INIT("Content-Description"), STR_INIT("Content-Transfer-Encoding"),
    STR_INIT("Content-Type"), STR_INIT("Date"), STR_INIT("Disposition-Notification-To"),
    STR_INIT("From"), STR_INIT("Importance"), STR_INIT("In-Reply-To"), STR_INIT("Lines"),
    STR_INIT("List-Id"), STR_INIT("List-Post"), STR_INIT("List-Subscribe"),
    STR_INIT("List-Unsubscribe"), STR_INIT("MIME-Version"), STR_INIT("Message-ID"),
    STR_INIT("Newsgroups"), STR_INIT("Priority"), STR_INIT("References"), STR_INIT("Reply-To"),
    STR_INIT("Resent-Date"), STR_INIT("Resent-From"), STR_INIT("Resent-To"), STR_INIT("Sender"),
    STR_INIT("Subject"), STR_INIT("To"), STR_INIT("X-K9mail-Identity"), STR_INIT("X-Label"),
    STR_INIT("X-Mailer"), STR_INIT("X-Original-To"), STR_INIT("X-Priority")};

bool
imap_row_has_field(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (str_ieq(name, fields[i]))
			return true;
	return false;
}

static void
render_fields(struct str octets, struct buf *out)
{
	header_select(octets, fields, ARRAY_LEN(fields), false, out);
	/* A last field without a line end would get one when it is chosen from here. */
	if (out->n > FIELDS_MAX || (out->n > 2 && out->p[out->n - 3] != '\n'))
		buf_reset(out);
}

void
imap_render(void *arg, enum cache_kind kind, struct str octets, struct buf *out)
{
	struct arena a;

	(void)arg;
	if (kind == CACHE_HEADER) {
		render_header(octets, out);
		return;
	}
	if (kind == CACHE_FIELDS) {
		render_fields(octets, out);
		return;
	}
	arena_init(&a);
	imap_body(mime_parse(octets, &a), octets, kind == CACHE_BODYSTRUCTURE, out);
	arena_free(&a);
}

static size_t
summary_length(struct str row)
{
	const unsigned char *p = (const unsigned char *)row.p;

	return row.n < 2 ? 0 : (size_t)p[0] << 8 | p[1];
}

struct str
imap_row_envelope(struct str row)
{
	return str_from(row, 2 + summary_length(row));
}

struct str
imap_row_summary(struct str row)
{
	return str_sub(row, 2, summary_length(row));
}
