/*
 * tls.c - the server's TLS context, from the descriptors that master opened.
 */
#include "io/tls.h"

#include "smtpd/session.h"

static struct tls_context *context;

struct tls_context *
tls_server(void)
{
	return context;
}

int
tls_load(struct err *e)
{
	struct tls_options o = {
	    .only_13 = str_eq(conf_str(svc_conf(), CONF_TLS_MIN_VERSION), STR("1.3"))};
	int cert = svc_file("tls.certificate"), key = svc_file("tls.key");
	struct tls_context *next;

	if (cert < 0 || key < 0)
		return err_set(e, E_INVAL, "no TLS certificate and key");
	next = tls_server_new(cert, key, &o, e);
	if (!next)
		return -1;
	if (context)
		tls_context_free(&context);
	context = next;
	return 0;
}
