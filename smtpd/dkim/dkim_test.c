/* dkim_test.c - messages signed with keys of our own and verified, and everything that may be wrong
 * with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/mem.h"
#include "smtpd/dkim/dkim_canon.h"
#include "smtpd/dkim/dkim_input.h"
#include "smtpd/dkim/dkim_sign.h"
#include "smtpd/dkim/dkim_verify.h"

#define HEADER                                      \
	"From: Alice <alice@example.org>\r\n"       \
	"To: bob@example.net\r\n"                   \
	"Subject: dinner\r\n"                       \
	"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n" \
	"Message-ID: <1@example.org>\r\n"
#define BODY "Are you hungry yet?\r\n"

static struct arena arena;
static struct facts facts;
static struct str rsa_pem, short_pem;
static struct dkim_key *rsa, *ed;
static struct str rsa_record, ed_record, short_record;

static struct str
pem_of(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct str out;
	char *p;
	long n;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(bio, &p);
	out = arena_dup(&arena, str_of(p, (size_t)n));
	BIO_free(bio);
	return out;
}

/* "v=DKIM1; k=…; p=BASE64" (RFC 6376 3.6.1, RFC 8463 4.2: the bare key for Ed25519) */
static struct str
record_of(EVP_PKEY *pkey, bool ed25519)
{
	unsigned char der[1024], *p = der, text[2048];
	size_t n = sizeof(der);

	if (ed25519)
		assert_int_equal(EVP_PKEY_get_raw_public_key(pkey, der, &n), 1);
	else
		n = (size_t)i2d_PUBKEY(pkey, &p);
	EVP_EncodeBlock(text, der, (int)n);
	return arena_printf(
	    &arena, "v=DKIM1; k=%s; p=%s", ed25519 ? "ed25519" : "rsa", (char *)text);
}

/* bits 0: Ed25519. */
static struct str
make_pem(unsigned bits, struct str *record)
{
	EVP_PKEY *pkey = bits == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
				   : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	struct str pem = pem_of(pkey);

	*record = record_of(pkey, bits == 0);
	EVP_PKEY_free(pkey);
	return pem;
}

static struct dkim_key *
make_key(const char *selector, struct str pem)
{
	struct err e;
	struct dkim_key *k = dkim_key_new(STR("example.org"), str_z(selector), pem, &e);

	assert_non_null(k);
	return k;
}

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena);
	rsa_pem = make_pem(2048, &rsa_record);
	rsa = make_key("r", rsa_pem);
	ed = make_key("e", make_pem(0, &ed_record));
	short_pem = make_pem(768, &short_record);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	dkim_key_free(&rsa);
	dkim_key_free(&ed);
	arena_free(&arena);
	return 0;
}

/* A message, fed in pieces, with signatures of these keys on top. */
static struct str
sign_pieces(const struct dkim_key *const *keys, size_t n, struct str message, size_t step)
{
	struct dkim_signer *s = dkim_signer_new();
	struct str out;
	struct err e = {0};
	struct buf b;

	buf_init(&b, 65536 + message.n);
	for (size_t at = 0; at < message.n; at += step)
		assert_int_equal(dkim_signer_feed(s, str_sub(message, at, step), &e), 0);
	assert_int_equal(dkim_signer_end(s, keys, n, 1795348800, &b, &e), 0);
	buf_str(&b, message);
	out = arena_dup(&arena, buf_view(&b));
	buf_free(&b);
	dkim_signer_free(&s);
	return out;
}

static struct str
sign(const struct dkim_key *key, const char *message)
{
	return sign_pieces(&key, 1, str_z(message), 1000);
}

static void
answer(const struct fact *wish)
{
	static const struct {
		const char *name;
		const struct str *record;
	} keys[] = {{"r._domainkey.example.org", &rsa_record},
	    {"e._domainkey.example.org", &ed_record}, {"s._domainkey.example.org", &short_record}};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (str_eq_z(wish->name, keys[i].name)) {
			facts_put(&facts, wish->name, wish->type, FACT_FOUND, keys[i].record, 1);
			return;
		}
	}
	facts_put(&facts, wish->name, wish->type,
	    str_starts(wish->name, STR("lost.")) ? FACT_FAILED : FACT_NXDOMAIN, NULL, 0);
}

