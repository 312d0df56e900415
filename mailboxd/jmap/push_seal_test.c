/*
 * push_seal_test.c - the example of RFC 8291 A, and what is refused.
 */
#include "mailboxd/jmap/push_seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sodium.h>

#define PUBLIC                                                                              \
	"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNt" \
	"oIAiw4"
#define OWN_PUBLIC                                                                          \
	"BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru" \
	"3jl7A8"

static struct str
decode(const char *text, unsigned char *out, size_t size)
{
	size_t n = 0;

	assert_int_equal(sodium_base642bin(out, size, text, strlen(text), NULL, &n, NULL,
			     sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	    0);
	return str_of(out, n);
}

/* The sender's key pair. */
static EVP_PKEY *
own_key(void)
{
	unsigned char private[32], public[65];
	struct str k = decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", private, 32),
		   p = decode(OWN_PUBLIC, public, 65);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn((const unsigned char *)k.p, (int)k.n, NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
	OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, p.p, p.n);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, n);
	params = OSSL_PARAM_BLD_to_param(b);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	BN_free(n);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void
test_vector(void **state)
{
	unsigned char key[65], auth[16], salt[16], want[256];
	struct str k = decode(PUBLIC, key, 65), a = decode("BTBZMqHH6r4Tts7J_aSIgg", auth, 16),
		   w = decode(
		       "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZ"
		       "IIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1"
		       "CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
		       want, sizeof want);
	EVP_PKEY *own = own_key();
	struct err e;
	struct buf b;

	(void)state;
	(void)decode("DGv6ra1nlYgDCS1FRnbzlw", salt, 16);
	buf_init(&b, 4096);
	assert_int_equal(push_seal_with(STR("When I grow up, I want to be a watermelon"), k, a, own,
			     salt, &b, &e),
	    0);
	assert_true(str_eq(buf_view(&b), w));
	EVP_PKEY_free(own);
	buf_free(&b);
}

static void
test_refused(void **state)
{
	unsigned char key[65], auth[16] = {0};
	struct str k = decode(PUBLIC, key, 65);
	static char large[PUSH_PLAIN_MAX + 1];
	struct err e;
	struct buf b;

	(void)state;
	buf_init(&b, 8192);
	assert_true(push_key_valid(k));
	assert_int_equal(push_seal(STR("x"), k, str_of(auth, 16), &b, &e), 0);
	assert_int_equal(b.n, 16 + 5 + 65 + 1 + 1 + 16);
	assert_int_equal(push_seal(str_of(large, sizeof large), k, str_of(auth, 16), &b, &e), -1);
	assert_int_equal(push_seal(STR("x"), k, str_of(auth, 15), &b, &e), -1);
	assert_false(push_key_valid(str_sub(k, 0, 64)));
	key[64] ^= 1;
	assert_false(push_key_valid(k));
	key[64] ^= 1;
	key[0] = 2;
	assert_false(push_key_valid(k));
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vector), cmocka_unit_test(test_refused)};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
