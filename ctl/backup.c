/* backup.c - gkmail backup: take, list, verify and prune snapshots. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/backup_take.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "io/file.h"

#define DAMAGED_SHOWN 20u

const char *
backup_folder(const char *given, struct err *e)
{
	const struct conf *c;

	if (given != NULL)
		return given;
	if ((c = client_conf(e)) == NULL)
		return NULL;
	/* A sandbox has its own, so that nobody has to be root for it. */
	if (ctl.dir != NULL && strcmp(conf_origin(c, CONF_BACKUP_DIRECTORY), "default") == 0)
		return arena_printf(&ctl.arena, "%s/backup", ctl.dir).p;
	return conf_z(c, CONF_BACKUP_DIRECTORY);
}

static struct str
size_text(uint64_t octets)
{
	return out_size(arena_printf(&ctl.arena, "%" PRIu64, octets), &ctl.arena);
}

/* ---- take ---- */

/* For gkmail status and the alert: when all was backed up last. */
static int
note_last(const char *name, struct err *e)
{
	const struct conf *c = client_conf(e);
	int dir = -1, fd = -1, rc = -1;

	if (c == NULL ||
	    (dir = file_open(
		 AT_FDCWD, conf_z(c, CONF_SERVER_DATA_DIR), O_RDONLY | O_DIRECTORY, 0, e)) < 0 ||
	    (fd = file_open(dir, BACKUP_LAST ".new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW,
		 0644, e)) < 0 ||
	    file_write(fd, name, strlen(name), e) < 0 || file_write(fd, "\n", 1, e) < 0 ||
	    file_rename(dir, BACKUP_LAST ".new", dir, BACKUP_LAST, e) < 0)
		goto out;
	rc = 0;
out:
	file_close(&fd);
	file_close(&dir);
	return rc;
}

bool
backup_last(struct str *name, uint64_t *age)
{
	struct err e = {0};
	const struct conf *c = client_conf(&e);
	struct stat st;
	const char *path;

	if (c == NULL)
		return false;
	path = arena_printf(&ctl.arena, "%s/" BACKUP_LAST, conf_z(c, CONF_SERVER_DATA_DIR)).p;
	if (stat(path, &st) < 0 ||
	    file_read_all(AT_FDCWD, path, BACKUP_NAME_LEN + 1, &ctl.arena, name, &e) < 0)
		return false;
	*name = str_trim(*name);
	*age = (uint64_t)num_max(clock_wall() - (int64_t)st.st_mtim.tv_sec, 0);
	return backup_name_valid(*name);
}

