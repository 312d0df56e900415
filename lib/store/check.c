/* check.c - see check.h. */
#include "store/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "store/model.h"
#include "store/object_file.h"
#include "store/uidlist.h"

#define TEXT_MAX 400u

/* What a finding needs to be mended. */
enum cure {
	CURE_NONE,    /* nothing we have brings it back */
	CURE_SCAN,    /* the files are looked at again */
	CURE_COUNT,   /* the messages are counted again */
	CURE_UIDLIST, /* it is written anew */
	CURE_REBUILD  /* the index is made anew */
};

/* A file that stands in cur/ or new/. */
struct there {
	bool in_new, known;
	uint32_t letters;
	UT_hash_handle hh;
	size_t n;
	char base[];
};

struct check {
	struct home *home;
	struct home_report *r;
	struct uidlist *uids;
	struct err *e;
	uint64_t cures[CURE_REBUILD + 1]; /* findings of each kind */
	/* Of one mailbox. */
	struct mailbox *mb;
	struct arena arena;
	struct there *files;
	uint32_t total, unseen, deleted;
	uint64_t octets;
	bool scan, recount;
};

static void
say(struct check *c, enum cure cure, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
say(struct check *c, enum cure cure, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->r->found++;
	c->cures[cure]++;
	c->scan = c->scan || cure == CURE_SCAN;
	c->recount = c->recount || cure == CURE_COUNT;
	c->r->say(c->r->arg, c->mb ? c->mb->name : STR_NONE, str_z(text));
}

/* ---- files ---- */

static void
add_file(struct check *c, const char *sub, const char *text)
{
	struct maildir_name n;
	struct there *t;

	if (maildir_parse(str_z(text), &n) < 0) {
		if (text[0] != '.')
			say(c, CURE_NONE, "%s/%s is no name of a message", sub, text);
		return;
	}
	HASH_FIND(hh, c->files, n.base.p, n.base.n, t);
	if (t != NULL) {
		say(c, CURE_SCAN, "%s/%s is there twice", sub, text);
		return;
	}
	t = arena_alloc(&c->arena, sizeof *t + n.base.n + 1);
	t->in_new = strcmp(sub, "new") == 0;
	t->known = false;
	t->letters = n.letters;
	t->n = n.base.n;
	memcpy(t->base, n.base.p, n.base.n);
	HASH_ADD_KEYPTR(hh, c->files, t->base, t->n, t);
}

static int
list_files(struct check *c, const char *sub)
{
	char dir[FOLDER_DIR_SIZE], path[FOLDER_DIR_SIZE + 4];
	struct dirent *de;
	DIR *d;

	if (folder_dir(c->mb->name, dir, c->e) < 0)
		return -1;
	(void)snprintf(path, sizeof path, "%s/%s", dir, sub);
	if ((d = opendir(path)) == NULL) {
		say(c, CURE_SCAN, "%s: %s", path, strerror(errno));
		return 0;
	}
	while ((de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			add_file(c, sub, de->d_name);
	closedir(d);
	return 0;
}

/* ---- rows ---- */

static void
check_content(struct check *c, const struct message *m, const struct index_file *f)
{
	char path[PATH_SIZE];
	struct maildir_name n;
	uint64_t size;

	if (files_path(c->mb, f, path, NULL) < 0 || maildir_parse(f->base, &n) < 0 ||
	    files_measure(path, &n, &size) < 0)
		say(c, CURE_NONE, "UID %u: its file is not whole: " STR_FMT, m->uid,
		    STR_ARG(f->base));
	else if (size != m->size)
		say(c, CURE_REBUILD,
		    "UID %u: the file has %" PRIu64 " octets, the index says %" PRIu64, m->uid,
		    size, m->size);
}

static void
check_file(struct check *c, const struct message *m, const struct index_file *f)
{
	struct there *t;

	HASH_FIND(hh, c->files, f->base.p, f->base.n, t);
	if (t == NULL) {
		say(c, CURE_SCAN, "UID %u: no file " STR_FMT, m->uid, STR_ARG(f->base));
		return;
	}
	t->known = true;
	if (t->in_new != f->in_new || t->letters != f->letters) {
		say(c, CURE_SCAN, "UID %u: its file has another name than the index says: " STR_FMT,
		    m->uid, STR_ARG(f->base));
		return;
	}
	check_content(c, m, f);
}

static void
check_row(void *arg, const struct message *m, const struct index_file *f)
{
	struct check *c = arg;
	uint32_t listed = uidlist_uid(c->uids, c->mb->id, f->base);

	c->r->messages++;
	c->total++;
	c->unseen += !(m->flags & FLAG_SEEN);
	c->deleted += (m->flags & FLAG_DELETED) != 0;
	c->octets += m->size;
	if (m->uid >= c->mb->uidnext)
		say(c, CURE_REBUILD, "UID %u is not below UIDNEXT %u", m->uid, c->mb->uidnext);
	if (m->modseq > c->mb->highestmodseq)
		say(c, CURE_REBUILD, "UID %u: modseq %" PRIu64 " is above the mailbox's %" PRIu64,
		    m->uid, m->modseq, c->mb->highestmodseq);
	if (c->uids != NULL && listed != m->uid)
		say(c, CURE_UIDLIST, "UID %u: the uid list says %u", m->uid, listed);
	check_file(c, m, f);
}

/* Files that no row names; what is being removed is none of them. */
static int
check_strangers(struct check *c)
{
	struct there *t, *next;
	enum tombstone tomb;

	HASH_ITER (hh, c->files, t, next) {
		if (t->known)
			continue;
		if (index_tombstone(c->home->index, c->mb->id, str_of(t->base, t->n), &tomb, c->e) <
		    0)
			return -1;
		if (tomb == TOMBSTONE_NONE || tomb == TOMBSTONE_VANISHED)
			say(c, CURE_SCAN, "no message has the file %.*s", (int)t->n, t->base);
	}
	return 0;
}

static void
check_counters(struct check *c)
{
	const struct mailbox *mb = c->mb;
	const struct uidlist_box *box = uidlist_box(c->uids, mb->name);

	if (mb->exists != c->total || mb->unseen != c->unseen || mb->deleted != c->deleted ||
	    mb->octets != c->octets)
		say(c, CURE_COUNT,
		    "counters say %u messages, %u unseen, %u deleted, %" PRIu64
		    " octets; the rows %u, %u, %u, %" PRIu64,
		    mb->exists, mb->unseen, mb->deleted, mb->octets, c->total, c->unseen,
		    c->deleted, c->octets);
	if (c->uids != NULL && (box == NULL || box->uidvalidity != mb->uidvalidity))
		say(c, CURE_UIDLIST, "the uid list has another UIDVALIDITY");
	if (mb->priv->uid_ceiling != 0 && mb->uidnext > mb->priv->uid_ceiling)
		say(c, CURE_REBUILD, "UIDNEXT %u is above what is reserved, %u", mb->uidnext,
		    mb->priv->uid_ceiling);
	if (mb->highestmodseq > c->home->modseq)
		say(c, CURE_REBUILD, "modseq %" PRIu64 " is above the home's %" PRIu64,
		    mb->highestmodseq, c->home->modseq);
}

/* ---- mending ---- */

/* Twice: what the first scan misses counts when the second misses it too. */
static int
rescan(struct mailbox *mb, struct err *e)
{
	if (scan_all(mb, NULL, e) < 0)
		return -1;
	mb->priv->rescan_ms = 0;
	return scan_all(mb, NULL, e);
}

static void
recount(struct check *c)
{
	struct mailbox *mb = c->mb;

	c->home->messages = c->home->messages - mb->exists + c->total;
	c->home->octets = c->home->octets - mb->octets + c->octets;
	mb->exists = c->total;
	mb->unseen = c->unseen;
	mb->deleted = c->deleted;
	mb->octets = c->octets;
	mb->priv->row_dirty = true;
	c->home->usage_changed = true;
}

static int
mend_mailbox(struct check *c)
{
	if (home_ready(c->home, c->e) < 0)
		return -1;
	if (c->recount)
		recount(c);
	return c->scan ? rescan(c->mb, c->e) : 0;
}

/* The marker is seen by home_open(). */
static int
ask_rebuild(struct check *c)
{
	int fd = file_open(AT_FDCWD, REBUILD_PATH, O_WRONLY | O_CREAT, 0600, c->e);
	int rc = fd < 0 || file_sync(fd, "store.rebuild", c->e) < 0 ? -1 : 0;

	file_close(&fd);
	c->r->rebuild = rc == 0;
	return rc;
}

static int
mend_home(struct check *c)
{
	c->r->mended = c->r->found - c->cures[CURE_NONE];
	if (c->cures[CURE_UIDLIST] + c->cures[CURE_SCAN] > 0) {
		c->home->uid_stale = true;
		uidlist_compact(c->home);
	}
	if (commit_now(c->home, c->e) < 0)
		return -1;
	c->home->objects_stale = true;
	object_file_settle(c->home);
	return c->cures[CURE_REBUILD] > 0 ? ask_rebuild(c) : 0;
}

/* ---- the whole ---- */

static int
check_mailbox(struct check *c, bool mend)
{
	int rc = -1;

	c->files = NULL;
	c->total = c->unseen = c->deleted = 0;
	c->octets = 0;
	c->scan = c->recount = false;
	arena_init(&c->arena);
	if (list_files(c, "new") < 0 || list_files(c, "cur") < 0 ||
	    index_files(c->home->index, c->mb->id, false, check_row, c, c->e) < 0 ||
	    check_strangers(c) < 0)
		goto out;
	check_counters(c);
	rc = mend ? mend_mailbox(c) : 0;
out:
	HASH_CLEAR(hh, c->files);
	arena_free(&c->arena);
	return rc;
}

static void
damaged(void *arg, struct str text)
{
	say(arg, CURE_REBUILD, "index: " STR_FMT, STR_ARG(text));
}

static int
check_all(struct check *c, bool mend)
{
	struct home *h = c->home;

	if (index_verify(h->index, damaged, c, c->e) < 0)
		return -1;
	if (c->uids == NULL)
		say(c, CURE_UIDLIST, "there is no uid list");
	if (h->modseq > h->reserved.modseq_ceiling)
		say(c, CURE_REBUILD, "modseq %" PRIu64 " is above what is reserved, %" PRIu64,
		    h->modseq, h->reserved.modseq_ceiling);
	for (size_t i = 0; i < h->nboxes; i++) {
		c->mb = h->boxes[i];
		if (check_mailbox(c, mend) < 0)
			return -1;
	}
	return mend ? mend_home(c) : 0;
}

int
home_check(struct home *h, bool mend, struct home_report *r, struct err *e)
{
	struct check c = {.home = h, .r = r, .e = e};
	int rc;

	/* Names and lists that are only behind are no findings. */
	if (home_mirror(h, e) < 0)
		return -1;
	c.uids = uidlist_read();
	rc = check_all(&c, mend);
	uidlist_free(&c.uids);
	log_info("store.check", LU("messages", r->messages), LU("found", r->found),
	    LU("mended", r->mended), LU("rebuild", r->rebuild));
	return rc;
}

int
home_reindex(struct home *h, struct home_report *r, struct err *e)
{
	if (home_ready(h, e) < 0)
		return -1;
	if (index_cache_clear(h->index, e) < 0)
		return home_fail(h, e);
	for (size_t i = 0; i < h->nboxes; i++) {
		h->boxes[i]->priv->cur_mtime = h->boxes[i]->priv->new_mtime = 0;
		if (scan_all(h->boxes[i], NULL, e) < 0)
			return -1;
		r->messages += h->boxes[i]->exists;
	}
	h->uid_stale = true;
	uidlist_compact(h);
	return commit_now(h, e);
}
