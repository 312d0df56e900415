/*
 * upload.c - see blob.h: what clients upload (RFC 8620 6.1).
 *
 * A file is "db/upload-<id>" while it comes in and "db/upload-<id>-<octets>" when it is whole; one
 * of another size is none (INVARIANTS 1), and neither is one without a size in its name.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "mailboxd/jmap/upload.h"
#include "store/files.h"

#define PREFIX    "upload-"
#define KEEP_S    86400
#define RECENT_S  3600 /* RFC 8620 6.1: so long at least, if it can be */
#define PATH_MAX_ 96
#define TYPE_MAX  255u

struct jmap_upload {
	struct jmap *jmap;
	int fd;
	char id[ID_SIZE];
	char *type;
	uint64_t size;
};

/* ---- those that are there ---- */

static void
whole_path(const struct jmap_uploaded *u, char out[PATH_MAX_])
{
	(void)snprintf(out, PATH_MAX_, "db/" PREFIX "%s-%llu", u->id, (unsigned long long)u->size);
}

static void
forget(struct jmap *j, struct jmap_uploaded *u)
{
	char path[PATH_MAX_];

	whole_path(u, path);
	(void)file_unlink(AT_FDCWD, path, NULL);
	HASH_DEL(j->uploads.by_id, u);
	j->uploads.octets -= u->size;
	j->uploads.n--;
	free(u->type);
	free(u);
}

static struct jmap_uploaded *
add(struct jmap *j, struct str id, uint64_t size, int64_t time)
{
	struct jmap_uploaded *u = mem_alloc(sizeof *u);

	(void)str_cz(id, u->id, sizeof u->id);
	u->size = size;
	u->time = time;
	HASH_ADD_KEYPTR(hh, j->uploads.by_id, u->id, ID_LEN, u);
	j->uploads.octets += size;
	j->uploads.n++;
	return u;
}

/* The oldest one that is older than so long. */
static bool
forget_one(struct jmap *j, int64_t age)
{
	struct jmap_uploaded *u, *next, *oldest = NULL;

	HASH_ITER (hh, j->uploads.by_id, u, next) {
		if (u->time + age < clock_wall() && (oldest == NULL || u->time < oldest->time))
			oldest = u;
	}
	if (oldest != NULL)
		forget(j, oldest);
	return oldest != NULL;
}

static void
take_in(struct jmap *j, int dir, const char *name)
{
	struct str s = str_from(str_z(name), strlen(PREFIX)), id;
	bool sized = str_cut(&s, '-', &id);
	uint64_t size = 0;
	struct stat st;

	if (sized && id_valid(id) && num_parse(s, 0, JMAP_MAX_UPLOAD, &size) == 0 &&
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == size && st.st_mtim.tv_sec + KEEP_S >= clock_wall())
		(void)add(j, id, size, st.st_mtim.tv_sec);
	else
		(void)unlinkat(dir, name, 0);
}

void
jmap_uploads_open(struct jmap *j)
{
	DIR *d = opendir("db");
	struct dirent *de;

	if (d == NULL)
		return;
	while ((de = readdir(d)) != NULL)
		if (str_starts(str_z(de->d_name), STR(PREFIX)))
			take_in(j, dirfd(d), de->d_name);
	closedir(d);
}

void
jmap_uploads_close(struct jmap *j)
{
	struct jmap_uploaded *u, *next;

	HASH_ITER (hh, j->uploads.by_id, u, next) {
		HASH_DEL(j->uploads.by_id, u);
		free(u->type);
		free(u);
	}
}

int
jmap_upload_open(struct jmap *j, struct str id, struct str *type, struct err *e)
{
	struct jmap_uploaded *u;
	char path[PATH_MAX_];

	HASH_FIND(hh, j->uploads.by_id, id.p, id.n, u);
	if (u == NULL)
		return err_set(e, E_NOTFOUND, "no such blob");
	*type = str_z(u->type);
	whole_path(u, path);
	return file_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0, e);
}

/* ---- one that comes in ---- */

static void
part_path(const struct jmap_upload *u, char out[PATH_MAX_])
{
	(void)snprintf(out, PATH_MAX_, "db/" PREFIX "%s", u->id);
}

