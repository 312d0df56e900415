/*
 * file.c - files and their durability.
 *
 * Each function is one system call, carried through (interruptions, short writes), with an error
 * that names the thing, and with a place before it where tests put a fault. Owner: the caller owns
 * every descriptor.
 */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"

#define READ_CHUNK 16384u
#define IOV_CHUNK  64

#ifdef GK_FAULTS
extern int file_fault_page(enum file_op op, const char *name); /* file_fault.c */
int (*file_fault)(enum file_op op, const char *name) = file_fault_page;
#else
int (*file_fault)(enum file_op op, const char *name);
#endif

_Thread_local bool (*file_full)(void);

bool
file_made_room(void)
{
	int no = errno;
	bool made = no == ENOSPC && file_full && file_full();

	errno = no;
	return made;
}

/* The system call expr, again as long as a signal interrupts it. */
#define RETRY(expr)                                \
	({                                         \
		__typeof__(expr) rc_;              \
		do                                 \
			rc_ = (expr);              \
		while (rc_ < 0 && errno == EINTR); \
		rc_;                               \
	})

/* The same, and again on a full disk on which room was made. */
#define RETRY_FULL(expr)                             \
	({                                           \
		__typeof__(expr) rf_;                \
		do                                   \
			rf_ = RETRY(expr);           \
		while (rf_ < 0 && file_made_room()); \
		rf_;                                 \
	})

static bool
faulty(enum file_op op, const char *name)
{
	int no = file_fault ? file_fault(op, name) : 0;

	if (no != 0)
		errno = no;
	return no != 0;
}

/* ---- descriptors ---- */

int
file_open(int dir, const char *name, int flags, mode_t mode, struct err *e)
{
	int fd;

	if (faulty(FILE_OPEN, name) ||
	    (fd = RETRY_FULL(openat(dir, name, flags | O_CLOEXEC | O_NOCTTY, mode))) < 0)
		return err_sys(e, "open %s", name);
	return fd;
}

int
file_mkdir(int dir, const char *name, mode_t mode, struct err *e)
{
	if (faulty(FILE_OPEN, name) ||
	    (RETRY_FULL(mkdirat(dir, name, mode)) < 0 && errno != EEXIST))
		return err_sys(e, "make directory %s", name);
	return 0;
}

void
file_close(int *fd)
{
	/* Not repeated on EINTR: Linux has freed the number by then. */
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- octets ---- */

int
file_write(int fd, const void *p, size_t n, struct err *e)
{
	const char *at = p;

	if (faulty(FILE_WRITE, NULL))
		return err_sys(e, "write");
	while (n > 0) {
		ssize_t k = RETRY_FULL(write(fd, at, n));

		if (k < 0)
			return err_sys(e, "write");
		if (k == 0)
			return err_set(e, E_IO, "write: nothing taken");
		at += k;
		n -= (size_t)k;
	}
	return 0;
}

/* Fills part with what of v stands from octet *off of v[*i] on; how many pieces. */
static int
iov_part(const struct iovec *v, int n, int i, size_t off, struct iovec part[IOV_CHUNK])
{
	int k = 0;

	for (; i < n && k < IOV_CHUNK; i++, off = 0) {
		if (v[i].iov_len == off)
			continue;
		part[k++] = (struct iovec){(char *)v[i].iov_base + off, v[i].iov_len - off};
	}
	return k;
}

int
file_writev(int fd, const struct iovec *v, int n, struct err *e)
{
	struct iovec part[IOV_CHUNK];
	size_t off = 0;
	int i = 0, parts;

	if (faulty(FILE_WRITE, NULL))
		return err_sys(e, "write");
	while ((parts = iov_part(v, n, i, off, part)) > 0) {
		ssize_t k = RETRY_FULL(writev(fd, part, parts));

		if (k < 0)
			return err_sys(e, "write");
		if (k == 0)
			return err_set(e, E_IO, "write: nothing taken");
		for (off += (size_t)k; i < n && off >= v[i].iov_len; i++)
			off -= v[i].iov_len;
	}
	return 0;
}

int
file_pwrite(int fd, const void *p, size_t n, off_t off, struct err *e)
{
	const char *at = p;

	if (faulty(FILE_WRITE, NULL))
		return err_sys(e, "write");
	while (n > 0) {
		ssize_t k = RETRY_FULL(pwrite(fd, at, n, off));

		if (k < 0)
			return err_sys(e, "write");
		if (k == 0)
			return err_set(e, E_IO, "write: nothing taken");
		at += k;
		off += k;
		n -= (size_t)k;
	}
	return 0;
}

int
file_pread_some(int fd, void *p, size_t n, off_t off, size_t *got, struct err *e)
{
	char *at = p;
	ssize_t k;

	*got = 0;
	if (faulty(FILE_READ, NULL))
		return err_sys(e, "read");
	while (*got < n) {
		if ((k = RETRY(pread(fd, at + *got, n - *got, off + (off_t)*got))) < 0)
			return err_sys(e, "read");
		if (k == 0)
			break;
		*got += (size_t)k;
	}
	return 0;
}

int
file_pread(int fd, void *p, size_t n, off_t off, struct err *e)
{
	size_t got;

	if (file_pread_some(fd, p, n, off, &got, e) < 0)
		return -1;
	if (got < n)
		return err_set(e, E_IO, "read: short by %zu octets", n - got);
	return 0;
}

/* Reads fd to its end into b, whose ceiling is one octet over what is allowed. */
static int
read_to_end(int fd, struct buf *b, size_t max, struct err *e)
{
	for (;;) {
		size_t room = num_min(READ_CHUNK, max + 1 - b->n);
		char *p = buf_room(b, room);
		ssize_t k;

		if (!p)
			return err_set(e, E_LIMIT, "larger than %zu octets", max);
		if ((k = RETRY(read(fd, p, room))) < 0)
			return err_sys(e, "read");
		if (k == 0)
			return 0;
		buf_added(b, (size_t)k);
		if (b->n > max)
			return err_set(e, E_LIMIT, "larger than %zu octets", max);
	}
}

int
file_read_all(
    int dir, const char *name, size_t max, struct arena *a, struct str *out, struct err *e)
{
	struct buf b;
	int rc = -1, fd = -1;

	buf_init(&b, max + 1);
	if ((fd = file_open(dir, name, O_RDONLY, 0, e)) < 0)
		goto out;
	if (faulty(FILE_READ, name)) {
		err_sys(e, "read %s", name);
		goto out;
	}
	if (read_to_end(fd, &b, max, e) < 0) {
		err_wrap(e, "%s", name);
		goto out;
	}
	*out = arena_dup(a, buf_view(&b));
	rc = 0;
out:
	file_close(&fd);
	buf_free(&b);
	return rc;
}

int
file_size(int fd, uint64_t *out, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "size");
	*out = (uint64_t)st.st_size;
	return 0;
}

