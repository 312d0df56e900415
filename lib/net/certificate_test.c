/* certificate_test.c - what OpenSSL's own verifier says of the certificates we make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "net/certificate.h"

static char dir[] = "/tmp/gk-cert-XXXXXX";

static X509 *
read_cert(const char *path)
{
	FILE *f = fopen(path, "r");
	X509 *x;

	assert_non_null(f);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(x);
	return x;
}

static void
assert_pair(const char *cert, const char *key)
{
	X509 *x = read_cert(cert);
	FILE *f = fopen(key, "r");
	EVP_PKEY *k;
	struct stat st;

	assert_non_null(f);
	k = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(k);
	assert_int_equal(X509_check_private_key(x, k), 1);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	EVP_PKEY_free(k);
	X509_free(x);
}

/* X509_V_OK, or why a client that trusts `trusted` does not take cert as host. */
static int
verify(const char *cert, const char *trusted, const char *host)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *x = read_cert(cert), *t = read_cert(trusted);
	int error;

	assert_int_equal(X509_STORE_add_cert(store, t), 1);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, x, NULL), 1);
	X509_STORE_CTX_set_default(ctx, "ssl_server");
	X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(ctx), host, 0);
	X509_verify_cert(ctx);
	error = X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_free(t);
	X509_free(x);
	return error;
}

static void
a_self_signed_one_vouches_for_itself(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(certificate_self_signed("mail.example.test", "cert", "key", &e), 0);
	assert_pair("cert", "key");
	assert_int_equal(verify("cert", "cert", "mail.example.test"), X509_V_OK);
	assert_int_equal(verify("cert", "cert", "localhost"), X509_V_OK);
	assert_int_equal(verify("cert", "cert", "other.test"), X509_V_ERR_HOSTNAME_MISMATCH);
}

static void
a_ca_signs(void **state)
{
	struct err e;
	X509 *x;

	(void)state;
	assert_int_equal(certificate_with_ca("mail.example.test", "cert2", "key2", "ca", &e), 0);
	assert_pair("cert2", "key2");
	assert_int_equal(verify("cert2", "ca", "mail.example.test"), X509_V_OK);
	assert_int_equal(
	    verify("cert", "ca", "mail.example.test"), X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
	x = read_cert("cert2");
	assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
	assert_int_equal(X509_check_ca(x), 0);
	X509_free(x);
	x = read_cert("ca");
	assert_int_equal(X509_check_ca(x), 1);
	X509_free(x);
}

static void
existing_files_are_replaced(void **state)
{
	X509 *before = read_cert("cert"), *after;
	struct err e;

	(void)state;
	assert_int_equal(certificate_self_signed("mail.example.test", "cert", "key", &e), 0);
	after = read_cert("cert");
	assert_int_not_equal(X509_cmp(before, after), 0);
	assert_pair("cert", "key");
	X509_free(before);
	X509_free(after);
}

/* A key is never left readable for others, whatever stood there before. */
static void
a_key_is_private_even_over_an_old_file(void **state)
{
	struct err e;
	FILE *f = fopen("open", "w");

	(void)state;
	assert_non_null(f);
	fclose(f);
	assert_int_equal(chmod("open", 0644), 0);
	assert_int_equal(certificate_self_signed("mail.example.test", "cert", "open", &e), 0);
	assert_pair("cert", "open");
}

static void
what_cannot_be_written_is_said(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(certificate_self_signed("a.test", "nowhere/cert", "key", &e), -1);
	assert_non_null(strstr(e.text, "nowhere/cert"));
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL || chdir(dir) < 0 ? -1 : 0;
}

static int
remove_dir(void **state)
{
	static const char *const names[] = {"cert", "key", "cert2", "key2", "ca", "open"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(names[i]);
	return chdir("/") < 0 || rmdir(dir) < 0 ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_self_signed_one_vouches_for_itself),
	    cmocka_unit_test(a_ca_signs),
	    cmocka_unit_test(existing_files_are_replaced),
	    cmocka_unit_test(a_key_is_private_even_over_an_old_file),
	    cmocka_unit_test(what_cannot_be_written_is_said),
	};

	return cmocka_run_group_tests_name("certificate", tests, make_dir, remove_dir);
}
