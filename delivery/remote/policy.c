/*
 * policy.c - how mail for a destination goes. See policy.h.
 *
 * A route of the configuration says so; without one, mail goes to the MX of the domain. What must
 * be proven there is asked host by host (policy_host.c).
 *
 * Owner of a question: who asked, until the callback or its cancelling. Errors: E_TEMP for a route
 * that was taken out of the configuration while mail waited for it.
 */
#include "delivery/remote/policy.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/mem.h"
#include "delivery/remote/policy_in.h"
#include "io/loop.h"

#define ASK_MAGIC 0x52504c41u

struct policy_ask {
	unsigned magic;
	struct policy *policy;
	struct arena arena;
	struct policy_route route;
	struct policy_host host;
	struct err e; /* E_OK: there is a route */
	policy_fn fn;
	void *arg;
	struct loop_defer answer;
};

struct policy *
policy_new(struct dns *dns, const struct conf *conf, struct err *e)
{
	struct policy *p = mem_alloc(sizeof(*p));

	p->dns = dns;
	if ((p->conf = policy_conf_new(conf, e)) == NULL)
		policy_free(&p);
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
	return 0;
}

void
policy_free(struct policy **p)
{
	if (*p == NULL)
		return;
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
	if (a->route.password.n > 0)
		sodium_memzero((char *)a->route.password.p, a->route.password.n);
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
		err_set(
		    &a->e, E_TEMP, "4.3.5 no route leads to " STR_FMT " any more", STR_ARG(dest));
	if (a->route.nhosts == 0 && dest.n > 2 && dest.p[0] == '[' && dest.p[dest.n - 1] == ']' &&
	    str_eq(a->route.domain, dest))
		literal(a, dest);
	loop_defer_init(&a->answer, answer, a);
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
