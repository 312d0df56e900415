/*
 * gone.c - see gone.h.
 *
 * Nothing happens while the user has an owner, which is being ended. Names are removed a few
 * hundred a turn, so that nobody else waits; files are not opened, and symbolic links not followed.
 */
#include "mailboxd/gone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "mailboxd/due.h"
#include "mailboxd/parent.h"
#include "store/maildir.h"
#include "svc/svc.h"

#define TICK_MS   20u
#define A_TURN    300u /* names */
#define DEPTH_MAX 16u
#define PATH_SIZE (MAILDIR_HOME_SIZE + 64)

struct gone {
	char *user;
	bool purge;
	uint64_t call;
	TAILQ_ENTRY(gone) link;
};

static TAILQ_HEAD(, gone) all = TAILQ_HEAD_INITIALIZER(all);
static struct loop_timer *tick;

/* ---- removing a tree ---- */

static int clear(int dir, unsigned depth, unsigned *left, struct err *e);

/* 0 removed, 1 there is more of it. */
static int
remove_one(int dir, const char *name, unsigned depth, unsigned *left, struct err *e)
{
	int fd, rc;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(e, "remove %s", name);
	if ((fd = file_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, e)) < 0)
		return -1;
	rc = clear(fd, depth + 1, left, e); /* closes it */
	if (rc == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, "remove directory %s", name);
	return rc;
}

/* Removes what a directory holds, as far as *left goes. 0: it is empty, 1: not yet. */
static int
clear(int dir, unsigned depth, unsigned *left, struct err *e)
{
	DIR *list = depth <= DEPTH_MAX ? fdopendir(dir) : NULL;
	struct dirent *d;
	int rc = 0;

	if (list == NULL) {
		close(dir);
		return err_set(e, E_IO, "a directory too deep, or not to be listed");
	}
	while (rc == 0 && (d = readdir(list)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (*left == 0)
			rc = 1;
		else if (--*left, (rc = remove_one(dirfd(list), d->d_name, depth, left, e)) < 0)
			err_wrap(e, "below depth %u", depth);
	}
	closedir(list);
	return rc;
}

/* ---- one home ---- */

static bool
exists(const char *path)
{
	struct stat st;

	return fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
sync_dir(const char *path, struct err *e)
{
	int fd = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, e);
	int rc = fd < 0 ? -1 : file_sync_dir(fd, "mailbox.gone", e);

	file_close(&fd);
	return rc;
}

static int
put_aside(const char *home, const char *domain, const char *name, struct err *e)
{
	char path[PATH_SIZE], time[CLOCK_RFC3339_SIZE];

	if (!exists(home))
		return 0;
	(void)snprintf(path, sizeof path, "%s/.deleted-%s-%s", domain, name,
	    clock_rfc3339(clock_wall_us(), time));
	return file_rename(AT_FDCWD, home, AT_FDCWD, path, e);
}

/* What an interrupted removal left goes first, then the home takes its place. */
static int
remove_home(const char *home, const char *domain, const char *name, struct err *e)
{
	char path[PATH_SIZE];
	unsigned left = A_TURN;
	int rc = 0;

	(void)snprintf(path, sizeof path, "%s/.purge-%s", domain, name);
	while (rc == 0 && left > 0) {
		if (exists(path))
			rc = remove_one(AT_FDCWD, path, 0, &left, e);
		else if (exists(home))
			rc = file_rename(AT_FDCWD, home, AT_FDCWD, path, e);
		else
			return 0;
	}
	return rc < 0 ? -1 : 1;
}

/* 0 done, durably; 1 there is more to do. */
static int
step(const struct gone *g, struct err *e)
{
	char home[MAILDIR_HOME_SIZE], domain[MAILDIR_HOME_SIZE];
	const char *name;
	size_t slash;
	int rc;

	if (maildir_home(str_z(g->user), home, e) < 0)
		return -1;
	slash = str_chr(str_z(home), '/');
	(void)str_cz(str_of(home, slash), domain, sizeof domain);
	name = home + slash + 1;
	if (!exists(domain))
		return 0;
	rc = g->purge ? remove_home(home, domain, name, e) : put_aside(home, domain, name, e);
	return rc != 0 ? rc : sync_dir(domain, e);
}

/* ---- the line of them ---- */

static void
finish(struct gone *g, const struct err *e)
{
	if (e != NULL) {
		log_error("mailbox.gone", LZ("user", g->user), LE(e));
		ipc_reply_error(svc_channel(PEER_AUTHD), g->call, e);
	} else {
		log_info("mailbox.gone", LZ("user", g->user), LU("purged", g->purge));
		ipc_reply_ok(svc_channel(PEER_AUTHD), g->call, MSG_HOME_GONE_R);
	}
	TAILQ_REMOVE(&all, g, link);
	free(g->user);
	free(g);
}

static bool
has_owner(const struct gone *g)
{
	const struct user *u = user_find(str_z(g->user));

	return u != NULL && u->state != OWNER_NONE;
}

static void
on_tick(void *arg)
{
	struct gone *g, *next;
	struct err e = {0};
	int rc;

	(void)arg;
	for (g = TAILQ_FIRST(&all); g != NULL; g = next) {
		next = TAILQ_NEXT(g, link);
		if (has_owner(g) || (rc = step(g, &e)) == 1)
			continue;
		finish(g, rc < 0 ? &e : NULL);
	}
	if (!TAILQ_EMPTY(&all))
		loop_timer_set(tick, TICK_MS);
}

static struct gone *
find(struct str user)
{
	struct gone *g;

	TAILQ_FOREACH (g, &all, link)
		if (str_eq_z(user, g->user))
			return g;
	g = mem_alloc(sizeof *g);
	g->user = mem_dup(user.p, user.n);
	TAILQ_INSERT_TAIL(&all, g, link);
	return g;
}

void
gone_message(struct ipc_in *m)
{
	struct str user = ipc_get_str(m);
	uint32_t purge = ipc_get_u32(m);
	struct gone *g;
	struct user *u;

	if (ipc_end(m) < 0)
		return;
	g = find(user);
	due_forget(user);
	g->purge = purge != 0;
	g->call = m->id;
	/* authd has revoked the user already; not so when it says it again after a crash. */
	if ((u = user_find(user)) != NULL)
		spawn_end(u);
	if (tick == NULL)
		tick = loop_timer_new(on_tick, NULL);
	loop_timer_set(tick, 0);
}
