/*
 * policy_host.c - what a host must prove before it gets mail: policy_host_ask().
 *
 * DANE comes first (RFC 8461 2: a policy of MTA-STS never overrides it): where TLSA records are
 * proven, they alone count. Else what the route demands. TLS that need not prove anything is asked
 * for all the same (RFC 7435).
 *
 * Owner of a question: who asked, until the callback or its cancelling. Errors: told as refused, so
 * that the next host is tried.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "delivery/remote/dane.h"
#include "delivery/remote/policy.h"
#include "delivery/remote/policy_in.h"
#include "io/loop.h"

#define HOST_MAGIC 0x52504c48u

struct policy_host_ask {
	unsigned magic;
	struct policy *policy;
	struct arena arena;
	struct policy_route route;
	struct policy_mx mx;
	struct policy_tls tls;
	struct str names[4];
	struct dane_ask *dane;
	policy_host_fn fn;
	void *arg;
	struct loop_defer answer;
};

static void
ask_free(struct policy_host_ask *a)
{
	loop_defer_cancel(&a->answer);
	dane_cancel(&a->dane);
	arena_free(&a->arena);
	a->magic = 0;
	free(a);
}

static void
answer(void *arg)
{
	struct policy_host_ask *a = arg;

	OBJ(a, HOST_MAGIC);
	a->fn(a->arg, &a->tls);
	ask_free(a);
}

static void
add_name(struct policy_host_ask *a, struct str name)
{
	struct tls_check *c = &a->tls.check;

	assume(c->nnames < ARRAY_LEN(a->names));
	a->names[c->nnames++] = name;
	c->names = a->names;
}

static void
refuse(struct policy_host_ask *a, const char *why)
{
	a->tls.refused = arena_printf(&a->arena, "4.7.5 " STR_FMT ": %s", STR_ARG(a->mx.name), why);
}

/* The certificate must bear a name that we have from somebody we trust: the host's own, where the
 * route or DNSSEC says it, else one of the domain's; an MX that anybody could have put into the
 * answer proves nothing by its own name. */
static void
verify(struct policy_host_ask *a)
{
	a->tls.mode = POLICY_TLS_VERIFY;
	a->tls.why = STR("route");
	a->tls.check.required = true;
	if (a->route.nhosts > 0 || a->mx.mx_secure)
		add_name(a, a->mx.name);
	if (a->route.nhosts > 0)
		return;
	add_name(a, a->route.domain);
	/* OpenSSL takes it for all names below. */
	add_name(a, arena_printf(&a->arena, "." STR_FMT, STR_ARG(a->route.domain)));
}

/* RFC 8461 4.1, 4.2: the policy names the host, and the certificate does too. With a policy that
 * only tests, what is wrong is told and nothing more. */
static void
keep_to_sts(struct policy_host_ask *a)
{
	const struct sts_policy *p = sts_find(a->policy->sts, a->route.domain);
	bool named = p != NULL && sts_policy_matches(p, a->mx.name);

	a->tls.why = a->route.sts ? STR("mta-sts") : STR("mta-sts testing");
	a->tls.check.required = a->route.sts;
	if (a->route.sts)
		a->tls.mode = POLICY_TLS_VERIFY;
	add_name(a, a->mx.name);
	if (!named && a->route.sts)
		refuse(a, p != NULL ? "the domain's MTA-STS policy does not name this host"
				    : "the domain's MTA-STS policy has just ended");
	else if (!named)
		log_info("sts.testing", LS("domain", a->route.domain), LS("host", a->mx.name),
		    LZ("error", "the policy does not name this host"));
}

static void
without_dane(struct policy_host_ask *a)
{
	if (a->route.sts || a->route.sts_testing) {
		keep_to_sts(a);
	} else if (a->route.dane_only) {
		a->tls.why = STR("dane");
		refuse(a,
		    "the route demands DANE, and the host has no TLSA records that DNSSEC proves");
	} else if (a->route.tls == POLICY_TLS_VERIFY) {
		verify(a);
	}
}

/* RFC 7672 3.2.2, 3.2.3: the names that a certificate under an authority of the domain's own may
 * bear. */
