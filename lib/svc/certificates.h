/*
 * certificates.h - the certificates of the configuration, from master's descriptors to a front's
 * TLS contexts.
 *
 * Number 0 is the one of [tls], the others are the rows of [[certificate]]. Master opens the files
 * ("tls.0.certificate", "tls.0.key", …, "tls.client_ca") and makes the seed of the ticket keys
 * ("tls.tickets"); a front reads them once and keeps no descriptor.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "io/tls.h"
#include "svc/conf.h"

size_t certificates_count(const struct conf *c);
/* Its files; "" for number 0 where there are none: then a self-signed one is made. */
const char *certificates_path(const struct conf *c, size_t i);
const char *certificates_key_path(const struct conf *c, size_t i);
/* Puts the place of its key ("gkmail.toml:12: certificate.certificate: ") before e. -1. */
int certificates_refuse(const struct conf *c, size_t i, bool key, struct err *e);

#define CERTIFICATES_NAME 40
/* What master calls its descriptor. */
const char *certificates_file(size_t i, bool key, char out[CERTIFICATES_NAME]);

/* Puts another one than number 0 into a context that has that. */
int certificates_add(
    struct tls_context *t, const struct conf *c, size_t i, int cert_fd, int key_fd, struct err *e);
/* Could it be served? expires: until when; serves: is it for the server's own name? */
int certificates_try(const struct conf *c, size_t i, int cert_fd, int key_fd, int64_t *expires,
    bool *serves, struct err *e);

/* A context that a front needs. */
struct certificates_use {
	struct tls_context **context;
	struct str alpn;
	enum tls_clients clients;
};

/* Makes the n contexts anew (those before are freed, what uses them goes on), or none. A context is
 * NULL where master gave no certificate. */
int certificates_load(const struct certificates_use *v, size_t n, struct err *e);