/* Feeds the message in pieces of `step` octets. */
static enum dkim_result
verify(struct str message, size_t step, const struct dkim_signature **sigs, size_t *n)
{
	struct dkim_verifier *v = dkim_verifier_new("t");
	const struct fact *wish;
	enum dkim_result r;
	struct err e;

	assert_non_null(v);
	facts_init(&facts, &arena);
	for (size_t at = 0; at < message.n; at += step)
		assert_int_equal(dkim_verifier_feed(v, str_sub(message, at, step), &e), 0);
	while ((r = dkim_verifier_end(v, &facts, &arena, sigs, n)) == DKIM_WAIT)
		while ((wish = facts_wish(&facts, NULL)) != NULL)
			answer(wish);
	dkim_verifier_free(&v);
	return r;
}

/* The one signature's result. */
static enum dkim_result
verify_one(struct str message, struct str *problem)
{
	const struct dkim_signature *sigs;
	size_t n;

	verify(message, message.n, &sigs, &n);
	assert_int_equal(n, 1);
	*problem = sigs[0].problem;
	return sigs[0].result;
}

/* The first `what` of the message becomes `with`, of any length. */
static struct str
edit(struct str message, const char *what, const char *with)
{
	size_t at = str_find(message, str_z(what));

	assert_true(at < message.n);
	return arena_printf(&arena, STR_FMT "%s" STR_FMT, (int)at, message.p, with,
	    STR_ARG(str_from(message, at + strlen(what))));
}

static void
test_signed_and_verified(void **state)
{
	const struct dkim_key *const both[] = {rsa, ed};
	struct str m = sign_pieces(both, 2, STR(HEADER "\r\n" BODY), 1000);
	const struct dkim_signature *sigs;
	size_t n;

	(void)state;
	for (size_t step = 1; step <= m.n; step = step * 2 + 1) {
		assert_int_equal(verify(m, step, &sigs, &n), DKIM_PASS);
		assert_int_equal(n, 2);
		assert_true(str_eq_z(sigs[0].algorithm, "rsa-sha256"));
		assert_true(str_eq_z(sigs[1].algorithm, "ed25519-sha256"));
		assert_int_equal(sigs[0].result, DKIM_PASS);
		assert_int_equal(sigs[1].result, DKIM_PASS);
		assert_true(str_eq_z(sigs[1].domain, "example.org"));
		assert_int_equal(sigs[1].identifier.n, 8);
	}
}

static void
test_no_signature(void **state)
{
	const struct dkim_signature *sigs;
	size_t n;

	(void)state;
	assert_int_equal(verify(STR(HEADER "\r\n" BODY), 1000, &sigs, &n), DKIM_NONE);
	assert_int_equal(n, 0);
}

/* Other pieces, other forms of a message, verified by libopendkim, which has canonical forms of its
 * own. */
static void
test_messages_of_all_forms(void **state)
{
	static const char *const messages[] = {HEADER "\r\n", HEADER "\r\n\r\n\r\n",
	    HEADER "\r\n  \t\r\n", HEADER "\r\na  b\t\tc \r\n \r\n\r\nd\t\r\n\r\n",
	    HEADER "\r\n a\r\n", HEADER "\r\n.\r\n..\r\n", HEADER "\r\nno line end", HEADER "\r\nx",
	    HEADER "\r\na\r\n ",
	    HEADER "References: <a@b>\r\n\t<c@d>\r\n  <e@f> \r\nX:\r\n\r\nhi\r\n",
	    "from:  \"A\r\n B\"  <alice@example.org>  \r\nTO:b@c\r\nTo: d@e\r\nCc:\r\nDate: Sun, "
	    "22 Nov 2026 12:00:00 "
	    "+0000\r\n\r\nhi\r\n"};
	const struct dkim_key *const both[] = {rsa, ed};
	const struct dkim_signature *sigs;
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		for (size_t step = 1; step < 300; step = step * 2 + 1) {
			struct str m = sign_pieces(both, 2, str_z(messages[i]), step);

			assert_int_equal(verify(m, 1000, &sigs, &n), DKIM_PASS);
			assert_int_equal(n, 2);
			assert_int_equal(sigs[0].result, DKIM_PASS);
			assert_int_equal(sigs[1].result, DKIM_PASS);
		}
}

/* RFC 6376 3.4.5 */
static void
put(void *arg, const char *p, size_t n)
{
	buf_put(arg, p, n);
}

