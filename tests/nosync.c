/*
 * nosync.c - linked into every unit test: its files need not outlive it, and waiting for the disk
 * is most of what it would do. That a sync is asked for, unit tests see through file_fault
 * (lib/io/file.h); that it is needed and enough, tests/crash on real file systems. Weak: a test may
 * have its own.
 */
#include <fcntl.h>
#include <unistd.h>

__attribute__((weak)) int
fsync(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

__attribute__((weak)) int
fdatasync(int fd)
{
	return fsync(fd);
}

__attribute__((weak)) int
syncfs(int fd)
{
	return fsync(fd);
}
