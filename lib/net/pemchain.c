/*
 * pemchain.c - see pemchain.h. OpenSSL reads; octets and certificates are counted before and
 * meanwhile.
 */
#include "net/pemchain.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "base/mem.h"

/* An authority's clock may be a little ahead of ours. */
#define AHEAD_S 300

static int
no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return 0;
}

static STACK_OF(X509) * read_all(struct str pem, struct err *e)
{
	STACK_OF(X509) *v = sk_X509_new_null();
	BIO *bio;
	X509 *x;

	assume(v);
	if (pem.n == 0 || pem.n > PEMCHAIN_MAX) {
		err_set(e, E_INVAL, "the chain is %s", pem.n == 0 ? "empty" : "too long");
		goto fail;
	}
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	assume(bio);
	ERR_clear_error();
	while (sk_X509_num(v) <= (int)PEMCHAIN_CERTS &&
	       (x = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
		assume(sk_X509_push(v, x) > 0);
	BIO_free(bio);
	if (sk_X509_num(v) > (int)PEMCHAIN_CERTS) {
		err_set(e, E_INVAL, "too many certificates in the chain");
		goto fail;
	}
	/* The end of the text is the one reason to stop. */
	if (sk_X509_num(v) == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		err_set(e, E_INVAL, "the chain is no certificates in PEM");
		goto fail;
	}
	ERR_clear_error();
	return v;
fail:
	ERR_clear_error();
	sk_X509_pop_free(v, X509_free);
	return NULL;
}

static int
read_time(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm = {0};

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return -1;
	*out = timegm(&tm);
	return 0;
}

static int
read_facts(X509 *x, struct arena *a, struct pemchain_facts *out, struct err *e)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int count = sk_GENERAL_NAME_num(all), rc = -1;

	*out = (struct pemchain_facts){0};
	out->names = arena_array(a, PEMCHAIN_NAMES, sizeof(*out->names));
	if (count > (int)PEMCHAIN_NAMES) {
		err_set(e, E_INVAL, "too many names in the certificate");
		goto done;
	}
	for (int i = 0; i < count; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
		struct str name;
		char *lower;

		if (g->type != GEN_DNS) {
			err_set(e, E_INVAL, "a name in the certificate that is no host's");
			goto done;
		}
		name = str_of(
		    ASN1_STRING_get0_data(g->d.dNSName), (size_t)ASN1_STRING_length(g->d.dNSName));
		lower = arena_dupz(a, name);
		str_lower(name, lower);
		out->names[out->n++] = str_of(lower, name.n);
	}
	if (read_time(X509_get0_notBefore(x), &out->from) < 0 ||
	    read_time(X509_get0_notAfter(x), &out->until) < 0)
		err_set(e, E_INVAL, "the certificate has no dates");
	else
		rc = 0;
done:
	GENERAL_NAMES_free(all);
	ERR_clear_error();
	return rc;
}

int
pemchain_read(struct str pem, struct arena *a, struct pemchain_facts *out, struct err *e)
{
	STACK_OF(X509) *v = read_all(pem, e);
	int rc = v != NULL ? read_facts(sk_X509_value(v, 0), a, out, e) : -1;

	sk_X509_pop_free(v, X509_free);
	return rc;
}

static bool
has(const struct str *v, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_ieq(v[i], name))
			return true;
	return false;
}

static int
check_leaf(X509 *x, EVP_PKEY *key, const struct pemchain_facts *f, const struct str *names,
    size_t n, int64_t now, struct err *e)
{
	if (X509_check_private_key(x, key) != 1)
		return err_set(e, E_INVAL, "the certificate is for another key");
	for (size_t i = 0; i < n; i++)
		if (!has(f->names, f->n, names[i]))
			return err_set(
			    e, E_INVAL, "the certificate is not for " STR_FMT, STR_ARG(names[i]));
	for (size_t i = 0; i < f->n; i++)
		if (!has(names, n, f->names[i]))
			return err_set(e, E_INVAL, "the certificate is also for another name");
	if (f->until <= now)
		return err_set(e, E_INVAL, "the certificate has expired");
	if (f->from > now + AHEAD_S)
		return err_set(e, E_INVAL, "the certificate is not good yet; is the clock right?");
	if (X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0) != 1)
		return err_set(e, E_INVAL, "the certificate is no server's");
	return 0;
}

/* RFC 8446 4.4.2: each certifies the one before it. */
static int
check_links(STACK_OF(X509) * v, struct err *e)
{
	for (int i = 0; i + 1 < sk_X509_num(v); i++) {
		X509 *x = sk_X509_value(v, i), *issuer = sk_X509_value(v, i + 1);

		if (X509_check_issued(issuer, x) != X509_V_OK ||
		    X509_verify(x, X509_get0_pubkey(issuer)) != 1)
			return err_set(
			    e, E_INVAL, "certificate %d of the chain is not by the next", i + 1);
	}
	return 0;
}

static int
write_all(STACK_OF(X509) * v, struct buf *out, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;
	int rc = 0;

	assume(bio);
	for (int i = 0; i < sk_X509_num(v); i++)
		assume(PEM_write_bio_X509(bio, sk_X509_value(v, i)) == 1);
	n = BIO_get_mem_data(bio, &p);
	if (buf_put(out, p, (size_t)n) < 0)
		rc = err_set(e, E_LIMIT, "the chain is too long");
	BIO_free(bio);
	return rc;
}

int
pemchain_check(struct str pem, struct evp_pkey_st *key, const struct str *names, size_t n,
    int64_t now, struct buf *out, struct err *e)
{
	STACK_OF(X509) *v = read_all(pem, e);
	struct pemchain_facts f;
	struct arena a;
	int rc = -1;

	if (v == NULL)
		return -1;
	arena_init(&a);
	if (read_facts(sk_X509_value(v, 0), &a, &f, e) == 0 &&
	    check_leaf(sk_X509_value(v, 0), key, &f, names, n, now, e) == 0 &&
	    check_links(v, e) == 0)
		rc = write_all(v, out, e);
	arena_free(&a);
	sk_X509_pop_free(v, X509_free);
	ERR_clear_error();
	return rc;
}
