/*
 * home_list.c - see home.h: making, deleting, renaming and subscribing to mailboxes.
 *
 * What touches directories commits by itself, in the order in which a crash at any point leaves
 * something that opening finishes: made first, named after; renamed and removed after the row says
 * so.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/model.h"
#include "store/uidlist.h"

#define MAILBOXES_MAX 10000u

static bool
is_inbox(struct str name)
{
	return str_eq_z(name, "INBOX");
}

/* Is name below `top`? */
static bool
is_inferior(struct str name, struct str top)
{
	return name.n > top.n && str_starts(name, top) && name.p[top.n] == '/';
}

/* ---- create ---- */

/* A mailbox that is being made. */
struct level {
	struct str name;
	uint32_t id, uidvalidity;
	uint64_t modseq;
	bool made; /* its directory, by us */
};

/* Of name and its superiors, what is no mailbox yet, from the top. */
static size_t
missing(struct home *h, struct str name, struct level out[FOLDER_DEPTH_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i <= name.n; i++) {
		struct str top = str_sub(name, 0, i);

		if (i < name.n && name.p[i] != '/')
			continue;
		if (home_find(h, top) != NULL)
			continue;
		assume(n < FOLDER_DEPTH_MAX);
		out[n++] = (struct level){.name = top};
	}
	return n;
}

static int
draw_numbers(struct home *h, struct level *l, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (model_next_mailbox(h, &l[i].id, &l[i].uidvalidity, e) < 0 ||
		    model_next_modseq(h, &l[i].modseq, e) < 0)
			return -1;
	return 0;
}

/* All of them or none: a folder without a row would be taken in as a mailbox. */
static int
make_folders(struct level *l, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (files_make_folder(l[i].name, &l[i].made, e) == 0)
			continue;
		while (i-- > 0)
			if (l[i].made)
				files_unmake_folder(l[i].name);
		return -1;
	}
	return 0;
}

static int
add_mailbox(struct home *h, const struct level *l, const struct change_by *by, struct mailbox **out,
    struct err *e)
{
	struct mailbox *mb = model_new(h, l->id, l->name);

	mb->uidvalidity = l->uidvalidity;
	mb->highestmodseq = l->modseq;
	mb->subscribed = model_is_sub(h, l->name);
	mb->use = model_free_use(h, l->name);
	model_insert(h, mb);
	uidlist_note_box(mb);
	if (model_row(mb, false, e) < 0 ||
	    model_log(h, l->modseq, CHANGE_CREATED, l->id, NULL, STR_NONE, by, e) < 0)
		return home_fail(h, e);
	model_tell_mailbox(h, mb, CHANGE_CREATED, by);
	*out = mb;
	return 0;
}

/* name and its superiors as far as they are missing; not yet committed. What can fail and leaves
 * the home whole comes before the first row: then nothing was made. */
static int
create(struct home *h, struct str name, const struct change_by *by, struct mailbox **out,
    struct err *e)
{
	struct level levels[FOLDER_DEPTH_MAX];
	size_t n = missing(h, name, levels);

