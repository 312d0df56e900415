/* dkim_key.c - a key of DKIM: private here, public in the DNS. See dkim_sign.h. */
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/mem.h"
#include "smtpd/dkim/dkim_key.h"

struct dkim_key *
dkim_key_new(struct str domain, struct str selector, struct str pem, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	struct dkim_key *k = NULL;
	int kind = pkey != NULL ? EVP_PKEY_get_id(pkey) : 0;
	int bits = pkey != NULL ? EVP_PKEY_get_bits(pkey) : 0;

	if (pkey == NULL) {
		err_set(e, E_INVAL, "no private key in PEM");
	} else if (kind != EVP_PKEY_RSA && kind != EVP_PKEY_ED25519) {
		err_set(e, E_INVAL, "neither an RSA nor an Ed25519 key");
	} else if (kind == EVP_PKEY_RSA && (bits < DKIM_BITS_MIN || bits > DKIM_BITS_MAX)) {
		err_set(e, E_INVAL, "an RSA key of %d bits; it must have %d to %d", bits,
		    DKIM_BITS_MIN, DKIM_BITS_MAX);
	} else {
		k = mem_alloc(sizeof(*k));
		k->domain = mem_dup(domain.p, domain.n);
		k->selector = mem_dup(selector.p, selector.n);
		k->pkey = pkey;
		k->ed25519 = kind == EVP_PKEY_ED25519;
		pkey = NULL;
	}
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	if (k == NULL)
		err_wrap(e, "key " STR_FMT " of " STR_FMT, STR_ARG(selector), STR_ARG(domain));
	return k;
}

void
dkim_key_free(struct dkim_key **kp)
{
	struct dkim_key *k = *kp;

	if (k == NULL)
		return;
	*kp = NULL;
	EVP_PKEY_free(k->pkey);
	free(k->domain);
	free(k->selector);
	free(k);
}

struct str
dkim_key_domain(const struct dkim_key *k)
{
	return str_z(k->domain);
}

struct str
dkim_key_selector(const struct dkim_key *k)
{
	return str_z(k->selector);
}

const char *
dkim_key_kind(const struct dkim_key *k)
{
	return k->ed25519 ? "ed25519" : "rsa";
}

unsigned
dkim_key_bits(const struct dkim_key *k)
{
	return (unsigned)EVP_PKEY_get_bits(k->pkey);
}

/* RFC 6376 3.6.1, RFC 8463 4.2: of Ed25519 the bare 32 octets. */
void
dkim_key_record(const struct dkim_key *k, struct buf *out)
{
	unsigned char raw[32], *der = NULL;
	size_t n = sizeof(raw);
	char *text;

	if (k->ed25519) {
		assume(EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) == 1);
	} else {
		int len = i2d_PUBKEY(k->pkey, &der);

		assume(len > 0);
		n = (size_t)len;
	}
	text = mem_alloc((n + 2) / 3 * 4 + 1);
	EVP_EncodeBlock((unsigned char *)text, der != NULL ? der : raw, (int)n);
	(void)buf_printf(out, "v=DKIM1; k=%s; p=%s", dkim_key_kind(k), text);
	free(text);
	OPENSSL_free(der);
}
