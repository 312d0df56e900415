/*
 * tls.h - TLS by OpenSSL 3: server contexts, and what a stream needs of a session.
 *
 * Certificates and keys come as descriptors that master opened (INVARIANTS 15). Policy: TLS 1.2 or
 * newer (1.3 only, when asked), no renegotiation, no compression, no early data, ECDHE with AEAD
 * only, X25519, P-256 and P-384, tickets on, SSL_MODE_RELEASE_BUFFERS so that an idle connection
 * is small.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct tls_context;
struct tls_tickets;

/* What is asked of clients. */
enum tls_clients {
	TLS_CLIENTS_OFF,
	TLS_CLIENTS_REQUEST, /* a certificate that is absent or not to be trusted is no certificate
			      */
	TLS_CLIENTS_REQUIRE  /* no handshake without a good one */
};

struct tls_options {
	bool only_13;    /* tls.min_version = "1.3" */
	struct str alpn; /* protocol names, the best first ("h2 http/1.1"), or empty: what the
			    client offers is ignored then */
	enum tls_clients clients;
	int client_ca_fd; /* PEM: who signs clients' certificates, and CRLs; only where clients are
			     asked */
	struct tls_tickets *tickets; /* NULL: keys of its own, gone with the context; else it
					outlives the context */
};

/* A server context from PEM descriptors: a chain and its key. Descriptors are read, not kept.
 * Refuses a key that does not belong to the certificate. */
struct tls_context *
tls_server_new(int cert_fd, int key_fd, const struct tls_options *o, struct err *e);
/* One more certificate, for clients that ask for one of names (RFC 6066 3; "*.example.org" stands
 * for one label). None given: the names in it. The first one is for all other clients. Several of
 * one name with keys of different kinds: the client's algorithms decide. */
int tls_server_add(struct tls_context *c, int cert_fd, int key_fd, const struct str *names,
    size_t n, struct err *e);
/* Clients of c that offer that one protocol, and ask for a name that other has a certificate for,
 * are other's (RFC 8737 3). NULL: nobody is any more. other is kept as long as c. */
void tls_server_divert(struct tls_context *c, const char *alpn, struct tls_context *other);
/* Sessions that use it keep it alive, as does whoever holds a reference. */
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_free(struct tls_context **c);

/* Of the certificate that was put in last: is it for that host, and until when (seconds since the
 * epoch) is it good? */
bool tls_context_serves(const struct tls_context *c, struct str host);
int64_t tls_context_expires(const struct tls_context *c);
/* Is that a file for client_ca_fd? */
int tls_client_ca_try(int fd, struct err *e);

/* ---- ticket keys (RFC 5077, RFC 8446 4.6.1) ---- */

/* Keys change every two hours, each made from the one before, so that all who once had the same
 * seed go on alike and nobody can go back: what was recorded stays sealed when a key becomes known
 * later. Time is the machine's monotonic clock. */
struct tls_seed {
	unsigned char secret[32];
	uint64_t period;
};

/* A new one. */
void tls_seed_make(struct tls_seed *s);
/* Moves on to what is needed now and writes it into a sealed memory file; the descriptor, or -1. */
int tls_seed_file(struct tls_seed *s, struct err *e);
struct tls_tickets *tls_tickets_new(int seed_fd, struct err *e);
void tls_tickets_free(struct tls_tickets **t);

enum tls_binding {
	TLS_BINDING_EXPORTER, /* "tls-exporter", RFC 9266 */
	TLS_BINDING_END_POINT /* "tls-server-end-point", RFC 5929 4 */
};

/* ---- as a client ---- */

/* A client context. authorities: PEM certificates that a server's chain may end in, or -1; read,
 * not kept. */
struct tls_context *tls_client_new(int authorities_fd, struct err *e);

/* Makes another library's SSL_CTX believe c's authorities, and no others. */
void tls_context_lend(const struct tls_context *c, void *ssl_ctx);

/* A TLSA record (RFC 6698 2.1). */
struct tls_tlsa {
	uint8_t usage, selector, matching;
	struct str data;
};

/* What a server's certificate is held against. With TLSA records: these (DANE as RFC 7672 has it
 * for SMTP: usages 2 and 3; of others none counts), under usage 2 with sni or one of the names in
 * it. Else with names: a chain to an authority, and
 * one of the names in it. Else nothing is checked. */
struct tls_check {
	struct str sni; /* a host name to ask for (RFC 6066 3); empty or an address: none */
	const struct str *names;
	size_t nnames;
	const struct tls_tlsa *tlsa;
	size_t ntlsa;
	bool required; /* or the handshake fails; else only stream_tls_verified() tells */
};
