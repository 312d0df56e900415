/*
 * backup_take.c - see backup.h: a snapshot of the suite, at work or not.
 *
 * The order is what makes it one state (docs/adr): first the queue's journal up to where it ends
 * now, with the large messages that it names, none of which goes meanwhile (SPOOL_CUT); then
 * accounts and what else there is; then the homes. So a message that was acknowledged before is in
 * the journal, or delivered out of it into a home that is copied later, or in both, which recovery
 * knows. In a home first the index, copied by its owner, then the files: one that came later is
 * found as any new mail is, one that has gone is expunged.
 *
 * Homes are folders that confined processes write to, and this runs as root: no link is followed at
 * any step of a path, and only regular files are read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/backup_take.h"
#include "ctl/client.h"
#include "io/file.h"
#include "svc/build.h"

#define TEXT_MAX    (4ull << 30)
#define CUT_SECONDS 3600u
#define TRIES       3 /* at a file that is written to */

/* ---- what the snapshot before this one knows ---- */

struct known {
	struct str key;
	const struct backup_entry *x;
	UT_hash_handle hh;
};

/* A message's file is known by its base, in whatever folder and with whatever flags it is; any
 * other by its path. */
static struct str
key_of(struct str path, struct arena *a)
{
	size_t maildir = str_find(path, STR("/Maildir/")), slash = str_rchr(path, '/'), colon;
	struct str folder = str_sub(path, 0, slash), base;

	if (maildir == path.n || !(str_ends(folder, STR("/cur")) || str_ends(folder, STR("/new"))))
		return path;
	base = str_from(path, slash + 1);
	colon = str_find(base, STR(":2,"));
	return arena_printf(a, STR_FMT "//" STR_FMT, STR_ARG(str_sub(path, 0, maildir)),
	    STR_ARG(str_sub(base, 0, colon)));
}

static void
learn(struct take *t)
{
	struct err e = {0};
	struct str name;

	/* The first of all, or one that is damaged: everything is copied. */
	if (backup_store_read(t->store, NULL, &t->arena, &t->base, &name, &e) < 0) {
		t->base = (struct backup_manifest){0};
		t->base_name = STR("-");
		if (e.code != E_NOTFOUND)
			fprintf(stderr, "gkmail: %s; all is copied anew\n", e.text);
		return;
	}
	t->base_name = name;
	for (size_t i = 0; i < t->base.n; i++) {
		const struct backup_entry *x = &t->base.v[i];
		struct known *k, *there;

		if (x->folder)
			continue;
		backup_set_add(&t->digests, x->digest);
		k = arena_alloc(&t->arena, sizeof(*k));
		*k = (struct known){.key = key_of(x->path, &t->arena), .x = x};
		HASH_FIND(hh, t->known, k->key.p, k->key.n, there);
		if (there == NULL)
			HASH_ADD_KEYPTR(hh, t->known, k->key.p, k->key.n, k);
	}
}

/* The same octets as last time, and they are in the store? */
static bool
is_known(struct take *t, struct backup_entry *x)
{
	struct arena a;
	struct known *k;
	struct str key;

	arena_init(&a);
	key = key_of(x->path, &a);
	HASH_FIND(hh, t->known, key.p, key.n, k);
	arena_free(&a);
	if (k == NULL || k->x->size != x->size || k->x->mtime != x->mtime ||
	    !backup_store_has(t->store, k->x->digest, x->size))
		return false;
	memcpy(x->digest, k->x->digest, sizeof(x->digest));
	return true;
}

static bool
digest_is_known(void *arg, const char *digest)
{
	struct take *t = arg;

	return backup_set_has(t->digests, digest);
}

/* ---- entries ---- */

