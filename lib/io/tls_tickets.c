/*
 * tls_tickets.c - the keys that session tickets are sealed with: the same in every process that was
 * given the same seed, new every two hours, with no way back.
 *
 * RFC 5077 4 is the format (AES-256-CBC with HMAC-SHA-256, by OpenSSL). A ticket opens with the key
 * of its period and of the next, so each is good for two hours at least and four at most, of which
 * the session's own life is two. Owner: the process, for as long as contexts use it.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/tls_private.h"

#define TICKETS_MAGIC 0x544c534bu
#define PERIOD_MS     (7200u * 1000u)
#define NAME_SIZE     16 /* by OpenSSL */

struct ticket_key {
	unsigned char name[NAME_SIZE];
	unsigned char seal[64]; /* the cipher's key, and the MAC's */
};

struct tls_tickets {
	unsigned magic;
	struct tls_seed seed; /* of the period before this one */
	struct ticket_key before, now;
};

_Static_assert(crypto_kdf_KEYBYTES == sizeof(((struct tls_seed *)0)->secret), "a seed is a key");

/* ---- the seed ---- */

static uint64_t
period_before(void)
{
	return clock_ms() / PERIOD_MS;
}

/* Periods are counted from 1, so that there is one before the first. */
static uint64_t
period_now(void)
{
	return period_before() + 1;
}

/* The next secret says nothing of the one it is made from. */
static void
seed_next(struct tls_seed *s)
{
	unsigned char next[sizeof(s->secret)];

	crypto_kdf_derive_from_key(next, sizeof(next), 1, "gkticket", s->secret);
	memcpy(s->secret, next, sizeof(next));
	sodium_memzero(next, sizeof(next));
	s->period++;
}

static void
seed_until(struct tls_seed *s, uint64_t period)
{
	while (s->period < period)
		seed_next(s);
}

void
tls_seed_make(struct tls_seed *s)
{
	randombytes_buf(s->secret, sizeof(s->secret));
	s->period = period_before();
}

int
tls_seed_file(struct tls_seed *s, struct err *e)
{
	seed_until(s, period_before());
	return file_memory("tls-tickets", s, sizeof(*s), e);
}

/* ---- keys ---- */

static void
derive(const struct tls_seed *s, struct ticket_key *k)
{
	crypto_kdf_derive_from_key(k->name, sizeof(k->name), 2, "gkticket", s->secret);
	crypto_kdf_derive_from_key(k->seal, sizeof(k->seal), 3, "gkticket", s->secret);
}

static void
derive_both(struct tls_tickets *t)
{
	struct tls_seed next = t->seed;

	seed_next(&next);
	derive(&t->seed, &t->before);
	derive(&next, &t->now);
	sodium_memzero(&next, sizeof(next));
}

static void
keep_up(struct tls_tickets *t)
{
	if (t->seed.period + 1 >= period_now())
		return;
	seed_until(&t->seed, period_before());
	derive_both(t);
}

struct tls_tickets *
tls_tickets_new(int seed_fd, struct err *e)
{
	struct tls_tickets *t = mem_alloc(sizeof(*t));

	t->magic = TICKETS_MAGIC;
	if (file_pread(seed_fd, &t->seed, sizeof(t->seed), 0, e) < 0) {
		tls_tickets_free(&t);
		return NULL;
	}
	seed_until(&t->seed, period_before());
	derive_both(t);
	return t;
}

void
tls_tickets_free(struct tls_tickets **t)
{
	if (!*t)
		return;
	OBJ(*t, TICKETS_MAGIC);
	sodium_memzero(*t, sizeof(**t));
	free(*t);
	*t = NULL;
}

/* ---- OpenSSL's side ---- */

static int
set_keys(const struct ticket_key *k, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
    int seal)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(k->seal + 32), 32),
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end()};

	return EVP_CipherInit_ex2(cipher, EVP_aes_256_cbc(), k->seal, iv, seal, NULL) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* -1: no ticket and no session; 0: not one of ours, a whole handshake; 1: good; 2: good, and a new
 * one is due. */
static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int seal)
{
	struct tls_tickets *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0);
	const struct ticket_key *k;

	OBJ(t, TICKETS_MAGIC);
	keep_up(t);
	k = &t->now;
	if (seal) {
		memcpy(name, k->name, NAME_SIZE);
		randombytes_buf(iv, (size_t)EVP_CIPHER_get_iv_length(EVP_aes_256_cbc()));
		return set_keys(k, iv, cipher, mac, 1) ? 1 : -1;
	}
	if (memcmp(name, k->name, NAME_SIZE) != 0)
		k = &t->before;
	if (memcmp(name, k->name, NAME_SIZE) != 0)
		return 0;
	if (!set_keys(k, iv, cipher, mac, 0))
		return -1;
	return k == &t->now ? 1 : 2;
}

void
tls_tickets_use(struct tls_tickets *t, struct ssl_ctx_st *ctx)
{
	OBJ(t, TICKETS_MAGIC);
	assume(SSL_CTX_set_ex_data(ctx, 0, t) == 1);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
