/*
 * model.c - see model.h: the list of mailboxes, their messages and counters, numbers handed out.
 */
#include "store/model.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

/* ---- mailboxes ---- */

struct mailbox *
model_new(struct home *h, uint32_t id, struct str name)
{
	struct mailbox *mb = mem_alloc(sizeof *mb);

	mb->priv = mem_alloc(sizeof *mb->priv);
	LIST_INIT(&mb->priv->observers);
	mb->home = h;
	mb->id = id;
	mb->name = str_of(mem_dup(name.p, name.n), name.n);
	mb->sort = -1;
	mb->uidnext = 1; /* UIDs start at 1, RFC 3501 2.3.1.1 */
	mb->recent_from = 1;
	return mb;
}

void
model_free(struct mailbox **mb)
{
	struct mailbox *m = *mb;

	if (m == NULL)
		return;
	for (unsigned i = 0; i < m->nkeywords; i++)
		free((char *)m->keywords[i].p);
	free((char *)m->name.p);
	free((char *)m->priv->old_name.p);
	free(m->priv);
	free(m->messages);
	free(m);
	*mb = NULL;
}

/* INBOX first, then by octets. */
static int
compare_names(struct str x, struct str y)
{
	bool xin = str_eq_z(x, "INBOX"), yin = str_eq_z(y, "INBOX");

	return xin != yin ? (xin ? -1 : 1) : str_cmp(x, y);
}

static int
compare_boxes(const void *a, const void *b)
{
	return compare_names(
	    (*(struct mailbox *const *)a)->name, (*(struct mailbox *const *)b)->name);
}

void
model_sort(struct home *h)
{
	qsort(h->boxes, h->nboxes, sizeof(struct mailbox *), compare_boxes);
}