static void
print_taken(const struct backup_taken *t, const char *folder)
{
	struct json j;

	if (!ctl.json) {
		printf("snapshot %s in %s: %" PRIu64 " files, " STR_FMT "; new: %" PRIu64
		       " files, " STR_FMT "\n",
		    t->name, folder, t->files, STR_ARG(size_text(t->octets)), t->added_files,
		    STR_ARG(size_text(t->added)));
		return;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_z(&j, "snapshot", t->name);
	json_z(&j, "folder", folder);
	json_num(&j, "homes", t->homes);
	json_num(&j, "files", t->files);
	json_num(&j, "octets", t->octets);
	json_num(&j, "new_files", t->added_files);
	json_num(&j, "new_octets", t->added);
	json_close(&j, '}');
	json_print(&j);
}

int
verb_backup(struct err *e)
{
	const char *to = args_value("--to"), *user = args_value("--user");
	struct backup_store s;
	struct backup_taken t;
	int rc;

	/* What is written is for the owner's eyes, whatever the umask. */
	umask(077);
	if (args_end(0, 0, e) < 0 || (to = backup_folder(to, e)) == NULL ||
	    backup_store_open(&s, to, true, true, e) < 0)
		return -1;
	rc = backup_take(&s, user, &t, e);
	backup_store_close(&s);
	if (rc < 0 || (user == NULL && note_last(t.name, e) < 0))
		return -1;
	print_taken(&t, to);
	return 0;
}

/* ---- list ---- */

int
verb_backup_list(struct err *e)
{
	const char *from = args_value("--from");
	struct str *names, *cells;
	struct backup_store s;
	struct arena a;
	struct json j;
	size_t n;

	if (args_end(0, 0, e) < 0 || (from = backup_folder(from, e)) == NULL ||
	    backup_store_open(&s, from, false, false, e) < 0)
		return -1;
	arena_init(&a);
	if (backup_store_list(&s, &ctl.arena, &names, &n, e) < 0)
		return -1;
	cells = arena_array(&ctl.arena, (n + 1) * 5, sizeof(*cells));
	cells[0] = STR("snapshot");
	cells[1] = STR("what");
	cells[2] = STR("files");
	cells[3] = STR("size");
	cells[4] = STR("host");
	json_init(&j);
	json_open(&j, NULL, '[');
	for (size_t i = 0; i < n; i++) {
		struct str *c = &cells[(i + 1) * 5], name;
		struct backup_manifest m = {0};
		struct err why = {0};
		uint64_t files = 0;
		bool good;

		arena_reset(&a);
		good = backup_store_read(&s, names[i].p, &a, &m, &name, &why) == 0;
		for (size_t k = 0; k < m.n && good; k++)
			files += !m.v[k].folder;
		c[0] = names[i];
		c[1] = arena_dup(&ctl.arena, good ? m.scope : STR("damaged"));
		c[2] = arena_printf(&ctl.arena, "%" PRIu64, files);
		c[3] = size_text(good ? m.octets : 0);
		c[4] = arena_dup(&ctl.arena, good ? m.host : STR("-"));
		json_open(&j, NULL, '{');
		json_str(&j, "snapshot", names[i]);
		json_bool(&j, "readable", good);
		json_str(&j, "what", c[1]);
		json_num(&j, "files", files);
		json_num(&j, "octets", good ? m.octets : 0);
		json_str(&j, "host", c[4]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	if (ctl.json)
		json_print(&j);
	else
		out_table(cells, (n + 1) * 5, 5);
	arena_free(&a);
	backup_store_close(&s);
	return 0;
}

/* ---- verify ---- */

int
backup_verify(struct backup_store *s, const struct backup_manifest *m, struct backup_set **good,
    uint64_t *damaged, struct err *e)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct backup_entry *x = &m->v[i];
		struct err why = {0};

		progress_count("verify", "files", i, m->n);
		if (x->folder || backup_set_has(*good, x->digest))
			continue;
		if (backup_store_get(s, x, -1, &why) == 0) {
			backup_set_add(good, x->digest);
			continue;
		}
		if (why.code != E_PROTO && why.code != E_NOTFOUND && why.code != E_IO) {
			*e = why;
			return -1;
		}
		if ((*damaged)++ >= DAMAGED_SHOWN)
			continue;
		progress_end();
		fprintf(stderr, "gkmail: %s: ", why.text);
		out_str(stderr, x->path);
		fputc('\n', stderr);
	}
	progress_end();
	return 0;
}

static void
print_verified(size_t snapshots, uint64_t damaged)
{
	struct json j;

	if (!ctl.json) {
		if (damaged == 0)
			printf("%zu snapshot%s: every file is as it was taken\n", snapshots,
			    snapshots == 1 ? "" : "s");
		else
			printf("%" PRIu64 " damaged\n", damaged);
		return;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_num(&j, "snapshots", snapshots);
	json_num(&j, "damaged", damaged);
	json_close(&j, '}');
	json_print(&j);
}

int
verb_backup_verify(struct err *e)
{
	const char *from = args_value("--from");
	bool all = args_flag("--all");
	struct backup_set *good = NULL;
	struct str *names, name;
	struct backup_store s;
	uint64_t damaged = 0;
	struct arena a;
	size_t n;
	int rc = 0;

	if (args_end(0, 1, e) < 0 || (from = backup_folder(from, e)) == NULL ||
	    backup_store_open(&s, from, false, false, e) < 0 ||
	    backup_store_list(&s, &ctl.arena, &names, &n, e) < 0)
		return -1;
	if (n == 0)
		return err_set(e, E_NOTFOUND, "there is no snapshot in %s", from);
	if (!all) {
		names[0] = ctl.nargs > 0 ? str_z(ctl.args[0]) : names[n - 1];
		n = 1;
	}
	arena_init(&a);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct backup_manifest m;
		struct err why = {0};

		arena_reset(&a);
		if (backup_store_read(&s, names[i].p, &a, &m, &name, &why) == 0) {
			rc = backup_verify(&s, &m, &good, &damaged, e);
		} else if (why.code == E_PROTO) {
			fprintf(stderr, "gkmail: %s\n", why.text);
			damaged++;
		} else {
			*e = why;
			rc = -1;
		}
	}
	if (rc == 0)
		print_verified(n, damaged);
	backup_set_free(&good);
	arena_free(&a);
	backup_store_close(&s);
	return rc < 0 ? -1 : damaged > 0 ? EXIT_FAIL : EXIT_DONE;
}

/* ---- prune ---- */

static bool
keeps(void *arg, const char *digest)
{
	return backup_set_has(arg, digest);
}

/* What the snapshots that stay name. So many of everything stay, and what was taken since the first
 * of them: one user's mail is not in the place of all. One that cannot be read stops it: nobody
 * knows what it needs. *go: so many of the oldest may go. */
static int
gather(struct backup_store *s, const struct str *names, size_t n, size_t keep,
    struct backup_set **set, size_t *go, struct err *e)
{
	struct arena a;
	size_t whole = 0;
	int rc = 0;

	arena_init(&a);
	for (*go = n; *go > 0 && whole < keep && rc == 0; --*go) {
		struct backup_manifest m;
		struct str name;

		arena_reset(&a);
		rc = backup_store_read(s, names[*go - 1].p, &a, &m, &name, e);
		for (size_t k = 0; k < m.n && rc == 0; k++)
			if (!m.v[k].folder)
				backup_set_add(set, m.v[k].digest);
		whole += rc == 0 && str_eq_z(m.scope, "all");
	}
	arena_free(&a);
	return rc;
}

static int
prune(struct backup_store *s, size_t keep, struct err *e)
{
	uint64_t objects = 0, octets = 0;
	struct backup_set *set = NULL;
	struct str *names;
	size_t n, go;
	int rc;

	if (backup_store_list(s, &ctl.arena, &names, &n, e) < 0)
		return -1;
	rc = gather(s, names, n, keep, &set, &go, e);
	for (size_t i = 0; i < go && rc == 0; i++)
		rc = backup_store_drop(s, names[i], e);
	if (rc == 0)
		rc = backup_store_sweep(s, keeps, set, &objects, &octets, e);
	backup_set_free(&set);
	if (rc < 0)
		return -1;
	if (ctl.json) {
		struct json j;

		json_init(&j);
		json_open(&j, NULL, '{');
		json_num(&j, "snapshots", go);
		json_num(&j, "files", objects);
		json_num(&j, "octets", octets);
		json_close(&j, '}');
		json_print(&j);
	} else {
		printf("removed %zu snapshot%s, %" PRIu64 " files, " STR_FMT "\n", go,
		    go == 1 ? "" : "s", objects, STR_ARG(size_text(octets)));
	}
	return 0;
}

int
verb_backup_prune(struct err *e)
{
	const char *from = args_value("--from"), *keep = args_value("--keep");
	struct backup_store s;
	uint64_t n;
	int rc;

	if (args_end(0, 0, e) < 0)
		return -1;
	if (keep == NULL || num_parse(str_z(keep), 1, 1000000, &n) < 0)
		return args_wrong(e, "--keep takes how many snapshots stay, at least 1");
	if ((from = backup_folder(from, e)) == NULL ||
	    backup_store_open(&s, from, true, false, e) < 0)
		return -1;
	rc = prune(&s, (size_t)n, e);
	backup_store_close(&s);
	return rc;
}
