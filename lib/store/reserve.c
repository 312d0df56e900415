/*
 * reserve.c - see reserve.h.
 */
#include "store/reserve.h"

#include <fcntl.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "base/num.h"
#include "io/file.h"

#define NAME  ".reserve"
#define PIECE (1u << 20)

int
reserve_open(int mail, struct err *e)
{
	return file_open(mail, NAME, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, e);
}

uint64_t
reserve_free(int fd)
{
	struct statvfs s;

	if ((fd == -1 ? statvfs(".", &s) : fstatvfs(fd, &s)) < 0)
		return UINT64_MAX;
	return (uint64_t)s.f_bavail * s.f_frsize;
}

bool
reserve_is_full(uint64_t octets)
{
	return octets < PIECE;
}

bool
reserve_give(int fd)
{
	uint64_t left = 0;

	if (!reserve_is_full(reserve_free(fd)) || file_size(fd, &left, NULL) < 0 || left == 0)
		return false;
	left -= num_min(left, (uint64_t)PIECE);
	if (file_truncate(fd, (off_t)left, NULL) < 0)
		return false;
	log_warn("store.reserve", LU("left", left));
	return true;
}

bool
reserve_fill(int fd, uint64_t size)
{
	uint64_t left = 0;
	struct err e;

	if (file_size(fd, &left, &e) < 0 || left == size)
		return true;
	if (left > size)
		return file_truncate(fd, (off_t)size, &e) == 0;
	if (reserve_free(fd) / 2 < size - left)
		return false;
	/* What a failure leaves behind it would keep from everybody. */
	if (file_reserve(fd, (off_t)left, (off_t)(size - left), &e) < 0) {
		(void)file_truncate(fd, (off_t)left, NULL);
		return false;
	}
	return true;
}
