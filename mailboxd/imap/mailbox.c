/*
 * mailbox.c - commands on mailboxes as wholes (RFC 3501 6.3; RFC 2342, 3691).
 */
#include "mailboxd/imap/conn.h"

static void
put_flags_lines(struct imap_conn *c)
{
	const struct mailbox *mb = c->view.mb;

	imap_puts(c, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft");
	for (unsigned i = 0; i < mb->nkeywords; i++)
		imap_printf(c, " " STR_FMT, STR_ARG(mb->keywords[i]));
	imap_puts(c, ")\r\n");
	if (c->view.readonly) {
		imap_puts(c, "* OK [PERMANENTFLAGS ()] No permanent flags\r\n");
		return;
	}
	imap_puts(c, "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft");
	for (unsigned i = 0; i < mb->nkeywords; i++)
		imap_printf(c, " " STR_FMT, STR_ARG(mb->keywords[i]));
	/* "\*": new keywords may be made. */
	imap_puts(c, mb->nkeywords < KEYWORDS_MAX ? " \\*)] Limited\r\n" : ")] Limited\r\n");
}

enum imap_step
imap_selected(struct imap_conn *c)
{
	return imap_ok(c, "[READ-%s] %s completed", c->view.readonly ? "ONLY" : "WRITE",
	    c->view.readonly ? "Examine" : "Select");
}

/* SELECT, EXAMINE (RFC 3501 6.3.1, 6.3.2). A failed one leaves nothing selected. */
enum imap_step
imap_cmd_select(struct imap_conn *c)
{
	bool readonly = c->cmd.verb == VERB_EXAMINE;
	struct mailbox *mb;
	uint32_t unseen;
	const struct imap_qresync *q = c->cmd.qresync;
	struct err e = {0};

	/* RFC 7162 3.2.5 */
	if (q != NULL && !c->qresync)
		return imap_bad(c, "QRESYNC is not enabled");
	if (c->selected) {
		imap_view_close(c);
		imap_puts(c, "* OK [CLOSED] Previous mailbox is now closed\r\n");
	}
	if ((mb = home_find(c->home, c->cmd.mailbox)) == NULL)
		return imap_no(c, "[NONEXISTENT] No such mailbox");
	if (imap_view_open(c, mb, readonly, &e) < 0)
		return imap_err(c, &e);
	put_flags_lines(c);
	imap_printf(c, "* %zu EXISTS\r\n* %zu RECENT\r\n", c->view.n, c->view.recent);
	unseen = mailbox_first_unseen(mb);
	if (unseen != 0 && imap_view_find(&c->view, unseen) < c->view.n)
		imap_printf(
		    c, "* OK [UNSEEN %zu] First unseen\r\n", imap_view_find(&c->view, unseen) + 1);
	imap_printf(c, "* OK [UIDVALIDITY %u] UIDs valid\r\n", mb->uidvalidity);
	imap_printf(c, "* OK [MAILBOXID (m%u)] Ok\r\n", mb->id);
	imap_printf(c, "* OK [UIDNEXT %u] Predicted next UID\r\n", mb->uidnext);
	imap_put_highest(c);
	c->condstore |= c->cmd.condstore;
	if (q != NULL && q->uidvalidity == mb->uidvalidity)
		return imap_resync(c);
	return imap_selected(c);
}

enum imap_step
imap_cmd_create(struct imap_conn *c)
{
	struct mailbox *mb;
	struct err e = {0};

	/* RFC 6154 3: what cannot be given is refused. The standard ones are there from the start.
	 */
	if (c->cmd.special_use.n > 0)
		return imap_no(c, "[USEATTR] Special uses are fixed");
	if (home_create(c->home, c->cmd.mailbox, &c->by, &mb, &e) < 0)
		return imap_err(c, &e);
	return imap_ok(c, "[MAILBOXID (m%u)] Create completed", mb->id);
}

enum imap_step
imap_cmd_delete(struct imap_conn *c)
{
	struct err e = {0};

	if (c->selected && c->view.mb == home_find(c->home, c->cmd.mailbox) &&
	    !str_eq_z(c->cmd.mailbox, "INBOX"))
		imap_view_close(c);
	if (home_delete(c->home, c->cmd.mailbox, &c->by, &e) < 0)
		return imap_err(c, &e);
	return imap_ok(c, "Delete completed");
}

enum imap_step
imap_cmd_rename(struct imap_conn *c)
{
	struct err e = {0};

	if (home_rename(c->home, c->cmd.mailbox, c->cmd.to, &c->by, &e) < 0)
		return imap_err(c, &e);
	return imap_ok(c, "Rename completed");
}

static enum imap_step
subscribed(struct imap_conn *c)
{
	return imap_ok(c, "%s completed", imap_verb_name(c->cmd.verb));
}

enum imap_step
imap_cmd_subscribe(struct imap_conn *c)
{
	bool on = c->cmd.verb == VERB_SUBSCRIBE;
	struct err e = {0};

	if (home_subscribe(c->home, c->cmd.mailbox, on, &c->by, &e) < 0)
		return imap_err(c, &e);
	return imap_commit(c, subscribed);
}

enum imap_step
imap_cmd_namespace(struct imap_conn *c)
{
	imap_puts(c, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	return imap_ok(c, "Namespace completed");
}

/* UNSELECT (RFC 3691): CLOSE without its expunge. */
enum imap_step
imap_cmd_unselect(struct imap_conn *c)
{
	imap_view_close(c);
	return imap_ok(c, "Unselect completed");
}
