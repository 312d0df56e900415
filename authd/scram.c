/*
 * scram.c - see scram.h.
 */
#include "authd/scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "base/mem.h"
#include "base/num.h"

static void
hmac(const unsigned char key[SCRAM_KEY], struct str data, unsigned char out[SCRAM_KEY])
{
	unsigned n = 0;

	assume(HMAC(EVP_sha256(), key, SCRAM_KEY, (const unsigned char *)data.p, data.n, out, &n) !=
		   NULL &&
	       n == SCRAM_KEY);
}

void
scram_derive(struct str password, struct str salt, uint32_t iterations, struct scram_keys *out)
{
	unsigned char salted[SCRAM_KEY], client[SCRAM_KEY];

	/* RFC 5802 3: SaltedPassword := Hi(Normalize(password), salt, i), and the keys under it. */
	assume(PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)salt.p,
		   (int)salt.n, (int)iterations, EVP_sha256(), SCRAM_KEY, salted) == 1);
	hmac(salted, STR("Client Key"), client);
	assume(EVP_Digest(client, sizeof(client), out->stored, NULL, EVP_sha256(), NULL) == 1);
	hmac(salted, STR("Server Key"), out->server);
	sodium_memzero(salted, sizeof(salted));
	sodium_memzero(client, sizeof(client));
}

/* ---- grammar ---- */

/* RFC 5802 5.1: "=2C" and "=3D" stand for comma and equals sign, and nothing else does. */
static int
unescape(struct str s, struct arena *a, struct str *out, struct err *e)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '=') {
			p[n++] = s.p[i];
			continue;
		}
		if (str_eq(str_sub(s, i, 3), STR("=2C")))
			p[n++] = ',';
		else if (str_eq(str_sub(s, i, 3), STR("=3D")))
			p[n++] = '=';
		else
			return err_set(e, E_PROTO, "bad escape in a name");
		i += 2;
	}
	*out = str_of(p, n);
	if (n == 0 || !str_is_utf8(*out))
		return err_set(e, E_PROTO, "bad name");
	return 0;
}

/* Takes "x=value" off the front of *s, up to a comma or the end. */
static int
attribute(struct str *s, char name, struct str *value, struct err *e)
{
	struct str head;

	str_cut(s, ',', &head);
	if (head.n < 2 || head.p[0] != name || head.p[1] != '=')
		return err_set(e, E_PROTO, "expected %c=", name);
	*value = str_from(head, 2);
	return 0;
}

/* RFC 5802 7: printable is %x21-2B / %x2D-7E. */
static bool
is_nonce(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == ',')
			return false;
	return s.n > 0 && s.n <= SCRAM_NONCE_MAX;
}

static int
base64_decode(struct str s, struct arena *a, struct str *out)
{
	unsigned char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	if (sodium_base642bin(p, s.n, s.p, s.n, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) !=
	    0)
		return -1;
	*out = str_of(p, n);
	return 0;
}

static struct str
base64_encode(struct str s, struct arena *a)
{
	size_t size = sodium_base64_encoded_len(s.n, sodium_base64_VARIANT_ORIGINAL);
	char *p = arena_alloc(a, size);

	sodium_bin2base64(p, size, (const unsigned char *)s.p, s.n, sodium_base64_VARIANT_ORIGINAL);
	return str_of(p, size - 1);
}

/* ---- the client's first message ---- */

/* RFC 5802 6: what "n", "y" and "p=" mean, and when each must be refused. */
static int
binding_flag(
    struct scram *s, struct str flag, bool plus, const struct scram_binding *b, struct err *e)
{
	s->cbind = STR("");
	if (str_eq_z(flag, "n") || str_eq_z(flag, "y")) {
		if (plus)
			return err_set(e, E_PROTO, "no channel binding in a PLUS mechanism");
		if (flag.p[0] == 'y' && b->plus_offered)
			return err_set(e, E_DENIED, "channel binding was offered: downgraded");
		return 0;
	}
	if (!str_starts(flag, STR("p=")))
		return err_set(e, E_PROTO, "bad channel binding flag");
	if (!plus)
		return err_set(e, E_PROTO, "channel binding without a PLUS mechanism");
	flag = str_from(flag, 2);
	if (str_eq_z(flag, "tls-exporter"))
		s->cbind = b->exporter;
	else if (str_eq_z(flag, "tls-server-end-point"))
		s->cbind = b->end_point;
	if (s->cbind.n == 0)
		return err_set(e, E_DENIED, "channel binding of a type that is not to be had");
	return 0;
}

int
scram_first(struct scram *s, struct str message, bool plus, const struct scram_binding *b,
    struct arena *a, struct err *e)
{
	struct str rest = arena_dup(a, message), all = rest, flag, authzid, user;

