/*
 * tls_cert.c - certificates with their keys, read from PEM descriptors, and the names that they are
 * for.
 *
 * Owner: the context. Errors: E_INVAL for what is wrong with a file, E_IO for what cannot be read;
 * the text says which of the two files it is.
 */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/file.h"
#include "io/tls_private.h"

#define CERT_MAGIC 0x544c5358u
#define PEM_MAX    (256u * 1024u)
#define NAMES_MAX  1000
#define CHAIN_MAX  5 /* of a client */

struct tls_cert {
	unsigned magic;
	X509 *x;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
	struct str *names; /* owned, lower case */
	size_t nnames;
};

int
tls_err(struct err *e, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
		reason = "no PEM in it (a line of -----BEGIN ... is missing)";
	err_set(e, E_INVAL, "%s: %s", what, reason ? reason : "not usable");
	ERR_clear_error();
	return -1;
}

/* ---- files ---- */

/* By pread from the start: the descriptor is shared with other processes and read again at each
 * reload. Its size is not asked for, which a closed-in process may not. */
static BIO *
pem_open(int fd, char **room, const char *what, struct err *e)
{
	BIO *bio;
	size_t n;

	*room = mem_alloc(PEM_MAX);
	if (file_pread_some(fd, *room, PEM_MAX, 0, &n, e) < 0) {
		err_wrap(e, "%s", what);
		return NULL;
	}
	if (n == 0 || n == PEM_MAX) {
		err_set(e, E_INVAL, "%s: %s", what, n == 0 ? "empty file" : "file too large");
		return NULL;
	}
	bio = BIO_new_mem_buf(*room, (int)n);
	assume(bio);
	return bio;
}

static void
pem_close(BIO *bio, char **room)
{
	BIO_free(bio);
	sodium_memzero(*room, PEM_MAX);
	free(*room);
	*room = NULL;
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
read_chain(struct tls_cert *c, int fd, struct err *e)
{
	char *room;
	BIO *bio = pem_open(fd, &room, "certificate", e);
	X509 *x;
	int rc = -1;

	if (!bio)
		goto out;
	while ((x = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
		if (!c->x)
			c->x = x;
		else if (sk_X509_push(c->chain, x) <= 0)
			X509_free(x);
	}
	/* The end of the file is the one reason to stop. */
	if (!c->x || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		tls_err(e, "certificate");
		goto out;
	}
	ERR_clear_error();
	rc = 0;
out:
	pem_close(bio, &room);
	return rc;
}

static int
read_key(struct tls_cert *c, int fd, struct err *e)
{
	char *room;
	BIO *bio = pem_open(fd, &room, "private key", e);
	int rc = -1;

	if (!bio)
		goto out;
	if (!(c->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL))) {
		tls_err(e, "private key");
		goto out;
	}
	if (X509_check_private_key(c->x, c->key) != 1) {
		tls_err(e, "private key and certificate do not belong together");
		goto out;
	}
	rc = 0;
out:
	pem_close(bio, &room);
	return rc;
}

/* ---- names ---- */

static void
forget_names(struct tls_cert *c)
{
	for (size_t i = 0; i < c->nnames; i++)
		free((char *)c->names[i].p);
	free(c->names);
	c->names = NULL;
	c->nnames = 0;
}

static void
add_name(struct tls_cert *c, struct str name)
{
	char *p;

	if (name.n == 0 || c->nnames == NAMES_MAX)
		return;
	p = mem_dup(name.p, name.n);
	str_lower(name, p);
	c->names = mem_grow(c->names, c->nnames + 1, sizeof(*c->names));
	c->names[c->nnames++] = str_of(p, name.n);
}

void
tls_cert_set_names(struct tls_cert *c, const struct str *names, size_t n)
{
	OBJ(c, CERT_MAGIC);
	forget_names(c);
	for (size_t i = 0; i < n; i++)
		add_name(c, names[i]);
}

size_t
tls_cert_names(const struct tls_cert *c)
{
	OBJ(c, CERT_MAGIC);
	return c->nnames;
}

/* The dNSNames in it; the common name is none any more (RFC 9525 2). */
static void
own_names(struct tls_cert *c)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(c->x, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

		if (g->type == GEN_DNS)
			add_name(c, str_of(ASN1_STRING_get0_data(g->d.dNSName),
					(size_t)ASN1_STRING_length(g->d.dNSName)));
	}
	GENERAL_NAMES_free(all);
	ERR_clear_error();
}

/* RFC 9525 6.3: a wildcard is the whole leftmost label, and stands for one. */
static enum tls_match
match(struct str name, struct str host)
{
	struct str label;

	if (str_ieq(name, host))
		return TLS_MATCH_EXACT;
	if (!str_starts(name, STR("*.")) || !str_cut(&host, '.', &label) || label.n == 0)
		return TLS_MATCH_NONE;
	return str_ieq(str_from(name, 2), host) ? TLS_MATCH_WILDCARD : TLS_MATCH_NONE;
}