size_t
model_place(const struct home *h, struct str name)
{
	size_t low = 0, high = h->nboxes;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_names(h->boxes[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

enum mailbox_use
model_free_use(struct home *h, struct str name)
{
	static const struct {
		const char *name;
		enum mailbox_use use;
	} uses[] = {{"Drafts", USE_DRAFTS}, {"Sent", USE_SENT}, {"Junk", USE_JUNK},
	    {"Trash", USE_TRASH}, {"Archive", USE_ARCHIVE}};

	enum mailbox_use use = USE_NONE;

	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		if (str_eq_z(name, uses[i].name))
			use = uses[i].use;
	for (size_t i = 0; i < h->nboxes; i++)
		if (h->boxes[i]->use == use)
			return USE_NONE;
	return use;
}

void
model_insert(struct home *h, struct mailbox *mb)
{
	size_t at = model_place(h, mb->name);

	if (h->nboxes == h->capboxes) {
		h->capboxes = h->capboxes ? h->capboxes * 2 : 16;
		h->boxes = mem_grow(h->boxes, h->capboxes, sizeof(struct mailbox *));
	}
	memmove(h->boxes + at + 1, h->boxes + at, (h->nboxes - at) * sizeof(struct mailbox *));
	h->boxes[at] = mb;
	h->nboxes++;
}

void
model_remove(struct home *h, struct mailbox *mb)
{
	for (size_t i = 0; i < h->nboxes; i++)
		if (h->boxes[i] == mb) {
			memmove(h->boxes + i, h->boxes + i + 1,
			    (h->nboxes - i - 1) * sizeof(struct mailbox *));
			h->nboxes--;
			return;
		}
}

int
model_row(struct mailbox *mb, bool doomed, struct err *e)
{
	const struct index_mailbox row = {.id = mb->id,
	    .uidvalidity = mb->uidvalidity,
	    .uidnext = mb->uidnext,
	    .recent_from = mb->recent_from,
	    .exists = mb->exists,
	    .unseen = mb->unseen,
	    .deleted = mb->deleted,
	    .use = mb->use,
	    .sort = mb->sort,
	    .highestmodseq = mb->highestmodseq,
	    .octets = mb->octets,
	    .name = mb->name,
	    .old_name = mb->priv->old_name,
	    .doomed = doomed,
	    .cur_mtime = mb->priv->cur_mtime,
	    .new_mtime = mb->priv->new_mtime};

	mb->priv->row_dirty = false;
	return index_mailbox_put(mb->home->index, &row, e);
}

/* Where a name stands among the subscribed ones, or would. */
static size_t
sub_place(const struct home *h, struct str name)
{
	size_t low = 0, high = h->nsubs;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (str_cmp(h->subs[mid], name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
model_is_sub(const struct home *h, struct str name)
{
	size_t at = sub_place(h, name);

	return at < h->nsubs && str_eq(h->subs[at], name);
}

void
model_sub(struct home *h, struct str name, bool on)
{
	struct mailbox *mb = home_find(h, name);
	size_t at = sub_place(h, name);
	bool there = model_is_sub(h, name);

	if (mb != NULL)
		mb->subscribed = on;
	if (on && !there) {
		if (h->nsubs == h->capsubs) {
			h->capsubs = h->capsubs ? h->capsubs * 2 : 16;
			h->subs = mem_grow(h->subs, h->capsubs, sizeof *h->subs);
		}
		memmove(h->subs + at + 1, h->subs + at, (h->nsubs - at) * sizeof *h->subs);
		h->subs[at] = str_of(mem_dup(name.p, name.n), name.n);
		h->nsubs++;
	} else if (!on && there) {
		free((char *)h->subs[at].p);
		h->nsubs--;
		memmove(h->subs + at, h->subs + at + 1, (h->nsubs - at) * sizeof *h->subs);
	}
}

/* ---- numbers ---- */

int
model_next_uid(struct mailbox *mb, uint32_t *uid, struct err *e)
{
	struct home *h = mb->home;

	if (mb->uidnext >= UINT32_MAX - NUMBERS_UID_BLOCK)
		return err_set(e, E_LIMIT, "mailbox has no more UIDs");
	if ((h->reserved.clean || mb->uidnext >= mb->priv->uid_ceiling) &&
	    reserve_numbers(h, false, e) < 0)
		return -1;
	*uid = mb->uidnext++;
	mb->priv->row_dirty = true;
	return 0;
}

int
model_next_modseq(struct home *h, uint64_t *modseq, struct err *e)
{
	if ((h->reserved.clean || h->modseq >= h->reserved.modseq_ceiling) &&
	    reserve_numbers(h, false, e) < 0)
		return -1;
	*modseq = ++h->modseq;
	return 0;
}

int
model_next_mailbox(struct home *h, uint32_t *id, uint32_t *uidvalidity, struct err *e)
{
	if (h->next_uidvalidity == UINT32_MAX || h->next_mailbox == UINT32_MAX)
		return err_set(e, E_LIMIT, "home has no more mailbox numbers");
	if ((h->reserved.clean || h->next_uidvalidity >= h->reserved.next_uidvalidity ||
		h->next_mailbox >= h->reserved.next_mailbox) &&
	    reserve_numbers(h, false, e) < 0)
		return -1;
	*id = h->next_mailbox++;
	*uidvalidity = h->next_uidvalidity++;
	return 0;
}

/* ---- messages ---- */

void
model_count(struct mailbox *mb, const struct message *m, int sign)
{
	uint32_t one = (uint32_t)sign;

	mb->exists += one;
	if (!(m->flags & FLAG_SEEN))
		mb->unseen += one;
	if (m->flags & FLAG_DELETED)
		mb->deleted += one;
	if (sign > 0) {
		mb->octets += m->size;
		mb->home->octets += m->size;
	} else {
		mb->octets -= num_min(m->size, mb->octets);
		mb->home->octets -= num_min(m->size, mb->home->octets);
	}
	mb->home->messages += (uint64_t)(int64_t)sign;
	mb->home->usage_changed = true;
	mb->priv->row_dirty = true;
}

int
model_log(struct home *h, uint64_t modseq, enum change_kind kind, uint32_t mailbox,
    const struct message *m, struct str before, const struct change_by *by, struct err *e)
{
	const struct change c = {.modseq = modseq,
	    .time = clock_wall(),
	    .kind = kind,
	    .actor = by->actor,
	    .sid = by->sid,
	    .mailbox = mailbox,
	    .uid = m != NULL ? m->uid : 0,
	    .email = m != NULL ? m->email : 0,
	    .thread = m != NULL ? m->thread : 0,
	    .before = before};
	struct home_observer *o;

	if (index_change_add(h->index, &c, e) < 0)
		return -1;
	LIST_FOREACH (o, &h->observers, link)
		if (o->logged != NULL)
			o->logged(o->arg, &c);
	return 0;
}

int
model_add(struct mailbox *mb, const struct message *m, const struct index_file *f, bool dirty,
    enum change_kind kind, struct str before, const struct change_by *by, struct err *e)
{
	struct mailbox_private *p = mb->priv;

	if (index_message_add(mb->home->index, mb->id, m, f, dirty, e) < 0 ||
	    model_log(mb->home, m->modseq, kind, mb->id, m, before, by, e) < 0)
		return home_fail(mb->home, e);
	if (mb->loaded) {
		if (mb->n == p->cap) {
			p->cap = p->cap ? p->cap * 2 : 64;
			mb->messages = mem_grow(mb->messages, p->cap, sizeof *mb->messages);
		}
		mb->messages[mb->n++] = *m;
	}
	model_count(mb, m, 1);
	mb->highestmodseq = num_max(mb->highestmodseq, m->modseq);
	if (dirty) {
		p->names_dirty = true;
		home_mirror_later(mb->home);
	}
	(void)buf_printf(
	    &mb->home->uid_lines, "U %u %u " STR_FMT "\n", mb->id, m->uid, STR_ARG(f->base));
	return 0;
}

void
model_drop(struct mailbox *mb, const uint32_t *uids, size_t n)
{
	size_t out = 0, next = 0;

	for (size_t i = 0; i < mb->n; i++) {
		while (next < n && uids[next] < mb->messages[i].uid)
			next++;
		if (next < n && uids[next] == mb->messages[i].uid)
			continue;
		mb->messages[out++] = mb->messages[i];
	}
	mb->n = out;
}

static const struct {
	uint32_t flag;
	uint32_t letter;
	const char *name;
} flag_names[] = {
    {FLAG_SEEN, MAILDIR_SEEN, "\\Seen"},
    {FLAG_ANSWERED, MAILDIR_REPLIED, "\\Answered"},
    {FLAG_FLAGGED, MAILDIR_FLAGGED, "\\Flagged"},
    {FLAG_DELETED, MAILDIR_TRASHED, "\\Deleted"},
    {FLAG_DRAFT, MAILDIR_DRAFT, "\\Draft"},
};

struct str
mailbox_flags_text(const struct mailbox *mb, const struct message *m, struct arena *a)
{
	struct str out = STR("");

	for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
		if (m->flags & flag_names[i].flag)
			out = arena_printf(
			    a, STR_FMT "%s%s", STR_ARG(out), out.n ? " " : "", flag_names[i].name);
	for (unsigned i = 0; i < mb->nkeywords; i++)
		if (m->keywords & (1ull << i))
			out = arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(out), out.n ? " " : "",
			    STR_ARG(mb->keywords[i]));
	return out;
}

uint32_t
model_letters(uint32_t flags, uint32_t old_letters)
{
	uint32_t letters = old_letters & (MAILDIR_OTHER | MAILDIR_PASSED);

	for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
		if (flags & flag_names[i].flag)
			letters |= flag_names[i].letter;
	return letters;
}

uint32_t
model_flags(uint32_t letters)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
		if (letters & flag_names[i].letter)
			flags |= flag_names[i].flag;
	return flags;
}

uint32_t
mailbox_flag_by_name(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
		if (str_eq_z(name, flag_names[i].name))
			return flag_names[i].flag;
	return 0;
}

/* ---- observers ---- */

/* An observer may take itself out of the list in its callback. */
#define EACH_OBSERVER(mb, o, next)                     \
	for ((o) = LIST_FIRST(&(mb)->priv->observers); \
	     (o) != NULL && ((next) = LIST_NEXT(o, link), true); (o) = (next))

void
model_tell_added(struct mailbox *mb, uint32_t uid, const struct change_by *by)
{
	struct mailbox_observer *o, *next;

	EACH_OBSERVER(mb, o, next)
	o->added(o->arg, mb, uid, by);
}

void
model_tell_flags(struct mailbox *mb, const struct message *m, const struct change_by *by)
{
	struct mailbox_observer *o, *next;

	EACH_OBSERVER(mb, o, next)
	o->flags(o->arg, mb, m, by);
}

void
model_tell_expunged(struct mailbox *mb, const struct message *was, const struct change_by *by)
{
	struct mailbox_observer *o, *next;

	EACH_OBSERVER(mb, o, next)
	o->expunged(o->arg, mb, was, by);
}

void
model_tell_mailbox(
    struct home *h, struct mailbox *mb, enum change_kind kind, const struct change_by *by)
{
	struct home_observer *o, *next;

	for (o = LIST_FIRST(&h->observers); o != NULL && (next = LIST_NEXT(o, link), true);
	     o = next)
		if (o->mailbox != NULL)
			o->mailbox(o->arg, mb, kind, by);
}
