/*
 * tls.c - server contexts: certificate, key, and the policy of tls.h.
 *
 * Everything OpenSSL needs is read here, from descriptors, so that a closed-in process can do it
 * again at a reload: openssl.cnf is not read (the policy is ours and must not change with the
 * machine), and nothing is looked up by name. Owner: whoever made a context, and each session made
 * of it. Errors: E_INVAL for what is wrong with the files, E_IO for what cannot be read.
 */
#include "io/tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/mem.h"
#include "io/file.h"
#include "io/tls_private.h"

#define CONTEXT_MAGIC 0x544c5343u
#define PEM_MAX       (256u * 1024u)
#define TICKET_LIFE_S 7200

/* TLS 1.2: forward secrecy and AEAD (RFC 9325 4.2). TLS 1.3 has nothing else. */
#define CIPHERS_12 "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK:!SRP"
#define GROUPS     "X25519:P-256"

struct tls_context {
	unsigned magic;
	unsigned refs;
	SSL_CTX *ssl;
	struct str alpn; /* owned */
	unsigned char end_point[64];
	size_t end_point_n;
};

/* Sets *e from the newest of OpenSSL's errors and clears them. */
static int
err_ssl(struct err *e, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
		reason = "no PEM in it (a line of -----BEGIN ... is missing)";
	err_set(e, E_INVAL, "%s: %s", what, reason ? reason : "not usable");
	ERR_clear_error();
	return -1;
}

/* ---- files ---- */

struct pem {
	char *p;
	size_t n;
};

static void
pem_free(struct pem *f)
{
	if (f->p)
		sodium_memzero(f->p, PEM_MAX);
	free(f->p);
	*f = (struct pem){0};
}

/* By pread from the start: the descriptor is shared with other processes and read again at each
 * reload. Its size is not asked for, which a closed-in process may not. */
static int
pem_read(int fd, struct pem *f, struct err *e)
{
	*f = (struct pem){.p = mem_alloc(PEM_MAX)};
	if (file_pread_some(fd, f->p, PEM_MAX, 0, &f->n, e) < 0)
		return -1;
	if (f->n == 0 || f->n == PEM_MAX)
		return err_set(e, E_INVAL, "%s", f->n == 0 ? "empty file" : "file too large");
	return 0;
}

/* A key is stored unencrypted or not at all: there is nobody to ask. */
static int
no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return 0;
}

/* The first certificate is the server's, the others its chain. */
static int
use_chain(SSL_CTX *ssl, const struct pem *f, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(f->p, (int)f->n);
	X509 *x;
	int rc = -1, count = 0;

	assume(bio);
	for (; (x = PEM_read_bio_X509(bio, NULL, no_password, NULL)); count++) {
		long ok =
		    count == 0 ? SSL_CTX_use_certificate(ssl, x) : SSL_CTX_add1_chain_cert(ssl, x);

		X509_free(x);
		if (ok != 1) {
			err_ssl(e, "certificate");
			goto out;
		}
	}
	/* The end of the file is the one reason to stop. */
	if (count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		err_ssl(e, "certificate");
		goto out;
	}
	ERR_clear_error();
	rc = 0;
out:
	BIO_free(bio);
	return rc;
}

static int
use_key(SSL_CTX *ssl, const struct pem *f, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(f->p, (int)f->n);
	EVP_PKEY *key = NULL;
	int rc = -1;

	assume(bio);
	if (!(key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL))) {
		err_ssl(e, "private key");
		goto out;
	}
	if (SSL_CTX_use_PrivateKey(ssl, key) != 1 || SSL_CTX_check_private_key(ssl) != 1) {
		err_ssl(e, "private key and certificate");
		goto out;
	}
	rc = 0;
out:
	EVP_PKEY_free(key);
	BIO_free(bio);
	return rc;
}

static int
load(SSL_CTX *ssl, int cert_fd, int key_fd, struct err *e)
{
	struct pem cert = {0}, key = {0};
	int rc = -1;

	if (pem_read(cert_fd, &cert, e) < 0) {
		err_wrap(e, "certificate");
		goto out;
	}
	if (pem_read(key_fd, &key, e) < 0) {
		err_wrap(e, "private key");
		goto out;
	}
	if (use_chain(ssl, &cert, e) == 0 && use_key(ssl, &key, e) == 0)
		rc = 0;
out:
	pem_free(&cert);
	pem_free(&key);
	return rc;
}

