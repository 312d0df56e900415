/*
 * condstore.c - what CONDSTORE and QRESYNC (RFC 7162) add to a session: being enabled (RFC 5161),
 * which modseq the client may count on, and taking up a mailbox where the client left it.
 *
 * A client that has heard of modseq n asks next time for what is above it. So it must not hear of n
 * while something below is untold, as expunges are behind FETCH, STORE and SEARCH: then
 * [HIGHESTMODSEQ] takes it back (RFC 7162 3.2, 6).
 */
#include "mailboxd/imap/conn.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"

/* ---- enabling ---- */

void
imap_put_highest(struct imap_conn *c)
{
	c->view.told_modseq = imap_view_modseq(&c->view);
	imap_printf(
	    c, "* OK [HIGHESTMODSEQ %llu] Highest\r\n", (unsigned long long)c->view.told_modseq);
}

void
imap_condstore_on(struct imap_conn *c)
{
	if (c->condstore)
		return;
	c->condstore = true;
	/* RFC 7162 3.1: the first enabling command is answered with it. */
	if (c->selected && c->view.mb != NULL)
		imap_put_highest(c);
}

/* RFC 5161: what is not known is passed over. */
enum imap_step
imap_cmd_enable(struct imap_conn *c)
{
	bool condstore = false, qresync = false;

	for (size_t i = 0; i < c->cmd.nwords; i++) {
		condstore |= str_ieq_z(c->cmd.words[i], "CONDSTORE");
		qresync |= str_ieq_z(c->cmd.words[i], "QRESYNC");
	}
	imap_printf(
	    c, "* ENABLED%s%s\r\n", condstore ? " CONDSTORE" : "", qresync ? " QRESYNC" : "");
	if (condstore || qresync)
		imap_condstore_on(c);
	c->qresync |= qresync;
	return imap_ok(c, "Enabled");
}

/* ---- what the client may count on ---- */

void
imap_tell_modseq(struct imap_conn *c, char code[IMAP_MODSEQ_CODE])
{
	struct imap_view *w = &c->view;
	uint64_t n;

	code[0] = '\0';
	if (!c->qresync || !c->selected || w->mb == NULL)
		return;
	/* With an expunge held back what the client had from us meanwhile is too high. */
	n = imap_view_modseq(w);
	if (n == w->told_modseq && !w->expunged)
		return;
	w->told_modseq = n;
	(void)snprintf(code, IMAP_MODSEQ_CODE, "[HIGHESTMODSEQ %llu] ", (unsigned long long)n);
	/* One code in a response. */
	if (c->result == IMAP_OK && (c->text.n == 0 || c->text.p[0] != '['))
		return;
	imap_printf(c, "* OK %sHighest\r\n", code);
	code[0] = '\0';
}

/* ---- VANISHED ---- */

struct ranges {
	struct buf b;
	uint32_t lo, hi; /* not yet written; lo 0: none */
};

static void
write_range(struct ranges *r)
{
	if (r->lo == 0)
		return;
	buf_printf(&r->b, "%s%u", r->b.n > 0 ? "," : "", r->lo);
	if (r->hi > r->lo)
		buf_printf(&r->b, ":%u", r->hi);
}

static void
add(struct ranges *r, uint32_t lo, uint32_t hi)
{
	if (r->lo != 0 && lo == r->hi + 1) {
		r->hi = hi;
		return;
	}
	write_range(r);
	r->lo = lo;
	r->hi = hi;
}

static void
put_ranges(struct imap_conn *c, struct ranges *r, const char *response)
{
	write_range(r);
	if (r->b.n > 0) {
		imap_puts(c, response);
		imap_put(c, buf_view(&r->b));
		imap_puts(c, "\r\n");
	}
	buf_free(&r->b);
}

/* RFC 7162 3.2.10.2: only what the client has been told of. */
void
imap_put_gone(struct imap_conn *c)
{
	const struct imap_view *w = &c->view;
	struct ranges r = {0};

	buf_init(&r.b, IMAP_SET_MAX);
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].expunged)
			add(&r, w->v[i].uid, w->v[i].uid);
	put_ranges(c, &r, "* VANISHED ");
}

/* All of the set that is not there. */
static void
add_absent(const struct imap_view *w, const struct imap_set *set, uint32_t above, struct ranges *r)
{
	for (size_t i = 0; i < set->n; i++) {
		uint32_t lo = num_max(set->r[i].lo, above + 1);
		uint32_t hi = num_min(set->r[i].hi, w->mb->uidnext - 1);

		for (size_t k = imap_view_lower(w, lo); k < w->n && w->v[k].uid <= hi; k++) {
			if (w->v[k].uid > lo)
				add(r, lo, w->v[k].uid - 1);
			lo = w->v[k].uid + 1;
		}
		if (lo <= hi)
			add(r, lo, hi);
	}
}

