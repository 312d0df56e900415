/*
 * seal.c - see seal.h.
 *
 * The text: base64url of a serial number, a nonce, and the state under XChaCha20-Poly1305; the
 * number, the session and the request are associated data. A number that is not in the table was
 * used, or is too old.
 */
#include "mcpd/seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "ipc/wire.h"

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG   crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HEAD  (8u + NONCE) /* serial, nonce */
#define B64   sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define AD    512u

/* One that is out. */
struct sealed {
	uint64_t serial, until; /* clock_ms */
	struct holder *of;
	TAILQ_ENTRY(sealed) link, sibling;
	UT_hash_handle hh;
};

/* A session that has some. */
struct holder {
	char *session;
	size_t n;
	TAILQ_HEAD(siblings, sealed) all; /* oldest first */
	UT_hash_handle hh;
};

static struct sealed *out_there;
static struct holder *holders;
static TAILQ_HEAD(, sealed) by_age = TAILQ_HEAD_INITIALIZER(by_age);
static unsigned char key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
static bool ready;
static uint64_t last;
static size_t total;

static void
forget(struct sealed *s)
{
	struct holder *h = s->of;

	TAILQ_REMOVE(&by_age, s, link);
	TAILQ_REMOVE(&h->all, s, sibling);
	HASH_DEL(out_there, s);
	total--;
	free(s);
	if (--h->n > 0)
		return;
	HASH_DEL(holders, h);
	free(h->session);
	free(h);
}

void
seal_reset(void)
{
	while (!TAILQ_EMPTY(&by_age))
		forget(TAILQ_FIRST(&by_age));
	ready = false;
}

static struct holder *
holder_of(struct str session)
{
	struct holder *h;

	HASH_FIND(hh, holders, session.p, session.n, h);
	if (h != NULL)
		return h;
	h = mem_alloc(sizeof(*h));
	h->session = mem_dup(session.p, session.n);
	TAILQ_INIT(&h->all);
	HASH_ADD_KEYPTR(hh, holders, h->session, session.n, h);
	return h;
}

static struct sealed *
remember(struct str session)
{
	struct holder *h;
	struct sealed *s;

	if (!ready) {
		randombytes_buf(key, sizeof(key));
		ready = true;
	}
	while ((s = TAILQ_FIRST(&by_age)) != NULL && (s->until <= clock_ms() || total >= SEAL_MANY))
		forget(s);
	h = holder_of(session);
	s = mem_alloc(sizeof(*s));
	s->serial = ++last;
	s->until = clock_ms() + SEAL_MS;
	s->of = h;
	h->n++;
	total++;
	TAILQ_INSERT_TAIL(&by_age, s, link);
	TAILQ_INSERT_TAIL(&h->all, s, sibling);
	HASH_ADD(hh, out_there, serial, sizeof(s->serial), s);
	if (h->n > SEAL_OF_ONE)
		forget(TAILQ_FIRST(&h->all));
	return s;
}

/* ---- what it is bound to ---- */

static bool
differs_each_time(const char *name)
{
	return strcmp(name, "_meta") == 0 || strcmp(name, "inputResponses") == 0 ||
	       strcmp(name, "requestState") == 0;
}

void
seal_use_init(struct seal_use *use, struct str session, struct str method, const cJSON *params)
{
	crypto_generichash_state state;
	struct buf b;
	const cJSON *m;

	use->session = session;
	crypto_generichash_init(&state, NULL, 0, sizeof(use->request));
	buf_init(&b, SIZE_MAX);
	json_print_str(method, &b);
	cJSON_ArrayForEach(m, params)
	{
		if (differs_each_time(m->string))
			continue;
		buf_putc(&b, ',');
		json_print_str(json_name(m), &b);
		buf_putc(&b, ':');
		json_print(m, &b);
	}
	crypto_generichash_update(&state, (const unsigned char *)b.p, b.n);
	crypto_generichash_final(&state, use->request, sizeof(use->request));
	buf_free(&b);
}

