/*
 * jws.c - see jws.h. ES256 alone (RFC 7518 3.4), which every ACME server knows (RFC 8555 6.2).
 *
 * Errors: E_INVAL for keys that are none, E_INTERNAL for what OpenSSL does not do.
 */
#include "smtpd/sign/jws.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <stdio.h>

#include "base/mem.h"
#include "json/json.h"

#define PART         32u /* octets of a number on P-256 */
#define TEXT_MAX     65000u
#define SIGNATURE    (2 * PART)
#define NAMES_OCTETS 30000u

static int
failed(struct err *e, const char *what)
{
	ERR_clear_error();
	return err_set(e, E_INTERNAL, "OpenSSL cannot %s", what);
}

static void
put_base64(struct buf *out, const void *p, size_t n)
{
	size_t size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *room = buf_room(out, size);

	if (room == NULL)
		return;
	sodium_bin2base64(room, size, p, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	buf_added(out, size - 1);
}

/* ---- keys ---- */

EVP_PKEY *
jws_key_new(struct err *e)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (key == NULL)
		failed(e, "make a key");
	return key;
}

static int
no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return 0;
}

static bool
is_p256(const EVP_PKEY *key)
{
	char group[32] = "";

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       OBJ_sn2nid(group) == NID_X9_62_prime256v1;
}

EVP_PKEY *
jws_key_parse(struct str pem, struct err *e)
{
	BIO *bio = pem.n > 0 && pem.n < TEXT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	if (key != NULL && !is_p256(key))
		jws_key_free(&key);
	if (key == NULL)
		err_set(e, E_INVAL, "not a key on P-256 in PEM");
	return key;
}

void
jws_key_pem(EVP_PKEY *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *p;
	long n;

	assume(bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	n = BIO_get_mem_data(bio, &p);
	(void)buf_put(out, p, (size_t)n);
	sodium_memzero(p, (size_t)n);
	BIO_free(bio);
}

void
jws_key_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
	*key = NULL;
}

static void
put_number(EVP_PKEY *key, const char *name, struct buf *out)
{
	unsigned char raw[PART];
	BIGNUM *n = NULL;

	assume(EVP_PKEY_get_bn_param(key, name, &n) == 1);
	assume(BN_bn2binpad(n, raw, PART) == PART);
	BN_free(n);
	put_base64(out, raw, PART);
}

/* RFC 7638 3.2: the members that are required, in order, without blanks. */
void
jws_jwk(EVP_PKEY *key, struct buf *out)
{
	buf_puts(out, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
	put_number(key, OSSL_PKEY_PARAM_EC_PUB_X, out);
	buf_puts(out, "\",\"y\":\"");
	put_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, out);
	buf_puts(out, "\"}");
}

void
jws_thumbprint(EVP_PKEY *key, char out[JWS_THUMBPRINT])
{
	unsigned char digest[32];
	struct buf jwk;

	buf_init(&jwk, 1024);
	jws_jwk(key, &jwk);
	assume(EVP_Digest(jwk.p, jwk.n, digest, NULL, EVP_sha256(), NULL) == 1);
	buf_free(&jwk);
	sodium_bin2base64(
	    out, JWS_THUMBPRINT, digest, sizeof(digest), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* ---- signatures ---- */

/* RFC 7518 3.4: both numbers in full length, where OpenSSL has them in DER. */
static int
sign(EVP_PKEY *key, struct str text, unsigned char out[SIGNATURE])
{
	unsigned char der[256];
	const unsigned char *p = der;
	size_t n = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *s = NULL;
	int rc = -1;

	if (ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestSign(ctx, der, &n, (const unsigned char *)text.p, text.n) == 1 &&
	    (s = d2i_ECDSA_SIG(NULL, &p, (long)n)) != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(s), out, PART) == PART &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(s), out + PART, PART) == PART)
		rc = 0;
	ECDSA_SIG_free(s);
	EVP_MD_CTX_free(ctx);
	return rc;
}

/* The flattened form (RFC 7515 7.2.2); what is signed is `head.payload`, each in base64url. */
static int
finish(struct buf *head, struct str payload, EVP_PKEY *key, struct str secret, struct buf *out,
    struct err *e)
{
	unsigned char signature[SIGNATURE];
	unsigned n = 0;
	struct buf text;
	size_t dot;
	int rc = -1;

