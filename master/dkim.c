/*
 * dkim.c - the DKIM keys: files that root alone reads, handed to gk-sign in one sealed memory file
 * ("dkim.keys", svc/dkim_set.h). gkmail makes them and has their state changed through here.
 *
 * A change is written and synced first, then gk-sign is given the whole set and asked whether it
 * can do with it; if it cannot, the change is taken back. A key that is no good, put there by hand,
 * stops a start and fails a reload, as a certificate does.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "io/file.h"
#include "master/master.h"
#include "svc/dkim_set.h"

static int current = -1, before = -1;

/* ---- reading ---- */

static int
open_dir(const struct conf *c, struct err *e)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/dkim", conf_z(c, CONF_SERVER_DATA_DIR));
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "create %s", path);
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_sys(e, "open %s", path);
	return fd;
}

/* "selector.active"; what is named otherwise is nobody's business here. */
static bool
take_name(const char *name, struct dkim_entry *entry)
{
	struct str all = str_z(name);
	size_t dot = str_rchr(all, '.');

	entry->selector = str_sub(all, 0, dot);
	entry->state = dkim_state_parse(str_from(all, dot + 1));
	return dot < all.n && dkim_is_selector(entry->selector) && entry->state < DKIM_STATES;
}

static int
read_domain(int dir, const char *domain, struct buf *set, struct err *e)
{
	int fd = openat(dir, domain, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dkim_entry entry = {.domain = str_z(domain)};
	struct dirent *de;
	struct arena a;

	if (d == NULL)
		return err_sys(e, "open dkim/%s", domain);
	arena_init(&a);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (!take_name(de->d_name, &entry))
			continue;
		rc = file_read_all(fd, de->d_name, DKIM_PEM_MAX, &a, &entry.pem, e);
		if (rc == 0)
			dkim_set_put(set, &entry);
	}
	closedir(d);
	arena_free(&a);
	return rc;
}

static int
read_set(const struct conf *c, struct buf *set, struct err *e)
{
	int fd = open_dir(c, e), rc = 0;
	DIR *d;
	struct dirent *de;

	if (fd < 0)
		return -1;
	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return err_sys(e, "read dkim");
	}
	while (rc == 0 && (de = readdir(d)) != NULL)
		if (dkim_is_domain(str_z(de->d_name)))
			rc = read_domain(fd, de->d_name, set, e);
	closedir(d);
	if (rc == 0 && set->over)
		rc = err_set(e, E_LIMIT, "too many DKIM keys");
	return rc;
}

int
dkim_files_open(const struct conf *c, struct err *e)
{
	struct buf set;
	int fd = -1;

	buf_init(&set, DKIM_SET_MAX);
	if (read_set(c, &set, e) == 0)
		fd = file_memory("dkim.keys", buf_view(&set).p, set.n, e);
	if (set.n > 0) /* without keys there is no memory either */
		explicit_bzero(set.p, set.n);
	buf_free(&set);
	if (fd < 0)
		return -1;
	file_close(&before);
	before = current;
	current = fd;
	return 0;
}

void
dkim_files_commit(void)
{
	file_close(&before);
}

void
dkim_files_rollback(void)
{
	file_close(&current);
	current = before;
	before = -1;
}

void
dkim_files_give(struct process *p)
{
	setup_file(p, "dkim.keys", fcntl(current, F_DUPFD_CLOEXEC, 0));
}

/* ---- changing ---- */

#define CHANGES_MAX 16u

/* What a change does, and undoes: a name that appears (from empty), another one, or none (to
 * empty). */
struct rename {
	char from[NAME_MAX + 1], to[NAME_MAX + 1];
};

static struct {
	struct ipc_chan *client; /* NULL: gone meanwhile */
	bool active;
	uint64_t id;
	enum ipc_type answer;
	int dir; /* of the domain */
	struct rename v[CHANGES_MAX];
	size_t n;
} now = {.dir = -1};

bool
dkim_busy(void)
{
	return now.active;
}

static void
finish(const struct err *e)
{
	if (now.client != NULL && e == NULL)
		ipc_reply_ok(now.client, now.id, now.answer);
	else if (now.client != NULL)
		ipc_reply_error(now.client, now.id, e);
	file_close(&now.dir);
	now.active = false;
	now.client = NULL;
}

/* What the i-th change makes of its key. A removed one keeps a name that no reader takes until
 * gk-sign has let go of it. */
static const char *
new_name(size_t i)
{
	static char name[32];

	if (now.v[i].to[0] != '\0')
		return now.v[i].to;
	snprintf(name, sizeof(name), ".removed-%zu", i);
	return name;
}

static void
undo(void)
{
	struct err e;

	for (size_t i = now.n; i > 0; i--) {
		const char *from = now.v[i - 1].from, *to = new_name(i - 1);

		if ((from[0] == '\0' ? file_unlink(now.dir, to, &e)
				     : file_rename(now.dir, to, now.dir, from, &e)) < 0)
			log_error("master.dkim", LE(&e));
	}
}

static void
refused(struct process *p, const struct err *e)
{
	undo();
	dkim_files_rollback();
	if (p->greeted) {
		dkim_files_give(p);
		round_restore(p);
	}
	finish(e);
}

static void
taken_up(void)
{
	struct err e;

	dkim_files_commit();
	for (size_t i = 0; i < now.n; i++)
		if (now.v[i].to[0] == '\0' && file_unlink(now.dir, new_name(i), &e) < 0)
			log_error("master.dkim", LE(&e));
	finish(file_sync_dir(now.dir, "dkim.name", &e) < 0 ? &e : NULL);
}

static void
told(const struct err *e)
{
	if (e != NULL)
		refused(process_of(PEER_SIGN), e);
	else
		taken_up();
}

