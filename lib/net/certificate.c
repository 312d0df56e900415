/* certificate.c - certificates that we make ourselves, by OpenSSL. */
#include "net/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "io/file.h"

#define LIFE_S (10L * 365 * 24 * 3600)

static int
failed(struct err *e)
{
	return err_set(e, E_INTERNAL, "cannot make a certificate");
}

static int
add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int rc;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (ext == NULL)
		return -1;
	rc = X509_add_ext(x, ext, -1) == 1 ? 0 : -1;
	X509_EXTENSION_free(ext);
	return rc;
}

static int
set_serial(X509 *x)
{
	unsigned char r[8];
	uint64_t serial = 0;

	if (RAND_bytes(r, sizeof(r)) != 1)
		return -1;
	for (size_t i = 0; i < sizeof(r); i++)
		serial = serial << 8 | r[i];
	return ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1 ? 0 : -1;
}

/* A certificate with nothing but names, dates and key. issuer NULL: its own. */
static X509 *
make(const char *name, EVP_PKEY *key, X509 *issuer)
{
	X509 *x = X509_new();
	X509_NAME *subject;

	if (x == NULL)
		return NULL;
	subject = X509_get_subject_name(x);
	if (X509_set_version(x, X509_VERSION_3) != 1 || set_serial(x) < 0 ||
	    X509_gmtime_adj(X509_getm_notBefore(x), -3600) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(x), LIFE_S) == NULL ||
	    X509_set_pubkey(x, key) != 1 ||
	    X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) != 1 ||
	    X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : subject) != 1) {
		X509_free(x);
		return NULL;
	}
	return x;
}

static int
make_ca(EVP_PKEY *key, X509 **out)
{
	X509 *x = make("GK Mail sandbox CA", key, NULL);

	if (x == NULL)
		return -1;
	*out = x;
	if (add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") < 0 ||
	    add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") < 0 ||
	    add_extension(x, x, NID_subject_key_identifier, "hash") < 0)
		return -1;
	return X509_sign(x, key, EVP_sha256()) > 0 ? 0 : -1;
}

static int
make_server(const char *host, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, X509 **out)
{
	X509 *x = make(host, key, ca);
	char names[512];

	if (x == NULL)
		return -1;
	*out = x;
	snprintf(names, sizeof(names), "DNS:%s,DNS:localhost,IP:127.0.0.1,IP:::1", host);
	if (add_extension(x, ca ? ca : x, NID_basic_constraints, "critical,CA:FALSE") < 0 ||
	    add_extension(x, ca ? ca : x, NID_key_usage, "critical,digitalSignature") < 0 ||
	    add_extension(x, ca ? ca : x, NID_ext_key_usage, "serverAuth") < 0 ||
	    add_extension(x, ca ? ca : x, NID_subject_alt_name, names) < 0)
		return -1;
	return X509_sign(x, ca_key ? ca_key : key, EVP_sha256()) > 0 ? 0 : -1;
}

/* A new file: an old one's mode, owner and readers are not taken over. */
static FILE *
create(const char *path, mode_t mode, struct err *e)
{
	FILE *f = NULL;
	int fd = -1;

	if (unlink(path) == 0 || errno == ENOENT)
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0 || (f = fdopen(fd, "w")) == NULL)
		err_sys(e, "create %s", path);
	return f;
}

static int
write_cert(const char *path, X509 *x, struct err *e)
{
	FILE *f = create(path, 0644, e);
	int ok;

	if (f == NULL)
		return -1;
	ok = PEM_write_X509(f, x);
	return fclose(f) == 0 && ok ? 0 : err_set(e, E_IO, "write %s", path);
}

static int
write_key(const char *path, EVP_PKEY *key, struct err *e)
{
	FILE *f = create(path, 0600, e);
	int ok;

	if (f == NULL)
		return -1;
	ok = PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	return fclose(f) == 0 && ok ? 0 : err_set(e, E_IO, "write %s", path);
}

static int
make_files(const char *host, const char *cert_path, const char *key_path, const char *ca_path,
    struct err *e)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *ca_key = ca_path ? EVP_EC_gen("P-256") : NULL;
	X509 *ca = NULL, *cert = NULL;
	int rc = -1;

	if (key == NULL || (ca_path != NULL && (ca_key == NULL || make_ca(ca_key, &ca) < 0)) ||
	    make_server(host, key, ca, ca_key, &cert) < 0) {
		failed(e);
		goto out;
	}
	if (write_key(key_path, key, e) < 0 || write_cert(cert_path, cert, e) < 0)
		goto out;
	rc = ca_path != NULL ? write_cert(ca_path, ca, e) : 0;
out:
	X509_free(cert);
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	return rc;
}

int
certificate_self_signed(
    const char *host, const char *cert_path, const char *key_path, struct err *e)
{
	return make_files(host, cert_path, key_path, NULL, e);
}

int
certificate_with_ca(const char *host, const char *cert_path, const char *key_path,
    const char *ca_path, struct err *e)
{
	return make_files(host, cert_path, key_path, ca_path, e);
}

/* ---- tls-alpn-01 ---- */

/* id-pe-acmeIdentifier, which OpenSSL 3.0 has no name for; an OCTET STRING in the extension's own.
 */
static int
add_digest(X509 *x, const unsigned char digest[32])
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	unsigned char der[34] = {V_ASN1_OCTET_STRING, 32};
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	int rc = -1;

	memcpy(der + 2, digest, 32);
	if (oid != NULL && value != NULL && ASN1_OCTET_STRING_set(value, der, sizeof(der)) == 1 &&
	    (ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value)) != NULL &&
	    X509_add_ext(x, ext, -1) == 1)
		rc = 0;
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
	return rc;
}

static int
make_challenge(const char *name, const unsigned char digest[32], EVP_PKEY *key, X509 **out)
{
	char names[300];
	X509 *x = make("acme", key, NULL);

	if (x == NULL)
		return -1;
	*out = x;
	snprintf(names, sizeof(names), "DNS:%s", name);
	if (add_extension(x, x, NID_subject_alt_name, names) < 0 || add_digest(x, digest) < 0)
		return -1;
	return X509_sign(x, key, EVP_sha256()) > 0 ? 0 : -1;
}

int
certificate_challenge(const char *name, const unsigned char digest[32], struct err *e)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *x = NULL;
	int fd = -1;
	char *p;
	long n;

	if (key == NULL || bio == NULL || make_challenge(name, digest, key, &x) < 0 ||
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(bio, x) != 1) {
		failed(e);
	} else {
		n = BIO_get_mem_data(bio, &p);
		fd = file_memory("challenge", p, (size_t)n, e);
	}
	X509_free(x);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return fd;
}
