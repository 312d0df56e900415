/*
 * store.c - STORE (RFC 3501 6.4.6).
 *
 * Purpose: changes flags some hundred messages at a time, so that large sets do not hold up others.
 */
#include "mailboxd/imap/conn.h"

#include "base/clock.h"
#include "base/num.h"

#define AT_ONCE 500

struct store_op {
	struct imap_picks picks;
	size_t i;
	size_t missing;
};

static void
answer(struct imap_conn *c, uint32_t at)
{
	const struct message *m = mailbox_get(c->view.mb, c->view.v[at].uid);

	if (m == NULL)
		return;
	imap_printf(c, "* %u FETCH (", at + 1);
	if (c->cmd.uid)
		imap_printf(c, "UID %u ", m->uid);
	imap_puts(c, "FLAGS ");
	imap_put_flags(c, c->view.mb, m, c->view.v[at].recent);
	imap_puts(c, ")\r\n");
	c->view.v[at].flags = false;
}

static int
some(struct imap_conn *c, struct store_op *s, struct err *e)
{
	struct imap_picks part = {s->picks.at + s->i, num_min(s->picks.n - s->i, (size_t)AT_ONCE)};
	struct uid_list uids;

	imap_view_uids(&c->view, &part, &c->scratch, &uids);
	s->missing += part.n - uids.n;
	if (mailbox_store(c->view.mb, uids.uids, uids.n, c->cmd.mode, &c->cmd.flags, UINT64_MAX,
		&c->by, &c->scratch, NULL, e) < 0)
		return -1;
	if (c->view.keywords)
		imap_view_keywords(c);
	for (size_t i = 0; i < part.n && !c->cmd.silent; i++)
		answer(c, part.at[i]);
	s->i += part.n;
	arena_reset(&c->scratch);
	return 0;
}

static enum imap_step
step(struct imap_conn *c)
{
	struct store_op *s = c->op;
	uint64_t since = clock_us();
	struct err e = {0};

	while (s->i < s->picks.n) {
		if (imap_is_choked(c))
			return IMAP_DRAIN;
		if (c->view.mb == NULL)
			return imap_no(c, "[NONEXISTENT] The mailbox was deleted");
		if (some(c, s, &e) < 0)
			return imap_err(c, &e);
		if (imap_slice_over(c, since))
			return IMAP_YIELD;
	}
	if (s->missing > 0 && !c->cmd.uid)
		return imap_no(c, "[EXPUNGEISSUED] Some of the messages are gone");
	return imap_ok(c, "Store completed");
}

enum imap_step
imap_cmd_store(struct imap_conn *c)
{
	struct store_op *s = arena_new(&c->work, struct store_op);

	if (imap_view_pick(&c->view, &c->cmd.set, c->cmd.uid, &c->work, &s->picks) < 0)
		return imap_bad(c, "No such message");
	c->op = s;
	c->step = step;
	return step(c);
}
