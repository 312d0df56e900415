/*
 * home_start.c - what opening a home reads, mends and makes: numbers, mailboxes, unfinished work.
 *
 * After a clean end the index and db/state agree. After an unclean one numbering goes on from the
 * ceilings (INVARIANTS 3). A rename or deletion whose row was committed is finished here; a folder
 * that has no row is taken in; an index without rows is filled from the files and db/uidlist.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "store/model.h"
#include "store/object_file.h"
#include "store/uidlist.h"

#define UIDVALIDITY_BLOCK 100u
#define LOST_MODSEQ_STEP  1000000u /* how far numbers jump when db/state is lost */
#define LOST_UID_STEP     100000u
/* Of a home out of a backup. What was shown between the backup and its loss is nowhere on record:
 * no mailbox has had a million messages in that time, no user a thousand million changes. */
#define RESTORED_MODSEQ_STEP      1000000000u
#define RESTORED_UID_STEP         1000000u
#define RESTORED_UIDVALIDITY_STEP 100000u
#define RESTORED_EPOCH_STEP       1000u
#define KEEP_S                    (30 * 86400) /* tombstones and changes */
#define TMP_KEEP_S                (36 * 3600)

/* ---- numbers ---- */

int
reserve_numbers(struct home *h, bool clean, struct err *e)
{
	struct numbers n = {.clean = clean,
	    .epoch = h->epoch,
	    .next_uidvalidity = h->next_uidvalidity + (clean ? 0 : UIDVALIDITY_BLOCK),
	    .next_mailbox = h->next_mailbox + (clean ? 0 : UIDVALIDITY_BLOCK),
	    .modseq_ceiling = h->modseq + (clean ? 0 : NUMBERS_MODSEQ_BLOCK),
	    .nuids = h->nboxes};
	const struct numbers *old = &h->reserved;

	n.uids = mem_array(h->nboxes + old->nuids + 1, sizeof *n.uids);
	for (size_t i = 0; i < h->nboxes; i++) {
		n.uids[i].mailbox = h->boxes[i]->id;
		n.uids[i].ceiling = h->boxes[i]->uidnext + (clean ? 0 : NUMBERS_UID_BLOCK);
	}
	/* A rebuild has not met all mailboxes yet. */
	for (size_t i = 0; h->opening && i < old->nuids; i++)
		if (home_find_id(h, old->uids[i].mailbox) == NULL)
			n.uids[n.nuids++] = old->uids[i];
	if (numbers_write(&n, old, e) < 0) {
		numbers_done(&n);
		return -1;
	}
	for (size_t i = 0; i < h->nboxes; i++)
		h->boxes[i]->priv->uid_ceiling = n.uids[i].ceiling;
	numbers_done(&h->reserved);
	h->reserved = n;
	return 0;
}

/* Every mailbox may have changed before the crash. */
static void
jump(struct home *h, uint32_t uids)
{
	uint64_t modseq = ++h->modseq;

	for (size_t i = 0; i < h->nboxes; i++) {
		struct mailbox *mb = h->boxes[i];
		uint32_t ceiling = numbers_ceiling(&h->reserved, mb->id);

		mb->uidnext = num_max(mb->uidnext, ceiling) + uids;
		mb->highestmodseq = modseq;
		mb->priv->row_dirty = true;
	}
}

/* Nothing that was told before the last unclean end counts. */
static int
set_floor(struct home *h, struct err *e)
{
	uint64_t end;

	if (index_gap_end(h->index, &end, e) < 0)
		return -1;
	h->modseq_floor = end > 0 ? end + 1 : 0;
	return 0;
}

/* The home has come out of a backup: none of the numbers that clients were told since may be used
 * again. With that their UIDVALIDITY stays true, and they need not fetch all of it again. */
static void
step_over(struct home *h)
{
	h->epoch += RESTORED_EPOCH_STEP;
	h->next_uidvalidity += RESTORED_UIDVALIDITY_STEP;
	h->next_mailbox += RESTORED_UIDVALIDITY_STEP;
	h->modseq += RESTORED_MODSEQ_STEP;
}

