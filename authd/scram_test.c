#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "authd/scram.h"

/* RFC 7677 3. */
#define PASSWORD "pencil"
#define FIRST    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define NONCE    "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define CHALLENGE \
	"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define FINAL                                                          \
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," \
	"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define REPLY "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static const struct scram_binding none;
static const struct scram_binding tls = {
    .exporter = STR_INIT("exported keying material......32"),
    .end_point = STR_INIT("digest of the certificate.....32"),
    .plus_offered = true,
};

static struct arena a;
static struct scram_keys keys;
static unsigned char salt[16];

static int
up(void **state)
{
	size_t n;

	(void)state;
	arena_init(&a);
	sodium_base642bin(salt, sizeof(salt), "W22ZaJ0SNY7soEsUEjb6gQ==", 24, NULL, &n, NULL,
	    sodium_base64_VARIANT_ORIGINAL);
	scram_derive(STR(PASSWORD), str_of(salt, sizeof(salt)), 4096, &keys);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

static enum err_code
first(const char *message, bool plus, const struct scram_binding *b)
{
	struct scram s;
	struct err e = {E_OK, ""};

	return scram_first(&s, str_z(message), plus, b, &a, &e) < 0 ? e.code : E_OK;
}

static enum err_code
final(const char *message, const char *nonce)
{
	struct scram s;
	struct str reply;
	size_t which;
	struct err e = {E_OK, ""};

	assert_int_equal(scram_first(&s, STR(FIRST), false, &none, &a, &e), 0);
	scram_challenge(&s, str_of(salt, sizeof(salt)), 4096, nonce, &a);
	return scram_final(&s, str_z(message), &keys, 1, &which, &reply, &a, &e) < 0 ? e.code
										     : E_OK;
}

static void
rfc_7677_example(void **state)
{
	struct scram_keys other[3];
	struct scram s;
	struct str reply;
	size_t which;

	(void)state;
	memset(other, 7, sizeof(other));
	other[2] = keys;
	assert_int_equal(scram_first(&s, STR(FIRST), false, &none, &a, NULL), 0);
	assert_true(str_eq_z(s.user, "user"));
	assert_true(
	    str_eq_z(scram_challenge(&s, str_of(salt, sizeof(salt)), 4096, NONCE, &a), CHALLENGE));
	assert_int_equal(scram_final(&s, STR(FINAL), other, 3, &which, &reply, &a, NULL), 0);
	assert_int_equal(which, 2);
	assert_true(str_eq_z(reply, REPLY));
	assert_int_equal(scram_final(&s, STR(FINAL), other, 2, &which, &reply, &a, NULL), -1);
	assert_int_equal(scram_final(&s, STR(FINAL), NULL, 0, &which, &reply, &a, NULL), -1);
}

static void
every_cut_of_the_messages_is_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(FIRST) - 1; n++) {
		char *cut = arena_dupz(&a, str_of(FIRST, n));

		/* Cut inside the nonce it is still a message. */
		if (n <= strlen("n,,n=user,r="))
			assert_int_not_equal(first(cut, false, &none), E_OK);
	}
	for (size_t n = 0; n < sizeof(FINAL) - 1; n++)
		assert_int_not_equal(final(arena_dupz(&a, str_of(FINAL, n)), NONCE), E_OK);
	assert_int_equal(final(FINAL, NONCE), E_OK);
}

