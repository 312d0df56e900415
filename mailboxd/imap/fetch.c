/*
 * fetch.c - FETCH (RFC 3501 6.4.5, 7.4.2; RFC 7162 3.1.4, 3.2.6).
 *
 * Purpose: writes messages to the client in the order asked for, never more at a time than the
 * client takes: a large body goes out in pieces straight from the mapped file, and between messages
 * other sessions have their turn. Errors: a message whose file is gone is left out and the command
 * ends with NO.
 */
#include "mailboxd/imap/conn.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/mime.h"

#define PIECE (64u * 1024)

struct fetch {
	struct imap_picks picks;
	size_t i;   /* of picks: the message under way */
	bool sees;  /* sets \Seen */
	bool reads; /* needs the message's octets */
	bool has_uid, has_flags, has_modseq;
	bool *kept;              /* of items: header fields that the index keeps */
	bool texts[CACHE_COUNT]; /* needs these */
	size_t missing;
	/* of the message under way */
	bool open;
	struct message was; /* another session may expunge it between two pieces */
	bool first;         /* no item is written yet */
	bool seen_now;
	bool changed; /* its flags are news, which this response may tell */
	size_t item;
	struct content *content;
	struct mime_part *root;
	struct str text[CACHE_COUNT];
	struct str rest;   /* of a literal still to be written */
	struct buf fields; /* what rest may point into */
};

static void
cleanup(struct imap_conn *c)
{
	struct fetch *f = c->op;

	content_close(&f->content);
	buf_free(&f->fields);
}

/* ---- one message ---- */

static int
load_texts(struct imap_conn *c, struct fetch *f, uint32_t uid, struct err *e)
{
	for (int k = 0; k < CACHE_COUNT; k++)
		if (f->texts[k] && mailbox_cached(c->view.mb, uid, (enum cache_kind)k, &c->scratch,
				       &f->text[k], e) < 0)
			return -1;
	return 0;
}

/* A body that is read makes the message seen (RFC 3501 6.4.5). */
static int
mark_seen(struct imap_conn *c, struct fetch *f, const struct message *m, struct err *e)
{
	const struct flag_set seen = {.flags = FLAG_SEEN};
	uint32_t uid = m->uid;

	if (!f->sees || c->view.readonly || (m->flags & FLAG_SEEN))
		return 0;
	f->seen_now = true;
	return mailbox_store(
	    c->view.mb, &uid, 1, STORE_ADD, &seen, UINT64_MAX, &c->by, &c->scratch, NULL, e);
}

/* Gets hold of all that can be missing before the first word is written. */
static bool
message_open(struct imap_conn *c, struct fetch *f)
{
	uint32_t at = f->picks.at[f->i], uid = c->view.v[at].uid;
	const struct message *m = c->view.mb ? mailbox_get(c->view.mb, uid) : NULL;
	struct err e = {0};

	if (m == NULL)
		return false;
	f->was = *m;
	f->seen_now = false;
	f->changed = c->view.v[at].flags;
	f->root = NULL;
	if (f->reads && (f->content = content_open(c->view.mb, uid, &e)) == NULL)
		goto failed;
	if (load_texts(c, f, uid, &e) < 0)
		goto failed;
	/* An index without the fields of this one: they are too long. */
	if (f->texts[CACHE_FIELDS] && f->text[CACHE_FIELDS].n == 0 && !f->reads &&
	    (f->content = content_open(c->view.mb, uid, &e)) == NULL)
		goto failed;
	if (mark_seen(c, f, m, &e) < 0)
		goto failed;
	f->open = true;
	f->first = true;
	f->item = 0;
	imap_printf(c, "* %u FETCH (", at + 1);
	return true;
failed:
	log_warn("imap.fetch", LS("sid", c->sid), LU("uid", uid), LE(&e));
	content_close(&f->content);
	return false;
}

static void
message_close(struct imap_conn *c, struct fetch *f)
{
	imap_puts(c, ")\r\n");
	content_close(&f->content);
	buf_reset(&f->fields);
	if (f->fields.cap > PIECE)
		buf_shrink(&f->fields);
	arena_reset(&c->scratch);
	f->open = false;
}

/* ---- sections ---- */

static const struct mime_part *
tree(struct imap_conn *c, struct fetch *f)
{
	if (f->root == NULL)
		f->root = mime_parse(f->content->octets, &c->scratch);
	return f->root;
}

