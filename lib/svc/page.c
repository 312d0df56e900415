/* page.c - see page.h. */
#include "svc/page.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int
page_create(const char *name, size_t size, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_sys(e, "%s page", name);
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		err_sys(e, "%s page", name);
		close(fd);
		return -1;
	}
	return fd;
}

/* Another opening of the file: a duplicate would have the rights of the first. */
int
page_read_only(int fd, struct err *e)
{
	char path[40];
	int copy;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy = open(path, O_RDONLY | O_CLOEXEC);
	return copy < 0 ? err_sys(e, "open a page for reading") : copy;
}

void *
page_map(int fd, size_t size, int prot, struct err *e)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)size) {
		err_set(e, E_INVAL, "not such a page");
		return NULL;
	}
	p = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		err_sys(e, "map a page");
		return NULL;
	}
	return p;
}