/* ---- policy ---- */

/* RFC 7301 3.2: no protocol in common ends the handshake, so that a peer which means to speak
 * another protocol is not answered by this one. */
static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in,
    unsigned inlen, void *arg)
{
	const struct tls_context *c = arg;

	(void)ssl;
	for (unsigned i = 0; i < inlen && in[i] < inlen - i; i += in[i] + 1u) {
		if (!str_eq(str_of(in + i + 1, in[i]), c->alpn))
			continue;
		*out = in + i + 1;
		*outlen = in[i];
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int
set_policy(struct tls_context *c, const struct tls_options *o)
{
	SSL_CTX *ssl = c->ssl;

	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
				     /* Mail programs often hang up without an alert. The protocols
					above know where a message ends. */
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	/* One system call for what is there, instead of two for each record. */
	SSL_CTX_set_read_ahead(ssl, 1);
	/* Tickets, which cost the server no memory; one, as a client seldom comes back twice at
	 * once. */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, 1);
	SSL_CTX_set_timeout(ssl, TICKET_LIFE_S);
	SSL_CTX_set_security_level(ssl, 2);
	if (o->alpn.n > 0) {
		c->alpn = str_of(mem_dup(o->alpn.p, o->alpn.n), o->alpn.n);
		SSL_CTX_set_alpn_select_cb(ssl, choose_alpn, c);
	}
	return SSL_CTX_set_min_proto_version(ssl, o->only_13 ? TLS1_3_VERSION : TLS1_2_VERSION) &&
	       SSL_CTX_set_cipher_list(ssl, CIPHERS_12) && SSL_CTX_set1_groups_list(ssl, GROUPS);
}

/* RFC 5929 4.1: the hash of the certificate's signature, SHA-256 where that is MD5 or SHA-1, and
 * nothing where it uses none (Ed25519). */
static size_t
hash_end_point(X509 *cert, unsigned char out[64])
{
	const EVP_MD *md;
	unsigned n = 0;
	int nid = NID_undef;

	if (!X509_get_signature_info(cert, &nid, NULL, NULL, NULL) || nid == NID_undef)
		return 0;
	if (nid == NID_md5 || nid == NID_sha1)
		nid = NID_sha256;
	if (!(md = EVP_get_digestbynid(nid)) || EVP_MD_get_size(md) > 64 ||
	    !X509_digest(cert, md, out, &n))
		return 0;
	return n;
}

/* ---- contexts ---- */

struct tls_context *
tls_server_new(int cert_fd, int key_fd, const struct tls_options *o, struct err *e)
{
	struct tls_context *c = mem_alloc(sizeof(*c));

	c->magic = CONTEXT_MAGIC;
	c->refs = 1;
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ERR_clear_error();
	if (!(c->ssl = SSL_CTX_new(TLS_server_method())) || !set_policy(c, o)) {
		err_ssl(e, "tls");
		goto fail;
	}
	if (load(c->ssl, cert_fd, key_fd, e) < 0)
		goto fail;
	c->end_point_n = hash_end_point(SSL_CTX_get0_certificate(c->ssl), c->end_point);
	ERR_clear_error();
	return c;
fail:
	tls_context_free(&c);
	return NULL;
}

struct tls_context *
tls_context_new(struct ssl_ctx_st *ssl)
{
	struct tls_context *c = mem_alloc(sizeof(*c));

	c->magic = CONTEXT_MAGIC;
	c->refs = 1;
	c->ssl = ssl;
	return c;
}

struct tls_context *
tls_context_ref(struct tls_context *c)
{
	OBJ(c, CONTEXT_MAGIC);
	c->refs++;
	return c;
}

void
tls_context_free(struct tls_context **c)
{
	struct tls_context *old = *c;

	*c = NULL;
	if (!old)
		return;
	OBJ(old, CONTEXT_MAGIC);
	if (--old->refs > 0)
		return;
	SSL_CTX_free(old->ssl);
	free((char *)old->alpn.p);
	old->magic = 0;
	free(old);
}

struct ssl_ctx_st *
tls_context_ssl(const struct tls_context *c)
{
	OBJ(c, CONTEXT_MAGIC);
	return c->ssl;
}

size_t
tls_context_end_point(const struct tls_context *c, unsigned char out[64])
{
	OBJ(c, CONTEXT_MAGIC);
	memcpy(out, c->end_point, c->end_point_n);
	return c->end_point_n;
}
