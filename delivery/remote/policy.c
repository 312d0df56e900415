/*
 * policy.c - how mail for a destination goes. See policy.h.
 *
 * Without anything said: the MX of the domain, TLS where it is offered.
 *
 * Owner of a question: who asked, until the callback or its cancelling. Errors: none of its own.
 */
#include "delivery/remote/policy.h"

#include <stdlib.h>

#include "base/mem.h"
#include "io/loop.h"

#define ASK_MAGIC  0x52504c41u
#define HOST_MAGIC 0x52504c48u

struct policy {
	struct dns *dns;
};

struct policy_ask {
	unsigned magic;
	struct policy *policy;
	struct arena arena;
	struct policy_route route;
	policy_fn fn;
	void *arg;
	struct loop_defer answer;
};

struct policy_host_ask {
	unsigned magic;
	struct arena arena;
	struct policy_tls tls;
	policy_host_fn fn;
	void *arg;
	struct loop_defer answer;
};

struct policy *
policy_new(struct dns *dns, const struct conf *conf, struct err *e)
{
	struct policy *p = mem_alloc(sizeof(*p));

	(void)conf, (void)e;
	p->dns = dns;
	return p;
}

int
policy_reload(struct policy *p, const struct conf *conf, struct err *e)
{
	(void)p, (void)conf, (void)e;
	return 0;
}

void
policy_free(struct policy **p)
{
	free(*p);
	*p = NULL;
}

/* ---- the destination ---- */

static void
ask_answer(void *arg)
{
	struct policy_ask *a = arg;

	OBJ(a, ASK_MAGIC);
	a->fn(a->arg, &a->route, NULL);
	a->magic = 0;
	arena_free(&a->arena);
	free(a);
}

struct policy_ask *
policy_ask(struct policy *p, struct str dest, policy_fn fn, void *arg)
{
	struct policy_ask *a = mem_alloc(sizeof(*a));

	a->magic = ASK_MAGIC;
	a->policy = p;
	a->fn = fn;
	a->arg = arg;
	arena_init(&a->arena);
	a->route.key = STR("mx");
	a->route.name = STR("mx");
	a->route.domain = arena_dup(&a->arena, dest);
	a->route.tls = POLICY_TLS_MAY;
	loop_defer_init(&a->answer, ask_answer, a);
	loop_defer(&a->answer);
	return a;
}

void
policy_cancel(struct policy_ask **a)
{
	if (*a == NULL)
		return;
	OBJ(*a, ASK_MAGIC);
	loop_defer_cancel(&(*a)->answer);
	(*a)->magic = 0;
	arena_free(&(*a)->arena);
	free(*a);
	*a = NULL;
}

/* ---- a host ---- */

static void
host_answer(void *arg)
{
	struct policy_host_ask *a = arg;

	OBJ(a, HOST_MAGIC);
	a->fn(a->arg, &a->tls);
	a->magic = 0;
	arena_free(&a->arena);
	free(a);
}

struct policy_host_ask *
policy_host_ask(struct policy *p, const struct policy_route *r, const struct policy_mx *mx,
    policy_host_fn fn, void *arg)
{
	struct policy_host_ask *a = mem_alloc(sizeof(*a));

	(void)p;
	a->magic = HOST_MAGIC;
	a->fn = fn;
	a->arg = arg;
	arena_init(&a->arena);
	a->tls.mode = r->tls;
	a->tls.check.sni = arena_dup(&a->arena, mx->name);
	loop_defer_init(&a->answer, host_answer, a);
	loop_defer(&a->answer);
	return a;
}

void
policy_host_cancel(struct policy_host_ask **a)
{
	if (*a == NULL)
		return;
	OBJ(*a, HOST_MAGIC);
	loop_defer_cancel(&(*a)->answer);
	(*a)->magic = 0;
	arena_free(&(*a)->arena);
	free(*a);
	*a = NULL;
}

void
policy_result(struct policy *p, const struct policy_route *r, const struct policy_mx *mx,
    const struct policy_tls *t, const struct err *e)
{
	(void)p, (void)r, (void)mx, (void)t, (void)e;
}