static void
expect_body(const char *in, const char *want)
{
	struct dkim_canon_body canon;
	struct str all = str_z(in);
	struct buf b;

	for (size_t at = 0; at <= all.n; at++) {
		buf_init(&b, 65536);
		dkim_canon_body_init(&canon, put, &b);
		dkim_canon_body_feed(&canon, str_sub(all, 0, at));
		dkim_canon_body_feed(&canon, str_from(all, at));
		dkim_canon_body_end(&canon);
		assert_true(str_eq_z(buf_view(&b), want));
		buf_free(&b);
	}
}

static void
test_canonical_forms(void **state)
{
	struct buf b;

	(void)state;
	expect_body(" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
	expect_body("", "");
	expect_body("\r\n\r\n", "");
	expect_body(" \r\n\t", "");
	expect_body("a", "a\r\n");
	expect_body("a\r\n\r\nb \r\n \r\n", "a\r\n\r\nb\r\n");
	expect_body("a\rb\nc\r", "a\rb\nc\r\r\n");
	buf_init(&b, 1000);
	dkim_canon_field(STR("A: X\r\n"), &b);
	dkim_canon_field(STR("B : Y\t\r\n\tZ  \r\n"), &b);
	dkim_canon_field(STR("C:\r\n"), &b);
	assert_true(str_eq_z(buf_view(&b), "a:Xb:Y Zc:"));
	buf_free(&b);
}

static void
test_what_cannot_be_signed(void **state)
{
	const struct dkim_key *const keys[] = {rsa};
	struct dkim_signer *s;
	struct err e;
	struct buf b, m;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&m, 4u << 20);
	s = dkim_signer_new();
	assert_int_equal(dkim_signer_feed(s, STR("To: a@b\r\n\r\nhi\r\n"), &e), 0);
	assert_int_equal(dkim_signer_end(s, keys, 1, 0, &b, &e), -1);
	assert_int_equal(e.code, E_PERM);
	dkim_signer_free(&s);
	buf_puts(&m, HEADER);
	for (int i = 0; i < 20; i++)
		buf_puts(&m, "Cc: a@b\r\n");
	s = dkim_signer_new();
	assert_int_equal(dkim_signer_feed(s, buf_view(&m), &e), 0);
	assert_int_equal(dkim_signer_end(s, keys, 1, 0, &b, &e), -1);
	assert_int_equal(e.code, E_PERM);
	dkim_signer_free(&s);
	for (int i = 0; i < 150000; i++)
		buf_puts(&m, "X: y\r\n");
	for (int i = 0; i < 50000; i++)
		buf_puts(&m, "X: y\r\n");
	s = dkim_signer_new();
	assert_int_equal(dkim_signer_feed(s, buf_view(&m), &e), -1);
	assert_int_equal(e.code, E_PERM);
	dkim_signer_free(&s);
	buf_free(&b);
	buf_free(&m);
}

static void
test_records_of_keys(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	dkim_key_record(rsa, &b);
	assert_true(str_eq(buf_view(&b), rsa_record));
	buf_reset(&b);
	dkim_key_record(ed, &b);
	assert_true(str_eq(buf_view(&b), ed_record));
	assert_int_equal(dkim_key_bits(rsa), 2048);
	buf_free(&b);
}

/* What fields look like: lines that no relay folds anew. */
static void
test_lines(void **state)
{
	const struct dkim_key *const both[] = {rsa, ed};
	struct str m = sign_pieces(both, 2, STR(HEADER "\r\n" BODY), 1000), line;

	(void)state;
	assert_true(str_starts(
	    m, STR("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;\r\n")));
	while (str_cut(&m, '\n', &line) && !str_starts(line, STR("To: ")))
		assert_in_range(line.n, 3, 80);
}

/* The library sets its "passed" flag on the header alone. */
static void
test_a_changed_body_fails(void **state)
{
	struct str m = sign(rsa, HEADER "\r\n" BODY), why;

	(void)state;
	assert_int_equal(verify_one(edit(m, "hungry", "hungri"), &why), DKIM_FAIL);
	assert_int_equal(verify_one(edit(m, "yet?\r\n", "yet?\r\nBuy now!\r\n"), &why), DKIM_FAIL);
	/* Relaxed: blanks at a line's end and empty lines at the end do not count (RFC 6376 3.4.4).
	 */
	assert_int_equal(verify_one(edit(m, "yet?\r\n", "yet?  \r\n\r\n\r\n"), &why), DKIM_PASS);
}

