/* privilege.c - from root to the daemon's own user, for good. */
#include "svc/privilege.h"

#include <errno.h>
#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* Exactly the capabilities in keep, permitted and effective. */
static int
set_capabilities(unsigned keep, struct err *e)
{
	cap_t caps = cap_init();
	int rc = -1;

	if (caps == NULL)
		return err_sys(e, "capabilities");
	for (int c = 0; c < 32; c++) {
		cap_value_t v = c;

		if (!(keep & 1u << c))
			continue;
		if (cap_set_flag(caps, CAP_PERMITTED, 1, &v, CAP_SET) < 0 ||
		    cap_set_flag(caps, CAP_EFFECTIVE, 1, &v, CAP_SET) < 0) {
			err_sys(e, "capabilities");
			goto out;
		}
	}
	if (cap_set_proc(caps) < 0) {
		err_sys(e, "capabilities");
		goto out;
	}
	rc = 0;
out:
	cap_free(caps);
	return rc;
}

static int
become(const struct identity *id, unsigned keep, struct err *e)
{
	if (prctl(PR_SET_KEEPCAPS, keep != 0, 0, 0, 0) < 0)
		return err_sys(e, "keep capabilities");
	if (setgroups(0, NULL) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 ||
	    setresuid(id->uid, id->uid, id->uid) < 0)
		return err_sys(e, "become user %u", id->uid);
	if (set_capabilities(keep, e) < 0)
		return -1;
	if (setresuid(0, 0, 0) == 0 || geteuid() == 0)
		return err_set(e, E_INTERNAL, "root came back");
	return 0;
}

int
privilege_drop(const struct identity *id, unsigned keep, struct err *e)
{
	if (id->root[0] == '\0' || chdir(id->root) < 0)
		return err_sys(e, "go to %s", id->root);
	if (geteuid() != 0)
		return 0;
	if (id->uid == 0)
		return err_set(e, E_INVAL, "no user to run as");
	if (chroot(".") < 0)
		return err_sys(e, "chroot to %s", id->root);
	return become(id, keep, e);
}
