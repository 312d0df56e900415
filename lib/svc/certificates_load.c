/*
 * certificates_load.c - a front's TLS contexts, from the descriptors that master gave. Not in
 * certificates.c: master and gkmail are no daemons of the skeleton (svc.h).
 */
#include <stdlib.h>

#include "base/mem.h"
#include "io/file.h"
#include "svc/certificates.h"
#include "svc/svc.h"

/* Of this process, for all contexts and every reload. */
static struct tls_tickets *tickets;

/* The seed is given again at each reload; we have gone on from the first. */
static int
load_tickets(struct err *e)
{
	int fd = svc_take_file("tls.tickets");
	int rc = 0;

	if (fd >= 0 && tickets == NULL && (tickets = tls_tickets_new(fd, e)) == NULL)
		rc = err_wrap(e, "ticket keys");
	file_close(&fd);
	return rc;
}

static struct tls_context *
load_one(const struct certificates_use *use, const int (*fds)[2], size_t n, int ca, struct err *e)
{
	const struct conf *c = svc_conf();
	const struct tls_options o = {
	    .only_13 = str_eq_z(conf_str(c, CONF_TLS_MIN_VERSION), "1.3"),
	    .alpn = use->alpn,
	    .clients = use->clients,
	    .client_ca_fd = ca,
	    .tickets = tickets,
	};
	struct tls_context *t = tls_server_new(fds[0][0], fds[0][1], &o, e);

	for (size_t i = 1; t != NULL && i < n; i++)
		if (certificates_add(t, c, i, fds[i][0], fds[i][1], e) < 0)
			tls_context_free(&t);
	return t;
}

/* All or none. */
static int
load_all(const struct certificates_use *v, size_t n, const int (*fds)[2], size_t nfds, int ca,
    struct err *e)
{
	struct tls_context **fresh = mem_array(n, sizeof(struct tls_context *));
	size_t done = 0;

	while (done < n && (fresh[done] = load_one(&v[done], fds, nfds, ca, e)) != NULL)
		done++;
	for (size_t i = 0; i < done; i++) {
		if (done < n) {
			tls_context_free(&fresh[i]);
		} else {
			tls_context_free(v[i].context);
			*v[i].context = fresh[i];
		}
	}
	free(fresh);
	return done == n ? 0 : -1;
}

int
certificates_load(const struct certificates_use *v, size_t n, struct err *e)
{
	size_t nfds = certificates_count(svc_conf());
	int(*fds)[2] = mem_array(nfds, sizeof(*fds));
	int ca = svc_take_file("tls.client_ca"), rc = -1;
	char name[CERTIFICATES_NAME];

	for (size_t i = 0; i < nfds; i++) {
		fds[i][0] = svc_take_file(certificates_file(i, false, name));
		fds[i][1] = svc_take_file(certificates_file(i, true, name));
	}
	if (load_tickets(e) < 0)
		goto out;
	rc = fds[0][0] < 0 ? 0 : load_all(v, n, (const int(*)[2])fds, nfds, ca, e);
out:
	for (size_t i = 0; i < nfds; i++) {
		file_close(&fds[i][0]);
		file_close(&fds[i][1]);
	}
	file_close(&ca);
	free(fds);
	return rc;
}
