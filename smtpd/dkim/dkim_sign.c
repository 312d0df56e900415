/* dkim_sign.c - see dkim_sign.h. */
#include "smtpd/dkim/dkim_sign.h"

#include <inttypes.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "mail/header.h"
#include "smtpd/dkim/dkim_canon.h"
#include "smtpd/dkim/dkim_key.h"

#define DIGEST 32u /* SHA-256 */
/* A field that stands in a message more often than this is no mail that anybody writes. */
#define INSTANCES_MAX 8u
#define SIGNATURE_MAX 512u /* RSA of 4,096 bits */
#define LINE          76u  /* at which fields are folded */

/* RFC 6376 5.4.1. over: signed once more than it is there (8.15); a second one would be shown to
 * the reader. What is not there and is not oversigned is not named. */
static const struct {
	const char *name;
	bool over;
} signed_fields[] = {{"From", true}, {"Sender", false}, {"Reply-To", true}, {"Subject", true},
    {"Date", true}, {"Message-ID", false}, {"To", true}, {"Cc", true}, {"MIME-Version", true},
    {"Content-Type", true}, {"Content-Transfer-Encoding", true}, {"Content-ID", false},
    {"Content-Description", false}, {"In-Reply-To", false}, {"References", false},
    {"List-Id", false}, {"List-Help", false}, {"List-Unsubscribe", false},
    {"List-Unsubscribe-Post", false}, {"List-Subscribe", false}, {"List-Post", false},
    {"List-Owner", false}, {"List-Archive", false}, {"Autocrypt", false}};

struct dkim_signer {
	struct buf header; /* as it came, with the empty line when that has come */
	bool in_body;
	struct dkim_canon_body canon;
	EVP_MD_CTX *body;
	struct buf names;  /* of h= */
	struct buf fields; /* these fields in canonical form, each with CRLF */
};

/* ---- life ---- */

static void
hash_body(void *arg, const char *p, size_t n)
{
	struct dkim_signer *s = arg;

	assume(EVP_DigestUpdate(s->body, p, n) == 1);
}

struct dkim_signer *
dkim_signer_new(void)
{
	struct dkim_signer *s = mem_alloc(sizeof(*s));

	buf_init(&s->header, DKIM_SIGN_HEADER_MAX);
	buf_init(&s->names, DKIM_SIGN_HEADER_MAX);
	buf_init(&s->fields, 2 * DKIM_SIGN_HEADER_MAX);
	dkim_canon_body_init(&s->canon, hash_body, s);
	s->body = EVP_MD_CTX_new();
	assume(s->body != NULL && EVP_DigestInit_ex(s->body, EVP_sha256(), NULL) == 1);
	return s;
}

void
dkim_signer_free(struct dkim_signer **sp)
{
	struct dkim_signer *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	EVP_MD_CTX_free(s->body);
	buf_free(&s->header);
	buf_free(&s->names);
	buf_free(&s->fields);
	free(s);
}

/* ---- octets ---- */

/* Offset behind the empty line that ends the header, or 0. from: what was looked at before. */
static size_t
header_end(struct str s, size_t from)
{
	struct str rest;
	size_t at;

	if (str_starts(s, STR("\r\n")))
		return 2;
	from = from > 3 ? from - 3 : 0;
	rest = str_from(s, from);
	at = str_find(rest, STR("\r\n\r\n"));
	return at < rest.n ? from + at + 4 : 0;
}

int
dkim_signer_feed(struct dkim_signer *s, struct str octets, struct err *e)
{
	size_t had = s->header.n, end, take;

	if (s->in_body) {
		dkim_canon_body_feed(&s->canon, octets);
		return 0;
	}
	/* What does not fit any more may still be body. */
	take = num_min(octets.n, (size_t)DKIM_SIGN_HEADER_MAX - had);
	(void)buf_put(&s->header, octets.p, take);
	if ((end = header_end(buf_view(&s->header), had)) == 0)
		return take < octets.n ? err_set(e, E_PERM, "the header is too large to be signed")
				       : 0;
	s->header.n = end;
	s->in_body = true;
	dkim_canon_body_feed(&s->canon, str_from(octets, end - had));
	return 0;
}

struct str
dkim_signer_header(const struct dkim_signer *s, bool *whole)
{
	*whole = s->in_body;
	return buf_view(&s->header);
}

/* ---- the header ---- */

/* The fields of one name, from the last to the first (RFC 6376 5.4.2), into names and fields. */
static int
choose(struct dkim_signer *s, const char *name, bool over, struct err *e)
{
	struct str rest = buf_view(&s->header), found[INSTANCES_MAX];
	struct header_field f;
	size_t n = 0;

	while (header_next(&rest, &f)) {
		if (!str_ieq_z(f.name, name))
			continue;
		if (n == INSTANCES_MAX)
			return err_set(e, E_PERM, "more than %u %s fields", INSTANCES_MAX, name);
		found[n++] = f.raw;
	}
	for (size_t i = n; i > 0; i--) {
		dkim_canon_field(found[i - 1], &s->fields);
		(void)buf_puts(&s->fields, "\r\n");
	}
	for (size_t i = 0; i < n + over; i++)
		(void)buf_printf(&s->names, "%s%s", s->names.n > 0 ? ":" : "", name);
	return 0;
}

