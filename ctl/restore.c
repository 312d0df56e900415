/*
 * restore.c - gkmail restore: everything, into an empty data_dir while nothing runs.
 *
 * All octets of the snapshot are held against their digests before anything is written. While it is
 * written a marker lies in data_dir, with which master does not start: a restore that was
 * interrupted is run again, and writes all of it anew. Folders belong to root alone until the end,
 * so that nobody can put a link where files are written. Each home gets a marker, too: its numbers
 * go on far above all that may have been told since the snapshot (lib/store/home.h).
 */
#include "ctl/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/backup_take.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "io/file.h"
#include "store/home.h"

#define NAME_SIZE 64u

struct restore {
	struct backup_store *store;
	struct backup_manifest m;
	struct str name;
	const char *data_path;
	int data;
	bool root;
};

/* ---- places ---- */

/* Below dir, over no link. */
static int
open_below(int dir, const char *path, int flags, mode_t mode, struct err *e)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC | O_NOCTTY),
	    .mode = mode,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? err_sys(e, "%s", path) : (int)fd;
}

static const char *
below_data(const struct backup_entry *x)
{
	return x->path.n > 5 ? x->path.p + 5 : ".";
}

static int
give(const struct restore *r, int fd, const struct backup_entry *x, struct err *e)
{
	const struct timespec times[2] = {
	    {.tv_sec = x->mtime / 1000000000, .tv_nsec = x->mtime % 1000000000},
	    {.tv_sec = x->mtime / 1000000000, .tv_nsec = x->mtime % 1000000000}};
	uint32_t uid, gid;

	if (r->root &&
	    (backup_user_id(x->user, &uid, e) < 0 || backup_group_id(x->group, &gid, e) < 0))
		return -1;
	if ((r->root && fchown(fd, uid, gid) < 0) || fchmod(fd, x->mode & 0777) < 0 ||
	    (!x->folder && futimens(fd, times) < 0))
		return err_sys(e, STR_FMT, STR_ARG(x->path));
	return 0;
}

/* ---- the configuration ---- */

static int
write_config(struct restore *r, const struct backup_entry *x, const char *path, struct err *e)
{
	const char *fresh = arena_printf(&ctl.arena, "%s.restoring", path).p;
	char part[PATH_MAX];
	int fd, rc;

	if (access(path, F_OK) == 0)
		return 0;
	for (const char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		if (str_cz(str_of(path, (size_t)(p - path)), part, sizeof(part)) == 0 &&
		    mkdir(part, 0755) < 0 && errno != EEXIST)
			return err_sys(e, "make %s", part);
	}
	/* All of it or nothing has its name: what is there is not written again. */
	if (file_unlink(AT_FDCWD, fresh, e) < 0 ||
	    (fd = file_open(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, e)) <
		0)
		return -1;
	rc = backup_store_get(r->store, x, fd, e) < 0 || give(r, fd, x, e) < 0 ||
		     file_sync(fd, "restore.config", e) < 0 ||
		     file_rename_new(AT_FDCWD, fresh, AT_FDCWD, path, e) < 0
		 ? -1
		 : 0;
	file_close(&fd);
	if (rc < 0)
		(void)file_unlink(AT_FDCWD, fresh, NULL);
	if (rc == 0 && !ctl.json)
		printf("restored %s\n", path);
	return rc;
}

/* What is there stays: whoever sets a machine up anew has a reason for what is written there. */
static int
write_configs(struct restore *r, struct err *e)
{
	for (size_t i = 0; i < r->m.n; i++) {
		const struct backup_entry *x = &r->m.v[i];
		struct str path = str_from(x->path, sizeof("config") - 1);

		if (x->folder || !str_starts(x->path, STR("config/")))
			continue;
		if (write_config(r, x, str_eq(path, r->m.config) ? client_conf_path() : path.p, e) <
		    0)
			return -1;
	}
	return 0;
}

/* ---- an empty data_dir ---- */

static int
is_empty(int dir, bool *empty, struct err *e)
{
	struct arena a;
	struct str *names;
	size_t n;
	int rc;

	arena_init(&a);
	if ((rc = take_names(dir, &a, &names, &n, e)) == 0) {
		*empty = true;
		for (size_t i = 0; i < n; i++)
			*empty &= str_eq_z(names[i], "lost+found");
	}
	arena_free(&a);
	return rc;
}

