/*
 * file.h - files and their durability, behind one layer into which tests put faults.
 *
 * Names are relative to a directory descriptor. Every function returns 0 or a descriptor, or -1
 * with *e set. What is durable when is said at each call that makes it so; nothing else is durable.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

int
file_open(int dir, const char *name, int flags, mode_t mode, struct err *e); /* O_CLOEXEC added */
int
file_mkdir(int dir, const char *name, mode_t mode, struct err *e); /* already there is success */
void file_close(int *fd);                                          /* -1 is fine; sets *fd = -1 */
int file_write(int fd, const void *p, size_t n, struct err *e);    /* all of it, or an error */
int file_writev(int fd, const struct iovec *v, int n, struct err *e); /* all of it, or an error */
int file_pwrite(int fd, const void *p, size_t n, off_t off, struct err *e);
/* Exactly n octets, or E_IO "short". */
int file_pread(int fd, void *p, size_t n, off_t off, struct err *e);
/* Up to n octets, fewer only at the end of the file; *got says how many. */
int file_pread_some(int fd, void *p, size_t n, off_t off, size_t *got, struct err *e);
int file_read_all(
    int dir, const char *name, size_t max, struct arena *a, struct str *out, struct err *e);
int file_size(int fd, uint64_t *out, struct err *e);
/* Space for n octets from off on, and the size with it. Where the file system cannot promise space,
 * the size only. */
int file_reserve(int fd, off_t off, off_t n, struct err *e);
int file_truncate(int fd, off_t n, struct err *e);
int file_link(int from_dir, const char *from, int to_dir, const char *to, struct err *e);
int file_rename(int from_dir, const char *from, int to_dir, const char *to, struct err *e);
/* E_EXISTS where there is something of that name. */
int file_rename_new(int from_dir, const char *from, int to_dir, const char *to, struct err *e);
int file_unlink(int dir, const char *name, struct err *e); /* not there is success */

/* Every sync has a name, "queue.batch", of its own: it stands in the error, and a test leaves that
 * one out to show that it is needed (docs/flow.md). */
/* Durable on return: data and the size needed to read it (fdatasync). */
int file_sync(int fd, const char *site, struct err *e);
/* Durable on return: n octets at off, written and synced in one call. direct: the same file opened
 * with O_DIRECT, for which p, n and off are whole blocks, or -1. */
int file_pwrite_sync(
    int fd, int direct, const void *p, size_t n, off_t off, const char *site, struct err *e);
/* Durable on return: names in the directory (fsync of it). */
int file_sync_dir(int dir, const char *site, struct err *e);
/* Durable on return: everything on the file system of fd that was written before the call (syncfs).
 * Reports a write-back error only once per open descriptor: keep one opened before the first write
 * (INVARIANTS 5). */
int file_sync_all(int fd, const char *site, struct err *e);

/* A memory file holding n octets, sealed against every change (INVARIANTS 13). */
int file_memory(const char *name, const void *p, size_t n, struct err *e);
/* Seals a memory file that was written by the caller. */
int file_seal(int fd, struct err *e);
/* Is fd a memory file that nobody can change any more? */
bool file_is_sealed(int fd);

/* Where tests put faults: called before each operation with a file's name, a sync's site, or NULL
 * where only a descriptor is known; a non-zero errno value makes it fail with that. FILE_LEAVE_OUT
 * makes a sync succeed without having been done. */
#define FILE_LEAVE_OUT (-1)
enum file_op {
	FILE_OPEN, /* and making a directory */
	FILE_READ,
	FILE_WRITE,
	FILE_SYNC,
	FILE_SYNC_DIR,
	FILE_SYNC_ALL,
	FILE_LINK,
	FILE_RENAME,
	FILE_UNLINK,
	FILE_RESERVE,
	FILE_TRUNCATE
};
extern int (*file_fault)(enum file_op op, const char *name);

/* Where a process has a reserve: called when the disk is full. true: there is room now, the
 * operation is tried again. Each thread has its own: threads of a pool have none. */
extern _Thread_local bool (*file_full)(void);
/* After a failure: was it for want of space, and is there room now? Keeps errno. */
bool file_made_room(void);