static void
a_wrong_proof_nonce_or_header_is_refused(void **state)
{
	(void)state;
	assert_int_equal(final("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			       "p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			     NONCE),
	    E_DENIED);
	assert_int_equal(final(FINAL, NULL), E_DENIED);
	assert_int_equal(final("c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			       "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			     NONCE),
	    E_DENIED);
	assert_int_equal(final("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,m=x,"
			       "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			     NONCE),
	    E_PROTO);
	assert_int_equal(final("c=!,r=x,p=y", NONCE), E_PROTO);
}

static void
names_are_unescaped(void **state)
{
	struct scram s;

	(void)state;
	assert_int_equal(
	    scram_first(&s, STR("n,a=bo=3Db,n=a=2Cb=3Dc,r=x"), false, &none, &a, NULL), 0);
	assert_true(str_eq_z(s.user, "a,b=c"));
	assert_true(str_eq_z(s.authzid, "bo=b"));
	assert_int_equal(first("n,,n=a=2cb,r=x", false, &none), E_PROTO);
	assert_int_equal(first("n,,n=a=,r=x", false, &none), E_PROTO);
	assert_int_equal(first("n,,n=,r=x", false, &none), E_PROTO);
	assert_int_equal(first("n,,n=a,r=", false, &none), E_PROTO);
	assert_int_equal(first("n,,n=a\xff,r=x", false, &none), E_PROTO);
	assert_int_equal(first("n,,m=ext,n=a,r=x", false, &none), E_PROTO);
	assert_int_equal(first("n,b=c,n=a,r=x", false, &none), E_PROTO);
	assert_int_equal(first("n,,n=a,r=x,ext=1", false, &none), E_OK);
}

static void
binding_is_what_it_says(void **state)
{
	(void)state;
	assert_int_equal(first("p=tls-exporter,,n=a,r=x", true, &tls), E_OK);
	assert_int_equal(first("p=tls-server-end-point,,n=a,r=x", true, &tls), E_OK);
	assert_int_equal(first("p=tls-unique,,n=a,r=x", true, &tls), E_DENIED);
	assert_int_equal(first("p=tls-exporter,,n=a,r=x", true, &none), E_DENIED);
	assert_int_equal(first("p=tls-exporter,,n=a,r=x", false, &tls), E_PROTO);
	assert_int_equal(first("n,,n=a,r=x", true, &tls), E_PROTO);
	assert_int_equal(first("y,,n=a,r=x", true, &tls), E_PROTO);
	/* RFC 5802 6: a client that could bind and thinks we cannot, while we offered it. */
	assert_int_equal(first("y,,n=a,r=x", false, &tls), E_DENIED);
	assert_int_equal(first("y,,n=a,r=x", false, &none), E_OK);
	assert_int_equal(first("n,,n=a,r=x", false, &tls), E_OK);
	assert_int_equal(first("z,,n=a,r=x", false, &tls), E_PROTO);
}

static void
client_sign(const char *auth, char out[64])
{
	unsigned char salted[32], client[32], stored[32], sig[32];
	crypto_auth_hmacsha256_state st;

	/* Hi() by hand: RFC 5802 2.2. */
	unsigned char u[32], block[20];

	memcpy(block, salt, 16);
	memcpy(block + 16, "\0\0\0\1", 4);
	crypto_auth_hmacsha256_init(&st, (const unsigned char *)PASSWORD, strlen(PASSWORD));
	crypto_auth_hmacsha256_update(&st, block, sizeof(block));
	crypto_auth_hmacsha256_final(&st, u);
	memcpy(salted, u, 32);
	for (int i = 1; i < 4096; i++) {
		crypto_auth_hmacsha256_init(&st, (const unsigned char *)PASSWORD, strlen(PASSWORD));
		crypto_auth_hmacsha256_update(&st, u, 32);
		crypto_auth_hmacsha256_final(&st, u);
		for (int j = 0; j < 32; j++)
			salted[j] ^= u[j];
	}
	crypto_auth_hmacsha256(client, (const unsigned char *)"Client Key", 10, salted);
	crypto_hash_sha256(stored, client, 32);
	assert_memory_equal(stored, keys.stored, 32);
	crypto_auth_hmacsha256(sig, (const unsigned char *)auth, strlen(auth), stored);
	for (int j = 0; j < 32; j++)
		client[j] ^= sig[j];
	sodium_bin2base64(out, 64, client, 32, sodium_base64_VARIANT_ORIGINAL);
}

/* A whole exchange bound with `data` by a client of our own making. */
static enum err_code
bound(const char *type, struct str data)
{
	struct str gs2 = arena_printf(&a, "p=%s,,", type);
	struct str raw = arena_printf(&a, STR_FMT STR_FMT, STR_ARG(gs2), STR_ARG(data)), msg, reply;
	char b64[256], proof[64];
	struct scram s;
	size_t which;
	struct err e = {E_OK, ""};

	msg = arena_printf(&a, STR_FMT "n=user,r=abc", STR_ARG(gs2));
	assert_int_equal(scram_first(&s, msg, true, &tls, &a, &e), 0);
	reply = scram_challenge(&s, str_of(salt, sizeof(salt)), 4096, "xyz", &a);
	sodium_bin2base64(
	    b64, sizeof(b64), (const unsigned char *)raw.p, raw.n, sodium_base64_VARIANT_ORIGINAL);
	client_sign(arena_dupz(&a, arena_printf(&a, "n=user,r=abc," STR_FMT ",c=%s,r=abcxyz",
				       STR_ARG(reply), b64)),
	    proof);
	msg = arena_printf(&a, "c=%s,r=abcxyz,p=%s", b64, proof);
	return scram_final(&s, msg, &keys, 1, &which, &reply, &a, &e) < 0 ? e.code : E_OK;
}

static void
a_client_on_another_connection_is_refused(void **state)
{
	(void)state;
	assert_int_equal(bound("tls-exporter", tls.exporter), E_OK);
	assert_int_equal(bound("tls-server-end-point", tls.end_point), E_OK);
	assert_int_equal(bound("tls-exporter", tls.end_point), E_DENIED);
	assert_int_equal(bound("tls-exporter", STR("")), E_DENIED);
}

static void
nonces_are_ours_and_new(void **state)
{
	struct scram s;
	struct str one, two;

	(void)state;
	assert_int_equal(scram_first(&s, STR(FIRST), false, &none, &a, NULL), 0);
	one = scram_challenge(&s, str_of(salt, sizeof(salt)), 4096, NULL, &a);
	two = scram_challenge(&s, str_of(salt, sizeof(salt)), 4096, NULL, &a);
	assert_false(str_eq(one, two));
	assert_true(str_starts(one, STR("r=rOprNGfwEbeRWgbNEkqO")));
	assert_true(str_chr(one, ',') >= strlen("r=rOprNGfwEbeRWgbNEkqO") + SCRAM_NONCE);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(rfc_7677_example),
	    TEST(every_cut_of_the_messages_is_refused),
	    TEST(a_wrong_proof_nonce_or_header_is_refused),
	    TEST(names_are_unescaped),
	    TEST(binding_is_what_it_says),
	    TEST(a_client_on_another_connection_is_refused),
	    TEST(nonces_are_ours_and_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
