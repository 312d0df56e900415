/*
 * sandbox_dir.c - the files of a sandbox: configuration, certificates, ports.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "ctl/sandbox.h"
#include "io/file.h"
#include "net/certificate.h"
#include "net/sock.h"
#include "svc/conf.h"

/* CONVENTIONS, "Sandbox ports" */
static const struct listener {
	const char *name, *section, *key;
	unsigned demo_port;
} listeners[] = {
    {"smtp", "smtp", "listen", 2525},
    {"submission", "submission", "listen", 2587},
    {"submissions", "submission", "listen_tls", 2465},
    {"imap", "imap", "listen", 2143},
    {"imaps", "imap", "listen_tls", 2993},
    {"https", "web", "listen", 8443},
    {"metrics", "metrics", "listen", 9090},
};

static int
write_file(const char *path, struct str text, mode_t mode, struct err *e)
{
	int fd = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode, e), rc;

	if (fd < 0)
		return -1;
	rc = file_write(fd, text.p, text.n, e);
	file_close(&fd);
	return rc;
}

/* ---- ports ---- */

/* Where it listened last time ("name address" lines). */
static struct str
last_address(const struct sandbox *s, const char *name)
{
	struct str all, line, word;
	struct err none;

	if (file_read_all(AT_FDCWD, sandbox_path(s, "ports"), 4096, &ctl.arena, &all, &none) < 0)
		return STR_NONE;
	while (str_cut(&all, '\n', &line))
		if (str_cut(&line, ' ', &word) && str_eq_z(word, name))
			return line;
	return STR_NONE;
}

/* The port of last time where it is free, else one that the kernel chooses. */
static struct str
address(const struct sandbox *s, const struct listener *l)
{
	struct str last;
	struct err none;

	if (s->demo)
		return arena_printf(&ctl.arena, "127.0.0.1:%u", l->demo_port);
	last = last_address(s, l->name);
	return last.n > 0 && sock_try(last, &none) == 0 ? last : STR("127.0.0.1:0");
}

int
sandbox_dir_save_ports(const struct sandbox *s, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, 4096);
	for (size_t i = 0; i < s->status.nlisteners; i++)
		buf_printf(&b, STR_FMT " " STR_FMT "\n", STR_ARG(s->status.listeners[i].name),
		    STR_ARG(s->status.listeners[i].address));
	rc = write_file(sandbox_path(s, "ports"), buf_view(&b), 0644, e);
	buf_free(&b);
	return rc;
}

/* ---- the run directory ---- */

#define RUN_MAX 80u /* of server.run_dir */

/* Is it a directory that nobody else can write to? */
static bool
is_ours(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & 022) == 0;
}

/* The one that an earlier start of this DIR has left, by being killed. */
static bool
reuse_run(struct sandbox *s)
{
	struct conf *c = NULL;
	struct str text;
	struct err none;
	bool found = false;

	if (file_read_all(AT_FDCWD, s->conf, 1u << 20, &ctl.arena, &text, &none) == 0 &&
	    (c = conf_parse(text, s->conf, &none)) != NULL) {
		snprintf(s->run, sizeof(s->run), "%s", conf_z(c, CONF_SERVER_RUN_DIR));
		found = is_ours(s->run);
	}
	conf_free(&c);
	return found;
}

int
sandbox_dir_run(struct sandbox *s, struct err *e)
{
	const char *base = getenv("XDG_RUNTIME_DIR");

	snprintf(s->run, sizeof(s->run), "%.*s/run", (int)sizeof(s->run) - 8, s->dir);
	if (strlen(s->run) <= RUN_MAX || reuse_run(s))
		return 0;
	/* The suite's other users must be able to walk through: not so in root's own. */
	if (base == NULL || base[0] != '/' || strlen(base) > RUN_MAX / 2 || geteuid() == 0)
		base = "/tmp";
	snprintf(s->run, sizeof(s->run), "%s/gkmail-run-XXXXXX", base);
	if (mkdtemp(s->run) == NULL)
		return err_sys(e, "make a directory in %s", base);
	return 0;
}

void
sandbox_dir_leave(const struct sandbox *s)
{
	static const char *const files[] = {"control.sock", "master.pid"};
	size_t n = strlen(s->dir);

	if (s->run[0] == '\0' || (strncmp(s->run, s->dir, n) == 0 && s->run[n] == '/'))
		return;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(arena_printf(&ctl.arena, "%s/%s", s->run, files[i]).p);
	rmdir(arena_printf(&ctl.arena, "%s/empty", s->run).p);
	rmdir(s->run);
}

/* ---- configuration ---- */

