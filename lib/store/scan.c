/*
 * scan.c - what lies in cur/ and new/ compared with what the index knows (INVARIANTS 1, 8).
 *
 * New files get UIDs in the order of their names. A name that differs from the one we gave is
 * somebody's change of flags, and wins for those flags. A file that is not there is marked, and
 * expunged when a later scan misses it too. A file of an expunged message is removed for good.
 *
 * Whether a scan is needed at all is told by the directories' mtimes; our own changes are bracketed
 * by scan_own_begin() and _end() so that they do not count.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "store/model.h"
#include "store/uidlist.h"

#define TICK_NS   20000000 /* of file times: a change within it after our look is not seen */
#define RESCAN_MS 1000u    /* between the two scans that miss a file */
#define CROWD     256u     /* known files in new/ from which on they are moved away soon */
#define THREADS   500u     /* new files whose threads are found at once */

/* A file that no row names. */
struct found {
	struct maildir_name name; /* borrows from text */
	char *text;
	bool in_new;
	uint32_t uid;  /* known from the uid list, or 0 */
	uint64_t size; /* as IMAP tells it */
	struct found *next;
};

/* A message, by the base of its file. */
struct known {
	struct message m;
	uint32_t letters;
	bool in_new, missing;
	bool seen;
	char *also_new; /* a name in new/ though the row says cur/ */
	UT_hash_handle hh;
	size_t n;
	char base[];
};

struct scan {
	struct mailbox *mb;
	const struct uidlist *uids;
	char dir[FOLDER_DIR_SIZE];
	struct arena arena;
	struct known *known;
	struct found *found;
	size_t nfound, nknown_new;
	uint64_t modseq; /* drawn at the first change */
	bool crowd;
	struct err *e;
};

static const struct change_by foreign = {.actor = STR_INIT("foreign")};
static const struct change_by delivery = {.actor = STR_INIT("delivery")};

/* ---- paths and times ---- */

struct scan_own
scan_own_begin(struct mailbox *mb)
{
	struct scan_own own = {0};
	char dir[FOLDER_DIR_SIZE];

	if (folder_dir(mb->name, dir, NULL) == 0) {
		own.cur =
		    mb->priv->cur_mtime != 0 && files_mtime(dir, "cur") == mb->priv->cur_mtime;
		own.new =
		    mb->priv->new_mtime != 0 && files_mtime(dir, "new") == mb->priv->new_mtime;
	}
	return own;
}

void
scan_own_end(struct mailbox *mb, struct scan_own own)
{
	char dir[FOLDER_DIR_SIZE];

	if (folder_dir(mb->name, dir, NULL) < 0)
		return;
	if (own.cur)
		mb->priv->cur_mtime = files_mtime(dir, "cur");
	/* gk-local delivers into new/ at any time, also while we took something out of it: whoever
	 * changed it, it is looked at again. */
	if (own.new &&files_mtime(dir, "new") != mb->priv->new_mtime)
		mb->priv->new_mtime = 0;
	mb->priv->row_dirty = mb->priv->row_dirty || own.cur || own.new;
}

/* ---- what is known ---- */

static void
add_known(void *arg, const struct message *m, const struct index_file *f)
{
	struct scan *s = arg;
	struct known *k = arena_alloc(&s->arena, sizeof *k + f->base.n + 1);

	k->m = *m;
	k->letters = f->letters;
	k->in_new = f->in_new;
	k->missing = f->missing;
	k->n = f->base.n;
	memcpy(k->base, f->base.p, f->base.n);
	HASH_ADD_KEYPTR(hh, s->known, k->base, k->n, k);
}

static struct known *
find_known(struct scan *s, struct str base)
{
	struct known *k;

	HASH_FIND(hh, s->known, base.p, base.n, k);
	return k;
}

/* The message in the array, so that a change of it is seen; else the copy. */
static struct message *
message_of(struct scan *s, struct known *k)
{
	return s->mb->loaded ? (struct message *)mailbox_get(s->mb, k->m.uid) : &k->m;
}

