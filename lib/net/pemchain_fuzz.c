/*
 * pemchain_fuzz.c - what an authority hands out as a certificate: text as it is, or, behind a first
 * octet of zero, one certificate in DER, of which a change leaves something to read.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdint.h>

#include "base/mem.h"
#include "net/pemchain.h"

#define NOW 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
read_chain(struct str pem)
{
	static const struct str names[] = {STR_INIT("mail.example.org")};
	static EVP_PKEY *key;
	struct pemchain_facts f;
	struct arena a;
	struct buf out;
	struct err e;

	if (key == NULL)
		assume((key = EVP_EC_gen("P-256")) != NULL);
	arena_init(&a);
	buf_init(&out, PEMCHAIN_MAX);
	if (pemchain_read(pem, &a, &f, &e) == 0)
		assume(f.n <= PEMCHAIN_NAMES);
	else
		assume(e.code == E_INVAL);
	/* Nobody has a certificate for that key. */
	assume(pemchain_check(pem, key, names, ARRAY_LEN(names), NOW, &out, &e) < 0);
	assume(e.code == E_INVAL && out.n == 0);
	buf_free(&out);
	arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	BIO *bio;
	char *text;
	long size;

	if (n < 2 || p[0] != 0) {
		read_chain(str_of(p, n));
		return 0;
	}
	bio = BIO_new(BIO_s_mem());
	assume(bio && PEM_write_bio(bio, "CERTIFICATE", "", p + 1, (long)n - 1) > 0);
	size = BIO_get_mem_data(bio, &text);
	read_chain(str_of(text, (size_t)size));
	BIO_free(bio);
	return 0;
}
