/*
 * file_memory.c - memory files that cannot change any more once another process holds them
 * (INVARIANTS 13).
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "io/file.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

int
file_memory(const char *name, const void *p, size_t n, struct err *e)
{
	int fd;

	if ((fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)) < 0)
		return err_sys(e, "memory file %s", name);
	/* By pwrite, so that the offset, which all holders share, stays 0. */
	if (file_pwrite(fd, p, n, 0, e) < 0 || file_seal(fd, e) < 0) {
		err_wrap(e, "memory file %s", name);
		file_close(&fd);
	}
	return fd;
}

int
file_seal(int fd, struct err *e)
{
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return err_sys(e, "seal");
	return 0;
}

bool
file_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
}