static int
draw_modseq(struct scan *s)
{
	if (home_ready(s->mb->home, s->e) < 0)
		return -1;
	return s->modseq != 0 ? 0 : model_next_modseq(s->mb->home, &s->modseq, s->e);
}

static int
write_file(struct scan *s, struct known *k, bool dirty)
{
	const struct index_file f = {
	    .letters = k->letters, .in_new = k->in_new, .missing = k->missing};
	struct home *h = s->mb->home;

	if (home_ready(h, s->e) < 0)
		return -1;
	if (index_message_file(h->index, s->mb->id, k->m.uid, &f, dirty, s->e) < 0)
		return home_fail(h, s->e);
	if (dirty) {
		s->mb->priv->names_dirty = true;
		home_mirror_later(h);
	}
	return 0;
}

/* ---- files ---- */

/* Other programs write names that say the same in another way ("base" or "base:2,SF" in cur/): a
 * file gets the one name that files_path() finds it by. */
static int
settle_name(struct scan *s, const char *sub, const struct maildir_name *n, const char *text)
{
	char want[MAILDIR_NAME_SIZE], from[PATH_SIZE], to[PATH_SIZE];
	const struct index_file f = {
	    .base = n->base, .letters = n->letters, .in_new = strcmp(sub, "new") == 0};

	if (maildir_name(want, n->base, n->letters | MAILDIR_OTHER) < 0 ||
	    files_path(s->mb, &f, to, NULL) < 0)
		return -1;
	(void)snprintf(from, sizeof from, "%s/%s/%s", s->dir, sub, text);
	if (strcmp(from, to) == 0)
		return 0;
	return rename(from, to);
}

static int
note_found(struct scan *s, const struct maildir_name *n, const char *path, bool in_new)
{
	struct found *f;
	struct str text = arena_dup(&s->arena, n->base);
	uint64_t size;

	if (files_measure(path, n, &size) < 0) {
		log_debug("store.pass", LZ("file", path));
		return 0;
	}
	f = arena_new(&s->arena, struct found);
	f->name = *n;
	f->name.base = text;
	/* The id borrows from the base. */
	f->name.id = str_sub(text, (size_t)(n->id.p ? n->id.p - n->base.p : 0), n->id.n);
	f->in_new = in_new;
	f->size = size;
	f->uid = uidlist_uid(s->uids, s->mb->id, n->base);
	f->next = s->found;
	s->found = f;
	s->nfound++;
	return 0;
}

/* A file that no row names: of an expunged message, or new. */
static int
meet_unknown(struct scan *s, const struct maildir_name *n, const char *path, bool in_new)
{
	enum tombstone t;

	if (index_tombstone(s->mb->home->index, s->mb->id, n->base, &t, s->e) < 0)
		return -1;
	/* A replayed delivery comes to new/ under its old name; what was expunged stays so
	 * (INVARIANTS 2). In cur/ only what we are about to remove is: the rest somebody put there.
	 */
	if (t == TOMBSTONE_PENDING || (t == TOMBSTONE_DONE && in_new)) {
		if (unlink(path) < 0 && errno != ENOENT)
			log_warn("store.unlink", LZ("file", path), LZ("error", strerror(errno)));
		return 0;
	}
	return note_found(s, n, path, in_new);
}

/* ---- flags that others changed ---- */

static int
meet_letters(struct scan *s, struct known *k, uint32_t letters, bool in_new)
{
	struct message *m = message_of(s, k);
	uint32_t mask = model_flags(k->letters ^ letters);
	uint32_t flags = (m->flags & ~mask) | (model_flags(letters) & mask);
	bool dirty;

	k->letters = letters;
	k->in_new = in_new;
	k->missing = false;
	if (flags != m->flags) {
		if (draw_modseq(s) < 0 || model_set_flags(s->mb, m, flags, m->keywords, s->modseq,
					      false, &foreign, s->e) < 0)
			return -1;
		model_tell_flags(s->mb, m, &foreign);
	}
	dirty = in_new || model_letters(flags, letters) != letters;
	return write_file(s, k, dirty);
}

