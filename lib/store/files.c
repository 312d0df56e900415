/*
 * files.c - see files.h.
 */
#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "store/reserve.h"

#define MESSAGE_MAX (2ull << 30)
#define MIN_FREE    (16ull << 20) /* left to delivery, expunging and the index */

/* ---- messages ---- */

int
files_path(const struct mailbox *mb, const struct index_file *f, char out[PATH_SIZE], struct err *e)
{
	char dir[FOLDER_DIR_SIZE], name[MAILDIR_NAME_SIZE];

	if (folder_dir(mb->name, dir, e) < 0)
		return -1;
	if (f->in_new && f->letters == 0) {
		(void)snprintf(out, PATH_SIZE, "%s/new/" STR_FMT, dir, STR_ARG(f->base));
		return 0;
	}
	if (maildir_name(name, f->base, f->letters) < 0)
		return err_set(e, E_INTERNAL, "file name too long");
	(void)snprintf(out, PATH_SIZE, "%s/%s/%s", dir, f->in_new ? "new" : "cur", name);
	return 0;
}

int64_t
files_mtime(const char *dir, const char *sub)
{
	char path[FOLDER_DIR_SIZE + 4];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/%s", dir, sub);
	if (stat(path, &st) < 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

/* Line ends without CR in s, which follows the octet `before`. */
static uint64_t
bare_ends(struct str s, char before)
{
	const char *p = s.p, *end = s.p + s.n;
	uint64_t n = 0;

	for (; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		n += (p == s.p ? before : p[-1]) != '\r';
	return n;
}

uint64_t
files_crlf_size(struct str s)
{
	return s.n + bare_ends(s, '\0');
}

int
files_open_quietly(const char *path)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags | O_NOATIME);

	return fd < 0 && errno == EPERM ? open(path, flags) : fd;
}

/* For the many files of a mailbox that is picked up for the first time reading is cheaper than
 * mapping. */
static int
read_crlf_size(const char *path, uint64_t size, uint64_t *out)
{
	int fd = files_open_quietly(path);
	char chunk[16384], before = '\0';
	ssize_t n = -1;

	*out = size;
	while (fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0) {
		*out += bare_ends(str_of(chunk, (size_t)n), before);
		before = chunk[n - 1];
	}
	file_close(&fd);
	return n < 0 ? -1 : 0;
}

int
files_measure(const char *path, const struct maildir_name *n, uint64_t *size)
{
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
	    (uint64_t)st.st_size > MESSAGE_MAX)
		return -1;
	if (n->has_size && n->size != (uint64_t)st.st_size)
		return -1;
	*size = (uint64_t)st.st_size;
	/* What our own programs write has CRLF. */
	return n->has_size && id_valid(n->id) ? 0 : read_crlf_size(path, *size, size);
}

int
files_check_space(uint64_t size, struct err *e)
{
	uint64_t room = reserve_free(-1);

	if (room < MIN_FREE || size > room - MIN_FREE)
		return err_set(e, E_NOSPACE, "no space left for mail");
	return 0;
}

/* ---- folders ---- */

static int
make_folder(const char *dir, struct err *e)
{
	static const char *const subs[] = {"", "/cur", "/new", "/tmp"};
	char path[FOLDER_DIR_SIZE + 4];

	for (size_t i = 0; i < ARRAY_LEN(subs); i++) {
		(void)snprintf(path, sizeof path, "%s%s", dir, subs[i]);
		if (file_mkdir(AT_FDCWD, path, 0700, e) < 0)
			return -1;
	}
	return 0;
}

bool
files_is_dir(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int
files_mkdir_folder(struct str name, struct err *e)
{
	char dir[FOLDER_DIR_SIZE];

	return folder_dir(name, dir, e) < 0 ? -1 : make_folder(dir, e);
}

static int
sync_folder(const char *dir, struct err *e)
{
	int fd = file_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, e);
	int rc = fd < 0 ? -1 : file_sync_dir(fd, "store.folder", e);

	file_close(&fd);
	return rc < 0 ? -1 : files_sync_folders(e);
}

int
files_make_folder(struct str name, bool *made, struct err *e)
{
	char dir[FOLDER_DIR_SIZE];

	if (folder_dir(name, dir, e) < 0)
		return -1;
	*made = !files_is_dir(dir);
	if (make_folder(dir, e) == 0 && sync_folder(dir, e) == 0)
		return 0;
	/* What others made is theirs. */
	if (*made)
		files_unmake_folder(name);
	return -1;
}

void
files_unmake_folder(struct str name)
{
	static const char *const subs[] = {"/tmp", "/new", "/cur", ""};
	char dir[FOLDER_DIR_SIZE], path[FOLDER_DIR_SIZE + 4];

	if (folder_dir(name, dir, NULL) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(subs); i++) {
		(void)snprintf(path, sizeof path, "%s%s", dir, subs[i]);
		if (rmdir(path) < 0 && errno != ENOENT)
			log_warn("store.remove", LZ("dir", path), LZ("error", strerror(errno)));
	}
}

int
files_sync_folders(struct err *e)
{
	int fd = file_open(AT_FDCWD, "Maildir", O_RDONLY | O_DIRECTORY, 0, e);
	int rc = fd < 0 ? -1 : file_sync_dir(fd, "store.folders", e);

	file_close(&fd);
	return rc;
}

/* Empties and removes dir/sub. What is no plain file stays, and keeps the directory. */
static void
remove_sub(const char *dir, const char *sub)
{
	char path[FOLDER_DIR_SIZE + 4];
	struct dirent *de;
	DIR *d;

	(void)snprintf(path, sizeof path, "%s/%s", dir, sub);
	if ((d = opendir(path)) != NULL) {
		while ((de = readdir(d)) != NULL)
			if (de->d_name[0] != '.' && unlinkat(dirfd(d), de->d_name, 0) < 0)
				log_warn(
				    "store.remove", LZ("dir", path), LZ("error", strerror(errno)));
		closedir(d);
	}
	if (rmdir(path) < 0 && errno != ENOENT)
		log_warn("store.remove", LZ("dir", path), LZ("error", strerror(errno)));
}

int
files_remove_folder(struct str name, struct err *e)
{
	char dir[FOLDER_DIR_SIZE];

	if (folder_dir(name, dir, e) < 0)
		return -1;
	assume(strcmp(dir, "Maildir") != 0);
	remove_sub(dir, "cur");
	remove_sub(dir, "new");
	remove_sub(dir, "tmp");
	if (rmdir(dir) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		return err_sys(e, "%s", dir);
	return files_sync_folders(e);
}

int
files_rename_folder(struct str from, struct str to, struct err *e)
{
	char old[FOLDER_DIR_SIZE], new[FOLDER_DIR_SIZE];

	if (folder_dir(from, old, e) < 0 || folder_dir(to, new, e) < 0)
		return -1;
	if (!files_is_dir(old) || files_is_dir(new))
		return 0;
	if (file_rename(AT_FDCWD, old, AT_FDCWD, new, e) < 0)
		return -1;
	return files_sync_folders(e);
}