static void
tell_sign(void)
{
	struct process *p = process_of(PEER_SIGN);
	struct err e;

	if (dkim_files_open(master.conf, &e) < 0) {
		undo();
		finish(&e);
	} else if (p == NULL || !p->greeted) {
		taken_up();
	} else {
		dkim_files_give(p);
		round_begin(told);
		round_ask(p);
		round_end();
	}
}

static int
begin(struct ipc_chan *c, struct ipc_in *m, struct str domain, enum ipc_type answer, struct err *e)
{
	char name[256];
	int dir;

	if (!dkim_is_domain(domain) || str_cz(domain, name, sizeof(name)) < 0)
		return err_set(e, E_INVAL, "not a domain: A-labels in lower case, please");
	if (now.active || reload_busy() || acme_busy())
		return err_set(e, E_TEMP, "busy with another change; try again");
	if ((dir = open_dir(master.conf, e)) < 0)
		return -1;
	now.dir = -1;
	if (answer != MSG_DKIM_ADD_R ||
	    (file_mkdir(dir, name, 0700, e) == 0 && file_sync_dir(dir, "dkim.domain", e) == 0))
		now.dir = file_open(dir, name, O_RDONLY | O_DIRECTORY, 0, e);
	file_close(&dir);
	if (now.dir < 0)
		return -1;
	now.active = true;
	now.client = c;
	now.id = m->id;
	now.answer = answer;
	now.n = 0;
	return 0;
}

/* Is there such a key, in whatever state? Its name then. */
static bool
find(struct str selector, char out[NAME_MAX + 1])
{
	for (unsigned s = 0; s < DKIM_STATES; s++) {
		snprintf(out, NAME_MAX + 1, STR_FMT ".%s", STR_ARG(selector),
		    dkim_state_name((enum dkim_state)s));
		if (faccessat(now.dir, out, F_OK, 0) == 0)
			return true;
	}
	return false;
}

static int
write_key(struct str selector, enum dkim_state state, struct str pem, struct err *e)
{
	struct rename *r = &now.v[now.n];
	int fd, rc = -1;

	if (!dkim_is_selector(selector) || state >= DKIM_STATES || pem.n > DKIM_PEM_MAX)
		return err_set(e, E_INVAL, "not a selector, or not a key");
	if (find(selector, r->to))
		return err_set(e, E_EXISTS, "there is a key of that selector already");
	snprintf(r->to, sizeof(r->to), STR_FMT ".%s", STR_ARG(selector), dkim_state_name(state));
	r->from[0] = '\0';
	file_unlink(now.dir, ".new", NULL);
	if ((fd = file_open(now.dir, ".new", O_WRONLY | O_CREAT | O_EXCL, 0600, e)) < 0)
		return -1;
	if (file_write(fd, pem.p, pem.n, e) == 0 && file_sync(fd, "dkim.key", e) == 0 &&
	    file_rename_new(now.dir, ".new", now.dir, r->to, e) == 0)
		rc = 0;
	file_close(&fd);
	now.n += rc == 0;
	return rc;
}

void
dkim_add(struct ipc_chan *c, struct ipc_in *m)
{
	struct str domain = ipc_get_str(m), selector = ipc_get_str(m);
	uint32_t state = ipc_get_u32(m);
	struct str pem = ipc_get_str(m);
	struct err e;

	if (ipc_end(m) < 0)
		return;
	if (begin(c, m, domain, MSG_DKIM_ADD_R, &e) < 0) {
		ipc_reply_error(c, m->id, &e);
	} else if (write_key(selector, (enum dkim_state)state, pem, &e) < 0) {
		finish(&e);
	} else {
		log_info("master.dkim_add", LS("domain", domain), LS("selector", selector));
		tell_sign();
	}
}

/* state empty: the key goes. */
static int
change(struct str selector, struct str state, struct err *e)
{
	struct rename *r = &now.v[now.n];
	enum dkim_state s = dkim_state_parse(state);

	if (!dkim_is_selector(selector) || !find(selector, r->from))
		return err_set(e, E_NOTFOUND, "there is no key of that selector");
	if (state.n == 0)
		r->to[0] = '\0';
	else if (s < DKIM_STATES)
		snprintf(
		    r->to, sizeof(r->to), STR_FMT ".%s", STR_ARG(selector), dkim_state_name(s));
	else
		return err_set(e, E_INVAL, "no such state");
	if (file_rename(now.dir, r->from, now.dir, new_name(now.n), e) < 0)
		return -1;
	now.n++;
	return 0;
}

void
dkim_change(struct ipc_chan *c, struct ipc_in *m)
{
	struct str domain = ipc_get_str(m), v[CHANGES_MAX * 2];
	uint32_t n = ipc_get_list(m);
	struct err e;

	for (uint32_t i = 0; i < n && i < ARRAY_LEN(v); i++)
		v[i] = ipc_get_item(m);
	if (n % 2 != 0 || n > ARRAY_LEN(v)) {
		ipc_refuse(m);
		return;
	}
	if (ipc_end(m) < 0)
		return;
	if (begin(c, m, domain, MSG_DKIM_CHANGE_R, &e) < 0) {
		ipc_reply_error(c, m->id, &e);
		return;
	}
	for (uint32_t i = 0; i < n; i += 2) {
		if (change(v[i], v[i + 1], &e) < 0) {
			undo();
			finish(&e);
			return;
		}
		log_info("master.dkim_change", LS("domain", domain), LS("selector", v[i]),
		    LS("state", v[i + 1].n > 0 ? v[i + 1] : STR("removed")));
	}
	tell_sign();
}

void
dkim_client_gone(const struct ipc_chan *c)
{
	if (now.client == c)
		now.client = NULL;
}