static void
put_bound(struct buf *b, const struct seal_use *use, uint64_t serial)
{
	buf_init(b, AD);
	wire_put_u64(b, serial);
	wire_put_str(b, str_of(use->request, sizeof(use->request)));
	wire_put_str(b, use->session);
	assume(!b->over);
}

/* ---- there and back ---- */

int
seal(const struct seal_use *use, const cJSON *state, struct buf *out)
{
	struct buf plain, bound, whole;
	struct sealed *s;
	unsigned char *at;
	unsigned long long n = 0;
	size_t size;
	char *room;
	int rc = -1;

	buf_init(&plain, SEAL_STATE_MAX);
	buf_init(&whole, HEAD + SEAL_STATE_MAX + TAG);
	if (state != NULL)
		json_print(state, &plain);
	if (plain.over)
		goto out;
	s = remember(use->session);
	wire_put_u64(&whole, s->serial);
	at = (unsigned char *)buf_room(&whole, NONCE + plain.n + TAG);
	randombytes_buf(at, NONCE);
	put_bound(&bound, use, s->serial);
	crypto_aead_xchacha20poly1305_ietf_encrypt(at + NONCE, &n, (const unsigned char *)plain.p,
	    plain.n, (const unsigned char *)bound.p, bound.n, NULL, at, key);
	buf_added(&whole, NONCE + n);
	buf_free(&bound);
	size = sodium_base64_encoded_len(whole.n, B64);
	if ((room = buf_room(out, size)) == NULL)
		goto out;
	sodium_bin2base64(room, size, (const unsigned char *)whole.p, whole.n, B64);
	buf_added(out, size - 1);
	rc = 0;
out:
	buf_free(&plain);
	buf_free(&whole);
	return rc;
}

/* The plain text, in plain. */
static int
decrypt(const struct seal_use *use, struct str whole, uint64_t serial, struct buf *plain)
{
	const unsigned char *nonce = (const unsigned char *)whole.p + 8;
	struct str secret = str_from(whole, HEAD);
	struct buf bound;
	unsigned long long n = 0;
	char *room = buf_room(plain, secret.n);
	int rc = -1;

	if (room == NULL)
		return -1;
	put_bound(&bound, use, serial);
	rc = crypto_aead_xchacha20poly1305_ietf_decrypt((unsigned char *)room, &n, NULL,
	    (const unsigned char *)secret.p, secret.n, (const unsigned char *)bound.p, bound.n,
	    nonce, key);
	buf_free(&bound);
	if (rc == 0)
		buf_added(plain, n);
	return rc;
}

/* Is it out there still? */
static struct sealed *
find(uint64_t serial, struct str session)
{
	struct sealed *s;

	HASH_FIND(hh, out_there, &serial, sizeof(serial), s);
	if (s == NULL || s->until <= clock_ms() || !str_eq_z(session, s->of->session))
		return NULL;
	return s;
}

int
seal_open(const struct seal_use *use, struct str text, cJSON **state, struct err *e)
{
	struct buf whole, plain;
	struct sealed *s = NULL;
	struct wire_in w;
	uint64_t serial;
	size_t n = 0;
	int rc = -1;

	*state = NULL;
	buf_init(&whole, SEAL_TEXT_MAX);
	buf_init(&plain, SEAL_TEXT_MAX);
	if (text.n > SEAL_TEXT_MAX - 1 || text.n == 0 || buf_room(&whole, text.n) == NULL ||
	    sodium_base642bin(
		(unsigned char *)whole.p, text.n, text.p, text.n, NULL, &n, NULL, B64) != 0)
		goto out;
	buf_added(&whole, n);
	if (n < HEAD + TAG)
		goto out;
	wire_open(&w, buf_view(&whole));
	serial = wire_u64(&w);
	if ((s = find(serial, use->session)) == NULL ||
	    decrypt(use, buf_view(&whole), serial, &plain) < 0)
		goto out;
	if (plain.n > 0 && (*state = json_parse(buf_view(&plain), JSON_VALUES_MAX, e)) == NULL)
		goto out;
	forget(s);
	rc = 0;
out:
	buf_free(&whole);
	buf_free(&plain);
	return rc == 0 ? 0 : err_set(e, E_DENIED, "requestState is not ours, too old, or used");
}