/* Where numbering goes on. Mailboxes are read already. */
static int
start_numbers(struct home *h, enum numbers_found found, bool fresh, struct err *e)
{
	const struct numbers *n = &h->reserved;
	bool restored = access(RESTORED_PATH, F_OK) == 0;
	uint64_t modseq = 0, epoch = 0;
	uint32_t uidvalidity = 0, mailbox = 0;

	if (index_highest(h->index, &modseq, &uidvalidity, &mailbox, e) < 0 ||
	    index_get(h->index, "epoch", &epoch, e) < 0)
		return -1;
	h->epoch = num_max(n->epoch, epoch);
	h->next_mailbox = num_max(n->next_mailbox, mailbox + 1);
	h->next_uidvalidity = num_max(n->next_uidvalidity, uidvalidity + 1);
	h->modseq = num_max(n->modseq_ceiling, modseq);
	/* The clock only where there is no counter at all: a user who is deleted and made again
	 * must not meet the old UIDVALIDITYs in a client's cache. */
	if (found == NUMBERS_LOST && fresh)
		h->next_uidvalidity = (uint32_t)num_max(clock_wall(), 1);
	if (found == NUMBERS_CLEAN && !fresh && !restored)
		return set_floor(h, e);
	h->epoch++;
	if (restored)
		step_over(h);
	else if (found == NUMBERS_LOST && !fresh)
		h->modseq += LOST_MODSEQ_STEP;
	/* An index that was lost took its tombstones along: all of it is a gap. */
	if ((!fresh || h->modseq > 0) && index_gap_add(h->index, modseq, h->modseq, e) < 0)
		return -1;
	if (!fresh) {
		jump(h, restored ? RESTORED_UID_STEP : found == NUMBERS_LOST ? LOST_UID_STEP : 0);
		log_info("store.unclean", LU("epoch", h->epoch), LU("modseq", h->modseq));
	}
	if (set_floor(h, e) < 0)
		return -1;
	if (index_put(h->index, "epoch", h->epoch, e) < 0 || reserve_numbers(h, false, e) < 0)
		return -1;
	/* They are on disk now. A crash before repeats the step. */
	return restored ? file_unlink(AT_FDCWD, RESTORED_PATH, e) : 0;
}

/* ---- rows ---- */

struct reading {
	struct home *home;
	uint32_t *doomed; /* mailboxes whose directory is still to go */
	struct str *doomed_names;
	size_t ndoomed;
};

static void
read_keyword(void *arg, unsigned bit, struct str name)
{
	struct mailbox *mb = arg;

	/* Bits are given out in order; a hole would shift the names behind it. */
	if (bit == mb->nkeywords && bit < KEYWORDS_MAX)
		mb->keywords[mb->nkeywords++] = str_of(mem_dup(name.p, name.n), name.n);
}

static int
read_mailbox(void *arg, const struct index_mailbox *row, struct err *e)
{
	struct reading *r = arg;
	struct mailbox *mb;

	if (row->doomed) {
		r->doomed = mem_grow(r->doomed, r->ndoomed + 1, sizeof *r->doomed);
		r->doomed_names = mem_grow(r->doomed_names, r->ndoomed + 1, sizeof(struct str));
		r->doomed[r->ndoomed] = row->id;
		r->doomed_names[r->ndoomed++] =
		    str_of(mem_dup(row->name.p, row->name.n), row->name.n);
		return 0;
	}
	mb = model_new(r->home, row->id, row->name);
	mb->use = row->use <= USE_ARCHIVE ? (enum mailbox_use)row->use : USE_NONE;
	mb->uidvalidity = row->uidvalidity;
	mb->sort = row->sort;
	mb->uidnext = row->uidnext;
	mb->recent_from = row->recent_from;
	mb->highestmodseq = row->highestmodseq;
	mb->exists = row->exists;
	mb->unseen = row->unseen;
	mb->deleted = row->deleted;
	mb->octets = row->octets;
	mb->priv->cur_mtime = row->cur_mtime;
	mb->priv->new_mtime = row->new_mtime;
	if (row->old_name.n > 0)
		mb->priv->old_name =
		    str_of(mem_dup(row->old_name.p, row->old_name.n), row->old_name.n);
	r->home->octets += row->octets;
	r->home->messages += row->exists;
	model_insert(r->home, mb);
	(void)e;
	return 0;
}

