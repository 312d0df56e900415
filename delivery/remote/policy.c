/*
 * policy.c - how mail for a destination goes. See policy.h.
 *
 * A route of the configuration says so; without one, mail goes to the MX of the domain, under its
 * policy of MTA-STS where it has one. What must
 * be proven there is asked host by host (policy_host.c).
 *
 * Owner of a question: who asked, until the callback or its cancelling. Errors: E_TEMP for a route
 * that was taken out of the configuration while mail waited for it.
 */
#include "delivery/remote/policy.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "delivery/remote/policy_in.h"
#include "io/file.h"
#include "io/loop.h"
#include "svc/svc.h"

#define ASK_MAGIC  0x52504c41u
#define HTTPS_PORT 443u
#define STS_DIR    "sts"

struct policy_ask {
	unsigned magic;
	struct policy *policy;
	struct arena arena;
	struct policy_route route;
	struct policy_host host;
	struct sts_ask *sts;
	struct err e; /* E_OK: there is a route */
	policy_fn fn;
	void *arg;
	struct loop_defer answer;
};

/* Tests have no port below 1024. */
static uint16_t
https_port(void)
{
	const char *z = getenv("GKMAIL_TEST_HTTPS_PORT");
	uint64_t port;

	return z != NULL && num_parse(str_z(z), 1, 65535, &port) == 0 ? (uint16_t)port : HTTPS_PORT;
}

/* Who is believed by HTTPS too. A missing file was logged: nobody is. */
static void
trust(struct policy *p, const struct conf *c)
{
	int fd = conf_str(c, CONF_REMOTE_CA_FILE).n > 0 ? svc_file("remote.ca_file") : -1;
	struct err e;

	if (https_trust(p->https, fd, &e) < 0)
		(void)https_trust(p->https, -1, &e);
}

static int
open_sts(struct policy *p, struct err *e)
{
	if (file_mkdir(AT_FDCWD, STS_DIR, 0700, e) < 0)
		return -1;
	p->sts_dir = file_open(AT_FDCWD, STS_DIR, O_RDONLY | O_DIRECTORY, 0, e);
	return p->sts_dir < 0 ? -1 : 0;
}

struct policy *
policy_new(struct dns *dns, const struct conf *conf, struct err *e)
{
	struct policy *p = mem_alloc(sizeof(*p));

	p->dns = dns;
	p->sts_dir = -1;
	if ((p->conf = policy_conf_new(conf, e)) == NULL || (p->https = https_new(e)) == NULL ||
	    open_sts(p, e) < 0 ||
	    (p->sts = sts_new(dns, p->https, p->sts_dir, https_port(), e)) == NULL)
		policy_free(&p);
	else
		trust(p, conf);
	return p;
}

int
policy_reload(struct policy *p, const struct conf *conf, struct err *e)
{
	struct policy_conf *fresh = policy_conf_new(conf, e);

	if (fresh == NULL)
		return -1;
	policy_conf_free(&p->conf);
	p->conf = fresh;
	trust(p, conf);
	return 0;
}

struct https *
policy_https(struct policy *p)
{
	return p->https;
}

void
policy_free(struct policy **p)
{
	if (*p == NULL)
		return;
	sts_free(&(*p)->sts);
	https_free(&(*p)->https);
	file_close(&(*p)->sts_dir);
	policy_conf_free(&(*p)->conf);
	free(*p);
	*p = NULL;
}

struct tls_context *
policy_context(struct policy *p, const struct policy_route *r)
{
	for (size_t i = 0; r->ca_file.n > 0 && i < p->conf->nrows; i++)
		if (str_eq(p->conf->rows[i].ca_file, r->ca_file))
			return p->conf->rows[i].context;
	return p->conf->context;
}

/* ---- the destination ---- */

static void
ask_free(struct policy_ask *a)
{
	loop_defer_cancel(&a->answer);
	sts_cancel(&a->sts);
	policy_route_wipe(&a->route);
	arena_free(&a->arena);
	a->magic = 0;
	free(a);
}

static void
answer(void *arg)
{
	struct policy_ask *a = arg;

	OBJ(a, ASK_MAGIC);
	if (a->e.code == E_OK)
		a->fn(a->arg, &a->route, NULL);
	else
		a->fn(a->arg, NULL, &a->e);
	ask_free(a);
}

static void
one_host(struct policy_ask *a, struct str name, uint16_t port)
{
	a->host = (struct policy_host){arena_dup(&a->arena, name), port};
	a->route.hosts = &a->host;
	a->route.nhosts = 1;
}

