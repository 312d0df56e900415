/*
 * tls_test.c - server contexts: what is refused, and reading the same descriptors again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tls_peer.h"

static struct test_key one, other, ed;
static const struct tls_options plain;

static int
make_keys(void **state)
{
	(void)state;
	test_key_make(&one, false);
	test_key_make(&other, false);
	test_key_make(&ed, true);
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	test_key_free(&one);
	test_key_free(&other);
	test_key_free(&ed);
	return 0;
}

static void
a_context_is_made_again_from_the_same_descriptors(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct err e;
		struct tls_context *c = tls_server_new(one.cert_fd, one.key_fd, &plain, &e);

		assert_non_null(c);
		tls_context_free(&c);
		assert_null(c);
		tls_context_free(&c);
	}
}

static void
assert_refused(int cert_fd, int key_fd, const char *text)
{
	struct err e = {0};

	assert_null(tls_server_new(cert_fd, key_fd, &plain, &e));
	if (!strstr(e.text, text))
		fail_msg("%s: no \"%s\"", e.text, text);
	assert_int_equal(ERR_peek_error(), 0);
}

static void
what_does_not_fit_is_refused(void **state)
{
	int empty = file_memory("empty", "", 0, NULL);
	int words = file_memory("words", "some words", 10, NULL);
	int broken = file_memory(
	    "broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 57, NULL);

	(void)state;
	assert_refused(one.cert_fd, other.key_fd, "private key and certificate");
	assert_refused(one.cert_fd, ed.key_fd, "private key and certificate");
	assert_refused(one.key_fd, one.key_fd, "certificate");
	assert_refused(one.cert_fd, one.cert_fd, "private key");
	assert_refused(empty, one.key_fd, "certificate: empty file");
	assert_refused(words, one.key_fd, "certificate");
	assert_refused(broken, one.key_fd, "certificate");
	assert_refused(one.cert_fd, words, "private key");
	assert_refused(-1, one.key_fd, "certificate");
	file_close(&empty);
	file_close(&words);
	file_close(&broken);
}

/* A second certificate in the file that is cut short must not pass for the end of the chain. */
static void
a_broken_chain_is_refused(void **state)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int fd;

	(void)state;
	PEM_write_bio_X509(bio, one.cert);
	BIO_puts(bio, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	fd = test_key_fd(bio);
	assert_refused(fd, one.key_fd, "certificate");
	file_close(&fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_context_is_made_again_from_the_same_descriptors),
	    cmocka_unit_test(what_does_not_fit_is_refused),
	    cmocka_unit_test(a_broken_chain_is_refused),
	};

	return cmocka_run_group_tests_name("tls", tests, make_keys, free_keys);
}