	if (h->nboxes + n > MAILBOXES_MAX)
		return err_set(e, E_LIMIT, "too many mailboxes");
	if (draw_numbers(h, levels, n, e) < 0 || make_folders(levels, n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (add_mailbox(h, &levels[i], by, out, e) < 0)
			return -1;
	return 0;
}

static int
create_superiors(struct home *h, struct str name, const struct change_by *by, struct err *e)
{
	size_t slash = str_rchr(name, '/');
	struct mailbox *mb;

	return slash < name.n ? create(h, str_sub(name, 0, slash), by, &mb, e) : 0;
}

int
home_create(struct home *h, struct str name, const struct change_by *by, struct mailbox **out,
    struct err *e)
{
	char dir[FOLDER_DIR_SIZE];
	struct mailbox *mb = NULL;

	if (home_find(h, name) != NULL)
		return err_set(e, E_EXISTS, "mailbox already exists");
	if (folder_dir(name, dir, e) < 0 || home_ready(h, e) < 0)
		return -1;
	if (create(h, name, by, &mb, e) < 0)
		return -1;
	if (out != NULL)
		*out = mb;
	return commit_now(h, e);
}

/* ---- delete ---- */

/* Observers are told, and the mailbox is no more. */
static void
tell_gone(struct mailbox *mb)
{
	struct mailbox_observer *o;

	while ((o = LIST_FIRST(&mb->priv->observers)) != NULL) {
		LIST_REMOVE(o, link);
		o->gone(o->arg, mb);
	}
}

/* Files that still wait to be unlinked go with the directory. */
static void
forget_dead(struct dead_files *files, uint32_t mailbox)
{
	struct dead_files left = STAILQ_HEAD_INITIALIZER(left);
	struct dead_file *d;

	while ((d = STAILQ_FIRST(files)) != NULL) {
		STAILQ_REMOVE_HEAD(files, link);
		if (d->mailbox == mailbox)
			free(d);
		else
			STAILQ_INSERT_TAIL(&left, d, link);
	}
	STAILQ_CONCAT(files, &left);
}

int
home_delete(struct home *h, struct str name, const struct change_by *by, struct err *e)
{
	struct mailbox *mb = home_find(h, name);
	struct err why = {0};
	uint64_t modseq;
	uint32_t id;
	int rc;

	if (mb == NULL)
		return err_set(e, E_NOTFOUND, "no such mailbox");
	if (is_inbox(name))
		return err_set(e, E_INVAL, "INBOX cannot be deleted");
	if (home_ready(h, e) < 0 || model_next_modseq(h, &modseq, e) < 0)
		return -1;
	id = mb->id;
	if (model_row(mb, true, e) < 0 ||
	    model_log(h, modseq, CHANGE_DELETED, id, NULL, name, by, e) < 0 ||
	    index_change_mailbox(h->index, id, modseq, clock_wall(), by, e) < 0)
		return home_fail(h, e);
	uidlist_note_drop(h, id);
	h->octets -= mb->octets;
	h->messages -= mb->exists;
	h->usage_changed = true;
	if (h->last != NULL && h->last->mb == mb)
		content_close(&h->last);
	model_remove(h, mb);
	forget_dead(&h->dead, id);
	forget_dead(&h->doomed, id);
	forget_dead(&h->graves, id);
	rc = commit_now(h, e);
	tell_gone(mb);
	model_tell_mailbox(h, mb, CHANGE_DELETED, by);
	/* It is deleted, whatever comes now: what is left undone is done when the home opens. */
	if (rc == 0 && files_remove_folder(mb->name, &why) == 0 &&
	    (home_ready(h, &why) < 0 || index_mailbox_drop(h->index, id, &why) < 0))
		(void)home_fail(h, &why);
	model_free(&mb);
	return rc;
}

/* ---- rename ---- */

static struct str
renamed(struct str name, struct str from, struct str to, struct arena *a)
{
	return arena_printf(a, STR_FMT STR_FMT, STR_ARG(to), STR_ARG(str_from(name, from.n)));
}

/* May each of from and its inferiors take its new name? */
static int
check_rename(struct home *h, struct str from, struct str to, struct arena *a, struct err *e)
{
	struct buf normal;
	int rc = 0;

	buf_init(&normal, FOLDER_NAME_MAX);
	for (size_t i = 0; i < h->nboxes && rc == 0; i++) {
		struct str name = h->boxes[i]->name, new;

		if (!str_eq(name, from) && !is_inferior(name, from))
			continue;
		new = renamed(name, from, to, a);
		if (home_find(h, new) != NULL)
			rc = err_set(e, E_EXISTS, "mailbox already exists");
		else
			rc = folder_normalize(new, &normal, e);
	}
	buf_free(&normal);
	return rc;
}

static int
rename_one(
    struct mailbox *mb, struct str new, uint64_t modseq, const struct change_by *by, struct err *e)
{
	mb->priv->old_name = mb->name;
	mb->name = str_of(mem_dup(new.p, new.n), new.n);
	uidlist_note_box(mb);
	/* RFC 3501 6.3.5 leaves subscriptions alone: they are names. */
	mb->subscribed = model_is_sub(mb->home, new);
	if (model_row(mb, false, e) < 0 || model_log(mb->home, modseq, CHANGE_RENAMED, mb->id, NULL,
					       mb->priv->old_name, by, e) < 0)
		return home_fail(mb->home, e);
	return 0;
}

/* Directories follow the rows, which are durable: one that cannot follow now does when the home
 * opens the next time, and until then nothing finds its files. */
static void
move_directories(struct home *h)
{
	struct err e = {0};

	for (size_t i = 0; i < h->nboxes; i++) {
		struct mailbox *mb = h->boxes[i];

		if (mb->priv->old_name.n == 0)
			continue;
		if (files_rename_folder(mb->priv->old_name, mb->name, &e) < 0) {
			(void)home_fail(h, &e);
			return;
		}
		free((char *)mb->priv->old_name.p);
		mb->priv->old_name = STR_NONE;
		mb->priv->row_dirty = true;
	}
	(void)home_ready(h, NULL);
}

static void
tell_renamed(struct home *h, struct str to, const struct change_by *by)
{
	for (size_t i = 0; i < h->nboxes; i++)
		if (str_eq(h->boxes[i]->name, to) || is_inferior(h->boxes[i]->name, to))
			model_tell_mailbox(h, h->boxes[i], CHANGE_RENAMED, by);
}

static int
rename_tree(struct home *h, struct str from, struct str to, const struct change_by *by,
    struct arena *a, struct err *e)
{
	uint64_t modseq;

	if (check_rename(h, from, to, a, e) < 0 || create_superiors(h, to, by, e) < 0 ||
	    model_next_modseq(h, &modseq, e) < 0)
		return -1;
	/* Nothing may be under way by an old path. */
	if (commit_now(h, e) < 0 || commit_dead_done(h, e) < 0 || home_ready(h, e) < 0)
		return -1;
	for (size_t i = 0; i < h->nboxes; i++) {
		struct mailbox *mb = h->boxes[i];

		if ((str_eq(mb->name, from) || is_inferior(mb->name, from)) &&
		    rename_one(mb, renamed(mb->name, from, to, a), modseq, by, e) < 0)
			return -1;
	}
	model_sort(h);
	if (commit_now(h, e) < 0)
		return -1;
	move_directories(h);
	tell_renamed(h, to, by);
	return 0;
}

/* RFC 3501 6.3.5: the messages move, INBOX stays, and its inferiors are not touched. */
static int
rename_inbox(
    struct home *h, struct str to, const struct change_by *by, struct arena *a, struct err *e)
{
	struct mailbox *inbox = home_find(h, STR("INBOX")), *mb = NULL;
	struct copy_result moved;
	uint32_t *uids;

	if (mailbox_load(inbox, e) < 0 || home_create(h, to, by, &mb, e) < 0)
		return -1;
	uids = arena_array(a, inbox->n + 1, sizeof *uids);
	for (size_t i = 0; i < inbox->n; i++)
		uids[i] = inbox->messages[i].uid;
	if (mailbox_move(inbox, uids, inbox->n, mb, by, a, &moved, e) < 0) {
		/* Refused is refused: the new mailbox goes again. */
		(void)home_delete(h, to, by, NULL);
		return -1;
	}
	return commit_now(h, e);
}

int
home_rename(
    struct home *h, struct str from, struct str to, const struct change_by *by, struct err *e)
{
	char dir[FOLDER_DIR_SIZE];
	struct arena a;
	int rc;

	if (home_find(h, from) == NULL)
		return err_set(e, E_NOTFOUND, "no such mailbox");
	if (home_find(h, to) != NULL)
		return err_set(e, E_EXISTS, "mailbox already exists");
	if (is_inferior(to, from) && !is_inbox(from))
		return err_set(e, E_INVAL, "a mailbox cannot move below itself");
	if (folder_dir(to, dir, e) < 0 || home_ready(h, e) < 0)
		return -1;
	arena_init(&a);
	rc = is_inbox(from) ? rename_inbox(h, to, by, &a, e) : rename_tree(h, from, to, by, &a, e);
	arena_free(&a);
	return rc;
}

/* ---- arrange ---- */

int
home_arrange(struct home *h, struct mailbox *mb, unsigned use, int64_t sort,
    const struct change_by *by, struct err *e)
{
	char before[32];
	uint64_t modseq;

	if (use == (unsigned)mb->use && sort == mb->sort)
		return 0;
	if (use != USE_NONE && is_inbox(mb->name))
		return err_set(e, E_INVAL, "INBOX has no special use");
	for (size_t i = 0; use != USE_NONE && i < h->nboxes; i++)
		if (h->boxes[i] != mb && (unsigned)h->boxes[i]->use == use)
			return err_set(e, E_EXISTS, "another mailbox has that use");
	if (home_ready(h, e) < 0 || model_next_modseq(h, &modseq, e) < 0)
		return -1;
	(void)snprintf(before, sizeof before, "%u %lld", (unsigned)mb->use, (long long)mb->sort);
	mb->use = (enum mailbox_use)use;
	mb->sort = sort;
	uidlist_note_box(mb);
	if (model_row(mb, false, e) < 0 ||
	    model_log(h, modseq, CHANGE_ARRANGED, mb->id, NULL, str_z(before), by, e) < 0)
		return home_fail(h, e);
	model_tell_mailbox(h, mb, CHANGE_ARRANGED, by);
	return 0;
}

/* ---- subscribe ---- */

int
home_subscribe(struct home *h, struct str name, bool on, const struct change_by *by, struct err *e)
{
	struct mailbox *mb = home_find(h, name);
	uint64_t modseq;

	if (on == model_is_sub(h, name))
		return 0;
	if (on && h->nsubs >= MAILBOXES_MAX)
		return err_set(e, E_LIMIT, "too many subscriptions");
	if (home_ready(h, e) < 0 || model_next_modseq(h, &modseq, e) < 0)
		return -1;
	if (index_subscribe(h->index, name, on, e) < 0 ||
	    model_log(h, modseq, CHANGE_SUBSCRIBED, mb ? mb->id : 0, NULL, name, by, e) < 0)
		return home_fail(h, e);
	uidlist_note_sub(h, name, on);
	model_sub(h, name, on);
	if (mb != NULL)
		model_tell_mailbox(h, mb, CHANGE_SUBSCRIBED, by);
	return 0;
}
