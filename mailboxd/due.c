/*
 * due.c - see due.h.
 */
#include "mailboxd/due.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "io/file.h"
#include "store/maildir.h"
#include "svc/svc.h"

#define FOLDER    ".due"
#define NAME_SIZE 256u
#define SOON_MS   2000u  /* an owner that dies over it is not started at once again */
#define LATER_MS  60000u /* authd cannot say */
#define LONGEST_S 3600   /* the clock may be set meanwhile */
#define DIGITS    20u

/* ---- the file ---- */

static bool
path_of(struct str user, char out[NAME_SIZE])
{
	char home[MAILDIR_HOME_SIZE];
	int n = maildir_home(user, home, NULL) < 0
		    ? -1
		    : snprintf(out, NAME_SIZE, FOLDER "/" STR_FMT, STR_ARG(user));

	return n > 0 && n < (int)NAME_SIZE;
}

static void
write_down(const struct user *u)
{
	char path[NAME_SIZE], text[DIGITS + 1];
	struct err e;
	int fd;

	if (!path_of(str_z(u->name), path))
		return;
	if (u->due_at == 0) {
		(void)unlinkat(AT_FDCWD, path, 0);
		return;
	}
	(void)snprintf(text, sizeof(text), "%020" PRId64, u->due_at);
	if (file_mkdir(AT_FDCWD, FOLDER, 0700, &e) < 0 ||
	    (fd = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600, &e)) < 0) {
		log_warn("mailbox.due", LZ("user", u->name), LE(&e));
		return;
	}
	if (file_pwrite(fd, text, DIGITS, 0, &e) < 0)
		log_warn("mailbox.due", LZ("user", u->name), LE(&e));
	file_close(&fd);
}

/* What cannot be read is due. */
static int64_t
read_time(const char *path)
{
	char text[DIGITS];
	uint64_t at = 1;
	size_t n = 0;
	int fd = file_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, 0, NULL);

	if (fd >= 0 && file_pread_some(fd, text, sizeof(text), 0, &n, NULL) == 0)
		(void)num_parse(str_of(text, n), 1, INT64_MAX, &at);
	file_close(&fd);
	return (int64_t)at;
}

/* ---- the time ---- */

static void arm(struct user *u, uint64_t at_least_ms);

static void
checked(void *arg, struct ipc_in *m, const struct err *e)
{
	char *name = arg;
	struct user *u = user_find(str_z(name));
	uint64_t quota = 0;
	bool good = m != NULL;

	if (good) {
		(void)ipc_get_str(m);
		quota = ipc_get_u64(m);
		good = ipc_end(m) == 0;
	}
	if (u == NULL || u->due_at == 0)
		goto out;
	if (!good) {
		if (e != NULL && e->code == E_NOTFOUND)
			due_forget(str_z(name));
		else
			arm(u, LATER_MS);
		goto out;
	}
	/* One that is there has its own clock. */
	u->mail = u->mail || u->state == OWNER_NONE || u->state == OWNER_LEAVING;
	if (u->state == OWNER_NONE) {
		log_info("mailbox.due", LZ("user", u->name));
		u->quota = quota;
		spawn_want(u);
	}
out:
	free(name);
}

static void
fire(void *arg)
{
	struct user *u = arg;
	struct ipc_out out;

	if (u->due_at == 0 || svc_draining())
		return;
	if (u->due_at > clock_wall()) {
		arm(u, 0);
		return;
	}
	ipc_begin(&out, MSG_USER_CHECK);
	ipc_put_z(&out, u->name);
	ipc_call(svc_channel(PEER_AUTHD), &out, checked, mem_dup(u->name, strlen(u->name)));
}

static void
arm(struct user *u, uint64_t at_least_ms)
{
	int64_t s = num_max(u->due_at - clock_wall(), (int64_t)0);

	if (u->due == NULL)
		u->due = loop_timer_new(fire, u);
	loop_timer_set(
	    u->due, num_max((uint64_t)num_min(s, (int64_t)LONGEST_S) * 1000, at_least_ms));
}

static void
set(struct user *u, int64_t at)
{
	u->due_at = at;
	write_down(u);
	if (at != 0)
		arm(u, SOON_MS);
	else if (u->due != NULL)
		loop_timer_stop(u->due);
}

void
due_message(struct user *u, struct ipc_in *m)
{
	uint64_t at = ipc_get_u64(m);

	if (ipc_end(m) == 0)
		set(u, (int64_t)num_min(at, (uint64_t)INT64_MAX));
}

void
due_ended(struct user *u)
{
	if (u->due_at != 0)
		arm(u, SOON_MS);
}

void
due_forget(struct str user)
{
	struct user *u = user_find(user);
	char path[NAME_SIZE];

	if (u != NULL) {
		set(u, 0);
		user_settle(u);
	} else if (path_of(user, path)) {
		(void)unlinkat(AT_FDCWD, path, 0);
	}
}

void
due_start(void)
{
	struct err e = {0};
	int fd = file_open(AT_FDCWD, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &e);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	char path[NAME_SIZE];
	struct dirent *d;
	struct user *u;

	if (list == NULL && e.code != E_NOTFOUND)
		log_warn("mailbox.due", LE(&e));
	while (list != NULL && (d = readdir(list)) != NULL) {
		if (!path_of(str_z(d->d_name), path))
			continue;
		u = user_get(str_z(d->d_name));
		u->due_at = read_time(path);
		arm(u, SOON_MS);
	}
	if (list != NULL)
		(void)closedir(list);
	else
		file_close(&fd);
}
