/*
 * tls_private.h - a TLS session as lib/io/stream.c drives it. Nobody else includes this.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "io/tls.h"

struct tls_session;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;

/* What an operation came to. */
enum tls_result {
	TLS_OK,
	TLS_WANT_READ,  /* again when the socket can be read */
	TLS_WANT_WRITE, /* again when it can be written */
	TLS_END,        /* the peer will send no more */
	TLS_BROKEN      /* *why says what happened */
};

struct tls_why {
	int no;           /* an errno value, or 0 */
	const char *text; /* or OpenSSL's reason, which lives as long as the process */
};

/* ---- tls.c ---- */

/* Takes ssl over. */
struct tls_context *tls_context_new(struct ssl_ctx_st *ssl);
struct ssl_ctx_st *tls_context_ssl(const struct tls_context *c);

/* ---- tls_cert.c: a certificate with its chain, key and names ---- */

struct tls_cert;

struct tls_cert *tls_cert_load(int cert_fd, int key_fd, struct err *e);
void tls_cert_free(struct tls_cert **c);
/* Takes the place of the names in it. */
void tls_cert_set_names(struct tls_cert *c, const struct str *names, size_t n);
size_t tls_cert_names(const struct tls_cert *c);
enum tls_match {
	TLS_MATCH_NONE,
	TLS_MATCH_WILDCARD,
	TLS_MATCH_EXACT
};
enum tls_match tls_cert_match(const struct tls_cert *c, struct str host);
int64_t tls_cert_expires(const struct tls_cert *c);
/* False: it is not fit to be used (too small a key); the reason stands in OpenSSL's queue. */
bool tls_cert_use_ctx(const struct tls_cert *c, struct ssl_ctx_st *ctx);
bool tls_cert_use(const struct tls_cert *c, struct ssl_st *ssl);
/* Certificates and CRLs in fd become what clients' certificates are verified by. */
int tls_client_ca(struct ssl_ctx_st *ctx, int fd, struct err *e);
/* The hash of a certificate (RFC 5929 4.1); its length, or 0 where it is undefined. */
size_t tls_cert_end_point(struct x509_st *x, unsigned char out[64]);
/* Sets *e from the newest of OpenSSL's errors and clears them. -1. */
int tls_err(struct err *e, const char *what);

/* ---- tls_tickets.c ---- */

void tls_tickets_use(struct tls_tickets *t, struct ssl_ctx_st *ctx);

/* ---- tls_client.c ---- */

/* Has the session hold its server against check. -1: check is of no use. */
int tls_client_check(struct ssl_st *ssl, const struct tls_check *check, struct err *e);

/* ---- tls_session.c ---- */

/* A server's session over fd, which stays the caller's. */
struct tls_session *tls_session_new(struct tls_context *c, int fd);
/* A client's, that holds the server against check. -1 where that cannot be done (a TLSA record of
 * no use, no host name). */
struct tls_session *
tls_session_connect(struct tls_context *c, int fd, const struct tls_check *check, struct err *e);
void tls_session_free(struct tls_session **t);
enum tls_result tls_session_accept(struct tls_session *t, struct tls_why *why);
enum tls_result
tls_session_read(struct tls_session *t, void *p, size_t n, size_t *got, struct tls_why *why);
/* May take less than n. After TLS_WANT_…, called again with the same octets (and more behind them).
 */
enum tls_result tls_session_write(
    struct tls_session *t, const void *p, size_t n, size_t *taken, struct tls_why *why);
/* Sends the closing alert; does not wait for the peer's. */
enum tls_result tls_session_close(struct tls_session *t, struct tls_why *why);
/* Octets that the socket no longer shows are held inside. */
bool tls_session_holds(const struct tls_session *t);
/* The check was passed: "dane" or "pkix"; "" where nothing was to be checked or it failed. */
const char *tls_session_verified(const struct tls_session *t);
/* Why not; "" where nothing is wrong. Lives as long as the process. */
const char *tls_session_doubt(const struct tls_session *t);
const char *tls_session_cipher(struct tls_session *t);
struct str tls_session_alpn(const struct tls_session *t);
const char *tls_session_client(struct tls_session *t);
bool tls_session_client_is(const struct tls_session *t, struct str address);
size_t
tls_session_binding(const struct tls_session *t, enum tls_binding kind, unsigned char out[64]);
