/*
 * mailbox_copy.c - see mailbox.h: COPY, MOVE, EXPUNGE.
 *
 * A copy is a hard link with a name of its own and rows of its own; it stays the same email. A move
 * is link, commit, unlink (INVARIANTS 4): until the commit the message is in both mailboxes, and a
 * crash never leaves it in none.
 *
 * Its octets are synced before there is another name for them: what was delivered just now waits
 * for gk-local's next checkpoint, and after lost power it is delivered again under its first name
 * only, which may be a tombstone by then.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "store/model.h"

#define SYNC_EACH 16u /* files that are synced one by one; more of them with their file system */

/* ---- copy ---- */

/* One message on its way. */
struct copy {
	struct message m; /* as it was */
	char base[MAILDIR_NAME_SIZE];
	char path[PATH_SIZE];
	uint32_t letters;
};

struct copying {
	struct mailbox *from, *to;
	struct arena *a;
	struct copy **v;
	size_t n;
	uint64_t modseq;
	const struct change_by *by;
	bool many;   /* files are synced with their file system … */
	bool synced; /* … which is done */
};

/* Keywords of one mailbox as bits of another. */
static int
map_keywords(struct copying *c, uint64_t bits, uint64_t *out, struct err *e)
{
	*out = 0;
	for (unsigned i = 0; i < c->from->nkeywords; i++) {
		const struct flag_set one = {.keywords = &c->from->keywords[i], .nkeywords = 1};
		struct err why = {0};
		uint64_t bit;

		if (!(bits & (1ull << i)))
			continue;
		/* A full keyword table costs the copy a keyword, not its existence. */
		if (model_keywords(c->to, &one, true, &bit, &why) == 0)
			*out |= bit;
		else if (why.code != E_LIMIT) {
			if (e != NULL)
				*e = why;
			return -1;
		}
	}
	return 0;
}

/* The size that goes into the new name is the file's: that of a message with bare LF differs. */
static int
file_octets(const char *path, struct str base, uint64_t *out, struct err *e)
{
	struct maildir_name name;
	struct stat st;

	if (maildir_parse(base, &name) == 0 && name.has_size) {
		*out = name.size;
		return 0;
	}
	if (stat(path, &st) < 0)
		return err_sys(e, "%s", path);
	*out = (uint64_t)st.st_size;
	return 0;
}

static int
sync_file(const char *path, struct err *e)
{
	int fd = file_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0, e);
	int rc = fd < 0 ? -1 : file_sync(fd, "store.copy", e);

	file_close(&fd);
	return rc;
}

/* All of the mailbox, which is remembered of what stands in cur/: a replay may bring what is in
 * new/ once more, in another file. */
static int
sync_all(struct mailbox *mb, struct err *e)
{
	uint32_t first = UINT32_MAX;
	int rc, fd = file_open(AT_FDCWD, "Maildir", O_RDONLY | O_DIRECTORY, 0, e);

	if (fd < 0 || index_first_new(mb->home->index, mb->id, &first, e) < 0)
		rc = -1;
	else
		rc = file_sync_all(fd, "store.copies", e);
	if (rc == 0)
		mb->priv->settled = num_min(first, mb->uidnext) - 1;
	file_close(&fd);
	return rc;
}

static int
make_durable(struct copying *c, uint32_t uid, const char *path, struct err *e)
{
	if (uid <= c->from->priv->settled || c->synced)
		return 0;
	if (!c->many)
		return sync_file(path, e);
	c->synced = sync_all(c->from, e) == 0;
	return c->synced ? 0 : -1;
}

/* Links the file at a path. */
static int
link_file(struct copying *c, const char *path, const struct index_file *f, struct copy *out,
    struct err *e)
{
	struct index_file to;
	char id[ID_SIZE], email[EMAIL_TEXT_SIZE];
	uint64_t octets;

	id_new(id);
	if (file_octets(path, f->base, &octets, e) < 0 || make_durable(c, out->m.uid, path, e) < 0)
		return -1;
	maildir_base_copy(out->base, out->m.date, str_z(id), c->to->home->o.host,
	    str_z(email_text(out->m.email, EMAIL_LETTER, email)), octets);
	out->letters = model_letters(out->m.flags, f->letters);
	to = (struct index_file){.base = str_z(out->base), .letters = out->letters};
	if (files_path(c->to, &to, out->path, e) < 0)
		return -1;
	return file_link(AT_FDCWD, path, AT_FDCWD, out->path, e);
}

