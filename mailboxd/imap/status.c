/*
 * status.c - STATUS (RFC 3501 6.3.10; SIZE of RFC 8438, DELETED and DELETED-STORAGE of RFC 9208,
 * HIGHESTMODSEQ of RFC 7162, MAILBOXID of RFC 8474).
 */
#include "mailboxd/imap/conn.h"

static uint64_t
recent(const struct mailbox *mb)
{
	return mb->n - mailbox_lower(mb, mb->recent_from);
}

static uint64_t
deleted_octets(const struct mailbox *mb)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < mb->n; i++)
		if (mb->messages[i].flags & FLAG_DELETED)
			sum += mb->messages[i].size;
	return sum;
}

static void
item(struct buf *b, const char *name, uint64_t v)
{
	buf_printf(b, "%s%s %llu", b->n > 0 ? " " : "", name, (unsigned long long)v);
}

int
imap_put_status(struct imap_conn *c, struct mailbox *mb, unsigned items, struct err *e)
{
	struct buf b;

	/* Most answers are at hand without the messages; files that others dropped are looked for
	 * all the same. */
	if ((items & (STATUS_RECENT | STATUS_DELETED_STORAGE)) || mb->loaded) {
		if (mailbox_load(mb, e) < 0)
			return -1;
	} else if (mailbox_refresh(mb, e) < 0) {
		return -1;
	}
	if (items & STATUS_HIGHESTMODSEQ)
		imap_condstore_on(c);
	buf_init(&b, 1024);
	if (items & STATUS_MESSAGES)
		item(&b, "MESSAGES", mb->exists);
	if (items & STATUS_RECENT)
		item(&b, "RECENT", recent(mb));
	if (items & STATUS_UIDNEXT)
		item(&b, "UIDNEXT", mb->uidnext);
	if (items & STATUS_UIDVALIDITY)
		item(&b, "UIDVALIDITY", mb->uidvalidity);
	if (items & STATUS_UNSEEN)
		item(&b, "UNSEEN", mb->unseen);
	if (items & STATUS_SIZE)
		item(&b, "SIZE", mb->octets);
	if (items & STATUS_DELETED)
		item(&b, "DELETED", mb->deleted);
	if (items & STATUS_DELETED_STORAGE)
		item(&b, "DELETED-STORAGE", (deleted_octets(mb) + 1023) / 1024);
	if (items & STATUS_HIGHESTMODSEQ)
		item(&b, "HIGHESTMODSEQ", mb->highestmodseq);
	if (items & STATUS_MAILBOXID)
		buf_printf(&b, "%sMAILBOXID (m%u)", b.n > 0 ? " " : "", mb->id);
	imap_puts(c, "* STATUS ");
	imap_put_mailbox(c, mb->name);
	imap_printf(c, " (" STR_FMT ")\r\n", STR_ARG(buf_view(&b)));
	buf_free(&b);
	return 0;
}

enum imap_step
imap_cmd_status(struct imap_conn *c)
{
	struct mailbox *mb = home_find(c->home, c->cmd.mailbox);
	struct err e = {0};

	if (mb == NULL)
		return imap_no(c, "[NONEXISTENT] No such mailbox");
	if (imap_put_status(c, mb, c->cmd.status, &e) < 0)
		return imap_err(c, &e);
	return imap_ok(c, "Status completed");
}
