/*
 * tls.c - the certificate and its key: opened here, as root, and handed on as descriptors; their
 * reader never sees a path (INVARIANTS 15).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "io/tls.h"
#include "master/master.h"
#include "net/certificate.h"

struct pair {
	int certificate, key;
};

static struct pair current = {-1, -1}, before = {-1, -1};

static int
open_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err_sys(e, "open %s", path);
	return fd;
}

/* The embedded default: made once, kept in data_dir. */
static int
own_paths(const struct conf *c, char *cert, char *key, size_t size, struct err *e)
{
	const char *dir = conf_z(c, CONF_SERVER_DATA_DIR);

	snprintf(cert, size, "%s/tls/self-signed.pem", dir);
	snprintf(key, size, "%s/tls/self-signed.key", dir);
	if (access(cert, R_OK) == 0 && access(key, R_OK) == 0)
		return 0;
	log_warn("master.self_signed", LZ("certificate", cert));
	return certificate_self_signed(conf_z(c, CONF_SERVER_HOST_NAME), cert, key, e);
}

static void
close_pair(struct pair *p)
{
	if (p->certificate >= 0)
		close(p->certificate);
	if (p->key >= 0)
		close(p->key);
	*p = (struct pair){-1, -1};
}

/* They are used by others, but told to be of no use here, where the operator listens. */
static int
check_pair(const struct pair *p, struct err *e)
{
	struct tls_options o = {0};
	struct tls_context *c = tls_server_new(p->certificate, p->key, &o, e);

	if (c == NULL)
		return -1;
	tls_context_free(&c);
	return 0;
}

int
tls_files_open(const struct conf *c, struct err *e)
{
	char cert_path[PATH_MAX], key_path[PATH_MAX];
	struct pair next = {-1, -1};

	snprintf(cert_path, sizeof(cert_path), "%s", conf_z(c, CONF_TLS_CERTIFICATE));
	snprintf(key_path, sizeof(key_path), "%s", conf_z(c, CONF_TLS_KEY));
	if (cert_path[0] == '\0' && own_paths(c, cert_path, key_path, sizeof(cert_path), e) < 0)
		return -1;
	if ((next.certificate = open_file(cert_path, e)) < 0)
		return config_refuse(c, CONF_TLS_CERTIFICATE, e);
	if ((next.key = open_file(key_path, e)) < 0) {
		close_pair(&next);
		return config_refuse(c, CONF_TLS_KEY, e);
	}
	if (check_pair(&next, e) < 0) {
		close_pair(&next);
		err_wrap(e, "%s with %s", cert_path, key_path);
		return config_refuse(c, CONF_TLS_CERTIFICATE, e);
	}
	before = current;
	current = next;
	return 0;
}

void
tls_files_commit(void)
{
	close_pair(&before);
}

void
tls_files_rollback(void)
{
	close_pair(&current);
	current = before;
	before = (struct pair){-1, -1};
}

void
tls_files_give(struct process *p)
{
	setup_file(p, "tls.certificate", fcntl(current.certificate, F_DUPFD_CLOEXEC, 0));
	setup_file(p, "tls.key", fcntl(current.key, F_DUPFD_CLOEXEC, 0));
}
