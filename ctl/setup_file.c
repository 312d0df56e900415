/* setup_file.c - the first configuration: what a newcomer may want to change, with comments. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ctl/setup.h"
#include "io/file.h"

#define LOG_FILE      "/var/log/gkmail.log"
#define FILE_SIZE_MAX (1u << 20)

/* In the order of conf_rows; those that are not set stand there as comments with the default. */
static const enum conf_key shown[] = {CONF_SERVER_HOST_NAME, CONF_TLS_CERTIFICATE, CONF_TLS_KEY,
    CONF_SMTP_LISTEN, CONF_SMTP_MAX_SIZE, CONF_SUBMISSION_LISTEN, CONF_SUBMISSION_LISTEN_TLS,
    CONF_IMAP_LISTEN, CONF_IMAP_LISTEN_TLS, CONF_WEB_LISTEN, CONF_AUTH_POSTMASTER,
    CONF_AUTH_DEFAULT_QUOTA, CONF_LOG_TO, CONF_LOG_LEVEL};

static const char *
own_value(const struct setup *s, enum conf_key k)
{
	switch ((unsigned)k) {
	case CONF_SERVER_HOST_NAME:
		return s->host;
	case CONF_TLS_CERTIFICATE:
		return s->certificate;
	case CONF_TLS_KEY:
		return s->key;
	case CONF_AUTH_POSTMASTER:
		return s->postmaster;
	case CONF_LOG_TO:
		/* Where gkmail log finds it; an ordinary user cannot write there. */
		return geteuid() == 0 ? LOG_FILE : "";
	default:
		return "";
	}
}

/* As a basic string of TOML has it: DOMAIN\user is a name too. */
static const char *
quoted(const char *s)
{
	struct buf b;
	const char *out;

	buf_init(&b, 65536);
	buf_putc(&b, '"');
	for (; *s != '\0'; s++)
		if (is_cntl(*s))
			buf_printf(&b, "\\u%04x", (unsigned char)*s);
		else
			buf_printf(&b, "%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
	buf_putc(&b, '"');
	out = arena_dupz(&ctl.arena, buf_view(&b));
	buf_free(&b);
	return out;
}

/* "HOST" or "HOST:PORT", of which a literal has brackets. Where port 25 is closed it is mostly 587.
 */
struct str
setup_route(const struct setup *s)
{
	struct str host = str_z(s->smart_host), port = STR("587");
	size_t at = str_rchr(host, ':');
	struct str text;

	if (at < host.n && (host.p[0] != '[' || host.p[at - 1] == ']')) {
		port = str_from(host, at + 1);
		host = str_sub(host, 0, at);
	}
	text = arena_printf(&ctl.arena,
	    "\n# All mail to others goes by a smart host.\n"
	    "[[route]]\ndomain = \"*\"\nhost = \"" STR_FMT "\"\nport = " STR_FMT "\n",
	    STR_ARG(host), STR_ARG(port));
	if (s->smart_user[0] == '\0')
		return text;
	return arena_printf(&ctl.arena,
	    STR_FMT "tls = \"required\"\nuser = %s\npassword_file = %s\n", STR_ARG(text),
	    quoted(s->smart_user), quoted(s->smart_password));
}

static struct str
compose(const struct setup *s, const struct conf *defaults)
{
	const char *section = "", *own;
	struct str text;
	struct buf b;

	buf_init(&b, 65536);
	buf_puts(&b,
	    "# GK Mail, see gkmail.toml(5). `gkmail config explain` says what every key means, "
	    "`gkmail check`\n"
	    "# validates this file, `gkmail reload` takes changes up. What is commented out shows "
	    "the default.\n");
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		const struct conf_row *r = &conf_rows[shown[i]];

		if (strcmp(section, r->section) != 0)
			buf_printf(&b, "\n[%s]\n", r->section);
		section = r->section;
		buf_printf(&b, "# %s\n", r->help);
		own = own_value(s, shown[i]);
		if (own[0] != '\0')
			buf_printf(&b, "%s = %s\n", r->key, quoted(own));
		else
			buf_printf(&b, "#%s = " STR_FMT "\n", r->key,
			    STR_ARG(conf_text(defaults, shown[i], &ctl.arena)));
	}
	if (s->smart_host[0] != '\0')
		buf_str(&b, setup_route(s));
	text = arena_dup(&ctl.arena, buf_view(&b));
	buf_free(&b);
	return text;
}

/* The configuration of before stays beside the new one. */
static int
put_aside(const char *path, struct err *e)
{
	char time[CLOCK_RFC3339_SIZE];
	const char *old;

	if (access(path, F_OK) < 0)
		return 0;
	old = arena_printf(&ctl.arena, "%s.%s", path, clock_rfc3339(clock_wall_us(), time)).p;
	return file_link(AT_FDCWD, path, AT_FDCWD, old, e);
}

/* Complete or not at all: written beside, synced, renamed. */
static int
replace(const char *path, mode_t mode, struct str text, struct err *e)
{
	const char *temporary = arena_printf(&ctl.arena, "%s.new", path).p;
	int fd = file_open(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC, mode, e), rc = -1;

	if (fd < 0)
		return -1;
	if (file_write(fd, text.p, text.n, e) == 0 && file_sync(fd, "setup.file", e) == 0 &&
	    file_rename(AT_FDCWD, temporary, AT_FDCWD, path, e) == 0)
		rc = 0;
	file_close(&fd);
	return rc;
}

/* Nothing is written that gk-master would refuse. */
static int
write_right(struct str text, mode_t mode, struct err *e)
{
	struct conf *c = conf_parse(text, ctl.config, e);

	if (c == NULL)
		return -1;
	conf_free(&c);
	return replace(ctl.config, mode, text, e);
}

int
setup_add_route(struct setup *s, struct err *e)
{
	struct str before, route = setup_route(s);
	struct stat st;

	if (stat(ctl.config, &st) < 0)
		return err_sys(e, "%s", ctl.config);
	if (file_read_all(AT_FDCWD, ctl.config, FILE_SIZE_MAX, &ctl.arena, &before, e) < 0)
		return -1;
	before = arena_printf(&ctl.arena, STR_FMT STR_FMT, STR_ARG(before), STR_ARG(route));
	if (write_right(before, st.st_mode & 07777, e) < 0)
		return -1;
	s->changed = true;
	if (chown(ctl.config, st.st_uid, st.st_gid) < 0)
		return err_sys(e, "give %s back to its owner", ctl.config);
	return 0;
}

int
setup_keep_password(struct setup *s, const char *password, struct err *e)
{
	const char *dir = dirname(arena_dupz(&ctl.arena, str_z(ctl.config)));
	const char *path = arena_printf(&ctl.arena, "%s/smart-host.password", dir).p;
	int rc = replace(path, 0600, str_z(password), e);

	s->smart_password = path;
	return rc;
}

int
setup_write(const struct setup *s, struct err *e)
{
	const char *dir = dirname(arena_dupz(&ctl.arena, str_z(ctl.config)));
	struct conf *c = conf_parse(
	    arena_printf(&ctl.arena, "[server]\nhost_name = '%s'\n", s->host), "setup", e);
	int rc = -1;

	if (c == NULL)
		return -1;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		err_sys(e, "make directory %s", dir);
	else if (put_aside(ctl.config, e) == 0)
		rc = write_right(compose(s, c), 0644, e);
	conf_free(&c);
	return rc;
}
