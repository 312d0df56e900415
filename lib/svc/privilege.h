/*
 * privilege.h - from root to the daemon's own user, for good. Private to lib/svc.
 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "base/err.h"

struct identity {
	uid_t uid;
	gid_t gid;
	char root[PATH_MAX]; /* the working directory; also the root when the process is root */
};

/* Goes to the directory, and when root makes it the root and becomes the user, keeping the
 * capabilities in keep (bits 1 << CAP_…) only; proves that root cannot come back. As an ordinary
 * user just goes to the directory. */
int privilege_drop(const struct identity *id, unsigned keep, struct err *e);
