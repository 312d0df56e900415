/*
 * home.c - see home.h: opening, closing, the timers, and looking things up.
 */
#include "store/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "store/files.h"
#include "store/model.h"
#include "store/object_file.h"
#include "store/uidlist.h"

#define COMMIT_MS        500u  /* STORE is durable within a second */
#define COMMIT_LAZY      2000u /* what can be made again, in fewer and larger commits */
#define MIRROR_MS        30000u
#define MIRROR_ROUNDS    50u /* when closing */
#define UID_LINES_MAX    (1u << 20)
#define OBJECT_LINES_MAX (4u << 20)

/* ---- errors and timers ---- */

/* Arms the timer that commits, or sets one forward that can wait longer. */
static int
ready(struct home *h, bool lazily, struct err *e)
{
	if (h->broken) {
		if (e != NULL)
			*e = h->why;
		return -1;
	}
	if (h->commit_timer == NULL)
		return 0;
	if (!loop_timer_pending(h->commit_timer) || (h->commit_lazily && !lazily)) {
		loop_timer_set(h->commit_timer, lazily ? COMMIT_LAZY : COMMIT_MS);
		h->commit_lazily = lazily;
	}
	return 0;
}

int
home_ready(struct home *h, struct err *e)
{
	return ready(h, false, e);
}

int
home_ready_lazily(struct home *h, struct err *e)
{
	return ready(h, true, e);
}

int
home_fail(struct home *h, const struct err *e)
{
	if (h->broken)
		return -1;
	h->broken = true;
	h->why = *e;
	log_error("store.failed", LE(e));
	index_rollback(h->index);
	/* Waiters hear of it at the end of the turn. */
	if (!h->o.no_timers)
		loop_defer(&h->commit);
	if (h->o.failed != NULL && !h->opening)
		h->o.failed(h->o.arg, &h->why);
	return -1;
}

void
home_mirror_later(struct home *h)
{
	if (h->mirror_timer != NULL && !loop_timer_pending(h->mirror_timer))
		loop_timer_set(h->mirror_timer, h->o.mirror_ms);
}

void
home_mirror_soon(struct home *h)
{
	if (h->mirror_timer != NULL)
		loop_timer_set(h->mirror_timer, 100);
}

void
home_scan_later(struct home *h, uint64_t ms)
{
	if (h->scan_timer != NULL && !loop_timer_pending(h->scan_timer))
		loop_timer_set(h->scan_timer, ms);
}

static void
commit_due(void *arg)
{
	struct home *h = arg;

	(void)commit_now(h, NULL);
}

static void
unlink_due(void *arg)
{
	commit_unlink_some(arg);
}

static void
mirror_due(void *arg)
{
	struct home *h = arg;
	struct err e = {0};

	if (!h->broken && home_mirror(h, &e) < 0)
		log_warn("store.mirror", LE(&e));
}

/* Looks again at mailboxes that were changing while they were looked at. */
static void
scan_due(void *arg)
{
	struct home *h = arg;
	struct err e = {0};

	for (size_t i = 0; i < h->nboxes && !h->broken; i++)
		if (h->boxes[i]->priv->rescan_ms != 0 && mailbox_refresh(h->boxes[i], &e) < 0)
			log_warn("store.scan", LE(&e));
}

/* ---- opening and closing ---- */

