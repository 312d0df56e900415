/*
 * challenge.c - see challenge.h.
 *
 * gk-acme says for which name and token a challenge is expected. The account, which makes a key
 * authorization of a token (RFC 8555 8.1), is gk-sign's word: a captured gk-acme can have nobody
 * else's challenges answered. Owner: the list, until gk-acme clears it or is gone.
 */
#include "webd/challenge.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/certificate.h"
#include "svc/acme.h"
#include "svc/svc.h"
#include "webd/routes.h"

#define CHALLENGES_MAX 100u
#define TOKEN_MAX      128u
#define PLACE          "/.well-known/acme-challenge/"

struct challenge {
	char name[254], token[TOKEN_MAX + 1];
	int pem; /* of tls-alpn-01: key and certificate; -1: none */
	TAILQ_ENTRY(challenge) link;
};

static TAILQ_HEAD(, challenge) all = TAILQ_HEAD_INITIALIZER(all);
static size_t count;
static char account[64];
static struct tls_context *context; /* web.c's */

/* RFC 8555 8.3: base64url. */
static bool
is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return s.n > 0 && s.n <= TOKEN_MAX;
}

/* ---- tls-alpn-01 ---- */

/* All of them in one context, each with its name. */
static void
apply(void)
{
	const struct tls_options o = {.alpn = STR(CHALLENGE_ALPN)};
	struct tls_context *t = NULL;
	struct challenge *c;
	struct err e = {0};

	TAILQ_FOREACH (c, &all, link) {
		struct str name = str_z(c->name);

		if (c->pem < 0)
			continue;
		if (t == NULL)
			t = tls_server_new(c->pem, c->pem, &o, &e);
		else
			(void)tls_server_add(t, c->pem, c->pem, &name, 1, &e);
	}
	if (e.code != E_OK)
		log_error("http.challenge", LE(&e));
	if (context != NULL)
		tls_server_divert(context, CHALLENGE_ALPN, t);
	tls_context_free(&t);
}

void
challenge_context(struct tls_context *t)
{
	context = t;
	if (count > 0)
		apply();
}

static int
make_certificate(struct challenge *c, struct err *e)
{
	unsigned char digest[32];
	char text[sizeof(account) + TOKEN_MAX + 2];

	snprintf(text, sizeof(text), "%s.%s", c->token, account);
	assume(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) == 1);
	c->pem = certificate_challenge(c->name, digest, e);
	return c->pem < 0 ? -1 : 0;
}

/* ---- http-01 ---- */

static void
answer(struct exchange *x)
{
	struct challenge *c;

	TAILQ_FOREACH (c, &all, link)
		if (str_eq_z(x->tail, c->token))
			break;
	if (c == NULL || account[0] == '\0') {
		exchange_problem(x, 404, NULL);
		return;
	}
	log_info(
	    "http.challenge_answered", LZ("sid", x->sid), LZ("peer", x->peer), LZ("name", c->name));
	exchange_set(x, "Cache-Control", STR("no-store"));
	exchange_respond(x, 200, "application/octet-stream",
	    arena_printf(&x->arena, "%s.%s", c->token, account));
}

const struct route challenge_routes[] = {
    {PLACE, METHOD_GET, answer, 0, 0},
    {0},
};

/* The host that was asked for, where it is ours. */
static struct str
host_of(struct exchange *x)
{
	struct str host = x->host, name, *names;
	size_t n = acme_names(svc_conf(), &x->arena, &names);

	(void)str_cut(&host, ':', &name);
	for (size_t i = 0; i < n; i++)
		if (str_eq(names[i], name))
			return name;
	return conf_str(svc_conf(), CONF_SERVER_HOST_NAME);
}

bool
challenge_redirect(struct exchange *x)
{
	struct str host;

	if (!x->challenges || str_starts(x->path, STR(PLACE)))
		return false;
	host = host_of(x);
	exchange_setf(x, "Location", "https://" STR_FMT "/", STR_ARG(host));
	exchange_respond(x, 308, NULL, STR(""));
	return true;
}

/* ---- messages ---- */

static void
clear(void)
{
	struct challenge *c;

	while ((c = TAILQ_FIRST(&all)) != NULL) {
		TAILQ_REMOVE(&all, c, link);
		if (c->pem >= 0)
			close(c->pem);
		free(c);
	}
	count = 0;
}

static int
add(struct str name, struct str token, struct err *e)
{
	struct challenge *c;

	if (account[0] == '\0')
		return err_set(e, E_TEMP, "the account is not known yet");
	if (!is_token(token) || count >= CHALLENGES_MAX)
		return err_set(e, E_INVAL, "not a token, or too many");
	c = mem_alloc(sizeof(*c));
	c->pem = -1;
	(void)str_cz(token, c->token, sizeof(c->token));
	if (str_cz(name, c->name, sizeof(c->name)) < 0)
		err_set(e, E_INVAL, "not a name");
	else if (!str_eq_z(conf_str(svc_conf(), CONF_ACME_CHALLENGE), "tls-alpn-01") ||
		 make_certificate(c, e) == 0)
		e->code = E_OK;
	if (e->code != E_OK) {
		free(c);
		return -1;
	}
	TAILQ_INSERT_TAIL(&all, c, link);
	count++;
	apply();
	return 0;
}

static void
expect(struct ipc_chan *c, struct ipc_in *m)
{
	struct str name = ipc_get_str(m), token = ipc_get_str(m);
	struct err e = {0};

	if (ipc_end(m) < 0)
		return;
	if (add(name, token, &e) < 0)
		ipc_reply_error(c, m->id, &e);
	else
		ipc_reply_ok(c, m->id, MSG_ACME_CHALLENGE_R);
}

static void
know(struct ipc_in *m)
{
	struct str thumbprint = ipc_get_str(m);

	if (!is_token(thumbprint) || str_cz(thumbprint, account, sizeof(account)) < 0)
		m->bad = true;
	ipc_end(m);
}

void
challenge_reset(void)
{
	clear();
	apply();
}

bool
challenge_message(struct ipc_chan *c, struct ipc_in *m)
{
	if (m->type == MSG_ACME_CHALLENGE)
		expect(c, m);
	else if (m->type == MSG_ACME_ACCOUNT)
		know(m);
	else if (m->type != MSG_ACME_CLEAR)
		return false;
	else if (ipc_end(m) == 0)
		challenge_reset();
	return true;
}
