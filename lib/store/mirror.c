/*
 * mirror.c - flags into file names, and files from new/ to cur/ (INVARIANTS 8).
 *
 * Runs after a commit, so that a name never says what the index may lose. Renames are not synced:
 * one that is lost with the power is done again.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "store/model.h"

struct behind {
	uint32_t uid, flags;
	struct index_file f; /* base in the arena */
	struct behind *next;
};

struct gather {
	struct arena arena;
	struct behind *head, **tail;
};

static void
gather(void *arg, const struct message *m, const struct index_file *f)
{
	struct gather *g = arg;
	struct behind *b = arena_new(&g->arena, struct behind);

	b->uid = m->uid;
	b->flags = m->flags;
	b->f = *f;
	b->f.base = arena_dup(&g->arena, f->base);
	*g->tail = b;
	g->tail = &b->next;
}

static int
rename_one(struct mailbox *mb, struct behind *b, struct err *e)
{
	struct home *h = mb->home;
	struct index_file f = b->f;
	char from[PATH_SIZE], to[PATH_SIZE];

	f.in_new = false;
	f.letters = model_letters(b->flags, b->f.letters);
	if (files_path(mb, &b->f, from, e) < 0 || files_path(mb, &f, to, e) < 0)
		return -1;
	if (strcmp(from, to) != 0 && rename(from, to) < 0) {
		if (errno != ENOENT)
			return err_sys(e, "rename %s", from);
		/* Others renamed or removed it: what its name says now is for the scan. */
		mb->priv->rescan_ms = 1;
		f = b->f;
	}
	if (home_ready(h, e) < 0)
		return -1;
	if (index_message_file(h->index, mb->id, b->uid, &f, false, e) < 0)
		return home_fail(h, e);
	return 0;
}

int
mirror_mailbox(struct mailbox *mb, struct err *e)
{
	struct gather g = {0};
	struct scan_own own;
	struct behind *b;
	int rc;

	arena_init(&g.arena);
	g.tail = &g.head;
	/* At most a thousand at a time. */
	rc = index_files(mb->home->index, mb->id, true, gather, &g, e);
	own = scan_own_begin(mb);
	for (b = g.head; b != NULL && rc == 0; b = b->next)
		rc = rename_one(mb, b, e);
	scan_own_end(mb, own);
	if (rc == 0)
		rc = index_any_dirty(mb->home->index, mb->id, &mb->priv->names_dirty, e);
	if (mb->priv->names_dirty)
		home_mirror_later(mb->home);
	arena_free(&g.arena);
	return rc;
}
