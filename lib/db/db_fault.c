/*
 * db_fault.c - io/file_fault.h for sqlite: its files go through a VFS that asks before each write
 * and sync. Without GK_FAULTS there is nothing here.
 *
 * The methods of a file are copied when it is opened, and two of them replaced; which file it is
 * follows from which copy its methods are.
 */
#include "db/db_fault.h"

#ifdef GK_FAULTS
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/mem.h"
#include "io/file_fault.h"

#define FILES 8u

static struct kind {
	char name[32]; /* "index.db-wal" */
	sqlite3_io_methods methods;
	const sqlite3_io_methods *real;
} kinds[FILES];
static sqlite3_vfs shim, *real_vfs;

static struct kind *
kind_of(sqlite3_file *f)
{
	for (unsigned i = 0; i < FILES; i++)
		if (f->pMethods == &kinds[i].methods)
			return &kinds[i];
	mem_die(__FILE__, __LINE__, "a file of nobody");
}

static int
fault_sync(sqlite3_file *f, int flags)
{
	struct kind *k = kind_of(f);
	int no = file_fault_page(FILE_SYNC, k->name);

	if (no == FILE_LEAVE_OUT)
		return SQLITE_OK;
	return no != 0 ? SQLITE_IOERR_FSYNC : k->real->xSync(f, flags);
}

static int
fault_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
	struct kind *k = kind_of(f);
	int no = file_fault_page(FILE_WRITE, k->name);

	if (no == ENOSPC)
		return SQLITE_FULL;
	return no > 0 ? SQLITE_IOERR_WRITE : k->real->xWrite(f, p, n, off);
}

static int
fault_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out)
{
	int rc = real_vfs->xOpen(real_vfs, path, f, flags, out);
	const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;

	(void)vfs;
	if (rc != SQLITE_OK || !name || !f->pMethods)
		return rc;
	for (unsigned i = 0; i < FILES; i++) {
		struct kind *k = &kinds[i];

		if (k->name[0] != '\0' && strcmp(k->name, name) != 0)
			continue;
		snprintf(k->name, sizeof(k->name), "%s", name);
		k->real = f->pMethods;
		k->methods = *f->pMethods;
		k->methods.xSync = fault_sync;
		k->methods.xWrite = fault_write;
		f->pMethods = &k->methods;
		break;
	}
	return rc;
}

void
db_fault_init(void)
{
	if (real_vfs)
		return;
	real_vfs = sqlite3_vfs_find(NULL);
	shim = *real_vfs;
	shim.zName = "faults";
	shim.xOpen = fault_open;
	sqlite3_vfs_register(&shim, 1);
}
#endif
