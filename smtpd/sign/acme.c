/*
 * acme.c - see acme.h.
 *
 * A captured gk-acme can ask for certificates of acme.names, and for nothing else: every payload is
 * made here, a CSR is always for a key that nobody else has, and no request that changes the
 * account or revokes is ever signed. Owner: the keys, in memory; on disk they are master's.
 */
#include "smtpd/sign/acme.h"

#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "net/pemchain.h"
#include "smtpd/sign/jws.h"
#include "svc/acme.h"
#include "svc/svc.h"
#include "json/json.h"

#define EAB_MAX 1024u

static struct {
	struct evp_pkey_st *account, *served, *next; /* next: of the order under way */
	bool damaged;                                /* the account's key is there and is none */
	unsigned char eab[EAB_MAX];
	size_t eab_n;
	/* The one call that waits for master. */
	struct {
		struct ipc_chan *chan; /* NULL: gone */
		bool active;
		uint64_t id;
		struct str request; /* url, nonce in one allocation: a first account's */
		size_t url_n;
	} now;
} self;

/* ---- what master gave ---- */

/* "" where there is none. Owned by the caller, who wipes it. */
static struct buf
take_file(const char *name, size_t max)
{
	int fd = svc_take_file(name);
	struct buf b;
	size_t n = 0;
	char *room;

	buf_init(&b, max + 1);
	if (fd >= 0 && (room = buf_room(&b, max)) != NULL &&
	    file_pread_some(fd, room, max, 0, &n, NULL) == 0)
		buf_added(&b, n);
	file_close(&fd);
	return b;
}

static void
wipe(struct buf *b)
{
	if (b->n > 0)
		sodium_memzero(b->p, b->n);
	buf_free(b);
}

/* Keeps what is there where master gave nothing new. False: it gave what is none; that is no reason
 * to sign no mail. */
static bool
load_key(const char *name, const char *path, struct evp_pkey_st **key)
{
	struct buf pem = take_file(name, ACME_PEM_MAX);
	struct evp_pkey_st *fresh = NULL;
	bool good = true;
	struct err e;

	if (pem.n > 0 && (fresh = jws_key_parse(buf_view(&pem), &e)) == NULL) {
		log_error("sign.acme_key", LZ("file", path), LE(&e));
		good = false;
	}
	if (fresh != NULL) {
		jws_key_free(key);
		*key = fresh;
	}
	wipe(&pem);
	return good;
}

static int
load_eab(struct err *e)
{
	struct buf b = take_file("acme.eab_key_file", EAB_MAX);
	struct str s = str_trim(buf_view(&b));
	int rc = 0;

	if (b.n > 0 || conf_str(svc_conf(), CONF_ACME_EAB_KID).n == 0)
		self.eab_n = 0;
	if (b.n > 0 && (sodium_base642bin(self.eab, sizeof(self.eab), s.p, s.n, "=", &self.eab_n,
			    NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) < 0 ||
			   self.eab_n == 0))
		rc = err_set(e, E_INVAL, "acme.eab_key_file: not a key in base64url");
	wipe(&b);
	return rc;
}

int
acme_load(struct err *e)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	self.damaged = !load_key("acme.account", ACME_ACCOUNT_PEM, &self.account);
	(void)load_key("acme.pem", ACME_PEM, &self.served);
	return load_eab(e);
}

void
acme_tell(void)
{
	char thumbprint[JWS_THUMBPRINT];
	struct ipc_out m;

	if (self.account == NULL)
		return;
	jws_thumbprint(self.account, thumbprint);
	ipc_begin(&m, MSG_ACME_ACCOUNT);
	ipc_put_z(&m, thumbprint);
	ipc_send(svc_channel(PEER_WEBD), &m);
}

/* ---- payloads ---- */

static void
put_account(struct str url, struct buf *out, struct err *e)
{
	const struct conf *c = svc_conf();
	struct buf eab;
	size_t n;
	const struct str *contact = conf_list(c, CONF_ACME_CONTACT, &n);

	buf_puts(out, "{\"termsOfServiceAgreed\":true");
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, i == 0 ? ",\"contact\":[" : ",");
		json_print_str(contact[i], out);
	}
	buf_puts(out, n > 0 ? "]" : "");
	if (self.eab_n > 0) {
		buf_init(&eab, 8192);
		if (jws_binding(self.account, url, conf_str(c, CONF_ACME_EAB_KID),
			str_of(self.eab, self.eab_n), &eab, e) == 0) {
			buf_puts(out, ",\"externalAccountBinding\":");
			buf_str(out, buf_view(&eab));
		}
		buf_free(&eab);
	}
	buf_putc(out, '}');
}

