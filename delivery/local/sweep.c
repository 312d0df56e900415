/*
 * sweep.c - what a crash left in .incoming.
 *
 * Small messages are only written here to be linked at once: at start all of them are left-overs. A
 * large file may belong to a message in the journal, or to one that a front is still writing: only
 * those that nobody has written to for a while are asked about, and the queue says which of them no
 * message needs.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "delivery/local/local.h"
#include "io/file.h"

#define SWEEP_MS (10u * 60 * 1000)
#define OLD_S    (60 * 60)
#define ASK_MAX  1000u

static DIR *
list_incoming(struct local *l)
{
	struct err e;
	int fd = file_open(l->incoming, ".", O_RDONLY | O_DIRECTORY, 0, &e);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		log_warn("local.sweep", LZ("error", "cannot list .incoming"));
		file_close(&fd);
	}
	return d;
}

static void
remove_copies(struct local *l)
{
	DIR *list = list_incoming(l);
	struct dirent *d;

	while (list && (d = readdir(list)) != NULL)
		if (str_ends(str_z(d->d_name), STR(COPY_SUFFIX)))
			file_unlink(l->incoming, d->d_name, NULL);
	if (list)
		closedir(list);
}

static void
answered(void *arg, struct ipc_in *in, const struct err *e)
{
	struct local *l = arg;
	uint32_t n;
	char name[ID_SIZE];

	if (e)
		return;
	n = ipc_get_list(in);
	for (uint32_t i = 0; i < n; i++) {
		struct str mid = ipc_get_item(in);

		if (!id_valid(mid) || str_cz(mid, name, sizeof(name)) < 0)
			continue;
		log_info("local.left_over", LS("mid", mid));
		file_unlink(l->incoming, name, NULL);
	}
	ipc_end(in);
}

static bool
is_old(struct local *l, const char *name)
{
	struct stat st;

	return fstatat(l->incoming, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mtime < clock_wall() - OLD_S;
}

static void
sweep(void *arg)
{
	struct local *l = arg;
	DIR *list = list_incoming(l);
	struct str mids[ASK_MAX];
	struct arena a;
	struct dirent *d;
	struct ipc_out m;
	size_t n = 0;

	loop_timer_set(l->sweep, SWEEP_MS);
	arena_init(&a);
	while (list && n < ASK_MAX && (d = readdir(list)) != NULL)
		if (id_valid(str_z(d->d_name)) && is_old(l, d->d_name))
			mids[n++] = arena_dup(&a, str_z(d->d_name));
	if (list)
		closedir(list);
	if (n > 0) {
		ipc_begin(&m, MSG_INCOMING_CHECK);
		ipc_put_list(&m, mids, n);
		ipc_call(l->queue, &m, answered, l);
	}
	arena_free(&a);
}

void
sweep_init(struct local *l)
{
	remove_copies(l);
	l->sweep = loop_timer_new(sweep, l);
	loop_timer_set(l->sweep, 1000);
}
