/*
 * backup_home.c - homes of users, for backup_take.c.
 *
 * The index comes from the home's owner, which is at work as ever. Files of messages are listed
 * again and again until a listing has nothing new: a message that is moved while a folder is read
 * may hide from one listing. One that a later listing shows under another name alone (the same
 * inode: a move) counts once.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/backup_take.h"
#include "ctl/client.h"
#include "ctl/progress.h"
#include "io/file.h"
#include "store/maildir.h"

#define PASSES_MAX 5u
#define RETRY_MS   500u
#define RETRIES    60u /* half a minute: an owner may wait for a replay of deliveries */

/* A message's file of the home at hand. */
struct seen {
	struct str base;
	uint64_t inode;
	unsigned pass; /* of the last listing that had it */
	struct backup_entry x;
	UT_hash_handle hh, by_inode;
};

struct home_take {
	struct take *t;
	struct arena arena;
	struct seen *messages;
	unsigned pass;
	bool news;
};

/* ---- messages ---- */

static int
meet(struct home_take *h, int dir, struct str name, struct str path, struct err *e)
{
	static const struct take_how whole = {.max = UINT64_MAX};
	struct maildir_name parsed;
	struct backup_entry x;
	struct seen *s;
	struct stat st;
	int rc;

	if (maildir_parse(name, &parsed) < 0)
		return 0;
	HASH_FIND(hh, h->messages, parsed.base.p, parsed.base.n, s);
	if (s != NULL) {
		s->pass = h->pass;
		return 0;
	}
	if (fstatat(dir, name.p, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if ((rc = take_file(h->t, dir, name.p, path, &whole, &x, e)) <= 0)
		return rc;
	s = arena_alloc(&h->arena, sizeof(*s));
	*s = (struct seen){.base = parsed.base, .inode = st.st_ino, .pass = h->pass, .x = x};
	HASH_ADD_KEYPTR(hh, h->messages, s->base.p, s->base.n, s);
	h->news = true;
	return 0;
}

static int
list_messages(struct home_take *h, int folder, const char *sub, struct str path, struct err *e)
{
	struct str *names, whole;
	size_t n;
	int fd = -1, rc;

	whole = arena_printf(&h->arena, STR_FMT "/%s", STR_ARG(path), sub);
	if (h->pass > 1) {
		fd = openat(folder, sub, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		rc = fd >= 0;
	} else {
		rc = take_folder(h->t, folder, sub, whole, &fd, e);
	}
	if (rc > 0)
		rc = take_names(fd, &h->arena, &names, &n, e);
	else
		n = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = meet(h, fd, names[i],
		    arena_printf(&h->arena, STR_FMT "/" STR_FMT, STR_ARG(whole), STR_ARG(names[i])),
		    e);
	file_close(&fd);
	return rc;
}

/* A folder of the Maildir: Maildir itself, or Maildir/.name. */
static int
list_folder(struct home_take *h, int fd, struct str path, struct err *e)
{
	int tmp = -1, rc = 0;

	if (list_messages(h, fd, "cur", path, e) < 0 || list_messages(h, fd, "new", path, e) < 0)
		return -1;
	/* What comes in there has no name yet. */
	if (h->pass == 1)
		rc = take_folder(h->t, fd, "tmp",
		    arena_printf(&h->arena, STR_FMT "/tmp", STR_ARG(path)), &tmp, e);
	file_close(&tmp);
	return rc < 0 ? -1 : 0;
}

static int
list_maildir(struct home_take *h, int maildir, struct str path, struct err *e)
{
	struct str *names, inner;
	size_t n;
	int fd, rc;

	if (list_folder(h, maildir, path, e) < 0 ||
	    take_names(maildir, &h->arena, &names, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		static const struct take_how whole = {.max = UINT64_MAX};
		struct backup_entry x;
		struct stat st;

		if (fstatat(maildir, names[i].p, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		inner =
		    arena_printf(&h->arena, STR_FMT "/" STR_FMT, STR_ARG(path), STR_ARG(names[i]));
		if (S_ISREG(st.st_mode) && h->pass == 1) {
			/* What other programs keep there. */
			if ((rc = take_file(h->t, maildir, names[i].p, inner, &whole, &x, e)) < 0)
				return -1;
			if (rc > 0)
				take_note(h->t, &x);
		}
		if (!S_ISDIR(st.st_mode) || names[i].p[0] != '.')
			continue;
		if (h->pass == 1)
			rc = take_folder(h->t, maildir, names[i].p, inner, &fd, e);
		else
			rc = (fd = openat(maildir, names[i].p,
				  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) >= 0;
		if (rc > 0)
			rc = list_folder(h, fd, inner, e);
		file_close(&fd);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static void
note_messages(struct home_take *h)
{
	struct seen *s, *next, *there = NULL, *same;

	HASH_ITER (hh, h->messages, s, next)
		if (s->pass == h->pass) {
			HASH_FIND(by_inode, there, &s->inode, sizeof(s->inode), same);
			if (same == NULL)
				HASH_ADD(by_inode, there, inode, sizeof(s->inode), s);
		}
	HASH_ITER (hh, h->messages, s, next) {
		HASH_FIND(by_inode, there, &s->inode, sizeof(s->inode), same);
		if (s->pass == h->pass || same == NULL)
			take_note(h->t, &s->x);
	}
	HASH_CLEAR(by_inode, there);
}

static int
take_messages(struct home_take *h, int home, struct str path, struct err *e)
{
	int maildir = -1, rc;

	path = arena_printf(&h->arena, STR_FMT "/Maildir", STR_ARG(path));
	if ((rc = take_folder(h->t, home, "Maildir", path, &maildir, e)) <= 0)
		return rc;
	do {
		h->news = false;
		h->pass++;
		rc = list_maildir(h, maildir, path, e);
	} while (rc == 0 && h->news && h->t->running && h->pass < PASSES_MAX);
	if (rc == 0)
		note_messages(h);
	file_close(&maildir);
	return rc;
}

/* ---- the rest of a home ---- */

static bool
skip_db(struct take *t, struct str path)
{
	struct str name = str_from(path, str_rchr(path, '/') + 1);

	return str_eq_z(name, "lock") || str_starts(name, STR("search.db")) ||
	       str_ends(name, STR(".copy")) || str_ends(name, STR("-shm")) ||
	       (t->running && str_starts(name, STR("index.db")) &&
		   !str_ends(name, STR(".damaged")));
}

/* In a raw copy what the owner has not written back counts too. */
static bool
skip_raw(struct take *t, struct str path)
{
	struct str name = str_from(path, str_rchr(path, '/') + 1);

	(void)t;
	return str_starts(name, STR("search.db")) || str_ends(name, STR("-shm"));
}

/* 1: copied; 0: there is no such user, and so no owner. */
static int
take_index(struct home_take *h, const char *user, int home, struct str path, struct err *e)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
	struct ipc_out m;
	struct err why;

	for (unsigned i = 0;; i++) {
		why = (struct err){0};
		ipc_begin(&m, MSG_MAILBOX_COPY);
		ipc_put_z(&m, user);
		if (take_copy(h->t, "mailboxd", &m, home, "db/index.db",
			arena_printf(&h->arena, STR_FMT "/db/index.db", STR_ARG(path)), &why) == 0)
			return 1;
		if (why.code == E_NOTFOUND)
			return 0;
		if ((why.code != E_TEMP && why.code != E_CLOSED) || i == RETRIES)
			break;
		if (why.code == E_CLOSED)
			client_close();
		(void)nanosleep(&pause, NULL);
	}
	*e = why;
	return err_wrap(e, "%s", user);
}

static int
take_home(
    struct take *t, int domain, const char *name, const char *user, struct str path, struct err *e)
{
	struct home_take h = {.t = t};
	struct str db;
	int home = -1, rc;

	arena_init(&h.arena);
	db = arena_printf(&h.arena, STR_FMT "/db", STR_ARG(path));
	if ((rc = take_folder(t, domain, name, path, &home, e)) <= 0)
		goto out;
	rc = t->running ? take_index(&h, user, home, path, e) : 0;
	if (rc >= 0)
		rc = take_tree(t, home, "db", db, rc > 0 ? skip_db : skip_raw, e);
	if (rc >= 0)
		rc = take_messages(&h, home, path, e);
	t->out->homes++;
out:
	file_close(&home);
	HASH_CLEAR(hh, h.messages);
	arena_free(&h.arena);
	return rc < 0 ? -1 : 0;
}

/* ---- all of them ---- */

struct home_name {
	struct str domain, user;
};

struct home_list {
	struct home_name *v;
	size_t n, cap;
};

static int
list_domain(struct take *t, struct str domain, struct home_list *l, struct err *e)
{
	struct str *names;
	int fd = -1, rc;
	size_t n;

	rc = take_folder(t, t->mail, domain.p,
	    arena_printf(&t->arena, "data/mail/" STR_FMT, STR_ARG(domain)), &fd, e);
	if (rc > 0)
		rc = take_names(fd, &t->arena, &names, &n, e);
	else
		n = 0;
	for (size_t i = 0; i < n && rc >= 0; i++) {
		if (l->n == l->cap)
			l->v = mem_grow(l->v, l->cap = l->cap ? 2 * l->cap : 64, sizeof(*l->v));
		l->v[l->n++] = (struct home_name){domain, names[i]};
	}
	file_close(&fd);
	return rc < 0 ? -1 : 0;
}

static int
take_one(struct take *t, struct home_name n, struct err *e)
{
	struct str user =
	    arena_printf(&t->arena, STR_FMT "@" STR_FMT, STR_ARG(n.user), STR_ARG(n.domain));
	struct str path = arena_printf(
	    &t->arena, "data/mail/" STR_FMT "/" STR_FMT, STR_ARG(n.domain), STR_ARG(n.user));
	int fd = file_open(t->mail, n.domain.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, e), rc;

	if (fd < 0)
		return -1;
	if (str_starts(n.user, STR(".purge-")))
		rc = 0;
	else if (str_starts(n.user, STR("."))) /* put aside: nobody has it open */
		rc = take_tree(t, fd, n.user.p, path, skip_raw, e);
	else
		rc = take_home(t, fd, n.user.p, user.p, path, e);
	file_close(&fd);
	return rc;
}

static int
take_user(struct take *t, const char *user, struct err *e)
{
	char wanted[MAILDIR_HOME_SIZE];
	struct str rest, domain, path;
	struct home_name one;
	int fd, rc;

	if (maildir_home(str_z(user), wanted, e) < 0)
		return -1;
	rest = str_z(wanted);
	(void)str_cut(&rest, '/', &domain);
	one = (struct home_name){
	    str_z(arena_dupz(&t->arena, domain)), str_z(arena_dupz(&t->arena, rest))};
	path = arena_printf(&t->arena, "data/mail/" STR_FMT, STR_ARG(domain));
	rc = take_folder(t, t->mail, one.domain.p, path, &fd, e);
	file_close(&fd);
	if (rc < 0 || (rc > 0 && take_one(t, one, e) < 0))
		return -1;
	return t->out->files > 0 ? 0 : err_set(e, E_NOTFOUND, "%s has no mail here", user);
}

int
take_homes(struct take *t, const char *user, struct err *e)
{
	struct home_list l = {0};
	struct str *domains;
	size_t n;
	int rc = 0;

	if (user != NULL)
		return take_user(t, user, e);
	if (take_names(t->mail, &t->arena, &domains, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		if (domains[i].p[0] != '.')
			rc = list_domain(t, domains[i], &l, e);
	for (size_t i = 0; i < l.n && rc == 0; i++) {
		progress_count("backup", "homes", i, l.n);
		rc = take_one(t, l.v[i], e);
	}
	free(l.v);
	return rc;
}