static int
choose_all(struct dkim_signer *s, struct err *e)
{
	struct header_field from;

	if (!header_find(buf_view(&s->header), STR("From"), &from))
		return err_set(e, E_PERM, "no From field"); /* RFC 6376 5.4 */
	for (size_t i = 0; i < ARRAY_LEN(signed_fields); i++)
		if (choose(s, signed_fields[i].name, signed_fields[i].over, e) < 0)
			return -1;
	return 0;
}

/* ---- one signature ---- */

/* Appends text, folded before the octet `at` or anywhere ('\0') when a line grows too long. */
static void
put_folded(struct buf *b, struct str text, char at)
{
	size_t line = b->n - (str_rchr(buf_view(b), '\n') + 1);

	while (text.n > 0) {
		size_t word = at != '\0'
				  ? num_min(str_chr(str_from(text, 1), at) + 1, text.n)
				  : num_min(text.n, num_max(LINE - num_min(line, LINE - 1), 1u));

		if (line + word > LINE && line > 1) {
			(void)buf_puts(b, "\r\n\t");
			line = 1;
			continue;
		}
		(void)buf_str(b, str_sub(text, 0, word));
		line += word;
		text = str_from(text, word);
	}
}

static void
base64(const unsigned char *p, size_t n, struct buf *out)
{
	char text[(SIGNATURE_MAX + 2) / 3 * 4 + 1];

	sodium_bin2base64(text, sizeof(text), p, n, sodium_base64_VARIANT_ORIGINAL);
	put_folded(out, str_z(text), '\0');
}

/* Everything up to "b=" (RFC 6376 3.5). */
static void
put_field(const struct dkim_signer *s, const struct dkim_key *k, int64_t now,
    const unsigned char body[DIGEST], struct buf *out)
{
	(void)buf_printf(out,
	    "DKIM-Signature: v=1; a=%s-sha256; c=relaxed/relaxed; d=%s;\r\n"
	    "\ts=%s; t=%" PRId64 "; h=",
	    dkim_key_kind(k), k->domain, k->selector, now);
	put_folded(out, buf_view(&s->names), ':');
	(void)buf_puts(out, ";\r\n\tbh=");
	base64(body, DIGEST, out);
	(void)buf_puts(out, ";\r\n\tb=");
}

/* What is signed: the fields, then the signature's own without its b= (RFC 6376 3.7). */
static void
hash_header(const struct dkim_signer *s, struct str field, unsigned char out[DIGEST])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct buf own;

	buf_init(&own, DKIM_SIGN_HEADER_MAX);
	dkim_canon_field(field, &own);
	assume(md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	       EVP_DigestUpdate(md, s->fields.p, s->fields.n) == 1 &&
	       EVP_DigestUpdate(md, own.p, own.n) == 1 && EVP_DigestFinal_ex(md, out, NULL) == 1);
	EVP_MD_CTX_free(md);
	buf_free(&own);
}

/* RFC 8463 3: of Ed25519 the digest is the message. */
static int
sign_digest(const struct dkim_key *k, const unsigned char digest[DIGEST],
    unsigned char out[SIGNATURE_MAX], size_t *n)
{
	EVP_PKEY_CTX *rsa = NULL;
	EVP_MD_CTX *ed = NULL;
	int rc = -1;

	*n = SIGNATURE_MAX;
	if (k->ed25519) {
		ed = EVP_MD_CTX_new();
		if (ed != NULL && EVP_DigestSignInit(ed, NULL, NULL, NULL, k->pkey) == 1 &&
		    EVP_DigestSign(ed, out, n, digest, DIGEST) == 1)
			rc = 0;
	} else {
		rsa = EVP_PKEY_CTX_new(k->pkey, NULL);
		if (rsa != NULL && EVP_PKEY_sign_init(rsa) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(rsa, RSA_PKCS1_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_signature_md(rsa, EVP_sha256()) == 1 &&
		    EVP_PKEY_sign(rsa, out, n, digest, DIGEST) == 1)
			rc = 0;
	}
	EVP_MD_CTX_free(ed);
	EVP_PKEY_CTX_free(rsa);
	return rc;
}

static int
sign(const struct dkim_signer *s, const struct dkim_key *k, int64_t now,
    const unsigned char body[DIGEST], struct buf *out, struct err *e)
{
	unsigned char digest[DIGEST], signature[SIGNATURE_MAX];
	size_t n, at = out->n;

	put_field(s, k, now, body, out);
	hash_header(s, str_from(buf_view(out), at), digest);
	if (sign_digest(k, digest, signature, &n) < 0)
		return err_set(
		    e, E_INTERNAL, "OpenSSL does not sign with %s of %s", k->selector, k->domain);
	base64(signature, n, out);
	(void)buf_puts(out, "\r\n");
	return 0;
}

int
dkim_signer_end(struct dkim_signer *s, const struct dkim_key *const *keys, size_t n, int64_t now,
    struct buf *out, struct err *e)
{
	unsigned char body[DIGEST];

	if (choose_all(s, e) < 0)
		return -1;
	dkim_canon_body_end(&s->canon);
	assume(EVP_DigestFinal_ex(s->body, body, NULL) == 1);
	for (size_t i = 0; i < n; i++)
		if (sign(s, keys[i], now, body, out, e) < 0)
			return -1;
	return out->over ? err_set(e, E_PERM, "too many fields to be signed") : 0;
}