/* The octets of a header or body that a section starts from; false: there is no such part. */
static bool
base_of(struct imap_conn *c, struct fetch *f, const struct fetch_item *it, struct str *out)
{
	static const enum mime_what what[] = {[PART_ALL] = MIME_WHAT_ALL,
	    [PART_HEADER] = MIME_WHAT_HEADER,
	    [PART_FIELDS] = MIME_WHAT_HEADER,
	    [PART_FIELDS_NOT] = MIME_WHAT_HEADER,
	    [PART_TEXT] = MIME_WHAT_TEXT,
	    [PART_MIME] = MIME_WHAT_MIME};
	struct str all = f->content->octets;
	struct mime_range r;

	if (it->depth > 0) {
		if (!mime_section(tree(c, f), it->path, it->depth, what[it->part], &r))
			return false;
		*out = mime_octets(all, r);
		return true;
	}
	/* The whole message needs no taking apart. */
	switch (it->part) {
	case PART_HEADER:
	case PART_FIELDS:
	case PART_FIELDS_NOT:
		*out = str_sub(all, 0, header_length(all));
		break;
	case PART_TEXT:
		*out = str_from(all, header_length(all));
		break;
	case PART_ALL:
	case PART_MIME:
		*out = all;
		break;
	}
	return true;
}

/* Are these fields of the header among those that the index keeps? */
static bool
is_kept(const struct fetch_item *it)
{
	if (it->kind != FETCH_SECTION || it->part != PART_FIELDS || it->depth > 0)
		return false;
	for (size_t i = 0; i < it->nfields; i++)
		if (!imap_row_has_field(it->fields[i]))
			return false;
	return true;
}

static void
section(struct imap_conn *c, struct fetch *f, const struct fetch_item *it)
{
	struct str s;

	imap_put(c, it->label);
	if (it->partial)
		imap_printf(c, "<%u>", it->from);
	if (f->kept[f->item] && f->text[CACHE_FIELDS].n > 0) {
		s = f->text[CACHE_FIELDS];
	} else if (!base_of(c, f, it, &s)) {
		imap_puts(c, " NIL");
		return;
	}
	if (it->part == PART_FIELDS || it->part == PART_FIELDS_NOT) {
		buf_reset(&f->fields);
		f->fields.max = s.n + 16;
		header_select(s, it->fields, it->nfields, it->part == PART_FIELDS_NOT, &f->fields);
		s = buf_view(&f->fields);
	}
	if (it->partial)
		s = str_sub(s, it->from, it->count);
	imap_printf(c, " {%zu}\r\n", s.n);
	f->rest = s;
}

/* ---- items ---- */

static void
put_flags(struct imap_conn *c, const struct message *m, uint32_t at)
{
	imap_puts(c, "FLAGS ");
	imap_put_flags(c, c->view.mb, m, c->view.v[at].recent);
	c->view.v[at].flags = false;
}

/* RFC 8474 5.3: NIL where it cannot be told. */
static void
put_thread(struct imap_conn *c, uint32_t uid)
{
	char id[EMAIL_TEXT_SIZE];
	uint64_t thread;

	if (mailbox_thread(c->view.mb, uid, &thread, NULL) < 0)
		imap_puts(c, "THREADID NIL");
	else
		imap_printf(c, "THREADID (%s)", email_text(thread, THREAD_LETTER, id));
}

static void
put_item(struct imap_conn *c, struct fetch *f, const struct fetch_item *it)
{
	uint32_t at = f->picks.at[f->i];
	const struct message *m = mailbox_get(c->view.mb, c->view.v[at].uid);
	char date[DATE_IMAP_SIZE], id[EMAIL_TEXT_SIZE];

	if (m == NULL)
		m = &f->was;
	if (!f->first)
		imap_puts(c, " ");
	f->first = false;
	switch (it->kind) {
	case FETCH_UID:
		imap_printf(c, "UID %u", m->uid);
		break;
	case FETCH_FLAGS:
		put_flags(c, m, at);
		break;
	case FETCH_MODSEQ:
		imap_printf(c, "MODSEQ (%llu)", (unsigned long long)mailbox_modseq(c->view.mb, m));
		break;
	case FETCH_EMAILID:
		imap_printf(c, "EMAILID (%s)", email_text(m->email, EMAIL_LETTER, id));
		break;
	case FETCH_THREADID:
		put_thread(c, m->uid);
		break;
	case FETCH_INTERNALDATE:
		imap_printf(c, "INTERNALDATE \"%s\"", date_imap(m->date, 0, date));
		break;
	case FETCH_SIZE:
		imap_printf(c, "RFC822.SIZE %llu", (unsigned long long)m->size);
		break;
	case FETCH_ENVELOPE:
		imap_puts(c, "ENVELOPE ");
		imap_put(c, imap_row_envelope(f->text[CACHE_HEADER]));
		break;
	case FETCH_BODY:
		imap_puts(c, "BODY ");
		imap_put(c, f->text[CACHE_BODY]);
		break;
	case FETCH_BODYSTRUCTURE:
		imap_puts(c, "BODYSTRUCTURE ");
		imap_put(c, f->text[CACHE_BODYSTRUCTURE]);
		break;
	case FETCH_SECTION:
		section(c, f, it);
		break;
	}
}

