/*
 * view.c - a session's view of its selected mailbox.
 *
 * Purpose: keeps message sequence numbers still until the client is told, and tells it (RFC
 * 3501 7.3, 7.4.1). Owner: the connection. The store calls the observer during changes, ours
 * included; it only notes.
 */
#include "mailboxd/imap/view.h"

#include "base/mem.h"
#include "base/num.h"
#include "mailboxd/imap/conn.h"

static void
grow(struct imap_view *w, size_t n)
{
	if (n <= w->cap)
		return;
	w->cap = n + n / 4 + 16;
	w->v = mem_grow(w->v, w->cap, sizeof(*w->v));
}

static void
push(struct imap_view *w, uint32_t uid, bool recent)
{
	grow(w, w->n + 1);
	w->v[w->n++] = (struct imap_view_msg){.uid = uid, .recent = recent};
	w->recent += recent;
}

size_t
imap_view_find(const struct imap_view *w, uint32_t uid)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (w->v[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->n && w->v[lo].uid == uid ? lo : w->n;
}

size_t
imap_view_lower(const struct imap_view *w, uint32_t uid)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (w->v[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t
imap_view_last_uid(const struct imap_view *w)
{
	return w->n > 0 ? w->v[w->n - 1].uid : 0;
}

/* ---- what the store says ---- */

static void
on_added(void *arg, struct mailbox *mb, uint32_t uid, const struct change_by *by)
{
	struct imap_conn *c = arg;

	(void)mb, (void)uid, (void)by;
	c->view.added = true;
	imap_idle_notice(c);
}

static void
on_flags(void *arg, struct mailbox *mb, const struct message *m, const struct change_by *by)
{
	struct imap_conn *c = arg;
	size_t at = imap_view_find(&c->view, m->uid);

	(void)mb;
	/* Our own STORE answers for itself (or is silent). */
	if (by->origin == c || at == c->view.n)
		return;
	c->view.v[at].flags = true;
	c->view.flags = true;
	imap_idle_notice(c);
}

static void
on_expunged(void *arg, struct mailbox *mb, const struct message *was, const struct change_by *by)
{
	struct imap_conn *c = arg;
	size_t at = imap_view_find(&c->view, was->uid);

	(void)by;
	if (at == c->view.n)
		return;
	c->view.v[at].expunged = true;
	if (!c->view.expunged)
		c->view.gone_modseq = mb->highestmodseq;
	c->view.expunged = true;
	imap_idle_notice(c);
}

static void
on_keyword(void *arg, struct mailbox *mb)
{
	struct imap_conn *c = arg;

	(void)mb;
	c->view.keywords = true;
}

static void
on_gone(void *arg, struct mailbox *mb)
{
	struct imap_conn *c = arg;

	(void)mb;
	c->view.mb = NULL;
	c->view.gone = true;
	for (size_t i = 0; i < c->view.n; i++)
		c->view.v[i].expunged = true;
	imap_conn_lost_mailbox(c);
	imap_idle_notice(c);
}

/* ---- opening ---- */

static void
observe(struct imap_conn *c, struct mailbox *mb)
{
	c->view.observer = (struct mailbox_observer){.added = on_added,
	    .flags = on_flags,
	    .expunged = on_expunged,
	    .keyword = on_keyword,
	    .gone = on_gone,
	    .arg = c};
	mailbox_observe(mb, &c->view.observer);
}

/* \Recent goes to one session alone, and not to one that only looks (RFC 3501 6.3.2). */
static uint32_t
recent_from(struct imap_view *w)
{
	return w->readonly ? w->mb->recent_from : mailbox_take_recent(w->mb);
}

/* Takes in the messages that came since. */
static void
pull(struct imap_view *w)
{
	size_t i = mailbox_lower(w->mb, imap_view_last_uid(w) + 1);
	uint32_t recent = recent_from(w);

	grow(w, w->n + (w->mb->n - i));
	for (; i < w->mb->n; i++)
		push(w, w->mb->messages[i].uid, w->mb->messages[i].uid >= recent);
	w->added = false;
}

int
imap_view_open(struct imap_conn *c, struct mailbox *mb, bool readonly, struct err *e)
{
	if (mailbox_load(mb, e) < 0)
		return -1;
	c->view = (struct imap_view){.mb = mb, .conn = c, .readonly = readonly};
	observe(c, mb);
	pull(&c->view);
	c->selected = true;
	return 0;
}

/* What the session showed: what is there and was then, and between it what has vanished. */
static void
rebuild(struct imap_view *w, const struct uid_list *vanished, uint32_t uidnext, uint32_t recent)
{
	const struct mailbox *mb = w->mb;
	size_t i = 0, k = 0;

	grow(w, mb->n + vanished->n);
	while (true) {
		bool live = i < mb->n && mb->messages[i].uid < uidnext;
		bool dead = k < vanished->n;

		if (!live && !dead)
			break;
		if (live && (!dead || mb->messages[i].uid < vanished->uids[k])) {
			push(w, mb->messages[i].uid, mb->messages[i].uid >= recent);
			i++;
		} else {
			push(w, vanished->uids[k], vanished->uids[k] >= recent);
			w->v[w->n - 1].expunged = true;
			w->expunged = true;
			k++;
		}
	}
	w->added = i < mb->n;
}

int
imap_view_reopen(struct imap_conn *c, struct mailbox *mb, bool readonly, uint64_t modseq,
    uint32_t uidnext, uint32_t recent, struct err *e)
{
	struct imap_view *w = &c->view;
	struct uid_list vanished = {0};
	bool gap = false;

	if (mailbox_load(mb, e) < 0)
		return -1;
	if (mailbox_vanished(mb, modseq, uidnext, &c->work, &vanished, &gap, e) < 0)
		return -1;
	if (gap)
		return err_set(e, E_NOTFOUND, "changes since then are no longer known");
	*w = (struct imap_view){
	    .mb = mb, .conn = c, .readonly = readonly, .gone_modseq = modseq + 1};
	observe(c, mb);
	rebuild(w, &vanished, uidnext, recent);
	for (size_t i = 0; i < w->n; i++) {
		const struct message *m = w->v[i].expunged ? NULL : mailbox_get(mb, w->v[i].uid);

		if (m != NULL && m->modseq > modseq) {
			w->v[i].flags = true;
			w->flags = true;
		}
	}
	c->selected = true;
	return 0;
}

void
imap_view_told(struct imap_view *w, size_t exists)
{
	if (exists <= w->n)
		return;
	w->told = exists;
	w->added = true;
}

void
imap_view_close(struct imap_conn *c)
{
	if (!c->selected)
		return;
	if (c->view.mb != NULL)
		mailbox_unobserve(c->view.mb, &c->view.observer);
	free(c->view.v);
	c->view = (struct imap_view){0};
	c->selected = false;
}

/* ---- telling ---- */

bool
imap_view_pending(const struct imap_view *w)
{
	return w->added || w->expunged || w->flags || w->keywords || w->gone;
}

uint64_t
imap_view_modseq(const struct imap_view *w)
{
	return w->expunged ? w->gone_modseq - 1 : w->mb->highestmodseq;
}

/* From the last to the first, so that no number told changes the meaning of the next. */
static void
put_expunges(struct imap_conn *c)
{
	const struct imap_view *w = &c->view;

	for (size_t i = w->n; i-- > 0;)
		if (w->v[i].expunged)
			imap_printf(c, "* %zu EXPUNGE\r\n", i + 1);
}

static void
tell_expunges(struct imap_conn *c)
{
	struct imap_view *w = &c->view;
	size_t to = 0, before = w->n;

	if (c->qresync)
		imap_put_gone(c);
	else
		put_expunges(c);
	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].expunged)
			w->recent -= w->v[i].recent;
		else
			w->v[to++] = w->v[i];
	}
	w->n = to;
	w->told -= num_min(w->told, before - to);
	w->expunged = false;
}