	buf_init(&text, TEXT_MAX);
	put_base64(&text, head->p, head->n);
	dot = text.n;
	buf_putc(&text, '.');
	put_base64(&text, payload.p, payload.n);
	if (head->over || text.over) {
		err_set(e, E_LIMIT, "the request is too long");
		goto done;
	}
	if (secret.n > 0 ? HMAC(EVP_sha256(), secret.p, (int)secret.n, (unsigned char *)text.p,
			       text.n, signature, &n) == NULL
			 : sign(key, buf_view(&text), signature) < 0) {
		failed(e, "sign");
		goto done;
	}
	buf_printf(out, "{\"protected\":\"%.*s\",\"payload\":\"%.*s\",\"signature\":\"", (int)dot,
	    text.p, (int)(text.n - dot - 1), text.p + dot + 1);
	put_base64(out, signature, secret.n > 0 ? n : SIGNATURE);
	buf_puts(out, "\"}");
	rc = out->over ? err_set(e, E_LIMIT, "the request is too long") : 0;
done:
	buf_free(&text);
	return rc;
}

static void
put_member(struct buf *b, const char *name, struct str value)
{
	buf_printf(b, ",\"%s\":", name);
	json_print_str(value, b);
}

int
jws_request(
    EVP_PKEY *key, const struct jws_head *h, struct str payload, struct buf *out, struct err *e)
{
	struct buf head;
	int rc;

	buf_init(&head, TEXT_MAX);
	buf_puts(&head, "{\"alg\":\"ES256\"");
	put_member(&head, "nonce", h->nonce);
	put_member(&head, "url", h->url);
	if (h->kid.n > 0) {
		put_member(&head, "kid", h->kid);
	} else {
		buf_puts(&head, ",\"jwk\":");
		jws_jwk(key, &head);
	}
	buf_putc(&head, '}');
	rc = finish(&head, payload, key, STR_NONE, out, e);
	buf_free(&head);
	return rc;
}

int
jws_binding(EVP_PKEY *key, struct str url, struct str kid, struct str secret, struct buf *out,
    struct err *e)
{
	struct buf head, jwk;
	int rc;

	assume(secret.n > 0);
	buf_init(&head, TEXT_MAX);
	buf_init(&jwk, 1024);
	buf_puts(&head, "{\"alg\":\"HS256\"");
	put_member(&head, "kid", kid);
	put_member(&head, "url", url);
	buf_putc(&head, '}');
	jws_jwk(key, &jwk);
	rc = finish(&head, buf_view(&jwk), NULL, secret, out, e);
	buf_free(&jwk);
	buf_free(&head);
	return rc;
}

/* ---- CSR ---- */

/* The names stand in subjectAltName alone (RFC 9525 2). */
static int
add_names(X509_REQ *req, const struct str *names, size_t n)
{
	STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
	X509_EXTENSION *ext = NULL;
	struct buf text;
	int rc = -1;

	buf_init(&text, NAMES_OCTETS);
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%sDNS:" STR_FMT, i > 0 ? "," : "", STR_ARG(names[i]));
	if (all != NULL && text.n > 0 && !text.over &&
	    (ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text.p)) != NULL &&
	    sk_X509_EXTENSION_push(all, ext) > 0) {
		ext = NULL;
		rc = X509_REQ_add_extensions(req, all) == 1 ? 0 : -1;
	}
	X509_EXTENSION_free(ext);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	buf_free(&text);
	return rc;
}

int
jws_csr(EVP_PKEY *key, const struct str *names, size_t n, struct buf *out, struct err *e)
{
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int size, rc = -1;

	if (req == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_pubkey(req, key) != 1 || add_names(req, names, n) < 0 ||
	    X509_REQ_sign(req, key, EVP_sha256()) <= 0 || (size = i2d_X509_REQ(req, &der)) <= 0) {
		failed(e, "ask for a certificate");
		goto done;
	}
	put_base64(out, der, (size_t)size);
	rc = out->over ? err_set(e, E_LIMIT, "too many names") : 0;
done:
	OPENSSL_free(der);
	X509_REQ_free(req);
	return rc;
}