static void
read_sub(void *arg, struct str name)
{
	model_sub(arg, name, true);
}

/* Ends what a crash interrupted behind a commit. */
static int
finish_renames(struct home *h, struct err *e)
{
	for (size_t i = 0; i < h->nboxes; i++) {
		struct mailbox *mb = h->boxes[i];

		if (mb->priv->old_name.n == 0)
			continue;
		if (files_rename_folder(mb->priv->old_name, mb->name, e) < 0)
			return -1;
		free((char *)mb->priv->old_name.p);
		mb->priv->old_name = STR_NONE;
		mb->priv->row_dirty = true;
	}
	return 0;
}

static int
read_rows(struct home *h, struct err *e)
{
	struct reading r = {.home = h};
	int rc = index_mailboxes(h->index, read_mailbox, &r, e);

	for (size_t i = 0; i < h->nboxes && rc == 0; i++) {
		struct mailbox *mb = h->boxes[i];

		rc = index_keywords(h->index, mb->id, read_keyword, mb, e);
		if (rc == 0)
			rc = index_any_dirty(h->index, mb->id, &mb->priv->names_dirty, e);
	}
	if (rc == 0)
		rc = index_subscriptions(h->index, read_sub, h, e);
	if (rc == 0)
		rc = finish_renames(h, e);
	for (size_t i = 0; i < r.ndoomed; i++) {
		if (rc == 0 && home_find(h, r.doomed_names[i]) == NULL)
			rc = files_remove_folder(r.doomed_names[i], e);
		if (rc == 0)
			rc = index_mailbox_drop(h->index, r.doomed[i], e);
		free((char *)r.doomed_names[i].p);
	}
	free(r.doomed);
	free(r.doomed_names);
	return rc;
}

/* ---- folders without a row, new homes, lost indexes ---- */

/* A row for a folder; known: what the uid list says of it, or NULL. */
static int
take_in(struct home *h, struct str name, const struct uidlist_box *known, enum mailbox_use use,
    struct err *e)
{
	static const struct change_by by = {.actor = STR_INIT("store")};
	struct mailbox *mb;
	uint32_t id, uidvalidity;
	uint64_t modseq;
	bool made;

	if (model_next_mailbox(h, &id, &uidvalidity, e) < 0 || model_next_modseq(h, &modseq, e) < 0)
		return -1;
	mb = model_new(h, known ? known->id : id, name);
	mb->uidvalidity = known ? known->uidvalidity : uidvalidity;
	mb->uidnext = known ? num_max(known->uidnext, numbers_ceiling(&h->reserved, mb->id)) : 1;
	mb->use = known ? (enum mailbox_use)known->use : use;
	mb->sort = known ? known->sort : -1;
	mb->highestmodseq = modseq;
	mb->subscribed = model_is_sub(h, name);
	model_insert(h, mb);
	uidlist_note_box(mb);
	if (files_make_folder(name, &made, e) < 0 || model_row(mb, false, e) < 0)
		return -1;
	return model_log(h, modseq, CHANGE_CREATED, mb->id, NULL, STR_NONE, &by, e);
}

/* Folders on disk that have no row. */
static int
take_in_folders(struct home *h, const struct uidlist *u, struct err *e)
{
	struct dirent *de;
	DIR *d = opendir("Maildir");
	struct buf name;
	int rc = 0;

	if (d == NULL)
		return err_sys(e, "Maildir");
	buf_init(&name, FOLDER_NAME_MAX);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		char cur[NAME_MAX + 16];

		if (folder_of_dir(str_z(de->d_name), &name) < 0 ||
		    home_find(h, buf_view(&name)) != NULL)
			continue;
		(void)snprintf(cur, sizeof cur, "Maildir/%s/cur", de->d_name);
		if (!files_is_dir(cur))
			continue;
		rc = take_in(h, buf_view(&name), uidlist_box(u, buf_view(&name)),
		    model_free_use(h, buf_view(&name)), e);
		log_info("store.folder", LS("name", buf_view(&name)));
	}
	buf_free(&name);
	closedir(d);
	return rc;
}

static int
subscribe(struct home *h, struct str name, struct err *e)
{
	model_sub(h, name, true);
	uidlist_note_sub(h, name, true);
	return index_subscribe(h->index, name, true, e);
}