static void
test_a_changed_header_fails(void **state)
{
	struct str m = sign(ed, HEADER "\r\n" BODY), why;

	(void)state;
	assert_int_equal(verify_one(edit(m, "Subject: dinner", "Subject: lunch"), &why), DKIM_FAIL);
	assert_int_equal(verify_one(edit(m, "alice@", "mallory@"), &why), DKIM_FAIL);
	assert_int_equal(
	    verify_one(edit(m, "Subject: dinner", "SUBJECT:   dinner"), &why), DKIM_PASS);
}

/* Oversigned: another one, above or below, breaks the signature; and so does one of a field that
 * was not there at all. */
static void
test_no_field_can_be_added(void **state)
{
	struct str m = sign(rsa, HEADER "\r\n" BODY), why;

	(void)state;
	assert_int_equal(
	    verify_one(edit(m, "To: bob", "From: x@evil.example\r\nTo: bob"), &why), DKIM_FAIL);
	assert_int_equal(
	    verify_one(edit(m, "From: Alice", "From: x@evil.example\r\nFrom: Alice"), &why),
	    DKIM_FAIL);
	assert_int_equal(
	    verify_one(edit(m, "To: bob", "Subject: other\r\nTo: bob"), &why), DKIM_FAIL);
	assert_int_equal(
	    verify_one(edit(m, "To: bob", "Content-Type: text/html\r\nTo: bob"), &why), DKIM_FAIL);
	assert_int_equal(
	    verify_one(edit(m, "To: bob", "Reply-To: x@evil.example\r\nTo: bob"), &why), DKIM_FAIL);
	assert_int_equal(
	    verify_one(edit(m, "To: bob", "X-Other: fine\r\nTo: bob"), &why), DKIM_PASS);
}

static void
test_keys_that_are_not_accepted(void **state)
{
	struct str m = sign(rsa, HEADER "\r\n" BODY), why, kept = rsa_record;
	struct err e;

	(void)state;
	/* No such key, no answer, revoked, rubbish. */
	assert_int_equal(verify_one(edit(m, "s=r;", "s=x;"), &why), DKIM_PERMERROR);
	assert_int_equal(verify_one(edit(m, "s=r;", "s=lost;"), &why), DKIM_TEMPERROR);
	rsa_record = STR("v=DKIM1; k=rsa; p=");
	assert_int_equal(verify_one(m, &why), DKIM_PERMERROR);
	rsa_record = STR("hello");
	assert_int_equal(verify_one(m, &why), DKIM_PERMERROR);
	/* Another key than the one that signed; one of another kind. */
	rsa_record = ed_record;
	assert_true(verify_one(m, &why) != DKIM_PASS);
	rsa_record = short_record;
	assert_true(verify_one(m, &why) != DKIM_PASS);
	rsa_record = kept;
	assert_int_equal(verify_one(m, &why), DKIM_PASS);
	assert_null(dkim_key_new(STR("example.org"), STR("s"), short_pem, &e));
	assert_int_equal(e.code, E_INVAL);
	assert_null(dkim_key_new(STR("example.org"), STR("s"), STR("hello"), &e));
	assert_int_equal(e.code, E_INVAL);
}

/* What our signer refuses to do, done by the library alone. length: l=, or -1. */
static struct str
sign_loosely(struct str pem, const char *selector, dkim_alg_t algorithm, ssize_t length)
{
	u_int flags = DKIM_LIBFLAGS_SIGNLEN, bits = 512;
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	struct dkim_input in;
	struct str out;
	DKIM_STAT st;
	u_char *value;
	DKIM *d;
	size_t n;

	if (length >= 0)
		dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags));
	dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &bits, sizeof(bits));
	d = dkim_sign(lib, (const u_char *)"t", NULL, (dkim_sigkey_t)arena_dupz(&arena, pem),
	    (u_char *)arena_dupz(&arena, str_z(selector)), (u_char *)"example.org",
	    DKIM_CANON_RELAXED, DKIM_CANON_RELAXED, algorithm, length, &st);
	assert_non_null(d);
	dkim_input_init(&in, &d, 1);
	assert_int_equal(dkim_input_feed(&in, STR(HEADER "\r\n" BODY), NULL), 0);
	assert_int_equal(dkim_input_end(&in, NULL), 0);
	assert_int_equal(dkim_eom(d, NULL), DKIM_STAT_OK);
	assert_int_equal(dkim_getsighdr_d(d, 0, &value, &n), DKIM_STAT_OK);
	out = arena_printf(
	    &arena, "DKIM-Signature: %.*s\r\n" HEADER "\r\n" BODY, (int)n, (char *)value);
	dkim_input_free(&in);
	dkim_free(d);
	dkim_close(lib);
	return out;
}

