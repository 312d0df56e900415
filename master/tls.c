/*
 * tls.c - certificates and their keys: opened here, as root, and handed on as descriptors; their
 * reader never sees a path (INVARIANTS 15). So are the seeds of the ticket keys, one for each front
 * for as long as we run: a front that is started again, or takes up a new configuration, resumes
 * the sessions of before, and never those of another.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/tls.h"
#include "master/master.h"
#include "net/certificate.h"
#include "svc/acme.h"
#include "svc/certificates.h"

#define DAY_S        (24 * 3600)
#define WARN_BEFORE  (14 * DAY_S)
#define WARN_EVERY_S DAY_S

struct pair {
	int certificate, key;
	int64_t expires;
	char *path;
};

struct set {
	struct pair *v;
	size_t n;
	int client_ca;
};

static struct set current = {.client_ca = -1}, before = {.client_ca = -1};
static struct tls_seed seeds[SERVICES];
static bool seeded[SERVICES];
static struct loop_timer *daily;

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
close_set(struct set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		close_fd(&s->v[i].certificate);
		close_fd(&s->v[i].key);
		free(s->v[i].path);
	}
	free(s->v);
	close_fd(&s->client_ca);
	*s = (struct set){.client_ca = -1};
}

static int
open_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		err_sys(e, "open %s", path);
	return fd;
}

/* ---- the embedded default ---- */

/* Still of use: for the name that we have now, and not soon over. */
static bool
own_is_good(const struct conf *c, const char *cert, const char *key)
{
	struct err e = {0};
	int cert_fd = open_file(cert, &e), key_fd = open_file(key, &e);
	int64_t expires;
	bool serves, good;

	good = cert_fd >= 0 && key_fd >= 0 &&
	       certificates_try(c, 0, cert_fd, key_fd, &expires, &serves, &e) == 0 && serves &&
	       expires > clock_wall() + WARN_BEFORE;
	close_fd(&cert_fd);
	close_fd(&key_fd);
	return good;
}

/* Also one that is over, or for another name: gk-acme sees to that. */
static bool
acme_is_good(const struct conf *c, const char *path)
{
	struct err e = {0};
	int fd = access(path, F_OK) == 0 ? open_file(path, &e) : -1;
	int64_t expires;
	bool serves, good;

	good = fd >= 0 && certificates_try(c, 0, fd, fd, &expires, &serves, &e) == 0;
	if (!good && e.code != E_OK)
		log_error("master.acme", LZ("certificate", path), LE(&e));
	close_fd(&fd);
	return good;
}

/* What came by ACME, as long as it is for us; else one made once, kept in data_dir. */
static int
own_paths(const struct conf *c, char *cert, char *key, size_t size, struct err *e)
{
	const char *dir = conf_z(c, CONF_SERVER_DATA_DIR);

	snprintf(cert, size, "%s/" ACME_PEM, dir);
	snprintf(key, size, "%s/" ACME_PEM, dir);
	if (acme_is_on(c) && acme_is_good(c, cert))
		return 0;
	snprintf(cert, size, "%s/tls/self-signed.pem", dir);
	snprintf(key, size, "%s/tls/self-signed.key", dir);
	if (own_is_good(c, cert, key))
		return 0;
	log_warn("master.self_signed", LZ("certificate", cert));
	return certificate_self_signed(conf_z(c, CONF_SERVER_HOST_NAME), cert, key, e);
}

/* ---- what is wrong with one, or soon will be ---- */

static void
warn_of_date(const struct pair *p)
{
	int64_t left = p->expires - clock_wall();
	/* gk-acme renews it long before; it may also live for days only. */
	int64_t margin = str_ends(str_z(p->path), STR("/" ACME_PEM)) ? DAY_S : WARN_BEFORE;
	char when[CLOCK_RFC3339_SIZE];

	clock_rfc3339(p->expires * 1000000, when);
	if (left <= 0)
		log_error(
		    "master.certificate_expired", LZ("certificate", p->path), LZ("since", when));
	else if (left < margin)
		log_warn("master.certificate_expires", LZ("certificate", p->path), LZ("at", when));
}

static void
warn_of_all_dates(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < current.n; i++)
		warn_of_date(&current.v[i]);
	loop_timer_set(daily, WARN_EVERY_S * 1000);
}

/* A key that every account of this machine may read is not ours alone. */
static void
warn_of_readers(int key_fd, const char *path)
{
	struct stat st;

	if (fstat(key_fd, &st) == 0 && (st.st_mode & S_IROTH) != 0)
		log_warn("master.key_readable", LZ("key", path), LZ("remedy", "chmod o-r"));
}

