/*
 * tls.c - the certificate and its key: opened here, as root, and handed on as descriptors; their
 * reader never sees a path (INVARIANTS 15).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "master/master.h"
#include "net/certificate.h"

static int certificate = -1, private_key = -1;

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

int
tls_files_open(const struct conf *c, int *cert, int *key, struct err *e)
{
	char cert_path[PATH_MAX], key_path[PATH_MAX];

	snprintf(cert_path, sizeof(cert_path), "%s", conf_z(c, CONF_TLS_CERTIFICATE));
	snprintf(key_path, sizeof(key_path), "%s", conf_z(c, CONF_TLS_KEY));
	if (cert_path[0] == '\0' && own_paths(c, cert_path, key_path, sizeof(cert_path), e) < 0)
		return -1;
	*cert = open_file(cert_path, e);
	*key = *cert >= 0 ? open_file(key_path, e) : -1;
	if (*key >= 0)
		return 0;
	if (*cert >= 0)
		close(*cert);
	*cert = -1;
	e->code = E_INVAL;
	return err_wrap(e, "%s", conf_origin(c, CONF_TLS_CERTIFICATE));
}

void
tls_files_take(int cert, int key)
{
	if (certificate >= 0)
		close(certificate);
	if (private_key >= 0)
		close(private_key);
	certificate = cert;
	private_key = key;
}

static void
give(struct process *p, const char *name, int fd)
{
	struct ipc_out m;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return;
	ipc_begin(&m, MSG_SETUP_FILE);
	ipc_put_z(&m, name);
	ipc_put_fd(&m, copy);
	ipc_send(p->control, &m);
}

void
tls_files_give(struct process *p)
{
	give(p, "tls.certificate", certificate);
	give(p, "tls.key", private_key);
}
