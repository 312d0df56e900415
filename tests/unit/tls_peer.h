/*
 * tls_peer.h - for unit tests: certificates made on the spot, and a TLS client whose octets the
 * test carries by hand, so that it can carry them one by one.
 */
#pragma once

#include <assert.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <unistd.h>

#include "io/file.h"
#include "io/tls.h"

struct test_key {
	EVP_PKEY *key;
	X509 *cert;
	int key_fd, cert_fd; /* PEM, in memory files */
};

static inline int
test_key_fd(BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	int fd = file_memory("pem", p, (size_t)n, NULL);

	assert(fd >= 0);
	BIO_free(bio);
	return fd;
}

enum test_kind {
	TEST_P256,
	TEST_ED25519,
	TEST_RSA
};

static inline EVP_PKEY *
test_key_kind(enum test_kind kind)
{
	if (kind == TEST_RSA)
		return EVP_RSA_gen(2048);
	return kind == TEST_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
				    : EVP_EC_gen("P-256");
}

/* A self-signed certificate for "localhost" (with SHA-512 where the key leaves a choice). alt:
 * subjectAltName as in openssl.cnf ("DNS:a.test,email:u@a.test"), or NULL. */
static inline void
test_key_make_named(struct test_key *k, enum test_kind kind, const char *alt)
{
	BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
	X509_NAME *name;
	X509_EXTENSION *ext = NULL;

	k->key = test_key_kind(kind);
	k->cert = X509_new();
	assert(k->key && k->cert && cert && key);
	if (alt) {
		ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt);
		assert(ext && X509_add_ext(k->cert, ext, -1) == 1);
		X509_EXTENSION_free(ext);
	}
	X509_set_version(k->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(k->cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(k->cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(k->cert), 3600);
	X509_set_pubkey(k->cert, k->key);
	name = X509_get_subject_name(k->cert);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(k->cert, name);
	assert(X509_sign(k->cert, k->key, kind == TEST_ED25519 ? NULL : EVP_sha512()) > 0);
	assert(PEM_write_bio_X509(cert, k->cert) == 1);
	assert(PEM_write_bio_PrivateKey(key, k->key, NULL, NULL, 0, NULL, NULL) == 1);
	k->cert_fd = test_key_fd(cert);
	k->key_fd = test_key_fd(key);
}

static inline void
test_key_make(struct test_key *k, bool ed25519)
{
	test_key_make_named(k, ed25519 ? TEST_ED25519 : TEST_P256, NULL);
}

static inline void
test_key_free(struct test_key *k)
{
	EVP_PKEY_free(k->key);
	X509_free(k->cert);
	file_close(&k->key_fd);
	file_close(&k->cert_fd);
}

/* A client over the non-blocking socket fd. */
struct test_peer {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *from, *to; /* what came from the server; what goes to it */
	int fd;
	bool end; /* the server's end was seen on the socket */
};

static inline void
test_peer_init(struct test_peer *p, int fd)
{
	*p = (struct test_peer){.fd = fd};
	p->ctx = SSL_CTX_new(TLS_client_method());
	p->ssl = SSL_new(p->ctx);
	p->from = BIO_new(BIO_s_mem());
	p->to = BIO_new(BIO_s_mem());
	assert(p->ssl && p->from && p->to);
	BIO_set_mem_eof_return(p->from, -1);
	BIO_set_mem_eof_return(p->to, -1);
	SSL_set_bio(p->ssl, p->from, p->to);
	SSL_set_connect_state(p->ssl);
}

static inline void
test_peer_free(struct test_peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	*p = (struct test_peer){.fd = -1};
}

/* Carries at most max octets to the server, and all that came from it. */
static inline void
test_peer_carry(struct test_peer *p, size_t max)
{
	char room[16384];
	ssize_t n;
	char *data;
	size_t have = (size_t)BIO_get_mem_data(p->to, &data);

	if (max > sizeof(room))
		max = sizeof(room);
	if (have > max)
		have = max;
	if (have > 0 && (n = write(p->fd, data, have)) > 0)
		BIO_read(p->to, room, (int)n);
	while ((n = read(p->fd, room, sizeof(room))) > 0)
		BIO_write(p->from, room, (int)n);
	p->end = p->end || n == 0;
}
