/*
 * dns.c - asking gk-dnsd. See dns.h.
 *
 * Owner of a question: whoever answers it, until its callback or dns_cancel(). Errors: none; what
 * goes wrong is an answer DNS_TEMP.
 */
#include "net/dns.h"

#include "base/mem.h"
#include "ipc/ipc.h"
#include "net/dns_private.h"

#define ASK_MAGIC 0x444e5341u

void
dns_answered(struct dns_ask *a, struct dns_answer *r)
{
	dns_fn fn;
	void *arg;

	OBJ(a, ASK_MAGIC);
	fn = a->fn;
	arg = a->arg;
	r->type = a->type;
	TAILQ_REMOVE(&a->dns->asks, a, link);
	a->magic = 0;
	free(a);
	fn(arg, r);
}

/* ---- gk-dnsd ---- */

static void
replied(void *arg, struct ipc_in *m, const struct err *e)
{
	struct dns_ask *a = arg;
	struct dns_answer r = {.status = DNS_TEMP};
	struct arena arena;

	arena_init(&arena);
	if (m == NULL)
		r.why = str_z(e->text);
	else if (dns_answer_get(m, a->type, &arena, &r) < 0)
		r = (struct dns_answer){.status = DNS_TEMP, .why = STR("unreadable answer")};
	dns_answered(a, &r);
	arena_free(&arena);
}

static void
ask_dnsd(struct dns *d, struct dns_ask *a, struct str name, uint32_t ms)
{
	struct ipc_out m;

	ipc_begin(&m, MSG_DNS_ASK);
	ipc_put_str(&m, name);
	ipc_put_u32(&m, a->type);
	ipc_put_u32(&m, ms);
	a->call = ipc_call(d->dnsd, &m, replied, a);
}

static void
cancel_dnsd(struct dns *d, struct dns_ask *a)
{
	ipc_cancel(d->dnsd, a->call);
}

static void
free_dnsd(struct dns *d)
{
	free(d);
}

struct dns *
dns_new(struct ipc_chan *dnsd)
{
	struct dns *d = mem_alloc(sizeof(*d));

	d->ask = ask_dnsd;
	d->cancel = cancel_dnsd;
	d->free = free_dnsd;
	d->dnsd = dnsd;
	TAILQ_INIT(&d->asks);
	return d;
}

/* ---- questions ---- */

void
dns_free(struct dns **d)
{
	struct dns_ask *a, *next;

	if (*d == NULL)
		return;
	for (a = TAILQ_FIRST(&(*d)->asks); a != NULL; a = next) {
		next = TAILQ_NEXT(a, link);
		dns_cancel(&a);
	}
	(*d)->free(*d);
	*d = NULL;
}

struct dns_ask *
dns_ask(struct dns *d, struct str name, enum dns_type type, uint32_t ms, dns_fn fn, void *arg)
{
	struct dns_ask *a = mem_alloc(sizeof(*a));

	assume(dns_type_name(type) != NULL);
	a->magic = ASK_MAGIC;
	a->dns = d;
	a->type = type;
	a->fn = fn;
	a->arg = arg;
	TAILQ_INSERT_TAIL(&d->asks, a, link);
	/* What is no name is answered there too: an asker that gives nonsense costs one message. */
	d->ask(d, a, str_sub(name, 0, DNS_NAME_MAX + 2), ms);
	return a;
}

void
dns_cancel(struct dns_ask **a)
{
	if (*a == NULL)
		return;
	OBJ(*a, ASK_MAGIC);
	(*a)->dns->cancel((*a)->dns, *a);
	TAILQ_REMOVE(&(*a)->dns->asks, *a, link);
	(*a)->magic = 0;
	free(*a);
	*a = NULL;
}
