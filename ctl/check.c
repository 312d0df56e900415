/*
 * check.c - gkmail check: is a configuration right, and are the files that it names fit for use? As
 * far as an ordinary user may look.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/output.h"
#include "io/file.h"
#include "io/tls.h"
#include "svc/certificates.h"

#define WARN_BEFORE_S (14 * 24 * 3600)
#define WARNINGS_MAX  300

static const char *warnings[WARNINGS_MAX];
static size_t nwarnings;

static void
warn(const char *text)
{
	if (nwarnings < WARNINGS_MAX)
		warnings[nwarnings++] = text;
}

static bool
not_for_us(const struct err *e)
{
	return e->code == E_DENIED && geteuid() != 0;
}

static void
warn_of_date(const char *path, int64_t expires)
{
	int64_t left = expires - clock_wall();
	char when[CLOCK_RFC3339_SIZE];

	if (left < WARN_BEFORE_S)
		warn(arena_printf(&ctl.arena, "%s: the certificate %s %s", path,
		    left <= 0 ? "has expired at" : "expires at",
		    clock_rfc3339(expires * 1000000, when))
			 .p);
}

/* A certificate that is there, with the key that belongs to it. 1: it may not be looked at. */
static int
check_pair(const struct conf *c, size_t i, bool *serves, struct err *e)
{
	const char *path = certificates_path(c, i), *key_path = certificates_key_path(c, i);
	int64_t expires = 0;
	int cert, key = -1, rc = -1;

	if ((cert = file_open(AT_FDCWD, path, O_RDONLY, 0, e)) < 0) {
		rc = not_for_us(e) ? 1 : certificates_refuse(c, i, false, e);
	} else if ((key = file_open(AT_FDCWD, key_path, O_RDONLY, 0, e)) < 0) {
		rc = not_for_us(e) ? 1 : certificates_refuse(c, i, true, e);
	} else if (certificates_try(c, i, cert, key, &expires, serves, e) < 0) {
		err_wrap(e, "%s with %s", path, key_path);
		certificates_refuse(c, i, false, e);
	} else {
		warn_of_date(path, expires);
		rc = 0;
	}
	file_close(&cert);
	file_close(&key);
	return rc;
}

static int
check_certificates(const struct conf *c, struct err *e)
{
	bool any = false;
	int rc;

	/* The self-signed one that is made instead has the name. */
	any = certificates_path(c, 0)[0] == '\0';
	for (size_t i = any ? 1 : 0; i < certificates_count(c); i++) {
		bool serves = false;

		if ((rc = check_pair(c, i, &serves, e)) < 0)
			return -1;
		any = any || serves || rc > 0;
	}
	if (!any)
		warn(arena_printf(&ctl.arena, "no certificate is for %s (server.host_name)",
		    conf_z(c, CONF_SERVER_HOST_NAME))
			 .p);
	return 0;
}

static int
check_client_ca(const struct conf *c, struct err *e)
{
	const char *path = conf_z(c, CONF_TLS_CLIENT_CA);
	int fd, rc = 0;

	if (path[0] == '\0')
		return 0;
	if ((fd = file_open(AT_FDCWD, path, O_RDONLY, 0, e)) < 0)
		rc = not_for_us(e) ? 0 : -1;
	else if ((rc = tls_client_ca_try(fd, e)) < 0)
		err_wrap(e, "%s", path);
	if (rc < 0)
		err_wrap(e, "%s: tls.client_ca", conf_origin(c, CONF_TLS_CLIENT_CA));
	file_close(&fd);
	return rc;
}

/* Authorities that other hosts' certificates may end in. */
static int
check_authorities(int fd, struct err *e)
{
	struct tls_context *t = tls_client_new(fd, e);

	if (t == NULL)
		return -1;
	tls_context_free(&t);
	return 0;
}

static int
check_route_file(const struct conf *c, enum conf_key k, size_t i, struct err *e)
{
	const char *path = conf_row_z(c, k, i);
	struct stat st;
	int fd, rc = 0;

	if (path[0] == '\0')
		return 0;
	if ((fd = file_open(AT_FDCWD, path, O_RDONLY, 0, e)) < 0)
		rc = not_for_us(e) ? 0 : -1;
	else if (k == CONF_ROUTE_CA_FILE && (rc = check_authorities(fd, e)) < 0)
		err_wrap(e, "%s", path);
	else if (k == CONF_ROUTE_PASSWORD_FILE && fstat(fd, &st) == 0 && (st.st_mode & S_IROTH))
		warn(arena_printf(
		    &ctl.arena, "%s: everybody on this machine can read the password", path)
			 .p);
	if (rc < 0)
		err_wrap(e, "%s: route.%s", conf_row_origin(c, k, i), conf_rows[k].key);
	file_close(&fd);
	return rc;
}

static int
check_routes(const struct conf *c, struct err *e)
{
	const char *path = conf_z(c, CONF_REMOTE_CA_FILE);
	struct err why;
	int fd;

	if ((fd = file_open(AT_FDCWD, path, O_RDONLY, 0, &why)) < 0 ||
	    check_authorities(fd, &why) < 0)
		warn(arena_printf(&ctl.arena,
		    "remote.ca_file: %s; mail that needs a verified host will wait", why.text)
			 .p);
	file_close(&fd);
	for (size_t i = 0; i < conf_count(c, CONF_TABLE_ROUTE); i++)
		if (check_route_file(c, CONF_ROUTE_PASSWORD_FILE, i, e) < 0 ||
		    check_route_file(c, CONF_ROUTE_CA_FILE, i, e) < 0)
			return -1;
	return 0;
}

static void
say(void)
{
	struct json j;

	if (!ctl.json) {
		for (size_t i = 0; i < nwarnings; i++)
			printf("warning: %s\n", warnings[i]);
		printf("%s is right.\n", client_conf_path());
		return;
	}
	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", true);
	json_z(&j, "file", client_conf_path());
	json_open(&j, "warnings", '[');
	for (size_t i = 0; i < nwarnings; i++)
		json_z(&j, NULL, warnings[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	json_print(&j);
}

int
verb_check(struct err *e)
{
	const struct conf *c;

	if (args_end(0, 1, e) < 0)
		return -1;
	if (ctl.nargs == 1)
		ctl.config = ctl.args[0];
	if ((c = client_conf(e)) == NULL || check_certificates(c, e) < 0 ||
	    check_client_ca(c, e) < 0 || check_routes(c, e) < 0)
		return -1;
	say();
	return 0;
}
