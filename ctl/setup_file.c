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

#define LOG_FILE "/var/log/gkmail.log"

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
	case CONF_AUTH_POSTMASTER:
		return s->postmaster;
	case CONF_LOG_TO:
		/* Where gkmail log finds it; an ordinary user cannot write there. */
		return geteuid() == 0 ? LOG_FILE : "";
	default:
		return "";
	}
}

/* host and postmaster were looked at: nothing in them needs an escape. */
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
			buf_printf(&b, "%s = \"%s\"\n", r->key, own);
		else
			buf_printf(&b, "#%s = " STR_FMT "\n", r->key,
			    STR_ARG(conf_text(defaults, shown[i], &ctl.arena)));
	}
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
replace(const char *path, struct str text, struct err *e)
{
	const char *temporary = arena_printf(&ctl.arena, "%s.new", path).p;
	int fd = file_open(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644, e), rc = -1;

	if (fd < 0)
		return -1;
	if (file_write(fd, text.p, text.n, e) == 0 && file_sync(fd, "setup.file", e) == 0 &&
	    file_rename(AT_FDCWD, temporary, AT_FDCWD, path, e) == 0)
		rc = 0;
	file_close(&fd);
	return rc;
}

int
setup_write(const struct setup *s, struct err *e)
{
	struct str minimal = arena_printf(&ctl.arena,
	    "[server]\nhost_name = '%s'\n[auth]\npostmaster = '%s'\n", s->host, s->postmaster);
	const char *dir = dirname(arena_dupz(&ctl.arena, str_z(ctl.config)));
	struct conf *c;
	int rc = -1;

	if (strpbrk(s->postmaster, "\"\\'") != NULL)
		return err_set(e, E_INVAL, "%s: write an address without quotes for postmaster",
		    s->postmaster);
	if ((c = conf_parse(minimal, "setup", NULL)) == NULL)
		return err_set(e, E_INVAL,
		    "\"%s\" is no host name; write one such as mail.example.org", s->host);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		err_sys(e, "make directory %s", dir);
	else if (put_aside(ctl.config, e) == 0)
		rc = replace(ctl.config, compose(s, c), e);
	conf_free(&c);
	if (rc < 0 && e->code == E_DENIED && geteuid() != 0)
		err_wrap(e, "run gkmail setup as root, or write elsewhere with --config FILE");
	return rc;
}