/* Those whose tombstones are younger; what the session still shows is told by VANISHED alone. */
static void
add_tombstones(const struct imap_view *w, const struct uid_list *uids, const struct imap_set *set,
    uint32_t above, struct ranges *r)
{
	for (size_t i = 0; i < uids->n; i++) {
		uint32_t uid = uids->uids[i];

		if (uid > above && imap_set_has(set, uid) && imap_view_find(w, uid) == w->n)
			add(r, uid, uid);
	}
}

/* Everything about the time of modseq can be told? If not, all is told (RFC 7162 3.2.6, and
 * INVARIANTS 3: after an unclean end nothing from before counts). */
static bool
is_known(const struct imap_conn *c, uint64_t modseq)
{
	return modseq >= home_modseq_floor(c->home) && modseq <= home_modseq(c->home);
}

/* Messages of the set (resolved, UIDs) above a UID that were expunged after modseq. */
static int
put_vanished(
    struct imap_conn *c, uint64_t modseq, const struct imap_set *set, uint32_t above, struct err *e)
{
	struct imap_view *w = &c->view;
	struct uid_list uids;
	struct ranges r = {0};
	bool gap;

	if (mailbox_vanished(w->mb, modseq, w->mb->uidnext, &c->work, &uids, &gap, e) < 0)
		return -1;
	buf_init(&r.b, IMAP_SET_MAX);
	if (gap || !is_known(c, modseq))
		add_absent(w, set, above, &r);
	else
		add_tombstones(w, &uids, set, above, &r);
	put_ranges(c, &r, "* VANISHED (EARLIER) ");
	return 0;
}

int
imap_put_vanished(struct imap_conn *c, uint64_t modseq, const struct imap_set *set, struct err *e)
{
	struct imap_set all = {arena_array(&c->work, set->n + 1, sizeof(*all.r)), set->n};

	/* "*" is the highest UID there ever was: the last messages may be what has vanished. */
	for (size_t i = 0; i < set->n; i++)
		all.r[i] = set->r[i];
	imap_set_resolve(&all, c->view.mb->uidnext - 1);
	return put_vanished(c, modseq, &all, 0, e);
}

/* ---- SELECT (QRESYNC …) ---- */

struct resync {
	struct imap_picks picks;
	size_t i;
};

/* The highest UID that has the number at which the client knows it. Up to there both have the same
 * messages: none is new, and as many as ever are left (RFC 7162 3.2.5.2). */
static uint32_t
matched(const struct imap_view *w, const struct imap_qresync *q)
{
	const struct imap_set *numbers = &q->match_numbers, *uids = &q->match_uids;
	size_t k = 0;
	uint32_t best = 0, skip = 0; /* so many of uids->r[k] are used */

	for (size_t i = 0; i < numbers->n && numbers->r[i].lo <= w->n; i++) {
		uint32_t number = numbers->r[i].lo;

		while (number <= numbers->r[i].hi && number <= w->n) {
			uint32_t uid = uids->r[k].lo + skip;

			if (w->v[number - 1].uid == uid)
				best = uid;
			number++;
			skip++;
			if (uid == uids->r[k].hi) {
				k++;
				skip = 0;
			}
		}
	}
	return best;
}

static enum imap_step
step(struct imap_conn *c)
{
	struct resync *r = c->op;
	uint64_t since = clock_us();

	for (; r->i < r->picks.n; r->i++) {
		const struct message *m;

		if (imap_is_choked(c))
			return IMAP_DRAIN;
		if (imap_slice_over(c, since))
			return IMAP_YIELD;
		if (c->view.mb == NULL)
			return imap_no(c, "[NONEXISTENT] The mailbox was deleted");
		m = mailbox_get(c->view.mb, c->view.v[r->picks.at[r->i]].uid);
		if (m != NULL)
			imap_view_put(c, r->picks.at[r->i], m, true, true);
	}
	return imap_selected(c);
}

enum imap_step
imap_resync(struct imap_conn *c)
{
	struct imap_qresync *q = c->cmd.qresync;
	struct resync *r = arena_new(&c->work, struct resync);
	struct imap_range whole = {1, UINT32_MAX};
	struct imap_set all = {&whole, 1};
	struct imap_set *known = q->has_known ? &q->known : &all;
	uint64_t since = is_known(c, q->modseq) ? q->modseq : 0;
	struct err e = {0};

	imap_set_resolve(known, UINT32_MAX);
	if (put_vanished(c, q->modseq, known, matched(&c->view, q), &e) < 0)
		return imap_err(c, &e);
	imap_view_pick(&c->view, known, true, &c->work, &r->picks);
	imap_view_changed(&c->view, &r->picks, since);
	c->op = r;
	c->step = step;
	return step(c);
}
