/* setup.c - gkmail setup: the first configuration. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "io/file.h"
#include "svc/conf.h"

/* What a newcomer may want to change, as comments with the defaults. */
static const enum conf_key shown[] = {CONF_TLS_CERTIFICATE, CONF_TLS_KEY, CONF_SMTP_LISTEN,
    CONF_SMTP_MAX_SIZE, CONF_SUBMISSION_LISTEN, CONF_SUBMISSION_LISTEN_TLS, CONF_IMAP_LISTEN,
    CONF_IMAP_LISTEN_TLS, CONF_AUTH_DEFAULT_QUOTA, CONF_LOG_TO, CONF_LOG_LEVEL};

/* Asks for a line; an empty answer is the proposal. */
static const char *
ask(const char *question, const char *proposal)
{
	char line[300];

	fprintf(stderr, "%s%s%s%s: ", question, proposal[0] ? " [" : "", proposal,
	    proposal[0] ? "]" : "");
	if (fgets(line, sizeof(line), stdin) == NULL)
		return proposal;
	line[strcspn(line, "\r\n")] = '\0';
	return line[0] != '\0' ? arena_dupz(&ctl.arena, str_trim(str_z(line))) : proposal;
}

static const char *
own_name(void)
{
	char name[256];

	if (gethostname(name, sizeof(name)) < 0 || strchr(name, '.') == NULL)
		return "";
	name[sizeof(name) - 1] = '\0';
	return arena_dupz(&ctl.arena, str_z(name));
}

static struct str
compose(const char *host, const char *postmaster, const struct conf *defaults)
{
	const char *section = "server";
	struct str text;
	struct buf b;

	buf_init(&b, 65536);
	buf_printf(&b,
	    "# GK Mail, see gkmail.toml(5). `gkmail config explain` says what every key means, "
	    "`gkmail check`\n"
	    "# validates this file, `gkmail reload` takes changes up. What is commented out shows "
	    "the default.\n\n"
	    "[server]\n# %s\nhost_name = \"%s\"\n",
	    conf_rows[CONF_SERVER_HOST_NAME].help, host);
	if (postmaster[0] != '\0')
		buf_printf(&b, "\n[auth]\n# %s\npostmaster = \"%s\"\n",
		    conf_rows[CONF_AUTH_POSTMASTER].help, postmaster);
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		const struct conf_row *r = &conf_rows[shown[i]];

		if (strcmp(section, r->section) != 0 &&
		    !(strcmp(r->section, "auth") == 0 && postmaster[0] != '\0'))
			buf_printf(&b, "\n[%s]\n", r->section);
		else if (strcmp(r->section, "auth") == 0)
			continue; /* [auth] stands above already */
		section = r->section;
		buf_printf(&b, "# %s\n#%s = " STR_FMT "\n", r->help, r->key,
		    STR_ARG(conf_text(defaults, shown[i], &ctl.arena)));
	}
	text = arena_dup(&ctl.arena, buf_view(&b));
	buf_free(&b);
	return text;
}

/* Complete or not at all: written beside, synced, renamed. */
static int
write_config(const char *path, struct str text, bool force, struct err *e)
{
	size_t slash = str_rchr(str_z(path), '/');
	const char *dir = slash < strlen(path) ? arena_dupz(&ctl.arena, str_of(path, slash)) : ".";
	const char *temporary = arena_printf(&ctl.arena, "%s.new", path).p;
	int fd = -1, rc = -1;

	if (!force && access(path, F_OK) == 0)
		return err_set(e, E_EXISTS,
		    "%s is there already; write it anew with --force, or change it with an "
		    "editor",
		    path);
	if (dir[0] != '\0' && mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_sys(e, "make directory %s", dir);
	if ((fd = file_open(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644, e)) < 0)
		return -1;
	if (file_write(fd, text.p, text.n, e) == 0 && file_sync(fd, e) == 0 &&
	    file_rename(AT_FDCWD, temporary, AT_FDCWD, path, e) == 0)
		rc = 0;
	file_close(&fd);
	return rc;
}

static void
next_steps(const char *host, const char *path)
{
	static const char *const users[] = {"auth", "smtp", "queue", "store", "imap"};
	const char *dot = strchr(host, '.');
	const char *domain = dot != NULL && strchr(dot + 1, '.') != NULL ? dot + 1 : host;
	char name[64];

	printf("%s is written. Next:\n", path);
	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		snprintf(name, sizeof(name), "gkmail-%s", users[i]);
		if (getpwnam(name) == NULL)
			printf("  useradd --system --user-group --no-create-home --shell "
			       "/usr/sbin/nologin %s\n",
			    name);
	}
	printf("  service gkmail start\n"
	       "  gkmail domain add %s\n"
	       "  gkmail user add you@%s\n"
	       "Put your certificate into [tls]; until then a self-signed one is made, which mail "
	       "programs warn\n"
	       "about.\n",
	    domain, domain);
}

int
verb_setup(struct err *e)
{
	const char *postmaster = args_value("--postmaster"), *host;
	bool force = args_flag("--force");
	bool person = isatty(STDIN_FILENO);
	struct conf *c;
	struct str text;
	struct json j;
	int rc;

	if (args_end(0, 1, e) < 0)
		return -1;
	host = ctl.nargs == 1 ? ctl.args[0]
	       : person       ? ask("Name of this server", own_name())
			      : own_name();
	if (host[0] == '\0')
		return args_wrong(e, "the host name is missing");
	if (postmaster == NULL)
		postmaster =
		    person
			? ask("Address that postmaster and abuse lead to (empty: the first user)",
			      "")
			: "";
	text = arena_printf(&ctl.arena, "[server]\nhost_name = '%s'\n[auth]\npostmaster = '%s'\n",
	    host, postmaster);
	if ((c = conf_parse(text, "setup", e)) == NULL)
		return -1;
	rc = write_config(ctl.config, compose(host, postmaster, c), force, e);
	conf_free(&c);
	if (rc < 0)
		return -1;
	if (!ctl.json) {
		next_steps(host, ctl.config);
		return 0;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", true);
	json_z(&j, "file", ctl.config);
	json_close(&j, '}');
	json_print(&j);
	return 0;
}
