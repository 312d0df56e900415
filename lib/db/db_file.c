/*
 * db_file.c - see db_file.h.
 *
 * sqlite rolls a transaction back when its log does not fit on the disk: trying again has to happen
 * beneath it, where it writes. The methods of a file are copied when it is opened, and two of them
 * replaced; which file it is follows from which copy its methods are.
 */
#include "db/db_file.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "base/mem.h"
#include "io/file.h"
#include "io/file_fault.h"

#define FILES 8u

static struct kind {
	char name[32]; /* "index.db-wal" */
	sqlite3_io_methods methods;
	const sqlite3_io_methods *real;
} kinds[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_vfs shim, *real_vfs;

static struct kind *
kind_of(sqlite3_file *f)
{
	for (unsigned i = 0; i < FILES; i++)
		if (f->pMethods == &kinds[i].methods)
			return &kinds[i];
	mem_die(__FILE__, __LINE__, "a file of nobody");
}

/* A fault that tests made: 0, an errno value, or FILE_LEAVE_OUT. */
static int
fault(enum file_op op, const struct kind *k)
{
#ifdef GK_FAULTS
	return file_fault_page(op, k->name);
#else
	(void)op;
	(void)k;
	return 0;
#endif
}

static int
sync_file(sqlite3_file *f, int flags)
{
	const struct kind *k = kind_of(f);
	int no = fault(FILE_SYNC, k);

	if (no == FILE_LEAVE_OUT)
		return SQLITE_OK;
	return no != 0 ? SQLITE_IOERR_FSYNC : k->real->xSync(f, flags);
}

static int
write_file(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
	const struct kind *k = kind_of(f);
	int no = fault(FILE_WRITE, k), rc;

	if (no > 0)
		return no == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	do {
		rc = k->real->xWrite(f, p, n, off);
		errno = rc == SQLITE_FULL ? ENOSPC : 0;
	} while (rc != SQLITE_OK && file_made_room());
	return rc;
}

static int
open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out)
{
	int rc = real_vfs->xOpen(real_vfs, path, f, flags, out);
	const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;

	(void)vfs;
	if (rc != SQLITE_OK || !name || !f->pMethods)
		return rc;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < FILES; i++) {
		struct kind *k = &kinds[i];

		if (k->name[0] != '\0' && (strcmp(k->name, name) != 0 || k->real != f->pMethods))
			continue;
		if (k->name[0] == '\0') {
			snprintf(k->name, sizeof(k->name), "%s", name);
			k->real = f->pMethods;
			k->methods = *f->pMethods;
			k->methods.xSync = sync_file;
			k->methods.xWrite = write_file;
		}
		f->pMethods = &k->methods;
		break;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

void
db_file_init(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	shim = *real_vfs;
	shim.zName = "gkmail";
	shim.xOpen = open_file;
	sqlite3_vfs_register(&shim, 1);
}