/* Links a message into the other mailbox's cur/; E_NOTFOUND when its file is gone. */
static int
link_one(struct copying *c, const struct message *m, struct copy *out, struct err *e)
{
	char path[PATH_SIZE], base[MAILDIR_NAME_SIZE];
	struct err why = {0};
	struct index_file f;

	out->m = *m;
	if (index_file_get(c->from->home->index, c->from->id, out->m.uid, &f, base, e) < 0 ||
	    files_path(c->from, &f, path, e) < 0)
		return -1;
	if (link_file(c, path, &f, out, &why) == 0)
		return 0;
	/* Where the index says it hardly ever is not. A scan may move the messages in memory. */
	if (why.code == E_NOTFOUND)
		return scan_locate(c->from, out->m.uid, path, &f, base, e) < 0
			   ? -1
			   : link_file(c, path, &f, out, e);
	if (e != NULL)
		*e = why;
	return -1;
}

/* Links all, or none. */
static int
link_all(struct copying *c, const uint32_t *uids, size_t n, struct err *e)
{
	struct scan_own own = scan_own_begin(c->to);
	int rc = 0;

	c->many = n > SYNC_EACH;
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct message *m = mailbox_get(c->from, uids[i]);
		struct err why = {0};
		struct copy *one;

		if (m == NULL)
			continue;
		one = arena_new(c->a, struct copy);
		if (link_one(c, m, one, &why) == 0) {
			c->v[c->n++] = one;
		} else if (why.code != E_NOTFOUND) {
			if (e != NULL)
				*e = why;
			rc = -1;
		}
	}
	for (size_t i = 0; rc < 0 && i < c->n; i++)
		(void)unlink(c->v[i]->path);
	scan_own_end(c->to, own);
	if (rc == 0)
		c->to->priv->sync_cur = true;
	return rc;
}

static int
add_rows(struct copying *c, struct copy_result *out, struct err *e)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct copy *one = c->v[i];
		struct message m = one->m;
		const struct index_file f = {.base = str_z(one->base), .letters = one->letters};
		struct str before = arena_printf(c->a, "%u %u", c->from->id, (unsigned)one->m.uid);

		m.modseq = c->modseq;
		if (map_keywords(c, one->m.keywords, &m.keywords, e) < 0 ||
		    model_next_uid(c->to, &m.uid, e) < 0 ||
		    model_add(c->to, &m, &f, false, CHANGE_COPIED, before, c->by, e) < 0)
			return -1;
		out->from[i] = one->m.uid;
		out->to[i] = m.uid;
		out->n++;
	}
	return 0;
}

/* Messages as they were told of may be gone: uids that are unknown now do not count. */
static int
check_room(const struct mailbox *mb, const uint32_t *uids, size_t n, struct err *e)
{
	const struct home *h = mb->home;
	uint64_t octets = 0;

	if (h->quota == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		const struct message *m = mailbox_get(mb, uids[i]);

		octets += m != NULL ? m->size : 0;
	}
	if (octets > h->quota || h->octets > h->quota - octets)
		return err_set(e, E_QUOTA, "mailbox is full");
	return 0;
}

/* The common half of copy and move; *c is left for the caller. */
static int
copy_all(struct copying *c, const uint32_t *uids, size_t n, struct copy_result *out, struct err *e)
{
	uint32_t first;

	*out = (struct copy_result){0};
	if (home_ready(c->to->home, e) < 0 || (!c->from->loaded && mailbox_load(c->from, e) < 0) ||
	    (!c->to->loaded && mailbox_load(c->to, e) < 0))
		return -1;
	out->from = arena_array(c->a, n + 1, sizeof *out->from);
	out->to = arena_array(c->a, n + 1, sizeof *out->to);
	c->v = arena_array(c->a, n + 1, sizeof(struct copy *));
	/* Drawn first: behind the links only a failing index can stop us. */
	if (model_next_modseq(c->to->home, &c->modseq, e) < 0 || link_all(c, uids, n, e) < 0)
		return -1;
	if (c->n == 0)
		return 0;
	if (add_rows(c, out, e) < 0)
		return home_fail(c->to->home, e);
	first = out->to[0];
	model_tell_added(c->to, first, c->by);
	return 0;
}

int
mailbox_copy(struct mailbox *mb, const uint32_t *uids, size_t n, struct mailbox *to,
    const struct change_by *by, struct arena *a, struct copy_result *out, struct err *e)
{
	struct copying c = {.from = mb, .to = to, .a = a, .by = by};

	*out = (struct copy_result){0};
	if (!mb->loaded && mailbox_load(mb, e) < 0)
		return -1;
	if (check_room(mb, uids, n, e) < 0 || files_check_space(0, e) < 0)
		return -1;
	return copy_all(&c, uids, n, out, e);
}

/* ---- expunge ---- */