/* RFC 5321 4.1.3: mail to user@[192.0.2.1] or user@[IPv6:2001:db8::1] goes to that address. */
static void
literal(struct policy_ask *a, struct str dest)
{
	struct str inner = str_sub(dest, 1, dest.n - 2);

	if (str_istarts(inner, STR("IPv6:")))
		inner = str_from(inner, 5);
	one_host(a, inner, a->route.port);
}

static void
use_row(struct policy_ask *a, const struct policy_row *w)
{
	struct policy_route *r = &a->route;

	r->name = STR("route");
	r->port = w->port;
	/* RFC 8314 3.3: submissions has TLS from the start. */
	r->tls_from_start = w->port == 465;
	if (w->host.n > 0)
		r->domain = arena_dup(&a->arena, w->host);
	if (w->host.n > 0 && !w->mx)
		one_host(a, w->host, w->port);
	r->user = arena_dup(&a->arena, w->user);
	r->password = arena_dup(&a->arena, w->password);
	r->ca_file = arena_dup(&a->arena, w->ca_file);
	r->dane = a->policy->conf->dane;
	if (str_eq_z(w->tls, "none")) {
		r->tls = POLICY_TLS_NONE;
		r->dane = false;
	} else if (str_eq_z(w->tls, "required")) {
		r->tls = POLICY_TLS_VERIFY;
	} else if (str_eq_z(w->tls, "dane")) {
		r->tls = POLICY_TLS_VERIFY;
		r->dane = r->dane_only = true;
	} else {
		r->tls = r->tls_from_start ? POLICY_TLS_ENCRYPT : POLICY_TLS_MAY;
	}
	r->key = arena_printf(&a->arena, "route " STR_FMT ":%u " STR_FMT " " STR_FMT " " STR_FMT,
	    STR_ARG(w->host), w->port, STR_ARG(w->tls), STR_ARG(w->ca_file), STR_ARG(w->user));
}

static void
on_sts(void *arg, const struct sts_policy *p)
{
	struct policy_ask *a = arg;
	struct policy_route *r = &a->route;

	OBJ(a, ASK_MAGIC);
	a->sts = NULL;
	if (p != NULL && p->mode == STS_ENFORCE) {
		r->sts = true;
		r->tls = POLICY_TLS_VERIFY;
	} else if (p != NULL) {
		r->sts_testing = true;
	}
	if (p != NULL) {
		r->name = STR("mta-sts");
		r->key = arena_printf(&a->arena, STR_FMT " mta-sts %s " STR_FMT, STR_ARG(r->key),
		    sts_mode_name(p->mode), STR_ARG(p->id));
	}
	answer(a);
}

/* RFC 8461 3.4: hosts that a route names are no matter of a domain's policy. What a route demands
 * of TLS it means. */
static bool
has_sts(const struct policy_ask *a)
{
	return a->e.code == E_OK && a->policy->conf->sts && a->route.tls == POLICY_TLS_MAY &&
	       a->route.nhosts == 0 && dns_is_host(a->route.domain);
}

struct policy_ask *
policy_ask(struct policy *p, struct str dest, policy_fn fn, void *arg)
{
	struct policy_ask *a = mem_alloc(sizeof(*a));
	size_t row = routes_find(p->conf->routes, dest);

	a->magic = ASK_MAGIC;
	a->policy = p;
	a->fn = fn;
	a->arg = arg;
	arena_init(&a->arena);
	a->route = (struct policy_route){.key = STR("mx"),
	    .name = STR("mx"),
	    .domain = arena_dup(&a->arena, dest),
	    .port = p->conf->port,
	    .tls = POLICY_TLS_MAY,
	    .dane = p->conf->dane};
	if (row != ROUTE_NONE)
		use_row(a, &p->conf->rows[row]);
	else if (routes_is_name(dest))
		err_set(&a->e, E_NOTFOUND, "4.3.5 no route leads to " STR_FMT " any more",
		    STR_ARG(dest));
	if (a->route.nhosts == 0 && dest.n > 2 && dest.p[0] == '[' && dest.p[dest.n - 1] == ']' &&
	    str_eq(a->route.domain, dest))
		literal(a, dest);
	loop_defer_init(&a->answer, answer, a);
	if (has_sts(a))
		a->sts = sts_ask(p->sts, a->route.domain, on_sts, a);
	else
		loop_defer(&a->answer);
	return a;
}

void
policy_cancel(struct policy_ask **a)
{
	if (*a == NULL)
		return;
	OBJ(*a, ASK_MAGIC);
	ask_free(*a);
	*a = NULL;
}