static struct str
own_settings(const struct sandbox *s)
{
	struct str text;
	struct buf b;

	buf_init(&b, 65536);
	buf_printf(&b,
	    "[server]\nhost_name = 'mail." STR_FMT "'\ndata_dir = '%s/data'\nrun_dir = '%s'\n"
	    "drain_timeout = '10s'\n"
	    "[tls]\ncertificate = '%s/tls/certificate.pem'\nkey = '%s/tls/key.pem'\n"
	    "[queue]\nmin_free = '16MiB'\n"
	    /* There may be no network: whoever asks finds out soon. */
	    "[dns]\ntimeout = '2s'\n"
	    /* Every client of a sandbox comes from one address. */
	    "[limits]\nconnections = 20000\nconnections_per_ip = 20000\n"
	    "[log]\nto = '%s/log'\n",
	    STR_ARG(s->domain), s->dir, s->run, s->dir, s->dir, s->dir);
	for (size_t i = 0; i < ARRAY_LEN(listeners); i++) {
		if (i == 0 || strcmp(listeners[i].section, listeners[i - 1].section) != 0)
			buf_printf(&b, "[%s]\n", listeners[i].section);
		buf_printf(&b, "%s = ['" STR_FMT "']\n", listeners[i].key,
		    STR_ARG(address(s, &listeners[i])));
	}
	text = arena_dup(&ctl.arena, buf_view(&b));
	buf_free(&b);
	return text;
}

static void
put_rows(struct buf *b, const struct conf *c, enum conf_table t)
{
	for (size_t i = 0; i < conf_count(c, t); i++) {
		buf_printf(b, "\n[[%s]]\n", conf_tables[t].name);
		for (size_t k = CONF_COUNT; k < CONF_ALL; k++)
			if (strcmp(conf_rows[k].section, conf_tables[t].name) == 0)
				buf_printf(b, "%s = " STR_FMT "\n", conf_rows[k].key,
				    STR_ARG(conf_row_text(c, (enum conf_key)k, i, &ctl.arena)));
	}
}

/* All that is no default, as one plain file. */
static int
write_conf(const struct sandbox *s, const struct conf *c, struct err *e)
{
	const char *section = "";
	struct buf b;
	int rc;

	buf_init(&b, 262144);
	buf_puts(&b,
	    "# Written by gkmail sandbox at each start; changes go into a file for --config.\n");
	for (size_t k = 0; k < CONF_COUNT; k++) {
		if (strcmp(conf_origin(c, (enum conf_key)k), "default") == 0)
			continue;
		if (strcmp(section, conf_rows[k].section) != 0)
			buf_printf(&b, "\n[%s]\n", conf_rows[k].section);
		section = conf_rows[k].section;
		buf_printf(&b, "%s = " STR_FMT "\n", conf_rows[k].key,
		    STR_ARG(conf_text(c, (enum conf_key)k, &ctl.arena)));
	}
	for (size_t t = 0; t < CONF_TABLES_COUNT; t++)
		put_rows(&b, c, (enum conf_table)t);
	rc = b.over ? err_set(e, E_LIMIT, "the configuration is too large")
		    : write_file(sandbox_path(s, "gkmail.toml"), buf_view(&b), 0644, e);
	buf_free(&b);
	return rc;
}

static int
configure(const struct sandbox *s, char host[256], struct err *e)
{
	const char *names[2] = {"sandbox", s->extra};
	struct str texts[2] = {own_settings(s), STR_NONE};
	size_t n = 1;
	struct conf *c;
	int rc;

	if (s->extra != NULL) {
		if (file_read_all(AT_FDCWD, s->extra, 1u << 20, &ctl.arena, &texts[1], e) < 0)
			return -1;
		n = 2;
	}
	if ((c = conf_layers(texts, names, n, e)) == NULL)
		return -1;
	rc = write_conf(s, c, e);
	if (rc == 0)
		rc = str_cz(conf_str(c, CONF_SERVER_HOST_NAME), host, 256);
	conf_free(&c);
	return rc;
}

/* ---- certificates ---- */

/* Made once; anew only when the host name is another one. */
static int
certify(const struct sandbox *s, const char *host, struct err *e)
{
	const char *host_file = sandbox_path(s, "tls/host_name");
	struct str before = STR_NONE;
	struct err none;

	if (file_mkdir(AT_FDCWD, sandbox_path(s, "tls"), 0700, e) < 0)
		return -1;
	if (access(sandbox_path(s, "ca.pem"), R_OK) == 0 &&
	    access(sandbox_path(s, "tls/key.pem"), R_OK) == 0 &&
	    file_read_all(AT_FDCWD, host_file, 256, &ctl.arena, &before, &none) == 0 &&
	    str_eq_z(before, host))
		return 0;
	if (certificate_with_ca(host, sandbox_path(s, "tls/certificate.pem"),
		sandbox_path(s, "tls/key.pem"), sandbox_path(s, "ca.pem"), e) < 0)
		return -1;
	return write_file(host_file, str_z(host), 0644, e);
}

int
sandbox_dir_prepare(struct sandbox *s, struct err *e)
{
	char host[256];

	for (const char *p = s->dir; *p != '\0'; p++)
		if (*p == '\'' || is_cntl(*p))
			return err_set(e, E_INVAL,
			    "%s: a sandbox's directory has no quotes in its name", s->dir);
	if (configure(s, host, e) < 0)
		return -1;
	return certify(s, host, e);
}