/* Turns messages into tombstones; uids ascending and known. why and before are for the log. */
static int
bury_all(struct mailbox *mb, const uint32_t *uids, size_t n, uint64_t modseq,
    const struct copy_result *moved, const struct mailbox *to, const struct change_by *by,
    struct err *e)
{
	struct message *were = mem_array(n, sizeof *were);
	struct arena a;
	int rc = -1;

	arena_init(&a);
	for (size_t i = 0; i < n; i++) {
		const struct message *m = mailbox_get(mb, uids[i]);
		char path[PATH_SIZE], base[MAILDIR_NAME_SIZE];
		struct index_file f;
		struct str before = moved != NULL ? arena_printf(&a, "%u %u", to->id, moved->to[i])
						  : mailbox_flags_text(mb, m, &a);

		if (index_file_get(mb->home->index, mb->id, uids[i], &f, base, e) < 0 ||
		    files_path(mb, &f, path, e) < 0)
			goto out;
		if (model_log(mb->home, modseq, moved ? CHANGE_MOVED : CHANGE_EXPUNGED, mb->id, m,
			before, by, e) < 0 ||
		    index_message_expunge(
			mb->home->index, mb->id, uids[i], modseq, TOMBSTONE_PENDING, e) < 0)
			goto out;
		were[i] = *m;
		model_count(mb, m, -1);
		commit_bury(mb, uids[i], path);
		arena_reset(&a);
	}
	rc = 0;
out:
	arena_free(&a);
	if (rc < 0) {
		free(were);
		return home_fail(mb->home, e);
	}
	mb->highestmodseq = num_max(mb->highestmodseq, modseq);
	model_drop(mb, uids, n);
	for (size_t i = 0; i < n; i++)
		model_tell_expunged(mb, &were[i], by);
	free(were);
	return 0;
}

int
mailbox_move(struct mailbox *mb, const uint32_t *uids, size_t n, struct mailbox *to,
    const struct change_by *by, struct arena *a, struct copy_result *out, struct err *e)
{
	struct copying c = {.from = mb, .to = to, .a = a, .by = by};

	if (copy_all(&c, uids, n, out, e) < 0)
		return -1;
	if (c.n == 0)
		return 0;
	return bury_all(mb, out->from, out->n, c.modseq, out, to, by, e);
}

/* Those of uids[0..n) (SIZE_MAX: all) that have one of these flags, or any where there are none. */
static int
expunge(struct mailbox *mb, const uint32_t *uids, size_t n, uint32_t flags,
    const struct change_by *by, struct err *e)
{
	uint64_t modseq;
	uint32_t *gone;
	size_t ngone = 0, k = 0;
	struct arena a;
	int rc = -1;

	if (home_ready(mb->home, e) < 0 || (!mb->loaded && mailbox_load(mb, e) < 0))
		return -1;
	arena_init(&a);
	gone = arena_array(&a, mb->n + 1, sizeof *gone);
	for (size_t i = 0; i < mb->n; i++) {
		while (n != SIZE_MAX && k < n && uids[k] < mb->messages[i].uid)
			k++;
		if ((flags == 0 || (mb->messages[i].flags & flags)) &&
		    (n == SIZE_MAX || (k < n && uids[k] == mb->messages[i].uid)))
			gone[ngone++] = mb->messages[i].uid;
	}
	rc = 0;
	if (ngone > 0) {
		rc = model_next_modseq(mb->home, &modseq, e);
		if (rc == 0)
			rc = bury_all(mb, gone, ngone, modseq, NULL, NULL, by, e);
	}
	arena_free(&a);
	return rc;
}

int
mailbox_expunge(
    struct mailbox *mb, const uint32_t *uids, size_t n, const struct change_by *by, struct err *e)
{
	return expunge(mb, uids, n, FLAG_DELETED, by, e);
}

int
mailbox_remove(
    struct mailbox *mb, const uint32_t *uids, size_t n, const struct change_by *by, struct err *e)
{
	return expunge(mb, uids, n, 0, by, e);
}

int
model_vanish(struct mailbox *mb, const struct message *m, uint64_t modseq,
    const struct change_by *by, struct err *e)
{
	const struct message copy = *m;
	struct arena a;
	int rc = -1;

	arena_init(&a);
	if (model_log(mb->home, modseq, CHANGE_VANISHED, mb->id, &copy,
		mailbox_flags_text(mb, &copy, &a), by, e) < 0 ||
	    index_message_expunge(
		mb->home->index, mb->id, copy.uid, modseq, TOMBSTONE_VANISHED, e) < 0)
		goto out;
	model_count(mb, &copy, -1);
	mb->highestmodseq = num_max(mb->highestmodseq, modseq);
	model_drop(mb, &copy.uid, 1);
	model_tell_expunged(mb, &copy, by);
	rc = 0;
out:
	arena_free(&a);
	return rc < 0 ? home_fail(mb->home, e) : 0;
}
