/*
 * hosts.c - MX and addresses. See hosts.h.
 *
 * Owner of a question: who asked, until the callback or its cancelling. Errors: they are answers.
 */
#include "delivery/remote/hosts.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "io/loop.h"

#define HOSTS_MAGIC     0x52504d58u
#define ADDRESSES_MAGIC 0x52504144u

/* ---- addresses as text ---- */

bool
hosts_parse_address(struct str s, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	char z[INET6_ADDRSTRLEN];

	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = str_sub(s, 1, s.n - 2);
	if (str_istarts(s, STR("IPv6:")))
		s = str_from(s, 5);
	memset(out, 0, sizeof(*out));
	if (str_cz(s, z, sizeof(z)) < 0)
		return false;
	if (inet_pton(AF_INET, z, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, z, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return true;
}

const char *
hosts_address_text(const struct sockaddr_storage *a, char out[HOSTS_ADDRESS_SIZE])
{
	const void *p = a->ss_family == AF_INET
			    ? (const void *)&((const struct sockaddr_in *)a)->sin_addr
			    : (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;

	if (!inet_ntop(a->ss_family, p, out, HOSTS_ADDRESS_SIZE))
		snprintf(out, HOSTS_ADDRESS_SIZE, "?");
	return out;
}

socklen_t
hosts_address_size(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* ---- MX ---- */

struct hosts_ask {
	unsigned magic;
	struct dns *dns;
	struct dns_ask *ask;
	struct arena arena;
	struct str domain, self;
	uint16_t port;
	struct hosts_host list[DNS_RECORDS_MAX];
	uint32_t lots[DNS_RECORDS_MAX]; /* the order of equals */
	struct hosts out;
	struct loop_defer answer;
	hosts_fn fn;
	void *arg;
};

static void
hosts_end(struct hosts_ask *a)
{
	dns_cancel(&a->ask);
	loop_defer_cancel(&a->answer);
	arena_free(&a->arena);
	a->magic = 0;
	free(a);
}

static void
hosts_answer(void *arg)
{
	struct hosts_ask *a = arg;

	OBJ(a, HOSTS_MAGIC);
	a->out.v = a->list;
	a->fn(a->arg, &a->out);
	hosts_end(a);
}

static void
hosts_none(struct hosts_ask *a, enum hosts_status status, struct str text)
{
	a->out.status = status;
	a->out.text = text;
	a->out.n = 0;
}

static void
hosts_add(struct hosts_ask *a, struct str name, uint16_t preference)
{
	a->lots[a->out.n] = randombytes_random();
	a->list[a->out.n++] = (struct hosts_host){
	    .name = arena_dup(&a->arena, name), .preference = preference, .port = a->port};
}

/* Few they are, and mostly in order. */
static void
hosts_sort(struct hosts_ask *a)
{
	for (size_t i = 1; i < a->out.n; i++) {
		struct hosts_host h = a->list[i];
		uint32_t lot = a->lots[i];
		size_t at = i;

		for (; at > 0 &&
		       (a->list[at - 1].preference > h.preference ||
			   (a->list[at - 1].preference == h.preference && a->lots[at - 1] > lot));
		     at--) {
			a->list[at] = a->list[at - 1];
			a->lots[at] = a->lots[at - 1];
		}
		a->list[at] = h;
		a->lots[at] = lot;
	}
}

/* RFC 5321 5.1: we, and who is not preferred to us, are left out. */
static void
hosts_cut_self(struct hosts_ask *a)
{
	size_t keep = a->out.n;

	for (size_t i = 0; i < a->out.n; i++)
		if (str_ieq(a->list[i].name, a->self)) {
			for (keep = i;
			     keep > 0 && a->list[keep - 1].preference == a->list[i].preference;)
				keep--;
			break;
		}
	if (keep == 0 && a->out.n > 0)
		hosts_none(a, HOSTS_NONE,
		    STR("5.4.6 its mail exchanger is this host, which does not know it"));
	else
		a->out.n = num_min(keep, (size_t)HOSTS_MAX);
}

/* What is no host name (an address where a name belongs, "\032") is passed over. */
static void
take_records(struct hosts_ask *a, const struct dns_answer *r)
{
	struct sockaddr_storage literal;
	size_t roots = 0;

	for (size_t i = 0; i < r->n; i++) {
		struct str name = r->records[i].name;

		if (str_eq(name, STR(".")))
			roots++;
		else if (dns_is_host(name) && !hosts_parse_address(name, 0, &literal))
			hosts_add(a, name, r->records[i].preference);
	}
	hosts_sort(a);
	if (a->out.n > 0)
		hosts_cut_self(a);
	else if (roots > 0) /* RFC 7505 */
		hosts_none(a, HOSTS_NONE, STR("5.1.10 the domain takes no mail (null MX)"));
	else
		hosts_none(a, HOSTS_NONE,
		    STR("5.4.4 none of the domain's mail exchangers is a host name"));
}

static void
on_mx(void *arg, const struct dns_answer *r)
{
	struct hosts_ask *a = arg;

	OBJ(a, HOSTS_MAGIC);
	a->ask = NULL;
	a->out.secure = r->secure;
	switch (r->status) {
	case DNS_FOUND:
		take_records(a, r);
		break;
	case DNS_NO_DATA: /* RFC 5321 5.1: the implicit MX, of preference 0 */
		hosts_add(a, a->domain, 0);
		hosts_cut_self(a);
		break;
	case DNS_NO_NAME:
		hosts_none(a, HOSTS_NONE, STR("5.1.2 the domain does not exist"));
		break;
	case DNS_TEMP:
	case DNS_BOGUS: /* INVARIANTS 21 */
	case DNS_TOO_LARGE:
		hosts_none(a, HOSTS_TEMP,
		    arena_printf(&a->arena,
			"4.4.3 no answer from the DNS about its MX: %s " STR_FMT,
			dns_status_name(r->status), STR_ARG(r->why)));
		break;
	}
	hosts_answer(a);
}

struct hosts_ask *
hosts_ask(struct dns *d, struct str domain, struct str self, uint16_t port, hosts_fn fn, void *arg)
{
	struct hosts_ask *a = mem_alloc(sizeof(*a));
	struct sockaddr_storage literal;

	a->magic = HOSTS_MAGIC;
	a->dns = d;
	a->port = port;
	a->fn = fn;
	a->arg = arg;
	arena_init(&a->arena);
	a->domain = arena_dup(&a->arena, domain);
	a->self = arena_dup(&a->arena, self);
	loop_defer_init(&a->answer, hosts_answer, a);
	if (domain.n > 0 && domain.p[0] == '[') { /* RFC 5321 2.3.5: no look-up */
		if (hosts_parse_address(domain, port, &literal))
			hosts_add(a, domain, 0);
		else
			hosts_none(a, HOSTS_NONE, STR("5.1.2 no address of a kind that is known"));
		loop_defer(&a->answer);
	} else {
		a->ask = dns_ask(d, domain, DNS_MX, 0, on_mx, a);
	}
	return a;
}

void
hosts_cancel(struct hosts_ask **a)
{
	if (*a == NULL)
		return;
	OBJ(*a, HOSTS_MAGIC);
	hosts_end(*a);
	*a = NULL;
}

/* ---- addresses ---- */

struct addresses_ask {
	unsigned magic;
	struct dns_ask *v4, *v6;
	struct arena arena;
	uint16_t port;
	bool temp, bogus, insecure;
	struct str why;
	struct sockaddr_storage of4[ADDRESSES_MAX], of6[ADDRESSES_MAX];
	size_t n4, n6;
	struct addresses out;
	struct loop_defer answer;
	addresses_fn fn;
	void *arg;
};

static void
addresses_end(struct addresses_ask *a)
{
	dns_cancel(&a->v4);
	dns_cancel(&a->v6);
	loop_defer_cancel(&a->answer);
	arena_free(&a->arena);
	a->magic = 0;
	free(a);
}

static void
addresses_answer(void *arg)
{
	struct addresses_ask *a = arg;

	OBJ(a, ADDRESSES_MAGIC);
	a->fn(a->arg, &a->out);
	addresses_end(a);
}

/* Both are known: IPv6 first, then in turn (RFC 8305 4). Where one of the two is bogus, nothing is
 * believed (INVARIANTS 21, RFC 7672 2.2.1). */
static void
addresses_join(struct addresses_ask *a)
{
	struct addresses *o = &a->out;

	for (size_t i = 0; i < ADDRESSES_MAX; i++) {
		if (!a->bogus && i < a->n6 && o->n < ADDRESSES_MAX)
			o->v[o->n++] = a->of6[i];
		if (!a->bogus && i < a->n4 && o->n < ADDRESSES_MAX)
			o->v[o->n++] = a->of4[i];
	}
	o->secure = !a->insecure;
	if (o->n > 0)
		return;
	o->status = a->temp ? HOSTS_TEMP : HOSTS_NONE;
	o->text = a->temp ? arena_printf(&a->arena,
				"4.4.3 no answer from the DNS about its address: " STR_FMT,
				STR_ARG(a->why))
			  : STR("5.4.4 the host has no address");
}

static void
take_addresses(struct addresses_ask *a, const struct dns_answer *r)
{
	if (r->status == DNS_TEMP || r->status == DNS_BOGUS || r->status == DNS_TOO_LARGE) {
		a->temp = true;
		a->why = arena_printf(
		    &a->arena, "%s " STR_FMT, dns_status_name(r->status), STR_ARG(r->why));
	} else
		a->insecure |= !r->secure;
	a->bogus |= r->status == DNS_BOGUS;
	if (r->n > 0)
		a->out.canonical = arena_dup(&a->arena, r->canonical);
	for (size_t i = 0; i < r->n && i < ADDRESSES_MAX; i++) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&a->of4[i];
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->of6[i];

		if (r->type == DNS_A) {
			*v4 = (struct sockaddr_in){.sin_family = AF_INET,
			    .sin_port = htons(a->port),
			    .sin_addr = r->records[i].a};
			a->n4 = i + 1;
		} else {
			*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
			    .sin6_port = htons(a->port),
			    .sin6_addr = r->records[i].aaaa};
			a->n6 = i + 1;
		}
	}
	if (a->v4 || a->v6)
		return;
	addresses_join(a);
	addresses_answer(a);
}

static void
on_v4(void *arg, const struct dns_answer *r)
{
	struct addresses_ask *a = arg;

	OBJ(a, ADDRESSES_MAGIC);
	a->v4 = NULL;
	take_addresses(a, r);
}

static void
on_v6(void *arg, const struct dns_answer *r)
{
	struct addresses_ask *a = arg;

	OBJ(a, ADDRESSES_MAGIC);
	a->v6 = NULL;
	take_addresses(a, r);
}

struct addresses_ask *
addresses_ask(struct dns *d, const struct hosts_host *h, addresses_fn fn, void *arg)
{
	struct addresses_ask *a = mem_alloc(sizeof(*a));

	a->magic = ADDRESSES_MAGIC;
	a->port = h->port;
	a->fn = fn;
	a->arg = arg;
	arena_init(&a->arena);
	a->out.canonical = arena_dup(&a->arena, h->name);
	loop_defer_init(&a->answer, addresses_answer, a);
	if (hosts_parse_address(h->name, h->port, &a->out.v[0])) {
		a->out.n = 1;
		loop_defer(&a->answer);
	} else {
		a->v6 = dns_ask(d, h->name, DNS_AAAA, 0, on_v6, a);
		a->v4 = dns_ask(d, h->name, DNS_A, 0, on_v4, a);
	}
	return a;
}

void
addresses_cancel(struct addresses_ask **a)
{
	if (*a == NULL)
		return;
	OBJ(*a, ADDRESSES_MAGIC);
	addresses_end(*a);
	*a = NULL;
}
