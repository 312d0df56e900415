/*
 * backup_take.c - see backup.h: a snapshot of the suite, at work or not.
 *
 * The order is what makes it one state (docs/adr): first the queue's journal up to where it ends
 * now, with the large messages that it names, none of which goes meanwhile (SPOOL_CUT); then
 * accounts and what else there is; then the homes. So a message that was acknowledged before is in
 * the journal, or delivered out of it into a home that is copied later, or in both, which recovery
 * knows. In a home first the index, copied by its owner, then the files: one that came later is
 * found as any new mail is, one that has gone is expunged.
 */
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
#include "ctl/progress.h"
#include "io/file.h"
#include "svc/build.h"

#define TEXT_MAX    (4ull << 30)
#define CUT_SECONDS 3600u

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
	else if ((rc = take_opened(t, fd, &whole, key, &x, e)) == 0)
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

/* What nobody had open was copied as it lay there. */
static int
is_as_before(struct take *t, struct err *e)
{
	struct err none = {0};
	struct str build;
	uint32_t pid;

	if (t->running || client_hello(&build, &pid, &none) < 0)
		return 0;
	return err_set(e, E_TEMP, "GK Mail was started meanwhile: run it again");
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
	take_learn(&t, user == NULL);
	head = (struct backup_manifest){.scope = user != NULL ? str_z(user) : STR("all"),
	    .host = conf_str(t.conf, CONF_SERVER_HOST_NAME),
	    .build = str_z(build_id()),
	    .base = t.base_name,
	    .config = t.config_path,
	    .data = t.data_path};
	backup_manifest_head(&t.text, &head);
	if (take_everything(&t, user, e) < 0 || is_as_before(&t, e) < 0)
		goto out;
	backup_manifest_end(&t.text, out->files, out->octets);
	if (t.text.over)
		err_set(e, E_LIMIT, "too many files");
	else
		rc = backup_store_commit(s, buf_view(&t.text), out->name, e);
out:
	progress_end();
	take_forget(&t);
	free((char *)t.config_path.p);
	file_close(&t.data);
	file_close(&t.mail);
	buf_free(&t.text);
	arena_free(&t.arena);
	return rc;
}
