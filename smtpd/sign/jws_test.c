/* jws_test.c - requests that are signed: against the example of the RFC, and verified. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <sodium.h>

#include "base/mem.h"
#include "smtpd/sign/jws.h"
#include "json/json.h"

static EVP_PKEY *key;

static int
set_up(void **state)
{
	struct err e;

	(void)state;
	key = jws_key_new(&e);
	return key == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	jws_key_free(&key);
	return 0;
}

static size_t
decode(struct str s, unsigned char *out, size_t size)
{
	size_t n = 0;

	assert_int_equal(sodium_base642bin(out, size, s.p, s.n, NULL, &n, NULL,
			     sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	return n;
}

static bool
verifies(const char *text, const unsigned char raw[64])
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char *der = NULL;
	bool good;
	int n;

	ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
	n = i2d_ECDSA_SIG(sig, &der);
	good =
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, der, (size_t)n, (const unsigned char *)text, strlen(text)) == 1;
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return good;
}

static void
test_request(void **state)
{
	const struct jws_head h = {
	    STR("https://ca.test/\"x"), STR("nonce-1"), STR("https://ca.test/1")};
	unsigned char raw[1000];
	char text[2000];
	struct buf out;
	struct err e;
	cJSON *v, *head;

	(void)state;
	buf_init(&out, 10000);
	assert_int_equal(jws_request(key, &h, STR("{}"), &out, &e), 0);
	v = json_parse(buf_view(&out), 10, &e);
	assert_non_null(v);
	snprintf(text, sizeof(text), "%s.%s", json_str(json_get(v, "protected")).p,
	    json_str(json_get(v, "payload")).p);
	assert_int_equal(decode(json_str(json_get(v, "signature")), raw, sizeof(raw)), 64);
	assert_true(verifies(text, raw));
	text[3] ^= 1;
	assert_false(verifies(text, raw));
	head = json_parse(
	    str_of(raw, decode(json_str(json_get(v, "protected")), raw, sizeof(raw))), 20, &e);
	assert_true(str_eq(json_str(json_get(head, "url")), h.url));
	assert_true(str_eq_z(json_str(json_get(head, "alg")), "ES256"));
	assert_true(str_eq(json_str(json_get(head, "kid")), h.kid));
	assert_null(json_get(head, "jwk"));
	cJSON_Delete(head);
	cJSON_Delete(v);
	buf_free(&out);
}

/* RFC 8555 7.3.4: the key is the payload; by HMAC. */
static void
test_binding(void **state)
{
	struct buf out, jwk;
	unsigned char raw[1000];
	struct err e;
	cJSON *v;

	(void)state;
	buf_init(&out, 10000);
	buf_init(&jwk, 1000);
	assert_int_equal(
	    jws_binding(key, STR("https://ca.test/"), STR("kid"), STR("secret"), &out, &e), 0);
	v = json_parse(buf_view(&out), 10, &e);
	jws_jwk(key, &jwk);
	assert_true(str_eq(buf_view(&jwk),
	    str_of(raw, decode(json_str(json_get(v, "payload")), raw, sizeof(raw)))));
	assert_int_equal(decode(json_str(json_get(v, "signature")), raw, sizeof(raw)), 32);
	cJSON_Delete(v);
	buf_free(&jwk);
	buf_free(&out);
}

static void
test_keys(void **state)
{
	char one[JWS_THUMBPRINT], two[JWS_THUMBPRINT];
	EVP_PKEY *again, *rsa = EVP_RSA_gen(2048);
	struct buf pem;
	struct err e;

	(void)state;
	buf_init(&pem, 10000);
	jws_key_pem(key, &pem);
	again = jws_key_parse(buf_view(&pem), &e);
	assert_non_null(again);
	jws_thumbprint(key, one);
	jws_thumbprint(again, two);
	assert_string_equal(one, two);
	assert_int_equal(strlen(one), JWS_THUMBPRINT - 1);
	jws_key_free(&again);
	buf_reset(&pem);
	jws_key_pem(rsa, &pem);
	assert_null(jws_key_parse(buf_view(&pem), &e));
	assert_null(jws_key_parse(STR("no key"), &e));
	assert_null(jws_key_parse(STR(""), &e));
	buf_free(&pem);
	EVP_PKEY_free(rsa);
}

static void
test_csr(void **state)
{
	const struct str names[] = {STR_INIT("a.test"), STR_INIT("b.test")};
	unsigned char der[2000];
	const unsigned char *p = der;
	struct buf out;
	struct err e;
	X509_REQ *req;
	STACK_OF(X509_EXTENSION) * all;
	GENERAL_NAMES *found;

	(void)state;
	buf_init(&out, 10000);
	assert_int_equal(jws_csr(key, names, 2, &out, &e), 0);
	req = d2i_X509_REQ(NULL, &p, (long)decode(buf_view(&out), der, sizeof(der)));
	assert_non_null(req);
	assert_int_equal(X509_REQ_verify(req, key), 1);
	all = X509_REQ_get_extensions(req);
	found = X509V3_get_d2i(all, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(found), 2);
	GENERAL_NAMES_free(found);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	X509_REQ_free(req);
	buf_reset(&out);
	assert_int_equal(jws_csr(key, names, 0, &out, &e), -1);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_binding),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_csr),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
