/*
 * home_test_in.h - what the tests of the store share: a home in a directory of its own, messages
 * that arrive, an observer that counts.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "store/change.h"
#include "store/folder.h"
#include "store/mailbox.h"
#include "store/maildir.h"

static const struct change_by me = {.actor = STR_INIT("imap"), .sid = STR_INIT("s1")};
static const struct flag_set no_flags;
static struct home *home;
static struct arena scratch;
static struct err err;

static inline void
render(void *arg, enum cache_kind kind, struct str octets, struct buf *out)
{
	unsigned *calls = arg;

	if (calls != NULL)
		(*calls)++;
	(void)buf_printf(out, "%d:%zu", kind, octets.n);
}

static inline void
open_home(void)
{
	const struct home_options o = {
	    .host = STR_INIT("host.test"), .no_timers = true, .render = render};

	home = home_open(&o, &err);
	if (home == NULL)
		print_message("home_open: %s\n", err.text);
	assert_non_null(home);
}

static inline void
reopen_home(void)
{
	home_close(&home);
	open_home();
}

static char home_dir[64];

static inline int
setup(void **state)
{
	char *dir = home_dir;

	(void)state;
	(void)snprintf(dir, sizeof home_dir, "/tmp/gk-store-XXXXXX");
	if (mkdtemp(dir) == NULL || chdir(dir) < 0 || mkdir("Maildir", 0700) < 0 ||
	    mkdir("Maildir/cur", 0700) < 0 || mkdir("Maildir/new", 0700) < 0 ||
	    mkdir("Maildir/tmp", 0700) < 0 || mkdir("db", 0700) < 0)
		return -1;
	arena_init(&scratch);
	open_home();
	return 0;
}

static inline int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st;
	(void)type;
	(void)w;
	return remove(path);
}

static inline int
teardown(void **state)
{
	(void)state;
	home_close(&home);
	arena_free(&scratch);
	return nftw(home_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline struct mailbox *
box(const char *name)
{
	struct mailbox *mb = home_find(home, str_z(name));

	assert_non_null(mb);
	assert_int_equal(mailbox_load(mb, &err), 0);
	return mb;
}

static inline void
write_file_at(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0440);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* As gk-local delivers. */
static inline void
arrive(int64_t time, const char *id20, const char *text)
{
	char base[MAILDIR_NAME_SIZE], path[300];

	maildir_base(base, time, str_z(id20), STR("host.test"), strlen(text));
	(void)snprintf(path, sizeof path, "Maildir/new/%s", base);
	write_file_at(path, text);
}

static inline uint32_t
append(struct mailbox *mb, const char *text, uint32_t flags)
{
	struct append *ap = append_new(home, strlen(text), &err);
	const struct flag_set set = {.flags = flags};
	uint32_t uid = 0;

	assert_non_null(ap);
	assert_int_equal(append_write(ap, str_z(text), &err), 0);
	assert_int_equal(append_finish(&ap, mb, &set, 1700000000, &me, &uid, &err), 0);
	assert_null(ap);
	return uid;
}

static inline unsigned
count_files(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	unsigned n = 0;

	if (d == NULL)
		return 0;
	while ((de = readdir(d)) != NULL)
		n += de->d_name[0] != '.';
	closedir(d);
	return n;
}

/* The one file of a directory. */
static inline struct str
only_file(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	struct str out = STR_NONE;

	assert_non_null(d);
	while ((de = readdir(d)) != NULL)
		if (de->d_name[0] != '.')
			out = arena_dup(&scratch, str_z(de->d_name));
	closedir(d);
	assert_non_null(out.p);
	return out;
}

static inline void
rename_in(const char *dir, const char *from, const char *to_dir, const char *to)
{
	char a[600], b[600];

	(void)snprintf(a, sizeof a, "%s/%s", dir, from);
	(void)snprintf(b, sizeof b, "%s/%s", to_dir, to);
	assert_int_equal(rename(a, b), 0);
}

/* What an observer heard. */
struct heard {
	unsigned added, flags, expunged, gone, keyword;
	uint32_t last;
	struct mailbox_observer o;
};

static inline void
heard_added(void *arg, struct mailbox *mb, uint32_t uid, const struct change_by *by)
{
	struct heard *h = arg;

	(void)mb;
	(void)by;
	h->added++;
	h->last = uid;
}

static inline void
heard_flags(void *arg, struct mailbox *mb, const struct message *m, const struct change_by *by)
{
	struct heard *h = arg;

	(void)mb;
	(void)by;
	h->flags++;
	h->last = m->uid;
}

static inline void
heard_expunged(void *arg, struct mailbox *mb, const struct message *was, const struct change_by *by)
{
	struct heard *h = arg;

	(void)by;
	assert_null(mailbox_get(mb, was->uid));
	h->expunged++;
	h->last = was->uid;
}

static inline void
heard_keyword(void *arg, struct mailbox *mb)
{
	(void)mb;
	((struct heard *)arg)->keyword++;
}

static inline void
heard_gone(void *arg, struct mailbox *mb)
{
	(void)mb;
	((struct heard *)arg)->gone++;
}

static inline void
listen_to(struct mailbox *mb, struct heard *h)
{
	*h = (struct heard){.o = {heard_added, heard_flags, heard_expunged, heard_keyword,
				heard_gone, NULL, {NULL, NULL}}};
	h->o.arg = h;
	mailbox_observe(mb, &h->o);
}
