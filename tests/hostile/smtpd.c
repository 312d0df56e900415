/*
 * smtpd.c - a hostile gk-smtpd: the real one, but it can still write to what it has committed
 * (INVARIANTS 13). Memory files are not sealed; the file lent for a large message stays open. (A
 * small message is copied with its commit.)
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "io/file.h"
#include "ipc/ipc.h"

int __wrap_file_memory(const char *name, const void *p, size_t n, struct err *e);
int __real_ipc_take_fd(struct ipc_in *m);
int __wrap_ipc_take_fd(struct ipc_in *m);

/* All seals but the one against writing. */
int
__wrap_file_memory(const char *name, const void *p, size_t n, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || file_write(fd, p, n, e) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return -1;
	return fd;
}

int
__wrap_ipc_take_fd(struct ipc_in *m)
{
	enum ipc_type type = m->type;
	int fd = __real_ipc_take_fd(m);

	if (type == MSG_SPOOL_OPEN_R)
		(void)fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd;
}