static int
meet_known(struct scan *s, struct known *k, const struct maildir_name *n, bool in_new)
{
	if (k->seen)
		return 0;
	k->seen = true;
	if (k->letters == n->letters && k->in_new == in_new && !k->missing)
		return 0;
	return meet_letters(s, k, n->letters, in_new);
}

/* ---- directories ---- */

/* One entry of cur/ or new/. */
static int
meet(struct scan *s, const char *sub, const char *text)
{
	bool in_new = strcmp(sub, "new") == 0;
	char path[PATH_SIZE];
	struct index_file f = {0};
	struct maildir_name n;
	struct known *k;

	if (maildir_parse(str_z(text), &n) < 0 || settle_name(s, sub, &n, text) < 0)
		return 0;
	f = (struct index_file){.base = n.base, .letters = n.letters, .in_new = in_new};
	if (files_path(s->mb, &f, path, s->e) < 0)
		return -1;
	if ((k = find_known(s, n.base)) == NULL)
		return meet_unknown(s, &n, path, in_new);
	if (in_new && !k->in_new) {
		k->also_new = arena_dupz(&s->arena, str_z(path));
		return 0;
	}
	return meet_known(s, k, &n, in_new);
}

/* Names are collected first: renaming and unlinking while reading may show an entry twice or not.
 */
static int
read_dir(struct scan *s, const char *sub, struct found **names)
{
	char path[FOLDER_DIR_SIZE + 4];
	struct dirent *de;
	bool made;
	DIR *d;

	*names = NULL;
	(void)snprintf(path, sizeof path, "%s/%s", s->dir, sub);
	if ((d = opendir(path)) == NULL && errno == ENOENT) {
		/* Others removed it: an empty one in its place. */
		if (files_make_folder(s->mb->name, &made, s->e) < 0)
			return -1;
		d = opendir(path);
	}
	if (d == NULL)
		return err_sys(s->e, "%s", path);
	while ((de = readdir(d)) != NULL) {
		struct found *f;

		if (de->d_name[0] == '.')
			continue;
		f = arena_new(&s->arena, struct found);
		f->text = arena_dupz(&s->arena, str_z(de->d_name));
		f->next = *names;
		*names = f;
	}
	closedir(d);
	return 0;
}

static int
walk(struct scan *s, const char *sub, int (*fn)(struct scan *, const char *sub, const char *text))
{
	struct found *f;

	if (read_dir(s, sub, &f) < 0)
		return -1;
	for (; f != NULL; f = f->next)
		if (fn(s, sub, f->text) < 0)
			return -1;
	return 0;
}

/* ---- after the walk ---- */

/* Of two files by the same base the one in cur/ stays, if it is whole: after lost power it may be
 * a name without its octets, which a replay has just brought again (INVARIANTS 1). */
static int
keep_one(struct scan *s, struct known *k)
{
	const struct index_file f = {.base = str_of(k->base, k->n), .letters = k->letters};
	struct maildir_name n;
	char path[PATH_SIZE];
	uint64_t size;

	if (files_path(s->mb, &f, path, s->e) < 0)
		return -1;
	if (maildir_parse(f.base, &n) == 0 && files_measure(path, &n, &size) < 0)
		return file_rename(AT_FDCWD, k->also_new, AT_FDCWD, path, s->e);
	return file_unlink(AT_FDCWD, k->also_new, s->e);
}

/* Rows that say cur/ while the file stands in new/: a second copy of it, or a rename lost with the
 * power. */
static int
settle_twice(struct scan *s)
{
	struct known *k, *next;

	HASH_ITER (hh, s->known, k, next) {
		if (k->also_new == NULL)
			continue;
		if (k->seen) {
			if (keep_one(s, k) < 0)
				return -1;
			continue;
		}
		k->seen = true;
		k->in_new = true;
		k->letters = 0;
		k->missing = false;
		if (write_file(s, k, true) < 0)
			return -1;
	}
	return 0;
}

