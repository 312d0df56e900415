/*
 * policy_conf.c - the configuration of routes, with the files that master opened for them. See
 * policy_conf.h.
 *
 * Owner: the policy; passwords are wiped when it is freed. Errors: a file of a route that is of no
 * use refuses the configuration. Authorities of the system that cannot be read leave a context in
 * which nobody can prove anything: mail that needs proof waits.
 */
#include "delivery/remote/policy_conf.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "svc/svc.h"

#define PASSWORD_MAX 1024u

/* The descriptor of a row's file, or -1. */
static int
row_file(const struct conf *c, enum conf_key k, size_t i)
{
	char name[ROUTE_FILE_SIZE];

	return svc_file(route_file_name(k, route_file_row(c, k, i), name));
}

/* The first line of the file, by pread: the descriptor is read again at each reload. */
static int
read_password(const struct conf *c, size_t i, struct policy_row *r, struct arena *a, struct err *e)
{
	char text[PASSWORD_MAX];
	struct str line;
	size_t n = 0;
	int rc = -1;

	if (file_pread_some(
		row_file(c, CONF_ROUTE_PASSWORD_FILE, i), text, sizeof(text), 0, &n, e) < 0)
		goto out;
	line = str_sub(str_of(text, n), 0, str_chr(str_of(text, n), '\n'));
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	/* RFC 4616 2: no NUL. */
	if (line.n == 0 || line.n == PASSWORD_MAX || str_chr(line, '\0') < line.n) {
		err_set(e, E_INVAL, "no password on its first line");
		goto out;
	}
	r->password = arena_dup(a, line);
	rc = 0;
out:
	sodium_memzero(text, sizeof(text));
	return rc;
}

static void
read_host(struct policy_row *r, struct str host, struct arena *a)
{
	if (str_starts(host, STR("mx:"))) {
		r->mx = true;
		host = str_from(host, 3);
	} else if (host.n > 0 && host.p[0] == '[') {
		host = str_sub(host, 1, host.n - 2);
	}
	r->host = arena_dup(a, host);
	str_lower(r->host, (char *)r->host.p);
}

static int
read_row(const struct conf *c, size_t i, struct policy_conf *p, struct err *e)
{
	struct policy_row *r = &p->rows[i];
	enum conf_key file = CONF_ROUTE_PASSWORD_FILE;
	int fd;

	read_host(r, conf_row_str(c, CONF_ROUTE_HOST, i), &p->arena);
	r->port = (uint16_t)conf_row_num(c, CONF_ROUTE_PORT, i);
	/* To the domain's own hosts as always, but for what the route says. */
	if (r->host.n == 0 && str_eq_z(str_z(conf_row_origin(c, CONF_ROUTE_PORT, i)), "default"))
		r->port = p->port;
	r->tls = arena_dup(&p->arena, conf_row_str(c, CONF_ROUTE_TLS, i));
	r->user = arena_dup(&p->arena, conf_row_str(c, CONF_ROUTE_USER, i));
	r->ca_file = arena_dup(&p->arena, conf_row_str(c, CONF_ROUTE_CA_FILE, i));
	if (r->user.n > 0 && read_password(c, i, r, &p->arena, e) < 0)
		goto fail;
	file = CONF_ROUTE_CA_FILE;
	fd = row_file(c, CONF_ROUTE_CA_FILE, i);
	if (r->ca_file.n > 0 && (r->context = tls_client_new(fd, e)) == NULL)
		goto fail;
	return 0;
fail:
	e->code = E_INVAL;
	return err_wrap(e, "route.%s (%s)", conf_rows[file].key, conf_row_z(c, file, i));
}

static int
read_system(const struct conf *c, struct policy_conf *p, struct err *e)
{
	int fd = conf_str(c, CONF_REMOTE_CA_FILE).n > 0 ? svc_file("remote.ca_file") : -1;

	if ((p->context = tls_client_new(fd, e)) != NULL)
		return 0;
	log_warn("remote.ca_file", LZ("file", conf_z(c, CONF_REMOTE_CA_FILE)), LE(e));
	return (p->context = tls_client_new(-1, e)) != NULL ? 0 : -1;
}

struct policy_conf *
policy_conf_new(const struct conf *c, struct err *e)
{
	struct policy_conf *p = mem_alloc(sizeof(*p));
	int rc;

	arena_init(&p->arena);
	p->routes = routes_new(c);
	p->dane = conf_bool(c, CONF_REMOTE_DANE);
	p->port = (uint16_t)conf_num(c, CONF_REMOTE_PORT);
	p->sts = conf_bool(c, CONF_REMOTE_MTA_STS);
	p->nrows = conf_count(c, CONF_TABLE_ROUTE);
	p->rows = arena_array(&p->arena, p->nrows + 1, sizeof(*p->rows));
	rc = read_system(c, p, e);
	for (size_t i = 0; rc == 0 && i < p->nrows; i++)
		rc = read_row(c, i, p, e);
	if (rc < 0)
		policy_conf_free(&p);
	return p;
}

void
policy_conf_free(struct policy_conf **p)
{
	if (*p == NULL)
		return;
	for (size_t i = 0; i < (*p)->nrows; i++) {
		struct policy_row *r = &(*p)->rows[i];

		tls_context_free(&r->context);
		if (r->password.n > 0)
			sodium_memzero((char *)r->password.p, r->password.n);
	}
	tls_context_free(&(*p)->context);
	routes_free(&(*p)->routes);
	arena_free(&(*p)->arena);
	free(*p);
	*p = NULL;
}
