/*
 * talk.c - see talk.h.
 *
 * Owner: the one order that is under way. Errors: E_TEMP where nobody answers, E_PROTO for answers
 * that are none, E_DENIED for what the server refuses, in its words.
 */
#include "acme/talk.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ipc/ipc.h"
#include "net/https.h"
#include "svc/acme.h"
#include "svc/svc.h"

#define TALK_MAGIC    0x74616c6bu
#define ADDRESSES_MAX 8u
#define ANSWER_MAX    (128u << 10)
#define TIMEOUT_MS    30000u
#define AGAIN_MAX     8u /* badNonce, one after the other */
#define BUSY_MS       3000u
#define BUSY_TRIES    40u

struct talk {
	unsigned magic;
	struct dns *dns;
	struct https *https;
	struct provider origin;
	struct arena host; /* of what the whole conversation needs */
	struct str addresses[ADDRESSES_MAX];
	size_t naddresses;
	struct dns_ask *asks[2]; /* AAAA, A */
	struct str nonces;       /* where they are */
	char nonce[300];         /* for the next request, or "" */
	/* The request under way. */
	struct arena arena;
	enum acme_kind kind;
	struct str url, kid;
	bool posting;
	unsigned again, busy;
	struct loop_timer *later;
	struct https_get *get;
	uint64_t call; /* to gk-sign, 0: none */
	talk_fn fn;
	void *arg;
};

static void have_signed(void *arg);

struct talk *
talk_new(struct dns *dns, struct err *e)
{
	struct talk *t = mem_alloc(sizeof(*t));

	t->magic = TALK_MAGIC;
	t->dns = dns;
	arena_init(&t->host);
	arena_init(&t->arena);
	if ((t->https = https_new(e)) == NULL) {
		free(t);
		return NULL;
	}
	t->later = loop_timer_new(have_signed, t);
	return t;
}

int
talk_trust(struct talk *t, int authorities_fd, struct err *e)
{
	return https_trust(t->https, authorities_fd, e);
}

void
talk_stop(struct talk *t)
{
	dns_cancel(&t->asks[0]);
	dns_cancel(&t->asks[1]);
	https_cancel(&t->get);
	if (t->call != 0)
		ipc_cancel(svc_channel(PEER_SIGN), t->call);
	t->call = 0;
	loop_timer_stop(t->later);
	t->nonce[0] = '\0';
	arena_reset(&t->host);
	arena_reset(&t->arena);
}

static void
tell(struct talk *t, const struct talk_answer *a, const struct err *e)
{
	t->fn(t->arg, a, e);
}

/* ---- answers ---- */

static void
take_nonce(struct talk *t, const struct https_answer *a)
{
	struct str nonce = https_field(a, "Replay-Nonce");

	if (!answer_is_nonce(nonce) || str_cz(nonce, t->nonce, sizeof(t->nonce)) < 0)
		t->nonce[0] = '\0';
}

static void send_post(struct talk *t);

/* The server's words, in which it says what is wrong. */
static void
refused(struct talk *t, const struct talk_answer *a)
{
	struct answer_problem p;
	struct err e;

	answer_problem(a->body, &t->arena, &p);
	/* RFC 8555 6.5: with the nonce of this answer. The directory is asked for without one. */
	if (t->posting && str_eq_z(p.type, "badNonce") && t->again++ < AGAIN_MAX) {
		log_debug("acme.again", LS("url", t->url));
		send_post(t);
		return;
	}
	if (p.detail.n > 0)
		err_set(&e, E_DENIED, "it refuses (%u " STR_FMT "): " STR_FMT, a->status,
		    STR_ARG(p.type), STR_ARG(p.detail));
	else
		err_set(&e, a->status >= 500 ? E_TEMP : E_DENIED, "it answers with HTTP status %u",
		    a->status);
	tell(t, a, &e);
}

static void
on_answer(void *arg, const struct https_answer *h, const struct err *e)
{
	struct talk *t = arg;
	struct talk_answer a = {0};

	OBJ(t, TALK_MAGIC);
	t->get = NULL;
	if (e != NULL) {
		tell(t, NULL, e);
		return;
	}
	take_nonce(t, h);
	a.status = h->status;
	a.body = arena_dup(&t->arena, h->body);
	a.location = arena_dup(&t->arena, https_field(h, "Location"));
	a.type = arena_dup(&t->arena, https_field(h, "Content-Type"));
	a.retry = answer_retry(https_field(h, "Retry-After"), clock_wall());
	log_debug("acme.answer", LU("status", a.status), LU("octets", a.body.n));
	if (a.status < 200 || a.status > 299)
		refused(t, &a);
	else
		tell(t, &a, NULL);
}

/* ---- requests ---- */

static void
ask(struct talk *t, const char *method, struct str url, struct str body, https_answer_fn fn)
{
	const struct https_want w = {.host = str_z(t->origin.host),
	    .port = t->origin.port,
	    .path = arena_dupz(&t->arena, acme_path(&t->origin, url)),
	    .addresses = t->addresses,
	    .naddresses = t->naddresses,
	    .max = ANSWER_MAX,
	    .ms = TIMEOUT_MS,
	    .body = body,
	    /* RFC 8555 6.1 and 6.2 */
	    .headers = {"Content-Type: application/jose+json", "User-Agent: gkmail"}};

	log_debug("acme.ask", LZ("method", method), LS("url", url));
	t->get = https_call(t->https, &w, method, fn, t);
}