/* The item after the last asked for: what must be there unasked. */
static void
put_extra(struct imap_conn *c, struct fetch *f)
{
	static const struct fetch_item flags = {.kind = FETCH_FLAGS}, uid = {.kind = FETCH_UID},
				       modseq = {.kind = FETCH_MODSEQ};
	/* RFC 7162 3.2.4: a change of flags, be it our own, or one that is told here because the
	 * client just asks for flags. */
	bool news = (f->seen_now || (f->changed && f->has_flags)) && c->condstore;

	if (f->seen_now && !f->has_flags)
		put_item(c, f, &flags);
	if ((c->cmd.uid || news) && !f->has_uid)
		put_item(c, f, &uid);
	/* CHANGEDSINCE asks for it (RFC 7162 3.1.4.1). */
	if ((c->cmd.has_since || news) && !f->has_modseq)
		put_item(c, f, &modseq);
}

/* false: the client has to take what is there first. */
static bool
write_rest(struct imap_conn *c, struct fetch *f)
{
	while (f->rest.n > 0) {
		struct str piece = str_sub(f->rest, 0, PIECE);

		if (imap_is_choked(c))
			return false;
		imap_put(c, piece);
		f->rest = str_from(f->rest, piece.n);
	}
	return true;
}

static bool
message_write(struct imap_conn *c, struct fetch *f)
{
	for (; f->item < c->cmd.nitems; f->item++) {
		if (!write_rest(c, f))
			return false;
		put_item(c, f, &c->cmd.items[f->item]);
	}
	if (!write_rest(c, f))
		return false;
	put_extra(c, f);
	message_close(c, f);
	return true;
}

static enum imap_step
step(struct imap_conn *c)
{
	struct fetch *f = c->op;
	uint64_t since = clock_us();

	while (f->i < f->picks.n) {
		if (imap_is_choked(c))
			return IMAP_DRAIN;
		if (!f->open && !message_open(c, f)) {
			f->missing++;
			f->i++;
			continue;
		}
		if (!message_write(c, f))
			return IMAP_DRAIN;
		f->i++;
		if (imap_slice_over(c, since))
			return IMAP_YIELD;
	}
	/* RFC 2180 4.1.2: told by NO, so that the client asks for the news. UID FETCH passes over
	 * them. */
	if (f->missing > 0 && !c->cmd.uid)
		return imap_no(c, "[EXPUNGEISSUED] Some of the messages are gone");
	return imap_ok(c, "Fetch completed");
}

static void
survey(struct imap_conn *c, struct fetch *f)
{
	f->kept = arena_array(&c->work, c->cmd.nitems + 1, sizeof(bool));
	for (size_t i = 0; i < c->cmd.nitems; i++) {
		const struct fetch_item *it = &c->cmd.items[i];

		f->has_uid |= it->kind == FETCH_UID;
		f->has_flags |= it->kind == FETCH_FLAGS;
		f->has_modseq |= it->kind == FETCH_MODSEQ;
		f->texts[CACHE_HEADER] |= it->kind == FETCH_ENVELOPE;
		f->texts[CACHE_BODY] |= it->kind == FETCH_BODY;
		f->texts[CACHE_BODYSTRUCTURE] |= it->kind == FETCH_BODYSTRUCTURE;
		f->kept[i] = is_kept(it);
		f->texts[CACHE_FIELDS] |= f->kept[i];
		f->reads |= it->kind == FETCH_SECTION && !f->kept[i];
		f->sees |= it->kind == FETCH_SECTION && !it->peek;
	}
}

enum imap_step
imap_cmd_fetch(struct imap_conn *c)
{
	struct fetch *f = arena_new(&c->work, struct fetch);
	struct err e = {0};

	if (c->cmd.vanished && !c->qresync)
		return imap_bad(c, "QRESYNC is not enabled");
	survey(c, f);
	if (f->has_modseq || c->cmd.has_since)
		imap_condstore_on(c);
	if (c->cmd.vanished && imap_put_vanished(c, c->cmd.since, &c->cmd.set, &e) < 0)
		return imap_err(c, &e);
	if (imap_view_pick(&c->view, &c->cmd.set, c->cmd.uid, &c->work, &f->picks) < 0)
		return imap_bad(c, "No such message");
	if (c->cmd.has_since)
		imap_view_changed(&c->view, &f->picks, c->cmd.since);
	buf_init(&f->fields, 16);
	c->op = f;
	c->cleanup = cleanup;
	c->step = step;
	return step(c);
}
