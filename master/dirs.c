/* dirs.c - directories and whose they are. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/master.h"

int
dirs_identity(const struct service *s, uid_t *uid, gid_t *gid, struct err *e)
{
	char name[128];
	struct passwd *pw;

	if (geteuid() != 0) {
		*uid = geteuid();
		*gid = getegid();
		return 0;
	}
	if (master.uid_base != 0) {
		*uid = *gid = master.uid_base + s->uid_offset;
		return 0;
	}
	snprintf(
	    name, sizeof(name), "%.64s-%s", conf_z(master.conf, CONF_SERVER_USER_PREFIX), s->user);
	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL)
		return err_set(e, E_INVAL,
		    "no system user %s: create it (useradd --system --no-create-home %s), or run "
		    "as an "
		    "ordinary user",
		    name, name);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

/* mkdir with everything above it. */
static int
make_path(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(part))
		return err_set(e, E_INVAL, "%s: too long", path);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, i == n ? mode : 0755) < 0 && errno != EEXIST)
			return err_sys(e, "create %s", part);
	}
	return 0;
}

static int
make_owned(const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *e)
{
	struct stat st;

	if (make_path(path, mode, e) < 0)
		return -1;
	if (stat(path, &st) < 0)
		return err_sys(e, "look at %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, E_INVAL, "%s is no directory", path);
	if ((st.st_uid != uid || st.st_gid != gid) && chown(path, uid, gid) < 0)
		return err_sys(e, "give %s to user %u", path, uid);
	if ((st.st_mode & 07777) != mode && chmod(path, mode) < 0)
		return err_sys(e, "set the mode of %s", path);
	return 0;
}

/* Every daemon has a user to run as, before the first one starts. */
static int
check_identities(struct err *e)
{
	for (size_t i = 0; i < SERVICES; i++) {
		uid_t uid;
		gid_t gid;

		if (dirs_identity(&services[i], &uid, &gid, e) < 0)
			return -1;
	}
	return 0;
}

int
dirs_make(struct err *e)
{
	const char *data = conf_z(master.conf, CONF_SERVER_DATA_DIR);
	const char *run = conf_z(master.conf, CONF_SERVER_RUN_DIR);
	char path[PATH_MAX];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (check_identities(e) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/.restoring", data);
	if (access(path, F_OK) == 0)
		return err_set(e, E_INVAL,
		    "a restore into %s has not come to its end; run gkmail restore again", data);
	if (make_owned(data, 0755, uid, gid, e) < 0 || make_owned(run, 0755, uid, gid, e) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/empty", run);
	if (make_owned(path, 0755, uid, gid, e) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/tls", data);
	return make_owned(path, 0700, uid, gid, e);
}

int
dirs_for(const struct service *s, const char *root, char *path, size_t size, struct err *e)
{
	uid_t uid;
	gid_t gid;

	if (root[0] == '\0') {
		snprintf(path, size, "%s/empty", conf_z(master.conf, CONF_SERVER_RUN_DIR));
		return 0;
	}
	if (strchr(root, '/') != NULL || root[0] == '.')
		return err_set(e, E_PROTO, "unusable directory %s", root);
	snprintf(path, size, "%s/%s", conf_z(master.conf, CONF_SERVER_DATA_DIR), root);
	if (dirs_identity(s, &uid, &gid, e) < 0)
		return -1;
	return make_owned(path, 0700, uid, gid, e);
}
