/* certificates.c - which certificates the configuration has, and whether they are fit for use. */
#include "svc/certificates.h"

#include <stdio.h>
#include <string.h>

size_t
certificates_count(const struct conf *c)
{
	return 1 + conf_count(c, CONF_TABLE_CERTIFICATE);
}

const char *
certificates_path(const struct conf *c, size_t i)
{
	return i == 0 ? conf_z(c, CONF_TLS_CERTIFICATE)
		      : conf_row_z(c, CONF_CERTIFICATE_CERTIFICATE, i - 1);
}

const char *
certificates_key_path(const struct conf *c, size_t i)
{
	return i == 0 ? conf_z(c, CONF_TLS_KEY) : conf_row_z(c, CONF_CERTIFICATE_KEY, i - 1);
}

int
certificates_refuse(const struct conf *c, size_t i, bool key, struct err *e)
{
	const char *name = key ? "key" : "certificate", *origin;

	e->code = E_INVAL;
	if (i == 0) {
		origin = conf_origin(c, key ? CONF_TLS_KEY : CONF_TLS_CERTIFICATE);
		err_wrap(e, "tls.%s", name);
		return strcmp(origin, "default") == 0 ? -1 : err_wrap(e, "%s", origin);
	}
	origin =
	    conf_row_origin(c, key ? CONF_CERTIFICATE_KEY : CONF_CERTIFICATE_CERTIFICATE, i - 1);
	return err_wrap(e, "%s: certificate.%s", origin, name);
}

const char *
certificates_file(size_t i, bool key, char out[CERTIFICATES_NAME])
{
	snprintf(out, CERTIFICATES_NAME, "tls.%zu.%s", i, key ? "key" : "certificate");
	return out;
}

int
certificates_add(
    struct tls_context *t, const struct conf *c, size_t i, int cert_fd, int key_fd, struct err *e)
{
	size_t n;
	const struct str *names = conf_row_list(c, CONF_CERTIFICATE_NAMES, i - 1, &n);

	return tls_server_add(t, cert_fd, key_fd, names, n, e);
}

int
certificates_try(const struct conf *c, size_t i, int cert_fd, int key_fd, int64_t *expires,
    bool *serves, struct err *e)
{
	const struct tls_options plain = {0};
	struct tls_context *t = tls_server_new(cert_fd, key_fd, &plain, e);
	int rc = -1;

	if (t == NULL || (i > 0 && certificates_add(t, c, i, cert_fd, key_fd, e) < 0))
		goto out;
	*expires = tls_context_expires(t);
	*serves = tls_context_serves(t, conf_str(c, CONF_SERVER_HOST_NAME));
	rc = 0;
out:
	tls_context_free(&t);
	return rc;
}
