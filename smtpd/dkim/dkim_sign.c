/* dkim_sign.c - DKIM signatures for mail that leaves, by libopendkim. See dkim_sign.h. */
#include "smtpd/dkim/dkim_sign.h"

#include <stdint.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/arena.h"
#include "base/mem.h"
#include "smtpd/dkim/dkim_input.h"

#define FIELD "DKIM-Signature: "

struct dkim_signer {
	struct arena arena;
	DKIM *dkim[DKIM_KEYS_MAX];
	size_t n;
	struct dkim_input in;
};

/* RFC 6376 5.4.1; what is not there is not named, but for those of oversigned[]. */
static const u_char *const signed_fields[] = {(const u_char *)"From", (const u_char *)"Sender",
    (const u_char *)"Reply-To", (const u_char *)"Subject", (const u_char *)"Date",
    (const u_char *)"Message-ID", (const u_char *)"To", (const u_char *)"Cc",
    (const u_char *)"MIME-Version", (const u_char *)"Content-Type",
    (const u_char *)"Content-Transfer-Encoding", (const u_char *)"Content-ID",
    (const u_char *)"Content-Description", (const u_char *)"In-Reply-To",
    (const u_char *)"References", (const u_char *)"List-Id", (const u_char *)"List-Help",
    (const u_char *)"List-Unsubscribe", (const u_char *)"List-Unsubscribe-Post",
    (const u_char *)"List-Subscribe", (const u_char *)"List-Post", (const u_char *)"List-Owner",
    (const u_char *)"List-Archive", (const u_char *)"Autocrypt", NULL};

/* RFC 6376 8.15: a second one of these would be shown to the reader. */
static const u_char *const oversigned[] = {(const u_char *)"From", (const u_char *)"Reply-To",
    (const u_char *)"Subject", (const u_char *)"Date", (const u_char *)"To", (const u_char *)"Cc",
    (const u_char *)"MIME-Version", (const u_char *)"Content-Type",
    (const u_char *)"Content-Transfer-Encoding", NULL};

static DKIM_LIB *library;

static int
open_library(struct err *e)
{
	/* Lists, NULL at their ends; the size is that of a pointer: with any other the library
	 * takes nothing and says nothing. */
	void *sign = (void *)(uintptr_t)signed_fields, *over = (void *)(uintptr_t)oversigned;

	if (library != NULL)
		return 0;
	if ((library = dkim_init(NULL, NULL)) == NULL)
		return err_set(e, E_INTERNAL, "libopendkim does not start");
	if (dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_SIGNHDRS, sign, sizeof(u_char **)) !=
		DKIM_STAT_OK ||
	    dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_OVERSIGNHDRS, over,
		sizeof(u_char **)) != DKIM_STAT_OK)
		return err_set(e, E_INTERNAL, "libopendkim refuses its options");
	return 0;
}

/* Of the kind that it is called, and long enough. */
static int
check_key(const struct dkim_key *key, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(key->pem.p, (int)key->pem.n);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	int rc = -1, want = key->ed25519 ? EVP_PKEY_ED25519 : EVP_PKEY_RSA;

	if (pkey == NULL)
		err_set(e, E_INVAL, "no private key in PEM");
	else if (EVP_PKEY_get_id(pkey) != want)
		err_set(e, E_INVAL, "no %s key", key->ed25519 ? "Ed25519" : "RSA");
	else if (!key->ed25519 && EVP_PKEY_get_bits(pkey) < 1024)
		err_set(e, E_INVAL, "an RSA key of %d bits, 1024 is the least",
		    EVP_PKEY_get_bits(pkey));
	else
		rc = 0;
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	if (rc < 0)
		err_wrap(
		    e, "key " STR_FMT " of " STR_FMT, STR_ARG(key->selector), STR_ARG(key->domain));
	return rc;
}

static int
add(struct dkim_signer *s, const struct dkim_key *key, const char *id, struct err *e)
{
	dkim_alg_t algorithm = key->ed25519 ? DKIM_SIGN_ED25519SHA256 : DKIM_SIGN_RSASHA256;
	DKIM_STAT st;
	DKIM *d;

	if (check_key(key, e) < 0)
		return -1;
	d = dkim_sign(library, (const u_char *)id, NULL,
	    (dkim_sigkey_t)arena_dupz(&s->arena, key->pem),
	    (u_char *)arena_dupz(&s->arena, key->selector),
	    (u_char *)arena_dupz(&s->arena, key->domain), DKIM_CANON_RELAXED, DKIM_CANON_RELAXED,
	    algorithm, -1, &st);
	if (d == NULL)
		return err_set(e, E_INTERNAL, "libopendkim: %s", dkim_getresultstr(st));
	s->dkim[s->n++] = d;
	return 0;
}

struct dkim_signer *
dkim_signer_new(const struct dkim_key *keys, size_t n, const char *id, struct err *e)
{
	struct dkim_signer *s;

	if (open_library(e) < 0)
		return NULL;
	s = mem_alloc(sizeof(*s));
	arena_init(&s->arena);
	for (size_t i = 0; i < n && i < DKIM_KEYS_MAX; i++) {
		if (add(s, &keys[i], id, e) < 0) {
			dkim_signer_free(&s);
			return NULL;
		}
	}
	dkim_input_init(&s->in, s->dkim, s->n);
	return s;
}

void
dkim_signer_free(struct dkim_signer **s)
{
	if (*s == NULL)
		return;
	for (size_t i = 0; i < (*s)->n; i++)
		dkim_free((*s)->dkim[i]);
	dkim_input_free(&(*s)->in);
	arena_free(&(*s)->arena);
	free(*s);
	*s = NULL;
}

int
dkim_signer_feed(struct dkim_signer *s, struct str octets, struct err *e)
{
	return dkim_input_feed(&s->in, octets, e);
}

int
dkim_signer_end(struct dkim_signer *s, struct buf *out, struct err *e)
{
	if (dkim_input_end(&s->in, e) < 0)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		DKIM_STAT st = dkim_eom(s->dkim[i], NULL);
		u_char *value;
		size_t n;

		if (st == DKIM_STAT_OK)
			st = dkim_getsighdr_d(s->dkim[i], strlen(FIELD), &value, &n);
		if (st != DKIM_STAT_OK)
			return err_set(e, E_INTERNAL, "not signed: %s", dkim_getresultstr(st));
		buf_puts(out, FIELD);
		buf_put(out, value, n);
		buf_puts(out, "\r\n");
	}
	return out->over ? err_set(e, E_LIMIT, "signatures are too long") : 0;
}
