/*
 * backup_tree.c - files and folders of a snapshot, for backup_take.c and backup_home.c.
 *
 * Homes are folders that confined processes write to, and this runs as root: no link is followed at
 * any step of a path, and only regular files are read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "ctl/backup_take.h"
#include "ctl/client.h"
#include "io/file.h"

#define TRIES 3 /* at a file that is written to */

/* ---- entries ---- */

void
take_describe(const struct stat *st, struct str path, struct backup_entry *x)
{
	*x = (struct backup_entry){.folder = S_ISDIR(st->st_mode),
	    .size = (uint64_t)st->st_size,
	    .mode = st->st_mode & 07777,
	    .mtime = num_max((int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec, 0),
	    .user = backup_user_name(st->st_uid),
	    .group = backup_group_name(st->st_gid),
	    .path = path};
}

void
take_note(struct take *t, const struct backup_entry *x)
{
	backup_manifest_add(&t->text, x);
	if (x->folder)
		return;
	t->out->files++;
	t->out->octets += x->size;
}

int
take_octets(
    struct take *t, int fd, const struct take_how *how, struct backup_entry *x, struct err *e)
{
	const struct backup_copy copy = {.max = how->max,
	    .trim = how->trim,
	    .to_line_end = how->to_line_end,
	    .known = take_has_digest,
	    .arg = t};
	uint64_t added;

	if (backup_store_put(t->store, fd, &copy, x, &added, e) < 0)
		return -1;
	backup_set_add(&t->digests, x->digest);
	t->out->added += added;
	t->out->added_files += added > 0;
	return 0;
}

/* Again where it was written to meanwhile. */
int
take_opened(struct take *t, int fd, const struct take_how *how, struct str path,
    struct backup_entry *x, struct err *e)
{
	struct stat before, after;

	if (fstat(fd, &before) < 0)
		return err_sys(e, "look at a file");
	for (int i = 0; i < TRIES; i++) {
		take_describe(&before, path, x);
		if (!how->trim && how->max == UINT64_MAX && take_is_known(t, x))
			return 0;
		if (lseek(fd, 0, SEEK_SET) < 0)
			return err_sys(e, "read");
		if (take_octets(t, fd, how, x, e) < 0)
			return -1;
		if (fstat(fd, &after) < 0)
			return err_sys(e, "look at a file");
		if (after.st_mtim.tv_sec == before.st_mtim.tv_sec &&
		    after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
			break;
		before = after;
	}
	return 0;
}

int
take_file(struct take *t, int dir, const char *name, struct str path, const struct take_how *how,
    struct backup_entry *x, struct err *e)
{
	struct stat st;
	int fd = -1, rc = -1;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return 0;
	if (fd < 0)
		return err_sys(e, STR_FMT, STR_ARG(path));
	if (fstat(fd, &st) < 0)
		err_sys(e, STR_FMT, STR_ARG(path));
	else if (!S_ISREG(st.st_mode))
		rc = 0;
	else if (take_opened(t, fd, how, path, x, e) == 0)
		rc = 1;
	else
		err_wrap(e, STR_FMT, STR_ARG(path));
	file_close(&fd);
	return rc;
}

/* ---- trees ---- */

int
take_names(int dir, struct arena *a, struct str **out, size_t *n, struct err *e)
{
	int fd = file_open(dir, ".", O_RDONLY | O_DIRECTORY, 0, e);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct str *v = NULL;
	struct dirent *de;
	size_t cap = 0;

	*n = 0;
	if (d == NULL)
		return -1;
	while ((de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (*n == cap)
			v = mem_grow(v, cap = cap ? 2 * cap : 64, sizeof(*v));
		v[(*n)++] = arena_dup(a, str_z(de->d_name));
	}
	closedir(d);
	*out = arena_array(a, *n + 1, sizeof(**out));
	if (*n > 0)
		memcpy(*out, v, *n * sizeof(*v));
	free(v);
	return 0;
}

/* data_dir itself is root's: a part of it may lie on another disk, behind a link. */
static int
may_follow(const struct take *t, int dir)
{
	return dir == t->data ? 0 : O_NOFOLLOW;
}

/* Opened and noted; 0: it is not there, or no folder. */
int
take_folder(struct take *t, int dir, const char *name, struct str path, int *fd, struct err *e)
{
	struct backup_entry x;
	struct stat st;

	*fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | may_follow(t, dir));
	if (*fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0;
	if (*fd < 0)
		return err_sys(e, STR_FMT, STR_ARG(path));
	if (fstat(*fd, &st) < 0)
		return err_sys(e, STR_FMT, STR_ARG(path));
	/* The target may lie within data_dir. */
	if (st.st_dev == t->target.st_dev && st.st_ino == t->target.st_ino) {
		file_close(fd);
		return 0;
	}
	take_describe(&st, path, &x);
	take_note(t, &x);
	return 1;
}

int
take_any(
    struct take *t, int dir, const char *name, struct str path, take_skip_fn skip, struct err *e)
{
	static const struct take_how whole = {.max = UINT64_MAX};
	static const struct take_how trimmed = {.max = UINT64_MAX, .trim = true};
	static const struct take_how lines = {.max = UINT64_MAX, .to_line_end = true};
	const struct take_how *how = &whole;
	struct backup_entry x;
	struct stat st;
	int rc;

	if (skip != NULL && skip(t, path))
		return 0;
	if (fstatat(dir, name, &st, may_follow(t, dir) != 0 ? AT_SYMLINK_NOFOLLOW : 0) < 0)
		return errno == ENOENT ? 0 : err_sys(e, STR_FMT, STR_ARG(path));
	if (S_ISDIR(st.st_mode))
		return take_tree(t, dir, name, path, skip, e);
	if (str_ends(path, STR(".seg")))
		how = &trimmed;
	/* The audit log: a line may be half written. */
	else if (str_starts(path, STR("data/auth/audit/")) && !str_ends(path, STR("/head")))
		how = &lines;
	if ((rc = take_file(t, dir, name, path, how, &x, e)) == 1)
		take_note(t, &x);
	return rc < 0 ? -1 : 0;
}

int
take_tree(
    struct take *t, int dir, const char *name, struct str path, take_skip_fn skip, struct err *e)
{
	struct arena a;
	struct str *names;
	int fd = -1, rc;
	size_t n;

	arena_init(&a);
	if ((rc = take_folder(t, dir, name, path, &fd, e)) <= 0)
		goto out;
	if ((rc = take_names(fd, &a, &names, &n, e)) < 0)
		goto out;
	/* Where a log ends is read before the log: it is never behind what it tells of. */
	for (size_t i = 0; i < n; i++)
		if (str_eq_z(names[i], "head")) {
			struct str first = names[0];

			names[0] = names[i];
			names[i] = first;
		}
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = take_any(t, fd, names[i].p,
		    arena_printf(&a, STR_FMT "/" STR_FMT, STR_ARG(path), STR_ARG(names[i])), skip,
		    e);
out:
	file_close(&fd);
	arena_free(&a);
	return rc < 0 ? -1 : 0;
}

int
take_copy(struct take *t, const char *daemon, struct ipc_out *m, int dir, const char *name,
    struct str path, struct err *e)
{
	static const struct take_how whole = {.max = UINT64_MAX};
	struct backup_entry x;
	struct ipc_in in;
	struct stat st;
	int fd, rc = -1;

	if (client_call(daemon, m, &in, e) < 0)
		return -1;
	fd = ipc_take_fd(&in);
	if (ipc_end(&in) < 0)
		return err_set(e, E_PROTO, "unreadable answer");
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		err_sys(e, STR_FMT, STR_ARG(path));
	} else {
		take_describe(&st, path, &x);
		rc = take_octets(t, fd, &whole, &x, e);
	}
	if (rc == 0)
		take_note(t, &x);
	file_close(&fd);
	return rc;
}
