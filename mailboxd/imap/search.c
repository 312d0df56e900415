/*
 * search.c - SEARCH (RFC 3501 6.4.4, RFC 7162 3.1.5).
 *
 * Purpose: asks each message of the view; long searches pause so that other sessions have their
 * turn.
 */
#include "mailboxd/imap/conn.h"

#include "base/clock.h"
#include "base/num.h"
#include "mailboxd/imap/match.h"

struct search_run {
	size_t i;
	struct imap_match match;
	struct buf found;
	uint64_t modseq; /* the highest of those found */
};

static void
cleanup(struct imap_conn *c)
{
	struct search_run *s = c->op;

	imap_match_done(&s->match);
	buf_free(&s->found);
}

static enum imap_step
step(struct imap_conn *c)
{
	struct search_run *s = c->op;
	const struct imap_view *w = &c->view;
	uint64_t since = clock_us();

	for (; s->i < w->n && w->mb != NULL; s->i++) {
		const struct imap_view_msg *v = &w->v[s->i];

		if (imap_slice_over(c, since))
			return IMAP_YIELD;
		if (v->expunged || !imap_match(&s->match, c->cmd.key, w, s->i))
			continue;
		buf_printf(&s->found, " %u", c->cmd.uid ? v->uid : (uint32_t)s->i + 1);
		if (c->cmd.by_modseq)
			s->modseq =
			    num_max(s->modseq, mailbox_modseq(w->mb, mailbox_get(w->mb, v->uid)));
	}
	imap_puts(c, "* SEARCH");
	imap_put(c, buf_view(&s->found));
	if (c->cmd.by_modseq && s->found.n > 0)
		imap_printf(c, " (MODSEQ %llu)", (unsigned long long)s->modseq);
	imap_puts(c, "\r\n");
	return imap_ok(c, "Search completed");
}

enum imap_step
imap_cmd_search(struct imap_conn *c)
{
	struct search_run *s = arena_new(&c->work, struct search_run);

	if (imap_match_init(&s->match, c->cmd.key, &c->view, &c->work) < 0)
		return imap_no(c, "[LIMIT] Search too complex");
	if (c->cmd.by_modseq)
		imap_condstore_on(c);
	buf_init(&s->found, 32u << 20);
	c->op = s;
	c->cleanup = cleanup;
	c->step = step;
	return step(c);
}
