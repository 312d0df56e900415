/*
 * render.c - the texts of a message that the index keeps (see home_options.render), and what is
 * read of them.
 *
 * The text of the header is one row, since FETCH ENVELOPE and SEARCH ask for both halves of it in
 * turn: u16 length (big-endian), the summary, then ENVELOPE. A change of any of these formats
 * raises IMAP_RENDER_VERSION.
 */
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

void
imap_render(void *arg, enum cache_kind kind, struct str octets, struct buf *out)
{
	struct arena a;

	(void)arg;
	if (kind == CACHE_HEADER) {
		render_header(octets, out);
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