/* ---- opening ---- */

/* What is told to be of no use is told here, where the operator listens. */
static int
open_pair(const struct conf *c, size_t i, struct pair *p, bool *serves, struct err *e)
{
	char cert[PATH_MAX], key[PATH_MAX];

	snprintf(cert, sizeof(cert), "%s", certificates_path(c, i));
	snprintf(key, sizeof(key), "%s", certificates_key_path(c, i));
	if (cert[0] == '\0' && own_paths(c, cert, key, sizeof(cert), e) < 0)
		return -1;
	p->path = mem_dup(cert, strlen(cert));
	if ((p->certificate = open_file(cert, e)) < 0)
		return certificates_refuse(c, i, false, e);
	if ((p->key = open_file(key, e)) < 0)
		return certificates_refuse(c, i, true, e);
	if (certificates_try(c, i, p->certificate, p->key, &p->expires, serves, e) < 0) {
		err_wrap(e, "%s with %s", cert, key);
		return certificates_refuse(c, i, false, e);
	}
	warn_of_readers(p->key, key);
	warn_of_date(p);
	return 0;
}

static int
open_client_ca(const struct conf *c, struct set *s, struct err *e)
{
	const char *path = conf_z(c, CONF_TLS_CLIENT_CA);

	if (path[0] == '\0')
		return 0;
	if ((s->client_ca = open_file(path, e)) < 0)
		return config_refuse(c, CONF_TLS_CLIENT_CA, e);
	if (tls_client_ca_try(s->client_ca, e) == 0)
		return 0;
	err_wrap(e, "%s", path);
	return config_refuse(c, CONF_TLS_CLIENT_CA, e);
}

static int
open_all(const struct conf *c, struct set *s, struct err *e)
{
	bool any = false, serves;

	s->v = mem_array(certificates_count(c), sizeof(*s->v));
	for (size_t i = 0; i < certificates_count(c); i++) {
		struct pair *p = &s->v[s->n++];

		*p = (struct pair){.certificate = -1, .key = -1};
		if (open_pair(c, i, p, &serves, e) < 0)
			return -1;
		any = any || serves;
	}
	if (!any)
		log_warn("master.certificate_name",
		    LS("host_name", conf_str(c, CONF_SERVER_HOST_NAME)),
		    LZ("certificate", s->v[0].path));
	return open_client_ca(c, s, e);
}

int
tls_files_open(const struct conf *c, struct err *e)
{
	struct set next = {.client_ca = -1};

	if (open_all(c, &next, e) < 0) {
		close_set(&next);
		return -1;
	}
	before = current;
	current = next;
	if (daily == NULL)
		daily = loop_timer_new(warn_of_all_dates, NULL);
	loop_timer_set(daily, WARN_EVERY_S * 1000);
	return 0;
}

void
tls_files_commit(void)
{
	close_set(&before);
}

void
tls_files_rollback(void)
{
	close_set(&current);
	current = before;
	before = (struct set){.client_ca = -1};
}

/* ---- giving ---- */

static void
give_seed(struct process *p)
{
	size_t i = (size_t)(p->service - services);
	struct err e = {0};
	int fd;

	if (!seeded[i])
		tls_seed_make(&seeds[i]);
	seeded[i] = true;
	if ((fd = tls_seed_file(&seeds[i], &e)) < 0)
		log_warn("master.ticket_keys", LE(&e));
	setup_file(p, "tls.tickets", fd);
}

static void
give(struct process *p, const char *name, int fd)
{
	if (fd >= 0)
		setup_file(p, name, fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

void
tls_files_give(struct process *p)
{
	char name[CERTIFICATES_NAME];

	for (size_t i = 0; i < current.n; i++) {
		give(p, certificates_file(i, false, name), current.v[i].certificate);
		give(p, certificates_file(i, true, name), current.v[i].key);
	}
	give(p, "tls.client_ca", current.client_ca);
	give_seed(p);
}

size_t
tls_files_list(struct arena *a, struct str **out)
{
	*out = arena_array(a, 2 * current.n + 1, sizeof(**out));
	for (size_t i = 0; i < current.n; i++) {
		(*out)[2 * i] = str_z(current.v[i].path);
		(*out)[2 * i + 1] = arena_printf(a, "%" PRId64, current.v[i].expires);
	}
	return 2 * current.n;
}