	*s = (struct scram){.user = STR("")};
	if (!str_cut(&rest, ',', &flag) || !str_cut(&rest, ',', &authzid))
		return err_set(e, E_PROTO, "no GS2 header");
	s->gs2 = str_sub(all, 0, all.n - rest.n);
	s->bare = rest;
	if (binding_flag(s, flag, plus, b, e) < 0)
		return -1;
	s->cbind = arena_dup(a, s->cbind);
	if (authzid.n > 0) {
		if (!str_starts(authzid, STR("a=")))
			return err_set(e, E_PROTO, "bad GS2 header");
		if (unescape(str_from(authzid, 2), a, &s->authzid, e) < 0)
			return -1;
	}
	/* "m=" would come first: an extension we must understand, and do not. */
	if (attribute(&rest, 'n', &user, e) < 0 || attribute(&rest, 'r', &s->client_nonce, e) < 0)
		return -1;
	if (!is_nonce(s->client_nonce))
		return err_set(e, E_PROTO, "bad nonce");
	return unescape(user, a, &s->user, e);
}

struct str
scram_challenge(
    struct scram *s, struct str salt, uint32_t iterations, const char *nonce, struct arena *a)
{
	unsigned char raw[SCRAM_NONCE / 4 * 3];
	struct str mine;

	if (nonce != NULL)
		mine = str_z(nonce);
	else {
		randombytes_buf(raw, sizeof(raw));
		mine = base64_encode(str_of(raw, sizeof(raw)), a);
	}
	s->nonce = arena_printf(a, STR_FMT STR_FMT, STR_ARG(s->client_nonce), STR_ARG(mine));
	s->server_first = arena_printf(a, "r=" STR_FMT ",s=" STR_FMT ",i=%u", STR_ARG(s->nonce),
	    STR_ARG(base64_encode(salt, a)), iterations);
	return s->server_first;
}

/* ---- the client's last message ---- */

/* Does proof come from the password behind keys? RFC 5802 3. */
static bool
proof_fits(const struct scram_keys *keys, struct str auth, const unsigned char proof[SCRAM_KEY])
{
	unsigned char client[SCRAM_KEY], stored[SCRAM_KEY];
	bool fits;

	hmac(keys->stored, auth, client); /* ClientSignature */
	for (size_t i = 0; i < SCRAM_KEY; i++)
		client[i] ^= proof[i];
	assume(EVP_Digest(client, sizeof(client), stored, NULL, EVP_sha256(), NULL) == 1);
	fits = sodium_memcmp(stored, keys->stored, SCRAM_KEY) == 0;
	sodium_memzero(client, sizeof(client));
	return fits;
}

static int
check_final(struct scram *s, struct str message, struct arena *a, struct str *without_proof,
    struct str *proof, struct err *e)
{
	struct str rest = message, value, raw;
	size_t last = str_rchr(message, ',');

	if (last == message.n)
		return err_set(e, E_PROTO, "no proof");
	*without_proof = str_sub(message, 0, last);
	rest = *without_proof;
	if (attribute(&rest, 'c', &value, e) < 0)
		return -1;
	if (base64_decode(value, a, &raw) < 0)
		return err_set(e, E_PROTO, "bad base64");
	if (raw.n != s->gs2.n + s->cbind.n || !str_eq(str_sub(raw, 0, s->gs2.n), s->gs2) ||
	    (s->cbind.n > 0 && sodium_memcmp(raw.p + s->gs2.n, s->cbind.p, s->cbind.n) != 0))
		return err_set(e, E_DENIED, "channel bindings do not match");
	if (attribute(&rest, 'r', &value, e) < 0)
		return -1;
	if (!str_eq(value, s->nonce))
		return err_set(e, E_DENIED, "nonces do not match");
	/* Extensions may stand here and are passed over; a mandatory one is refused (RFC 5802 5.1).
	 */
	while (rest.n > 0) {
		str_cut(&rest, ',', &value);
		if (value.n < 2 || !is_alpha(value.p[0]) || value.p[1] != '=' || value.p[0] == 'm')
			return err_set(e, E_PROTO, "bad extension");
	}
	rest = str_from(message, last + 1);
	if (attribute(&rest, 'p', &value, e) < 0)
		return -1;
	if (base64_decode(value, a, proof) < 0 || proof->n != SCRAM_KEY)
		return err_set(e, E_PROTO, "bad proof");
	return 0;
}

int
scram_final(struct scram *s, struct str message, const struct scram_keys *keys, size_t n,
    size_t *which, struct str *reply, struct arena *a, struct err *e)
{
	static const struct scram_keys nobody;
	unsigned char signature[SCRAM_KEY];
	struct str without_proof, proof, auth;

	if (check_final(s, message, a, &without_proof, &proof, e) < 0)
		return -1;
	auth = arena_printf(a, STR_FMT "," STR_FMT "," STR_FMT, STR_ARG(s->bare),
	    STR_ARG(s->server_first), STR_ARG(without_proof));
	*which = n;
	for (size_t i = 0; i < n; i++)
		if (proof_fits(&keys[i], auth, (const unsigned char *)proof.p))
			*which = i;
	if (n == 0)
		proof_fits(&nobody, auth, (const unsigned char *)proof.p);
	if (*which == n)
		return err_set(e, E_DENIED, "wrong proof");
	hmac(keys[*which].server, auth, signature); /* ServerSignature */
	*reply = arena_printf(
	    a, "v=" STR_FMT, STR_ARG(base64_encode(str_of(signature, sizeof(signature)), a)));
	return 0;
}