static void
use_records(struct policy_host_ask *a, const struct dane_records *r)
{
	struct tls_tlsa *v = arena_array(&a->arena, r->n, sizeof(*v));

	for (size_t i = 0; i < r->n; i++) {
		v[i] = r->v[i];
		v[i].data = arena_dup(&a->arena, r->v[i].data);
	}
	a->tls.mode = POLICY_TLS_VERIFY;
	a->tls.check.required = true;
	a->tls.check.sni = arena_dup(&a->arena, r->base);
	a->tls.check.tlsa = v;
	a->tls.check.ntlsa = r->n;
	add_name(a, a->mx.name);
	if (a->route.nhosts == 0)
		add_name(a, a->route.domain);
}

static void
on_dane(void *arg, const struct dane_records *r)
{
	struct policy_host_ask *a = arg;

	OBJ(a, HOST_MAGIC);
	a->dane = NULL;
	if (r->state != DANE_NONE)
		a->tls.why = STR("dane");
	switch (r->state) {
	case DANE_NONE:
		without_dane(a);
		break;
	case DANE_USABLE:
		use_records(a, r);
		break;
	case DANE_UNUSABLE:
		/* RFC 7672 2.2: TLS is mandatory, and nothing can be proven; a route that asks for
		 * proof has its own way. */
		if (a->route.tls == POLICY_TLS_VERIFY)
			without_dane(a);
		else
			a->tls.mode = POLICY_TLS_ENCRYPT;
		break;
	case DANE_FAILED:
		a->tls.refused = arena_printf(
		    &a->arena, "4.4.3 " STR_FMT ": " STR_FMT, STR_ARG(a->mx.name), STR_ARG(r->why));
		break;
	}
	answer(a);
}

static bool
is_address(struct str s)
{
	unsigned char raw[sizeof(struct in6_addr)];
	char z[INET6_ADDRSTRLEN];

	return str_cz(s, z, sizeof(z)) == 0 &&
	       (inet_pton(AF_INET, z, raw) == 1 || inet_pton(AF_INET6, z, raw) == 1);
}

/* RFC 7672 2.2.1: a host that anybody could have named is no matter of DANE. One that a route names
 * is. */
static bool
has_dane(const struct policy_host_ask *a)
{
	return a->route.dane && a->policy->dns != NULL &&
	       (a->mx.mx_secure || a->route.nhosts > 0) && !is_address(a->mx.name);
}

struct policy_host_ask *
policy_host_ask(struct policy *p, const struct policy_route *r, const struct policy_mx *mx,
    policy_host_fn fn, void *arg)
{
	struct policy_host_ask *a = mem_alloc(sizeof(*a));

	a->magic = HOST_MAGIC;
	a->policy = p;
	a->fn = fn;
	a->arg = arg;
	arena_init(&a->arena);
	/* No word of the password: this memory is not wiped. */
	a->route = (struct policy_route){.name = arena_dup(&a->arena, r->name),
	    .nhosts = r->nhosts,
	    .domain = arena_dup(&a->arena, r->domain),
	    .tls = r->tls,
	    .dane = r->dane,
	    .dane_only = r->dane_only,
	    .sts = r->sts,
	    .sts_testing = r->sts_testing};
	a->mx = *mx;
	a->mx.domain = arena_dup(&a->arena, mx->domain);
	a->mx.name = arena_dup(&a->arena, mx->name);
	a->mx.canonical = arena_dup(&a->arena, mx->canonical.n > 0 ? mx->canonical : mx->name);
	a->tls.mode = r->tls;
	a->tls.check.sni = a->mx.name;
	loop_defer_init(&a->answer, answer, a);
	if (has_dane(a)) {
		a->dane = dane_ask(
		    p->dns, a->mx.name, a->mx.canonical, mx->port, mx->address_secure, on_dane, a);
	} else {
		without_dane(a);
		loop_defer(&a->answer);
	}
	return a;
}

void
policy_host_cancel(struct policy_host_ask **a)
{
	if (*a == NULL)
		return;
	OBJ(*a, HOST_MAGIC);
	ask_free(*a);
	*a = NULL;
}

void
policy_result(struct policy *p, const struct policy_route *r, const struct policy_mx *mx,
    const struct policy_tls *t, const struct err *e)
{
	(void)p;
	if (e != NULL && t->why.n > 0)
		log_info("remote.unproven", LS("policy", t->why), LS("domain", r->domain),
		    LS("host", mx->name), LE(e));
}
