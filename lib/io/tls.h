/*
 * tls.h - TLS by OpenSSL 3: contexts, and what a stream needs of a session.
 *
 * Certificates and keys come as descriptors that master opened (INVARIANTS 15). Policy: TLS 1.2 or
 * newer (1.3 only, when asked), no renegotiation, no compression, ECDHE with AEAD only, P-256 and
 * X25519, tickets on, SSL_MODE_RELEASE_BUFFERS so that an idle connection is small.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct tls_context;

struct tls_options {
	bool only_13; /* tls.min_version = "1.3" */
	struct str
	    alpn; /* one protocol name ("imap"), or empty: what the client offers is ignored then */
};

/* A server context from PEM descriptors: a chain and its key. Descriptors are read, not kept.
 * Refuses a key that does not belong to the certificate. */
struct tls_context *
tls_server_new(int cert_fd, int key_fd, const struct tls_options *o, struct err *e);
/* Sessions that use it keep it alive. */
void tls_context_free(struct tls_context **c);

enum tls_binding {
	TLS_BINDING_EXPORTER, /* "tls-exporter", RFC 9266 */
	TLS_BINDING_END_POINT /* "tls-server-end-point", RFC 5929 4 */
};

/* ---- as a client ---- */

/* A client context. authorities: PEM certificates that a server's chain may end in, or -1; read,
 * not kept. */
struct tls_context *tls_client_new(int authorities_fd, struct err *e);

/* A TLSA record (RFC 6698 2.1). */
struct tls_tlsa {
	uint8_t usage, selector, matching;
	struct str data;
};

/* What a server's certificate is held against. With TLSA records: these (DANE as RFC 7672 has it
 * for SMTP: usages 2 and 3; of others none counts). Else with names: a chain to an authority, and
 * one of the names in it. Else nothing is checked. */
struct tls_check {
	struct str sni; /* a host name to ask for (RFC 6066 3); empty or an address: none */
	const struct str *names;
	size_t nnames;
	const struct tls_tlsa *tlsa;
	size_t ntlsa;
	bool required; /* or the handshake fails; else only stream_tls_verified() tells */
};