static void
on_signed(void *arg, struct ipc_in *m, const struct err *e)
{
	struct talk *t = arg;
	struct str body;

	OBJ(t, TALK_MAGIC);
	t->call = 0;
	/* Master, who keeps a new account, is about a reload, or not ready itself. */
	if (m == NULL && e->code == E_TEMP && t->busy++ < BUSY_TRIES) {
		loop_timer_set(t->later, BUSY_MS);
		return;
	}
	if (m == NULL) {
		tell(t, NULL, e);
		return;
	}
	t->nonce[0] = '\0'; /* good for one */
	body = ipc_get_str(m);
	if (ipc_end(m) == 0)
		ask(t, "POST", t->url, arena_dup(&t->arena, body), on_answer);
}

static void
have_signed(void *arg)
{
	struct talk *t = arg;
	struct ipc_out m;

	OBJ(t, TALK_MAGIC);
	ipc_begin(&m, MSG_ACME_SIGN);
	ipc_put_u32(&m, t->kind);
	ipc_put_str(&m, t->url);
	ipc_put_z(&m, t->nonce);
	ipc_put_str(&m, t->kid);
	t->call = ipc_call(svc_channel(PEER_SIGN), &m, on_signed, t);
}

static void
on_nonce(void *arg, const struct https_answer *a, const struct err *e)
{
	struct talk *t = arg;
	struct err none;

	OBJ(t, TALK_MAGIC);
	t->get = NULL;
	if (a != NULL)
		take_nonce(t, a);
	if (t->nonce[0] != '\0') {
		have_signed(t);
		return;
	}
	err_set(&none, E_PROTO, "it gives no nonce");
	tell(t, NULL, e != NULL ? e : &none);
}

static void
send_post(struct talk *t)
{
	if (t->nonce[0] != '\0')
		have_signed(t);
	else
		ask(t, "HEAD", t->nonces, STR_NONE, on_nonce); /* RFC 8555 7.2 */
}

void
talk_nonces(struct talk *t, struct str url)
{
	t->nonces = arena_dup(&t->host, url);
}

void
talk_post(
    struct talk *t, enum acme_kind kind, struct str url, struct str kid, talk_fn fn, void *arg)
{
	char *copy = mem_dup(url.p, url.n); /* both may be in the arena that is reset */
	char *copy_kid = mem_dup(kid.p, kid.n);

	arena_reset(&t->arena);
	t->kind = kind;
	t->url = arena_dup(&t->arena, str_of(copy, url.n));
	t->kid = arena_dup(&t->arena, str_of(copy_kid, kid.n));
	free(copy);
	free(copy_kid);
	t->posting = true;
	t->again = t->busy = 0;
	t->fn = fn;
	t->arg = arg;
	send_post(t);
}

/* ---- the beginning ---- */

static void
get_directory(struct talk *t)
{
	struct str path = t->origin.path[0] != '\0' ? str_z(t->origin.path) : STR("/");
	struct err e;

	if (t->naddresses == 0) {
		err_set(&e, E_TEMP, "there is no address of %s", t->origin.host);
		tell(t, NULL, &e);
		return;
	}
	t->url = arena_printf(
	    &t->arena, "https://%s:%u" STR_FMT, t->origin.host, t->origin.port, STR_ARG(path));
	ask(t, "GET", t->url, STR_NONE, on_answer);
}

static void
add_address(struct talk *t, int family, const void *raw)
{
	char text[INET6_ADDRSTRLEN];

	if (t->naddresses < ADDRESSES_MAX && inet_ntop(family, raw, text, sizeof(text)) != NULL)
		t->addresses[t->naddresses++] = arena_dup(&t->host, str_z(text));
}

static void
on_addresses(void *arg, const struct dns_answer *r)
{
	struct talk *t = arg;
	bool v6 = r->type == DNS_AAAA;

	OBJ(t, TALK_MAGIC);
	t->asks[!v6] = NULL;
	for (size_t i = 0; i < r->n; i++)
		add_address(t, v6 ? AF_INET6 : AF_INET,
		    v6 ? (const void *)&r->records[i].aaaa : &r->records[i].a);
	if (t->asks[0] == NULL && t->asks[1] == NULL)
		get_directory(t);
}

void
talk_begin(struct talk *t, const struct provider *directory, talk_fn fn, void *arg)
{
	talk_stop(t);
	t->posting = false;
	t->origin = *directory;
	t->fn = fn;
	t->arg = arg;
	t->naddresses = 0;
	if (t->origin.literal || str_eq_z(str_z(t->origin.host), "localhost")) {
		/* RFC 6761 6.3: never asked for. */
		t->addresses[t->naddresses++] =
		    t->origin.literal ? str_z(t->origin.host) : STR("127.0.0.1");
		get_directory(t);
		return;
	}
	t->asks[0] = dns_ask(t->dns, str_z(t->origin.host), DNS_AAAA, 0, on_addresses, t);
	t->asks[1] = dns_ask(t->dns, str_z(t->origin.host), DNS_A, 0, on_addresses, t);
}
