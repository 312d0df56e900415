/*
 * sts_fetch.c - one policy fetched. See sts_fetch.h.
 *
 * Owner: whoever asked, until the callback or its cancelling. Errors: E_TEMP, which step failed.
 */
#include "delivery/remote/sts_fetch.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/mem.h"

#define FETCH_MAGIC   0x53465443u
#define POLICY_MAX    (64u * 1024) /* RFC 8461 3.3: 64 KB at least */
#define TIMEOUT_MS    30000u       /* RFC 8461 3.3 suggests a minute; mail waits meanwhile */
#define ADDRESSES_MAX 8u
#define PATH          "/.well-known/mta-sts.txt"

struct sts_fetch {
	unsigned magic;
	struct arena arena;
	struct https *https;
	struct str host;
	uint16_t port;
	struct dns_ask *asks[2]; /* AAAA, A */
	unsigned waiting;
	struct str addresses[ADDRESSES_MAX];
	size_t naddresses;
	struct str why; /* no address */
	struct https_get *get;
	sts_fetch_fn fn;
	void *arg;
};

static void
fetch_free(struct sts_fetch *f)
{
	dns_cancel(&f->asks[0]);
	dns_cancel(&f->asks[1]);
	https_cancel(&f->get);
	arena_free(&f->arena);
	f->magic = 0;
	free(f);
}

static void
finish(struct sts_fetch *f, const struct sts_policy *p, const struct err *e)
{
	f->fn(f->arg, p, e);
	fetch_free(f);
}

static void
on_text(void *arg, struct str body, const struct err *why)
{
	struct sts_fetch *f = arg;
	struct sts_policy p;
	struct err e;

	OBJ(f, FETCH_MAGIC);
	f->get = NULL;
	if (why == NULL && sts_policy_parse(body, &f->arena, &p, &e) < 0) {
		e.code = E_TEMP;
		err_wrap(&e, "no policy");
		why = &e;
	}
	finish(f, why == NULL ? &p : NULL, why);
}

static void
get(struct sts_fetch *f)
{
	const struct https_want w = {.host = f->host,
	    .port = f->port,
	    .path = PATH,
	    .addresses = f->addresses,
	    .naddresses = f->naddresses,
	    .type = "text/plain",
	    .max = POLICY_MAX,
	    .ms = TIMEOUT_MS};
	struct err e;

	if (f->naddresses > 0) {
		f->get = https_get(f->https, &w, on_text, f);
		return;
	}
	err_set(&e, E_TEMP, STR_FMT ": no address" STR_FMT STR_FMT, STR_ARG(f->host),
	    STR_ARG(f->why.n > 0 ? STR(", ") : STR_NONE), STR_ARG(f->why));
	finish(f, NULL, &e);
}

static void
take(struct sts_fetch *f, const struct dns_answer *r)
{
	char text[INET6_ADDRSTRLEN];
	bool v6 = r->type == DNS_AAAA;

	if (r->status != DNS_FOUND && r->status != DNS_NO_DATA && r->status != DNS_NO_NAME)
		f->why = arena_dup(&f->arena, str_sub(r->why, 0, 200));
	for (size_t i = 0; i < r->n && f->naddresses < ADDRESSES_MAX; i++) {
		const void *raw = v6 ? (const void *)&r->records[i].aaaa : &r->records[i].a;

		if (inet_ntop(v6 ? AF_INET6 : AF_INET, raw, text, sizeof(text)) != NULL)
			f->addresses[f->naddresses++] = arena_dup(&f->arena, str_z(text));
	}
}

static void
on_addresses(void *arg, const struct dns_answer *r)
{
	struct sts_fetch *f = arg;

	OBJ(f, FETCH_MAGIC);
	f->asks[r->type == DNS_A] = NULL;
	take(f, r);
	if (--f->waiting == 0)
		get(f);
}

struct sts_fetch *
sts_fetch(struct dns *dns, struct https *https, struct str domain, uint16_t port, sts_fetch_fn fn,
    void *arg)
{
	struct sts_fetch *f = mem_alloc(sizeof(*f));

	f->magic = FETCH_MAGIC;
	f->https = https;
	f->port = port;
	f->fn = fn;
	f->arg = arg;
	f->waiting = 2;
	arena_init(&f->arena);
	f->host = arena_printf(&f->arena, "mta-sts." STR_FMT, STR_ARG(domain));
	f->asks[0] = dns_ask(dns, f->host, DNS_AAAA, 0, on_addresses, f);
	f->asks[1] = dns_ask(dns, f->host, DNS_A, 0, on_addresses, f);
	return f;
}

void
sts_fetch_cancel(struct sts_fetch **f)
{
	if (*f == NULL)
		return;
	OBJ(*f, FETCH_MAGIC);
	fetch_free(*f);
	*f = NULL;
}
