/*
 * dane.c - the TLSA records of a host. See dane.h.
 *
 * RFC 7672 2.2.2: where the host is an alias, proven all the way, the records are those of the
 * name it leads to, or else its own. Where only the first step is proven, its own. Without any
 * proof nothing is asked: the answer would not count, and servers that cannot answer for TLSA are
 * found among those of unsigned zones (RFC 7672 2.1.1).
 *
 * Owner of a question: who asked, until the callback or its cancelling. Errors: DANE_FAILED.
 */
#include "delivery/remote/dane.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "io/loop.h"

#define ASK_MAGIC   0x44414e45u
#define RECORDS_MAX 64u
/* "_25._tcp." before a name. */
#define NAME_SIZE (DNS_NAME_MAX + 20u)

struct dane_ask {
	unsigned magic;
	struct dns *dns;
	struct dns_ask *ask;
	struct arena arena;
	struct str bases[2]; /* asked in this order */
	unsigned nbases, next;
	uint16_t port;
	struct dane_records records;
	struct loop_defer answer;
	dane_fn fn;
	void *arg;
};

static void ask_next(struct dane_ask *a);

static void
ask_free(struct dane_ask *a)
{
	loop_defer_cancel(&a->answer);
	dns_cancel(&a->ask);
	arena_free(&a->arena);
	a->magic = 0;
	free(a);
}

static void
finish(void *arg)
{
	struct dane_ask *a = arg;

	OBJ(a, ASK_MAGIC);
	a->fn(a->arg, &a->records);
	ask_free(a);
}

/* Nobody knows whether there are records: whoever can suppress an answer must not get the mail
 * (RFC 7672 2.1.1). */
static void
fail(struct dane_ask *a, const char *type, struct str name, const struct dns_answer *r)
{
	a->records.state = DANE_FAILED;
	a->records.why = arena_printf(&a->arena, "%s of " STR_FMT ": %s" STR_FMT STR_FMT, type,
	    STR_ARG(name), dns_status_name(r->status), STR_ARG(r->why.n > 0 ? STR(", ") : STR_NONE),
	    STR_ARG(str_sub(r->why, 0, 200)));
	finish(a);
}

static bool
is_answer(const struct dns_answer *r)
{
	return r->status == DNS_FOUND || r->status == DNS_NO_DATA || r->status == DNS_NO_NAME;
}

bool
dane_is_usable(const struct dns_record *r)
{
	if ((r->usage != 2 && r->usage != 3) || r->selector > 1)
		return false;
	switch (r->matching) {
	case 0:
		return r->data.n > 0;
	case 1: /* SHA2-256 */
		return r->data.n == 32;
	case 2: /* SHA2-512 */
		return r->data.n == 64;
	default:
		return false;
	}
}

static void
take(struct dane_ask *a, const struct dns_answer *r)
{
	struct tls_tlsa *v = arena_array(&a->arena, RECORDS_MAX, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < r->n && n < RECORDS_MAX; i++) {
		const struct dns_record *x = &r->records[i];

		if (dane_is_usable(x))
			v[n++] = (struct tls_tlsa){
			    x->usage, x->selector, x->matching, arena_dup(&a->arena, x->data)};
	}
	a->records.state = n > 0 ? DANE_USABLE : DANE_UNUSABLE;
	a->records.v = v;
	a->records.n = n;
	a->records.base = a->bases[a->next - 1];
}

static void
on_tlsa(void *arg, const struct dns_answer *r)
{
	struct dane_ask *a = arg;

	OBJ(a, ASK_MAGIC);
	a->ask = NULL;
	if (!is_answer(r))
		return fail(a, "TLSA", a->bases[a->next - 1], r);
	if (r->status != DNS_FOUND || !r->secure)
		return ask_next(a);
	take(a, r);
	finish(a);
}

static void
ask_next(struct dane_ask *a)
{
	char name[NAME_SIZE];

	if (a->next == a->nbases)
		return loop_defer(&a->answer);
	(void)snprintf(name, sizeof(name), "_%u._tcp." STR_FMT, a->port,
	    STR_ARG(str_sub(a->bases[a->next], 0, DNS_NAME_MAX)));
	a->next++;
	a->ask = dns_ask(a->dns, str_z(name), DNS_TLSA, 0, on_tlsa, a);
}

/* The addresses are not proven, but perhaps the first step to them is. */
static void
on_alias(void *arg, const struct dns_answer *r)
{
	struct dane_ask *a = arg;

	OBJ(a, ASK_MAGIC);
	a->ask = NULL;
	if (!is_answer(r))
		return fail(a, "CNAME", a->bases[0], r);
	if (r->status != DNS_FOUND || !r->secure)
		a->nbases = 0;
	ask_next(a);
}

struct dane_ask *
dane_ask(struct dns *dns, struct str name, struct str canonical, uint16_t port, bool secure,
    dane_fn fn, void *arg)
{
	struct dane_ask *a = mem_alloc(sizeof(*a));
	bool alias = !str_ieq(name, canonical);

	a->magic = ASK_MAGIC;
	a->dns = dns;
	a->port = port;
	a->fn = fn;
	a->arg = arg;
	arena_init(&a->arena);
	loop_defer_init(&a->answer, finish, a);
	if (secure && alias)
		a->bases[a->nbases++] = arena_dup(&a->arena, canonical);
	if (secure || alias)
		a->bases[a->nbases++] = arena_dup(&a->arena, name);
	if (secure || !alias)
		ask_next(a);
	else
		a->ask = dns_ask(dns, name, DNS_CNAME, 0, on_alias, a);
	return a;
}

void
dane_cancel(struct dane_ask **a)
{
	if (*a == NULL)
		return;
	OBJ(*a, ASK_MAGIC);
	ask_free(*a);
	*a = NULL;
}
