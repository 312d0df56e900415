/*
 * expunge.c - EXPUNGE, UID EXPUNGE (RFC 4315 2.1) and CLOSE (RFC 3501 6.4.2, 6.4.3).
 *
 * Purpose: removes some hundred messages at a time, so that large mailboxes do not hold up other
 * sessions. The view tells what is gone; CLOSE tells nothing.
 */
#include "mailboxd/imap/conn.h"

#include "base/clock.h"
#include "base/num.h"

#define AT_ONCE 200

struct expunge_run {
	struct uid_list uids;
	size_t i;
};

static enum imap_step
expunged(struct imap_conn *c)
{
	if (c->cmd.verb != VERB_CLOSE)
		return imap_ok(c, "Expunge completed");
	imap_view_close(c);
	return imap_ok(c, "Close completed");
}

static enum imap_step
step(struct imap_conn *c)
{
	struct expunge_run *x = c->op;
	uint64_t since = clock_us();
	struct err e = {0};

	while (x->i < x->uids.n) {
		size_t n = num_min(x->uids.n - x->i, (size_t)AT_ONCE);

		if (c->view.mb == NULL)
			return imap_no(c, "[NONEXISTENT] The mailbox was deleted");
		if (imap_slice_over(c, since))
			return IMAP_YIELD;
		if (mailbox_expunge(c->view.mb, x->uids.uids + x->i, n, &c->by, &e) < 0)
			return imap_err(c, &e);
		x->i += n;
	}
	return imap_commit(c, expunged);
}

/* All that have \Deleted now. */
static void
doomed(const struct mailbox *mb, struct arena *a, struct uid_list *out)
{
	out->uids = arena_array(a, mb->n + 1, sizeof(uint32_t));
	for (size_t i = 0; i < mb->n; i++)
		if (mb->messages[i].flags & FLAG_DELETED)
			out->uids[out->n++] = mb->messages[i].uid;
}

enum imap_step
imap_cmd_expunge(struct imap_conn *c)
{
	struct expunge_run *x = arena_new(&c->work, struct expunge_run);
	struct imap_picks picks;

	if (c->cmd.uid) {
		imap_view_pick(&c->view, &c->cmd.set, true, &c->work, &picks);
		imap_view_uids(&c->view, &picks, &c->work, &x->uids);
	} else if (!c->view.readonly) {
		doomed(c->view.mb, &c->work, &x->uids);
	}
	c->op = x;
	c->step = step;
	return step(c);
}