void
take_describe(const struct stat *st, struct str path, struct backup_entry *x)
{
	*x = (struct backup_entry){.folder = S_ISDIR(st->st_mode),
	    .size = (uint64_t)st->st_size,
	    .mode = st->st_mode & 07777,
	    .mtime = num_max((int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec, 0),
	    .user = backup_user_name(st->st_uid),
	    .group = backup_group_name(st->st_gid),
	    .path = path};
}

void
take_note(struct take *t, const struct backup_entry *x)
{
	backup_manifest_add(&t->text, x);
	if (x->folder)
		return;
	t->out->files++;
	t->out->octets += x->size;
}

int
take_octets(
    struct take *t, int fd, const struct take_how *how, struct backup_entry *x, struct err *e)
{
	const struct backup_copy copy = {.max = how->max,
	    .trim = how->trim,
	    .to_line_end = how->to_line_end,
	    .known = digest_is_known,
	    .arg = t};
	uint64_t added;

	if (backup_store_put(t->store, fd, &copy, x, &added, e) < 0)
		return -1;
	backup_set_add(&t->digests, x->digest);
	t->out->added += added;
	t->out->added_files += added > 0;
	return 0;
}

/* Again where it was written to meanwhile. */
static int
copy_file(struct take *t, int fd, const struct take_how *how, struct str path,
    struct backup_entry *x, struct err *e)
{
	struct stat before, after;

	if (fstat(fd, &before) < 0)
		return err_sys(e, "look at a file");
	for (int i = 0; i < TRIES; i++) {
		take_describe(&before, path, x);
		if (!how->trim && how->max == UINT64_MAX && is_known(t, x))
			return 0;
		if (lseek(fd, 0, SEEK_SET) < 0)
			return err_sys(e, "read");
		if (take_octets(t, fd, how, x, e) < 0)
			return -1;
		if (fstat(fd, &after) < 0)
			return err_sys(e, "look at a file");
		if (after.st_mtim.tv_sec == before.st_mtim.tv_sec &&
		    after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
			break;
		before = after;
	}
	return 0;
}

int
take_file(struct take *t, int dir, const char *name, struct str path, const struct take_how *how,
    struct backup_entry *x, struct err *e)
{
	struct stat st;
	int fd = -1, rc = -1;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return 0;
	if (fd < 0)
		return err_sys(e, STR_FMT, STR_ARG(path));
	if (fstat(fd, &st) < 0)
		err_sys(e, STR_FMT, STR_ARG(path));
	else if (!S_ISREG(st.st_mode))
		rc = 0;
	else if (copy_file(t, fd, how, path, x, e) == 0)
		rc = 1;
	else
		err_wrap(e, STR_FMT, STR_ARG(path));
	file_close(&fd);
	return rc;
}

/* ---- trees ---- */

int
take_names(int dir, struct arena *a, struct str **out, size_t *n, struct err *e)
{
	int fd = file_open(dir, ".", O_RDONLY | O_DIRECTORY, 0, e);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct str *v = NULL;
	struct dirent *de;
	size_t cap = 0;

	*n = 0;
	if (d == NULL)
		return -1;
	while ((de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (*n == cap)
			v = mem_grow(v, cap = cap ? 2 * cap : 64, sizeof(*v));
		v[(*n)++] = arena_dup(a, str_z(de->d_name));
	}
	closedir(d);
	*out = arena_array(a, *n + 1, sizeof(**out));
	if (*n > 0)
		memcpy(*out, v, *n * sizeof(*v));
	free(v);
	return 0;
}

/* data_dir itself is root's: a part of it may lie on another disk, behind a link. */
static int
may_follow(const struct take *t, int dir)
{
	return dir == t->data ? 0 : O_NOFOLLOW;
}

/* Opened and noted; 0: it is not there, or no folder. */
int
take_folder(struct take *t, int dir, const char *name, struct str path, int *fd, struct err *e)
{
	struct backup_entry x;
	struct stat st;

	*fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | may_follow(t, dir));
	if (*fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0;
	if (*fd < 0)
		return err_sys(e, STR_FMT, STR_ARG(path));
	if (fstat(*fd, &st) < 0)
		return err_sys(e, STR_FMT, STR_ARG(path));
	/* The target may lie within data_dir. */
	if (st.st_dev == t->target.st_dev && st.st_ino == t->target.st_ino) {
		file_close(fd);
		return 0;
	}
	take_describe(&st, path, &x);
	take_note(t, &x);
	return 1;
}

static int
take_any(
    struct take *t, int dir, const char *name, struct str path, take_skip_fn skip, struct err *e)
{
	static const struct take_how whole = {.max = UINT64_MAX};
	static const struct take_how trimmed = {.max = UINT64_MAX, .trim = true};
	static const struct take_how lines = {.max = UINT64_MAX, .to_line_end = true};
	const struct take_how *how = &whole;
	struct backup_entry x;
	struct stat st;
	int rc;

	if (skip != NULL && skip(t, path))
		return 0;
	if (fstatat(dir, name, &st, may_follow(t, dir) != 0 ? AT_SYMLINK_NOFOLLOW : 0) < 0)
		return errno == ENOENT ? 0 : err_sys(e, STR_FMT, STR_ARG(path));
	if (S_ISDIR(st.st_mode))
		return take_tree(t, dir, name, path, skip, e);
	if (str_ends(path, STR(".seg")))
		how = &trimmed;
	/* The audit log: a line may be half written. */
	else if (str_starts(path, STR("data/auth/audit/")) && !str_ends(path, STR("/head")))
		how = &lines;
	if ((rc = take_file(t, dir, name, path, how, &x, e)) == 1)
		take_note(t, &x);
	return rc < 0 ? -1 : 0;
}

int
take_tree(
    struct take *t, int dir, const char *name, struct str path, take_skip_fn skip, struct err *e)
{
	struct arena a;
	struct str *names;
	int fd = -1, rc;
	size_t n;

	arena_init(&a);
	if ((rc = take_folder(t, dir, name, path, &fd, e)) <= 0)
		goto out;
	if ((rc = take_names(fd, &a, &names, &n, e)) < 0)
		goto out;
	/* Where a log ends is read before the log: it is never behind what it tells of. */
	for (size_t i = 0; i < n; i++)
		if (str_eq_z(names[i], "head")) {
			struct str first = names[0];

			names[0] = names[i];
			names[i] = first;
		}
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = take_any(t, fd, names[i].p,
		    arena_printf(&a, STR_FMT "/" STR_FMT, STR_ARG(path), STR_ARG(names[i])), skip,
		    e);
out:
	file_close(&fd);
	arena_free(&a);
	return rc < 0 ? -1 : 0;
}

int
take_copy(struct take *t, const char *daemon, struct ipc_out *m, int dir, const char *name,
    struct str path, struct err *e)
{
	static const struct take_how whole = {.max = UINT64_MAX};
	struct backup_entry x;
	struct ipc_in in;
	struct stat st;
	int fd, rc = -1;

	if (client_call(daemon, m, &in, e) < 0)
		return -1;
	fd = ipc_take_fd(&in);
	if (ipc_end(&in) < 0)
		return err_set(e, E_PROTO, "unreadable answer");
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		err_sys(e, STR_FMT, STR_ARG(path));
	} else {
		take_describe(&st, path, &x);
		rc = take_octets(t, fd, &whole, &x, e);
	}
	if (rc == 0)
		take_note(t, &x);
	file_close(&fd);
	return rc;
}

/* ---- the queue ---- */

/* Only segments that were part of the cut, up to where they counted. */
static int
take_segments(struct take *t, int journal, struct ipc_in *in, struct err *e)
{
	uint32_t n = ipc_get_list(in);
	struct take_how *how = arena_array(&t->arena, n / 2 + 1, sizeof(*how));
	uint64_t *numbers = arena_array(&t->arena, n / 2 + 1, sizeof(*numbers));
	struct backup_entry x;

	for (uint32_t i = 0; i < n / 2; i++)
		if (num_parse(ipc_get_item(in), 1, UINT64_MAX, &numbers[i]) < 0 ||
		    num_parse(ipc_get_item(in), 0, UINT64_MAX, &how[i].max) < 0)
			return err_set(e, E_PROTO, "unreadable answer of gk-queue");
	if (n % 2 != 0 || ipc_end(in) < 0)
		return err_set(e, E_PROTO, "unreadable answer of gk-queue");
	for (uint32_t i = 0; i < n / 2; i++) {
		struct str name = arena_printf(&t->arena, "%016" PRIu64 ".seg", numbers[i]);
		int rc = take_file(t, journal, name.p,
		    arena_printf(&t->arena, "data/spool/journal/" STR_FMT, STR_ARG(name)), &how[i],
		    &x, e);

		if (rc == 0)
			return err_set(e, E_TEMP, "segment " STR_FMT " has gone", STR_ARG(name));
		if (rc < 0)
			return -1;
		take_note(t, &x);
	}
	return 0;
}

static int
cut(struct take *t, uint32_t seconds, struct ipc_in *in, struct err *e)
{
	struct ipc_out m;

	(void)t;
	ipc_begin(&m, MSG_SPOOL_CUT);
	ipc_put_u32(&m, seconds);
	return client_call("queue", &m, in, e);
}

/* Large messages on their way in are not finished: those that are have lost their write right. */
static bool
skip_incoming(struct take *t, struct str path)
{
	char name[300];
	struct stat st;

	if (!str_starts(path, STR("data/mail/.incoming/")))
		return false;
	return str_cz(str_from(path, sizeof("data/") - 1), name, sizeof(name)) < 0 ||
	       fstatat(t->data, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (st.st_mode & 0222) != 0;
}

static bool
skip_journal(struct take *t, struct str path)
{
	(void)t;
	return str_starts(path, STR("data/spool/journal"));
}

static int
take_spool(struct take *t, struct err *e)
{
	int spool = -1, journal = -1, rc = -1;
	struct ipc_in in;

	if (!t->running) {
		if (take_tree(t, t->data, "spool", STR("data/spool"), NULL, e) < 0 ||
		    take_tree(
			t, t->mail, ".incoming", STR("data/mail/.incoming"), skip_incoming, e) < 0)
			return -1;
		return 0;
	}
	if (take_tree(t, t->data, "spool", STR("data/spool"), skip_journal, e) < 0 ||
	    (spool = file_open(t->data, "spool", O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    take_folder(t, spool, "journal", STR("data/spool/journal"), &journal, e) < 0)
		goto out;
	if (cut(t, CUT_SECONDS, &in, e) < 0 || take_segments(t, journal, &in, e) < 0 ||
	    take_tree(t, t->mail, ".incoming", STR("data/mail/.incoming"), skip_incoming, e) < 0 ||
	    cut(t, 0, &in, e) < 0)
		goto out;
	rc = 0;
out:
	file_close(&journal);
	file_close(&spool);
	return rc;
}

/* ---- all the rest ---- */

static bool
skip_rest(struct take *t, struct str path)
{
	struct str name = str_from(path, str_rchr(path, '/') + 1);

	if (str_ends(name, STR("-shm")) || str_ends(name, STR(".copy")) ||
	    str_eq_z(name, BACKUP_RESTORING) || str_eq_z(name, BACKUP_LAST))
		return true;
	/* These come from who has them open. */
	return t->running && (str_starts(path, STR("data/auth/accounts.db")) ||
				 str_starts(path, STR("data/screen/reports.db")));
}

static int
take_database(struct take *t, const char *daemon, const char *file, struct err *e)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_DB_COPY);
	return take_copy(t, daemon, &m, t->data, file, arena_printf(&t->arena, "data/%s", file), e);
}

static int
take_rest(struct take *t, struct err *e)
{
	struct str *names;
	size_t n;

	if (t->running && (take_database(t, "authd", "auth/accounts.db", e) < 0 ||
			      take_database(t, "screen", "screen/reports.db", e) < 0))
		return -1;
	if (take_names(t->data, &t->arena, &names, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!str_eq_z(names[i], "spool") && !str_eq_z(names[i], "mail") &&
		    take_any(t, t->data, names[i].p,
			arena_printf(&t->arena, "data/" STR_FMT, STR_ARG(names[i])), skip_rest,
			e) < 0)
			return -1;
	return 0;
}

/* Is it taken with data_dir anyway? */
static bool
is_in_data(const struct take *t, struct str path)
{
	struct str data = t->data_path;

	while (data.n > 1 && data.p[data.n - 1] == '/')
		data.n--;
	return str_starts(path, data) && (path.n == data.n || path.p[data.n] == '/');
}

/* The configuration, and the files that it names: as they are read by whoever follows the names. */
static int
take_config(struct take *t, struct str path, struct err *e)
{
	struct str key = arena_printf(&t->arena, "config" STR_FMT, STR_ARG(path));
	const struct take_how whole = {.max = UINT64_MAX};
	struct backup_entry x;
	struct stat st;
	int fd, rc;

	if (path.n == 0 || path.p[0] != '/' || is_in_data(t, path))
		return 0;
	if ((fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "%s", path.p);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		rc = err_set(e, E_IO, "%s is no file", path.p);
	else if ((rc = copy_file(t, fd, &whole, key, &x, e)) == 0)
		take_note(t, &x);
	file_close(&fd);
	return rc;
}

static int
take_configs(struct take *t, struct err *e)
{
	static const enum conf_key keys[] = {CONF_TLS_CERTIFICATE, CONF_TLS_KEY, CONF_TLS_CLIENT_CA,
	    CONF_ACME_CA_FILE, CONF_ACME_EAB_KEY_FILE, CONF_DNS_TRUST_ANCHOR, CONF_REMOTE_CA_FILE,
	    CONF_ASSISTANT_API_KEY_FILE, CONF_ASSISTANT_CA_FILE};
	static const struct {
		enum conf_table table;
		enum conf_key key;
	} of_tables[] = {{CONF_TABLE_CERTIFICATE, CONF_CERTIFICATE_CERTIFICATE},
	    {CONF_TABLE_CERTIFICATE, CONF_CERTIFICATE_KEY},
	    {CONF_TABLE_ROUTE, CONF_ROUTE_PASSWORD_FILE}, {CONF_TABLE_ROUTE, CONF_ROUTE_CA_FILE}};

	if (take_config(t, t->config_path, e) < 0)
		return -1;
	/* What nobody has written is the system's own. */
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(conf_origin(t->conf, keys[i]), "default") != 0 &&
		    take_config(t, conf_str(t->conf, keys[i]), e) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(of_tables); i++)
		for (size_t k = 0; k < conf_count(t->conf, of_tables[i].table); k++)
			if (take_config(t, conf_row_str(t->conf, of_tables[i].key, k), e) < 0)
				return -1;
	return 0;
}

/* ---- the whole ---- */

static int
begin(struct take *t, struct err *e)
{
	struct stat st;

	if ((t->conf = client_conf(e)) == NULL)
		return -1;
	t->data_path = conf_str(t->conf, CONF_SERVER_DATA_DIR);
	t->config_path = str_z(realpath(client_conf_path(), NULL));
	if (fstat(t->store->dir, &t->target) < 0)
		return err_sys(e, "%s", t->store->path);
	if ((t->data = file_open(AT_FDCWD, conf_z(t->conf, CONF_SERVER_DATA_DIR),
		 O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    fstat(t->data, &st) < 0)
		return -1;
	if (geteuid() == 0 || st.st_uid == geteuid())
		return 0;
	return err_set(e, E_DENIED, "run gkmail backup as root, who alone may read all of it");
}

static int
is_running(struct take *t, struct err *e)
{
	struct str build;
	uint32_t pid;

	if (client_hello(&build, &pid, e) == 0) {
		t->running = true;
		return 0;
	}
	return e->code == E_NOTFOUND ? 0 : -1;
}

static int
take_everything(struct take *t, const char *user, struct err *e)
{
	struct backup_entry x;
	struct stat st;

	if (fstat(t->data, &st) < 0)
		return err_sys(e, "look at the data");
	take_describe(&st, STR("data"), &x);
	take_note(t, &x);
	if (take_folder(t, t->data, "mail", STR("data/mail"), &t->mail, e) < 0)
		return -1;
	if (user == NULL && (take_spool(t, e) < 0 || take_rest(t, e) < 0 || take_configs(t, e) < 0))
		return -1;
	return t->mail < 0 ? 0 : take_homes(t, user, e);
}

int
backup_take(struct backup_store *s, const char *user, struct backup_taken *out, struct err *e)
{
	struct take t = {.store = s, .out = out, .data = -1, .mail = -1};
	struct backup_manifest head;
	int rc = -1;

	*out = (struct backup_taken){0};
	arena_init(&t.arena);
	buf_init(&t.text, TEXT_MAX);
	if (begin(&t, e) < 0 || is_running(&t, e) < 0)
		goto out;
	learn(&t);
	head = (struct backup_manifest){.scope = user != NULL ? str_z(user) : STR("all"),
	    .host = conf_str(t.conf, CONF_SERVER_HOST_NAME),
	    .build = str_z(build_id()),
	    .base = t.base_name,
	    .config = t.config_path,
	    .data = t.data_path};
	backup_manifest_head(&t.text, &head);
	if (take_everything(&t, user, e) < 0)
		goto out;
	backup_manifest_end(&t.text, out->files, out->octets);
	if (t.text.over)
		err_set(e, E_LIMIT, "too many files");
	else
		rc = backup_store_commit(s, buf_view(&t.text), out->name, e);
out:
	backup_progress_end();
	HASH_CLEAR(hh, t.known);
	backup_set_free(&t.digests);
	free((char *)t.config_path.p);
	file_close(&t.data);
	file_close(&t.mail);
	buf_free(&t.text);
	arena_free(&t.arena);
	return rc;
}