static void
put_order(struct buf *out)
{
	struct arena a;
	struct str *names;
	size_t n;

	arena_init(&a);
	n = acme_names(svc_conf(), &a, &names);
	buf_puts(out, "{\"identifiers\":[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(
		    out, i == 0 ? "{\"type\":\"dns\",\"value\":" : ",{\"type\":\"dns\",\"value\":");
		json_print_str(names[i], out);
		buf_putc(out, '}');
	}
	buf_puts(out, "]}");
	arena_free(&a);
}

/* The same again where a request is repeated (badNonce). */
static int
need_next(struct err *e)
{
	if (self.next != NULL)
		return 0;
	if (self.served != NULL && conf_bool(svc_conf(), CONF_ACME_KEEP_KEY)) {
		struct buf pem;

		buf_init(&pem, ACME_PEM_MAX);
		jws_key_pem(self.served, &pem);
		self.next = jws_key_parse(buf_view(&pem), e);
		wipe(&pem);
	} else {
		self.next = jws_key_new(e);
	}
	return self.next != NULL ? 0 : -1;
}

static int
put_finalize(struct buf *out, struct err *e)
{
	struct arena a;
	struct str *names;
	size_t n;
	int rc = -1;

	arena_init(&a);
	n = acme_names(svc_conf(), &a, &names);
	buf_puts(out, "{\"csr\":\"");
	if (need_next(e) == 0)
		rc = jws_csr(self.next, names, n, out, e);
	buf_puts(out, "\"}");
	arena_free(&a);
	return rc;
}

static int
payload(uint32_t kind, struct str url, struct buf *out, struct err *e)
{
	switch ((enum acme_kind)kind) {
	case ACME_ACCOUNT:
		put_account(url, out, e);
		return 0;
	case ACME_ORDER:
		jws_key_free(&self.next);
		put_order(out);
		return 0;
	case ACME_GET: /* RFC 8555 6.3: empty */
		return 0;
	case ACME_ANSWER:
		buf_puts(out, "{}");
		return 0;
	case ACME_FINALIZE:
		return put_finalize(out, e);
	case ACME_KINDS:
		break;
	}
	return err_set(e, E_INVAL, "no such request");
}

/* ---- signing ---- */

static void
answer(struct ipc_chan *c, uint64_t id, uint32_t kind, const struct jws_head *h)
{
	struct buf what, body;
	struct ipc_out m;
	struct err e = {0};

	buf_init(&what, 48000);
	buf_init(&body, 64000);
	if (payload(kind, h->url, &what, &e) < 0 ||
	    jws_request(self.account, h, buf_view(&what), &body, &e) < 0) {
		ipc_reply_error(c, id, &e);
	} else {
		ipc_begin(&m, MSG_ACME_SIGN_R);
		ipc_put_str(&m, buf_view(&body));
		ipc_reply(c, id, &m);
	}
	buf_free(&body);
	buf_free(&what);
}

static void
keep(enum acme_secret what, struct str pem, ipc_reply_fn fn)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_ACME_KEEP);
	ipc_put_u32(&m, what);
	ipc_put_str(&m, pem);
	ipc_call(svc_channel(PEER_MASTER), &m, fn, NULL);
}

static void
wait_for_master(struct ipc_chan *c, uint64_t id)
{
	self.now.chan = c;
	self.now.id = id;
	self.now.active = true;
}

/* Before an authority knows a key, it is on disk. */
static void
account_kept(void *arg, struct ipc_in *m, const struct err *e)
{
	struct jws_head h = {.url = str_sub(self.now.request, 0, self.now.url_n),
	    .nonce = str_from(self.now.request, self.now.url_n)};

	(void)arg;
	self.now.active = false;
	if (m != NULL)
		ipc_end(m);
	if (e != NULL)
		jws_key_free(&self.account);
	else
		acme_tell();
	if (self.now.chan != NULL && e != NULL)
		ipc_reply_error(self.now.chan, self.now.id, e);
	else if (self.now.chan != NULL)
		answer(self.now.chan, self.now.id, ACME_ACCOUNT, &h);
	free((char *)self.now.request.p);
	self.now.request = STR_NONE;
}

