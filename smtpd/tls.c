/*
 * tls.c - the server's TLS contexts: users may be asked for certificates, other hosts are not.
 */
#include "base/mem.h"
#include "smtpd/session.h"
#include "svc/certificates.h"

static struct tls_context *hosts, *users;

struct tls_context *
tls_server(enum session_kind kind)
{
	return kind == SESSION_SMTP ? hosts : users;
}

static enum tls_clients
clients_of_users(void)
{
	struct str s = conf_str(svc_conf(), CONF_SUBMISSION_CLIENT_CERTIFICATES);

	if (str_eq_z(s, "require"))
		return TLS_CLIENTS_REQUIRE;
	return str_eq_z(s, "request") ? TLS_CLIENTS_REQUEST : TLS_CLIENTS_OFF;
}

int
tls_load(struct err *e)
{
	const struct certificates_use v[] = {
	    {.context = &hosts, .alpn = STR("smtp")},
	    {.context = &users, .alpn = STR("smtp"), .clients = clients_of_users()},
	};

	return certificates_load(v, ARRAY_LEN(v), e);
}