static int
make_defaults(struct home *h, struct err *e)
{
	static const char *const names[] = {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (files_mkdir_folder(str_z(names[i]), e) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str name = str_z(names[i]);

		if (home_find(h, name) == NULL &&
		    take_in(h, name, NULL, model_free_use(h, name), e) < 0)
			return -1;
		if (subscribe(h, name, e) < 0)
			return -1;
	}
	return 0;
}

/* Fills an index that has no rows. */
static int
rebuild(struct home *h, struct err *e)
{
	struct uidlist *u = uidlist_read();
	struct str name;
	size_t i = 0;
	int rc = -1;

	/* Folders get the ids by which the uid list knows their messages. */
	h->next_mailbox = num_max(h->next_mailbox, uidlist_highest_box(u) + 1);
	if (take_in(h, STR("INBOX"), uidlist_box(u, STR("INBOX")), USE_NONE, e) < 0 ||
	    take_in_folders(h, u, e) < 0)
		goto out;
	while (uidlist_sub(u, &i, &name))
		if (subscribe(h, name, e) < 0)
			goto out;
	if (u == NULL && make_defaults(h, e) < 0)
		goto out;
	for (size_t k = 0; k < h->nboxes; k++)
		if (scan_all(h->boxes[k], u, e) < 0)
			goto out;
	if (object_file_restore(h, e) < 0)
		goto out;
	if (u != NULL || h->messages > 0)
		log_info("store.rebuilt", LU("messages", h->messages), LU("uidlist", u != NULL));
	rc = 0;
out:
	uidlist_free(&u);
	return rc;
}

/* ---- tombstones ---- */

static void
bury_again(void *arg, uint32_t mailbox, uint32_t uid, const struct index_file *f)
{
	struct mailbox *mb = home_find_id(arg, mailbox);
	char path[PATH_SIZE];

	if (mb != NULL && files_path(mb, f, path, NULL) == 0)
		commit_bury(mb, uid, path);
}

/* APPENDs that did not end. By ctime: what gk-local is just linking there is new. */
static void
sweep_tmp(void)
{
	DIR *d = opendir(MAILDIR_TMP);
	struct dirent *de;
	struct stat st;

	if (d == NULL)
		return;
	while ((de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' &&
		    fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_ctim.tv_sec + TMP_KEEP_S < clock_wall())
			(void)unlinkat(dirfd(d), de->d_name, 0);
	closedir(d);
}

/* Once a day. */
static int
prune(struct home *h, struct err *e)
{
	uint64_t last, now = (uint64_t)clock_wall();

	if (index_get(h->index, "pruned_at", &last, e) < 0)
		return -1;
	if (last != 0 && now < last + 86400)
		return 0;
	if (index_put(h->index, "pruned_at", now, e) < 0)
		return -1;
	sweep_tmp();
	return last == 0 ? 0 : index_prune(h->index, (int64_t)now - KEEP_S, e);
}

int
start_read(struct home *h, bool fresh, struct err *e)
{
	enum numbers_found found;

	if (numbers_read(&h->reserved, &found, e) < 0)
		return -1;
	if (found == NUMBERS_LOST)
		h->reserved.clean = true; /* nothing is reserved */
	object_file_begin(h, found == NUMBERS_CLEAN && !fresh);
	if (read_rows(h, e) < 0 || start_numbers(h, found, fresh, e) < 0)
		return -1;
	if (fresh) {
		if (rebuild(h, e) < 0)
			return -1;
	} else if (home_find(h, STR("INBOX")) == NULL) {
		return err_set(e, E_PROTO, "an index without INBOX");
	} else if (take_in_folders(h, NULL, e) < 0 ||
		   index_tombstones_pending(h->index, bury_again, h, e) < 0) {
		return -1;
	}
	if (prune(h, e) < 0 || mailbox_refresh(home_find(h, STR("INBOX")), e) < 0)
		return -1;
	if (found != NUMBERS_CLEAN || fresh || h->o.no_timers)
		return commit_now(h, e);
	/* After a clean end there is only mail to pick up, whose numbers are reserved: as when it
	 * comes to a home that is open, its rows can wait. */
	return index_is_dirty(h->index) ? home_ready_lazily(h, e) : 0;
}
