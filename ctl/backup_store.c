/*
 * backup_store.c - see backup.h: the folder of a backup.
 *
 * Durability: objects are written beside their place and renamed to it, unsynced; before a manifest
 * gets its name syncfs makes all of them durable, by a descriptor opened before the first of them.
 * After a crash there may be objects that no manifest names, with whatever octets: nothing believes
 * an object that no good manifest has named, it is written anew. One that was there is only ever
 * replaced by a synced one, as an older snapshot may need it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/backup.h"
#include "io/file.h"

#define MARK         "gkmail-backup"
#define MANIFEST_MAX (4ull << 30)
#define BLOCK        4096u
#define PATH_SIZE    96u

static const char about[] =
    "GK Mail backup, format 1\n\n"
    "snapshots/TIME.manifest lists the files of a snapshot, a line each:\n"
    "f DIGEST SIZE MODE MTIME USER GROUP PATH. The octets of a file are in\n"
    "objects/, named by their digest: the first two digits are a folder.\n"
    "b2sum -l 256 FILE computes it. In PATH %XX is an octet.\n"
    "gkmail backup verify, gkmail restore and gkmail(8) do the rest.\n";

/* ---- opening ---- */

static int
open_folder(int at, const char *name, bool make, int *fd, struct err *e)
{
	if (make && file_mkdir(at, name, 0700, e) < 0)
		return -1;
	return (*fd = file_open(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, e)) < 0 ? -1 : 0;
}

