/*
 * scram_client.c - SCRAM-SHA-256 from the client's side. See scram_client.h.
 *
 * Owner: the session. Errors: E_PROTO for a server that does not keep to RFC 5802 or cannot prove
 * itself.
 */
#include "delivery/remote/scram_client.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"

#define KEY        32u
#define BASE64     sodium_base64_VARIANT_ORIGINAL
#define SALT_MAX   1024u
#define NONCE_SIZE 24u
#define NONCE_MAX  1024u /* with the server's part */

bool
scram_client_can(struct str password)
{
	for (size_t i = 0; i < password.n; i++)
		if ((unsigned char)password.p[i] > 126 || is_cntl(password.p[i]))
			return false;
	return password.n > 0;
}

static struct str
base64(const unsigned char *p, size_t n, struct arena *a)
{
	size_t size = sodium_base64_encoded_len(n, BASE64);
	char *out = arena_alloc(a, size);

	return str_z(sodium_bin2base64(out, size, p, n, BASE64));
}

static void
hmac(const unsigned char key[KEY], struct str data, unsigned char out[KEY])
{
	unsigned n = 0;

	assume(
	    HMAC(EVP_sha256(), key, KEY, (const unsigned char *)data.p, data.n, out, &n) != NULL &&
	    n == KEY);
}

/* RFC 5802 5.1: "=2C" and "=3D" stand for comma and equals sign. */
static struct str
escaped(struct str s, struct arena *a)
{
	struct str out;
	struct buf b;

	buf_init(&b, 3 * s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ',' || s.p[i] == '=')
			buf_puts(&b, s.p[i] == ',' ? "=2C" : "=3D");
		else
			buf_putc(&b, s.p[i]);
	}
	out = arena_dup(a, buf_view(&b));
	buf_free(&b);
	return out;
}

struct str
scram_client_first(
    struct scram_client *c, struct str user, struct str password, struct str nonce, struct arena *a)
{
	unsigned char raw[NONCE_SIZE];
	struct str name = escaped(user, a);

	randombytes_buf(raw, sizeof(raw));
	*c = (struct scram_client){.a = a, .password = password};
	c->nonce = nonce.n > 0 ? arena_dup(a, nonce) : base64(raw, sizeof(raw), a);
	c->first_bare =
	    arena_printf(a, "n=" STR_FMT ",r=" STR_FMT, STR_ARG(name), STR_ARG(c->nonce));
	return arena_printf(a, "n,," STR_FMT, STR_ARG(c->first_bare));
}

/* Takes "x=value" off the front of *s. */
static int
attribute(struct str *s, char name, struct str *value, struct err *e)
{
	struct str head;

	str_cut(s, ',', &head);
	if (head.n < 2 || head.p[0] != name || head.p[1] != '=')
		return err_set(e, E_PROTO, "SCRAM: %c= is missing", name);
	*value = str_from(head, 2);
	return 0;
}

struct first {
	struct str nonce;
	unsigned char salt[SALT_MAX];
	size_t salt_n;
	uint64_t iterations;
};

static int
read_first(const struct scram_client *c, struct str s, struct first *f, struct err *e)
{
	struct str salt, iterations;

	if (attribute(&s, 'r', &f->nonce, e) < 0 || attribute(&s, 's', &salt, e) < 0 ||
	    attribute(&s, 'i', &iterations, e) < 0)
		return -1;
	/* RFC 5802 5.1: ours in front, and more behind it. */
	if (!str_starts(f->nonce, c->nonce) || f->nonce.n == c->nonce.n)
		return err_set(e, E_PROTO, "SCRAM: the nonce is not ours");
	if (f->nonce.n > NONCE_MAX)
		return err_set(e, E_PROTO, "SCRAM: a nonce of %zu octets", f->nonce.n);
	if (sodium_base642bin(
		f->salt, sizeof(f->salt), salt.p, salt.n, NULL, &f->salt_n, NULL, BASE64) < 0 ||
	    f->salt_n == 0)
		return err_set(e, E_PROTO, "SCRAM: no salt");
	/* RFC 7677 4: 4096 at least; fewer are easier to guess from what a false host gets. */
	if (num_parse(iterations, 4096, SCRAM_CLIENT_ITERATIONS_MAX, &f->iterations) < 0)
		return err_set(e, E_PROTO, "SCRAM: iterations that we do not make");
	return 0;
}

int
scram_client_final(struct scram_client *c, struct str server_first, struct str *out, struct err *e)
{
	unsigned char salted[KEY], key[KEY], stored[KEY], proof[KEY];
	struct str without, message;
	struct first f;

	if (read_first(c, server_first, &f, e) < 0)
		return -1;
	/* RFC 5802 3; "biws" is base64 of "n,,". */
	without = arena_printf(c->a, "c=biws,r=" STR_FMT, STR_ARG(f.nonce));
	message = arena_printf(c->a, STR_FMT "," STR_FMT "," STR_FMT, STR_ARG(c->first_bare),
	    STR_ARG(server_first), STR_ARG(without));
	assume(PKCS5_PBKDF2_HMAC(c->password.p, (int)c->password.n, f.salt, (int)f.salt_n,
		   (int)f.iterations, EVP_sha256(), KEY, salted) == 1);
	hmac(salted, STR("Client Key"), key);
	assume(EVP_Digest(key, KEY, stored, NULL, EVP_sha256(), NULL) == 1);
	hmac(stored, message, proof);
	for (size_t i = 0; i < KEY; i++)
		proof[i] ^= key[i];
	hmac(salted, STR("Server Key"), stored);
	hmac(stored, message, c->proof_of_server);
	*out = arena_printf(
	    c->a, STR_FMT ",p=" STR_FMT, STR_ARG(without), STR_ARG(base64(proof, KEY, c->a)));
	sodium_memzero(salted, sizeof(salted));
	sodium_memzero(key, sizeof(key));
	sodium_memzero(stored, sizeof(stored));
	return 0;
}

int
scram_client_check(const struct scram_client *c, struct str server_final, struct err *e)
{
	unsigned char proof[KEY];
	struct str v;
	size_t n;

	if (attribute(&server_final, 'v', &v, e) < 0)
		return -1;
	if (sodium_base642bin(proof, sizeof(proof), v.p, v.n, NULL, &n, NULL, BASE64) < 0 ||
	    n != KEY || sodium_memcmp(proof, c->proof_of_server, KEY) != 0)
		return err_set(e, E_PROTO, "SCRAM: the host does not know the password itself");
	return 0;
}

void
scram_client_done(struct scram_client *c)
{
	sodium_memzero(c->proof_of_server, sizeof(c->proof_of_server));
	c->password = STR_NONE;
}
