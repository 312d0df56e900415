/*
 * commit.c - see home.h: what makes changes durable, in the one order that loses nothing.
 *
 * Octets of files before they get a name (append.c, mailbox_copy.c), then the directories that name
 * them, then the rows (INVARIANTS 1, 4); and only after the rows with their tombstones, the files
 * of expunged messages go (INVARIANTS 2). A tombstone says that its file is gone once the directory
 * without it is synced.
 *
 * Syncs block the loop: an owner serves one user, whose answers wait for them anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "store/model.h"
#include "store/object_file.h"
#include "store/uidlist.h"

#define UNLINK_SOME 100u /* files in a turn */

static int
sync_dir(const struct mailbox *mb, const char *sub, const char *site, struct err *e)
{
	char dir[FOLDER_DIR_SIZE], path[FOLDER_DIR_SIZE + 4];
	int fd = -1, rc = -1;

	if (folder_dir(mb->name, dir, e) < 0)
		return -1;
	(void)snprintf(path, sizeof path, "%s/%s", dir, sub);
	if ((fd = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, e)) < 0)
		return -1;
	rc = file_sync_dir(fd, site, e);
	file_close(&fd);
	return rc;
}

/* Names of what was appended and copied. */
static int
sync_names(struct home *h, struct err *e)
{
	for (size_t i = 0; i < h->nboxes; i++) {
		struct mailbox *mb = h->boxes[i];

		if (mb->priv->sync_cur && sync_dir(mb, "cur", "store.names", e) < 0)
			return -1;
		mb->priv->sync_cur = false;
	}
	return 0;
}

static int
write_rows(struct home *h, struct err *e)
{
	if (threads_log(h, e) < 0)
		return -1;
	for (size_t i = 0; i < h->nboxes; i++)
		if (h->boxes[i]->priv->row_dirty && model_row(h->boxes[i], false, e) < 0)
			return -1;
	return index_commit(h->index, e);
}

/* Calls all that waited for this round, not those that come meanwhile. */
static void
run_waiters(struct home *h, const struct err *e)
{
	uint64_t round = h->round++;
	struct home_waiter *w;

	while ((w = TAILQ_FIRST(&h->waiters)) != NULL && w->round <= round) {
		TAILQ_REMOVE(&h->waiters, w, link);
		w->queued = false;
		w->fn(w->arg, e);
	}
}

void
commit_bury(struct mailbox *mb, uint32_t uid, const char *path)
{
	size_t n = strlen(path) + 1;
	struct dead_file *d = mem_alloc(sizeof *d + n);

	d->mailbox = mb->id;
	d->uid = uid;
	memcpy(d->path, path, n);
	STAILQ_INSERT_TAIL(&mb->home->dead, d, link);
	home_mirror_later(mb->home);
}

/* Removes up to n of the files whose tombstones are durable. */
static void
unlink_doomed(struct home *h, size_t n)
{
	struct mailbox *mb = NULL;
	struct scan_own own = {0};
	struct dead_file *d;

	for (; n > 0 && (d = STAILQ_FIRST(&h->doomed)) != NULL; n--) {
		if (mb == NULL || mb->id != d->mailbox) {
			if (mb != NULL)
				scan_own_end(mb, own);
			if ((mb = home_find_id(h, d->mailbox)) != NULL)
				own = scan_own_begin(mb);
		}
		STAILQ_REMOVE_HEAD(&h->doomed, link);
		STAILQ_INSERT_TAIL(&h->graves, d, link);
		if (unlink(d->path) == 0 || mb == NULL)
			continue;
		/* Renamed by others meanwhile: a scan finds it under its tombstone. */
		if (errno == ENOENT)
			mb->priv->rescan_ms = 1;
		else
			log_warn("store.unlink", LZ("file", d->path), LZ("error", strerror(errno)));
	}
	if (mb != NULL)
		scan_own_end(mb, own);
}

void
commit_unlink_some(struct home *h)
{
	unlink_doomed(h, h->unlink_timer != NULL ? UNLINK_SOME : SIZE_MAX);
	if (!STAILQ_EMPTY(&h->doomed))
		loop_timer_set(h->unlink_timer, 0);
}

int
commit_dead_done(struct home *h, struct err *e)
{
	struct dead_file *d;
	uint32_t synced = 0;
	int rc = 0;

	unlink_doomed(h, SIZE_MAX);
	while ((d = STAILQ_FIRST(&h->graves)) != NULL) {
		struct mailbox *mb = home_find_id(h, d->mailbox);

		STAILQ_REMOVE_HEAD(&h->graves, link);
		/* Of a deleted mailbox there is nothing to say. */
		if (mb != NULL && rc == 0) {
			if (synced != mb->id)
				rc = sync_dir(mb, "cur", "store.graves", e) < 0
					 ? -1
					 : sync_dir(mb, "new", "store.graves", e);
			synced = mb->id;
			if (rc == 0)
				rc = home_ready(h, e);
			if (rc == 0 && index_tombstone_done(h->index, d->mailbox, d->uid, e) < 0)
				rc = home_fail(h, e);
		}
		free(d);
	}
	return rc;
}

int
commit_now(struct home *h, struct err *e)
{
	struct err why = {0};

	if (h->commit_timer != NULL)
		loop_timer_stop(h->commit_timer);
	if (!h->broken && (sync_names(h, &why) < 0 || write_rows(h, &why) < 0))
		(void)home_fail(h, &why);
	if (h->broken) {
		run_waiters(h, &h->why);
		if (e != NULL)
			*e = h->why;
		return -1;
	}
	h->new_threads = false;
	uidlist_append(h);
	object_file_append(h);
	STAILQ_CONCAT(&h->doomed, &h->dead);
	/* The answers first: who expunges waits for the tombstones, not for the files. */
	run_waiters(h, NULL);
	if (!STAILQ_EMPTY(&h->doomed) && h->unlink_timer != NULL)
		loop_timer_set(h->unlink_timer, 0);
	else
		commit_unlink_some(h);
	if (h->usage_changed && !h->opening) {
		h->usage_changed = false;
		if (h->o.usage != NULL)
			h->o.usage(h->o.arg, h->octets, h->messages);
	}
	return 0;
}