/* A name that moves while a directory is read may not show: only the second miss counts. */
static int
settle_missing(struct scan *s)
{
	struct known *k, *next;

	HASH_ITER (hh, s->known, k, next) {
		if (k->seen)
			continue;
		if (!k->missing) {
			k->missing = true;
			s->mb->priv->rescan_ms = clock_ms() + RESCAN_MS;
			if (write_file(s, k, false) < 0)
				return -1;
			continue;
		}
		if (s->mb->priv->rescan_ms > clock_ms())
			continue;
		if (draw_modseq(s) < 0 ||
		    model_vanish(s->mb, message_of(s, k), s->modseq, &foreign, s->e) < 0)
			return -1;
	}
	return 0;
}

static int
compare_found(const void *a, const void *b)
{
	const struct found *x = *(struct found *const *)a, *y = *(struct found *const *)b;

	/* Those whose UID is known come first, since it is below any new one. */
	if (x->uid != y->uid)
		return x->uid == 0 ? 1 : y->uid == 0 ? -1 : x->uid < y->uid ? -1 : 1;
	if (x->name.time != y->name.time)
		return x->name.time < y->name.time ? -1 : 1;
	return str_cmp(x->name.base, y->name.base);
}

static int
add_one(struct scan *s, struct found *f, uint32_t *first)
{
	const struct index_file file = {
	    .base = f->name.base, .letters = f->name.letters, .in_new = f->in_new};
	struct message m = {.uid = f->uid,
	    .flags = model_flags(f->name.letters),
	    .modseq = s->modseq,
	    .size = f->size,
	    .date = f->name.time,
	    .email = email_number(f->name.base)};
	bool ours = id_valid(f->name.id) && f->in_new;

	if (m.uid == 0 && model_next_uid(s->mb, &m.uid, s->e) < 0)
		return -1;
	if (*first == 0)
		*first = m.uid;
	if (s->nfound <= THREADS)
		threads_of_new(s->mb, &file, &m);
	if (model_add(s->mb, &m, &file, f->in_new, CHANGE_ADDED, STR_NONE,
		ours ? &delivery : &foreign, s->e) < 0)
		return -1;
	/* The last station of a message's way through the log. */
	if (ours)
		log_info("store.message", LS("mid", f->name.id), LS("mailbox", s->mb->name),
		    LU("uid", m.uid));
	return 0;
}

