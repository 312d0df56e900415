/*
 * tls_client.c - client contexts, and what a server must prove. See tls.h.
 *
 * The policy for servers (tls.c) says what we offer; here it is what we take, from hosts that are
 * as old as they are, where the alternative is plain text (RFC 7435): TLS 1.2 at least, with
 * forward secrecy and AEAD first and what is weaker behind. Owner: whoever made a context, and each
 * session made of it. Errors: E_INVAL for what is wrong with authorities or a check.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/file.h"
#include "io/tls_private.h"

#define AUTHORITIES_MAX (4u << 20)
#define NAME_SIZE       256

#define CIPHERS_12 \
	"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:AESGCM:!aNULL:!PSK:!SRP:!SHA1:!CAMELLIA"
#define GROUPS "X25519:P-256:P-384:P-521"

/* ---- contexts ---- */

static int
add_authorities(SSL_CTX *ssl, const char *pem, size_t n, struct err *e)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	BIO *bio = BIO_new_mem_buf(pem, (int)n);
	size_t count = 0;
	X509 *x;

	assume(bio);
	for (; (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)); count++) {
		X509_STORE_add_cert(store, x);
		X509_free(x);
	}
	ERR_clear_error();
	BIO_free(bio);
	return count > 0 ? 0 : err_set(e, E_INVAL, "authorities: no certificate in it");
}

static int
load_authorities(SSL_CTX *ssl, int fd, struct err *e)
{
	char *pem = mem_alloc(AUTHORITIES_MAX);
	size_t n;
	int rc = -1;

	if (file_pread_some(fd, pem, AUTHORITIES_MAX, 0, &n, e) < 0)
		err_wrap(e, "authorities");
	else if (n == AUTHORITIES_MAX)
		err_set(e, E_INVAL, "authorities: file too large");
	else
		rc = add_authorities(ssl, pem, n, e);
	free(pem);
	return rc;
}

struct tls_context *
tls_client_new(int authorities_fd, struct err *e)
{
	SSL_CTX *ssl;

	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ERR_clear_error();
	if (!(ssl = SSL_CTX_new(TLS_client_method())) || SSL_CTX_dane_enable(ssl) != 1 ||
	    !SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) ||
	    !SSL_CTX_set_cipher_list(ssl, CIPHERS_12) || !SSL_CTX_set1_groups_list(ssl, GROUPS)) {
		err_set(e, E_INTERNAL, "tls: no client context");
		goto fail;
	}
	SSL_CTX_set_options(
	    ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	/* A certificate that proves nothing may be as weak as it likes. */
	SSL_CTX_set_security_level(ssl, 1);
	if (authorities_fd >= 0 && load_authorities(ssl, authorities_fd, e) < 0)
		goto fail;
	return tls_context_new(ssl);
fail:
	ERR_clear_error();
	SSL_CTX_free(ssl);
	return NULL;
}

void
tls_context_lend(const struct tls_context *c, void *ssl_ctx)
{
	SSL_CTX_set1_cert_store(ssl_ctx, SSL_CTX_get_cert_store(tls_context_ssl(c)));
}

/* ---- what is to be proven ---- */

static bool
is_address(const char *z)
{
	unsigned char any[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, z, any) == 1 || inet_pton(AF_INET6, z, any) == 1;
}

/* The handshake goes on whatever is found; SSL_get_verify_result() tells it afterwards. */
static int
go_on(int ok, X509_STORE_CTX *ctx)
{
	(void)ok, (void)ctx;
	return 1;
}

/* RFC 7672 3.1.3: usages 0 and 1 are of no use in SMTP; 2.2: with records of which none is of any
 * use, TLS is still mandatory, without a check. */
static int
add_records(SSL *ssl, const struct tls_check *check, const char *base, struct err *e)
{
	size_t usable = 0;

	if (SSL_dane_enable(ssl, base) != 1)
		return err_set(e, E_INVAL, "tls: no name for DANE");
	/* RFC 7672 3.1.1: with usage 3 neither names nor dates count. */
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (size_t i = 0; i < check->ntlsa; i++) {
		const struct tls_tlsa *t = &check->tlsa[i];

		if (t->usage == 2 || t->usage == 3)
			usable += SSL_dane_tlsa_add(ssl, t->usage, t->selector, t->matching,
				      (const unsigned char *)t->data.p, t->data.n) > 0;
	}
	ERR_clear_error();
	return usable > 0 ? 0 : err_set(e, E_INVAL, "tls: no usable TLSA record");
}

static int
add_names(SSL *ssl, const struct tls_check *check, struct err *e)
{
	char z[NAME_SIZE];

	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	for (size_t i = 0; i < check->nnames; i++) {
		if (str_cz(check->names[i], z, sizeof(z)) < 0)
			return err_set(e, E_INVAL, "tls: no name to check for");
		if (is_address(z) ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), z) != 1
				  : SSL_add1_host(ssl, z) != 1)
			return err_set(e, E_INVAL, "tls: no name to check for");
	}
	return 0;
}

int
tls_client_check(SSL *ssl, const struct tls_check *check, struct err *e)
{
	char sni[NAME_SIZE];

	if (str_cz(check->sni, sni, sizeof(sni)) < 0)
		return err_set(e, E_INVAL, "tls: no host name");
	if (check->ntlsa > 0 && add_records(ssl, check, sni, e) < 0)
		return -1;
	if (add_names(ssl, check, e) < 0)
		return -1;
	if (sni[0] != '\0' && !is_address(sni))
		SSL_set_tlsext_host_name(ssl, sni);
	if (check->ntlsa == 0 && check->nnames == 0)
		SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
	else
		SSL_set_verify(ssl, SSL_VERIFY_PEER, check->required ? NULL : go_on);
	return 0;
}
