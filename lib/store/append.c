/*
 * append.c - see mailbox.h: a message that a client brings.
 *
 * It is written to Maildir/tmp, synced, moved to its name in cur/, and that name is synced with the
 * commit that holds its row. The file is born 0440: no owner writes to a message again (INVARIANTS
 * 9).
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/file.h"
#include "store/model.h"

static void
tmp_path(const struct append *ap, char out[64])
{
	(void)snprintf(out, 64, "%s/%s", MAILDIR_TMP, ap->id);
}

int
append_check(struct home *h, uint64_t size, struct err *e)
{
	if (h->quota != 0 && (size > h->quota || h->octets > h->quota - size))
		return err_set(e, E_QUOTA, "mailbox is full");
	return files_check_space(size, e);
}

struct append *
append_new(struct home *h, uint64_t size, struct err *e)
{
	struct append *ap;
	char path[64];

	if (home_ready(h, e) < 0 || append_check(h, size, e) < 0)
		return NULL;
	ap = mem_alloc(sizeof *ap);
	ap->home = h;
	ap->size = size;
	id_new(ap->id);
	tmp_path(ap, path);
	ap->fd = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0440, e);
	if (ap->fd < 0) {
		free(ap);
		return NULL;
	}
	return ap;
}

int
append_write(struct append *ap, struct str octets, struct err *e)
{
	bool (*full)(void) = file_full;
	int rc;

	if (octets.n > ap->size - ap->written)
		return err_set(e, E_INVAL, "more octets than announced");
	/* The reserve is not for what may be refused. */
	file_full = NULL;
	rc = file_write(ap->fd, octets.p, octets.n, e);
	file_full = full;
	if (rc < 0)
		return -1;
	ap->written += octets.n;
	return 0;
}

void
append_free(struct append **app)
{
	struct append *ap = *app;
	char path[64];

	if (ap == NULL)
		return;
	/* A finished one has left tmp/; this finds nothing then. */
	tmp_path(ap, path);
	(void)unlink(path);
	file_close(&ap->fd);
	free(ap);
	*app = NULL;
}

/* From tmp/ to its name in cur/. Its octets are durable before: somebody else's sync may make the
 * name so at any time, and a name of the right size may stand for blocks that were never written.
 */
static int
name_file(struct append *ap, struct mailbox *mb, const struct index_file *f, struct err *e)
{
	struct scan_own own;
	char tmp[64], path[PATH_SIZE];
	int rc;

	tmp_path(ap, tmp);
	if (files_path(mb, f, path, e) < 0 ||
	    (!ap->durable && file_sync(ap->fd, "store.append", e) < 0))
		return -1;
	own = scan_own_begin(mb);
	rc = file_rename(AT_FDCWD, tmp, AT_FDCWD, path, e);
	scan_own_end(mb, own);
	return rc;
}

int
append_finish(struct append **app, struct mailbox *mb, const struct flag_set *set, int64_t date,
    const struct change_by *by, uint32_t *uid, struct err *e)
{
	struct append *ap = *app;
	struct message m = {.flags = set->flags & FLAG_ALL, .size = ap->size, .date = date};
	char base[MAILDIR_NAME_SIZE];
	struct index_file f;
	int rc = -1;

	if (ap->written != ap->size) {
		err_set(e, E_INVAL, "fewer octets than announced");
		goto out;
	}
	if (home_ready(mb->home, e) < 0 || (!mb->loaded && mailbox_load(mb, e) < 0) ||
	    model_keywords(mb, set, true, &m.keywords, e) < 0)
		goto out;
	if (model_next_modseq(mb->home, &m.modseq, e) < 0 || model_next_uid(mb, &m.uid, e) < 0)
		goto out;
	if (ap->as != NULL)
		maildir_base(base, date, str_z(ap->as), STR(IMPORT_HOST), ap->size);
	else
		maildir_base(base, date, str_z(ap->id), mb->home->o.host, ap->size);
	m.email = email_number(str_z(base));
	f = (struct index_file){.base = str_z(base), .letters = model_letters(m.flags, 0)};
	if (name_file(ap, mb, &f, e) < 0)
		goto out;
	mb->priv->sync_cur = true;
	threads_of_new(mb, &f, &m);
	if (model_add(mb, &m, &f, false, CHANGE_ADDED, STR_NONE, by, e) < 0)
		goto out;
	*uid = m.uid;
	model_tell_added(mb, m.uid, by);
	rc = 0;
out:
	append_free(app);
	return rc;
}