static void
test_signatures_that_verify_and_are_not_accepted(void **state)
{
	struct str m, why;

	(void)state;
	/* Signed to the length of the body: what follows it would be anybody's. */
	m = sign_loosely(rsa_pem, "r", DKIM_SIGN_RSASHA256, (ssize_t)strlen(BODY));
	assert_int_equal(verify_one(m, &why), DKIM_POLICY);
	assert_int_equal(
	    verify_one(edit(m, "yet?\r\n", "yet?\r\nBuy now!\r\n"), &why), DKIM_POLICY);
	m = sign_loosely(short_pem, "s", DKIM_SIGN_RSASHA256, -1);
	assert_int_equal(verify_one(m, &why), DKIM_POLICY);
	assert_true(str_eq_z(why, "the key is too short"));
	m = sign_loosely(rsa_pem, "r", DKIM_SIGN_RSASHA1, -1);
	assert_true(verify_one(m, &why) != DKIM_PASS);
}

static void
test_malformed_signatures(void **state)
{
	static const char *const fields[] = {"DKIM-Signature: \r\n", "DKIM-Signature: v=1\r\n",
	    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=r; h=to; bh=AAAA; b=AAAA\r\n",
	    "DKIM-Signature: v=1; a=rsa-sha256; d=; s=r; h=from; bh=AAAA; b=AAAA\r\n",
	    "DKIM-Signature: v=2; a=rsa-sha256; d=example.org; s=r; h=from; bh=AAAA; b=AAAA\r\n",
	    "DKIM-Signature: v=1; a=rsa-md5; d=example.org; s=r; h=from; bh=AAAA; b=AAAA\r\n",
	    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=r; h=from; bh=AAAA; b=!!!!\r\n",
	    "DKIM-Signature: v=1; a=rsa-sha256; d=ex ample.org; s=r; h=from; bh=AAAA; b=AAAA\r\n"};
	const struct dkim_signature *sigs;
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		struct str m = arena_printf(&arena, "%s" HEADER "\r\n" BODY, fields[i]);
		enum dkim_result r = verify(m, m.n, &sigs, &n);

		assert_true(r == DKIM_FAIL || r == DKIM_NONE);
		if (n > 0)
			assert_true(sigs[0].problem.n > 0);
	}
}

static void
test_many_signatures_are_bounded(void **state)
{
	struct str m = sign(rsa, HEADER "\r\n" BODY);
	const struct dkim_signature *sigs;
	struct buf b;
	size_t n;

	(void)state;
	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < 900; i++)
		buf_printf(&b,
		    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s%u; h=from;\r\n bh=AAAA; "
		    "b=AAAA\r\n",
		    i);
	buf_str(&b, m);
	assert_int_equal(verify(buf_view(&b), b.n, &sigs, &n), DKIM_FAIL);
	assert_int_equal(n, DKIM_SIGNATURES_MAX);
	assert_true(facts.count <= DKIM_SIGNATURES_MAX);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_signed_and_verified),
	    cmocka_unit_test(test_messages_of_all_forms),
	    cmocka_unit_test(test_canonical_forms),
	    cmocka_unit_test(test_what_cannot_be_signed),
	    cmocka_unit_test(test_records_of_keys),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_no_signature),
	    cmocka_unit_test(test_a_changed_body_fails),
	    cmocka_unit_test(test_a_changed_header_fails),
	    cmocka_unit_test(test_no_field_can_be_added),
	    cmocka_unit_test(test_keys_that_are_not_accepted),
	    cmocka_unit_test(test_signatures_that_verify_and_are_not_accepted),
	    cmocka_unit_test(test_malformed_signatures),
	    cmocka_unit_test(test_many_signatures_are_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