static int
take_lock(struct home *h, struct err *e)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if ((h->lock = file_open(AT_FDCWD, "db/lock", O_RDWR | O_CREAT, 0600, e)) < 0)
		return -1;
	if (fcntl(h->lock, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(e, E_TEMP, "the home is open in another process");
	return err_sys(e, "db/lock");
}

static int
put_aside(struct err *e)
{
	(void)file_unlink(AT_FDCWD, "db/index.db-wal", NULL);
	(void)file_unlink(AT_FDCWD, "db/index.db-shm", NULL);
	if (file_rename(AT_FDCWD, "db/index.db", AT_FDCWD, "db/index.db.damaged", e) < 0 &&
	    (e == NULL || e->code != E_NOTFOUND))
		return -1;
	return 0;
}

/* A damaged index, or one that a repair gave up, is put aside: all that it held can be had from
 * the files. */
static int
open_index(struct home *h, bool *fresh, struct err *e)
{
	struct err why = {0};

	if (access(REBUILD_PATH, F_OK) == 0 &&
	    (put_aside(e) < 0 || file_unlink(AT_FDCWD, REBUILD_PATH, e) < 0))
		return -1;
	if ((h->index = index_open(INDEX_PATH, fresh, &why)) != NULL)
		return 0;
	if (why.code != E_PROTO) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	log_error("store.index.damaged", LE(&why));
	if (put_aside(e) < 0)
		return -1;
	return (h->index = index_open(INDEX_PATH, fresh, e)) != NULL ? 0 : -1;
}

static void
start_timers(struct home *h)
{
	loop_defer_init(&h->commit, commit_due, h);
	if (h->o.no_timers)
		return;
	h->commit_timer = loop_timer_new(commit_due, h);
	h->mirror_timer = loop_timer_new(mirror_due, h);
	h->scan_timer = loop_timer_new(scan_due, h);
	h->unlink_timer = loop_timer_new(unlink_due, h);
}

static void
free_home(struct home **hp)
{
	struct home *h = *hp;
	struct dead_file *d;

	if (!h->o.no_timers)
		loop_defer_cancel(&h->commit);
	loop_timer_free(&h->commit_timer);
	loop_timer_free(&h->mirror_timer);
	loop_timer_free(&h->scan_timer);
	loop_timer_free(&h->unlink_timer);
	STAILQ_CONCAT(&h->dead, &h->doomed);
	STAILQ_CONCAT(&h->dead, &h->graves);
	while ((d = STAILQ_FIRST(&h->dead)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->dead, link);
		free(d);
	}
	if (h->last != NULL)
		content_close(&h->last);
	for (size_t i = 0; i < h->nboxes; i++)
		model_free(&h->boxes[i]);
	free(h->boxes);
	for (size_t i = 0; i < h->nsubs; i++)
		free((char *)h->subs[i].p);
	free(h->subs);
	buf_free(&h->uid_lines);
	buf_free(&h->object_lines);
	threads_close(h);
	index_close(&h->index);
	numbers_done(&h->reserved);
	file_close(&h->lock);
	free(h->host);
	free(h);
	*hp = NULL;
}

struct home *
home_open(const struct home_options *o, struct err *e)
{
	struct home *h = mem_alloc(sizeof *h);
	bool fresh = false;

	h->o = *o;
	h->o.mirror_ms = o->mirror_ms ? o->mirror_ms : MIRROR_MS;
	h->host = mem_dup(o->host.p, o->host.n);
	h->o.host = str_of(h->host, o->host.n);
	h->quota = o->quota;
	h->lock = -1;
	h->opening = true;
	h->reserved.clean = true;
	TAILQ_INIT(&h->waiters);
	STAILQ_INIT(&h->dead);
	STAILQ_INIT(&h->doomed);
	STAILQ_INIT(&h->graves);
	buf_init(&h->uid_lines, UID_LINES_MAX);
	buf_init(&h->object_lines, OBJECT_LINES_MAX);
	start_timers(h);
	if (take_lock(h, e) < 0 || open_index(h, &fresh, e) < 0 || threads_open(h, e) < 0 ||
	    start_read(h, fresh, e) < 0) {
		free_home(&h);
		return NULL;
	}
	h->opening = false;
	return h;
}

static bool
any_behind(const struct home *h)
{
	for (size_t i = 0; i < h->nboxes; i++)
		if (h->boxes[i]->priv->names_dirty)
			return true;
	return false;
}

void
home_close(struct home **hp)
{
	struct home *h = *hp;
	struct err e = {0};

	if (h == NULL)
		return;
	/* A thousand names a mailbox in each round; what is left is done another time. */
	for (unsigned round = 0; round < MIRROR_ROUNDS && (round == 0 || any_behind(h)); round++)
		if (home_mirror(h, &e) < 0)
			goto out;
	/* Renames and tombstones are what the last commit makes durable. */
	if (commit_now(h, &e) < 0)
		goto out;
	uidlist_compact(h);
	object_file_settle(h);
	if (!h->reserved.clean && reserve_numbers(h, true, &e) < 0)
		goto out;
	e.code = E_OK;
out:
	if (e.code != E_OK)
		log_warn("store.close", LE(&e));
	free_home(hp);
}

/* ---- durability ---- */

void
home_commit(struct home *h, struct home_waiter *w)
{
	assume(!w->queued);
	w->queued = true;
	w->round = h->round;
	TAILQ_INSERT_TAIL(&h->waiters, w, link);
	if (!h->o.no_timers)
		loop_defer(&h->commit);
}

void
home_commit_cancel(struct home *h, struct home_waiter *w)
{
	if (!w->queued)
		return;
	TAILQ_REMOVE(&h->waiters, w, link);
	w->queued = false;
}

int
home_flush(struct home *h, struct err *e)
{
	return commit_now(h, e);
}

int
home_copy(struct home *h, int *fd, struct err *e)
{
	*fd = -1;
	return commit_now(h, e) < 0 ? -1 : index_copy(h->index, fd, e);
}

bool
home_has_failed(const struct home *h)
{
	return h->broken;
}

bool
home_is_dirty(const struct home *h)
{
	return index_is_dirty(h->index);
}

int
home_mirror(struct home *h, struct err *e)
{
	/* Only flags that are durable go into names: a name ahead of the index would look like
	 * somebody else's change after a crash. */
	if (commit_now(h, e) < 0)
		return -1;
	for (size_t i = 0; i < h->nboxes; i++)
		if ((h->boxes[i]->priv->rescan_ms != 0 && mailbox_refresh(h->boxes[i], e) < 0) ||
		    (h->boxes[i]->priv->names_dirty && mirror_mailbox(h->boxes[i], e) < 0))
			return -1;
	return commit_dead_done(h, e);
}

/* ---- looking up ---- */

struct mailbox *
home_next(struct home *h, size_t *i)
{
	return *i < h->nboxes ? h->boxes[(*i)++] : NULL;
}

struct mailbox *
home_find(struct home *h, struct str name)
{
	size_t at = model_place(h, name);

	return at < h->nboxes && str_eq(h->boxes[at]->name, name) ? h->boxes[at] : NULL;
}

struct mailbox *
home_find_id(struct home *h, uint32_t id)
{
	for (size_t i = 0; i < h->nboxes; i++)
		if (h->boxes[i]->id == id)
			return h->boxes[i];
	return NULL;
}

bool
home_subscribed(struct home *h, size_t *i, struct str *name)
{
	if (*i >= h->nsubs)
		return false;
	*name = h->subs[(*i)++];
	return true;
}

static int
look_at_junk(struct home *h, struct err *e)
{
	static const struct change_by by = {.actor = STR_INIT("delivery")};
	struct mailbox *junk = home_find(h, STR("Junk"));

	if (junk == NULL && !files_is_dir("Maildir/.Junk/new"))
		return 0;
	if (junk == NULL && home_create(h, STR("Junk"), &by, &junk, e) < 0)
		return -1;
	return files_mtime("Maildir/.Junk", "new") == junk->priv->new_mtime ? 0 : scan_new(junk, e);
}

void
home_delivered(struct home *h)
{
	struct mailbox *inbox = home_find(h, STR("INBOX"));
	struct err e = {0};

	if (inbox != NULL && !h->broken && scan_new(inbox, &e) < 0)
		log_warn("store.scan", LE(&e));
	if (!h->broken && look_at_junk(h, &e) < 0)
		log_warn("store.scan", LE(&e));
}

struct str
home_host(const struct home *h)
{
	return h->o.host;
}

void
home_set_host(struct home *h, struct str host)
{
	char *old = h->host;

	h->host = mem_dup(host.p, host.n);
	h->o.host = str_of(h->host, host.n);
	free(old);
}

void
home_set_quota(struct home *h, uint64_t octets)
{
	h->quota = octets;
}

uint64_t
home_quota(const struct home *h)
{
	return h->quota;
}

uint64_t
home_octets(const struct home *h)
{
	return h->octets;
}

uint64_t
home_messages(const struct home *h)
{
	return h->messages;
}

void
home_observe(struct home *h, struct home_observer *o)
{
	LIST_INSERT_HEAD(&h->observers, o, link);
}

void
home_unobserve(struct home *h, struct home_observer *o)
{
	(void)h;
	LIST_REMOVE(o, link);
}

uint64_t
home_epoch(const struct home *h)
{
	return h->epoch;
}

uint64_t
home_modseq(const struct home *h)
{
	return h->modseq;
}

uint64_t
home_modseq_floor(const struct home *h)
{
	return h->modseq_floor;
}

bool
home_modseq_is_known(const struct home *h, uint64_t modseq)
{
	uint64_t pruned = 0;
	bool in_gap = true;

	if (modseq > h->modseq || index_get(h->index, "pruned", &pruned, NULL) < 0 ||
	    index_gap_has(h->index, modseq, &in_gap, NULL) < 0)
		return false;
	return modseq >= pruned && !in_gap;
}