/* Of an earlier try with this very snapshot. */
static bool
is_begun(const struct restore *r)
{
	struct arena a;
	struct str text;
	bool same;

	arena_init(&a);
	same = file_read_all(r->data, BACKUP_RESTORING, NAME_SIZE, &a, &text, NULL) == 0 &&
	       str_eq(str_trim(text), r->name);
	arena_free(&a);
	return same;
}

static int
put_aside(const struct restore *r, struct err *e)
{
	struct str to = arena_printf(&ctl.arena, "%s.before-%" PRId64, r->data_path, clock_wall());

	if (rename(r->data_path, to.p) < 0)
		return err_sys(e, "put %s aside", r->data_path);
	if (!ctl.json)
		printf("what was there is in %s\n", to.p);
	return 0;
}

static int
open_data(struct restore *r, bool force, struct err *e)
{
	bool empty = true;

	if (mkdir(r->data_path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "make %s", r->data_path);
	if ((r->data = file_open(AT_FDCWD, r->data_path, O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    is_empty(r->data, &empty, e) < 0)
		return -1;
	if (empty || is_begun(r))
		return 0;
	if (!force)
		return err_set(
		    e, E_EXISTS, "%s is not empty; with --force it is put aside", r->data_path);
	file_close(&r->data);
	if (put_aside(r, e) < 0)
		return -1;
	return open_data(r, false, e);
}

static int
mark(const struct restore *r, struct err *e)
{
	int fd = file_open(
	    r->data, BACKUP_RESTORING, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600, e);
	int rc = fd < 0 || file_write(fd, r->name.p, r->name.n, e) < 0 ||
			 file_sync(fd, "restore.mark", e) < 0
		     ? -1
		     : file_sync_dir(r->data, "restore.mark_name", e);

	file_close(&fd);
	return rc;
}

/* ---- writing ---- */

static int
write_file(struct restore *r, const struct backup_entry *x, struct err *e)
{
	const char *path = below_data(x);
	int fd, rc;

	/* Of an earlier try: it may be read-only by now. */
	if (unlinkat(r->data, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, "%s", path);
	if ((fd = open_below(r->data, path, O_WRONLY | O_CREAT | O_EXCL, 0600, e)) < 0)
		return -1;
	rc = backup_store_get(r->store, x, fd, e) < 0 ? -1 : give(r, fd, x, e);
	file_close(&fd);
	return rc;
}

/* Our own until all is written. */
static int
write_folder(struct restore *r, const struct backup_entry *x, struct err *e)
{
	const char *path = below_data(x);
	int fd, rc = 0;

	if (mkdirat(r->data, path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "make %s", path);
	if ((fd = open_below(r->data, path, O_RDONLY | O_DIRECTORY, 0, e)) < 0)
		return -1;
	if ((r->root && fchown(fd, 0, 0) < 0) || fchmod(fd, 0700) < 0)
		rc = err_sys(e, "%s", path);
	file_close(&fd);
	return rc;
}

static int
give_folder(struct restore *r, const struct backup_entry *x, struct err *e)
{
	int fd = open_below(r->data, below_data(x), O_RDONLY | O_DIRECTORY, 0, e);
	int rc = fd < 0 ? -1 : give(r, fd, x, e);

	file_close(&fd);
	return rc;
}

/* The home of an index goes on with other numbers. */
static int
mark_home(struct restore *r, const struct backup_entry *index, struct err *e)
{
	struct backup_entry x = *index;
	char path[PATH_MAX];
	int fd, rc;

	snprintf(path, sizeof(path), "%.*s" RESTORED_PATH,
	    (int)(index->path.n - 5 - (sizeof("db/index.db") - 1)), below_data(index));
	x.mode = 0600;
	x.path = str_z(path);
	if ((fd = open_below(r->data, path, O_WRONLY | O_CREAT, 0600, e)) < 0)
		return -1;
	rc = give(r, fd, &x, e);
	file_close(&fd);
	return rc;
}

static int
write_data(struct restore *r, struct err *e)
{
	for (size_t i = 0; i < r->m.n; i++)
		if (r->m.v[i].folder && write_folder(r, &r->m.v[i], e) < 0)
			return -1;
	for (size_t i = 0; i < r->m.n; i++) {
		const struct backup_entry *x = &r->m.v[i];

		progress_count("restore", "files", i, r->m.n);
		if (x->folder || !str_starts(x->path, STR("data/")))
			continue;
		if (write_file(r, x, e) < 0)
			return -1;
		if (str_starts(x->path, STR("data/mail/")) &&
		    str_ends(x->path, STR("/db/index.db")) && mark_home(r, x, e) < 0)
			return -1;
	}
	/* From the innermost outwards: each was noted before those in it. */
	for (size_t i = r->m.n; i-- > 0;)
		if (r->m.v[i].folder && give_folder(r, &r->m.v[i], e) < 0)
			return -1;
	return 0;
}

static int
restore_all(struct restore *r, bool force, struct err *e)
{
	struct backup_set *good = NULL;
	const struct conf *c;
	uint64_t damaged = 0;
	int rc = -1, sync = -1;

	if (!str_eq_z(r->m.scope, "all"))
		return err_set(e, E_INVAL,
		    "snapshot " STR_FMT " has only the mail of " STR_FMT "; restore it with --user",
		    STR_ARG(r->name), STR_ARG(r->m.scope));
	if (backup_verify(r->store, &r->m, &good, &damaged, e) < 0)
		goto out;
	if (damaged > 0) {
		err_set(e, E_PROTO,
		    "snapshot " STR_FMT
		    " is damaged: nothing was restored; take another one (--at)",
		    STR_ARG(r->name));
		goto out;
	}
	if (write_configs(r, e) < 0 || (c = client_conf(e)) == NULL)
		goto out;
	r->data_path = conf_z(c, CONF_SERVER_DATA_DIR);
	if (open_data(r, force, e) < 0 ||
	    (sync = file_open(r->data, ".", O_RDONLY | O_DIRECTORY, 0, e)) < 0 || mark(r, e) < 0 ||
	    write_data(r, e) < 0 || file_sync_all(sync, "restore.all", e) < 0 ||
	    file_unlink(r->data, BACKUP_RESTORING, e) < 0 ||
	    file_sync_dir(r->data, "restore.done", e) < 0)
		goto out;
	rc = 0;
out:
	progress_end();
	backup_set_free(&good);
	file_close(&sync);
	file_close(&r->data);
	return rc;
}

/* ---- the verb ---- */

static int
must_not_run(struct err *e)
{
	struct err why = {0};
	struct str build;
	uint32_t pid;

	if (client_hello(&build, &pid, &why) == 0)
		return err_set(e, E_DENIED,
		    "GK Mail is running: stop it first, or restore one user's mail with --user");
	/* Without a configuration there is nothing that could run. */
	if (why.code == E_NOTFOUND || access(client_conf_path(), F_OK) < 0)
		return 0;
	*e = why;
	return err_wrap(e, "whether GK Mail is running");
}

static void
print_restored(const struct restore *r)
{
	struct json j;

	if (!ctl.json) {
		printf("restored snapshot " STR_FMT " into %s; start GK Mail now\n",
		    STR_ARG(r->name), r->data_path);
		return;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_str(&j, "snapshot", r->name);
	json_z(&j, "data_dir", r->data_path);
	json_num(&j, "octets", r->m.octets);
	json_close(&j, '}');
	json_print(&j);
}

int
verb_restore(struct err *e)
{
	const char *from = args_value("--from"), *at = args_value("--at");
	struct restore_wish w = {.user = args_value("--user"),
	    .mailbox = args_value("--mailbox"),
	    .message = args_value("--message"),
	    .to_mailbox = args_value("--to-mailbox")};
	struct restore r = {.data = -1, .root = geteuid() == 0};
	bool force = args_flag("--force");
	struct backup_store s;
	int rc = -1;

	umask(077);
	if (args_end(0, 0, e) < 0)
		return -1;
	if (w.user == NULL && (w.mailbox != NULL || w.message != NULL || w.to_mailbox != NULL))
		return args_wrong(e, "--mailbox, --message and --to-mailbox are of a --user");
	if (w.user != NULL && force)
		return args_wrong(e, "--force is for everything, not for a --user");
	if ((from = backup_folder(from, e)) == NULL || (w.user == NULL && must_not_run(e) < 0) ||
	    backup_store_open(&s, from, false, false, e) < 0)
		return -1;
	r.store = &s;
	if ((at != NULL ? backup_store_read(&s, at, &ctl.arena, &r.m, &r.name, e)
			: backup_store_last(&s, w.user == NULL, &ctl.arena, &r.m, &r.name, e)) == 0)
		rc = w.user != NULL ? restore_user(&s, &r.m, &w, e) : restore_all(&r, force, e);
	backup_store_close(&s);
	if (rc == 0 && w.user == NULL)
		print_restored(&r);
	return rc;
}