static int
add_found(struct scan *s)
{
	struct found **v, *f;
	uint32_t first = 0;
	size_t n = 0;

	if (s->nfound == 0)
		return 0;
	v = arena_array(&s->arena, s->nfound, sizeof(struct found *));
	for (f = s->found; f != NULL; f = f->next)
		v[n++] = f;
	qsort(v, n, sizeof(struct found *), compare_found);
	if (draw_modseq(s) < 0)
		return -1;
	if (n > THREADS && threads_leave(s->mb->home, s->modseq, s->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		/* The same name twice, in cur/ and new/: the second look sorts it out. */
		if (i > 0 && str_eq(v[i]->name.base, v[i - 1]->name.base)) {
			s->mb->priv->rescan_ms = 1;
			continue;
		}
		if (add_one(s, v[i], &first) < 0)
			return -1;
	}
	model_tell_added(s->mb, first, &delivery);
	return 0;
}

/* ---- scans ---- */

/* The time to remember of a directory: none when it was changed so shortly before we looked that a
 * later change would bear the same time. The next refresh looks again then. */
static int64_t
settled(int64_t mtime, int64_t looked_us)
{
	return mtime + TICK_NS > looked_us * 1000 ? 0 : mtime;
}

static int
scan_begin(struct scan *s, struct mailbox *mb, const struct uidlist *uids, struct err *e)
{
	*s = (struct scan){.mb = mb, .uids = uids, .e = e};
	if (folder_dir(mb->name, s->dir, e) < 0)
		return -1;
	arena_init(&s->arena);
	return 0;
}

static void
scan_end(struct scan *s)
{
	HASH_CLEAR(hh, s->known);
	arena_free(&s->arena);
	if (s->mb->priv->rescan_ms != 0)
		home_scan_later(s->mb->home, RESCAN_MS + 100);
}

int
scan_all(struct mailbox *mb, const struct uidlist *uids, struct err *e)
{
	struct mailbox_private *p = mb->priv;
	int64_t looked = clock_wall_us(), cur, new;
	uint64_t due = p->rescan_ms;
	struct scan s;
	int rc = -1;

	if (scan_begin(&s, mb, uids, e) < 0)
		return -1;
	cur = files_mtime(s.dir, "cur");
	new = files_mtime(s.dir, "new");
	/* A scan that comes before the second look is due does not take its place. */
	p->rescan_ms = due > clock_ms() ? due : 0;
	/* new/ before cur/: what others move between them goes that way. */
	if (index_files(mb->home->index, mb->id, false, add_known, &s, e) < 0 ||
	    walk(&s, "new", meet) < 0 || walk(&s, "cur", meet) < 0 || settle_twice(&s) < 0 ||
	    settle_missing(&s) < 0 || add_found(&s) < 0)
		goto out;
	p->cur_mtime = settled(cur, looked);
	p->new_mtime = settled(new, looked);
	p->row_dirty = true;
	rc = 0;
out:
	scan_end(&s);
	return rc;
}

/* An entry of new/, asked of the index one by one: there are few. */
static int
meet_new(struct scan *s, const char *sub, const char *text)
{
	struct index_file f = {0};
	struct maildir_name n;
	char path[PATH_SIZE];
	uint32_t uid;

	if (maildir_parse(str_z(text), &n) < 0 || n.has_info)
		return 0;
	(void)snprintf(path, sizeof path, "%s/%s/%s", s->dir, sub, text);
	if (index_find_base(s->mb->home->index, s->mb->id, n.base, &uid, &f, s->e) < 0)
		return -1;
	if (uid == 0)
		return meet_unknown(s, &n, path, true);
	s->nknown_new++;
	if (!f.in_new) /* twice: a full scan tells which is which */
		s->mb->priv->rescan_ms = 1;
	return 0;
}

int
scan_new(struct mailbox *mb, struct err *e)
{
	int64_t looked = clock_wall_us(), new;
	struct scan s;
	int rc = -1;

	if (scan_begin(&s, mb, NULL, e) < 0)
		return -1;
	new = files_mtime(s.dir, "new");
	if (walk(&s, "new", meet_new) < 0 || add_found(&s) < 0)
		goto out;
	mb->priv->new_mtime = settled(new, looked);
	mb->priv->row_dirty = true;
	if (s.nknown_new > CROWD)
		home_mirror_soon(mb->home);
	rc = 0;
out:
	scan_end(&s);
	return rc;
}

int
mailbox_refresh(struct mailbox *mb, struct err *e)
{
	struct mailbox_private *p = mb->priv;
	char dir[FOLDER_DIR_SIZE];
	bool due = p->rescan_ms != 0 && clock_ms() >= p->rescan_ms;

	if (mb->home->broken)
		return home_ready(mb->home, e);
	if (folder_dir(mb->name, dir, e) < 0)
		return -1;
	if (due || p->cur_mtime == 0 || files_mtime(dir, "cur") != p->cur_mtime)
		return scan_all(mb, NULL, e);
	if (files_mtime(dir, "new") != p->new_mtime)
		return scan_new(mb, e);
	return 0;
}

int
scan_locate(struct mailbox *mb, uint32_t uid, char path[PATH_SIZE], struct index_file *f,
    char *base, struct err *e)
{
	struct stat st;

	for (int turn = 0; turn < 2; turn++) {
		if (index_file_get(mb->home->index, mb->id, uid, f, base, e) < 0 ||
		    files_path(mb, f, path, e) < 0)
			return -1;
		if (lstat(path, &st) == 0)
			return 0;
		if (errno != ENOENT)
			return err_sys(e, "%s", path);
		if (turn == 0 && scan_all(mb, NULL, e) < 0)
			return -1;
	}
	return err_set(e, E_NOTFOUND, "the message's file is gone");
}