/* Makes room for what may come. */
static int
make_room(struct jmap *j, struct err *e)
{
	while (forget_one(j, KEEP_S))
		;
	while (j->uploads.octets + JMAP_MAX_UPLOAD > JMAP_UPLOAD_SPACE ||
	       j->uploads.n >= JMAP_UPLOAD_COUNT)
		if (!forget_one(j, RECENT_S))
			return err_set(e, E_QUOTA, "too many uploads in an hour");
	return 0;
}

struct jmap_upload *
jmap_upload_new(struct jmap *j, struct str account, struct str type, struct err *e)
{
	struct jmap_upload *u;
	char path[PATH_MAX_];

	if (!str_eq_z(account, j->account)) {
		err_put(e, E_NOTFOUND, "no such account");
		return NULL;
	}
	if (j->uploads.coming >= JMAP_MAX_UPLOADS) {
		err_put(e, E_LIMIT, "maxConcurrentUpload");
		return NULL;
	}
	if (make_room(j, e) < 0 || files_check_space(0, e) < 0)
		return NULL;
	u = mem_alloc(sizeof *u);
	u->jmap = j;
	u->type = mem_dup(type.p, num_min(type.n, TYPE_MAX));
	id_new(u->id);
	part_path(u, path);
	if ((u->fd = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600, e)) < 0) {
		free(u->type);
		free(u);
		return NULL;
	}
	j->uploads.coming++;
	return u;
}

int
jmap_upload_write(struct jmap_upload *u, struct str octets, struct err *e)
{
	if (octets.n > JMAP_MAX_UPLOAD - u->size)
		return err_set(e, E_LIMIT, "maxSizeUpload");
	if (files_check_space(octets.n, e) < 0)
		return -1;
	u->size += octets.n;
	return file_write(u->fd, octets.p, octets.n, e);
}

void
jmap_upload_free(struct jmap_upload **up)
{
	struct jmap_upload *u = *up;
	char path[PATH_MAX_];

	if (u == NULL)
		return;
	/* Of one that is whole the name is another one by now. */
	part_path(u, path);
	(void)file_unlink(AT_FDCWD, path, NULL);
	file_close(&u->fd);
	u->jmap->uploads.coming--;
	free(u->type);
	free(u);
	*up = NULL;
}

static void
put_answer(const struct jmap_upload *u, struct buf *json)
{
	buf_printf(
	    json, "{\"accountId\":\"%s\",\"blobId\":\"u%s\",\"type\":", u->jmap->account, u->id);
	json_print_str(str_z(u->type), json);
	buf_printf(json, ",\"size\":%llu}", (unsigned long long)u->size);
}

int
jmap_upload_finish(struct jmap_upload **up, struct buf *json, struct err *e)
{
	struct jmap_upload *u = *up;
	struct jmap_uploaded *there;
	char from[PATH_MAX_], to[PATH_MAX_];
	int rc;

	there = add(u->jmap, str_z(u->id), u->size, clock_wall());
	there->type = mem_dup(u->type, strlen(u->type));
	part_path(u, from);
	whole_path(there, to);
	rc = file_rename(AT_FDCWD, from, AT_FDCWD, to, e);
	if (rc < 0)
		forget(u->jmap, there);
	else
		put_answer(u, json);
	jmap_upload_free(up);
	return rc;
}

/* RFC 8620 6.1, 3.6.1 */
unsigned
jmap_blob_problem(const struct err *e, struct buf *json)
{
	bool too_large = e->code == E_LIMIT && strcmp(e->text, "maxSizeUpload") == 0;
	unsigned status = e->code == E_NOTFOUND || e->code == E_INVAL  ? 404
			  : too_large                                  ? 413
			  : e->code == E_LIMIT                         ? 400
			  : e->code == E_QUOTA || e->code == E_NOSPACE ? 507
								       : 500;

	if (e->code == E_LIMIT) {
		jmap_problem(json, "limit", status, e->text, NULL);
		return status;
	}
	buf_printf(json, "{\"type\":\"about:blank\",\"status\":%u,\"detail\":", status);
	json_print_str(str_z(e->text), json);
	buf_putc(json, '}');
	return status;
}
