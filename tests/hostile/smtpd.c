/*
 * smtpd.c - a hostile gk-smtpd: the real one, but it can still write to what it has committed
 * (INVARIANTS 13). Memory files are not sealed; the file lent for a large message stays open, and
 * is written over as soon as the message is taken. (A small message is copied with its commit.)
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "io/file.h"
#include "ipc/ipc.h"

int __wrap_file_memory(const char *name, const void *p, size_t n, struct err *e);
int __real_ipc_take_fd(struct ipc_in *m);
int __wrap_ipc_take_fd(struct ipc_in *m);
int __real_ipc_end(struct ipc_in *m);
int __wrap_ipc_end(struct ipc_in *m);

static int lent = -1;

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
		lent = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd;
}

int
__wrap_ipc_end(struct ipc_in *m)
{
	static const char over[4096] = "Subject: changed afterwards\r\n\r\n";

	for (off_t at = 0; m->type == MSG_SPOOL_COMMIT_LARGE_R && at < 64 * 4096; at += 4096)
		if (file_pwrite(lent, over, sizeof(over), at, NULL) < 0)
			abort();
	return __real_ipc_end(m);
}