/* A folder of a backup has a mark; one without is made one only while nothing else is in it. */
static int
check_mark(struct backup_store *s, bool make, struct err *e)
{
	struct err why = {0};
	struct stat st;
	int fd, rc;

	if (fstatat(s->dir, MARK, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (!make)
		return err_set(e, E_NOTFOUND, "%s holds no backup", s->path);
	if (fstatat(s->dir, "snapshots", &st, 0) < 0 && fstat(s->dir, &st) == 0) {
		DIR *d = fdopendir(dup(s->dir));
		struct dirent *de;
		bool other = false;

		while (d != NULL && (de = readdir(d)) != NULL)
			other |= de->d_name[0] != '.' && strcmp(de->d_name, "lost+found") != 0;
		if (d != NULL)
			closedir(d);
		if (other)
			return err_set(
			    e, E_DENIED, "%s has other files in it; name an empty folder", s->path);
	}
	if ((fd = file_open(s->dir, MARK, O_WRONLY | O_CREAT | O_TRUNC, 0600, &why)) < 0) {
		*e = why;
		return -1;
	}
	rc = file_write(fd, about, sizeof(about) - 1, e);
	file_close(&fd);
	return rc;
}

static int
take_lock(struct backup_store *s, bool write, struct err *e)
{
	const int flags = write ? O_RDWR | O_CREAT : O_RDONLY;

	/* To read from, it may be a copy, on a medium that takes no writing. */
	if ((s->lock = file_open(s->dir, "lock", flags | O_NOFOLLOW, 0600, e)) < 0)
		return !write && e->code == E_NOTFOUND ? 0 : -1;
	if (flock(s->lock, (write ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_sys(e, "lock %s", s->path);
	return err_set(e, E_TEMP, "another gkmail is at work in %s", s->path);
}

static void
empty_tmp(struct backup_store *s)
{
	int fd = file_open(s->tmp, ".", O_RDONLY | O_DIRECTORY, 0, NULL);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;

	while (d != NULL && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.')
			(void)unlinkat(s->tmp, de->d_name, 0);
	if (d != NULL)
		closedir(d);
}

int
backup_store_open(struct backup_store *s, const char *path, bool write, bool make, struct err *e)
{
	*s = (struct backup_store){.path = path,
	    .dir = -1,
	    .objects = -1,
	    .snapshots = -1,
	    .tmp = -1,
	    .lock = -1,
	    .sync = -1};
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "make %s", path);
	if ((s->dir = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    check_mark(s, make, e) < 0 || take_lock(s, write, e) < 0 ||
	    open_folder(s->dir, "objects", make, &s->objects, e) < 0 ||
	    open_folder(s->dir, "snapshots", make, &s->snapshots, e) < 0 ||
	    (write && open_folder(s->dir, "tmp", true, &s->tmp, e) < 0))
		goto fail;
	if (write) {
		s->sync = file_open(s->dir, ".", O_RDONLY | O_DIRECTORY, 0, e);
		if (s->sync < 0)
			goto fail;
		empty_tmp(s);
	}
	return 0;
fail:
	if (e->code == E_NOTFOUND)
		err_set(e, E_NOTFOUND, "there is no backup in %s", path);
	backup_store_close(s);
	return -1;
}

void
backup_store_close(struct backup_store *s)
{
	file_close(&s->sync);
	file_close(&s->tmp);
	file_close(&s->snapshots);
	file_close(&s->objects);
	file_close(&s->lock);
	file_close(&s->dir);
}

/* ---- snapshots ---- */

static int
by_name(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

int
backup_store_list(
    struct backup_store *s, struct arena *a, struct str **names, size_t *n, struct err *e)
{
	int fd = file_open(s->snapshots, ".", O_RDONLY | O_DIRECTORY, 0, e);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct str *v = NULL;
	struct dirent *de;
	size_t cap = 0;

	*n = 0;
	*names = NULL;
	if (d == NULL)
		return -1;
	while ((de = readdir(d)) != NULL) {
		struct str name = str_sub(str_z(de->d_name), 0, BACKUP_NAME_LEN);

		if (!backup_name_valid(name) ||
		    strcmp(de->d_name + BACKUP_NAME_LEN, ".manifest") != 0)
			continue;
		if (*n == cap)
			v = mem_grow(v, cap = cap ? 2 * cap : 16, sizeof(*v));
		v[(*n)++] = arena_dup(a, name);
	}
	closedir(d);
	*names = arena_array(a, *n + 1, sizeof(**names));
	if (*n > 0) {
		qsort(v, *n, sizeof(*v), by_name);
		memcpy(*names, v, *n * sizeof(*v));
	}
	free(v);
	return 0;
}

static const char *
manifest_name(struct str name, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, STR_FMT ".manifest", STR_ARG(name));
	return out;
}

static int
read_snapshot(struct backup_store *s, struct str name, struct arena *a, struct backup_manifest *out,
    struct err *e)
{
	char file[PATH_SIZE];
	struct str text;

	if (file_read_all(s->snapshots, manifest_name(name, file), MANIFEST_MAX, a, &text, e) < 0) {
		if (e->code == E_NOTFOUND)
			err_set(e, E_NOTFOUND, "there is no snapshot " STR_FMT, STR_ARG(name));
		return -1;
	}
	return backup_manifest_read(text, a, out, e) < 0
		   ? err_wrap(e, "snapshot " STR_FMT, STR_ARG(name))
		   : 0;
}

int
backup_store_read(struct backup_store *s, const char *at, struct arena *a,
    struct backup_manifest *out, struct str *name, struct err *e)
{
	*name = arena_dup(a, str_z(at));
	if (!backup_name_valid(*name))
		return err_set(
		    e, E_INVAL, "%.40s is no snapshot's name; gkmail backup list has them", at);
	return read_snapshot(s, *name, a, out, e);
}

int
backup_store_last(struct backup_store *s, bool whole, struct arena *a, struct backup_manifest *out,
    struct str *name, struct err *e)
{
	struct str *names;
	size_t n;

	if (backup_store_list(s, a, &names, &n, e) < 0)
		return -1;
	while (n-- > 0) {
		*name = names[n];
		if (read_snapshot(s, *name, a, out, e) < 0)
			return -1;
		if (!whole || str_eq_z(out->scope, "all"))
			return 0;
	}
	return err_set(
	    e, E_NOTFOUND, "there is no snapshot %sin %s", whole ? "of everything " : "", s->path);
}

/* A name behind all that there are, by which the last one is known: two within a second are one
 * second apart, also when the clock was set back. */
static int
next_name(struct backup_store *s, char name[BACKUP_NAME_LEN + 1], struct err *e)
{
	time_t t = (time_t)clock_wall(), last;
	struct tm tm = {0};
	struct str *names;
	struct arena a;
	size_t n;
	int rc;

	arena_init(&a);
	if ((rc = backup_store_list(s, &a, &names, &n, e)) == 0) {
		if (n > 0 && strptime(names[n - 1].p, "%Y%m%dT%H%M%SZ", &tm) != NULL &&
		    (last = timegm(&tm)) >= t)
			t = last + 1;
		gmtime_r(&t, &tm);
		strftime(name, BACKUP_NAME_LEN + 1, "%Y%m%dT%H%M%SZ", &tm);
	}
	arena_free(&a);
	return rc;
}

int
backup_store_commit(
    struct backup_store *s, struct str text, char name[BACKUP_NAME_LEN + 1], struct err *e)
{
	char file[PATH_SIZE];
	int fd = -1, rc = -1;

	if (file_sync_all(s->sync, "backup.objects", e) < 0 ||
	    (fd = file_open(s->tmp, "manifest", O_WRONLY | O_CREAT | O_EXCL, 0600, e)) < 0)
		return -1;
	if (next_name(s, name, e) < 0 || file_write(fd, text.p, text.n, e) < 0 ||
	    file_sync(fd, "backup.manifest", e) < 0 ||
	    file_rename_new(s->tmp, "manifest", s->snapshots, manifest_name(str_z(name), file), e) <
		0 ||
	    file_sync_dir(s->snapshots, "backup.manifest_name", e) < 0)
		goto out;
	rc = 0;
out:
	file_close(&fd);
	return rc;
}

int
backup_store_drop(struct backup_store *s, struct str name, struct err *e)
{
	char file[PATH_SIZE];

	return file_unlink(s->snapshots, manifest_name(name, file), e) < 0
		   ? -1
		   : file_sync_dir(s->snapshots, "backup.drop", e);
}

/* ---- objects ---- */

static const char *
object_path(const char *digest, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%.2s/%s", digest, digest + 2);
	return out;
}

bool
backup_store_has(struct backup_store *s, const char *digest, uint64_t size)
{
	char path[PATH_SIZE];
	struct stat st;

	return fstatat(s->objects, object_path(digest, path), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

/* What is being written. Zeros wait until something else comes behind them. */
struct writing {
	int fd;
	bool trim;
	uint64_t zeros, written;
	crypto_generichash_state state;
};

static int
emit(struct writing *w, const char *p, size_t n, struct err *e)
{
	if (file_write(w->fd, p, n, e) < 0)
		return -1;
	crypto_generichash_update(&w->state, (const unsigned char *)p, n);
	w->written += n;
	return 0;
}

static int
write_piece(struct writing *w, const char *p, size_t n, struct err *e)
{
	static const char zeros[BLOCK];

	while (w->trim && n > 0) {
		size_t k = num_min(n, (size_t)BLOCK);

		if (sodium_is_zero((const unsigned char *)p, k)) {
			w->zeros += k;
		} else {
			for (; w->zeros > 0; w->zeros -= num_min(w->zeros, (uint64_t)BLOCK))
				if (emit(w, zeros, (size_t)num_min(w->zeros, (uint64_t)BLOCK), e) <
				    0)
					return -1;
			if (emit(w, p, k, e) < 0)
				return -1;
		}
		p += k;
		n -= k;
	}
	return n > 0 ? emit(w, p, n, e) : 0;
}

/* Where a text ends, of max octets at most, when what is behind its last line end does not count.
 */
static int
line_end(int fd, uint64_t *max, struct err *e)
{
	char piece[BLOCK];
	uint64_t size;

	if (file_size(fd, &size, e) < 0)
		return -1;
	size = num_min(size, *max);
	while (size > 0) {
		size_t n = (size_t)num_min(size, (uint64_t)sizeof(piece)), at;

		if (file_pread(fd, piece, n, (off_t)(size - n), e) < 0)
			return -1;
		if ((at = str_rchr(str_of(piece, n), '\n')) < n) {
			*max = size - n + at + 1;
			return 0;
		}
		size -= n;
	}
	*max = 0;
	return 0;
}

static int
write_all(struct writing *w, int from, uint64_t max, struct err *e)
{
	char *piece = mem_alloc(BACKUP_PIECE);
	uint64_t done = 0;
	int rc = -1;

	crypto_generichash_init(&w->state, NULL, 0, BACKUP_DIGEST);
	while (done < max) {
		ssize_t k = read(from, piece, (size_t)num_min(max - done, (uint64_t)BACKUP_PIECE));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) {
			err_sys(e, "read");
			goto out;
		}
		if (k == 0)
			break;
		if (write_piece(w, piece, (size_t)k, e) < 0)
			goto out;
		done += (uint64_t)k;
	}
	rc = 0;
out:
	free(piece);
	return rc;
}

/* To its place, unless it is there and known to be good. */
static int
settle(struct backup_store *s, struct writing *w, const char *name, const struct backup_copy *how,
    const struct backup_entry *x, uint64_t *added, struct err *e)
{
	char path[PATH_SIZE], folder[3] = {x->digest[0], x->digest[1], '\0'};
	struct stat st;
	bool there;

	there = fstatat(s->objects, object_path(x->digest, path), &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (there && (uint64_t)st.st_size == x->size && how->known(how->arg, x->digest))
		return file_unlink(s->tmp, name, e);
	if (there && file_sync(w->fd, "backup.again", e) < 0)
		return -1;
	if (!there && file_mkdir(s->objects, folder, 0700, e) < 0)
		return -1;
	if (file_rename(s->tmp, name, s->objects, path, e) < 0)
		return -1;
	*added = x->size;
	return 0;
}

int
backup_store_put(struct backup_store *s, int fd, const struct backup_copy *how,
    struct backup_entry *x, uint64_t *added, struct err *e)
{
	struct writing w = {.fd = -1, .trim = how->trim};
	unsigned char digest[BACKUP_DIGEST];
	uint64_t max = how->max;
	char name[ID_SIZE];
	int rc = -1;

	*added = 0;
	id_new(name);
	if ((how->to_line_end && line_end(fd, &max, e) < 0) ||
	    (w.fd = file_open(s->tmp, name, O_WRONLY | O_CREAT | O_EXCL, 0600, e)) < 0)
		return -1;
	if (write_all(&w, fd, max, e) < 0)
		goto out;
	crypto_generichash_final(&w.state, digest, sizeof(digest));
	sodium_bin2hex(x->digest, sizeof(x->digest), digest, sizeof(digest));
	x->size = w.written;
	rc = settle(s, &w, name, how, x, added, e);
out:
	file_close(&w.fd);
	if (rc < 0)
		(void)file_unlink(s->tmp, name, NULL);
	return rc;
}

int
backup_store_get(struct backup_store *s, const struct backup_entry *x, int to, struct err *e)
{
	unsigned char digest[BACKUP_DIGEST];
	char path[PATH_SIZE], hex[BACKUP_HEX_SIZE], *piece = mem_alloc(BACKUP_PIECE);
	crypto_generichash_state state;
	int fd = -1, rc = -1;
	uint64_t done = 0;
	ssize_t k;

	crypto_generichash_init(&state, NULL, 0, BACKUP_DIGEST);
	if ((fd = file_open(
		 s->objects, object_path(x->digest, path), O_RDONLY | O_NOFOLLOW, 0, e)) < 0)
		goto out;
	while ((k = read(fd, piece, BACKUP_PIECE)) != 0) {
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) {
			err_sys(e, "read objects/%s", path);
			goto out;
		}
		done += (uint64_t)k;
		crypto_generichash_update(&state, (unsigned char *)piece, (size_t)k);
		if (to >= 0 && file_write(to, piece, (size_t)k, e) < 0)
			goto out;
	}
	crypto_generichash_final(&state, digest, sizeof(digest));
	sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
	if (done != x->size || strcmp(hex, x->digest) != 0)
		err_set(e, E_PROTO, "objects/%s is damaged", path);
	else
		rc = 0;
out:
	file_close(&fd);
	free(piece);
	return rc;
}

/* ---- what nobody names any more ---- */

static int
sweep_folder(struct backup_store *s, const char *folder,
    bool (*keeps)(void *arg, const char *digest), void *arg, uint64_t *objects, uint64_t *octets,
    struct err *e)
{
	int fd = file_open(s->objects, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, e), rc = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;

	if (d == NULL)
		return -1;
	while (rc == 0 && (de = readdir(d)) != NULL) {
		char digest[BACKUP_HEX_SIZE];
		struct stat st;

		if (strlen(de->d_name) != BACKUP_HEX_SIZE - 3)
			continue;
		snprintf(digest, sizeof(digest), "%.2s%.62s", folder, de->d_name);
		if (keeps(arg, digest))
			continue;
		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			*octets += (uint64_t)st.st_size;
		(*objects)++;
		rc = file_unlink(dirfd(d), de->d_name, e);
	}
	closedir(d);
	return rc;
}

int
backup_store_sweep(struct backup_store *s, bool (*keeps)(void *arg, const char *digest), void *arg,
    uint64_t *objects, uint64_t *octets, struct err *e)
{
	int fd = file_open(s->objects, ".", O_RDONLY | O_DIRECTORY, 0, e), rc = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;

	*objects = *octets = 0;
	if (d == NULL)
		return -1;
	while (rc == 0 && (de = readdir(d)) != NULL)
		if (strlen(de->d_name) == 2 && de->d_name[0] != '.')
			rc = sweep_folder(s, de->d_name, keeps, arg, objects, octets, e);
	closedir(d);
	return rc;
}
