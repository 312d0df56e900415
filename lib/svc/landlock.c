/*
 * landlock.c - file rights of this process by Landlock (kernel documentation,
 * userspace-api/landlock).
 *
 * Designed for ABI 2 (Debian 12's kernel); what newer ones know is handled too: truncate (3),
 * network (4), ioctl on devices (5), abstract UNIX sockets and signals (6).
 */
#include "svc/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/num.h"

/* What the headers of Debian 12 do not name yet. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#define ACCESS_FS_IOCTL_DEV (1ULL << 15)
#define ACCESS_NET_ALL      3ULL
#define SCOPE_ALL           3ULL

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

int
sandbox_landlock_abi(void)
{
	const char *mask = getenv("GKMAIL_TEST_LANDLOCK_ABI");
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t most;

	if (abi < 0)
		abi = 0;
	if (mask != NULL && num_parse(str_z(mask), 0, 100, &most) == 0 && (long)most < abi)
		abi = (long)most;
	return (int)abi;
}

static uint64_t
handled(int abi)
{
	uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* ABI 1: the first 13 */

	if (abi >= 2)
		all |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		all |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		all |= ACCESS_FS_IOCTL_DEV;
	return all;
}

static uint64_t
rights(unsigned sbp)
{
	static const struct {
		unsigned sbp;
		uint64_t access;
	} table[] = {
	    {SBP_READ, LANDLOCK_ACCESS_FS_READ_FILE},
	    {SBP_LIST, LANDLOCK_ACCESS_FS_READ_DIR},
	    {SBP_WRITE, LANDLOCK_ACCESS_FS_WRITE_FILE},
	    {SBP_MAKE, LANDLOCK_ACCESS_FS_MAKE_REG},
	    {SBP_REMOVE, LANDLOCK_ACCESS_FS_REMOVE_FILE},
	    {SBP_REFER, LANDLOCK_ACCESS_FS_REFER},
	    {SBP_MAKE_DIR, LANDLOCK_ACCESS_FS_MAKE_DIR},
	    {SBP_REMOVE_DIR, LANDLOCK_ACCESS_FS_REMOVE_DIR},
	    {SBP_TRUNCATE, LANDLOCK_ACCESS_FS_TRUNCATE},
	};
	uint64_t access = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (sbp & table[i].sbp)
			access |= table[i].access;
	return access;
}

static int
add_path(int ruleset, const struct sandbox_path *p, uint64_t all, struct err *e)
{
	const uint64_t of_files = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
				  LANDLOCK_ACCESS_FS_TRUNCATE;
	struct landlock_path_beneath_attr at = {.allowed_access = rights(p->rights) & all};
	struct stat st;
	int rc = -1;

	at.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
	if (at.parent_fd < 0 || fstat(at.parent_fd, &st) < 0) {
		err_sys(e, "sandbox path %s", p->path);
		goto out;
	}
	if (!S_ISDIR(st.st_mode))
		at.allowed_access &= of_files;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &at, 0) < 0) {
		err_sys(e, "sandbox rule for %s", p->path);
		goto out;
	}
	rc = 0;
out:
	if (at.parent_fd >= 0)
		close(at.parent_fd);
	return rc;
}

int
landlock_enter(const struct sandbox_path *paths, size_t n, bool connects, struct err *e)
{
	int abi = sandbox_landlock_abi(), ruleset, rc = -1;
	struct ruleset_attr attr = {.fs = handled(abi)};
	size_t size = sizeof(attr.fs);

	if (abi >= 4) {
		attr.net = connects ? 0 : ACCESS_NET_ALL;
		size = sizeof(attr.fs) + sizeof(attr.net);
	}
	if (abi >= 6) {
		attr.scoped = SCOPE_ALL;
		size = sizeof(attr);
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return err_sys(e, "landlock");
	for (size_t i = 0; i < n; i++)
		if (add_path(ruleset, &paths[i], attr.fs, e) < 0)
			goto out;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) {
		err_sys(e, "landlock");
		goto out;
	}
	rc = 0;
out:
	close(ruleset);
	return rc;
}
