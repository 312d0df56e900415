/*
 * push_seal.c - see push_seal.h.
 */
#include "mailboxd/jmap/push_seal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sodium.h>

#define RECORD_SIZE 4096u
#define TAG_LEN     16u
#define HASH_LEN    crypto_auth_hmacsha256_BYTES

static void
hmac(struct str key, struct str a, struct str b, unsigned char out[HASH_LEN])
{
	crypto_auth_hmacsha256_state s;

	crypto_auth_hmacsha256_init(&s, (const unsigned char *)key.p, key.n);
	crypto_auth_hmacsha256_update(&s, (const unsigned char *)a.p, a.n);
	crypto_auth_hmacsha256_update(&s, (const unsigned char *)b.p, b.n);
	crypto_auth_hmacsha256_final(&s, out);
}

/* HKDF (RFC 5869) of one block: extract by the salt, expand by the info. */
static void
derive(struct str salt, struct str secret, struct str info, unsigned char out[HASH_LEN])
{
	unsigned char prk[HASH_LEN];

	hmac(salt, secret, STR_NONE, prk);
	hmac(str_of(prk, sizeof prk), info, str_of("\1", 1), out);
	sodium_memzero(prk, sizeof prk);
}

static EVP_PKEY *
read_point(struct str point)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0),
	    OSSL_PARAM_construct_octet_string(
		OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point.p, point.n),
	    OSSL_PARAM_construct_end()};
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;

	if (point.n != PUSH_KEY_LEN || point.p[0] != 4)
		return NULL;
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	/* It is checked to be on the curve. */
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

bool
push_key_valid(struct str point)
{
	EVP_PKEY *key = read_point(point);

	EVP_PKEY_free(key);
	return key != NULL;
}

static int
agree(EVP_PKEY *own, EVP_PKEY *other, unsigned char secret[32])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	size_t n = 32;
	bool ok = ctx != NULL && EVP_PKEY_derive_init(ctx) > 0 &&
		  EVP_PKEY_derive_set_peer(ctx, other) > 0 &&
		  EVP_PKEY_derive(ctx, secret, &n) > 0 && n == 32;

	EVP_PKEY_CTX_free(ctx);
	return ok ? 0 : -1;
}

/* One record, the last: a delimiter of 2 behind the text (RFC 8188 2). */
static int
encrypt(
    const unsigned char key[16], const unsigned char nonce[12], struct str plain, struct buf *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char *to = (unsigned char *)buf_room(out, plain.n + 1 + TAG_LEN);
	int n = 0, more = 0, rest = 0;
	bool ok = c != NULL && to != NULL &&
		  EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, nonce) > 0 &&
		  EVP_EncryptUpdate(c, to, &n, (const unsigned char *)plain.p, (int)plain.n) > 0 &&
		  EVP_EncryptUpdate(c, to + n, &more, (const unsigned char *)"\2", 1) > 0 &&
		  EVP_EncryptFinal_ex(c, to + n + more, &rest) > 0 &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, to + n + more + rest) > 0;

	EVP_CIPHER_CTX_free(c);
	if (!ok)
		return -1;
	buf_added(out, plain.n + 1 + TAG_LEN);
	return 0;
}

/* RFC 8291 3.4 */
static int
seal(struct str plain, struct str client_key, struct str client_auth, EVP_PKEY *own,
    EVP_PKEY *other, const unsigned char salt[16], struct buf *out)
{
	unsigned char secret[32], ikm[HASH_LEN], key[HASH_LEN], nonce[HASH_LEN];
	unsigned char point[PUSH_KEY_LEN], head[5] = {0, 0, RECORD_SIZE >> 8, 0, PUSH_KEY_LEN};
	struct str s = str_of(salt, 16);
	size_t n = 0;
	struct buf info;
	int rc = -1;

	buf_init(&info, 256);
	if (EVP_PKEY_get_octet_string_param(
		own, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof point, &n) <= 0 ||
	    n != sizeof point || agree(own, other, secret) < 0)
		goto out;
	buf_put(&info, "WebPush: info", 14); /* with its NUL */
	buf_str(&info, client_key);
	buf_put(&info, point, sizeof point);
	derive(client_auth, str_of(secret, sizeof secret), buf_view(&info), ikm);
	derive(s, str_of(ikm, sizeof ikm), str_of("Content-Encoding: aes128gcm", 28), key);
	derive(s, str_of(ikm, sizeof ikm), str_of("Content-Encoding: nonce", 24), nonce);
	buf_str(out, s);
	buf_put(out, head, sizeof head);
	buf_put(out, point, sizeof point);
	rc = encrypt(key, nonce, plain, out);
out:
	sodium_memzero(secret, sizeof secret);
	sodium_memzero(ikm, sizeof ikm);
	sodium_memzero(key, sizeof key);
	buf_free(&info);
	return rc;
}

int
push_seal_with(struct str plain, struct str client_key, struct str client_auth, EVP_PKEY *own,
    const unsigned char salt[16], struct buf *out, struct err *e)
{
	EVP_PKEY *other = read_point(client_key);
	int rc;

	if (other == NULL || client_auth.n != PUSH_AUTH_LEN || plain.n > PUSH_PLAIN_MAX) {
		EVP_PKEY_free(other);
		return err_set(e, E_INVAL, "no keys of Web Push");
	}
	rc = seal(plain, client_key, client_auth, own, other, salt, out);
	EVP_PKEY_free(other);
	return rc < 0 ? err_set(e, E_INTERNAL, "OpenSSL cannot encrypt") : 0;
}

int
push_seal(
    struct str plain, struct str client_key, struct str client_auth, struct buf *out, struct err *e)
{
	EVP_PKEY *own = EVP_EC_gen("P-256");
	unsigned char salt[16];
	int rc;

	if (own == NULL)
		return err_set(e, E_INTERNAL, "OpenSSL makes no key");
	randombytes_buf(salt, sizeof salt);
	rc = push_seal_with(plain, client_key, client_auth, own, salt, out, e);
	EVP_PKEY_free(own);
	return rc;
}
