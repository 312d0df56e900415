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
struct tls_context *tls_context_ref(struct tls_context *c);
struct ssl_ctx_st *tls_context_ssl(const struct tls_context *c);
/* The hash of the server's certificate (RFC 5929 4.1); its length, or 0 where it is undefined. */
size_t tls_context_end_point(const struct tls_context *c, unsigned char out[64]);

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
size_t
tls_session_binding(const struct tls_session *t, enum tls_binding kind, unsigned char out[64]);
