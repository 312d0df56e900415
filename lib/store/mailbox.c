/*
 * mailbox.c - see mailbox.h: messages in memory, observers, recent, what vanished.
 */
#include "store/mailbox.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "store/model.h"

const char *
mailbox_use_name(enum mailbox_use use)
{
	switch (use) {
	case USE_DRAFTS:
		return "\\Drafts";
	case USE_SENT:
		return "\\Sent";
	case USE_JUNK:
		return "\\Junk";
	case USE_TRASH:
		return "\\Trash";
	case USE_ARCHIVE:
		return "\\Archive";
	case USE_NONE:
		break;
	}
	return "";
}

static void
load_message(void *arg, const struct message *m)
{
	struct mailbox *mb = arg;
	struct mailbox_private *p = mb->priv;

	if (mb->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		mb->messages = mem_grow(mb->messages, p->cap, sizeof *mb->messages);
	}
	mb->messages[mb->n++] = *m;
}

/* The counters of the row may be behind when a commit wrote rows of messages alone. */
static void
recount(struct mailbox *mb)
{
	uint32_t unseen = 0, deleted = 0;
	uint64_t octets = 0;

	for (size_t i = 0; i < mb->n; i++) {
		unseen += !(mb->messages[i].flags & FLAG_SEEN);
		deleted += (mb->messages[i].flags & FLAG_DELETED) != 0;
		octets += mb->messages[i].size;
	}
	if (mb->exists == mb->n && mb->unseen == unseen && mb->deleted == deleted &&
	    mb->octets == octets)
		return;
	mb->home->messages += mb->n - mb->exists;
	mb->home->octets += octets - mb->octets;
	mb->exists = (uint32_t)mb->n;
	mb->unseen = unseen;
	mb->deleted = deleted;
	mb->octets = octets;
	mb->priv->row_dirty = true;
}

int
mailbox_load(struct mailbox *mb, struct err *e)
{
	if (mb->home->broken)
		return home_ready(mb->home, e);
	if (!mb->loaded) {
		/* Room at once for what the row says, so that growing wastes nothing. */
		mb->priv->cap = mb->exists + mb->exists / 16 + 16;
		mb->messages = mem_grow(mb->messages, mb->priv->cap, sizeof *mb->messages);
		mb->n = 0;
		if (index_messages(mb->home->index, mb->id, load_message, mb, e) < 0)
			return -1;
		mb->loaded = true;
		recount(mb);
	}
	return mailbox_refresh(mb, e);
}

size_t
mailbox_lower(const struct mailbox *mb, uint32_t uid)
{
	size_t low = 0, high = mb->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (mb->messages[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct message *
mailbox_get(const struct mailbox *mb, uint32_t uid)
{
	size_t i = mailbox_lower(mb, uid);

	return i < mb->n && mb->messages[i].uid == uid ? &mb->messages[i] : NULL;
}

uint64_t
mailbox_modseq(const struct mailbox *mb, const struct message *m)
{
	return num_max(m->modseq, mb->home->modseq_floor);
}

uint32_t
mailbox_take_recent(struct mailbox *mb)
{
	uint32_t from = mb->recent_from;

	if (mb->recent_from != mb->uidnext) {
		mb->recent_from = mb->uidnext;
		mb->priv->row_dirty = true;
		(void)home_ready(mb->home, NULL);
	}
	return from;
}

uint32_t
mailbox_first_unseen(const struct mailbox *mb)
{
	for (size_t i = 0; i < mb->n; i++)
		if (!(mb->messages[i].flags & FLAG_SEEN))
			return mb->messages[i].uid;
	return 0;
}

void
mailbox_observe(struct mailbox *mb, struct mailbox_observer *o)
{
	LIST_INSERT_HEAD(&mb->priv->observers, o, link);
}

void
mailbox_unobserve(struct mailbox *mb, struct mailbox_observer *o)
{
	(void)mb;
	LIST_REMOVE(o, link);
}

/* ---- what vanished ---- */

struct vanishing {
	struct uid_list *out;
	size_t cap;
	struct arena *a;
};

static void
note_vanished(void *arg, uint32_t uid)
{
	struct vanishing *v = arg;

	if (v->out->n == v->cap) {
		uint32_t *old = v->out->uids;

		v->cap = v->cap ? v->cap * 2 : 64;
		v->out->uids = arena_array(v->a, v->cap, sizeof *old);
		if (v->out->n > 0)
			memcpy(v->out->uids, old, v->out->n * sizeof *old);
	}
	v->out->uids[v->out->n++] = uid;
}

int
mailbox_vanished(struct mailbox *mb, uint64_t modseq, uint32_t uidnext_then, struct arena *a,
    struct uid_list *out, bool *gap, struct err *e)
{
	struct vanishing v = {.out = out, .a = a};

	*out = (struct uid_list){0};
	*gap = !home_modseq_is_known(mb->home, modseq);
	if (!*gap && modseq >= mb->highestmodseq)
		return 0;
	return index_vanished(mb->home->index, mb->id, modseq, uidnext_then, note_vanished, &v, e);
}
