/*
 * store.c - STORE (RFC 3501 6.4.6), also conditional (RFC 7162 3.1.3).
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
	uint32_t *modified; /* numbers or UIDs, as they were given */
	size_t nmodified;
};

/* What failed its condition is told with its flags, so that the client can decide; the others with
 * their new modseq even when they are to be silent (RFC 7162 3.1.3). */
static void
answer(struct imap_conn *c, uint32_t at, bool failed)
{
	const struct message *m = mailbox_get(c->view.mb, c->view.v[at].uid);
	bool flags = failed || !c->cmd.silent || c->view.v[at].flags;

	if (m != NULL && (flags || c->condstore))
		imap_view_put(c, at, m, c->cmd.uid, flags);
}

static void
answer_all(
    struct imap_conn *c, struct store_op *s, struct imap_picks part, const struct uid_list *failed)
{
	size_t k = 0;

	for (size_t i = 0; i < part.n; i++) {
		uint32_t uid = c->view.v[part.at[i]].uid;
		bool fails = k < failed->n && failed->uids[k] == uid;

		if (fails) {
			k++;
			s->modified[s->nmodified++] = c->cmd.uid ? uid : part.at[i] + 1;
		}
		answer(c, part.at[i], fails);
	}
}

static int
some(struct imap_conn *c, struct store_op *s, struct err *e)
{
	struct imap_picks part = {s->picks.at + s->i, num_min(s->picks.n - s->i, (size_t)AT_ONCE)};
	struct uid_list uids, failed;

	imap_view_uids(&c->view, &part, &c->scratch, &uids);
	s->missing += part.n - uids.n;
	if (mailbox_store(c->view.mb, uids.uids, uids.n, c->cmd.mode, &c->cmd.flags,
		c->cmd.has_since ? c->cmd.since : UINT64_MAX, &c->by, &c->scratch, &failed, e) < 0)
		return -1;
	if (c->view.keywords)
		imap_view_keywords(c);
	if (!c->cmd.silent || c->condstore)
		answer_all(c, s, part, &failed);
	s->i += part.n;
	arena_reset(&c->scratch);
	return 0;
}

/* "[MODIFIED 7,9] …"; behind it NO may stand too (RFC 7162 3.1.3, example 11). */
static enum imap_step
done(struct imap_conn *c, const struct store_op *s)
{
	bool missing = s->missing > 0 && !c->cmd.uid;
	struct buf set;

	if (s->nmodified == 0)
		return missing ? imap_no(c, "[EXPUNGEISSUED] Some of the messages are gone")
			       : imap_ok(c, "Store completed");
	buf_init(&set, IMAP_SET_MAX);
	imap_uid_set(&set, s->modified, s->nmodified);
	if (missing)
		imap_no(c, "[MODIFIED " STR_FMT "] Some of the messages are gone",
		    STR_ARG(buf_view(&set)));
	else
		imap_ok(c, "[MODIFIED " STR_FMT "] Conditional store failed for some",
		    STR_ARG(buf_view(&set)));
	buf_free(&set);
	return IMAP_DONE;
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
	return done(c, s);
}

enum imap_step
imap_cmd_store(struct imap_conn *c)
{
	struct store_op *s = arena_new(&c->work, struct store_op);

	if (imap_view_pick(&c->view, &c->cmd.set, c->cmd.uid, &c->work, &s->picks) < 0)
		return imap_bad(c, "No such message");
	if (c->cmd.has_since) {
		imap_condstore_on(c);
		s->modified = arena_array(&c->work, s->picks.n + 1, sizeof(*s->modified));
	}
	c->op = s;
	c->step = step;
	return step(c);
}