static int
make_account(struct ipc_chan *c, uint64_t id, const struct jws_head *h, struct err *e)
{
	struct buf pem;
	char *copy;

	if ((self.account = jws_key_new(e)) == NULL)
		return -1;
	copy = mem_alloc(h->url.n + h->nonce.n + 1);
	memcpy(copy, h->url.p, h->url.n);
	memcpy(copy + h->url.n, h->nonce.p, h->nonce.n);
	self.now.request = str_of(copy, h->url.n + h->nonce.n);
	self.now.url_n = h->url.n;
	wait_for_master(c, id);
	buf_init(&pem, ACME_PEM_MAX);
	jws_key_pem(self.account, &pem);
	keep(ACME_SECRET_ACCOUNT, buf_view(&pem), account_kept);
	wipe(&pem);
	return 0;
}

/* A request that is signed holds at that URL alone (RFC 8555 6.4): no other authority is told that
 * its terms are agreed to. */
static bool
is_of_authority(struct str url)
{
	struct provider directory;

	return provider_parse(conf_str(svc_conf(), CONF_ACME_DIRECTORY), &directory) == 0 &&
	       acme_path(&directory, url).n > 0;
}

void
acme_sign(struct ipc_chan *c, struct ipc_in *m)
{
	uint32_t kind = ipc_get_u32(m);
	struct jws_head h = {.url = ipc_get_str(m), .nonce = ipc_get_str(m), .kid = ipc_get_str(m)};
	struct err e = {0};

	if (ipc_end(m) < 0)
		return;
	if (!acme_is_on(svc_conf()))
		err_set(&e, E_DENIED, "acme.challenge is off");
	else if (!is_of_authority(h.url))
		err_set(&e, E_DENIED, "not a URL of acme.directory");
	else if (self.damaged && self.account == NULL)
		err_set(&e, E_DENIED,
		    "data_dir/" ACME_ACCOUNT_PEM " is damaged; put back the one of a backup, or "
		    "move it away for a new account");
	else if (self.now.active)
		err_set(&e, E_TEMP, "busy");
	else if (self.account == NULL && kind != ACME_ACCOUNT)
		err_set(&e, E_INVAL, "there is no account");
	else if (self.account == NULL && make_account(c, m->id, &h, &e) == 0)
		return;
	if (e.code != E_OK)
		ipc_reply_error(c, m->id, &e);
	else
		answer(c, m->id, kind, &h);
}

/* ---- the certificate ---- */

static void
certificate_kept(void *arg, struct ipc_in *m, const struct err *e)
{
	(void)arg;
	self.now.active = false;
	if (m != NULL) {
		ipc_end(m);
		jws_key_free(&self.served);
		self.served = self.next;
		self.next = NULL;
	}
	if (self.now.chan == NULL)
		return;
	if (e != NULL)
		ipc_reply_error(self.now.chan, self.now.id, e);
	else
		ipc_reply_ok(self.now.chan, self.now.id, MSG_ACME_CHAIN_R);
}

static int
check(struct str chain, struct buf *out, struct err *e)
{
	struct arena a;
	struct str *names;
	size_t n;
	int rc;

	if (self.now.active)
		return err_set(e, E_TEMP, "busy");
	if (self.next == NULL)
		return err_set(e, E_INVAL, "no certificate is expected");
	arena_init(&a);
	n = acme_names(svc_conf(), &a, &names);
	jws_key_pem(self.next, out);
	rc = pemchain_check(chain, self.next, names, n, clock_wall(), out, e);
	arena_free(&a);
	return rc;
}

void
acme_chain(struct ipc_chan *c, struct ipc_in *m)
{
	struct str chain = ipc_get_str(m);
	struct buf pem;
	struct err e = {0};

	if (ipc_end(m) < 0)
		return;
	buf_init(&pem, ACME_PEM_MAX);
	if (check(chain, &pem, &e) < 0) {
		ipc_reply_error(c, m->id, &e);
	} else {
		wait_for_master(c, m->id);
		keep(ACME_SECRET_CERTIFICATE, buf_view(&pem), certificate_kept);
	}
	wipe(&pem);
}

void
acme_gone(const struct ipc_chan *c)
{
	if (self.now.chan == c)
		self.now.chan = NULL;
}