int
file_reserve(int fd, off_t off, off_t n, struct err *e)
{
	uint64_t size;

	if (!faulty(FILE_RESERVE, NULL) && RETRY(fallocate(fd, 0, off, n)) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return err_sys(e, "reserve %lld octets", (long long)n);
	/* A file system that cannot promise space: at least the size is as after a reservation. */
	if (file_size(fd, &size, e) < 0)
		return -1;
	return size >= (uint64_t)(off + n) ? 0 : file_truncate(fd, off + n, e);
}

int
file_truncate(int fd, off_t n, struct err *e)
{
	if (faulty(FILE_TRUNCATE, NULL) || RETRY(ftruncate(fd, n)) < 0)
		return err_sys(e, "truncate");
	return 0;
}

/* ---- names ---- */

int
file_link(int from_dir, const char *from, int to_dir, const char *to, struct err *e)
{
	if (faulty(FILE_LINK, to) || RETRY_FULL(linkat(from_dir, from, to_dir, to, 0)) < 0)
		return err_sys(e, "link %s to %s", from, to);
	return 0;
}

int
file_rename(int from_dir, const char *from, int to_dir, const char *to, struct err *e)
{
	if (faulty(FILE_RENAME, to) || RETRY_FULL(renameat(from_dir, from, to_dir, to)) < 0)
		return err_sys(e, "rename %s to %s", from, to);
	return 0;
}

int
file_rename_new(int from_dir, const char *from, int to_dir, const char *to, struct err *e)
{
	if (!faulty(FILE_RENAME, to) &&
	    renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return err_sys(e, "rename %s to %s", from, to);
	/* A file system without that flag. */
	if (file_link(from_dir, from, to_dir, to, e) < 0)
		return -1;
	return file_unlink(from_dir, from, e);
}

int
file_unlink(int dir, const char *name, struct err *e)
{
	if (faulty(FILE_UNLINK, name) || (unlinkat(dir, name, 0) < 0 && errno != ENOENT))
		return err_sys(e, "remove %s", name);
	return 0;
}

/* ---- durability ---- */

static int
sync_by(int (*call)(int fd), enum file_op op, int fd, const char *site, struct err *e)
{
	int no = file_fault ? file_fault(op, site) : 0;

	if (no == FILE_LEAVE_OUT)
		return 0;
	if (no != 0)
		errno = no;
	if (no != 0 || RETRY(call(fd)) < 0)
		return err_sys(e, "sync %s", site);
	return 0;
}

int
file_sync(int fd, const char *site, struct err *e)
{
	return sync_by(fdatasync, FILE_SYNC, fd, site, e);
}

static int
write_through(int fd, const char *p, size_t n, off_t off)
{
	while (n > 0) {
		struct iovec v = {(char *)p, n};
		ssize_t k = RETRY(pwritev2(fd, &v, 1, off, RWF_DSYNC));

		if (k == 0)
			errno = EIO;
		if (k <= 0)
			return -1;
		p += k;
		off += k;
		n -= (size_t)k;
	}
	return 0;
}

int
file_pwrite_sync(
    int fd, int direct, const void *p, size_t n, off_t off, const char *site, struct err *e)
{
	int no = file_fault ? file_fault(FILE_SYNC, site) : 0;

	/* A test takes the sync away, or lets it fail: the octets come to the page cache, no
	 * further. */
	if (no != 0) {
		if (file_pwrite(fd, p, n, off, e) < 0)
			return -1;
		errno = no;
		return no == FILE_LEAVE_OUT ? 0 : err_sys(e, "sync %s", site);
	}
	if (faulty(FILE_WRITE, NULL))
		return err_sys(e, "write");
	if (direct >= 0 && write_through(direct, p, n, off) == 0)
		return 0;
	/* EINVAL: larger blocks than ours, or no O_DIRECT after all. */
	if ((direct >= 0 && errno != EINVAL) || write_through(fd, p, n, off) < 0)
		return err_sys(e, "sync %s", site);
	return 0;
}

int
file_sync_dir(int dir, const char *site, struct err *e)
{
	return sync_by(fsync, FILE_SYNC_DIR, dir, site, e);
}

int
file_sync_all(int fd, const char *site, struct err *e)
{
	return sync_by(syncfs, FILE_SYNC_ALL, fd, site, e);
}