enum tls_match
tls_cert_match(const struct tls_cert *c, struct str host)
{
	enum tls_match best = TLS_MATCH_NONE, m;

	OBJ(c, CERT_MAGIC);
	if (host.n > 0 && host.p[host.n - 1] == '.')
		host.n--;
	for (size_t i = 0; i < c->nnames && best != TLS_MATCH_EXACT; i++)
		if ((m = match(c->names[i], host)) > best)
			best = m;
	return best;
}

/* ---- the whole ---- */

struct tls_cert *
tls_cert_load(int cert_fd, int key_fd, struct err *e)
{
	struct tls_cert *c = mem_alloc(sizeof(*c));

	c->magic = CERT_MAGIC;
	ERR_clear_error();
	c->chain = sk_X509_new_null();
	assume(c->chain);
	if (read_chain(c, cert_fd, e) < 0 || read_key(c, key_fd, e) < 0)
		tls_cert_free(&c);
	else
		own_names(c);
	return c;
}

void
tls_cert_free(struct tls_cert **c)
{
	struct tls_cert *old = *c;

	*c = NULL;
	if (!old)
		return;
	OBJ(old, CERT_MAGIC);
	forget_names(old);
	X509_free(old->x);
	sk_X509_pop_free(old->chain, X509_free);
	EVP_PKEY_free(old->key);
	old->magic = 0;
	free(old);
}

int64_t
tls_cert_expires(const struct tls_cert *c)
{
	struct tm tm;

	OBJ(c, CERT_MAGIC);
	return ASN1_TIME_to_tm(X509_get0_notAfter(c->x), &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

bool
tls_cert_use_ctx(const struct tls_cert *c, struct ssl_ctx_st *ctx)
{
	OBJ(c, CERT_MAGIC);
	return SSL_CTX_use_cert_and_key(ctx, c->x, c->key, c->chain, 1) == 1;
}

bool
tls_cert_use(const struct tls_cert *c, struct ssl_st *ssl)
{
	OBJ(c, CERT_MAGIC);
	return SSL_use_cert_and_key(ssl, c->x, c->key, c->chain, 1) == 1;
}

size_t
tls_cert_end_point(struct x509_st *x, unsigned char out[64])
{
	const EVP_MD *md;
	unsigned n = 0;
	int nid = NID_undef;

	/* The hash of the certificate's signature, SHA-256 where that is MD5 or SHA-1, and nothing
	 * where it uses none (Ed25519). */
	if (!x || !X509_get_signature_info(x, &nid, NULL, NULL, NULL) || nid == NID_undef)
		return 0;
	if (nid == NID_md5 || nid == NID_sha1)
		nid = NID_sha256;
	if (!(md = EVP_get_digestbynid(nid)) || EVP_MD_get_size(md) > 64 ||
	    !X509_digest(x, md, out, &n))
		return 0;
	return n;
}

/* ---- who signs clients' certificates ---- */

/* One info may hold both. */
static int
add_trusted(SSL_CTX *ctx, X509_STORE *store, const X509_INFO *info, unsigned *count)
{
	if (info->x509 && (X509_STORE_add_cert(store, info->x509) != 1 ||
			      SSL_CTX_add_client_CA(ctx, info->x509) != 1))
		return -1;
	if (info->x509)
		++*count;
	if (!info->crl)
		return 0;
	/* Once there is a list of revoked ones, it is asked for every link of a chain. */
	return X509_STORE_add_crl(store, info->crl) == 1 &&
		       X509_STORE_set_flags(
			   store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1
		   ? 0
		   : -1;
}

int
tls_client_ca(struct ssl_ctx_st *ctx, int fd, struct err *e)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509_INFO) *all = NULL;
	char *room;
	BIO *bio = pem_open(fd, &room, "client_ca", e);
	unsigned count = 0;
	int rc = -1;

	assume(store);
	if (!bio)
		goto out;
	if (!(all = PEM_X509_INFO_read_bio(bio, NULL, no_password, NULL))) {
		tls_err(e, "client_ca");
		goto out;
	}
	for (int i = 0; i < sk_X509_INFO_num(all); i++)
		if (add_trusted(ctx, store, sk_X509_INFO_value(all, i), &count) < 0) {
			tls_err(e, "client_ca");
			goto out;
		}
	if (count == 0) {
		err_set(e, E_INVAL, "client_ca: no certificate in it");
		goto out;
	}
	SSL_CTX_set1_verify_cert_store(ctx, store);
	SSL_CTX_set_verify_depth(ctx, CHAIN_MAX);
	ERR_clear_error();
	rc = 0;
out:
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	X509_STORE_free(store);
	pem_close(bio, &room);
	return rc;
}

int
tls_client_ca_try(int fd, struct err *e)
{
	SSL_CTX *ctx;
	int rc;

	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ctx = SSL_CTX_new(TLS_server_method());
	assume(ctx);
	rc = tls_client_ca(ctx, fd, e);
	SSL_CTX_free(ctx);
	return rc;
}