/* What the client was told of and is not there: a message that another session has moved away
 * since, or one that was delivered twice. */
static void
take_back(struct imap_conn *c)
{
	struct imap_view *w = &c->view;

	/* It has no UID that VANISHED could name (RFC 7162 3.2.10): the client resynchronises. */
	if (c->qresync && w->told > w->n) {
		w->told = 0;
		imap_conn_bye(c, "[UNAVAILABLE] Please reconnect");
		return;
	}
	for (; w->told > w->n; w->told--)
		imap_printf(c, "* %zu EXPUNGE\r\n", w->told);
	w->told = 0;
}

void
imap_view_keywords(struct imap_conn *c)
{
	const struct mailbox *mb = c->view.mb;

	imap_puts(c, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft");
	for (unsigned i = 0; i < mb->nkeywords; i++)
		imap_printf(c, " " STR_FMT, STR_ARG(mb->keywords[i]));
	imap_puts(c, ")\r\n");
	c->view.keywords = false;
}

void
imap_view_put(
    struct imap_conn *c, size_t at, const struct message *m, bool with_uid, bool with_flags)
{
	struct imap_view *w = &c->view;

	/* RFC 7162 3.2.4 */
	if (with_uid || c->condstore)
		imap_printf(c, "* %zu FETCH (UID %u ", at + 1, m->uid);
	else
		imap_printf(c, "* %zu FETCH (", at + 1);
	if (with_flags) {
		imap_puts(c, "FLAGS ");
		imap_put_flags(c, w->mb, m, w->v[at].recent);
		w->v[at].flags = false;
	}
	if (c->condstore)
		imap_printf(c, "%sMODSEQ (%llu))\r\n", with_flags ? " " : "",
		    (unsigned long long)mailbox_modseq(w->mb, m));
	else
		imap_puts(c, ")\r\n");
}

static void
tell_flags(struct imap_conn *c, bool with_uid)
{
	struct imap_view *w = &c->view;

	for (size_t i = 0; i < w->n; i++) {
		const struct message *m;

		if (!w->v[i].flags || w->v[i].expunged)
			continue;
		if ((m = mailbox_get(w->mb, w->v[i].uid)) == NULL)
			continue;
		imap_view_put(c, i, m, with_uid, true);
	}
	w->flags = false;
}

void
imap_view_report(struct imap_conn *c, bool expunges, bool with_uid)
{
	struct imap_view *w = &c->view;
	bool grew = false;

	if (!c->selected || w->mb == NULL)
		return;
	if (w->expunged && expunges)
		tell_expunges(c);
	if (w->added) {
		size_t before = w->n;

		pull(w);
		grew = w->n != before;
	}
	if (expunges)
		take_back(c);
	if (c->ending)
		return;
	/* RFC 3501 7.3.1; RECENT goes with it (7.3.2). The number falls by EXPUNGE alone. */
	if (grew && w->told <= w->n)
		imap_printf(c, "* %zu EXISTS\r\n* %zu RECENT\r\n", w->n, w->recent);
	if (w->keywords)
		imap_view_keywords(c);
	if (w->flags)
		tell_flags(c, with_uid);
}

/* ---- picking ---- */

/* RFC 3501 9, seq-number: one that is not there is the client's mistake. "1:*" in an empty mailbox
 * is let pass. */
static bool
exists(const struct imap_view *w, const struct imap_range *r)
{
	if (w->n == 0)
		return r->lo == 0 || r->hi == 0;
	return r->lo <= w->n && r->hi <= w->n;
}

static int
pick_by_number(
    const struct imap_view *w, struct imap_set *set, struct arena *a, struct imap_picks *out)
{
	size_t total = 0;

	for (size_t i = 0; i < set->n; i++)
		if (!exists(w, &set->r[i]))
			return -1;
	imap_set_resolve(set, (uint32_t)w->n);
	for (size_t i = 0; i < set->n; i++)
		total += set->r[i].hi - set->r[i].lo + 1;
	out->at = arena_array(a, total + 1, sizeof(uint32_t));
	for (size_t i = 0; i < set->n; i++)
		for (uint32_t k = set->r[i].lo; k <= set->r[i].hi; k++)
			out->at[out->n++] = k - 1;
	return 0;
}

static void
pick_by_uid(
    const struct imap_view *w, struct imap_set *set, struct arena *a, struct imap_picks *out)
{
	size_t total = 0;

	imap_set_resolve(set, imap_view_last_uid(w));
	for (size_t i = 0; i < set->n; i++)
		for (size_t k = imap_view_lower(w, set->r[i].lo);
		     k < w->n && w->v[k].uid <= set->r[i].hi; k++)
			total++;
	out->at = arena_array(a, total + 1, sizeof(uint32_t));
	for (size_t i = 0; i < set->n; i++)
		for (size_t k = imap_view_lower(w, set->r[i].lo);
		     k < w->n && w->v[k].uid <= set->r[i].hi; k++)
			out->at[out->n++] = (uint32_t)k;
}

int
imap_view_pick(const struct imap_view *w, struct imap_set *set, bool uid, struct arena *a,
    struct imap_picks *out)
{
	*out = (struct imap_picks){0};
	if (!uid)
		return pick_by_number(w, set, a, out);
	pick_by_uid(w, set, a, out);
	return 0;
}

/* Both arrays ascend by UID: one walk. */
void
imap_view_changed(const struct imap_view *w, struct imap_picks *p, uint64_t modseq)
{
	const struct mailbox *mb = w->mb;
	size_t n = 0, k = p->n > 0 ? mailbox_lower(mb, w->v[p->at[0]].uid) : 0;

	for (size_t i = 0; i < p->n; i++) {
		uint32_t uid = w->v[p->at[i]].uid;

		while (k < mb->n && mb->messages[k].uid < uid)
			k++;
		if (k < mb->n && mb->messages[k].uid == uid &&
		    mailbox_modseq(mb, &mb->messages[k]) > modseq)
			p->at[n++] = p->at[i];
	}
	p->n = n;
}

void
imap_view_uids(
    const struct imap_view *w, const struct imap_picks *p, struct arena *a, struct uid_list *out)
{
	out->uids = arena_array(a, p->n + 1, sizeof(uint32_t));
	out->n = 0;
	for (size_t i = 0; i < p->n; i++)
		if (!w->v[p->at[i]].expunged)
			out->uids[out->n++] = w->v[p->at[i]].uid;
}
