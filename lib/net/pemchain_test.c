/* pemchain_test.c - certificates that an authority hands out, as they should be and otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/file.h"
#include "net/certificate.h"
#include "net/pemchain.h"

static struct arena arena;
static struct str pem; /* the key, the certificate of a.test */
static EVP_PKEY *key;
static const struct str name = STR_INIT("a.test");

/* A certificate for one name alone is that of a challenge. */
static int
set_up(void **state)
{
	unsigned char digest[32] = {1};
	struct err e;
	size_t n;
	char *room;
	BIO *bio;
	int fd = certificate_challenge("a.test", digest, &e);

	(void)state;
	arena_init(&arena);
	assert_true(fd >= 0);
	room = arena_alloc(&arena, 10000);
	assert_int_equal(file_pread_some(fd, room, 10000, 0, &n, &e), 0);
	close(fd);
	pem = str_of(room, n);
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return key == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	arena_free(&arena);
	return 0;
}

static void
check(struct str text, EVP_PKEY *k, const struct str *names, size_t n, int64_t now, const char *why)
{
	struct buf out;
	struct err e = {0};

	buf_init(&out, 100000);
	if (why == NULL) {
		assert_int_equal(pemchain_check(text, k, names, n, now, &out, &e), 0);
		assert_true(str_starts(buf_view(&out), STR("-----BEGIN CERTIFICATE-----")));
		assert_int_equal(str_find(buf_view(&out), STR("PRIVATE")), out.n);
	} else {
		assert_int_equal(pemchain_check(text, k, names, n, now, &out, &e), -1);
		assert_int_equal(e.code, E_INVAL);
		assert_non_null(strstr(e.text, why));
		assert_int_equal(out.n, 0);
	}
	buf_free(&out);
}

static void
test_facts(void **state)
{
	struct pemchain_facts f;
	struct err e;

	(void)state;
	assert_int_equal(pemchain_read(pem, &arena, &f, &e), 0);
	assert_int_equal(f.n, 1);
	assert_true(str_eq(f.names[0], name));
	assert_true(f.from < clock_wall() && f.until > clock_wall());
}

static void
test_what_fits(void **state)
{
	const struct str other[] = {STR_INIT("b.test"), STR_INIT("a.test")};
	EVP_PKEY *k = EVP_EC_gen("P-256");
	int64_t now = clock_wall();

	(void)state;
	check(pem, key, &name, 1, now, NULL);
	check(pem, k, &name, 1, now, "another key");
	check(pem, key, other, 1, now, "not for b.test");
	check(pem, key, other, 2, now, "not for b.test");
	check(pem, key, NULL, 0, now, "also for another");
	check(pem, key, &name, 1, now + 20L * 365 * 86400, "expired");
	check(pem, key, &name, 1, now - 86400, "not good yet");
	EVP_PKEY_free(k);
}

static void
test_text(void **state)
{
	struct str cert = str_from(pem, str_find(pem, STR("-----BEGIN CERT")));
	struct buf b;

	(void)state;
	check(STR(""), key, &name, 1, clock_wall(), "empty");
	check(STR("<html>"), key, &name, 1, clock_wall(), "PEM");
	for (size_t n = 1; n + 1 < cert.n; n++)
		check(str_sub(cert, 0, n), key, &name, 1, clock_wall(), "");
	/* One that does not come from the next; too many. */
	buf_init(&b, 100000);
	buf_str(&b, cert);
	buf_str(&b, cert);
	check(buf_view(&b), key, &name, 1, clock_wall(), NULL); /* it signs itself */
	for (unsigned i = 0; i < PEMCHAIN_CERTS; i++)
		buf_str(&b, cert);
	check(buf_view(&b), key, &name, 1, clock_wall(), "too many");
	buf_free(&b);
}

/* Each of its own key. */
static void
test_links(void **state)
{
	unsigned char digest[32] = {1};
	char other[10000];
	struct err e;
	struct buf b;
	size_t n;
	int fd = certificate_challenge("a.test", digest, &e);

	(void)state;
	assert_int_equal(file_pread_some(fd, other, sizeof(other), 0, &n, &e), 0);
	close(fd);
	buf_init(&b, 100000);
	buf_str(&b, pem);
	buf_put(&b, other, n);
	check(buf_view(&b), key, &name, 1, clock_wall(), "not by the next");
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_facts),
	    cmocka_unit_test(test_what_fits),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_links),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
